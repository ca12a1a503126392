"""Connections that the other side has left and that nobody closes.

Those of a server's clients, although threads are free; and those that a process opened itself.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.citations import of_sockets
from analyzer.join.connections import close_wait, left_unread
from analyzer.join.turns import answered
from analyzer.model.finding import Evidence
from analyzer.model.message import joined, plural, say
from analyzer.model.text import Ask
from analyzer.software.kinds import ActivityKind
from parsers.records import Runtime, TcpState, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analyzer.join.connections import Connection, Sockets
    from analyzer.model.finding import CloseWait
    from analyzer.waits.case import Case, ProcessView, ServerPool
    from parsers.records import Endpoint, LoopHandle

FEWEST: Final = 10
"""CLOSE_WAIT sockets of a port below which a healthy server may just be closing them."""
GROWTH: Final = 3
"""Sockets that must have come since the first snapshot, and none gone, to be no pool that filled; fewer may be."""
EARLIER: Final = 5
"""Earlier snapshots whose rows are quoted."""
MOST: Final = 0.8
"""Share of the sockets that the loop's report must list as not read."""
FREE: Final = 0.5
"""Share of the pool that must be free: a server that has threads and does not close is not short of them."""


SECOND_TABLE: Final = Ask(
    "second socket table, a minute later", "whether the same connections are still there", "ss -tanpoei > ss-2.txt", on="undecided"
)
"""What decides whether such connections stay."""


_OF_JVM: Final = ("java.", "javax.", "jdk.", "sun.", "com.sun.")
"""Packages of the JVM itself."""


class Unclosed(msgspec.Struct, frozen=True):
    """Sockets in CLOSE_WAIT on a server's port while its pool is free. ``before``: how many of them the first snapshot had already."""

    serving: ServerPool
    port: int
    sockets: tuple[Connection, ...]
    counts: tuple[int, ...]
    kept: int
    split: CloseWait

    @property
    def put_aside(self) -> bool:
        """True if the requests were mostly read, the ends were not, and they were put aside: counters show no answer, or some library that can do so is in the process."""
        unanswered = all(answered(one) is False for one in self.sockets)
        return self.split.fin_only > self.split.drained and (unanswered or _has_libraries(self.serving.view))

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

    @property
    def may_be_forgotten(self) -> bool:
        """True if the server may have answered them. The poller of a known server reads the end of such a connection; an own server may forget it."""
        answers = [answered(one) for one in self.sockets]
        return any(answers) or (self.serving.pool.basis is not None and None in answers)

    def free_threads(self) -> Evidence:
        """The first line of a free thread of the pool."""
        pool = self.serving.pool
        idle = next(member.thread.where for member in pool.workers if member.activity.kind == ActivityKind.IDLE)
        said = say("{idle} of {workers} threads of {name} are free", idle=pool.idle, workers=self.serving.workers, name=pool.name)
        return Evidence(Where(idle.file, idle.first, idle.first + 1), said, (), pool.idle - 1)


class KeptByLoop(msgspec.Struct, frozen=True):
    """Connections in CLOSE_WAIT of a process that is event loops alone, all of them free. ``paused``: handles that the loop's own report does not read."""

    view: ProcessView
    port: int
    sockets: Sequence[Connection]
    counts: tuple[int, ...]
    paused: tuple[LoopHandle, ...]

    @property
    def grows(self) -> bool:
        """True if a snapshot before had fewer."""
        return len(self.counts) > 1 and self.counts[-1] > self.counts[0]


class UnclosedCalls(msgspec.Struct, frozen=True):
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
            and kept_of(self.earlier[0], self.sockets) == counts[0]
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
    for row in view.client_side.of(TcpState.CLOSE_WAIT):
        if row.remote is not None:
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


def kept_of(first: Iterable[Connection], last: Iterable[Connection]) -> int:
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
        kept = kept_of(history[0], waiting) if history else 0
        counts = tuple(len(rows) for rows in history)
        grown = len(counts) > 1 and counts[-1] - counts[0] >= GROWTH and kept == counts[0]
        if len(waiting) >= FEWEST or grown:
            yield Unclosed(serving, port, waiting, counts, kept, close_wait(waiting))


def _has_libraries(view: ProcessView) -> bool:
    """False for a JVM whose stacks, all of them, have nothing but its own classes and the application's: a server written by hand has no asynchronous requests."""
    dump = view.dump
    if view.known.runtime is not Runtime.JVM or dump is None or dump.fragment or dump.complete is False or view.coverage.threads:
        return True  # the frames of a library may be among those that are not here
    frames = {frame.cls for thread in dump.threads for frame in thread.frames}
    return any(not cls.startswith(_OF_JVM) and not view.known.is_application(cls) for cls in frames)


def _waiting(rows: Sockets) -> tuple[Connection, ...]:
    """Accepted connections whose client has left and whose request was read."""
    return tuple(row for row in rows.of(TcpState.CLOSE_WAIT) if not row.unaccepted and left_unread(row) in {0, 1})


def kept_by_loops(case: Case) -> Iterator[KeptByLoop]:
    """One per port of a process whose loops are free, that calls nobody, and whose clients' connections stay.

    Requests that wait inside a loop leave no thread, and their clients give up like these: then calls of the loop are open, unless it waits for
    something without a socket. Growth without an end, or the loop's own report, tells of connections that the program has put aside.
    """
    for view in case.latest:
        if not _is_free_loop(view) or _calls_out(view):
            continue
        history = [other for other in case.history(view) if other.sockets]
        for port in sorted(view.listeners):
            groups = [_left(other.server_side(port)) for other in history]
            if not groups or any(row.unaccepted or left_unread(row) not in {None, 0, 1} for row in groups[-1]):
                continue
            counts = tuple(map(len, groups))
            kept = kept_of(groups[0], groups[-1])
            grown = len(counts) > 1 and counts[0] and kept == counts[0] and counts[-1] - counts[0] >= FEWEST
            ends = {(row.local, row.remote) for row in groups[-1]}
            paused = tuple(
                handle
                for handle in view.snapshot.handles
                if handle.pid == view.pid and not handle.reading and (handle.local, handle.remote) in ends
            )
            if grown or (len(ends) >= FEWEST and len(paused) >= MOST * len(ends)):
                yield KeptByLoop(view, port, groups[-1], counts, paused)


def _is_free_loop(view: ProcessView) -> bool:
    """True if every thread of the process waits for events, or the loop itself has written what is here."""
    if view.dump is None or view.coverage.threads:
        return False
    members = [member for pool in view.pools for member in pool.members]
    if view.dump.runtime is Runtime.NODE:
        return bool(view.snapshot.handles) and all(member.activity.app < 0 for member in members)
    return (
        not view.coverage.sockets
        and view.dump.runtime is Runtime.NATIVE
        and bool(members)
        and all(member.activity.kind is ActivityKind.SELECT for member in members)
    )


def _calls_out(view: ProcessView) -> bool:
    """True if a call to a service may be open: a loop's report lists every connection, whatever the table leaves out."""
    handles = [handle for handle in view.snapshot.handles if handle.pid == view.pid]
    if any(handle.remote is not None and handle.local.port not in view.listeners for handle in handles):
        return True
    return any(not row.recv_q for row in view.client_side.of(TcpState.ESTABLISHED))


def _left(rows: Sockets) -> Sockets:
    """Connections whose client has left, whatever the table says of their queue."""
    return rows.of(TcpState.CLOSE_WAIT)
