"""The vocabulary of the ground floor: typed, immutable facts, each with the place it was read from.

``None`` means that the artifact does not say; ``()`` and ``0`` mean that it says none. Nothing is ever filled in.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec

from parsers.records.far_counts import FarCount, Fate, ProxyLoad
from parsers.records.log_events import BESIDE, DeadlockSide, LogEvent, LogKind, LogLines
from parsers.records.places import Inode, NativeId, Pid, Unit, Where
from parsers.records.process_records import AttachFailure, FileLock, FileSystem, Limit, ProcessRow, ProcessStatus, ThreadUsage
from parsers.records.sessions import Session, SessionBlock, SessionCount, SessionState
from parsers.records.stack_records import Frame, LockQueue, LoopHandle, Runtime
from parsers.records.tallies import Counted, Setting, Tally
from parsers.records.task_records import (
    DESCRIPTOR_FIRST,
    MAIN,
    PINNED,
    SILENT,
    TASK,
    THREADS_IN,
    Collected,
    Collection,
    Descriptor,
    HostFact,
    TaskSyscall,
)
from parsers.records.tcp_info import SocketMemory, TcpInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

_Kind = TypeVar("_Kind")

__all__ = [
    "BESIDE",
    "DESCRIPTOR_FIRST",
    "MAIN",
    "PINNED",
    "SILENT",
    "TASK",
    "THREADS_IN",
    "AttachFailure",
    "Collected",
    "Collection",
    "Counted",
    "DeadlockSide",
    "Descriptor",
    "FarCount",
    "Fate",
    "FileLock",
    "FileSystem",
    "Frame",
    "HostFact",
    "Inode",
    "Limit",
    "LockQueue",
    "LogEvent",
    "LogKind",
    "LogLines",
    "LoopHandle",
    "NativeId",
    "Pid",
    "ProcessRow",
    "ProcessStatus",
    "ProxyLoad",
    "Runtime",
    "Session",
    "SessionBlock",
    "SessionCount",
    "SessionState",
    "Setting",
    "SocketMemory",
    "Tally",
    "TaskSyscall",
    "TcpInfo",
    "ThreadUsage",
    "Unit",
    "Where",
]  # defined next door, imported from here


class TcpState(StrEnum):
    """TCP states of RFC 9293 in the spelling of Linux' netstat (net-tools ``statistics.c``)."""

    ESTABLISHED = "ESTABLISHED"
    SYN_SENT = "SYN_SENT"
    SYN_RECV = "SYN_RECV"
    FIN_WAIT1 = "FIN_WAIT1"
    FIN_WAIT2 = "FIN_WAIT2"
    TIME_WAIT = "TIME_WAIT"
    CLOSE = "CLOSE"
    CLOSE_WAIT = "CLOSE_WAIT"
    LAST_ACK = "LAST_ACK"
    LISTEN = "LISTEN"
    CLOSING = "CLOSING"
    UNKNOWN = "UNKNOWN"


class Endpoint(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """One end of a connection.

    ``host`` is an address without brackets, IPv4-mapped IPv6 written as IPv4, or a name if the tool resolved it; ``*`` is the
    wildcard. ``port`` is None for ``*`` and for a service name that stands for several ports or for none that is known; then
    ``service`` holds the name. ``truncated``: the tool cut the address, so it identifies nothing.
    """

    host: str
    port: int | None
    service: str | None = None
    truncated: bool = False

    def __lt__(self, other: Endpoint) -> bool:
        """Order by host and port; an unknown port comes first, services by name."""
        return self._order < other._order

    @property
    def _order(self) -> tuple[str, int, str]:
        return self.host, -1 if self.port is None else self.port, self.service or ""

    def __str__(self) -> str:
        """``host:port`` with brackets around an IPv6 address."""
        port = self.port if self.port is not None else self.service or "*"
        return f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}"

    @property
    def is_wildcard(self) -> bool:
        """True for the address that a socket bound to every interface has."""
        return self.host in {"*", "0.0.0.0", "::"}  # noqa: S104 - compared, never bound

    @property
    def is_loopback(self) -> bool:
        """True for 127.0.0.0/8 and ::1."""
        return self.host.startswith("127.") or self.host == "::1"


