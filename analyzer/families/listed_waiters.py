"""A table of monitors counts the threads that wait for one and names who owns it, where the waiters' own stacks are not here (``!syncblk`` of .NET)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.evidence.citations import of_threads
from analyzer.evidence.doing import doing
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, say
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import application_frame, blocking_frame
from parsers.records import LockVerb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import LockQueue

FEWEST: Final = 3
"""Waiters below which a monitor is in ordinary use."""
TEXT: Final = Text(
    "lock-convoy",
    headline="{count:,} threads wait for the lock of {lock}: {owner} owns it{does}.",
    explanation="The table of monitors counts {count:,} threads that wait for the lock of {lock}.{held} All of them go on one after the other when it is let go; where each of them does the same slow work under the lock, the queue stays. Their stacks are not here: how many of them serve requests is not shown.",
    why="The runtime itself counts the waiters and names the owner. One picture does not show for how long.",
    do=(
        Do(When.NOW, "Save all stacks twice, some seconds apart: is the owner the same, and in the same call?", "~*e !clrstack; !syncblk"),
        Do(When.FIX, "Do not hold the lock of {lock} during slow work: take what is needed, let it go, then call."),
    ),
    ask=(Ask("the stacks of all threads", "who waits for the lock, and from where", "~*e !clrstack"),),
    figures=(("{count:,}", "threads wait for one lock"),),
    chain=(("{count:,} threads", "wait for the lock of {lock} that is owned by", "{owner}"), ("{owner}", "{work}", "")),
    phrases={
        "does": Either("work", ", and {work}{called}"),
        "called": Either("frame", ", called from {frame}"),
        "held": Either("work", " Its owner {work}{called}."),
        "counted": "{count:,} threads wait for the lock of {lock}",
        "owns": "{owner} owns the lock",
    },
)


def suspicions(case: Case) -> Iterator[Finding]:
    """One for the longest queue of each process, where the stack of nobody who waits in it is here: these tell more."""
    for view in case.latest:
        queues = [queue for queue in view.dump.queues if queue.waiters >= FEWEST] if view.dump is not None else []
        queue = max(queues, key=lambda one: one.waiters, default=None)
        if queue is not None and not _seen(view, queue):
            yield _finding(view, queue)


def _seen(view: ProcessView, queue: LockQueue) -> bool:
    """True if a thread of the dump waits for the lock."""
    return any(
        lock.verb is LockVerb.WAITING_TO_LOCK and lock.address == queue.address
        for pool in view.pools
        for member in pool.members
        for lock in member.thread.locks
    )


def _owner(view: ProcessView, queue: LockQueue) -> ThreadActivity | None:
    return next((member for pool in view.pools for member in pool.members if member.thread.native_id == queue.owner), None)


def _finding(view: ProcessView, queue: LockQueue) -> Finding:
    owner = _owner(view, queue)
    frame = blocking_frame(*owner) or next(iter(owner.thread.frames), None) if owner is not None else None
    app = application_frame(*owner) if owner is not None else None
    work = (
        (doing(owner, frame, several=False) or say("is in {frame}", frame=frame.call)) if owner is not None and frame is not None else None
    )
    text = TEXT.filled(
        view.process,
        count=queue.waiters,
        lock=queue.cls,
        owner=say("“{name}”", name=owner.thread.label) if owner is not None else say("thread {number:#x}", number=queue.owner),
        work=work,
        frame=str(app) if app is not None and app != frame else None,
    )
    counted = Evidence(queue.where, text["counted"], (str(queue.waiters * 2 + 1), queue.cls))
    holds = of_threads((owner,), text["owns"]) if owner is not None else counted
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if owner is not None else Confidence.SUSPECTED,
        outlook=Outlook(RecoversWhen.CAUSE, say("Each waiter goes on when the lock is let go.")),
        evidence=(counted, *((holds,) if owner is not None else ())),
        chain=text.steps((counted,), (holds,)),
        culprit=Culprit(
            thread=owner.thread.label if owner is not None else None, lock=queue.cls, frame=str(app) if app is not None else None
        ),
    )


def with_count(found: Finding, view: ProcessView, owner: ThreadActivity | None) -> Finding:
    """The finding about a lock and its owner with the number of those who wait, where a table of monitors counts more than a moment's."""
    queues = view.dump.queues if view.dump is not None and owner is not None else ()
    queue = next((one for one in queues if owner is not None and one.owner == owner.thread.native_id and one.waiters >= FEWEST), None)
    if queue is None:
        return found
    counted = Evidence(queue.where, say("{count:,} threads wait for the lock of {lock}", count=queue.waiters, lock=queue.cls), (queue.cls,))
    return replace(
        found,
        confidence=min(found.confidence, Confidence.LIKELY, key=lambda one: one.rank),
        explanation=joined(
            " ", [found.explanation, say("The table of monitors counts {count:,} threads that wait for the lock.", count=queue.waiters)]
        ),
        evidence=(*found.evidence, counted),
        doubts=(),
    )
