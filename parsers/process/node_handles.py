r"""What keeps a process of Node.js running, by kind: the module ``why-is-node-running``, and ``process.getActiveResourcesInfo()`` (Node 17.3 and later).

    There are 3 handle(s) keeping the process running

    # TCPSERVERWRAP
    /srv/app/index.js:14 - server.listen(8080)

    # TCPWRAP
    (unknown stack trace)

The other prints a list, ``[ 'TTYWrap', 'TCPSocketWrap', 'TCPSocketWrap', 'Timeout' ]``. A connection is TCPWRAP or TCPSocketWrap, a listener TCPSERVERWRAP or TCPServerWrap. A connection that came in has no stack of the application: the listener's
handle made it. Written after the module's and Node's own documentation, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Counter, Parsed
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "node_handles"
SHOWS: Final = frozenset({Shows.PROCESS})
COUNTED: Final = "Node handles: "
"""What the name of each count begins with."""
CONNECTIONS: Final = f"{COUNTED}connections"
LISTENERS: Final = f"{COUNTED}listeners"
ALL: Final = f"{COUNTED}all"
"""How many the module says there are, whether all are listed or not."""
HEADER: Final = r"There are \d{1,6} handle(?:s|\(s\)) keeping the process running|\[\s{0,8}'(?:TTYWrap|TCPSocketWrap|TCPServerWrap|CloseReq|PipeWrap|Timeout|Immediate|FSReqCallback)',?"
ROW_SHAPE: Final = r"# (?:TCPWRAP|TCPSERVERWRAP)[ ]*$"
_begins = lazy(r"\s*There are (?P<count>\d{1,6}) handle(?:s|\(s\)) keeping the process running").match
_kind = lazy(r"\s*# (?P<kind>[A-Z]\w{2,40})\s*$").match
_place = lazy(r"\s*(?:\(unknown stack trace\)|\S{1,400}:\d{1,7}(?::\d{1,7})?(?: +- .{0,400})?)\s*$").match
_list = lazy(r"[\s\[]{0,20}(?:'[A-Z]\w{2,40}'(?:, {0,8})?){1,200}[\s\],]{0,20}$").match
_item = lazy(r"'(?P<kind>[A-Z]\w{2,40})'").finditer
_edge = lazy(r"\s*[\[\]]\s*$").match
_MEANS: Final = {
    "TCPWRAP": CONNECTIONS,
    "TCPSocketWrap": CONNECTIONS,
    "TCPSERVERWRAP": LISTENERS,
    "TCPServerWrap": LISTENERS,
}


def sniff(head: Sequence[str]) -> bool:
    """True if the module's first line, a heading of a connection or listener, or a list with one is among the lines."""
    return any(
        _begins(line)
        or ((match := _kind(line)) and match["kind"] in _MEANS)
        or (_list(line) and any(one["kind"] in _MEANS for one in _item(line)))
        for line in head
    )


def parse(section: Section) -> Parsed:
    """How many handles there are of each kind."""
    counts: dict[str, tuple[int, int]] = {}
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        if (match := _kind(line)) is not None:
            kinds = [match["kind"]]
        elif _list(line):
            kinds = [one["kind"] for one in _item(line)]
        elif (begins := _begins(line)) is not None:
            kinds, counts[ALL] = [], (index, int(begins["count"]))
        elif _place(line) or _edge(line):
            kinds = []
        else:
            unread.append((index, "no handle of Node"))
            continue
        for kind in kinds:
            name = _MEANS.get(kind, f"{COUNTED}{kind}")
            first, number = counts.get(name, (index, 0))
            counts[name] = first, number + 1
        read += 1
    records = [Counter(section.where(first), name, number) for name, (first, number) in counts.items()]
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)
