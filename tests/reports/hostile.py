"""The diagnoses of ``diagnoses.py`` with every free text replaced by something that wants to be executed, followed or believed."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec
from msgspec.structs import replace

from analyzer.model.timeline import DescriptorLimit, FlowMark, Moment, Patience
from parsers.records import Where
from tests.reports import diagnoses, parts

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis

T = TypeVar("T")

HTML = "</pre></script><!-- <script>alert(1)</script> <img src=x onerror=alert(1)> \" ' onclick=x &lt;b&gt; <details open ontoggle=x>"
MARKDOWN = (
    "``` `tick` ![i](http://evil.example/i.png) [l](javascript:alert(1)) @everyone org/repo#123 #7 GH-12 !5 $9 | cell ~~s~~ :smile: <b>"
)
JIRA = "{noformat} {code:java} {panel} {html} [x|http://evil.example] [~admin] !evil.png! ||th|| {{mono}} {color:red} h1. bq. (!) ---- {NoFormat}"
TERMINAL = "\x1b[31mred\x1b]0;title\x07 \x9b2J \x1bPq\x1b\\ \x08\x7f\x00 \u202egnp\u2066x \u200b\ufeff \U000e0041 \udcff \u2028next"
LINKS = "www.evil.example https://evil.example mail@evil.example mailto:x@evil.example <!channel> <@U1>"
LINES = "\n# heading\r\n- item\n\n> quote\n    code\n| a | b |\n|---|---|"
KINDS = {"html": HTML, "markdown": MARKDOWN, "jira": JIRA, "terminal": TERMINAL, "links": LINKS, "lines": LINES}
"""One at a time, so that each reaches every field before the field is cut."""
POISON = " ".join(KINDS.values())
MARKS = (
    FlowMark(1, 0.0, "client", "SYN"),
    FlowMark(2, 0.0, "server", "SYN ACK"),
    FlowMark(4, 0.001, "client", "GET /slow HTTP/1.1"),
    FlowMark(252, 4.001, "client", "FIN"),
    FlowMark(0, 9.2, "", "the capture ends"),
)
SLUGS = {"id", "finding", "rule", "consequence_of", "side", "closed_first", "unit", "fingerprint"}


def poisoned(value: T, text: str = POISON) -> T:
    """The same data with ``text`` put before every string but slugs, ids and enumerations."""
    return cast("T", _poisoned(value, text))


def _poisoned(value: object, text: str) -> object:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return f"{text} {value}"
    if isinstance(value, tuple):
        return tuple(_poisoned(item, text) for item in value)
    if isinstance(value, dict):
        return {_poisoned(key, text) if not _fixed(key) else key: _poisoned(item, text) for key, item in value.items()}
    if isinstance(value, msgspec.Struct):
        fields = {field: getattr(value, field) for field in value.__struct_fields__}
        return type(value)(**{field: item if field in SLUGS else _poisoned(item, text) for field, item in fields.items()})
    return value


def _fixed(key: object) -> bool:
    """The names of a flow's two sides are not evidence."""
    return key in ("client", "server")


def hostile(kind: str = "") -> Diagnosis:
    """Every text is poison, of one kind or of all."""
    return poisoned(_rich(), KINDS.get(kind, POISON))


def endless() -> Diagnosis:
    """Every text is poison and 100 kB long."""
    return poisoned(_rich(), "x" * 100_000 + POISON)


def benign(like: str = "") -> Diagnosis:
    """The same shape with harmless words before every text, as long as ``like``, since length decides what is cut."""
    return poisoned(_rich(), ("quiet " * (len(like) // 6 + 1)).strip())


def _rich() -> Diagnosis:
    """A diagnosis that uses every part of a report."""
    two, followed, grown, broken = diagnoses.two_causes(), diagnoses.consequence(), diagnoses.three_snapshots(), diagnoses.broken_rule()
    return replace(
        two,
        findings=(*two.findings, replace(parts.LIMIT, id="F4")),
        sockets=grown.sockets,
        pools=grown.pools,
        flows=(replace(followed.flows[0], marks=MARKS), *followed.flows),
        patience=(Patience("10.0.0.1:8080", (4.0, 4.1, 9.0)),),
        moments=tuple(Moment(table.host, table.snapshot, table.snapshot) for table in grown.sockets),
        limits=tuple(DescriptorLimit(table.host, table.pid, 100, 4096, assumed=False) for table in grown.sockets[:1]),
        checked=broken.checked,
        notes=diagnoses.far_apart().notes,
    )


def blocked(many: int = 5_000) -> Diagnosis:
    """Thousands of everything."""
    base = _rich()
    evidence = tuple(
        replace(parts.E1, where=Where("app01/jstack.txt", 10 * index + 1, 10 * index + 9), says=f"thread {index} waits")
        for index in range(many)
    )
    first = replace(parts.SELF_CALL, evidence=evidence)
    others = tuple(replace(parts.IDLE, id=f"F{index}", evidence=evidence[:50]) for index in range(2, 200))
    return replace(
        base,
        findings=(first, *others),
        sockets=tuple(replace(base.sockets[0], local_port=index, snapshot=f"s{index}") for index in range(many)),
        pools=tuple(replace(base.pools[0], name=f"pool-{index}", size=9, busy=9) for index in range(many)),
        links=base.links * (many // 8),
        waits=tuple(replace(base.waits[0], waiter_pool=f"pool-{index}") for index in range(many)),
        flows=base.flows * (many // 2),
        checked=base.checked * 100,
        missing=tuple(replace(base.missing[0], artifact=f"artifact {index}") for index in range(many)),
        inputs=tuple(replace(base.inputs[3], file=f"host/{index}.txt") for index in range(many)),
        excerpts={item.where: tuple(parts.EXCERPTS[parts.EXEC]) for item in evidence},
        notes=tuple(f"note {index}" for index in range(many)),
    )
