"""The vocabulary of a collection: the system calls of threads, and the commands that were run. Part of :mod:`parsers.records`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from parsers.records.places import Inode, NativeId, Pid, Where


THREADS_IN: Final = "threads in "
"""What the name of a counter of threads begins with; their state follows."""
ASLEEP_IN: Final = "processes in state D: "
"""What the name of a counter of processes in uninterruptible sleep begins with; their program follows."""
TASK: Final = "task"
"""The native state of what is a task of an event loop, no thread of its own."""
MAIN: Final = "{main}"
"""What PHP calls a script outside its functions."""
SILENT: Final = "ended: silent for longer than its server's timeout"
"""The native state of a worker that its server ended."""
PINNED: Final = "pinned: its carrier waits with it"
"""The native state of a virtual thread that the runtime reports as pinned."""
DESCRIPTOR_FIRST: Final = frozenset(
    {"read", "write", "close", "readv", "writev", "sendfile", "connect", "accept", "accept4", "sendto", "recvfrom"}
    | {"sendmsg", "recvmsg", "recvmmsg", "sendmmsg", "flock", "fsync", "fdatasync"}
)
"""System calls that work on one descriptor, their first argument (``include/linux/syscalls.h``)."""


class Descriptor(msgspec.Struct, frozen=True, gc=False):
    """A descriptor by number, what its link in /proc/PID/fd points to, and the inode if that is a socket; None where it was not looked up."""

    number: int
    target: str | None = None
    inode: Inode | None = None


class TaskSyscall(msgspec.Struct, frozen=True, kw_only=True):
    """The system call that a thread stands in.

    ``native_id`` is the thread's number on the host, ``inner_id`` in its container. ``call`` is None for a running thread and for a call
    that says nothing. ``descriptor`` is the call's first argument where that is one. ``waits_for``: the descriptors that end the wait,
    None where they are not known or not all known.
    """

    where: Where
    pid: Pid
    native_id: NativeId
    inner_id: NativeId | None = None
    call: str | None = None
    descriptor: int | None = None
    waits_for: tuple[Descriptor, ...] | None = None
    wait_channel: str | None = None
    command: str | None = None
    caller: str | None = None
    """The function that made the call, where a debugger shows it."""
    state: str | None = None
    """The kernel's letter, where it is printed."""


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """A command that the collector ran for ``file``, or left out (``exit_code`` None), with its own remark. ``began`` is ISO 8601 in UTC."""

    where: Where
    file: str
    began: str
    command: str
    exit_code: int | None
    remark: str | None = None


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a collection: the host, its kernel, the process that was asked for, who ran the collector, and what Java runs there."""

    where: Where
    host: str | None = None
    kernel: str | None = None
    pid: Pid | None = None
    uid: int | None = None
    java: str | None = None


class HostFact(msgspec.Struct, frozen=True, kw_only=True):
    """A line of ``date``, ``uptime`` or ``uname``.

    ``time`` in ISO 8601 as the host's clock showed it, ``zone`` as printed beside it (an abbreviation or an offset). ``uptime`` in seconds.
    """

    where: Where
    time: str | None = None
    zone: str | None = None
    host: str | None = None
    kernel: str | None = None
    uptime: int | None = None
    load: tuple[float, float, float] | None = None
