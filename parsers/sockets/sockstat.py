r"""FreeBSD's ``sockstat``: sockets with their processes; with ``-s`` also the states of TCP.

    USER     COMMAND    PID   FD PROTO  LOCAL ADDRESS         FOREIGN ADDRESS
    www      gannet     2208  5  tcp4   *:8080                *:*
    www      gannet     2208  9  tcp4   10.0.0.5:8080         10.0.0.9:51022        CLOSE_WAIT

Without ``-s`` a row has no state: one whose far end is ``*:*`` listens. A socket without a process has question marks. Written after ``sockstat.c``, not
captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Owner, Parsed, Pid, SocketRow, TcpState
from parsers.records.shows import Shows
from parsers.text.endpoint import endpoint
from parsers.text.grammar import tcp_state
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

NAME: Final = "sockstat"
SHOWS: Final = frozenset({Shows.SOCKETS})
HEADER: Final = r"USER[ ]+COMMAND[ ]+PID[ ]+FD[ ]+PROTO[ ]+LOCAL ADDRESS[ ]+FOREIGN ADDRESS"
ROW_SHAPE: Final = (
    r"(?:\S{1,32}[ ]+\S{1,24}[ ]+\d{1,10}|\?[ ]+\?[ ]+\?)[ ]+(?:\d{1,7}|\?)[ ]+(?:tcp|udp)(?:4|6|46)[ ]+\S+:[\d*]\S*[ ]+\S+:[\d*]"
)
_header = lazy(HEADER).match
_row = lazy(
    r"(?P<user>\S{1,32})\s+(?P<command>\S{1,24})\s+(?P<pid>\d{1,10}|\?)\s+(?P<fd>\d{1,7}|\?)\s+(?P<proto>tcp|udp)(?:4|6|46)\s+(?P<local>\S+)\s+(?P<remote>\S+)(?:\s+(?P<state>[A-Z][A-Z_0-9]{2,12}))?\s*$"
).match
_other = lazy(r"\S{1,32}\s+\S{1,24}\s+(?:\d{1,10}|\?)\s+(?:\d{1,7}|\?)\s+(?:stream|dgram|seqpac|div|icmp|raw|sctp|unix)\S{0,6}\s").match


def sniff(head: Sequence[str]) -> bool:
    """True if the heading, or rows in its order, are among the lines."""
    telling = lazy(ROW_SHAPE).match
    return any(_header(line) or telling(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every socket of TCP and UDP."""
    records: list[SocketRow] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        match = _row(line)
        row = _socket(section, index, match) if match is not None else None
        if row is not None:
            records.append(row)
        elif not (_header(line) or _other(line)):
            unread.append((index, "no row of sockstat"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _socket(section: Section, index: int, match: re.Match[str]) -> SocketRow | None:
    local, remote = endpoint(match["local"]), endpoint(match["remote"])
    if local is None or remote is None:
        return None
    everyone = remote.port is None and remote.service is None and remote.is_wildcard
    state = tcp_state(match["state"]) if match["state"] else TcpState.LISTEN if everyone and match["proto"] == "tcp" else None
    known = match["pid"].isdigit()
    fd = int(match["fd"]) if match["fd"].isdigit() else None
    return SocketRow(
        where=section.where(index),
        tool=NAME,
        proto=match["proto"],
        local=local,
        remote=None if everyone else remote,
        state=state,
        owners=(Owner(Pid(int(match["pid"])), match["command"], fd),) if known else (),
        user=match["user"] if known else None,
    )