class TimerKind(StrEnum):
    """Which timer runs on a socket (kernel ``inet_diag``; net-tools and iproute2 name them differently)."""

    OFF = "off"
    RETRANSMIT = "on"
    KEEPALIVE = "keepalive"
    TIME_WAIT = "timewait"
    PROBE = "probe"
    UNKNOWN = "unknown"


class Timer(msgspec.Struct, frozen=True, gc=False):
    """A socket's timer. ``remaining`` in seconds; ``rounded``: the tool printed whole minutes only."""

    kind: TimerKind
    remaining: float | None
    retransmits: int | None = None
    probes: int | None = None
    rounded: bool = False


class Owner(msgspec.Struct, frozen=True, gc=False):
    """A process that holds a socket's descriptor."""

    pid: Pid
    command: str | None = None
    fd: int | None = None


class SocketRow(msgspec.Struct, frozen=True, gc=False):
    """One row of a socket table.

    ``recv_q`` and ``send_q`` are bytes; for LISTEN rows connections (``recv_q``: waiting to be accepted; ``send_q``: the backlog, ss
    only). ``owners`` is None when the tool was not asked or not allowed to say. ``inode`` 0: no process owns the socket.
    """

    where: Where
    tool: str
    proto: str
    local: Endpoint
    remote: Endpoint | None
    state: TcpState | None
    recv_q: int | None = None
    send_q: int | None = None
    backlog: int | None = None
    owners: tuple[Owner, ...] | None = None
    user: str | None = None
    inode: Inode | None = None
    timer: Timer | None = None
    info: TcpInfo | None = None
    """What ``ss -i`` says of the connection."""
    memory: SocketMemory | None = None
    """What ``ss -m`` says of its buffers."""

    @property
    def pid(self) -> Pid | None:
        """The first owner's pid, None when no owner is known."""
        return self.owners[0].pid if self.owners else None


class OpenFile(msgspec.Struct, frozen=True, gc=False):
    """A descriptor that is not a socket with a TCP or UDP endpoint. ``kind`` is lsof's TYPE or the link's scheme."""

    where: Where
    tool: str
    pid: Pid | None
    command: str | None
    fd: str
    kind: str
    target: str
    inode: Inode | None = None


class JavaState(StrEnum):
    """``java.lang.Thread.State``."""

    NEW = "NEW"
    RUNNABLE = "RUNNABLE"
    BLOCKED = "BLOCKED"
    WAITING = "WAITING"
    TIMED_WAITING = "TIMED_WAITING"
    TERMINATED = "TERMINATED"


class LockVerb(StrEnum):
    """What HotSpot prints in front of a lock (``vframe.cpp``, ``javaVFrame::print_lock_info_on``)."""

    LOCKED = "locked"
    WAITING_ON = "waiting on"
    WAITING_TO_LOCK = "waiting to lock"
    RELOCKING = "waiting to re-lock in wait()"
    PARKING = "parking to wait for"
    CLASS_INIT = "waiting on the Class initialization monitor for"
    ELIMINATED = "eliminated"
    OWNS = "owns"
    """An entry below ``Locked ownable synchronizers:`` (jstack -l)."""


class Lock(msgspec.Struct, frozen=True, gc=False):
    """A lock line. ``depth``: the frame above it, -1 for an ownable synchronizer. ``address``: ``0x…``, ``pkg.Class@hash`` of Java code's dumps, or None."""

    verb: LockVerb
    address: str | None
    cls: str | None
    depth: int
    line: int
    owner: int | None = None
    holder: str | None = None
    """The Java id and the name of the thread that holds it, where the line itself names one."""
    guessed: bool = False
    """True where no line says that the thread waits for this lock: it is the only one that it can be."""


