"""The vocabulary of logs: lines that prove something, and how many lines beside them prove nothing. Part of :mod:`parsers.records`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from parsers.records.places import Where
    from parsers.records.stack_records import Frame


class LogKind(StrEnum):
    """What a line of a log proves to have happened."""

    POOL_EMPTY = "a pool of connections had none left"
    READ_TIMEOUT = "a read timed out"
    CONNECT_TIMEOUT = "a connection attempt timed out"
    REFUSED = "a connection was refused"
    DESCRIPTORS = "no file descriptor was left"
    THREADS = "a pool of threads reached its limit"
    WORKERS = "no worker process was free while connections waited for one"
    SLOW_REQUEST = "a request took longer than its limit"
    MAILBOX = "messages lay unread before a process"
    NO_THREAD = "no further thread could be made"
    MEMORY = "memory ran out"
    SLOTS = "a server had no place for another connection"
    LOCK_WAIT = "a session waited for a lock"
    DEADLOCK = "the database ended a deadlock"
    SLOW_STATEMENT = "a statement took long"
    LIMIT_ENDED = "a time limit of the server ended a session or statement"
    PROXY_GAVE_UP = "a proxy gave up on a server"
    CLIENT_GAVE_UP = "a client gave up on a proxy"
    CLIENT_LEFT = "a client left, or took no more, while an answer was sent"
    QUEUE_GAVE_UP = "a request left a proxy's queue unserved"
    WORKER_ENDED = "a worker took longer than its limit and was ended"
    KILLED = "a process was killed by signal 9"
    SIGKILLED = "a container was ended with SIGKILL"
    SIGTERMED = "a container was asked to end with SIGTERM"
    LEAK = "a connection was not given back"
    PAUSE = "the virtual machine stood still"
    COLLECTED = "the whole heap was collected"
    HEAP = "a heap had room behind each collection"
    TRACKED = "the table of tracked connections was full"
    FLOODED = "new connections came faster than a listener took them"
    STOOD = "a task stood in the kernel"
    STORE = "a file server did not answer"
    DISK = "a disk was busy all the time, and slow to answer"
    LOOP = "an event loop was held up"
    UNREAD = "messages lie in a queue that nobody reads"
    ALARM = "a broker took no more messages"
    STARVED = "a task waited long for a thread of its pool"
    BLOCKING = "a call that blocks was made where nothing may block"
    OVERFLOW = "a proxy refused a request as its limit for the service was reached"
    GIVEN_BACK = "what was reported as leaked came back"
    RETURNED = "a proxy forwards requests to itself"
    PROBED = "a program did not answer its health check in time"
    WATCHED = "a program did not report to its watchdog in time and was ended"
    DOWN = "a proxy took a server for dead"
    LOCKUP = "a processor was stuck in the kernel"
    ORPHANS = "the kernel had more closed connections with unsent data than it may"
    RECOVERED = "a thread that was reported to hang ended its work"
    POOL_FREE = "a pool of connections had some free"
    ADDRESSES = "no local address or port was free"
    ENDED = "no part of a program could go on"
    THREAD_LEFT = "a stopped application left a thread behind"
    UNRELEASED = "a buffer was not released"
    CURSORS = "a session had as many open cursors as it may"
    NEIGHBOURS = "the kernel's table of neighbours was full"
    QUORUM = "too few of the nodes answered that must agree"
    RESTED = "a connection was used that had rested for long"
    THROWN = "an exception was thrown"
    POLLED_LATE = "a consumer took longer for its messages than it may"
    SIZE = "a setting of a pool, or of those who share it"
    BATCH = "a batch was worked on"
    BUSY = "a process uses a whole processor"
    PATTERN = "a pattern repeats a repetition"
    UNTIMED = "a call is made without a timeout"
    BEAN_LOCK = "a call did not get the lock of a bean in time"
    REACHED = "a component reached a limit of its own"
    STORE_FULL = "a store of a database was full"
    ARCHIVE = "a database could not archive its log"
    NO_SPACE = "no space was left on a device"
    QUOTA = "a quota of space was used up"
    NEARLY_FULL = "a store took no more writes as its disk was nearly full"
    UNSAVED = "a store could not save to its disk"
    KERNEL_LIMIT = "a limit of the kernel was reached that reads like a full disk"
    DISCARDED = "a server threw away work that had waited for too long"
    BESIDE_LIMIT = "a setting of a limit, or how much of it one host has"
    HISTORY = "how far purge has come, and what the oldest view of a transaction sees"
    NOTED = "a line that nobody understood, and that stands out"
    TAKES = "a line of code takes a lock"
    COPIED = "a group that waits for its parts was handed over by value"
    MADE = "a line of code makes a client with threads of its own"


BESIDE: Final = frozenset(
    {
        LogKind.SIZE,
        LogKind.BATCH,
        LogKind.BUSY,
        LogKind.PATTERN,
        LogKind.UNTIMED,
        LogKind.BEAN_LOCK,
        LogKind.BESIDE_LIMIT,
        LogKind.COPIED,
        LogKind.MADE,
        LogKind.TAKES,
        LogKind.HISTORY,
        LogKind.NOTED,
    }
)
"""What tells nothing by itself, and much beside other lines."""


class DeadlockSide(msgspec.Struct, frozen=True, kw_only=True):
    """A session of a deadlock that a database ended: what it waited for, held by whom, with which statement (no literals), in which table."""

    session: str
    lock: str | None = None
    holder: str | None = None
    statement: str | None = None
    table: str | None = None


class LogEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a log that proves something.

    ``time`` as printed, ISO 8601, with its zone where the line names an offset. ``subject``: the pool, process or server that the line is about;
    ``source``: the software whose line it is. ``figures``: names and values as the line has them, times in seconds.
    """

    where: Where
    kind: LogKind
    source: str
    time: str | None = None
    subject: str | None = None
    figures: tuple[tuple[str, float], ...] = ()
    frames: tuple[Frame, ...] = ()
    """The stack that is printed below the line: where the program met it."""
    sides: tuple[DeadlockSide, ...] = ()
    """Who took part, where the line ends a deadlock."""

    def figure(self, name: str) -> float | None:
        """The value that the line has under a name."""
        return next((value for key, value in self.figures if key == name), None)


class LogLines(msgspec.Struct, frozen=True, kw_only=True):
    """A run of lines that is a log, and how many of them are not blank.

    ``until``: the last time in it. ``errors``: its last lines of level ERROR or above that speak of a limit or a wait in words of their own.
    """

    where: Where
    lines: int
    until: str | None = None
    errors: tuple[Where, ...] = ()
