"""HAProxy's own state: ``show info`` of its socket.

    Name: HAProxy
    Version: 2.6.12-1+deb12u4
    Pid: 5073
    Uptime_sec: 6
    Maxconn: 256
    CurrConns: 8

``CurrConns`` of ``Maxconn`` connections of clients are taken by the whole process; when all are, the next ones wait in the kernel's queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, ProxyLoad
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "haproxy_info"
SHOWS: Final = frozenset({Shows.PROCESS})
HEADER: Final = r"Name: HAProxy[ ]*$"
ROW_SHAPE: Final = r"(?!)"
_heading = lazy(r"Name: HAProxy\s*$").match
_fact = lazy(r"(?P<name>[A-Za-z][\w -]{1,40}): ?(?P<value>.{0,300})$").match


def sniff(head: Sequence[str]) -> bool:
    """True if the name stands among the lines, as the first of them."""
    return any(_heading(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read how many connections the process has, and may have."""
    facts: dict[str, tuple[int, str]] = {}
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        if (match := _fact(line.strip())) is not None:
            facts.setdefault(match["name"], (index, match["value"].strip()))
            read += 1
        else:
            unread.append((index, "no line of HAProxy's state"))
    gaps, elisions = leftovers(section, unread)
    return Parsed((*_load(section, facts), *elisions), read + len(elisions), gaps)


def _load(section: Section, facts: dict[str, tuple[int, str]]) -> tuple[ProxyLoad, ...]:
    """The whole process as one line of statistics; none where the numbers are not told."""
    (at, current), (_, limit) = facts.get("CurrConns", (0, "")), facts.get("Maxconn", (0, ""))
    if not (current.isascii() and current.isdigit() and limit.isascii() and limit.isdigit()):
        return ()
    return (ProxyLoad(where=section.where(at), proxy="HAProxy", server="", current=int(current), limit=int(limit)),)
