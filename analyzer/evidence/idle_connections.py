"""Open connections of a port on which nothing happens, and threads that may wait for a request on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.software.kinds import ActivityKind, PoolRole
from analyzer.waits.server_pools import SATURATED, pressure
from analyzer.waits.targets import COUNT_TOLERANCE
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import Case, ProcessView

SMALLEST_POOL: Final = 3
"""Fewer threads in a read are a server at rest."""


class PinnedPool(msgspec.Struct, frozen=True):
    """A bounded pool all of whose threads read, and as many idle connections of a port that nothing else explains."""

    view: ProcessView
    pool: Pool
    port: int
    reading: tuple[ThreadActivity, ...]
    idle: tuple[Connection, ...]

    @property
    def agree(self) -> bool:
        """True if threads and connections agree in number."""
        return len(self.idle) <= (1 + COUNT_TOLERANCE) * len(self.reading)


def pinned_pools(case: Case) -> Iterator[PinnedPool]:
    """One per pool and port that suffers; where each connection gets a thread of its own, nobody waits for one."""
    for view in case.latest:
        for pool in view.pools:
            reading = tuple(member for member in pool.busy if _reads(member))
            if not pool.bounded or pool.role == PoolRole.JVM or len(pool.workers) < SMALLEST_POOL or pool.idle:
                continue
            if len(reading) < SATURATED * len(pool.workers):
                continue
            for port in sorted(view.listeners) if pool.port is None else [pool.port]:
                idle = idle_connections(view, port)
                suffers = pressure(view, port).exists or _at_limit(view, port)
                if suffers and _explain(view, idle, len(reading)) and not _outgoing(view, len(reading)):
                    yield PinnedPool(view, pool, port, reading, idle)


def idle_connections(view: ProcessView, port: int) -> tuple[Connection, ...]:
    """The accepted connections of a port with nothing to read."""
    return tuple(row for row in view.server_side(port).of(TcpState.ESTABLISHED) if row.recv_q == 0 and not row.unaccepted)


def _reads(member: ThreadActivity) -> bool:
    kind = member.activity.kind
    return kind == ActivityKind.REQUEST_READ or (kind == ActivityKind.SOCKET_READ and member.activity.side is None)


def _explain(view: ProcessView, idle: tuple[Connection, ...], reading: int) -> bool:
    """True if as many connections are idle as threads read; or more, where a whole table has none that the process opened and could read from."""
    if abs(len(idle) - reading) <= COUNT_TOLERANCE * reading:
        return True
    return len(idle) > reading and not view.client_side and not view.coverage.sockets


def _at_limit(view: ProcessView, port: int) -> bool:
    """True if the port's acceptor waits for a connection to end: nobody else is let in."""
    return any(
        member.activity.kind == ActivityKind.CONNECTION_LATCH and pool.port in {None, port}
        for pool in view.pools
        for member in pool.members
    )


def _outgoing(view: ProcessView, readers: int) -> bool:
    """True if enough connections to services are open that the threads could be reading from them instead."""
    return len(view.client_side.of(TcpState.ESTABLISHED)) > COUNT_TOLERANCE * readers
