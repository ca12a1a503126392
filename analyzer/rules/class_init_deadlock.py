"""Static initialisers of classes need each other, in threads that began with different ones.

Looks for: threads inside a static initialiser (a <clinit> frame) that wait for another class to be initialised, which a second such thread is
at. HotSpot prints RUNNABLE and "in Object.wait()" for them, since JDK 19 also the class they wait for.

Why it matters: neither initialiser ever ends, and every thread that touches one of the classes joins them. No lock detector reports it, and
RUNNABLE hides it: it looks like work.

Do next: restart; then break the circle between the two initialisers: no call of one class's static code in the other's, a holder class, or
initialisation in one thread at start-up.

Wrong when: one initialiser is merely slow (then one thread with a <clinit> frame does something else than wait for a class), or the dump is
cut off. A circle within one thread is harmless: the VM lets it pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.contention.blocked_group import BlockedGroup, judge
from analyzer.evidence.citations import of_lock, of_threads
from analyzer.families import blocked_threads
from analyzer.model.finding import Evidence, Finding, Outlook, RecoversWhen, Severity, Step, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import ByNumber, Do, Text
from analyzer.software.blockers import application_frame, awaits_class
from analyzer.software.pools import ThreadSet
from parsers.records import LockVerb, Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case
    from parsers.records import Lock, Thread

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("Class initialisation has no timeout."))
CLEAN: Final = say("no threads wait for class initializers in a circle")
INITIALISER: Final = "<clinit>"
TEXT: Final = Text(
    "class-init-deadlock",
    headline="The static initialisers of {classes} wait for each other.",
    explanation=ByNumber(
        "others",
        "{list} Neither can ever end, though HotSpot calls them RUNNABLE. {more_thread} waits for one of the classes.{clients} Only a restart ends it.",
        "{list} Neither can ever end, though HotSpot calls them RUNNABLE. {more_thread} wait for one of the classes.{clients} Only a restart ends it.",
    ),
    do=(
        Do(When.NOW, "Restart the process: the threads never go on."),
        Do(When.FIX, "Break the circle between {classes}: no static code of one that needs the other; see {frame}."),
        Do(
            When.PREVENT,
            "Keep static initialisers free of calls to other classes' static state, and touch such classes once, in one thread, at start-up.",
        ),
    ),
    figures=(("{circle_count}", "initialisers in the circle"),),
)


class Initialiser(NamedTuple):
    """A thread in the static initialisers of ``classes`` that waits for ``wanted``, None if the dump does not name it."""

    member: ThreadActivity
    classes: tuple[str, ...]
    wanted: str | None


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose initialisers wait for each other."""
    for view in case.latest:
        members = [member for pool in view.pools for member in pool.members]
        waiting = [member for member in members if awaits_class(member.thread)]
        found = [Initialiser(member, classes, _wanted(member.thread)) for member in waiting if (classes := _initialises(member.thread))]
        circle = _circle(found)
        unnamed = not circle and len(found) > 1 and all(one.wanted is None for one in found)
        if unnamed and all(awaits_class(member.thread) for member in members if _initialises(member.thread)):
            yield _finding(BlockedGroup(case, view, waiting), found, named=False)
        elif circle:
            yield _finding(BlockedGroup(case, view, waiting), circle, named=True)


def _line(thread: Thread) -> Lock | None:
    return next((lock for lock in thread.locks if lock.verb is LockVerb.CLASS_INIT), None)


def _wanted(thread: Thread) -> str | None:
    line = _line(thread)
    return line.cls if line is not None else None


def _initialises(thread: Thread) -> tuple[str, ...]:
    return tuple(frame.cls for frame in thread.frames if frame.method == INITIALISER)


def _circle(found: Sequence[Initialiser]) -> tuple[Initialiser, ...]:
    """Initialisers each of which waits for a class that the next one is at; empty if the chain ends."""
    at = {cls: one for one in found for cls in one.classes}
    for start in found:
        path = [start]
        while (following := at.get(path[-1].wanted or "")) is not None and following not in path:
            path.append(following)
        if following is start and len(path) > 1:
            return tuple(path)
    return ()


def _finding(blocked: BlockedGroup, circle: Sequence[Initialiser], *, named: bool) -> Finding:
    proof = say("The dump names for each thread the class it initialises and the class it waits for, and they form a circle.")
    doubts = []
    if not named:
        proof = say("Every thread in a static initialiser waits for a class, so that nobody is left to finish one.")
        doubts = [say("this VM does not print which class a thread waits for")]
    classes = joined(" and ", (one.classes[0] for one in circle))
    frame = application_frame(*circle[0].member)
    others = len(blocked.members) - len(circle)
    text = TEXT.filled(
        blocked.view.process,
        classes=classes,
        list=joined(" ", (_in_words(one) for one in circle)),
        more_thread=plural(others, "more thread"),
        others=others,
        **blocked_threads.words(blocked),
        frame=frame,
        circle_count=len(circle),
    )
    return blocked_threads.finding(
        blocked,
        text,
        judge(doubts, proof),
        (*(_evidence(one) for one in circle), *_others(blocked, circle)),
        (),
        Severity.CRITICAL if blocked.severity is Severity.CRITICAL or (blocked.noteworthy and not blocked.few) else Severity.WARNING,
        missing=(),
        doubts=(),
        chain=tuple(
            Step(
                f"“{one.member.thread.label}”",
                say("initialises a class and waits for"),
                one.wanted or say("another class"),
                (_evidence(one),),
            )
            for one in circle
        ),
        culprit=blocked.culprit(
            frame,
            thread=circle[0].member.thread.label,
            lock=say("the initialisation of {wanted}", wanted=circle[0].wanted or circle[0].classes[0]),
        ),
        loop=True,
    )


def _in_words(one: Initialiser) -> str:
    wanted = one.wanted or say("another class, which this VM does not name")
    return say(
        "“{name}” is in {classes}.{INITIALISER} and waits for {wanted}.",
        name=one.member.thread.label,
        classes=one.classes[0],
        INITIALISER=INITIALISER,
        wanted=wanted,
    )


def _evidence(one: Initialiser) -> Evidence:
    thread = one.member.thread
    line = _line(thread)
    says = say(
        "“{name}” initialises {classes} and waits for {wanted}",
        name=thread.label,
        classes=one.classes[0],
        wanted=one.wanted or say("another class"),
    )
    if line is None:
        return Evidence(Where(thread.where.file, thread.where.first, min(thread.where.first + 4, thread.where.last)), says, (INITIALISER,))
    return of_lock(thread, line, says, line.cls or INITIALISER)


def _others(blocked: BlockedGroup, circle: Sequence[Initialiser]) -> list[Evidence]:
    inside = ThreadSet(one.member for one in circle)
    others = [member for member in blocked.members if member not in inside]
    return [of_threads(others, say("{threads} wait for one of these classes", threads=plural(len(others), "thread")))] if others else []
