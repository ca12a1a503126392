"""A thread that waits for a mutex which it may have taken itself, in an outer call of the same function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.read_locks import entered_again
from analyzer.evidence.citations import of_threads
from analyzer.families import blocked_threads
from analyzer.model.finding import Confidence, When
from analyzer.model.message import plural, say
from analyzer.model.text import Ask, Do, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.contention.read_locks import EnteredAgain
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case

RESTART: Final = Do(When.NOW, "Restart the process: if the thread holds the lock, it never lets go.")
LOCK_OUTSIDE: Final = Do(
    When.PREVENT, "Let public methods take the lock and private ones do the work, so that no method that locks calls another."
)
TEXT: Final = Text(
    "recursive-read-lock",
    headline="“{thread}” asks for the lock in {inner}, called from {outer}: if it has taken the lock there, it waits for itself, and nobody goes on.",
    explanation="{waiting} for the lock. “{thread}” stands in {inner}, and its own outer call stands in {outer}, past the place where the lock is taken. A mutex of this kind is not given to a thread that has it already.{clients} An owner that the dump does not show would look the same, or a lock that is let go before the call, or one that each object has for itself: the source of {method} decides.",
    do=(
        RESTART,
        Do(When.FIX, "In {outer}: take the lock once, and let what it calls expect that its caller holds it."),
        LOCK_OUTSIDE,
    ),
    figures=(("{count:,}", "threads waiting for the lock"),),
    ask=(Ask("source of the caller", "whether it holds the lock during the call", "grep -n -i lock {file}"),),
    chain=(("{thread}", "waits for a lock held by", "the lock, in {inner}"), ("{method}", "may hold the lock", "{outer}")),
    phrases={"stands": "“{thread}” asks for the lock in {method}, called from {method}"},
)


def findings(case: Case) -> Iterator[Finding]:
    """One per function."""
    return map(_finding, entered_again(case))


def _finding(again: EnteredAgain) -> Finding:
    group, thread = again.group, again.member.thread
    text = TEXT.filled(
        group.view.process,
        clients=group.clients,
        thread=thread.label,
        inner=again.inner,
        outer=again.outer,
        method=again.outer.call,
        waiting=plural(len(group.members), "thread waits", "threads wait"),
        count=len(group.members),
        file=(again.outer.source or "FILE").partition(":")[0],
    )
    stands = of_threads((again.member,), text["stands"])
    return blocked_threads.finding(
        group,
        text,
        (
            Confidence.SUSPECTED,
            say("The stack shows who asks, and that it has passed this place. Who holds the lock the dump does not print."),
        ),
        (stands,),
        ((stands,),),
        chain=text.steps((stands,)),
        culprit=group.culprit(again.outer, thread=thread.label, lock=say("the lock")),
        loop=True,
    )
