"""A thread of Windows that waits for another one's end while it has what that one needs to end: the loader lock above all, in DllMain or a destructor of a library.

Windows runs DllMain of every library, and the start and the end of every thread, under one lock (Microsoft, “Dynamic-Link Library Best Practices”). A thread's
handle is signalled only after its end has run under that lock. No debugger draws this circle by itself where the wait is for a handle: ``!handle`` names the thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_lock, of_threads
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import say
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import application_frame, waited_lock
from analyzer.software.kinds import ActivityKind
from analyzer.waits.deadlocks import lock_holders
from parsers.records.stack_records import END_OF_THREAD, LOADER_LOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Lock, Thread

_ENDS: Final = frozenset({"ntdll.LdrShutdownThread", "ntdll.RtlExitUserThread"})
_BEGINS: Final = frozenset({"ntdll.LdrpInitializeThread"})
_WAITS: Final = frozenset({ActivityKind.OBJECT_WAIT, ActivityKind.CONDITION})
TEXT: Final = Text(
    "java-deadlock",
    headline=Either(
        "told",
        "“{holder}” waits for the end of “{other}”{in_}, and has {lock}, which “{other}” needs to go on: a deadlock.",
        "“{holder}” waits{in_} while it has {lock}, and “{other}” needs that lock {act}: a deadlock, if that is what the wait is for.",
    ),
    explanation="{loader}“{other}” stands before {lock}.{over} A handle of a thread is signalled only when the thread has ended. {wait}",
    why=Either(
        "told",
        "The debugger names both waits: whose end is awaited, and who has the lock.",
        "The stacks show who has the lock and who needs it. For what “{holder}” waits, no line says.",
    ),
    do=(
        Do(When.NOW, "End the process: neither thread goes on by itself."),
        Do(
            When.FIX,
            "Do not wait for a thread in DllMain, or in a destructor that runs there. Give the library a function that stops its threads, call it before FreeLibrary, and let a thread of the library end itself with FreeLibraryAndExitThread.",
            on="in_loader",
        ),
        Do(When.FIX, "Let {lock} go before the wait for the end of “{other}”.", on="in_program"),
        Do(When.PREVENT, "Wait for threads with a time limit, and hold no lock meanwhile."),
    ),
    figures=(("2", "threads in the cycle"),),
    ask=(
        Ask(
            "the object that “{holder}” waits for",
            "whether it is the end of “{other}”, or an event that a third thread sets",
            "!handle HANDLE f; !cs -l -o; ~*kb",
            on="untold",
        ),
    ),
    chain=(
        ("“{other}”", "waits for a lock held by", "“{holder}”"),
        ("“{holder}”", "waits for the end of", "“{other}”"),
    ),
    phrases={
        "in_": Either("frame", " in {frame}"),
        "act": Either("begins", "to begin", "to end"),
        "loader": Either("in_loader", "Windows runs DllMain, and the start and the end of each thread, under the loader lock. "),
        "over": Either("ends", " Its own work is over: only its end is left."),
        "wait": Either(
            "told",
            "Neither ever goes on.",
            "If “{holder}” waits for that, neither ever goes on. An event that a third thread sets would end the wait.",
        ),
        "needs": "“{other}” waits for {lock}",
        "has": "“{holder}” waits",
    },
)
_OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("Neither wait has a time limit that the stacks show."))


def findings(case: Case) -> Iterator[Finding]:
    """One for each pair of threads."""
    for view in case.latest:
        holders = lock_holders(view)
        members = [member for pool in view.pools for member in pool.members]
        for other in members:
            lock = waited_lock(other.thread)
            if lock is None or lock.address is None or lock.cls == END_OF_THREAD:
                continue
            owner = holders.get(lock.address)
            holder = next((one for one in members if one.thread is owner and one is not other), None)
            if holder is not None and (told := _awaits(holder, other.thread, lock, holders)) is not None:
                yield _finding(view, holder, other, lock, told=told)
                break


def _awaits(holder: ThreadActivity, other: Thread, lock: Lock, holders: dict[str, Thread]) -> bool | None:
    """True if the holder is told to wait for the other's end, False if it may, None if it does not."""
    awaited = waited_lock(holder.thread)
    if awaited is not None:
        return True if awaited.cls == END_OF_THREAD and holders.get(awaited.address or "") is other else None
    runs = {frame.full for frame in other.frames}
    at_an_end = bool(runs & (_ENDS | _BEGINS))
    return False if lock.cls == LOADER_LOCK and at_an_end and holder.activity.kind in _WAITS else None


def _finding(view: ProcessView, holder: ThreadActivity, other: ThreadActivity, lock: Lock, *, told: bool) -> Finding:
    frame, loader = application_frame(*holder), lock.cls == LOADER_LOCK
    runs = {frame.full for frame in other.thread.frames}
    text = TEXT.filled(
        view.process,
        holder=holder.thread.label,
        other=other.thread.label,
        frame=frame,
        lock=say("the loader lock") if loader else lock.cls or say("a lock"),
        told=told,
        untold=not told,
        in_loader=loader,
        in_program=not loader,
        begins=bool(runs & _BEGINS),
        ends=bool(runs & _ENDS),
    )
    shown = of_lock(other.thread, lock, text["needs"]), of_threads((holder,), text["has"])
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if told else Confidence.SUSPECTED,
        evidence=shown,
        chain=text.steps(shown[:1], shown[1:]),
        culprit=Culprit(thread=holder.thread.label, frame=str(frame) if frame is not None else None, lock=lock.cls),
        loop=True,
        outlook=_OUTLOOK,
    )
