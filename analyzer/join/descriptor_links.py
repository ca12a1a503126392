"""Exact links: thread → the system call it stands in → descriptor → inode → socket.

A thread dump and a table of system calls know the same thread by its number, if they are of the same process and count alike. A JVM in a
container numbers its threads from its own 1, and a pid may be another process' by now; so the two must agree thread by thread before
anything is claimed: most threads of the dump are in the table, and under their names (HotSpot gives the kernel the first 15 bytes of a
thread's name, ``os_linux.cpp``, ``set_native_thread_name``).
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.model.finding import Basis, Confidence, Link
from analyzer.software.kinds import PoolRole
from parsers.records import JavaState, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.process import ProcessView
    from analyzer.software.pools import Pool
    from parsers.records import Descriptor, Inode, TaskSyscall, Thread

PRESENT: Final = 0.8
"""Share of the dump's threads that the table must have: dump and table are taken a moment apart, and threads end."""
NAMED_ALIKE: Final = 0.5
"""Share of these whose names must agree: the launcher's first thread is called java, and some programs rename threads from outside."""
COMM_LENGTH: Final = 15
"""TASK_COMM_LEN without its NUL (``include/linux/sched.h``)."""
_NOT_IN_A_CALL: Final = frozenset({JavaState.WAITING, JavaState.TIMED_WAITING, JavaState.BLOCKED, JavaState.NEW, JavaState.TERMINATED})
"""A thread that the dump shows parked or blocked has moved since (or is another one): HotSpot shows those in a socket call as RUNNABLE."""
_LOOPS: Final = frozenset({PoolRole.SERVER, PoolRole.EVENT_LOOP, PoolRole.ACCEPTOR})
"""Roles whose threads watch the connections of others in an epoll: what such a thread waits for says nothing of itself."""


class Exact(NamedTuple):
    """A thread and a socket that it waits for; ``alone`` if that is the only one."""

    thread: Thread
    socket: Connection
    alone: bool


def descriptor_links(view: ProcessView) -> Iterator[Link]:
    """Links that the kernel itself shows; none where dump and table are not surely of one process."""
    pools = _pools(view)
    for thread, socket, alone in exact_sockets(view):
        yield _link(view, socket, thread, pools.get(thread), alone=alone)


def _pools(view: ProcessView) -> dict[Thread, Pool]:
    return {member.thread: pool for pool in view.named_pools for member in pool.members}


def exact_sockets(view: ProcessView) -> Iterator[Exact]:
    """Which socket each thread waits for, where system calls show it; none where dump and table are not surely of one process."""
    tasks = [task for task in view.snapshot.tasks if task.pid == view.pid]
    if not tasks or view.dump is None:
        return
    threads = threads_of(view.dump.threads, tasks)
    if not threads:
        return
    pools = _pools(view)
    sockets = {socket.inode: socket for socket in view.sockets if socket.inode}
    listed = _listed_inodes(view)
    for task in tasks:
        thread = threads.get(task.native_id)
        if thread is None or thread.state in _NOT_IN_A_CALL:
            continue
        pool = pools.get(thread)
        found = [socket for one in task.waits_for or () if (inode := _inode(one, listed)) and (socket := sockets.get(inode))]
        if task.descriptor is not None and task.call is not None and task.call.startswith("epoll"):
            found = found if len(found) == 1 and (pool is None or pool.role not in _LOOPS) else []
        for socket in found:
            yield Exact(thread, socket, len(found) == 1)


def threads_of(threads: Sequence[Thread], tasks: Sequence[TaskSyscall]) -> dict[int, Thread]:
    """The dump's thread for each task's number on the host; empty if dump and table are not of one process.

    Where the JVM counts in a container, its native ids are the tasks' inner ones.
    """
    outer = {task.native_id: task for task in tasks}
    inner = {task.inner_id: task for task in tasks if task.inner_id is not None}
    numbered = [(thread.native_id, thread) for thread in threads if thread.native_id is not None]
    for table in (outer, inner):
        pairs = [(table[number], thread) for number, thread in numbered if number in table]
        if pairs and len(pairs) >= PRESENT * len(numbered) and _named_alike(pairs):
            return {task.native_id: thread for task, thread in pairs}
    return {}


def _named_alike(pairs: Sequence[tuple[TaskSyscall, Thread]]) -> bool:
    """True if most names agree. A table without names proves nothing by itself: then every thread that it shows in a socket call must be runnable."""
    named = [(task.command, thread.name) for task, thread in pairs if task.command is not None]
    if not named:
        return not any(task.waits_for and thread.state in _NOT_IN_A_CALL for task, thread in pairs)
    return sum(is_comm(comm, name) for comm, name in named) >= NAMED_ALIKE * len(named)


def is_comm(comm: str, name: str) -> bool:
    """True if the kernel may call a thread of this name so: its first 15 bytes, or (newer VMs) its first 7 and last 6 with dots between."""
    cut = name.encode()[:COMM_LENGTH].decode(errors="replace").rstrip()
    return comm in {cut, f"{name[:7]}..{name[-6:]}"}


def _listed_inodes(view: ProcessView) -> Mapping[int, Inode]:
    """Descriptor → inode as /proc/PID/fd, lsof and ss list them; a descriptor that two of them see differently was reused, and is left out."""
    seen: dict[int, set[Inode]] = defaultdict(set)
    for file in view.snapshot.open_files:
        if file.pid == view.pid and file.inode and file.fd.isdecimal():
            seen[int(file.fd)].add(file.inode)
    for row in view.snapshot.rows:
        for owner in row.owners or ():
            if owner.pid == view.pid and owner.fd is not None and row.inode:
                seen[owner.fd].add(row.inode)
    return {number: next(iter(inodes)) for number, inodes in seen.items() if len(inodes) == 1}


def _inode(descriptor: Descriptor, listed: Mapping[int, Inode]) -> Inode | None:
    """What the collector looked up in the same moment; else what the lists say, unless it saw something that is no socket."""
    return descriptor.inode if descriptor.target else listed.get(descriptor.number)


def _link(view: ProcessView, socket: Connection, thread: Thread, pool: Pool | None, *, alone: bool) -> Link:
    return Link(
        snapshot=view.snapshot.name,
        host=view.snapshot.host,
        pid=view.pid,
        role=_role(view, socket, alone=alone),
        local=str(socket.local),
        remote=str(socket.remote) if socket.remote else None,
        state=socket.state.value if socket.state else None,
        inode=socket.inode,
        thread=thread.name,
        tid=thread.native_id,
        pool=pool.name if pool else None,
        basis=Basis.DESCRIPTOR,
        confidence=Confidence.CERTAIN,
    )


def _role(view: ProcessView, socket: Connection, *, alone: bool) -> str:
    """A thread serves what came in, calls over what it waits for alone, and holds a listener or one of several sockets."""
    if socket.state is TcpState.LISTEN or socket.remote is None or not alone:
        return "holds"
    return "serves" if socket.local.port in view.listeners else "calls"
