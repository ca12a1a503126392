"""A Go program waits in ``Cmd.Wait`` for the end of a child's output, though the child has ended: another process has the pipe open still.

``Wait`` first waits for the process, then for the goroutines that copy its output (``os/exec/exec.go``): one that stands at the channel of these is past
the first wait. A pipe ends when the last one closes it, and whatever the child has started has it too. A context ends the child alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_threads
from analyzer.evidence.doing import caller
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Ask, Do, Either, Text
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

LONG: Final = 60.0
"""Seconds from which on it is no child that is just ending. Go prints minutes, and nothing below one."""
_WAITS: Final = frozenset({"os/exec.(*Cmd).Wait", "os/exec.(*Cmd).awaitGoroutines"})
_COPIES: Final = ("os/exec.(*Cmd).writerDescriptor", "os/exec.(*Cmd).stdout", "os/exec.(*Cmd).stderr")
_FEEDS: Final = ("os/exec.(*Cmd).stdin", "os/exec.(*Cmd).childStdin")
TEXT: Final = Text(
    "inherited-fd",
    headline="{who} in Cmd.Wait{called} though the child has ended: another process still has its output open.",
    explanation="Cmd.Wait stands at the channel of the goroutines that copy the child's output: the wait for the process itself is over.{reads} They end when the last process closes the pipe, and whoever the child has started has it too: a daemon, a connection that is kept for others, a program in the background. A context, or a kill, ends the child alone, and so a time limit has no effect.",
    why=Either(
        "copier",
        "The stacks show which of the two waits it is, and a goroutine that still reads. Who has the pipe, /proc tells.",
        "The stack shows which of the two waits it is. A source of the child's input that does not end holds Wait as well.",
    ),
    do=(
        Do(
            When.NOW,
            "Find who has the other end of the pipe, and end it: Wait returns.",
            "ls -l /proc/{number}/fd | grep pipe:; ls -l /proc/[0-9]*/fd 2>/dev/null | grep -F 'pipe:[INODE]'",
        ),
        Do(
            When.FIX,
            "In {place}: set Cmd.WaitDelay (Go 1.20 and later), or start the child in a group of its own (Setpgid) and end the group; where the output goes to a file, Wait copies nothing.",
        ),
    ),
    figures=(("{number_waiting:,}", "goroutines in Cmd.Wait"),),
    ask=(Ask("descriptors of all processes", "who has the pipe", "ls -l /proc/[0-9]*/fd > fds.txt 2>/dev/null", on="unseen"),),
    chain=(
        ("{waiter}", "waits for output that is kept open by", "another process"),
        ("another process", "has the pipe of", "a child that has ended"),
    ),
    phrases={
        "called": Either("frame", ", called from {frame},"),
        "reads": Either("copier", " “{copier}” still reads: so somebody has the other end."),
        "waits": "{threads} in Cmd.Wait, at the channel of its copies",
        "copies": "“{copier}” copies the child's output",
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One for each Go program with goroutines that have waited so for long."""
    for view in case.latest:
        if view.dump is None or view.dump.runtime is not Runtime.GO:
            continue
        members = [member for pool in view.pools for member in pool.members]
        waiting = [one for one in members if _is_past(one)]
        feeds = any(_below(one, _FEEDS) for one in members)
        if waiting and not feeds:
            yield _finding(view, waiting, next((one for one in members if _below(one, _COPIES)), None))


def _is_past(member: ThreadActivity) -> bool:
    """True for a goroutine that has waited for the copies of a child's output for a minute at least."""
    frames = member.thread.frames
    at_channel = (member.thread.native_state or "").startswith(("chan receive", "select"))
    return bool(frames) and frames[0].full in _WAITS and at_channel and (member.thread.waited or 0) >= LONG


def _below(member: ThreadActivity, calls: tuple[str, ...]) -> bool:
    return any(frame.full.startswith(calls) for frame in member.thread.frames)


def _finding(view: ProcessView, waiting: list[ThreadActivity], copier: ThreadActivity | None) -> Finding:
    first = waiting[0]
    frame = caller(first)
    minutes = (first.thread.waited or 0) / 60
    who = (
        say("{goroutines} have waited for {minutes:,.0f} minutes", goroutines=plural(len(waiting), "goroutine"), minutes=minutes)
        if len(waiting) > 1
        else say("“{name}” has waited for {minutes:,.0f} minutes", name=first.thread.label, minutes=minutes)
    )
    text = TEXT.filled(
        view.process,
        who=who,
        waiter=say("“{name}”", name=first.thread.label),
        frame=frame,
        place=frame or say("the caller"),
        number=view.pid if view.pid is not None else "PID",
        number_waiting=len(waiting),
        copier=copier.thread.label if copier is not None else None,
        unseen=not view.snapshot.open_files,
        threads=plural(len(waiting), "goroutine is", "goroutines are"),
    )
    waits = of_threads(waiting, text["waits"])
    copies = (of_threads((copier,), text["copies"]),) if copier is not None else ()
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if copier is not None else Confidence.SUSPECTED,
        evidence=(waits, *copies),
        chain=text.steps((waits,), copies),
        culprit=Culprit(thread=first.thread.label, frame=str(frame) if frame is not None else None),
        outlook=Outlook(RecoversWhen.CAUSE, say("Wait returns when the last process that has the pipe closes it.")),
    )
