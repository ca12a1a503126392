"""Request threads that all write to clients who do not read, and the connections whose bytes wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.movement import moved_on, standing
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind, SocketSide
from analyzer.waits.server_pools import SATURATED
from parsers.records import JavaState, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ServerPool
    from parsers.records import Frame

_WITH_DATA: Final = frozenset({TcpState.ESTABLISHED, TcpState.CLOSE_WAIT})


class Writing(msgspec.Struct, frozen=True):
    """The threads of a pool that stand in writes to clients. ``full``: its connections with unsent bytes.

    ``moved``: nobody gave up, and the threads have worked since the dump before: so their clients do read.
    """

    serving: ServerPool
    threads: tuple[ThreadActivity, ...]
    full: tuple[Connection, ...]
    moved: bool

    @property
    def frame(self) -> Frame | None:
        """The first application frame among them."""
        return next((frame for member in self.threads if (frame := application_frame(*member))), None)

    @property
    def explained(self) -> bool:
        """True if there are as many such connections as threads, as far as a table caught them."""
        return len(self.full) >= SATURATED * len(self.threads)

    @property
    def asynchronous(self) -> bool:
        """True if some wait for a callback: the server's own I/O threads write."""
        return any(member.thread.state in {JavaState.WAITING, JavaState.TIMED_WAITING} for member in self.threads)


def writing(case: Case) -> Iterator[Writing]:
    """One per server pool without a free thread whose threads are held by writes."""
    for serving in case.server_pools:
        members = tuple(
            member
            for member in serving.pool.busy
            if member.activity.kind == ActivityKind.SOCKET_WRITE and member.activity.side != SocketSide.CLIENT
        )
        if serving.workers and serving.pool.idle == 0 and len(members) >= SATURATED * serving.workers:
            rows = serving.view.server_side(serving.port).of(*_WITH_DATA) if serving.port is not None else ()
            full = tuple(row for row in rows if row.send_q)
            moved = not serving.pressure.exists and moved_on(standing(case, serving.view, members))
            yield Writing(serving, members, full, moved)
