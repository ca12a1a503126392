"""Health is earned: what the evidence must show before a server is called healthy, and what it lacks where it does not.

A stall hides in what was not saved, not read, or not looked at. So each reason below keeps "healthy" away, however quiet the rest is.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.evidence.calls import SOCKETS_MISSING, command, kind_in_words
from analyzer.evidence.log_events import against_health
from analyzer.evidence.movement import standing
from analyzer.evidence.turns import unknown_calls, waits_in_words
from analyzer.join.connections import left_unread
from analyzer.join.turns import is_served
from analyzer.judge.rows import heaped, unread_in_words
from analyzer.model.finding import Missing
from analyzer.model.message import plural, say, say_of
from analyzer.software.blockers import OUTBOUND, calls_of, hides_call, waits_for_push
from analyzer.software.kinds import ActivityKind, PoolRole
from analyzer.software.pools import in_own_loop
from analyzer.waits.pool_dependencies import hands_over
from analyzer.waits.targets import FEW_CLIENTS
from parsers.records import Runtime, SessionState, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.join.process import ProcessView
    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import Case

GROUP: Final = 3
"""Threads of one kind that all wait from which on it is no helper that waits for its timer."""
POOLED: Final = 50
"""Stale connections that pools keep, in several tables alike: twice what HTTP clients keep by default."""
_WAITS: Final = OUTBOUND | {
    ActivityKind.REQUEST_READ,
    ActivityKind.SOCKET_WRITE,
    ActivityKind.FUTURE,
    ActivityKind.COMPLETABLE_FUTURE,
    ActivityKind.LATCH,
    ActivityKind.BARRIER,
    ActivityKind.LOCK,
    ActivityKind.MONITOR,
    ActivityKind.CLASS_INIT,
    ActivityKind.SEMAPHORE,
    ActivityKind.CONDITION,
    ActivityKind.QUEUE,
    ActivityKind.FILE_LOCK,
    ActivityKind.FILE_IO,
    ActivityKind.PROCESS,
}
"""What a whole group of threads does not do for long on a healthy server."""
_ENDS: Final = OUTBOUND | {ActivityKind.LOCK, ActivityKind.MONITOR, ActivityKind.CLASS_INIT, ActivityKind.DNS}
"""What a task does not do for long on a healthy server, were it the only one."""
_BELLS: Final = frozenset({ActivityKind.CONDITION, ActivityKind.SEMAPHORE})
"""What wakes whoever waits for work."""
_PROFILE: Final = "runtime/pprof.(*Profile).WriteTo"
"""Go's goroutine that writes the dump itself."""
_HELPERS: Final = frozenset({PoolRole.JVM, PoolRole.ACCEPTOR, PoolRole.EVENT_LOOP})

QUEUES_MISSING: Final = Missing(
    say("socket table with accept queues"), say("whether connections wait to be accepted"), "ss -tanpoei > ss.txt"
)
SECOND_TABLE: Final = Missing(
    say("second socket table, a minute later"), say("whether the half-closed connections grow"), "sleep 60; ss -tanpoei > ss-2.txt"
)
LATER_TABLE: Final = Missing(
    say("second socket table, a minute later"), say("whether the bytes are read in the end"), "sleep 60; ss -tanpoei > ss-2.txt"
)
LATER_CALLS: Final = Missing(
    say("second socket table, a minute later"), say("whether the same calls still have no answer"), "sleep 60; ss -tanpoei > ss-2.txt"
)
COUNTERS_MISSING: Final = Missing(
    say("socket table with the kernel's counters"),
    say("which calls and clients have had no answer, and for how long"),
    "ss -tanpoei > ss.txt",
)
SECOND_DUMP: Final = Missing(
    say("second thread dump, ten seconds later"), say("whether the threads move"), "sleep 10; jstack -l PID > jstack-2.txt"
)
NATIVE_STACKS: Final = Missing(
    say("stacks with the frames of C"),
    say("whether these lines wait for a lock, for a socket, or for a time"),
    "py-spy dump --native --pid PID > stacks-native.txt",
)
LATER_DUMP: Final = Missing(
    say("one more thread dump, a minute later"), say("whether the threads move"), "sleep 60; jstack -l PID > jstack-later.txt"
)
WHOLE_TABLE: Final = Missing(say("whole socket table"), say("every connection of the process"), "ss -tanpoei > ss.txt")
WHOLE_DUMP: Final = Missing(say("whole thread dump"), say("every thread of the process"), "jstack -l PID > jstack.txt")


