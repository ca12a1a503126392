"""Threads that wait inside a logger for the one that writes, and where its bytes go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.contention.blocked_group import BlockedGroup
from analyzer.contention.locks import WRITES, behind_writer, owner_of, within
from analyzer.evidence.citations import of_sockets, of_threads
from analyzer.evidence.nouns import lock_in_words, program_in_words
from analyzer.evidence.stopped import STOPPED
from analyzer.model.finding import Evidence
from analyzer.model.message import say
from analyzer.software.blockers import waited_lock
from analyzer.software.kinds import ActivityKind
from parsers.records import LockVerb, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint, Frame, OpenFile, ProcessRow

WAITS: Final = frozenset(
    {
        ActivityKind.MONITOR,
        ActivityKind.LOCK,
        ActivityKind.QUEUE,
        ActivityKind.CONDITION,
        ActivityKind.OBJECT_WAIT,
        ActivityKind.PARK,
        ActivityKind.WAITING,
    }
)
"""Kinds of threads that wait inside a logger."""
_DRAINS: Final = frozenset(
    {
        "org.apache.logging.log4j.core.async.RingBufferLogEventHandler.onEvent",
        "org.apache.logging.log4j.core.async.RingBufferLogEventHandler4.onEvent",
        "org.apache.logging.log4j.core.async.RingBufferLogEvent.execute",
        "org.apache.logging.log4j.core.async.AsyncLoggerConfigDisruptor$Log4jEventWrapperHandler.onEvent",
        "org.apache.logging.log4j.core.appender.AsyncAppenderEventDispatcher.dispatch",
        "org.apache.logging.log4j.core.appender.AsyncAppender$AsyncThread.callAppenders",
    }
)
"""Calls of the thread of an asynchronous logger that takes events from its queue, while it gives one to the appenders."""
_WORKERS: Final = frozenset({"ch.qos.logback.core.AsyncAppenderBase$Worker.run", "org.apache.log4j.AsyncAppender$Dispatcher.run"})
"""Where such threads begin whose appenders other threads call in the same way."""
_SHARED: Final = "appendLoopOnAppenders"
_PARTS: Final = 4
"""Parts of a package's name that a client library has to itself."""
BUFFER: Final = 64 * 1024
"""Bytes of a log that wait in a send buffer from which on it is no moment's: some hundred lines."""
STANDARD: Final = frozenset({"1", "2"})
"""Descriptors of standard output and standard error."""


class PipeReader(msgspec.Struct, frozen=True):
    """The process that has the other end of the log's pipe, and its row in a list of processes, if there is one."""

    file: OpenFile
    row: ProcessRow | None

    @property
    def name(self) -> str:
        """``tee (pid 2207)``."""
        return program_in_words(self.row.command if self.row is not None else None, self.file.pid)

    @property
    def stopped(self) -> bool:
        """True if the list shows it stopped, by a signal or a debugger: it reads nothing until it is continued."""
        return self.row is not None and self.row.state in STOPPED

    @property
    def evidence(self) -> Evidence:
        """Its row, or else its descriptor."""
        if self.row is not None and self.stopped:
            return Evidence(self.row.where, say("{reader} is stopped", reader=self.name), (self.row.state or "T",))
        return Evidence(self.file.where, say("{reader} has the other end of the pipe", reader=self.name), (self.file.target,))


