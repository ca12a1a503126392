"""A JVM that cannot end: a shutdown hook calls System.exit, which waits for the end of all hooks, itself among them; or a hook waits for what does not come.

``Shutdown.exit`` keeps the lock of its class while it runs the hooks and joins them (``Shutdown.java``, ``ApplicationShutdownHooks.java``); a second exit waits for that lock.
No tool calls it a deadlock, as a join is no lock.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_threads
from analyzer.evidence.doing import doing
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import say
from analyzer.model.text import Do, Either, Text
from analyzer.software.blockers import IDLE, application_frame, blocking_frame, waited_lock
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.model.message import Message
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

_RUNS_HOOKS: Final = "java.lang.ApplicationShutdownHooks.runHooks"
_EXITS: Final = frozenset({"java.lang.Shutdown.exit", "java.lang.Shutdown.halt"})
_ASKS: Final = frozenset({"java.lang.System.exit", "java.lang.Runtime.exit"})
_WORKS: Final = frozenset({"java.util.concurrent.ThreadPoolExecutor.runWorker", "java.util.concurrent.ForkJoinPool.runWorker"})
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
WAITS: Final = Text(
    "java-deadlock",
    headline="The JVM does not end: “{runner}”{asked} waits for the shutdown hooks, and “{hook}”, one of them, {does}{called}.",
    explanation="Whoever begins the shutdown joins all hooks before anything ends{own}. Until then the JVM lives on, and each further exit or SIGTERM waits for the lock of java.lang.Shutdown{others}. No tool lists it as a deadlock, as a join is no lock.",
    why=Either(
        "same",
        "The stacks show both waits, and that the thread which ends the JVM and the wait of the hook are of one class. That the one waits for the other is inferred.",
        "The stacks show both waits. Who should end the hook's wait they do not show.",
    ),
    do=(
        Do(When.NOW, "End the process with kill -9: nothing else does while the hook waits."),
        Do(
            When.FIX,
            "Call System.exit from a thread of its own, for which no hook waits, and give the wait in {place} a time limit.",
            on="asked",
        ),
        Do(When.FIX, "Give the wait in {place} a time limit: a hook may not need what has ended already.", on="signal"),
    ),
    figures=(("2", "waits of the shutdown"),),
    chain=(
        ("“{runner}”", "waits in Thread.join for the end of", "“{hook}”"),
        ("“{hook}”", "{does}", "{place}"),
    ),
    phrases={
        "asked": Either("site", ", which called System.exit in {site},"),
        "called": Either("frame", ", called from {frame}"),
        "place": Either("frame", "{frame}", "the hook"),
        "own": Either(
            "site",
            ", and does nothing else meanwhile: if the hook waits until that thread has ended its work, neither ever goes on",
        ),
        "others": Either("queued", ", as “{queued}” does"),
        "joins": "“{runner}” waits in Thread.join for the hooks",
        "stands": "“{hook}” {does}",
    },
)
POOLED: Final = Text(
    "java-deadlock",
    headline="The JVM does not end: “{runner}”, a thread of a pool, called System.exit{called} and waits until all shutdown hooks have ended; “{hook}”, one of them, waits{place} until a pool has ended its work.",
    explanation="The task that called System.exit ends only when the hooks have ended, and the pool ends only when its task has: if it is its own pool for which the hook waits, neither goes on before the time limit of awaitTermination. Until then each further exit or SIGTERM waits for the lock of java.lang.Shutdown{others}. No tool lists it as a deadlock, as a join is no lock.",
    why=Either(
        "lone",
        "The stacks show both waits. No other pool is at work in what is here, so that the hook waits for this one is likely; no stack names the pool.",
        "The stacks show both waits. Other pools are at work, too, and for which the hook waits no stack says.",
    ),
    do=(
        Do(When.NOW, "End the process with kill -9: nothing else does before the time limit of the wait."),
        Do(
            When.FIX,
            "Do not call System.exit in a task of a pool for which a hook waits: hand it to a thread of its own, or let the task return and the main thread exit.",
        ),
        Do(
            When.FIX,
            "Let the hook wait for seconds, not for hours (awaitTermination; in Spring setAwaitTerminationSeconds and setWaitForTasksToCompleteOnShutdown).",
        ),
    ),
    figures=(("2", "waits of the shutdown"),),
    chain=(
        ("“{runner}”", "waits in Thread.join for the end of", "“{hook}”"),
        ("“{hook}”", "waits for the end of a pool's work", "“{runner}”"),
    ),
    phrases={
        "called": Either("site", " in {site}"),
        "place": Either("frame", " in {frame}"),
        "others": Either("queued", ", as “{queued}” does"),
        "joins": "“{runner}” waits in Thread.join for the hooks",
        "awaits": "“{hook}” waits for the end of a pool",
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
        elif runner is not None and any(frame.method == "join" for frame in runner.thread.frames):
            others = [one for one in members if one is not runner and not _exits(one) and _stands(one)]
            waits = next((one for one in others if _is_joined(runner, one)), None)
            pooled = next((one for one in members if one is not runner and _awaits_pool(one) and _is_joined(runner, one)), None)
            if (
                pooled is not None
                and _is_worker(runner)
                and not _awaits_other(pooled, runner)
                and any(frame.full in _ASKS for frame in runner.thread.frames)
            ):
                yield _of_pool(view, runner, pooled, members)
            elif waits is not None:
                yield _of_wait(view, runner, waits, next((one for one in members if _wants_to_exit(one)), None))


def _exits(member: ThreadActivity) -> bool:
    frames = member.thread.frames
    return bool(frames) and frames[0].full in _EXITS and any(frame.full in _ASKS for frame in frames[1:4])


def _is_hook(member: ThreadActivity) -> bool:
    """True for a thread that is called after a shutdown or a hook, or runs a class that is."""
    return _hook(member.thread.name or "") is not None or any("Hook" in frame.cls.rpartition(".")[2] for frame in member.thread.frames)


def _is_joined(runner: ThreadActivity, member: ThreadActivity) -> bool:
    """True for the thread whose object the runner waits on, by its class; where that says nothing, for one that is called a hook."""
    lock = waited_lock(runner.thread)
    cls = lock.cls if lock is not None else None
    if cls in {None, "java.lang.Thread"}:
        return _is_hook(member)
    return any(frame.cls == cls and frame.method == "run" for frame in member.thread.frames)


def _awaits_pool(member: ThreadActivity) -> bool:
    """True for a thread that waits until a pool has ended its work."""
    frames = member.thread.frames
    return any(frame.method == "awaitTermination" and frame.cls.startswith("java.util.concurrent.") for frame in frames)


def _awaits_other(hook: ThreadActivity, runner: ThreadActivity) -> bool:
    """True if the hook waits for a pool of another kind than that whose thread the runner is."""
    forked = [any("ForkJoinPool" in frame.cls for frame in member.thread.frames) for member in (hook, runner)]
    lock = waited_lock(hook.thread)
    return forked[0] != forked[1] or (lock is not None and "ForkJoinPool" in (lock.cls or "")) != forked[1]


def _is_worker(member: ThreadActivity) -> bool:
    """True for a thread that runs a task of a pool."""
    return any(frame.full in _WORKS for frame in member.thread.frames)


def _stands(member: ThreadActivity) -> bool:
    """True for a thread that waits for something, in code of the program."""
    return member.activity.kind not in IDLE and application_frame(*member) is not None and _waits_in_words(member) is not None


def _waits_in_words(member: ThreadActivity) -> Message | None:
    frame = blocking_frame(*member)
    return doing(member, frame, several=False) if frame is not None else None


def _wants_to_exit(member: ThreadActivity) -> bool:
    """True for a thread that waits for the lock of the shutdown."""
    frames = member.thread.frames
    return bool(frames) and frames[0].full in _EXITS


def _of_pool(view: ProcessView, runner: ThreadActivity, hook: ThreadActivity, members: Sequence[ThreadActivity]) -> Finding:
    """The task that asked for the end, and the hook that waits for the end of the tasks."""
    frame, site = application_frame(*hook), application_frame(*runner)
    lone = not any(
        one.activity.kind not in IDLE and (_is_worker(one) or application_frame(*one) is not None)
        for one in members
        if one is not runner and one is not hook and not _wants_to_exit(one)
    )
    queued = next((one for one in members if _wants_to_exit(one)), None)
    text = POOLED.filled(
        view.process,
        hook=hook.thread.label,
        runner=runner.thread.label,
        frame=frame,
        site=site,
        lone=lone,
        queued=queued.thread.label if queued is not None else None,
    )
    shown = of_threads((runner,), text["joins"]), of_threads((hook,), text["awaits"])
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if lone else Confidence.SUSPECTED,
        evidence=shown,
        chain=text.steps(shown[:1], shown[1:]),
        culprit=Culprit(thread=runner.thread.label, frame=str(site) if site is not None else None),
        loop=True,
        outlook=Outlook(RecoversWhen.TIMEOUT, say("The hook's wait ends at its own time limit, and the JVM then.")),
    )


def _of_wait(view: ProcessView, runner: ThreadActivity, hook: ThreadActivity, queued: ThreadActivity | None) -> Finding:
    frame, frames = application_frame(*hook), runner.thread.frames
    asked = next((at for at, one in enumerate(frames) if one.full in _ASKS), None)
    site = next((one for one in frames[asked:] if view.known.is_application(one.cls)), None) if asked is not None else None
    same = site is not None and frame is not None and site.cls == frame.cls
    text = WAITS.filled(
        view.process,
        hook=hook.thread.label,
        runner=runner.thread.label,
        frame=frame,
        site=site,
        asked=site is not None,
        signal=site is None,
        same=same,
        does=_waits_in_words(hook),
        queued=queued.thread.label if queued is not None else None,
    )
    shown = of_threads((runner,), text["joins"]), of_threads((hook,), text["stands"])
    return text.finding(
        severity=Severity.CRITICAL if same else Severity.WARNING,
        confidence=Confidence.LIKELY if same else Confidence.SUSPECTED,
        evidence=shown,
        chain=text.steps(shown[:1], shown[1:]),
        culprit=Culprit(thread=hook.thread.label, frame=str(frame) if frame is not None else None),
        outlook=_OUTLOOK if same else Outlook(RecoversWhen.CAUSE, say("The JVM ends when the wait of the hook does.")),
    )


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