class HealthGap(NamedTuple):
    """Why health is not shown, and the artifact that would show it."""

    reason: str
    missing: Missing


def gaps_of_health(case: Case) -> tuple[HealthGap, ...]:
    """Everything that keeps "healthy" away, the most telling first; empty if health is shown."""
    joined_views = [view for view in case.latest if view.dump is not None and (view.sockets or view.snapshot.empty_tables)]
    found = [] if joined_views else [HealthGap(say("no thread dump and socket table are of one process and one moment"), SOCKETS_MISSING)]
    for view in case.latest:
        found += [gap._replace(missing=command(gap.missing, view)) for gap in _of_view(case, view)]
    found += [
        HealthGap(reason, WHOLE_TABLE) for reason in (*_unread(case), *against_health(case.incident), *_unjoined(case), *_locked(case))
    ]
    return tuple(dict.fromkeys(found))


def _of_view(case: Case, view: ProcessView) -> Iterator[HealthGap]:
    yield from _half_closed(case, view)
    if heap := heaped(view):
        yield HealthGap(unread_in_words(view, heap), LATER_TABLE)
    if view.dump is None:
        return
    yield from (HealthGap(reason, WHOLE_DUMP) for reason in view.coverage.threads)
    for pool in view.pools:
        yield from _of_pool(case, view, pool)
    if not view.sockets:
        if view.snapshot.empty_tables:
            yield HealthGap(say("the socket table is empty: it shows not even a listener"), WHOLE_TABLE)
        return
    yield from (HealthGap(reason, WHOLE_TABLE) for reason in view.coverage.sockets)
    if view.listeners and not view.coverage.queues:
        yield HealthGap(say("no table shows accept queues, so clients may wait unseen"), QUEUES_MISSING)
    elif view.client_side and not view.coverage.queues:
        yield HealthGap(say("no table shows receive queues, so answers may lie unread or never come"), COUNTERS_MISSING)
    yield from _unread_requests(case, view)
    yield from _unaccounted(view)
    yield from _unanswered(view)
    yield from _one_sided(view)


def _one_sided(view: ProcessView) -> Iterator[HealthGap]:
    """Open connections within this host without their other half, where the table has that of others: whoever they lead to knows nothing of them."""
    inside = [
        (row, row.remote)
        for row in view.client_side
        if row.state is TcpState.ESTABLISHED
        and row.remote is not None
        and (row.remote.is_loopback or row.remote.host in view.table.local_hosts)
    ]
    whole = {remote for one, remote in inside if view.table.get(remote, one.local) is not None}
    lost = [remote for one, remote in inside if remote in whole and view.table.get(remote, one.local) is None]
    if lost:
        yield HealthGap(
            say_of(
                len(lost),
                "{connections} to {remote} has no other end on this host, where others have one",
                "{connections} to {remote} have no other end on this host, where others have one",
                connections=plural(len(lost), "connection"),
                remote=lost[0],
            ),
            SECOND_TABLE,
        )


def _unread_requests(case: Case, view: ProcessView) -> Iterator[HealthGap]:
    """Requests that lay unread in the table before and still do; of one table alone those of most clients. Others come and go on every busy server."""
    history = case.history(view)
    before = next((one for one in reversed(history[: history.index(view)]) if one.sockets), None)
    then = {(row.local, row.remote): _taken_in(row) for row in before.sockets} if before is not None else {}
    for port in sorted(view.listeners):
        clients = view.clients_of(port).of(TcpState.ESTABLISHED)
        unread = [row for row in clients if left_unread(row) and not is_served(row)]
        stay = [row for row in unread if then.get((row.local, row.remote)) == _taken_in(row)]
        if stay:
            said = say("{requests} on port {port} lay unread in the table before, too", requests=plural(len(stay), "request"), port=port)
        elif before is None and len(unread) >= FEW_CLIENTS and len(unread) * 2 >= len(clients):
            said = say(
                "{count} of {clients} of port {port} have sent what nobody has read",
                count=len(unread),
                clients=plural(len(clients), "client"),
                port=port,
            )
        else:
            continue
        yield HealthGap(said, LATER_TABLE)


