"""A JVM that cannot end: a shutdown hook calls System.exit, which waits for the end of all hooks, itself among them.

``Shutdown.exit`` keeps the lock of its class while it runs the hooks and joins them (``Shutdown.java``, ``ApplicationShutdownHooks.java``); a second exit waits for that lock.
No tool calls it a deadlock, as a join is no lock.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_threads
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import say
from analyzer.model.text import Do, Either, Text
from analyzer.software.blockers import application_frame
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

_RUNS_HOOKS: Final = "java.lang.ApplicationShutdownHooks.runHooks"
_EXITS: Final = frozenset({"java.lang.Shutdown.exit", "java.lang.Shutdown.halt"})
_ASKS: Final = frozenset({"java.lang.System.exit", "java.lang.Runtime.exit"})
_hook = re.compile(r"(?i:hook|shutdown)").search
TEXT: Final = Text(
    "java-deadlock",
    headline="The JVM cannot end: “{hook}”, a shutdown hook, calls System.exit{called}, which waits until all hooks have ended, itself among them.",
    explanation="“{runner}” has begun the shutdown and waits in Thread.join for the hooks; meanwhile it keeps the lock of java.lang.Shutdown. “{hook}” asks for that lock in Shutdown.exit. Neither ever goes on, and no tool lists it as a deadlock, as a join is no lock. Only a kill from outside ends the process; a longer time limit of whoever stops it only makes the stop longer.",
    why="The stacks show both waits. That this thread is one of the hooks its name and its calls tell.",
    do=(
        Do(When.NOW, "End the process with kill -9: nothing else does."),
        Do(
            When.FIX,
            "Take System.exit out of {place}: a hook returns, or throws; what must be ended at once calls Runtime.halt.",
        ),
    ),
    figures=(("2", "threads in the cycle"),),
    chain=(
        ("“{hook}”", "waits in Shutdown.exit for a lock held by", "“{runner}”"),
        ("“{runner}”", "waits in Thread.join for the end of", "“{hook}”"),
    ),
    phrases={
        "called": Either("frame", " in {frame}"),
        "place": Either("frame", "{frame}", "the hook"),
        "asks": "“{hook}” waits in Shutdown.exit",
        "joins": "“{runner}” waits in Thread.join for the hooks",
    },
)
_OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("Neither wait has a time limit."))


def findings(case: Case) -> Iterator[Finding]:
    """One for each process that hangs in its own shutdown."""
    for view in case.latest:
        if view.dump is None or view.known.runtime is not Runtime.JVM:
            continue
        members = [member for pool in view.pools for member in pool.members]
        runner = next((one for one in members if any(frame.full == _RUNS_HOOKS for frame in one.thread.frames)), None)
        hook = next((one for one in members if one is not runner and _exits(one) and _is_hook(one)), None)
        if runner is not None and hook is not None and any(frame.method == "join" for frame in runner.thread.frames):
            yield _finding(view, runner, hook)


def _exits(member: ThreadActivity) -> bool:
    frames = member.thread.frames
    return bool(frames) and frames[0].full in _EXITS and any(frame.full in _ASKS for frame in frames[1:4])


def _is_hook(member: ThreadActivity) -> bool:
    """True for a thread that is called after a shutdown or a hook, or runs a class that is."""
    return _hook(member.thread.name or "") is not None or any("Hook" in frame.cls.rpartition(".")[2] for frame in member.thread.frames)


def _finding(view: ProcessView, runner: ThreadActivity, hook: ThreadActivity) -> Finding:
    frame = application_frame(*hook)
    text = TEXT.filled(view.process, hook=hook.thread.label, runner=runner.thread.label, frame=frame)
    shown = of_threads((hook,), text["asks"]), of_threads((runner,), text["joins"])
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY,
        evidence=shown,
        chain=text.steps(shown[:1], shown[1:]),
        culprit=Culprit(thread=hook.thread.label, frame=str(frame) if frame is not None else None),
        loop=True,
        outlook=_OUTLOOK,
    )
