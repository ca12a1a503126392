"""The history as text, TSV, JSON and as a page with its trend."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from reports.contract.json_v1 import encode
from reports.fleet.words import moment_of
from reports.formats.environment import style, template
from reports.formats.prose import wrap
from reports.language.catalogue import label_of, tag, tell
from reports.text_safety import clip, plain
from reports.view.wording import count, number, word_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reports.fleet.history import Cause, History, Share

WIDTH: Final = 100
TOLD: Final = 200
"""Causes that the text and the page tell; the JSON has all."""
_COLUMNS: Final = ("state", "rule", "severity", "incidents", "before", "from", "to", "gone_since", "frame", "headline", "fingerprint")
_BARS, _TALL, _WIDEST = 60, 28, 24  # bars of a chart, their height and their width


class Bar(msgspec.Struct, frozen=True):
    """Incidents of some days."""

    x: float
    y: float
    wide: float
    tall: float
    title: str


class Told(msgspec.Struct, frozen=True):
    """A cause as the page shows it."""

    state: str
    head: str
    headline: str
    frame: str
    numbers: str
    times: str
    bars: tuple[Bar, ...]
    shares: tuple[str, ...]


class Page(msgspec.Struct, frozen=True):
    """Everything that the page shows, in words."""

    title: str
    note: str
    bars: tuple[Bar, ...]
    first: str
    last: str
    causes: tuple[Told, ...]


def rendered(form: str, history: History) -> str:
    """The history in a format."""
    match form:
        case "json":
            return msgspec.json.format(encode(history), indent=2) + "\n"
        case "tsv":
            return _tsv(history)
        case "html":
            return template("history.html").render(v=_page(history), css=style(), language=tag())
        case _:
            return _text(history)


def _title(history: History) -> str:
    by_state = [
        f"{label_of(state)} {number(many)}"
        for state in ("new", "returned", "known", "gone")
        if (many := sum(cause.state == state for cause in history.causes))
    ]
    return " · ".join(
        [tell("{incidents} since {time}", incidents=count(history.incidents, "incident"), time=moment_of(history.first)), *by_state]
    )


def _note(history: History) -> str:
    said = tell("The span ends with the newest incident of the {incidents} that are kept.", incidents=count(history.kept, "incident"))
    if not history.undated:
        return said
    return f"{said} {tell('{incidents} without a time count when they were kept.', incidents=count(history.undated, 'incident'))}"


def _text(history: History) -> str:
    lines = wrap(_title(history), WIDTH) + wrap(_note(history), WIDTH)
    for cause in history.causes[:TOLD]:
        lines += ["", *wrap(_head(cause), WIDTH), *wrap(plain(cause.headline), WIDTH, "  ", "  ")]
        lines += wrap(plain(cause.frame or "", 300), WIDTH, "  ", "  ") if cause.frame else []
        lines += wrap(f"{_numbers(cause)}; {_times(cause)}", WIDTH, "  ", "  ")
        lines += [f"  - {share}" for share in _shares(cause)]
    return "\n".join(lines) + "\n"


def _head(cause: Cause) -> str:
    word = word_of(cause.rule or "", cause.severity) if cause.severity is not None else ""
    return " · ".join(part for part in (label_of(cause.state.value).upper(), word, cause.rule, cause.fingerprint) if part)


def _numbers(cause: Cause) -> str:
    return tell("{incidents} within the span, {before} before", incidents=count(cause.incidents, "incident"), before=number(cause.before))


def _times(cause: Cause) -> str:
    span = tell("first {first}, last {last}", first=moment_of(cause.first), last=moment_of(cause.last))
    return f"{span}; {tell('gone after {time}', time=moment_of(cause.gone_since))}" if cause.gone_since else span


def _shares(cause: Cause) -> Iterator[str]:
    return (_share(share) for share in cause.shares)


def _share(share: Share) -> str:
    name = " ".join(plain(part, 80) for part in (share.service or tell("not known"), share.version) if part)
    return tell("{service}: {incidents}, {before} before", service=name, incidents=number(share.incidents), before=number(share.before))


def _tsv(history: History) -> str:
    names = {"from": "first", "to": "last"}
    lines = ["\t".join(_COLUMNS)]
    for cause in history.causes:
        values = (getattr(cause, names.get(column, column)) for column in _COLUMNS)
        lines.append("\t".join("" if value is None else plain(str(value)) for value in values))
    return "\n".join(lines) + "\n"


def _page(history: History) -> Page:
    return Page(
        title=_title(history),
        note=_note(history),
        bars=_bars(history, history.days),
        first=moment_of(history.first),
        last=moment_of(history.last),
        causes=tuple(
            Told(
                state=cause.state.value,
                head=_head(cause),
                headline=plain(cause.headline),
                frame=plain(cause.frame or "", 300),
                numbers=_numbers(cause),
                times=_times(cause),
                bars=_bars(history, cause.days),
                shares=tuple(clip(share, 200) for share in _shares(cause)),
            )
            for cause in history.causes[:TOLD]
        ),
    )


def _bars(history: History, days: dict[str, int]) -> tuple[Bar, ...]:
    """A bar for each day of the span, or for each few days of a long one."""
    if not days:
        return ()
    first, last = date.fromisoformat(history.first[:10]), date.fromisoformat(history.last[:10])
    step = -(-((last - first).days + 1) // _BARS)
    sums: dict[int, int] = {}
    for day, many in days.items():
        place = (date.fromisoformat(day) - first).days // step
        sums[place] = sums.get(place, 0) + many
    wide = 600 / (((last - first).days // step) + 1)
    most = max(sums.values())
    bars = []
    for place, many in sorted(sums.items()):
        begin = first + timedelta(days=place * step)
        tall = max(1.0, round(_TALL * many / most, 1))
        bars.append(
            Bar(
                round(place * wide, 1),
                round(_TALL - tall, 1),
                round(min(max(1.0, wide - 1), _WIDEST), 1),
                tall,
                f"{begin.isoformat()}: {number(many)}",
            )
        )
    return tuple(bars)