class Thread(msgspec.Struct, frozen=True, kw_only=True, gc=False, eq=False):
    """One thread of a dump. Times in seconds since the thread's start, ``waited`` since it waits so; ``frame_lines`` has the line of each frame."""

    where: Where
    name: str
    java_id: int | None = None
    native_id: NativeId | None = None
    daemon: bool = False
    state: JavaState | None = None
    native_state: str | None = None
    cpu: float | None = None
    elapsed: float | None = None
    waited: float | None = None
    carrying: int | None = None
    frames: tuple[Frame, ...] = ()
    frame_lines: tuple[int, ...] = ()
    locks: tuple[Lock, ...] = ()
    lists_synchronizers: bool = False
    """True when the dump has a ``Locked ownable synchronizers`` part for this thread, even one that says None."""
    virtual: bool = False
    carrier: int | None = None
    """The Java id of the platform thread that runs this virtual thread; None if it is not mounted or the dump does not say."""
    container: str | None = None
    """The executor that the thread belongs to (``java.util.concurrent.ThreadPoolExecutor@7852e922``); ``<root>`` for none."""
    group: str | None = None
    """What threads of one kind share where names tell nothing: the function that a goroutine began in, the pool of a forked worker."""
    request: str | None = None
    """The address of the request that it serves, where the stack has it: another one in a later dump is another request."""

    @property
    def label(self) -> str:
        """Its name, or its number where it has none: ``#32``, as most virtual threads (JEP 444), which have no native id either; ``thread 2874``."""
        if self.name or self.java_id is not None:
            return self.name or f"#{self.java_id}"
        return f"thread {self.native_id}" if self.native_id is not None else ""


class DeadlockEntry(msgspec.Struct, frozen=True):
    """One thread of a reported deadlock: it waits for ``address`` (a ``cls``), which ``holder`` holds."""

    thread: str
    address: str | None
    cls: str | None
    holder: str | None


class Deadlock(msgspec.Struct, frozen=True, eq=False):
    """A cycle from HotSpot's own deadlock report (``threadService.cpp``, ``DeadlockCycle::print_on_with``)."""

    where: Where
    entries: tuple[DeadlockEntry, ...]


class ThreadDump(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thread dump. ``time`` as printed, ISO 8601 without zone. ``complete``: the end marker was there; None when the VM prints none.

    ``total``: how many threads it says that there are.
    """

    where: Where
    dialect: str
    threads: tuple[Thread, ...]
    deadlocks: tuple[Deadlock, ...] = ()
    time: str | None = None
    vm: str | None = None
    pid: Pid | None = None
    complete: bool | None = None
    fragment: bool = False
    """True when there is no dump header: a piece of a dump, which says nothing of the threads it leaves out."""
    runtime: Runtime = Runtime.JVM
    sampled: bool = False
    """True for a sample of the busiest threads."""
    total: int | None = None
    queues: tuple[LockQueue, ...] = ()


class Counter(msgspec.Struct, frozen=True):
    """A kernel counter such as ``TcpExtListenOverflows``: since boot, or since nstat's last run."""

    where: Where
    name: str
    value: int


class Elision(msgspec.Struct, frozen=True):
    """A line of dots: whoever pasted this left lines out here."""

    where: Where


Record: TypeAlias = (
    SocketRow
    | OpenFile
    | ThreadDump
    | Limit
    | Counter
    | ThreadUsage
    | ProcessStatus
    | ProcessRow
    | AttachFailure
    | FileLock
    | FileSystem
    | HostFact
    | Elision
    | LoopHandle
    | TaskSyscall
    | Session
    | SessionBlock
    | SessionCount
    | Collected
    | Collection
    | FarCount
    | ProxyLoad
    | Tally
    | Setting
    | LogEvent
)


class Unread(msgspec.Struct, frozen=True):
    """Lines that a parser did not understand: where, how many of them are not blank, and why."""

    where: Where
    lines: int
    why: str


class Parsed(msgspec.Struct, frozen=True, dict=True):
    """What a format made of a section. ``read`` counts the non-blank lines it understood; with the unread ones that is all of them."""

    records: tuple[Record, ...]
    read: int
    unread: tuple[Unread, ...] = ()

    @cached_property
    def kinds(self) -> frozenset[type]:
        """The kinds of its records: asked once, of a million rows too."""
        return frozenset(map(type, self.records))

    def of(self, kind: type[_Kind]) -> Sequence[_Kind]:
        """The records of one kind. Most sections hold a single one: then this costs no look at each."""
        if kind not in self.kinds:
            return ()
        records: Sequence[Any] = self.records
        return records if len(self.kinds) == 1 else [record for record in records if record.__class__ is kind]
