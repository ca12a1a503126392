"""The log cannot be written, and every thread that logs waits.

Looks for: threads that wait inside a logging framework (log4j, logback, java.util.logging) for its appender's lock or for room in its queue, or to
print to the console, and the one that writes: in FileOutputStream.writeBytes, or in a socket.

Why it matters: logging is on the way of every request. When standard output is a pipe that nobody reads, the disk is full or slow, or a log
server does not take its bytes, the whole server stops although nothing of its own is wrong.

Do next: see where the descriptor leads (ls -l /proc/PID/fd) and make whoever should read it read; free the disk. Then log through an
asynchronous appender that drops lines when its queue is full, and not to standard output of a process whose parent may stall.

Wrong when: one dump caught a burst of log lines: then the writer moves, and another thread writes in the next dump. Which end is slow (pipe, disk,
NFS) is not in the stacks; only the descriptor tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import BlockedGroup, judge
from analyzer.contention.locks import lock_in_words, owner_of, within
from analyzer.evidence.calls import kind_in_words
from analyzer.evidence.citations import of_threads
from analyzer.families import blocked_threads
from analyzer.model.finding import Confidence, Evidence, Finding, Outlook, RecoversWhen, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import waited_lock
from analyzer.software.kinds import ActivityKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import OpenFile

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final = ("java-deadlock",)
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The threads go on when the log is written again."))
CLEAN: Final = say("no queue of threads behind a log appender")
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
WRITES: Final = frozenset({ActivityKind.FILE_IO, ActivityKind.SOCKET_WRITE, ActivityKind.SOCKET_CONNECT})
"""Kinds of the thread that writes for the others."""
STANDARD: Final = frozenset({"1", "2"})
"""Descriptors of standard output and standard error."""
TEXT: Final = Text(
    "logging-stall",
    headline="{count} wait to write a log line: {what}.",
    explanation="{count} wait to write to the log or the console, called from {site}; {what}.{end}{clients} They go on as soon as the bytes are taken{by_the}.",
    do=(
        Do(
            When.NOW,
            "See where the log goes, and make its reader read or its disk take bytes: the threads go on by themselves.",
            "ls -l /proc/{pid}/fd; df -h",
        ),
        Do(
            When.FIX,
            "Log through an asynchronous appender that drops lines when its queue is full (logback: neverBlock=true, log4j 2: AsyncQueueFullPolicy=Discard).",
        ),
        Do(When.PREVENT, "Do not log to standard output of a process whose parent may stop reading; log less on the way of every request."),
    ),
    figures=(("{writers}", "thread that writes"),),
    ask=(
        Ask("descriptors of the process", "whether the log goes to a pipe, a disk or NFS", "ls -l /proc/{pid}/fd; df -h", on="unseen"),
        Ask("thread dump with lock owners", "which thread holds the appender's lock", "jstack -l {pid} > jstack.txt", on="doubted"),
    ),
    chain=(("{pool_name}", "waits to log behind", "{count}, called from {site}"), ("{who}", "waits for", "{end_of_wait}")),
    phrases={"by_the": Either("pipes", " by the reader of the pipe")},
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose threads wait to log."""
    for view in case.latest:
        loggers = [member for pool in view.pools for member in pool.busy if within(member, view.known.tables.logging.packages)]
        waiters = [member for member in loggers if member.activity.kind in WAITS]
        if waiters:
            writer, named = _writer(view, waiters, loggers)
            blocked = BlockedGroup(case, view, waiters, (writer,) if writer else ())
            if blocked.noteworthy:
                yield _finding(blocked, writer, named=named)


def _writer(view: ProcessView, waiters: list[ThreadActivity], loggers: list[ThreadActivity]) -> tuple[ThreadActivity | None, bool]:
    """The thread that writes for the others, and whether lock lines name it."""
    owner = owner_of(view, waited_lock(waiters[0].thread))
    if owner is not None and owner not in waiters:
        return owner, True
    writing = [member for member in loggers if member.activity.kind in WRITES]
    return (writing[0] if len(writing) == 1 else None), False


def _finding(blocked: BlockedGroup, writer: ThreadActivity | None, *, named: bool) -> Finding:
    where = kind_in_words((writer,)) if writer is not None else None
    pipes = _pipes(blocked.view) if writer is not None and within(writer, blocked.view.known.tables.logging.console) else []
    judged = _judge(blocked, writer, pipes, named=named)
    waiting = of_threads(
        blocked.members, say("{threads} wait to write to the log or the console", threads=plural(len(blocked.members), "thread"))
    )
    evidence = [waiting, *_evidence(writer, pipes)]
    what = (
        say("“{name}” is writing, in {where}, and does not come back", name=writer.thread.label, where=where)
        if writer is not None
        else say("who writes is not in the dump")
    )
    end = say(" Standard output is a pipe: whoever should read it does not.") if pipes else ""
    text = TEXT.filled(
        blocked.view.process,
        **blocked_threads.words(blocked),
        what=what,
        end=end,
        pipes=pipes,
        unseen=not pipes,
        doubted=judged[0] is not Confidence.CERTAIN,
        writers="1" if writer is not None else "0",
        who=f"“{writer.thread.label}”" if writer else say("the writer"),
        end_of_wait=_end(pipes, where),
    )
    lock = waited_lock(blocked.members[0].thread)
    return blocked_threads.finding(
        blocked,
        text,
        judged,
        evidence,
        ((waiting,), tuple(evidence[1:])),
        culprit=blocked.culprit(
            blocked.frame,
            thread=writer.thread.label if writer is not None else None,
            lock=lock_in_words(lock) if lock is not None else None,
        ),
    )


def _judge(blocked: BlockedGroup, writer: ThreadActivity | None, pipes: list[OpenFile], *, named: bool) -> tuple[Confidence, str]:
    doubts = list(blocked.doubts)
    if writer is None:
        return judge(
            doubts,
            say("The dump shows the wait."),
            other_cause=say("no thread is seen to write: a burst of log lines looks the same for a moment"),
        )
    if not named:
        doubts.append(say("no lock line names the writer as the owner of the lock"))
    proof = say(
        "The stacks show the waiters and the one thread that writes{and_the}.",
        and_the=say(", and the descriptors that it writes to a pipe") if pipes else "",
    )
    if pipes and blocked.suffering:
        return judge([doubt for doubt in doubts if "lock line" not in doubt], proof + say(" Clients have given up meanwhile."))
    return judge(doubts, proof)


def _pipes(view: ProcessView) -> list[OpenFile]:
    """Standard output and error of the process, if they are pipes."""
    return [
        file
        for file in view.snapshot.open_files
        if file.pid == view.pid
        and file.pid is not None
        and file.fd.rstrip("rwu") in STANDARD
        and (file.kind.upper() == "FIFO" or file.target.startswith("pipe"))
    ]


def _evidence(writer: ThreadActivity | None, pipes: list[OpenFile]) -> list[Evidence]:
    found = []
    if writer is not None:
        found.append(of_threads((writer,), say("“{name}” is the one that writes", name=writer.thread.label)))
    if pipes:
        found.append(Evidence(pipes[0].where, say("standard output is a pipe"), (pipes[0].target,), len(pipes) - 1))
    return found


def _end(pipes: list[OpenFile], where: str | None) -> str:
    return (
        say("the reader of the pipe behind standard output")
        if pipes
        else say("the end of a write{in_}", in_=say(", in {where}", where=where) if where else "")
    )
