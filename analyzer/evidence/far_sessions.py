"""What the sessions of databases, brokers, proxies and poolers say of the process whose connections they are, as facts by kind.

A far side joins sessions with sockets (:mod:`analyzer.join.far_side`); here they are grouped by what they show: connections that a server does not
know, requests in a proxy's queue, connections that commands keep, sessions behind one holder of a lock, statements that run for long.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.nouns import program_in_words
from analyzer.join.far_side import LISTS, RUNS
from analyzer.software.kinds import ActivityKind
from analyzer.software.pools import ThreadSet
from parsers.records import SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.far_side import FarSide, Joined
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint, Session

LASTING: Final = 2.0
"""Seconds in a queue from which on it is no burst."""
LONG: Final = 5.0
"""Seconds from which on a statement of a service is long: its callers' patience is mostly between 5 and 60 seconds."""
FEWEST_BESIDE: Final = 2
"""Threads that wait for a connection beside blocking commands: one may wait for anything."""
_PROXIES: Final = frozenset({"haproxy", "pgbouncer"})
_LOCKS_ROWS: Final = re.compile(
    r"\A\s*(?:update|delete|insert|replace)\b|\bfor\s+(?:update|share)\b|\block\s+in\s+share\s+mode", re.IGNORECASE
)
_WAITS: Final = frozenset(
    {
        ActivityKind.LEASE,
        ActivityKind.QUEUE,
        ActivityKind.SEMAPHORE,
        ActivityKind.CONDITION,
        ActivityKind.OBJECT_WAIT,
        ActivityKind.WAITING,
        ActivityKind.PARK,
        ActivityKind.LOCK,
        ActivityKind.MONITOR,
    }
)
"""How threads wait that want a connection of a pool, whoever wrote it."""


class Lost(msgspec.Struct, frozen=True):
    """Connections on which ``threads`` wait, one each, and that the server's list does not have; ``known`` is a session of the process that it has.

    ``whole``: the list shows idle sessions, too: one of the busy ones alone says nothing of the others. ``proven``: besides, system calls tie the
    threads to the sockets, and the server's own half of them is not on this host, where it would have to be.
    """

    view: ProcessView
    known: Joined
    connections: tuple[Connection, ...]
    threads: tuple[ThreadActivity, ...]
    whole: bool
    proven: bool

    @property
    def remote(self) -> Endpoint | None:
        """Where the server listens."""
        return self.connections[0].remote


def lost(case: Case) -> Iterator[Lost]:
    """The connections that a server does not know, of each process."""
    for view in case.latest:
        far = case.far_side(view)
        known = [listed for listed in far.joined if listed.connection is not None and listed.session.server in LISTS and not listed.via]
        if not known or view.coverage.list_gaps(known[0].session.where.file):
            continue
        rows = tuple(one for one in far.unlisted if one in far.threads)
        if rows:
            whole = any(listed.session.state is SessionState.IDLE for listed in far.joined)
            proven = whole and all(map(far.is_exact, rows)) and _half_is_missing(view, rows)
            yield Lost(view, known[0], rows, tuple(far.threads[one] for one in rows), whole, proven)


def _half_is_missing(view: ProcessView, rows: Sequence[Connection]) -> bool:
    """True if the server is on this host, whose socket table would show its halves of the connections, and shows none."""
    remote = rows[0].remote
    here = remote is not None and (remote.is_loopback or remote.host in view.table.local_hosts)
    return here and not any(one.remote is not None and view.table.get(one.remote, one.local) is not None for one in rows)


class Queued(msgspec.Struct, frozen=True):
    """Requests that wait in the queue of one backend of a proxy or a pooler, and those that it has handed on; ``threads`` wait for both."""

    view: ProcessView
    waiting: tuple[Joined, ...]
    served: tuple[Joined, ...]
    threads: tuple[ThreadActivity, ...]

    @property
    def behind(self) -> str:
        """What the proxy calls the service behind it."""
        name = self.waiting[0].session.database or "?"
        return (self.served[0].session.onward_name or name) if self.served else name

    @property
    def onward(self) -> str | None:
        """Where this service listens, where the proxy's list says it."""
        session = self.served[0].session if self.served else None
        return str(session.onward) if session is not None and session.onward is not None and session.server == "haproxy" else None


def queued(case: Case) -> Iterator[Queued]:
    """The queues that requests of a process have stood in for longer than a burst, by process and backend."""
    for view in case.latest:
        far = case.far_side(view)
        groups: dict[tuple[str, str], list[Joined]] = {}
        for one in far.joined:
            if one.connection is not None and one.session.server in _PROXIES:
                groups.setdefault((one.session.server, one.session.database or ""), []).append(one)
        for _, members in sorted(groups.items()):
            waiting = tuple(one for one in members if one.session.state is SessionState.QUEUED and (one.session.state_age or 0) >= LASTING)
            if waiting:
                served = tuple(one for one in members if one.session.state is SessionState.ACTIVE)
                yield Queued(view, waiting, served, tuple(far.waiting_on([*waiting, *served])))


