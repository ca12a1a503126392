"""Connections that the other side has left and that nobody closes.

Those of a server's clients, although threads are free; and those that a process opened itself.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.evidence.citations import of_sockets
from analyzer.join.connections import close_wait, left_unread
from analyzer.model.message import joined, plural, say
from analyzer.software.kinds import ActivityKind
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.model.finding import CloseWait, Evidence
    from analyzer.waits.case import Case, ProcessView, ServerPool
    from parsers.records import Endpoint

FEWEST: Final = 10
"""CLOSE_WAIT sockets of a port below which a healthy server may just be closing them."""
GROWTH: Final = 3
"""Sockets that must have come since the first snapshot, and none gone, to be no pool that filled; fewer may be."""
EARLIER: Final = 5
"""Earlier snapshots whose rows are quoted."""
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


class UnclosedCalls(NamedTuple):
    """Sockets in CLOSE_WAIT to one service, which the process opened itself; ``earlier`` has those of each snapshot before."""

    history: tuple[ProcessView, ...]
    remote: Endpoint
    earlier: tuple[tuple[Connection, ...], ...]
    sockets: tuple[Connection, ...]

    @property
    def view(self) -> ProcessView:
        """The process in its last snapshot."""
        return self.history[-1]

    @property
    def counts(self) -> list[int]:
        """How many there are in each snapshot."""
        return [len(group) for group in (*self.earlier, self.sockets)]

    @property
    def more(self) -> int:
        """How many more there are than in the first snapshot."""
        return self.counts[-1] - self.counts[0]

    @property
    def grows(self) -> bool:
        """True if they only came, and open connections did not merely change their state: those of a pool that the service closes stay as many."""
        counts = self.counts
        return (
            self.more >= GROWTH
            and all(after >= before for before, after in itertools.pairwise(counts))
            and _kept(self.earlier[0], self.sockets) == counts[0]
            and self._opened(self.view) - self._opened(self.history[0]) >= GROWTH
        )

    def _opened(self, view: ProcessView) -> int:
        return sum(row.remote == self.remote for row in view.client_side)

    def shown_earlier(self) -> Iterator[Evidence]:
        """The rows of earlier snapshots that show the growth: of the first, and of the last ones."""
        groups = [group for group in self.earlier if group]
        for group in groups if len(groups) <= EARLIER else (*groups[:1], *groups[1 - EARLIER :]):
            said = say(
                "{sockets} to {remote} in CLOSE_WAIT in an earlier snapshot", sockets=plural(len(group), "socket"), remote=self.remote
            )
            yield of_sockets(group, said)


def unclosed_calls(case: Case) -> Iterator[UnclosedCalls]:
    """One per process and service."""
    for process in case.latest:
        history = tuple(view for view in case.history(process) if view.sockets)
        groups = [_by_service(view) for view in history]
        for remote, sockets in groups[-1].items() if history else ():
            yield UnclosedCalls(history, remote, tuple(group.get(remote, ()) for group in groups[:-1]), sockets)


def _by_service(view: ProcessView) -> dict[Endpoint, tuple[Connection, ...]]:
    groups: dict[Endpoint, list[Connection]] = {}
    for row in view.client_side:
        if row.state is TcpState.CLOSE_WAIT and row.remote is not None:
            groups.setdefault(row.remote, []).append(row)
    return {remote: tuple(rows) for remote, rows in sorted(groups.items())}


def split_in_words(rows: Sequence[Connection]) -> str:
    """The sockets by what their Recv-Q says; empty if it says nothing."""
    split = close_wait(rows)
    parts = (
        say("{drained} read to the end", drained=split.drained) if split.drained else "",
        say("{fin_only} with only the FIN unread", fin_only=split.fin_only) if split.fin_only else "",
        say("{unread} with data unread", unread=split.unread) if split.unread else "",
    )
    return joined(", ", filter(None, parts))


def _kept(first: Iterable[Connection], last: Iterable[Connection]) -> int:
    """How many of the first are among the last, by both ends."""
    return len({(row.local, row.remote) for row in first} & {(row.local, row.remote) for row in last})


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
        kept = _kept(history[0], waiting) if history else 0
        counts = tuple(len(rows) for rows in history)
        grown = len(counts) > 1 and counts[-1] - counts[0] >= GROWTH and kept == counts[0]
        if len(waiting) >= FEWEST or grown:
            yield Unclosed(serving, port, waiting, counts, kept, close_wait(waiting))


def _waiting(rows: tuple[Connection, ...]) -> tuple[Connection, ...]:
    """Accepted connections whose client has left and whose request was read."""
    return tuple(row for row in rows if row.state is TcpState.CLOSE_WAIT and not row.unaccepted and left_unread(row) in {0, 1})
