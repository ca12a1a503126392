"""Threads that wait inside a logger for the one that writes, and where its bytes go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.contention.blocked_group import BlockedGroup
from analyzer.contention.locks import WRITES, behind_writer, lock_in_words, owner_of, within
from analyzer.evidence.citations import of_threads
from analyzer.model.finding import Evidence
from analyzer.model.message import say
from analyzer.software.blockers import waited_lock
from analyzer.software.kinds import ActivityKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import OpenFile

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
STANDARD: Final = frozenset({"1", "2"})
"""Descriptors of standard output and standard error."""


class LogQueue(msgspec.Struct, frozen=True):
    """Threads that wait to log, ``blocked``, and the one that writes, if it is told: ``named`` by lock lines, or as the only one in a write.

    ``pipes``: descriptors of standard output and error, where that is what it writes to and they are pipes.
    """

    blocked: BlockedGroup
    writer: ThreadActivity | None
    named: bool
    pipes: tuple[OpenFile, ...]

    @property
    def name(self) -> str | None:
        """The name of the thread that writes."""
        return self.writer.thread.label if self.writer is not None else None

    @property
    def lock(self) -> str | None:
        """The appender's lock that the first of them waits for."""
        found = waited_lock(self.blocked.members[0].thread)
        return lock_in_words(found) if found is not None else None

    def ends(self) -> Iterator[Evidence]:
        """Who writes, and what it writes to, as far as it is told."""
        if self.writer is not None:
            yield of_threads((self.writer,), say("“{writer}” is the one that writes", writer=self.name))
        if self.pipes:
            yield Evidence(self.pipes[0].where, say("standard output is a pipe"), (self.pipes[0].target,), len(self.pipes) - 1)


def log_queues(case: Case) -> Iterator[LogQueue]:
    """One per process in which enough threads wait to log."""
    for view in case.latest:
        packages = view.known.tables.logging.packages
        loggers = [
            member
            for pool in view.pools
            for member in pool.busy
            if within(member, packages) or (member.activity.kind in WAITS and behind_writer(view, member))
        ]
        waiters = [member for member in loggers if member.activity.kind in WAITS]
        if waiters:
            writer, named = _writer(view, waiters, loggers)
            blocked = BlockedGroup(case, view, waiters, (writer,) if writer else ())
            to_console = writer is not None and within(writer, view.known.tables.logging.console)
            if blocked.noteworthy:
                yield LogQueue(blocked, writer, named, _pipes(view) if to_console else ())


def _writer(view: ProcessView, waiters: list[ThreadActivity], loggers: list[ThreadActivity]) -> tuple[ThreadActivity | None, bool]:
    """The thread that writes for the others, and whether lock lines name it."""
    owner = owner_of(view, waited_lock(waiters[0].thread))
    if owner is not None and owner not in waiters:
        return owner, True
    writing = [member for member in loggers if member.activity.kind in WRITES]
    return (writing[0] if len(writing) == 1 else None), False


def _pipes(view: ProcessView) -> tuple[OpenFile, ...]:
    """Standard output and error of the process, if they are pipes; of the only one whose descriptors are here, where the dump names no pid."""
    listed = {file.pid for file in view.snapshot.open_files}
    pid = view.pid if view.pid is not None else next(iter(listed)) if len(listed) == 1 else None
    return tuple(
        file
        for file in view.snapshot.open_files
        if pid is not None
        and file.pid == pid
        and file.fd.rstrip("rwu") in STANDARD
        and (file.kind.upper() == "FIFO" or file.target.startswith("pipe"))
    )