class LogQueue(msgspec.Struct, frozen=True):
    """Threads that wait to log, ``blocked``, and the one that writes, if it is told: ``named`` by lock lines, or as the only one in a write.

    ``pipes``: descriptors of standard output and error, where that is what it writes to and they are pipes. ``full``: where it writes to a socket, the connections
    to the only service that does not take the bytes of this process.
    """

    blocked: BlockedGroup
    writer: ThreadActivity | None
    named: bool
    pipes: tuple[OpenFile, ...]
    full: tuple[Connection, ...] = ()
    drains: bool = False
    """True for the thread of an asynchronous logger, which takes what all others put into its queue."""

    @property
    def inside(self) -> Frame | None:
        """What the appender has called in which the thread of an asynchronous logger stands."""
        if self.writer is None or not self.drains:
            return None
        packages, frames = self.blocked.view.known.tables.logging.packages, self.writer.thread.frames
        first = next((at for at, frame in enumerate(frames) if frame.cls.startswith(packages)), 0)
        return frames[first - 1] if first else None

    @property
    def needed(self) -> ThreadActivity | None:
        """The own thread of the client that the appender calls, where it waits to log as well: neither goes on before the other."""
        call = self.inside
        if call is None or call.cls.startswith(("java.", "jdk.", "sun.")):
            return None
        package = ".".join(call.cls.split(".")[:_PARTS]) + "."
        own = (member for member in self.blocked.members if any(frame.cls.startswith(package) for frame in member.thread.frames))
        return next((member for member in own if member.activity.app < 0), None)

    @property
    def reader(self) -> PipeReader | None:
        """The one process that has the other end of the pipe, where its descriptors are here: not one that writes to the same end, as its child may."""
        snapshot, targets = self.blocked.view.snapshot, {pipe.target for pipe in self.pipes if pipe.target.startswith("pipe:[")}
        own = {pipe.pid for pipe in self.pipes}
        far = {
            one.pid: one
            for one in snapshot.open_files
            if one.target in targets and one.pid is not None and one.pid not in own and _may_read(one)
        }
        if len(far) != 1:
            return None
        (pid, file), *_ = far.items()
        return PipeReader(file, next((row for row in snapshot.processes if row.pid == pid), None))

    @property
    def standard(self) -> Evidence | None:
        """That the writer stands in a write to standard output or error, where a trace of its system calls shows that."""
        tasks = self.blocked.view.snapshot.tasks if self.writer is not None else ()
        found = next((one for one in tasks if self.writer is not None and one.native_id == self.writer.thread.native_id), None)
        if found is None or found.call != "write" or str(found.descriptor) not in STANDARD:
            return None
        return Evidence(
            found.where, say("its write to descriptor {number} has not returned", number=found.descriptor), (f"write({found.descriptor}",)
        )

    @property
    def lasts(self) -> bool:
        """True if more bytes wait than a moment leaves: the far end has not read for long."""
        return sum(row.send_q or 0 for row in self.full) >= BUFFER

    @property
    def remote(self) -> Endpoint | None:
        """The service that does not take the log's bytes."""
        return self.full[0].remote if self.full else None

    @property
    def name(self) -> str | None:
        """The name of the thread that writes."""
        return self.writer.thread.label if self.writer is not None else None

    @property
    def lock(self) -> str | None:
        """The appender's lock that the first of them waits for."""
        found = waited_lock(self.blocked.members[0].thread)
        return lock_in_words(found) if found is not None else None

    @property
    def lock_class(self) -> str | None:
        """The class of the lock that one thread has and all others wait to take; None where no line says so."""
        found = waited_lock(self.blocked.members[0].thread)
        plain = found is not None and found.verb is LockVerb.WAITING_TO_LOCK and not (found.cls or "").startswith("java.util.concurrent.")
        return found.cls if found is not None and plain and self.named else None

    @property
    def console(self) -> bool:
        """True if the writer writes to the console: to the standard output of the process."""
        return self.writer is not None and within(self.writer, self.blocked.view.known.tables.logging.console)

    def ends(self) -> Iterator[Evidence]:
        """Who writes, and what it writes to, as far as it is told."""
        if self.writer is not None:
            yield of_threads((self.writer,), say("“{writer}” is the one that writes", writer=self.name))
        if self.pipes:
            yield Evidence(self.pipes[0].where, say("standard output is a pipe"), (self.pipes[0].target,), len(self.pipes) - 1)
        if self.reader is not None:
            yield self.reader.evidence
        if self.standard is not None:
            yield self.standard
        if self.full:
            unsent = say("{send_q:,} bytes that {remote} does not take", send_q=self.full[0].send_q, remote=self.remote)
            yield of_sockets(self.full, unsent, (str(self.full[0].send_q),))


