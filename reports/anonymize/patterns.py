"""Patterns of what names somebody in free text, and a pattern for any number of given names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reports.anonymize.addresses import V4, V6

if TYPE_CHECKING:
    from collections.abc import Iterable

_COUNTRIES: Final = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc cd cf cg ch ci ck cl cm cn co"
    " cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn"
    " hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml"
    " mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw"
    " sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg"
    " vi vn vu wf ws ye yt za zm zw"
)
CLASSIC: Final = frozenset(["com", "net", "org", "edu", "gov", "mil", "arpa"])
"""Ends that no package of Java ends in."""
INTERNAL: Final = frozenset(
    [
        "local",
        "localdomain",
        "lan",
        "internal",
        "intranet",
        "intra",
        "corp",
        "home",
        "private",
        "priv",
        "svc",
        "cluster",
        "invalid",
        "test",
        "example",
    ]
)
"""Ends of names inside a network; a name before one of these is a host's."""
_OTHERS: Final = (
    "info biz dev app cloud ai online site shop store tech xyz bank aero jobs mobi travel software systems network group company"
)
TOP_LEVEL: Final = frozenset((*_COUNTRIES.split(), *CLASSIC, *INTERNAL, *_OTHERS.split()))

_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
DOMAIN: Final = rf"(?<![A-Za-z0-9_$./\\]){_LABEL}(?:\.{_LABEL})*\.[A-Za-z]{{2,12}}(?![A-Za-z0-9_($]|\.\w)"
"""Labels between dots; whether the last one is a ``TOP_LEVEL`` says if it is a domain."""
MODULE: Final = r"(?:java|jdk)\.[a-z.]+@[\d.]+[\w+-]*"
"""``java.base@11.0.16.1``: a version that looks like an address."""
ORACLE: Final = r"jdbc:oracle:\S+"
URL: Final = r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s\"'<>|^`{}]+"
HTTP: Final = r"(?<![A-Za-z0-9_])(?P<method>GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT|PROPFIND)[ ](?P<target>\S+)"
ASSIGNED: Final = (
    r"(?i:(?P<key>(?:[\w.-]*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|credentials?|session[_-]?id)))=(?P<value>[^\s,;&\"')]+)"
    r"|(?P<header>(?:proxy-)?authorization|(?:set-)?cookie|x-api-key):[ ]*(?P<content>[^\r\n]+))"
)
QUERY: Final = r"\?[\w.%\[\]~-]+=[^\s\"'<>)]*"
MAIL: Final = r"(?P<local>[A-Za-z0-9][A-Za-z0-9._%+-]*)@(?P<at>(?:[A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,24})(?![A-Za-z0-9])"
_NO_ADDRESS: Final = rf"(?!/(?:{V6}|{V4}))"
PATH: Final = _NO_ADDRESS + r"(?<![\w/:.<)\]>~-])(?:~?/[^\s\"'<>|:;,(){}\[\]?]+|[A-Za-z]:\\[^\s\"<>|:;,?*]+)(?:\?[^\s\"'<>)]*)?"
PACKAGE: Final = r"(?<![\w.$])(?:[a-z_]\w*\.)+(?=[A-Z])"
CONNECTOR: Final = re.compile(r"(?:(?:https?|ajp|nio2?|apr|bio|openssl|jsse|exec|pool)-)+", re.IGNORECASE)
"""What servers put before an address in the names of their threads."""
_BEFORE, _AFTER = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"


def any_of(names: Iterable[str], *, bounded: bool = True) -> str:
    """A pattern that finds the longest of the names at a place, in time that does not grow with their number; matches nothing for none.

    ``bounded``: no letter or digit may stand beside it, else ``app1`` would be found in ``app10``.
    """
    tree: dict[str, object] = {}
    for name in names:
        node = tree
        for char in name:
            node = node.setdefault(char, {})  # type: ignore[assignment]
        node[""] = {}
    if not tree:
        return r"(?!)"
    body = _branch(tree)
    return f"{_BEFORE}{body}{_AFTER}" if bounded else body


def _branch(tree: dict[str, object]) -> str:
    """The pattern of a tree of characters. Runs without a fork are written in one go, so that long names do not nest deeply."""
    choices = []
    for char, below in sorted(tree.items()):
        if char == "":
            continue
        run, node = char, below
        while isinstance(node, dict) and len(node) == 1 and "" not in node:
            ((follower, node),) = node.items()
            run += follower
        rest = _branch(node) if isinstance(node, dict) and node.keys() - {""} else ""
        choices.append(re.escape(run) + rest)
    made = choices[0] if len(choices) == 1 and "" not in tree else f"(?:{'|'.join(choices)})"
    return f"{made}?" if "" in tree else made
