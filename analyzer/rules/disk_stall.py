"""Threads hang in the kernel on storage: a disk or a network file system does not answer.

Looks for: threads in state D (uninterruptible sleep) in top -H or ps -L that the dump shows in file access, or several at once. Also threads in a
call of a file while the kernel's log says that a file server does not answer or a task hangs.

Why it matters: such a thread cannot even be killed. Whoever needs a lock that it holds (a logger, a cache) waits behind it.

Do next: look at the mount and the device; NFS servers that vanished are the usual reason. Soft mounts, asynchronous logging and time limits around
file access keep the server alive.

Wrong when: one thread was caught in a short read: D is normal for moments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import kind_in_words
from analyzer.evidence.citations import blamed, of_threads
from analyzer.families import libuv_pool, silent_stores
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.kinds import ActivityKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import TaskSyscall, ThreadUsage

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The threads go on when the device answers."))
CLEAN: Final = say("no group of threads is in uninterruptible sleep")
TEXT: Final = Text(
    "disk-stall",
    headline="{thread_hangs} in the kernel on storage{in_}.",
    explanation="{thread_is} in uninterruptible sleep: {file_access}{called_from}. They go on when the storage answers; nothing else wakes them.",
    why=Either("files", "The kernel's state and the stacks agree by native id.", "The kernel's state; the stacks do not show file access."),
    do=(
        Do(
            When.NOW,
            "See where in the kernel they wait, and which mount hangs.",
            "ps -eLo pid,tid,stat,wchan:32,comm | awk '$3 ~ /D/'; mount; dmesg | tail",
        ),
        Do(
            When.FIX,
            "Keep file access off request threads{where}: asynchronous logging with a bounded queue; soft mounts with timeouts for NFS.",
        ),
    ),
    figures=(("{rows_count}", "threads in state D"),),
    ask=(
        Ask(
            "wait channels of the threads",
            "which part of the kernel they wait in",
            "for t in /proc/PID/task/*; do echo $t $(cat $t/wchan); done > wchan.txt",
        ),
    ),
    chain=(("{threads}", "wait in the kernel for", "storage"),),
    phrases={
        "stacks": "{of_these_threads} in {kind_in_words}",
        "rows": "{threads} in state D (uninterruptible sleep)",
        "in_": Either("frame", ", in {frame}"),
        "file_access": Either("files", "file access that does not return", "the kernel waits for a device on their behalf"),
        "called_from": Either("frame", ", called from {frame}"),
        "where": Either("frame", " ({frame})"),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process with threads in uninterruptible sleep, else in calls of files while the kernel's log tells of storage."""
    yield from [_finding(*found) for found in silent_stores.asleep(case)] or [*silent_stores.findings(case)] or libuv_pool.in_files(case)


def _finding(view: ProcessView, members: Sequence[ThreadActivity], rows: Sequence[ThreadUsage | TaskSyscall], whole: bool) -> Finding:
    files = [member for member in members if member.activity.kind == ActivityKind.FILE_IO]
    frame = blamed([first := (files or list(members))[0]])
    text = TEXT.filled(
        view.process,
        thread_hangs=plural(len(rows), "thread hangs", "threads hang"),
        frame=frame,
        thread_is=plural(len(rows), "thread is", "threads are"),
        files=files,
        rows_count=len(rows),
        threads=plural(len(rows), "thread"),
        of_these_threads=plural(len(files or members), "of these threads stands", "of these threads stand"),
        kind_in_words=kind_in_words((first,)),
    )
    shown = Evidence(rows[0].where, text["rows"], (" D ",), len(rows) - 1)
    stacks = of_threads(files or members, text["stacks"])
    return text.finding(
        severity=Severity.CRITICAL if whole and files else Severity.WARNING,
        confidence=Confidence.LIKELY if files else Confidence.SUSPECTED,
        evidence=(shown, stacks),
        chain=text.steps((shown,)),
        culprit=Culprit(thread=first.thread.label, frame=frame),
    )