def _may_read(file: OpenFile) -> bool:
    """False for a standard output or error, and for a descriptor that lsof marks as open for writing alone."""
    return file.fd.rstrip("rwu") not in STANDARD and not file.fd.endswith("w")


class _Loggers(BlockedGroup):
    """Threads behind the one that writes a log."""

    of_lock = True


def log_queues(case: Case) -> Iterator[LogQueue]:
    """One per process in which enough threads wait to log."""
    for view in case.latest:
        packages = view.known.tables.logging.packages
        loggers = [
            member
            for pool in view.pools
            for member in pool.busy
            if within(member, packages) or (member.activity.kind in WAITS and (_drains(member) or behind_writer(view, member)))
        ]
        drain = next((member for member in loggers if _drains(member)), None)
        waiters = [member for member in loggers if member.activity.kind in WAITS and member is not drain]
        if waiters:
            writer, named = (drain, True) if drain is not None else _writer(view, waiters, loggers)
            blocked = _Loggers(case, view, waiters, (writer,) if writer else ())
            to_console = writer is not None and within(writer, view.known.tables.logging.console)
            if blocked.noteworthy and not _works_for_itself(writer, packages):
                yield LogQueue(blocked, writer, named, _pipes(view) if to_console else (), _full(view, writer), drain is not None)


def _drains(member: ThreadActivity) -> bool:
    """True for the thread of an asynchronous logger that is in an appender: at rest it waits for events in no appender."""
    calls = {frame.full for frame in member.thread.frames}
    return not calls.isdisjoint(_DRAINS) or (not calls.isdisjoint(_WORKERS) and any(call.endswith(_SHARED) for call in calls))


def _writer(view: ProcessView, waiters: list[ThreadActivity], loggers: list[ThreadActivity]) -> tuple[ThreadActivity | None, bool]:
    """The thread that writes for the others, and whether lock lines name it."""
    owner = owner_of(view, waited_lock(waiters[0].thread))
    if owner is not None and owner not in waiters:
        return owner, True
    writing = [member for member in loggers if member.activity.kind in WRITES]
    return (writing[0] if len(writing) == 1 else None), False


def _works_for_itself(writer: ThreadActivity | None, packages: tuple[str, ...]) -> bool:
    """True if the owner of the log's lock writes nothing: a logger has called code of the application, which reads or computes (an entry's own text)."""
    if writer is None or writer.activity.kind in WRITES or writer.activity.app < 0:
        return False
    return any(frame.cls.startswith(packages) for frame in writer.thread.frames[writer.activity.app + 1 :])


def _full(view: ProcessView, writer: ThreadActivity | None) -> tuple[Connection, ...]:
    """The connections with bytes that the far end does not take, if a thread writes to a socket and they lead to one service."""
    if writer is None or writer.activity.kind is not ActivityKind.SOCKET_WRITE:
        return ()
    rows = tuple(row for row in view.client_side.of(TcpState.ESTABLISHED) if row.send_q)
    return rows if len({row.remote for row in rows}) == 1 else ()


def _pipes(view: ProcessView) -> tuple[OpenFile, ...]:
    """Standard output and error of the process, if they are pipes; where the dump names no pid, of the only one whose standard output is a pipe."""
    pipes = [
        file
        for file in view.snapshot.open_files
        if file.pid is not None
        and file.fd.rstrip("rwu") in STANDARD
        and (file.kind.upper() == "FIFO" or file.target.startswith("pipe"))
        and view.pid in {None, file.pid}
    ]
    return tuple(pipes) if len({file.pid for file in pipes}) == 1 else ()
