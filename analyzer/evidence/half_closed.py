"""Connections of a server that its clients have left and that nobody closes although threads are free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.join.connections import close_wait, left_unread
from analyzer.software.kinds import ActivityKind
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.model.finding import CloseWait
    from analyzer.waits.case import Case, ProcessView, ServerPool

FEWEST: Final = 10
"""CLOSE_WAIT sockets of a port below which a healthy server may just be closing them."""
GROWTH: Final = 3
"""Sockets that must have come since the first snapshot, and none gone, for fewer to be a pattern."""
FREE: Final = 0.5
"""Share of the pool that must be free: a server that has threads and does not close is not short of them."""


class Unclosed(NamedTuple):
    """Sockets in CLOSE_WAIT on a server's port while its pool is free. ``before``: how many of them the first snapshot had already."""

    serving: ServerPool
    port: int
    sockets: tuple[Connection, ...]
    counts: tuple[int, ...]
    kept: int
    split: CloseWait

    @property
    def grows(self) -> bool:
        """True if they only came, from snapshot to snapshot, and none of the first ever went."""
        return len(self.counts) > 1 and self.counts[-1] > self.counts[0] and self.kept == self.counts[0]

    @property
    def lasts(self) -> bool:
        """True if those of the first snapshot are all there still."""
        return len(self.counts) > 1 and self.kept == self.counts[0] > 0

    @property
    def sure(self) -> bool:
        """True if they last and the dump is whole: a thread that it leaves out may have them in service."""
        return self.lasts and not self.serving.view.coverage.threads


def unclosed(case: Case) -> Iterator[Unclosed]:
    """One per server port that has many of them, threads to spare, and somebody who watches its connections."""
    watched: dict[ProcessView, bool] = {}
    for serving in case.server_pools:
        view, port = serving.view, serving.port
        if port is None or not serving.workers or serving.pool.idle < FREE * serving.workers:
            continue
        if view not in watched:
            watched[view] = any(
                member.activity.kind in {ActivityKind.SELECT, ActivityKind.ACCEPT} for pool in view.pools for member in pool.members
            )
        if not watched[view]:
            continue
        waiting = _waiting(view.server_side(port))
        history = [_waiting(other.server_side(port)) for other in case.history(view) if other.sockets]
        ends = {(one.local, one.remote) for one in waiting}
        kept = len({(one.local, one.remote) for one in history[0]} & ends) if history else 0
        counts = tuple(len(rows) for rows in history)
        grown = len(counts) > 1 and counts[-1] - counts[0] >= GROWTH and kept == counts[0]
        if len(waiting) >= FEWEST or grown:
            yield Unclosed(serving, port, waiting, counts, kept, close_wait(waiting))


def _waiting(rows: tuple[Connection, ...]) -> tuple[Connection, ...]:
    """Accepted connections whose client has left and whose request was read."""
    return tuple(one for one in rows if one.state is TcpState.CLOSE_WAIT and not one.unaccepted and left_unread(one) in {0, 1})
