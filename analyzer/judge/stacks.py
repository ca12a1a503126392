"""Threads with equal stacks, and alike sockets: the tables that developers look through. Linear in the number of threads and sockets."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from analyzer.evidence.movement import NO_CPU
from analyzer.join.connections import left_unread
from analyzer.model.groups import Cell, Queue, SocketGroup, StackGroup, ThreadRow, order_of_group
from analyzer.software.blockers import IDLE, application_frame, blocking_frame, waited_lock
from analyzer.software.kinds import ActivityKind, PoolRole
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.process import ProcessView
    from analyzer.model.finding import Finding, Link
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case
    from parsers.records import Thread, Where


_Alike: TypeAlias = tuple["int | None", str, "TcpState | None", Queue]
"""The own port that clients opened, far host or end, state and queue."""


class _Member(msgspec.Struct, frozen=True):
    """A thread with its pool and what it does."""

    pool: str
    role: PoolRole
    activity: ThreadActivity


def stack_groups(case: Case, primary: Finding | None) -> tuple[StackGroup, ...]:
    """The groups of every process at its last dump, then those of threads that have ended since."""
    places = _places(primary)
    made: list[StackGroup] = []
    for view in case.latest:
        history = [other for other in case.history(view) if other.dump is not None and other.snapshot.index <= view.snapshot.index]
        if view.dump is None or not history:
            continue
        courses = [{_identity(thread): thread for thread in before.dump.threads} for before in history if before.dump is not None]
        made += [_group(view, alike, history, courses, places) for alike in _alike(_members(view))]
        made += [
            _group(one, alike, history, courses, places, gone=True)
            for index, one in enumerate(history[:-1])
            for alike in _alike(_ended(one, courses[index], courses[index + 1 :]))
        ]
    subject = primary.process if primary is not None else None
    return tuple(sorted(made, key=lambda group: order_of_group(group, subject)))


def _members(view: ProcessView) -> Iterator[_Member]:
    for pool in view.pools:
        for member in pool.members:
            if member.thread.frames or (pool.role is not PoolRole.JVM and member.activity.kind is ActivityKind.QUEUED):
                yield _Member(pool.name, pool.role, member)


def _ended(
    view: ProcessView, here: Mapping[tuple[object, ...], Thread], later: Sequence[Mapping[tuple[object, ...], Thread]]
) -> Iterator[_Member]:
    """Threads of a dump that no later one shows."""
    lost = here.keys() - {key for threads in later for key in threads}
    if lost:
        yield from (one for one in _members(view) if _identity(one.activity.thread) in lost)


def _alike(members: Iterable[_Member]) -> Iterable[list[_Member]]:
    groups: dict[object, list[_Member]] = defaultdict(list)
    for one in members:
        groups[one.activity.thread.frames, one.activity.activity.kind].append(one)
    return groups.values()


def _group(
    view: ProcessView,
    alike: list[_Member],
    history: Sequence[ProcessView],
    courses: Sequence[Mapping[tuple[object, ...], Thread]],
    places: Mapping[str, Sequence[Where]],
    *,
    gone: bool = False,
) -> StackGroup:
    member = alike[0].activity
    thread, found = member
    threads = [one.activity.thread for one in alike]
    rows: dict[str, list[str]] = defaultdict(list)
    if len(courses) == 1:
        rows[str(Cell.PRESENT)] = [one.label for one in threads]  # one dump compares nothing, and may have 200,000 goroutines
    else:
        for one in threads:
            rows[_course(_identity(one), courses)].append(one.label)
    app = application_frame(thread, found)
    last = {cells[history.index(view)] for cells in rows}
    compared = last & {Cell.SAME, Cell.WORKED, Cell.MOVED, Cell.NEW}
    no_cpu = last == {Cell.SAME} and all(_cpu_known(_identity(one), courses, history.index(view)) for one in threads)
    return StackGroup(
        snapshot=view.snapshot.name,
        host=view.snapshot.host,
        pid=view.process.pid,
        count=len(threads),
        threads=tuple(one.label for one in threads),
        pools=dict(Counter(one.pool for one in alike).most_common()),
        state=thread.state.value if thread.state is not None else None,
        doing=found.kind.value,
        idle=found.kind in IDLE or alike[0].role is PoolRole.JVM,
        waits_for=_waits_for(member),
        frames=tuple(str(frame) for frame in thread.frames),
        application=tuple(index for index, frame in enumerate(thread.frames) if view.known.is_application(frame.cls)),
        application_frame=str(app) if app is not None else None,
        where=thread.where,
        seen_in=tuple(
            one.snapshot.name
            for one, course in zip(history, courses, strict=True)
            if (one is view and not gone) or all(_stands(one_thread, course) for one_thread in threads)
        ),
        dumps=tuple(other.snapshot.name for other in history),
        moved=False if no_cpu else True if compared - {Cell.SAME} else None,
        no_cpu=no_cpu,
        gone=gone,
        told=not gone and bool(places) and any(_overlap(one.where, places.get(one.where.file, ())) for one in threads),
        rows=tuple(ThreadRow(cells, tuple(names)) for cells, names in rows.items()),
    )


def _waits_for(member: ThreadActivity) -> str | None:
    """The frame that says what the thread does, and the class of the lock it waits for."""
    frame, lock = blocking_frame(*member), waited_lock(member.thread)
    said = [frame.call] if frame is not None else []
    if lock is not None and lock.cls and member.activity.kind in {ActivityKind.MONITOR, ActivityKind.OBJECT_WAIT, ActivityKind.LOCK}:
        said.append(lock.cls)
    return ", ".join(said) or None


def _identity(thread: Thread) -> tuple[object, ...]:
    return thread.name, thread.native_id, thread.java_id


def _stands(thread: Thread, course: Mapping[tuple[object, ...], Thread]) -> bool:
    then = course.get(_identity(thread))
    return then is not None and _same_calls(then, thread)


def _same_calls(one: Thread, other: Thread) -> bool:
    return one.frames == other.frames or _calls(one) == _calls(other)


def _calls(thread: Thread) -> list[str]:
    return [frame.full for frame in thread.frames]


def _course(key: tuple[object, ...], courses: Sequence[Mapping[tuple[object, ...], Thread]]) -> str:
    """One letter for each dump."""
    cells = ""
    before: Thread | None = None
    for index, course in enumerate(courses):
        thread = course.get(key)
        if thread is None:
            cells += Cell.GONE if before is not None else Cell.ABSENT
        elif before is None:
            cells += Cell.NEW if index else Cell.PRESENT
        elif not _same_calls(before, thread):
            cells += Cell.MOVED
        else:
            worked = thread.cpu is not None and before.cpu is not None and thread.cpu - before.cpu > NO_CPU
            cells += Cell.WORKED if worked else Cell.SAME
        before = thread
    return cells


def _cpu_known(key: tuple[object, ...], courses: Sequence[Mapping[tuple[object, ...], Thread]], index: int) -> bool:
    return index > 0 and all(
        (thread := course.get(key)) is not None and thread.cpu is not None for course in courses[index - 1 : index + 1]
    )


def _places(primary: Finding | None) -> dict[str, list[Where]]:
    """What the verdict quotes, by file."""
    quoted = primary.evidence if primary is not None else ()
    steps = [proof for step in primary.chain for proof in step.evidence] if primary is not None else []
    found: dict[str, list[Where]] = defaultdict(list)
    for where in dict.fromkeys(one.where for one in (*quoted, *steps)):
        found[where.file].append(where)
    return found


def _overlap(where: Where, quoted: Sequence[Where]) -> bool:
    return any(one.first <= where.last and where.first <= one.last for one in quoted)


def socket_groups(case: Case, links: Iterable[Link]) -> tuple[SocketGroup, ...]:
    """The sockets of every process in its last table, by far host, state and queue; the most first."""
    holders = {(link.snapshot, link.host, link.local, link.remote): link.thread or link.pool for link in links}
    groups: list[SocketGroup] = []
    for view in case.latest:
        counts, held = _alike_sockets(view), _held(view, holders)
        groups += [_sockets(view, alike, count, held.get(alike, {})) for alike, count in counts.items()]
    return tuple(sorted(groups, key=lambda group: (-group.count, group.side, group.remote, group.state, group.queue)))


def _alike_sockets(view: ProcessView) -> dict[_Alike, int]:
    """How many open sockets are alike."""
    listeners, unknown, empty = view.listeners, Queue.UNKNOWN, Queue.EMPTY
    return Counter(
        [
            (port, remote.host, row.state, queue) if port in listeners else (None, str(remote), row.state, queue)
            for row in view.sockets.opened
            if (remote := row.remote) is not None
            for port, recv_q in ((row.local.port, row.recv_q),)
            for queue in (_queue(row) if recv_q or row.unaccepted else unknown if recv_q is None else empty,)
        ]
    )


def _held(view: ProcessView, holders: Mapping[tuple[str, str | None, str, str | None], str | None]) -> dict[_Alike, Counter[str]]:
    """Who holds how many sockets of each kind."""
    found: dict[_Alike, Counter[str]] = defaultdict(Counter)
    name, host = view.snapshot.name, view.snapshot.host
    for row in view.sockets.opened if holders else ():
        remote = row.remote
        holder = holders.get((name, host, str(row.local), str(remote)))
        if holder is not None and remote is not None:
            port = row.local.port
            served = port in view.listeners
            found[port if served else None, remote.host if served else str(remote), row.state, _queue(row)][holder] += 1
    return found


def _queue(row: Connection) -> Queue:
    if row.unaccepted:
        return Queue.UNACCEPTED
    if row.recv_q is None:
        return Queue.UNKNOWN
    queue = left_unread(row) if row.farewell else row.recv_q
    if queue == 1 and row.state is TcpState.CLOSE_WAIT:
        return Queue.FIN
    return Queue.UNREAD if queue else Queue.EMPTY


def _sockets(view: ProcessView, alike: _Alike, count: int, held: Mapping[str, int]) -> SocketGroup:
    port, remote, state, queue = alike
    return SocketGroup(
        snapshot=view.snapshot.name,
        host=view.snapshot.host,
        pid=view.process.pid,
        side="server" if port is not None else "client",
        port=port,
        remote=remote,
        state=(state or TcpState.UNKNOWN).value,
        queue=queue,
        count=count,
        holders=dict(Counter(held).most_common()) if held else {},
    )
