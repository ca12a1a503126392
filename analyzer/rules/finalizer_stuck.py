"""The Finalizer thread is stuck in application code: nothing is finalised any more, and memory and descriptors pile up.

Looks for: the thread named Finalizer in a finalize method that waits (a lock, a socket, a sleep) instead of in ReferenceQueue.remove.

Why it matters: there is one Finalizer. While it stands, all objects with a finalizer stay in memory, and sockets and files that need it stay open.

Do next: look at the named finalize method; replace finalizers with try-with-resources or a Cleaner.

Wrong when: it was caught in a short finalizer; a second dump tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.locks import owner_of
from analyzer.evidence.calls import kind_in_words
from analyzer.evidence.citations import of_threads
from analyzer.evidence.doing import meanwhile
from analyzer.evidence.nouns import lock_in_words
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import IDLE, application_frame, waited_lock
from analyzer.software.kinds import ActivityKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final = ("java-deadlock",)
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The queue moves on when the finalizer in front returns."))
CLEAN: Final = say("the Finalizer waits for references, as it should")
_WORKING: Final = IDLE | {ActivityKind.RUNNING, ActivityKind.NONE}
TEXT: Final = Text(
    "finalizer-stuck",
    headline=Either(
        "owner",
        "The Finalizer waits in {frame} for a lock that “{owner}” holds: nothing is finalised any more.",
        "The Finalizer is stuck in {frame}: nothing is finalised any more.",
    ),
    explanation="The one Finalizer thread of the VM is in {waits}{called}{in_two}.{held} Objects that need finalising, and what they hold, stay until it goes on.",
    why=Either("lasting", "It stood there in the dump before.", "The stack shows it; whether it lasts needs a second dump."),
    do=(
        Do(When.NOW, "Make “{owner}” go on or end: the Finalizer waits for what it holds.", on="owner"),
        Do(When.NOW, "See how many objects wait for it.", "jcmd {pid} GC.finalizer_info"),
        Do(When.FIX, "Take the waiting out of {frame}: no locks or I/O in finalize; use try-with-resources or java.lang.ref.Cleaner."),
    ),
    figures=(("1", "Finalizer, stuck"),),
    ask=(
        Ask(
            "second thread dump, ten seconds later", "whether the Finalizer still stands there", "jstack -l {pid} > jstack-2.txt", on="once"
        ),
    ),
    chain=(
        ("Finalizer", "waits in", Either("owner", "{waits}, for what “{owner}” holds", "{waits}")),
        ("objects with finalizers", "are kept", ""),
    ),
    phrases={
        "shown": "the Finalizer is in {waits}{called}",
        "called": Either("app_below", ", called from {frame}"),
        "in_two": Either("lasting", ", in two dumps"),
        "held": Either("owner", " It waits for {lock}, which “{owner}” holds; that one {meanwhile}{owner_called}."),
        "owner_called": Either("owner_frame", ", called from {owner_frame}"),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose Finalizer waits in application code."""
    for view in case.latest:
        member = _finalizer(view)
        if member is not None and member.activity.app >= 0 and member.activity.kind not in _WORKING:
            before = [one for other in case.history(view)[:-1] if (one := _finalizer(other)) is not None]
            same = bool(before) and before[-1].thread.frames == member.thread.frames
            yield _finding(view, member, lasting=same)


def _finalizer(view: ProcessView) -> ThreadActivity | None:
    return next((member for pool in view.pools for member in pool.members if member.thread.name == "Finalizer"), None)


def _finding(view: ProcessView, member: ThreadActivity, *, lasting: bool) -> Finding:
    frame, waits = application_frame(*member), kind_in_words((member,))
    lock = waited_lock(member.thread)
    owner = owner_of(view, lock)
    text = TEXT.filled(
        view.process,
        frame=frame,
        waits=waits,
        app_below=frame is not None and frame.call != waits,
        lasting=lasting,
        once=not lasting,
        lock=lock_in_words(lock),
        owner=owner.thread.name if owner else None,
        meanwhile=meanwhile(owner) if owner else None,
        owner_frame=application_frame(*owner) if owner else None,
    )
    shown = of_threads((member,), text["shown"])
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.CERTAIN if lasting else Confidence.LIKELY,
        evidence=(shown,),
        chain=text.steps((shown,)),
        culprit=Culprit(thread="Finalizer", frame=str(frame)),
    )
