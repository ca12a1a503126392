"""The vocabulary of processes and what their threads use. Part of :mod:`parsers.records`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from parsers.records.places import NativeId, Pid, Where


MEMORY_TOTAL: Final = "memory of the host, bytes"
MEMORY_AVAILABLE: Final = "memory that is available, bytes"
SWAP_USED: Final = "swap in use, bytes"
OLD_GENERATION: Final = "old generation in use, percent"
HEAP_USED: Final = "heap in use, bytes"
HEAP_COMMITTED: Final = "heap that is committed, bytes"
HEAP_MOST: Final = "heap at most, bytes"
WHOLE_COLLECTIONS: Final = "collections of the whole heap"
"""Names of counters that tables of memory and of a JVM's heap give, and judgements look for."""


class ThreadUsage(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``top -H``: CPU in percent of one core over top's interval, or since boot in its first round."""

    where: Where
    native_id: NativeId
    user: str | None
    state: str
    cpu_percent: float
    command: str


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """/proc/PID/status. ``state`` is the kernel's letter: R S D T (stopped) t (traced) Z X I.

    ``nspid``: the process's id in every PID namespace from the outermost to its own; several in a container. ``tracer`` 0: nobody traces it.
    ``thread`` is set when this is one thread (/proc/PID/task/TID/status), whose ``state`` it is. ``rss`` in bytes. ``name``: ``comm``, 15 characters.
    """

    where: Where
    tool: str
    pid: Pid
    name: str
    state: str
    threads: int | None = None
    nspid: tuple[int, ...] | None = None
    tracer: Pid | None = None
    fd_size: int | None = None
    rss: int | None = None
    thread: NativeId | None = None


class ProcessRow(msgspec.Struct, frozen=True, kw_only=True):
    """A process of ``ps`` or ``top``, of the whole host. ``command`` as far as it was printed; ``state`` the kernel's letter, None without STAT; ``parent`` from PPID.

    ``cpu_percent``: of one processor at that moment, as top says; what ps prints is the mean since the process began, and is not kept.
    """

    where: Where
    pid: Pid
    command: str
    state: str | None = None
    threads: int | None = None
    rss: int | None = None
    parent: Pid | None = None
    cpu_percent: float | None = None


class AttachFailure(msgspec.Struct, frozen=True):
    """jstack or jcmd got no answer from a VM: it does not run, or it never reaches a safepoint. ``text`` is the tool's sentence."""

    where: Where
    pid: Pid | None
    text: str


class FileLock(msgspec.Struct, frozen=True, kw_only=True):
    """A lock on a file between processes, held or waited for. ``pid`` is None for a lock of an open file, which no process owns.

    ``place``: the path, or the kernel's device and inode; None where no tool found it. ``number``: the lines of one number are one lock. ``blocker``: who holds
    it, where the row says so.
    """

    where: Where
    pid: Pid | None
    command: str | None
    kind: str
    mode: str
    waits: bool
    place: str | None
    number: int | None = None
    blocker: Pid | None = None


class FileSystem(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``df``: how much a file system holds. Bytes, or numbers of inodes.

    ``available``: to users other than root, less than nothing where root has used some of what is kept for it. ``used_percent`` is rounded up by most systems.
    ``kind``: its type, where the row has it.
    """

    where: Where
    device: str
    mount: str
    kind: str | None = None
    size: int | None = None
    used: int | None = None
    available: int | None = None
    used_percent: int | None = None
    inodes: bool = False


class Limit(msgspec.Struct, frozen=True):
    """A row of /proc/PID/limits. ``soft`` and ``hard`` are None for unlimited."""

    where: Where
    name: str
    soft: int | None
    hard: int | None
    unit: str | None
