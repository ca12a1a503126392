"""Goroutines of an own worker pool that all wait at channels inside their tasks: nobody is left for the tasks that they gave to each other.

Go has no executor that a stack could name. But a task is mostly a closure, which the compiler names after the function that made it: a worker that runs
``api.(*Tiles).Get.func1`` works for the goroutine that waits in ``api.(*Tiles).Get``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_threads
from analyzer.evidence.movement import has_stood, moved_on, progress_text, standing
from analyzer.model.finding import Confidence, Culprit, Finding, Severity, When
from analyzer.model.message import plural
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind, PoolRole
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame

SMALLEST: Final = 2
"""Workers that are a pool: a single goroutine that waits may be any step of a chain."""
_AT_REST: Final = ("chan receive", "semacquire", "sync.WaitGroup.Wait")
"""States of a wait without another way out, as a select may have one."""
TEXT: Final = Text(
    "nested-task-starvation",
    headline="All {workers} of {name} wait at a channel inside their tasks, in {frame}, and none is left for what they wait for.",
    explanation="All {workers} of {name} run a task and wait in {frame}. What they run are closures of functions in which {waiting} for the results: tasks are handed over a channel, and each waits for another one that only these workers could run.{progress} No other goroutine of the application runs, sleeps or talks to anybody, so nothing inside the process lets them go on.",
    why=Either(
        "stood",
        "The stacks show who runs whose tasks, in two dumps. That what they wait for is queued for the same workers, the code would show.",
        "The stacks show who runs whose tasks. That what they wait for is queued for the same workers, and lasts, a second dump and the code would show.",
    ),
    do=(
        Do(When.NOW, "Save one more dump, then restart; waiting does not help.", "jstack -l {pid} > jstack-last.txt"),
        Do(When.FIX, "In {frame}: run the subtask in the goroutine that wants it, or give subtasks workers of their own."),
        Do(When.PREVENT, "Let a task select on its context's Done besides the result, so that a wait ends in an error."),
    ),
    figures=(("0", "workers left for the subtasks"),),
    ask=(
        Ask("second dump of the goroutines", "whether the same goroutines stand there still", "jstack -l {pid} > jstack-2.txt", on="once"),
    ),
    chain=(("{name}", "waits for a result of", "{frame}"), ("{name}", "has no goroutine left for", "the queued subtasks")),
    phrases={"shown": "{workers} of {name} run a task and wait at a channel", "asking": "{waiting} for results of these tasks"},
)


def suspicions(case: Case) -> Iterator[Finding]:
    """One for each group of workers that wait for each other."""
    for view in case.latest:
        if view.dump is None or view.dump.runtime is not Runtime.GO or view.dump.fragment or view.coverage.threads:
            continue
        for pool in view.pools:
            asking = _asking(view, pool) if _all_in_tasks(pool) else ()
            if asking and _nobody_else_acts(view, pool, asking) and not moved_on(standing(case, view, pool.members)):
                yield _finding(case, view, pool, asking)


def _all_in_tasks(pool: Pool) -> bool:
    """True if every goroutine of an own function waits at a channel deeper than that function itself, where an idle worker stands."""
    return (
        pool.role is not PoolRole.SERVER and len(pool.members) >= SMALLEST and all(_rests(one) and _depth(one) >= 0 for one in pool.members)
    )


def _rests(one: ThreadActivity) -> bool:
    return one.activity.app >= 0 and (one.thread.native_state or "").startswith(_AT_REST)


def _depth(one: ThreadActivity) -> int:
    """How many frames the waiting function of the application stands above the goroutine's own; -1 for that one itself."""
    return len(one.thread.frames) - 2 - one.activity.app


def _asking(view: ProcessView, pool: Pool) -> tuple[ThreadActivity, ...]:
    """Goroutines of other pools that wait in the functions whose closures the workers run; empty unless that is so of every worker."""
    waiting = [one for other in view.pools if other is not pool for one in other.members if _rests(one)]
    places = {frame.full for one in waiting if (frame := application_frame(*one)) is not None}
    if not all(any(_made_by(frame, place) for frame in one.thread.frames for place in places) for one in pool.members):
        return ()
    return tuple(one for one in waiting if (frame := application_frame(*one)) is not None and _is_asked(frame, pool.members))


def _is_asked(place: Frame, workers: Sequence[ThreadActivity]) -> bool:
    return any(_made_by(frame, place.full) for one in workers for frame in one.thread.frames)


def _made_by(frame: Frame, function: str) -> bool:
    """True for a closure of the function: ``main.handle.func1``, in closures ``main.main.func1.1`` (cmd/compile, closure names)."""
    rest = frame.full.removeprefix(f"{function}.")
    return rest != frame.full and rest.replace(".", "").removeprefix("func").isdigit()


def _nobody_else_acts(view: ProcessView, pool: Pool, asking: Sequence[ThreadActivity]) -> bool:
    """True if no other goroutine stands in the application's code in a state that ends by itself: those at rest are woken by others only."""
    known = {one.thread for one in (*pool.members, *asking)}
    others = (one for other in view.pools for one in other.members if one.thread not in known and one.activity.app >= 0)
    return all(_rests(one) or one.activity.kind is ActivityKind.ACCEPT for one in others)


def _finding(case: Case, view: ProcessView, pool: Pool, asking: Sequence[ThreadActivity]) -> Finding:
    still = standing(case, view, pool.members)
    frame = application_frame(*pool.members[0])
    text = TEXT.filled(
        view.process,
        workers=plural(len(pool.members), "goroutine"),
        name=pool.name,
        frame=frame,
        waiting=plural(len(asking), "goroutine waits", "goroutines wait"),
        progress=progress_text(still),
        stood=has_stood(still),
        once=not has_stood(still),
    )
    shown = of_threads(pool.members, text["shown"])
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if has_stood(still) else Confidence.SUSPECTED,
        evidence=(shown, of_threads(asking, text["asking"])),
        chain=text.steps((shown,)),
        culprit=Culprit(pool=pool.name, frame=str(frame) if frame is not None else None),
        loop=True,
    )
