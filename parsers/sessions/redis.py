"""Redis' clients, its own counts and its slow commands: CLIENT LIST, INFO clients, SLOWLOG GET.

    id=3 addr=10.0.0.5:59126 laddr=10.0.0.9:6379 fd=7 name=mail age=8 idle=8 flags=b db=0 sub=0 psub=0 multi=-1 qbuf=0 qbuf-free=0 events=r cmd=blpop user=default
    id=7 addr=10.0.0.6:58446 fd=12 name= age=0 idle=0 flags=N db=0 sub=0 psub=0 multi=-1 qbuf=26 qbuf-free=20448 events=r cmd=client|list user=default

What people count of it (``client list | grep -o 'addr=[0-9.]*' | sort | uniq -c``) has a row for each host. Before Redis 2.8 a client has no id, and its descriptor is told. Flag b: the client waits in a blocking command by its own wish; P: it has subscribed, and only receives. A client is inside one while ``cmd`` is blpop, brpop, blmove, bzpopmin, xread … and b is set. SLOWLOG prints an entry as ``1) 1) (integer) 14``, time and microseconds
below it, then the command: one that takes a second keeps all other clients waiting, as there is one thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import LogEvent, LogKind, Parsed, Session, SessionCount, SessionState
from parsers.records.shows import Shows
from parsers.text.endpoint import endpoint
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "redis"
SHOWS: Final = frozenset({Shows.SESSIONS})
HEADER: Final = r"# (?:Clients|Server)[ ]*$|[ ]*1\) 1\) \(integer\) \d{1,12}[ ]*\n[ ]+2\) \(integer\) 1\d{9}[ ]*$"
ROW_SHAPE: Final = r"(?:id=\d+ )?addr=\S+ [^\n]{0,800}\bcmd="
_row = lazy(r"(?:id=\d+ )?addr=\S+ .*\bcmd=").match
_info = lazy(r"# [A-Z]\w+\s*$|[a-z]\w+:\S*\s*$").match
_known = lazy(r"(?:connected_clients|blocked_clients|redis_version):").match
_slow_begins = lazy(r"\s*1\) 1\) \(integer\) \d{1,12}\s*\n\s+2\) \(integer\) 1\d{9}\s*$").match
_integer = lazy(r"\s*(?P<first>\d{1,4}\) )?\d\) \(integer\) (?P<value>\d{1,18})\s*$").match
_quoted = lazy(r"\s*(?P<first>4\) 1\) )?(?:\d{1,4}\) ){0,2}\"(?P<value>[^\"\n]{0,2000})\"\s*$").match
SLOW: Final = 1_000_000
"""Microseconds that a command takes, from which on all other clients have waited."""
_TIMES: Final = 3
_LONGEST: Final = 60
_per_host = lazy(r"\s*(?P<count>\d{1,7})\s+l?addr=(?P<host>[\w.:\[\]-]{2,60}?):?\s*$").match
_asks = lazy(r"\s*[$#>]\s+(?:\S+/)?redis-cli\b|\S{3,60}:\d{1,5}>\s").match
_KEPT: Final = ("omem", "qbuf")
_CELL: Final = lazy(r"(?<![\w-])([\w-]+)=(\S*)")


def sniff(head: Sequence[str]) -> bool:
    """True if a client's line or a count of INFO is among the lines."""
    return any(_row(line) or _known(line) for line in head) or _slow_begins("\n".join(head[:2])) is not None


def parse(section: Section) -> Parsed:
    """Read every client; an event where INFO counts as many clients as there may be, and one for each command that took long."""
    records: list[Session | SessionCount | LogEvent] = []
    unread: list[tuple[int, str]] = []
    values: dict[str, int] = {}
    numbers: list[int] = []
    read = 0
    for index, text in section.rows():
        if _row(text):
            records.append(_client(section, index, dict(_CELL.findall(text))))
        elif (host := _per_host(text)) is not None:
            records.append(SessionCount(where=section.where(index), server=NAME, count=int(host["count"]), client=host["host"]))
        elif (number := _integer(text)) is not None:
            numbers = [int(number["value"])] if number["first"] else [*numbers, int(number["value"])]
        elif (word := _quoted(text)) is not None:
            if word["first"] and len(numbers) == _TIMES and numbers[-1] >= SLOW:
                took = (("seconds", numbers[-1] / 1e6),)
                records.append(
                    LogEvent(
                        where=section.where(index),
                        kind=LogKind.SLOW_STATEMENT,
                        source="Redis",
                        subject=word["value"][:_LONGEST],
                        figures=took,
                    )
                )
            numbers = [] if word["first"] else numbers
        elif _info(text) is not None:
            name, _, value = text.strip().partition(":")
            values.update({name: int(value)} if value.isdigit() else {})
            if name in {"connected_clients", "maxclients"} and values.get("connected_clients", 0) >= values.get("maxclients", 0) > 0:
                figures = (("connected", float(values["connected_clients"])), ("limit", float(values["maxclients"])))
                records.append(LogEvent(where=section.where(index), kind=LogKind.SLOTS, source="Redis", figures=figures))
        elif _asks(text) is None:
            unread.append((index, "no client of Redis"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _client(section: Section, index: int, cells: dict[str, str]) -> Session:
    flags, command = cells.get("flags", ""), cells.get("cmd", "")
    idle, age = cells.get("idle", ""), cells.get("age", "")
    return Session(
        where=section.where(index),
        server=NAME,
        id=cells.get("id") or cells.get("fd", "?"),
        client=endpoint(cells["addr"]),
        user=cells.get("user") or None,
        application=cells.get("name") or None,
        state=SessionState.WAITING if "b" in flags or "P" in flags else SessionState.IDLE,
        printed_state=f"flags={flags} cmd={command}",
        statement=command or None,
        state_age=float(idle) if idle.isdigit() else None,
        age=float(age) if age.isdigit() else None,
        unread=sum(kept) if (kept := [int(cells[name]) for name in _KEPT if cells.get(name, "").isdigit()]) else None,
    )
