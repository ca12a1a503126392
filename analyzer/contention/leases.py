"""Pools that lend things: who waits for a connection, who has one, and what the socket table knows of the rest.

A thread that waits for a lease stands in the lender's own frames. Who holds the others is seen only while the holder uses what it holds
(a driver's read) or in a frame that cannot be reached without it. A lent thing that no thread holds was never given back, or is
kept between two uses.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import BlockedGroup
from analyzer.evidence.citations import of_threads
from analyzer.evidence.log_events import of_pool
from analyzer.model.message import plural, say_of
from analyzer.software.blockers import IDLE, SOCKET, waited_lock
from analyzer.software.kinds import ActivityKind, PoolRole
from analyzer.software.knowledge import HTTP, JDBC
from analyzer.software.named_waits import unlisted_lender
from analyzer.software.pools import ThreadSet
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Evidence
    from analyzer.software.knowledge import Knowledge, Lender
    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint, Frame

_ELSEWHERE: Final = (
    IDLE
    | SOCKET
    | {
        ActivityKind.RUNNING,
        ActivityKind.DNS,
        ActivityKind.FILE_IO,
        ActivityKind.FILE_LOCK,
        ActivityKind.DATAGRAM,
        ActivityKind.SLEEP,
        ActivityKind.MONITOR,
        ActivityKind.LOCK,
    }
)
"""Kinds of threads that do something else than wait for a lease, whatever lender's frames are on their stack (making one, for example)."""
_LINE: Final = re.compile(r":(\d+)$")


class Shortage(BlockedGroup):
    """Threads that wait for one lender.

    Attributes:
        lender: the software that lends.
        users: threads that use what is lent: they stand in the driver or client whose connections the pool has.
        nested: those of the waiters that have a lease already.
        proven: True if frames prove that, False if it is inferred from where others of the same method wait.
    """

    def __init__(self, case: Case, view: ProcessView, lender: Lender, waiters: Sequence[ThreadActivity]) -> None:
        """``waiters`` wait for ``lender``."""
        self.lender = lender
        self.users = _users(view, lender, waiters)
        super().__init__(case, view, waiters, self.users)
        sure = tuple(member for member in waiters if _holds(member, lender, view.known))
        self.proven = bool(sure)
        self.nested = sure or _further_on(waiters)

    @property
    def few(self) -> bool:
        """True if these threads stand for more: they are one or two, or were picked, and who has what they wait for may be among those that were not."""
        return super().few or (self.picked and not self.users and (self._is_kept or self._is_piece))

    @property
    def _is_piece(self) -> bool:
        return self.view.dump is not None and self.view.dump.fragment

    @property
    def _is_kept(self) -> bool:
        """True if a thread of the application waits for something else inside a transaction, or a block that has a connection."""
        scopes = frozenset(self.view.known.tables.held.scope) if self.lender.lends == JDBC else frozenset()
        return any(frame.full in scopes for member in self.busy for frame in member.thread.frames[member.activity.app :])

    @property
    def busy(self) -> tuple[ThreadActivity, ...]:
        """Threads of the application that neither wait for a lease nor are seen to use one: they may keep one meanwhile."""
        known = ThreadSet((*self.members, *self.users))
        return tuple(
            member
            for pool in self.view.pools
            if pool.role != PoolRole.JVM
            for member in pool.busy
            if member not in known and member.activity.app >= 0
        )

    @cached_property
    def keeping(self) -> tuple[ThreadActivity, ...]:
        """Threads past the place of the wait, deeper in the method where the others wait: what they have there they keep during something else.

        Only where they explain all that is lent: as many connections are open, and no thread uses one.
        """
        if self.users or self.nested or self.few:
            return ()
        sites = _sites(self.members)
        found = tuple(member for member in self.busy if _passed(member, 1, sites, deeper=True))
        return found if found and len(found) == len(self.rows) else ()

    @property
    def waiting(self) -> Evidence:
        """The waiters, as evidence."""
        return of_threads(
            self.members,
            say_of(
                len(self.members),
                "{threads} waits for a connection of {software}",
                "{threads} wait for a connection of {software}",
                threads=plural(len(self.members), "thread"),
                software=self.lender.software,
            ),
        )

    @property
    def written(self) -> tuple[Evidence, ...]:
        """What the lender wrote to a log when it had none to give, with its own figures."""
        return tuple(told.evidence for told in of_pool(self._case.incident, self.lender.software)[:1])

    @cached_property
    def service(self) -> Endpoint | None:
        """The only service that ``connections`` lead to, or the one that most do; None if that is not clear."""
        first = Counter({remote: len(group) for remote, group in self.connections.items()}).most_common(2)
        return first[0][0] if first and (len(first) == 1 or first[0][1] > 2 * first[1][1]) else None

    @property
    def rows(self) -> tuple[Connection, ...]:
        """The connections to ``service``: those that are lent."""
        return self.connections.get(self.service, ()) if self.service is not None else ()

    @cached_property
    def connections(self) -> dict[Endpoint, tuple[Connection, ...]]:
        """Open connections of the kind that is lent, by service: those that can be meant."""
        groups: dict[Endpoint, list[Connection]] = defaultdict(list)
        wanted = self._ports()
        known = self.view.known
        database_ports = known.ports_of(known.databases)
        for row in self.view.client_side:
            if row.remote is None or row.state not in {TcpState.ESTABLISHED, TcpState.CLOSE_WAIT, TcpState.SYN_SENT}:
                continue
            if self.lender.lends == HTTP and row.remote.port in database_ports:
                continue
            groups[row.remote].append(row)
        meant = {remote: group for remote, group in groups.items() if remote.port in wanted}
        return {remote: tuple(group) for remote, group in sorted((meant or groups).items())}

    def _ports(self) -> frozenset[int]:
        known = self.view.known
        names = {member.activity.library for member in self.users if member.activity.library}
        return known.ports_of(names or (known.databases if self.lender.lends == JDBC else frozenset(self.lender.uses)))


