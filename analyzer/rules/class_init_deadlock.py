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

from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import judge
from analyzer.contention.class_init import Initialiser, InitialiserCircle, initialiser_circles
from analyzer.evidence.citations import of_threads, quoted
from analyzer.families import blocked_threads
from analyzer.model.finding import Finding, Outlook, RecoversWhen, Severity, Step, When
from analyzer.model.message import joined, plural, say, say_of
from analyzer.model.need import Need
from analyzer.model.text import ByNumber, Do, Text
from analyzer.software.blockers import application_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("Class initialisation has no timeout."))
CLEAN: Final = say("no threads wait for class initializers in a circle")
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


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose initialisers wait for each other."""
    return map(_finding, initialiser_circles(case))


def _finding(found: InitialiserCircle) -> Finding:
    blocked, circle = found.blocked, found.members
    proof = say("The dump names for each thread the class it initialises and the class it waits for, and they form a circle.")
    doubts = []
    if not found.named:
        proof = say("Every thread in a static initialiser waits for a class, so that nobody is left to finish one.")
        doubts = [say("this VM does not print which class a thread waits for")]
    frame, others = application_frame(*circle[0].member), found.others
    text = TEXT.filled(
        blocked.view.process,
        classes=joined(" and ", (one.classes[0] for one in circle)),
        list=joined(" ", (one.in_words for one in circle)),
        more_thread=plural(len(others), "more thread"),
        others=len(others),
        **blocked_threads.words(blocked),
        frame=frame,
        circle_count=len(circle),
    )
    n = len(others)
    waits = say_of(n, "{threads} waits for one of these classes", "{threads} wait for one of these classes", threads=plural(n, "thread"))
    wait = [of_threads(others, waits)] if others else []
    grave = blocked.severity is Severity.CRITICAL or (blocked.noteworthy and not blocked.few)
    return blocked_threads.finding(
        blocked,
        text,
        judge(doubts, proof),
        (*(one.evidence for one in circle), *wait),
        (),
        Severity.CRITICAL if grave else Severity.WARNING,
        missing=(),
        doubts=(),
        chain=tuple(map(_step, circle)),
        culprit=blocked.culprit(
            frame,
            thread=circle[0].member.thread.label,
            lock=say("the initialisation of {wanted}", wanted=circle[0].wanted or circle[0].classes[0]),
        ),
        loop=True,
    )


def _step(one: Initialiser) -> Step:
    verb = say("initialises a class and waits for")
    return Step(quoted(one.member), verb, one.wanted or say("another class"), (one.evidence,))