def _taken_in(row: Connection) -> tuple[int | None, int | None]:
    """What lies unread and, where the kernel counts it, all that ever came: a client that asks again sends as much as before."""
    return row.recv_q, row.info.bytes_received if row.info is not None else None


def _half_closed(case: Case, view: ProcessView) -> Iterator[HealthGap]:
    """Connections that a service closed and this process holds: a leak, or a pool's stale ones; only tables over time tell."""
    held = view.client_side.of(TcpState.CLOSE_WAIT)
    if not held:
        return
    tables = sum(bool(other.sockets) for other in case.history(view))
    if tables > 1 and len(held) <= POOLED:
        return
    yield HealthGap(
        say(
            "{process} holds {connections} that the other side has closed",
            process=view.command or say("the process"),
            connections=plural(len(held), "connection"),
        ),
        SECOND_TABLE,
    )


def _of_pool(case: Case, view: ProcessView, pool: Pool) -> Iterator[HealthGap]:
    """A group whose threads all wait for somebody, and that no second dump shows moving."""
    # A worker process of Python has one connection: while its client sends nothing it serves nobody else. Threads of other servers rest so.
    taken = view.known.runtime is Runtime.PYTHON and all(member.activity.kind is ActivityKind.REQUEST_READ for member in pool.busy)
    if pool.role is PoolRole.SERVER and taken and pool.busy and not pool.idle and not _moves(case, view, pool):
        threads = plural(len(pool.busy), "request thread", "request threads")
        yield HealthGap(
            say("all of {name} ({threads}) wait for requests that have not come, and none is free", name=pool.name, threads=threads),
            LATER_DUMP,
        )
    hidden = [member for member in pool.busy if hides_call(member.activity)]
    waiting = [*(member for member in pool.busy if member.activity.kind in _WAITS and not _at_rest(view, member)), *hidden]
    runs = any(member.activity.kind == ActivityKind.RUNNING for member in pool.busy)
    giving = [member for member in pool.busy if hands_over(member)]
    if len(giving) >= GROUP:  # what is full stays full for those that come after, however many threads are free
        waiting, runs = giving, False
    elif pool.idle:
        return
    if pool.role in _HELPERS or runs or not waiting or _moves(case, view, pool):
        return
    if len(pool.busy) < GROUP and not _task_stands(case, view, pool):
        return
    waits = Counter(kind_in_words([member]) for member in waiting)
    frame, count = waits.most_common(1)[0]
    if len(pool.busy) < GROUP:
        yield HealthGap(
            say_of(
                len(pool.busy),
                "{threads} of {name} has done nothing since the dump before, in {frame}: a task that hangs, or that waits for messages",
                "{threads} of {name} have done nothing since the dump before, in {frame}: tasks that hang, or that wait for messages",
                threads=plural(len(pool.busy), "thread"),
                name=pool.name,
                frame=frame,
            ),
            COUNTERS_MISSING,
        )
        return
    yield HealthGap(
        say(
            "{threads} of {name} all wait, {most}in {frame}",
            threads=plural(len(pool.busy), "thread"),
            name=pool.name,
            most=say("{count} of them ", count=count) if count < len(pool.busy) else "",
            frame=frame,
        ),
        NATIVE_STACKS
        if len(hidden) == len(waiting) and view.known.runtime is Runtime.PYTHON
        else SECOND_DUMP
        if standing(case, view, pool.busy) is None
        else LATER_DUMP,
    )