class Kept(msgspec.Struct, frozen=True):
    """All connections to one server, kept by commands that wait for a push; ``holders`` sent these, ``beside`` are threads of their pools that wait."""

    view: ProcessView
    sessions: tuple[Joined, ...]
    holders: tuple[ThreadActivity, ...]
    beside: tuple[ThreadActivity, ...]


def kept_by_commands(case: Case) -> Iterator[Kept]:
    """The servers all of whose connections blocking commands keep, while threads beside want one, by process."""
    for view in case.latest:
        far = case.far_side(view)
        blocked = tuple(one for one in far.joined if one.connection is not None and one.session.state is SessionState.WAITING)
        if not blocked or blocked[0].connection is None:
            continue
        remote = blocked[0].connection.remote
        every = [row for row in view.client_side if row.remote == remote and row.state == blocked[0].connection.state]
        holders = tuple(far.waiting_on(blocked))
        beside = _beside(view, holders)
        if len(blocked) >= len(every) and len(beside) >= FEWEST_BESIDE:
            yield Kept(view, blocked, holders, beside)


def _beside(view: ProcessView, holders: Sequence[ThreadActivity]) -> tuple[ThreadActivity, ...]:
    """Threads of the holders' pools that wait for something else inside the application's code."""
    known = ThreadSet(holders)
    pools = [pool for pool in view.pools if any(member in known for member in pool.members)]
    others = (member for pool in pools for member in pool.members if member not in known)
    return tuple(member for member in others if member.activity.kind in _WAITS and member.activity.app >= 0)


class HeldUp(msgspec.Struct, frozen=True):
    """Sessions of a process that wait for locks behind one session, ``holder``, which waits for nobody; ``threads`` wait for their answers.

    ``told``: the server says who waits for whom; else the holder is the only other one with locks.
    """

    view: ProcessView
    far: FarSide
    holder: Session
    sessions: tuple[Joined, ...]
    threads: tuple[ThreadActivity, ...]
    told: bool


def held_up(case: Case) -> Iterator[HeldUp]:
    """The holders of locks that sessions of a process wait for, by process."""
    for view in case.latest:
        far = case.far_side(view)
        groups: dict[str, tuple[Session, list[Joined]]] = {}
        for joined in far.joined:
            if joined.connection is None or joined.session.state is not SessionState.LOCKED:
                continue
            if (root := far.root_of(joined.session)) is not None:
                groups.setdefault(root.id, (root, []))[1].append(joined)
        for _, (root, victims) in sorted(groups.items()):
            told = bool(far.holders.get((victims[0].session.server, victims[0].session.id)))
            yield HeldUp(view, far, root, tuple(victims), tuple(far.waiting_on(victims)), told)


def client_of(found: HeldUp) -> str | None:
    """The process of this host behind the holder's session, as the socket table names it; None where it names none."""
    client, services = found.holder.client, {one.connection.remote for one in found.sessions if one.connection is not None}
    if client is None or client.port is None:
        return None
    rows = [row for row in found.view.table.connections if row.remote in services and row.owners]
    owners = [row.owners[0] for row in rows if (row.local.host, row.local.port) == (client.host, client.port)]
    return program_in_words(owners[0].command, owners[0].pid) if len({one.pid for one in owners}) == 1 else None


class Slow(msgspec.Struct, frozen=True):
    """Statements that a server has run for long, and the threads that wait for their answers.

    ``may_wait``: the list does not show waits for row locks, the oldest statement takes some, and no other list tells.
    """

    view: ProcessView
    sessions: tuple[Joined, ...]
    oldest: Session
    threads: tuple[ThreadActivity, ...]
    may_wait: bool


def slow_statements(case: Case) -> Iterator[Slow]:
    """The statements of a process that run for long and, as far as the lists show, wait for no lock."""
    for view in case.latest:
        far = case.far_side(view)
        slow = tuple(one for one in far.joined if one.connection is not None and _is_slow(far, one.session))
        threads = tuple(far.waiting_on(slow))
        if threads:
            oldest = max(slow, key=lambda one: one.session.state_age or 0).session
            yield Slow(view, slow, oldest, threads, _may_wait(far, oldest))


def _is_slow(far: FarSide, session: Session) -> bool:
    long = session.server in RUNS and session.state is SessionState.ACTIVE and (session.state_age or 0) >= LONG
    return long and (session.server, session.id) not in far.holders


def _may_wait(far: FarSide, session: Session) -> bool:
    """True for a statement that takes row locks in a list that does not show waits for these, where no other list does."""
    if session.server != "mysql" or session.own_link is not None or far.holders:
        return False
    return session.statement is None or _LOCKS_ROWS.search(session.statement) is not None
