r"""The queues of listeners on FreeBSD: ``netstat -L``, ``netstat -Lan``.

    Current listen queue sizes (qlen/incqlen/maxqlen)
    Proto Listen                           Local Address
    tcp4  193/0/128                        *.7000
    unix  0/0/4                            /var/run/devd.pipe

Waiting, incomplete and at most: the first is what an accept would take. FreeBSD lets one and a half times the limit wait. Written after ``inet.c`` of
FreeBSD's netstat, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, SocketRow, TcpState
from parsers.records.shows import Shows
from parsers.text.endpoint import endpoint
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "listen_queues"
SHOWS: Final = frozenset({Shows.SOCKETS})

HEADER: Final = (
    r"Current listen queue sizes \(qlen/incqlen/maxqlen\)(?:\nProto[ ]+Listen[ ]+Local Address)?|Proto[ ]+Listen[ ]+Local Address"
)
ROW_SHAPE: Final = r"tcp(?:4|6|46)?[ ]+\d+/\d+/\d+[ ]+\S"

_header = lazy(r"\s*(?:Current listen queue sizes|Proto\s+Listen\s+Local Address|unix\s+\d+/\d+/\d+\s|sctp\S*\s+\d+/\d+/\d+\s)").match
_row = lazy(
    r"\s{0,3}tcp(?:4|6|46)?\s{1,12}(?P<waiting>\d{1,9})/(?P<incomplete>\d{1,9})/(?P<most>\d{1,9})\s{1,60}(?P<host>\S{1,80})\.(?P<port>[\w*-]{1,20})\s*$"
).match


def sniff(head: Sequence[str]) -> bool:
    """True if the heading or a listener's row is among the lines."""
    return any(_row(line) or "qlen/incqlen/maxqlen" in line for line in head)


def parse(section: Section) -> Parsed:
    """A listening row for each queue of TCP."""
    records: list[SocketRow] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        match = _row(line)
        local = endpoint(f"{match['host']}:{match['port']}") if match is not None else None
        if match is not None and local is not None:
            records.append(
                SocketRow(
                    where=section.where(index),
                    tool=NAME,
                    proto="tcp",
                    local=local,
                    remote=None,
                    state=TcpState.LISTEN,
                    recv_q=int(match["waiting"]),
                    backlog=int(match["most"]),
                )
            )
        elif not _header(line):
            unread.append((index, "no queue of a listener"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)
