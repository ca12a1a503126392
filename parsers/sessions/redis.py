"""Redis' clients and its own counts: CLIENT LIST, INFO clients.

    id=3 addr=10.0.0.5:59126 laddr=10.0.0.9:6379 fd=7 name=mail age=8 idle=8 flags=b db=0 sub=0 psub=0 multi=-1 qbuf=0 qbuf-free=0 events=r cmd=blpop user=default
    id=7 addr=10.0.0.6:58446 fd=12 name= age=0 idle=0 flags=N db=0 sub=0 psub=0 multi=-1 qbuf=26 qbuf-free=20448 events=r cmd=client|list user=default

Flag b: the client waits in a blocking command by its own wish. A client is inside one while ``cmd`` is blpop, brpop, blmove, bzpopmin, xread … and b is set.
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

NAME: Final = "redis"
SHOWS: Final = frozenset({Shows.SESSIONS})
HEADER: Final = r"# (?:Clients|Server)[ ]*$"
ROW_SHAPE: Final = r"id=\d+ addr=\S+ [^\n]{0,800}\bcmd="
_row = lazy(r"id=\d+ addr=\S+ .*\bcmd=").match
_info = lazy(r"# [A-Z]\w+\s*$|[a-z]\w+:\S*\s*$").match
_known = lazy(r"(?:connected_clients|blocked_clients|redis_version):").match
_CELL: Final = lazy(r"(?<![\w-])([\w-]+)=(\S*)")


def sniff(head: Sequence[str]) -> bool:
    """True if a client's line or a count of INFO is among the lines."""
    return any(_row(line) for line in head) or any(_known(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every client; INFO is known and gives no record."""
    records: list[Session] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, text in section.rows():
        if _row(text):
            records.append(_client(section, index, dict(_CELL.findall(text))))
        elif not _info(text):
            unread.append((index, "no client of Redis"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _client(section: Section, index: int, cells: dict[str, str]) -> Session:
    flags, command = cells.get("flags", ""), cells.get("cmd", "")
    idle = cells.get("idle", "")
    return Session(
        where=section.where(index),
        server=NAME,
        id=cells["id"],
        client=endpoint(cells["addr"]),
        user=cells.get("user") or None,
        application=cells.get("name") or None,
        state=SessionState.WAITING if "b" in flags else SessionState.UNKNOWN if "P" in flags else SessionState.IDLE,
        printed_state=f"flags={flags} cmd={command}",
        statement=command or None,
        state_age=float(idle) if idle.isdigit() else None,
    )