def _at_rest(view: ProcessView, member: ThreadActivity) -> bool:
    """True for a worker of a native program that waits in its own loop: it has no frame of a queue that would say so."""
    return view.known.runtime is Runtime.NATIVE and member.activity.kind in _BELLS and in_own_loop(member, view.known)


def _task_stands(case: Case, view: ProcessView, pool: Pool) -> bool:
    """True if tasks hold every thread of a small executor in a call or before a lock, and did nothing since the dump before: no task behind them runs.

    A thread of its own that reads all the time may wait for a push; what an executor runs should end.
    """
    found = standing(case, view, pool.busy)
    tasks = view.known.task_frames
    return (
        len(pool.busy) == len(pool.workers)
        and all(
            member.activity.kind in _ENDS
            and not tasks.isdisjoint(calls_of(member.thread.frames))
            and not waits_for_push(view.known, member.thread)
            for member in pool.busy
        )
        and found is not None
        and found.idle == found.of
    )


def _moves(case: Case, view: ProcessView, pool: Pool) -> bool:
    """True if most of the pool's threads left their place since the dump before, or worked in it."""
    found = standing(case, view, pool.busy)
    if found is None:
        return False
    stuck = found.same if found.idle is None else found.idle
    return stuck * 2 < found.of


def _unaccounted(view: ProcessView) -> Iterator[HealthGap]:
    """More threads in socket calls than the table has sockets: it is not the whole table, or not of this process."""
    threads = view.dump.threads if view.dump is not None else ()
    calling = [
        member
        for pool in view.pools
        for member in pool.members
        if member.activity.kind in {ActivityKind.SOCKET_READ, ActivityKind.REQUEST_READ, ActivityKind.SOCKET_WRITE}
        and not member.thread.virtual
    ]
    open_sockets = view.sockets.opened
    # A profile of goroutines is asked for over a connection, which is gone when the table is made.
    asked = sum(any(frame.full == _PROFILE for frame in thread.frames) for thread in threads)
    if threads and len(calling) - asked > len(open_sockets):
        yield HealthGap(
            say(
                "{threads} are in socket calls, and the table has {sockets} of the process",
                threads=plural(len(calling), "thread"),
                sockets=plural(len(open_sockets), "connection"),
            ),
            WHOLE_TABLE,
        )


def _unanswered(view: ProcessView) -> Iterator[HealthGap]:
    """What no thread stands in may wait all the same: an event loop has no thread for a call."""
    yield from (HealthGap(reason, LATER_CALLS) for reason in waits_in_words(view))
    yield from (HealthGap(reason, COUNTERS_MISSING) for reason in unknown_calls(view))


def _unjoined(case: Case) -> Iterator[str]:
    """Lists of sessions of which none is a connection of a process here: what they show of it is not known."""
    files = sorted(
        {session.where.file for snapshot in case.incident.snapshots for session in snapshot.sessions if session.client is not None}
    )
    for view in case.latest:
        if (lost := len(case.far_side(view).unlisted)) > 0:
            yield say(
                "{connections} of the process have no session in {file}",
                connections=plural(lost, "connection"),
                file=files[0] if files else "?",
            )
    if files and not any(end.connection is not None for view in case.latest for end in case.far_side(view).joined):
        yield say("none of the sessions in {file} is a connection of a process here", file=files[0])


def _locked(case: Case) -> Iterator[str]:
    """Sessions of a process here that wait for a lock, whoever holds it."""
    for view in case.latest:
        for end in case.far_side(view).joined:
            if end.connection is not None and end.session.state is SessionState.LOCKED:
                yield say("session {id} of the process waits for a lock", id=end.session.id)


def _unread(case: Case) -> Iterator[str]:
    """Files whose lines were mostly not understood, and files that may say what is wrong and that nobody read."""
    view = next(iter(case.latest), None)
    if view is not None:
        yield from (reason for _, reason in view.coverage.unread)
    for artifact in case.incident.artifacts:
        for part in artifact.parts:
            if part.format is None and part.looks_like is not None:
                yield say("{file} looks like {kind} and was not read", file=artifact.file, kind=part.looks_like)