def shortages(case: Case, lends: str) -> tuple[Shortage, ...]:
    """Noteworthy crowds of threads that wait for a lender of that kind, at each process' last view."""
    crowds = (
        Shortage(case, view, lender, queue)
        for view in case.latest
        for lender, waiters in _waiters(view).items()
        if lender.lends == lends
        for queue in _queues(waiters)
    )
    return tuple(crowd for crowd in crowds if crowd.noteworthy)


@lru_cache(maxsize=64)  # the rule of each kind asks
def _waiters(view: ProcessView) -> dict[Lender, list[ThreadActivity]]:
    """The threads that wait for each lender."""
    groups: dict[Lender, list[ThreadActivity]] = defaultdict(list)
    for pool in view.pools:
        for member in pool.members:
            if (lender := lender_of(member, view.known)) is not None:
                groups[lender].append(member)
    return groups


def lender_of(member: ThreadActivity, known: Knowledge) -> Lender | None:
    """The lender that a thread waits for; None if it does not wait for a lease."""
    if member.activity.kind in _ELSEWHERE:
        return None
    listed = _lender_above(member.thread.frames, member.activity.app, known)
    return listed or (unlisted_lender(member.thread.frames) if member.activity.kind is ActivityKind.LEASE else None)


@lru_cache(maxsize=8192)
def _lender_above(whole: tuple[Frame, ...], app: int, known: Knowledge) -> Lender | None:
    frames = whole[:app] if app >= 0 else whole
    calls = {frame.full for frame in frames}
    return next(
        (
            lender
            for lender in known.tables.lease
            if not calls.isdisjoint(lender.frames) and (not lender.through or any(frame.cls.startswith(lender.through) for frame in frames))
        ),
        None,
    )


def _above(member: ThreadActivity) -> tuple[Frame, ...]:
    """The frames above the first one of the application."""
    return member.thread.frames[: member.activity.app] if member.activity.app >= 0 else member.thread.frames


