"""HAProxy's sessions: ``show sess`` and ``show sess all`` of its socket.

    0x55b34ddf99a0: [28/Nov/2026:15:16:30.768670] id=1 proto=tcpv4 source=10.0.0.5:48088
      frontend=web (id=2 mode=http), listener=? (id=1) addr=10.0.0.9:8080
      backend=app (id=3 mode=http) addr=10.0.0.9:57926
      server=app1 (id=1) addr=10.0.0.21:9081
      task=0x55b34df15700 (state=0x00 nice=0 calls=3 rate=0 exp=1m21s tmask=0x1 age=9s)

``source`` is the local end of the client's socket, the backend's address the local end of HAProxy's own. A session without a server waits in the
backend's queue: no server has seen its request. The short form has ``src=``, ``be=``, ``srv=``, ``age=`` on one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, Session, SessionState
from parsers.records.shows import Shows
from parsers.text.endpoint import endpoint
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "haproxy"
SHOWS: Final = frozenset({Shows.SESSIONS})
HEADER: Final = r"(?!)"
_FIRST: Final = r"0x[0-9a-f]{6,16}: (?:\[[^\]\n]{10,40}\] id=\d+ proto=|proto=\w+ src=)"
ROW_SHAPE: Final = rf"{_FIRST}[^\n]*(?>(?:\n[ ]{{2,}}[a-z]\w*=[^\n]*)*)"
_first = lazy(_FIRST).match
_PARTS: Final = {
    "source": lazy(r"(?:source|src)=(\S+)"),
    "server": lazy(r"\b(?:server|srv)=(\S+)(?: \(id=\d+\))?(?: addr=(\S+))?"),
    "backend": lazy(r"\b(?:backend|be)=(\S+)(?: \(id=\d+ mode=\w+\))?(?: addr=(\S+))?"),
    "age": lazy(r"\bage=((?:\d+[dhms])+)"),
}
_AGE: Final = lazy(r"(?<!\d)(\d+)([dhms])")
_UNIT: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def sniff(head: Sequence[str]) -> bool:
    """True if a session begins among the lines."""
    return any(_first(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every session: its own line, and the indented ones below it."""
    blocks: list[tuple[int, int, list[str]]] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, text in section.rows():
        if _first(text):
            blocks.append((index, index, [text]))
        elif blocks and text.startswith(" "):
            first, _, lines = blocks[-1]
            blocks[-1] = (first, index, [*lines, text] if len(lines) < len(_PARTS) + 2 else lines)
        else:
            unread.append((index, "no session of HAProxy"))
            continue
        read += 1
    records = [record for first, last, lines in blocks if (record := _session(section, first, last, "\n".join(lines))) is not None]
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _session(section: Section, first: int, last: int, text: str) -> Session | None:
    """A session of a client; the console's own over its socket is none."""
    found = {name: pattern.search(text) for name, pattern in _PARTS.items()}
    source, server, backend, age = found["source"], found["server"], found["backend"], found["age"]
    client = endpoint(source[1]) if source is not None else None
    if client is None or client.port is None:
        return None
    name = server[1] if server is not None else ""
    queued = name == "<none>"
    return Session(
        where=section.where(first, last),
        server=NAME,
        id=text.partition(":")[0],
        client=client,
        database=backend[1] if backend is not None else None,
        state=SessionState.QUEUED if queued else SessionState.ACTIVE,
        printed_state="srv=<none>" if queued else f"server={name}",
        state_age=float(sum(int(number) * _UNIT[unit] for number, unit in _AGE.findall(age[1]))) if age is not None else None,
        onward=endpoint(server[2]) if server is not None and server[2] else None,
        onward_name=None if queued else name or None,
    )
