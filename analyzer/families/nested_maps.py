"""A thread asks a ConcurrentHashMap for a key while it computes the value of another key of the same map: on Java 8 it spins for ever.

The place in the table is reserved while the value is computed. Whoever comes to a reserved place waits for it, also the thread that has reserved it
(JDK-8062841; from Java 9 on such a thread gets an exception).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.contention.locks import lock_queues
from analyzer.evidence.chosen_threads import few_threads
from analyzer.evidence.citations import of_threads
from analyzer.evidence.movement import standing
from analyzer.evidence.multiples import multiple
from analyzer.families.hot_picked import HOT
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Do, Either, Text
from parsers.records import JavaState, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.contention.locks import LockQueue
    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame

_MAP: Final = "java.util.concurrent.ConcurrentHashMap"
_COMPUTES: Final = frozenset(f"{_MAP}.{name}" for name in ("computeIfAbsent", "compute", "computeIfPresent", "merge"))
TEXT: Final = Text(
    "cpu-spin",
    headline="“{name}” computes a value for a ConcurrentHashMap in {outer}, and asks {map} again from within, in {inner}: {spins}{behind}.",
    explanation="The map reserves the place of a key while its value is computed. {inner} runs inside of that computation, and where it comes to the reserved place it waits for that by turning in a loop: for itself. It takes a whole processor.{waits} Java 8 does so; later versions throw “Recursive update”.",
    why=Either(
        "stands",
        "The stack has the method of the map twice, called from the same code, and the thread stays in the inner one.",
        "The stack has the method of the map twice, called from the same code. Two objects of one class with a map each look the same on one stack, and then the thread goes on: a second dump and its processor time tell.",
    ),
    do=(
        Do(When.NOW, "Restart: nothing from outside ends the loop.", on="stands"),
        Do(
            When.NOW,
            "See whether the thread still stands there, and takes a processor of its own.",
            "jstack {pid} > jstack-2.txt; top -H -b -n 1 -p {pid}",
            on="unsure",
        ),
        Do(
            When.FIX,
            "Do not touch the map inside of the function that computes a value for it: in {frame} get first, compute outside, and use putIfAbsent.",
        ),
        Do(When.PREVENT, "Use a newer Java: it reports the recursion as an error."),
    ),
    figures=(("{queued}", "threads that wait for the reserved place"),),
    chain=(("{name}", "computes without end in", "{inner}"), ("{name}", "has itself reserved", "the place in the map")),
    phrases={
        "map": Either("stands", "the same map", "such a map"),
        "spins": Either("stands", "it spins for ever", "if it is the same one, it spins for ever"),
        "behind": Either("queue", ", and {queue} for the place in the table that it holds"),
        "waits": Either("queue", " Whoever needs a key of that place waits, too."),
        "shows": "the method of the map twice on one stack",
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One for each process with such a thread."""
    for view in case.latest:
        if view.dump is None or view.dump.runtime is not Runtime.JVM:
            continue
        found = next(((member, pair) for pool in view.pools for member in pool.members if (pair := _twice(member)) is not None), None)
        if found is not None:
            yield _finding(case, view, *found)


def _twice(member: ThreadActivity) -> tuple[Frame, Frame] | None:
    """Who calls the map at the top of a stack, and who called it below; None if it is not one piece of code that does both."""
    frames = member.thread.frames
    if member.thread.state is not JavaState.RUNNABLE or not frames or frames[0].full not in _COMPUTES:
        return None
    callers = [below for frame, below in pairwise(frames) if frame.full in _COMPUTES and below.cls != _MAP]
    if len(callers) > 1 and any(other.full == callers[0].full for other in callers[1:]):
        return callers[0], next(other for other in callers[1:] if other.full == callers[0].full)
    return None


def _finding(case: Case, view: ProcessView, member: ThreadActivity, pair: tuple[Frame, Frame]) -> Finding:
    inside = member.thread.frames[2] if len(member.thread.frames) > 2 else pair[0]  # noqa: PLR2004 - the caller of the caller
    queue = next((one for one in lock_queues(case) if one.owner is not None and one.owner.thread is member.thread), None)
    queued = _queued(case, queue)
    stands = queue is not None or _stays(case, view, member)
    text = TEXT.filled(
        view.process,
        stands=stands,
        unsure=not stands,
        name=member.thread.label,
        outer=pair[1],
        inner=inside,
        frame=pair[1],
        queue=plural(queued, "thread waits", "threads wait") if queued else "",
        queued=f"{queued:,}" if queued else "",
    )
    shown = of_threads((member,), text["shows"])
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if stands else Confidence.SUSPECTED,
        evidence=(shown, *((of_threads(queue.members, say("they wait for the place")),) if queue is not None else ())),
        chain=text.steps((shown,)),
        culprit=Culprit(thread=member.thread.label, frame=str(pair[1])),
        loop=True,
        doubts=(replace(few_threads(), ceiling=Confidence.LIKELY),) if view.dump is not None and view.dump.fragment else (),
        outlook=Outlook(RecoversWhen.RESTART, say("The thread waits for itself."))
        if stands
        else Outlook(RecoversWhen.UNKNOWN, say("It heals if the two calls are of two maps.")),
    )


def _stays(case: Case, view: ProcessView, member: ThreadActivity) -> bool:
    """True if the thread stood there in the dump before, or takes a processor."""
    stood = standing(case, view, (member,))
    usages = (one for one in view.snapshot.usages if one.native_id == member.thread.native_id)
    return (stood is not None and stood.same > 0) or any(one.cpu_percent >= HOT for one in usages)


def _queued(case: Case, queue: LockQueue | None) -> int:
    if queue is None:
        return 0
    more = multiple(case, queue.members)
    return more.number if more is not None else len(queue.members)