def _queues(waiters: Sequence[ThreadActivity]) -> list[list[ThreadActivity]]:
    """One list per pool of the same software: told apart by what the threads park on, if that is the pool's (and not each thread's own)."""
    by_lock: dict[str | None, list[ThreadActivity]] = defaultdict(list)
    for member in waiters:
        lock = waited_lock(member.thread)
        by_lock[lock.address if lock else None].append(member)
    return list(by_lock.values()) if max(map(len, by_lock.values())) > 1 else [list(waiters)]


def _users(view: ProcessView, lender: Lender, waiters: Sequence[ThreadActivity]) -> tuple[ThreadActivity, ...]:
    waiting = ThreadSet(waiters)
    return tuple(member for pool in view.pools for member in users_of(pool, lender, view.known) if member not in waiting)


def users_of(pool: Pool, lender: Lender, known: Knowledge) -> tuple[ThreadActivity, ...]:
    """Threads of ``pool`` that use what ``lender`` lends."""
    return tuple(member for member in pool.busy if lender_of(member, known) is None and _uses(member, lender, known))


def _uses(member: ThreadActivity, lender: Lender, known: Knowledge) -> bool:
    """True if the thread uses what ``lender`` lends. A thread that makes a new connection for the pool does not."""
    library = member.activity.library
    if lender.lends == JDBC:
        return library in known.databases and not any(frame.full in lender.frames for frame in _above(member))
    if lender.lends == HTTP:
        return member.activity.kind in SOCKET and library in lender.uses
    prefixes = lender.through
    return bool(prefixes) and any(frame.cls.startswith(prefixes) for frame in _above(member))


def _holds(member: ThreadActivity, lender: Lender, known: Knowledge) -> bool:
    """True if a frame below the wait shows that the thread has a lease of the same kind already."""
    if lender.lends != JDBC:
        return False
    held, frames = known.tables.held, member.thread.frames
    below = frames[max(0, member.activity.app) :]
    return (
        any(frame.full in held.anywhere for frame in frames) or any(frame.full in held.below for frame in below) or _renews(frames, known)
    )


def _renews(frames: Sequence[Frame], known: Knowledge) -> bool:
    """True for a transaction of its own (REQUIRES_NEW) that code of the application began inside another one."""
    held = known.tables.held
    inner = next((at for at, frame in enumerate(frames) if frame.full in held.renewed), None)
    outer = next((at for at in range(len(frames) - 1, -1, -1) if frames[at].full in held.scope), None)
    return inner is not None and outer is not None and any(known.is_application(frame.cls) for frame in frames[inner + 1 : outer])


def _further_on(waiters: Iterable[ThreadActivity]) -> tuple[ThreadActivity, ...]:
    """Waiters that passed, in a method below, the line at which other threads still wait for their first lease in that method."""
    waiters = tuple(waiters)
    sites = _sites(waiters)
    return tuple(member for member in waiters if _passed(member, 1, sites))


def beyond(waiters: Sequence[ThreadActivity], others: Iterable[ThreadActivity]) -> tuple[ThreadActivity, ...]:
    """Threads further on in the method in which the waiters wait for a lease: they should have one."""
    sites = _sites(waiters)
    return tuple(member for member in others if _passed(member, 0, sites))


def _sites(waiters: Iterable[ThreadActivity]) -> dict[str, int]:
    """Method → the first line of it at which a thread waits."""
    sites: dict[str, int] = {}
    for thread, found in waiters:
        if found.app >= 0 and (line := _line(thread.frames[found.app])) is not None:
            call = thread.frames[found.app].full
            sites[call] = min(line, sites.get(call, line))
    return sites


def _passed(member: ThreadActivity, below: int, sites: dict[str, int], *, deeper: bool = False) -> bool:
    """True if a frame of the application, or one so far below its first, is beyond the line of its method.

    ``deeper``: the same line counts, too: a function of one line has both in it, and who stands in another call there has passed the wait.
    """
    app = member.activity.app
    frames = member.thread.frames[app + below :] if app >= 0 else ()
    return any((line := _line(frame)) is not None and frame.full in sites and line + deeper > sites[frame.full] for frame in frames)


def _line(frame: Frame) -> int | None:
    match = _LINE.search(frame.source or "")
    return int(match[1]) if match else None
