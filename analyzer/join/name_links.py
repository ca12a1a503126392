"""Links by name: some software writes the address of its connection into the thread's name.

``DataXceiver for client … at /10.0.0.7:41000``, ``RMI TCP Connection(3)-10.0.0.9``, ``cluster-…-db1:27017``. A name that has both ends, or the
client's end of a connection to an own listener, means one socket. The address of a service may be that of several, of which the name does
not tell which: then it is a link only if there is one alone, and only a likely one.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.model.finding import Basis, Confidence
from parsers.records import TcpState
from parsers.text.endpoint import endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analyzer.join.connections import Connection
    from analyzer.join.process import ProcessView
    from analyzer.software.pools import ThreadActivity
    from parsers.records import Endpoint

LONGEST_NAME: Final = 1000
"""Characters of a name that are searched: an address stands in the first few dozen."""
_PAIR: Final = re.compile(
    r"(?<![\w.:])(?P<host>\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:.]{2,45}(?:%\w{1,16})?\]):(?P<port>\d{1,5})(?![\w.]*\d:|\d)"
)


class Named(NamedTuple):
    """A thread whose name means a socket."""

    member: ThreadActivity
    socket: Connection
    confidence: Confidence
    basis: Basis = Basis.NAME


def name_links(view: ProcessView) -> Iterator[Named]:
    """Threads whose names mean one socket of the process each; a socket that two names mean is nobody's."""
    if view.dump is None:
        return
    by_end: dict[Endpoint, list[Connection]] = defaultdict(list)
    for socket in view.sockets:
        if socket.state is not TcpState.LISTEN and socket.remote is not None:
            by_end[socket.remote].append(socket)
    if not by_end:
        return
    found = [named for pool in view.pools for member in pool.members if (named := _named(view, member, by_end)) is not None]
    meant = Counter(named.socket for named in found)
    yield from (named for named in found if meant[named.socket] == 1)


def _named(view: ProcessView, member: ThreadActivity, by_end: dict[Endpoint, list[Connection]]) -> Named | None:
    ends = tuple(_endpoints(member.thread.name[:LONGEST_NAME]))
    sockets = [socket for end in dict.fromkeys(ends) for socket in by_end.get(end, ())]
    both = [socket for socket in sockets if socket.local in ends]
    if len(both) == 1:
        return Named(member, both[0], Confidence.CERTAIN)
    if len(sockets) != 1:
        return None
    served = sockets[0].local.port in view.listeners
    return Named(member, sockets[0], Confidence.CERTAIN if served else Confidence.LIKELY)


def _endpoints(name: str) -> Iterable[Endpoint]:
    for match in _PAIR.finditer(name):
        if (end := endpoint(match[0])) is not None:
            yield end
