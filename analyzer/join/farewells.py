"""Which server ports speak TLS or FastCGI, and which receive queues hold no more than what ends a request there.

A client that leaves over TLS says so: a close_notify alert of two or three dozen octets lies before the FIN. To a socket table that is a queue of 25
where plain TCP has 1, and looks like a request that nobody has read. Requests of that length exist as well (those of probes), so the length alone
decides nothing: the port (443, 8443), packets, stacks with TLS frames, or as many threads at work as queues of that one length do.

A request in FastCGI ends with an empty record of its input, eight octets, which PHP reads when it is done. No request is so short: it begins with
sixteen. So a child of PHP-FPM that works on a request has a queue of 9 when its client has left.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.software.blockers import IDLE
from analyzer.software.pools import pools
from parsers.records import Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.captures import Packets
    from analyzer.join.connections import Connection, Sockets
    from analyzer.software.knowledge import Knowledge
    from parsers.records import ThreadDump

FAREWELLS: Final = frozenset({24, 25, 32})
"""Octets of a close_notify alert and a FIN: a record of 5, the alert's 2 and what the cipher adds (RFC 8446 5.2, RFC 5288, RFC 7905)."""
_QUEUES: Final = FAREWELLS | {queue - 1 for queue in FAREWELLS}
_END_OF_INPUT: Final = 8
"""Octets of an empty FCGI_STDIN record: its head alone (FastCGI specification, 3.3 and 5.3)."""
_SHORT: Final = _QUEUES | {_END_OF_INPUT, _END_OF_INPUT + 1}
_PHP: Final = ("php-fpm", "php-cgi")
"""Commands that take FastCGI."""
_HTTPS: Final = 443
"""Ports for TLS end so: 443, 8443, 9443."""
_FEWEST: Final = 3
"""Queues of one length, from which on they are a pattern."""
_RECORD: Final = 20
"""Octets that a request in TLS has at least beside the farewell: a record's head and its seal."""
_TOLERANCE: Final = 0.2
_FRAMES: Final = (
    "sun.security.ssl.", "com.ibm.jsse2.", "org.openjsse.", "org.conscrypt.", "org.bouncycastle.jsse.", "io.netty.handler.ssl.", "org.wildfly.openssl.",
    "org.apache.tomcat.util.net.Secure", "org.apache.tomcat.util.net.openssl.", "org.eclipse.jetty.io.ssl.", "org.xnio.ssl.", "crypto/tls.",
)  # fmt: skip


def with_farewells(found: Sockets, dumps: Sequence[ThreadDump], packets: Packets, known: Knowledge) -> Sockets:
    """The connections, those marked whose queue is a farewell."""
    short = [one for state in (TcpState.CLOSE_WAIT, TcpState.ESTABLISHED) for one in found.of(state) if one.recv_q in _SHORT]
    ended = {one for one in short if _has_end_of_input(one, dumps)}
    by_port: dict[int, list[Connection]] = defaultdict(list)
    for one in short:
        if one.recv_q in _QUEUES and one.remote is not None and one.local.port is not None and _may_end(one):
            by_port[one.local.port].append(one)
    if not by_port and not ended:
        return found
    ports = {port for port, alike in by_port.items() if port % 1000 == _HTTPS or _speaks_tls(port, alike, found, dumps, packets, known)}
    marked = ended | {one for port in ports for one in by_port[port]}
    return found.with_other((one, replace(one, farewell=True)) for one in marked) if marked else found


def _has_end_of_input(row: Connection, dumps: Sequence[ThreadDump]) -> bool:
    """True for an accepted connection of PHP whose queue holds the end of a FastCGI request, and in CLOSE_WAIT the FIN."""
    if row.unaccepted or row.remote is None or row.state not in {TcpState.CLOSE_WAIT, TcpState.ESTABLISHED}:
        return False
    if row.recv_q != _END_OF_INPUT + (row.state is TcpState.CLOSE_WAIT):
        return False
    commands = [owner.command for owner in row.owners if owner.command]
    return any(one.startswith(_PHP) for one in commands) or (not commands and any(dump.runtime is Runtime.PHP for dump in dumps))


def _may_end(row: Connection) -> bool:
    """True for a queue that counts the FIN in CLOSE_WAIT, and does not elsewhere."""
    if row.unaccepted or row.state not in {TcpState.CLOSE_WAIT, TcpState.ESTABLISHED}:
        return False
    return (row.recv_q in FAREWELLS) is (row.state is TcpState.CLOSE_WAIT)


def _speaks_tls(
    port: int, alike: Sequence[Connection], found: Sequence[Connection], dumps: Sequence[ThreadDump], packets: Packets, known: Knowledge
) -> bool:
    seen = packets.seen(alike)
    if seen:
        return any(captured.flow.tls for captured in seen)
    lengths = Counter(connection.recv_q for connection in alike if connection.state is TcpState.CLOSE_WAIT)
    length, count = lengths.most_common(1)[0] if lengths else (None, 0)
    if length is None or count < _FEWEST or len(lengths) > 1:
        return False
    clients = [one for one in found if one.local.port == port and one.remote is not None and not one.unaccepted]
    queues = [row.recv_q or 0 for row in clients if row.state is TcpState.CLOSE_WAIT]
    if any(1 < queue < length + _RECORD and queue != length for queue in queues):
        return False  # requests of several short lengths: no record of TLS is so short
    if any(frame.cls.startswith(_FRAMES) for dump in dumps for thread in dump.threads for frame in thread.frames):
        return True
    bare = queues.count(1) + sum(row.state is TcpState.ESTABLISHED and row.recv_q == 0 for row in clients)
    return any(_alike(busy, count + bare) and not _alike(busy, bare) for busy in _at_work(dumps, known))


def _alike(one: int, other: int) -> bool:
    return abs(one - other) <= _TOLERANCE * other


def _at_work(dumps: Sequence[ThreadDump], known: Knowledge) -> list[int]:
    """How many threads of each pool are at work for the application."""
    return [
        sum(member.activity.app >= 0 and member.activity.kind not in IDLE for member in pool.members)
        for dump in dumps
        for pool in pools(dump.threads, known.of(dump.runtime))
    ]
