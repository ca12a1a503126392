"""Two functions take two locks in opposite order, and each waits for what the other holds: a deadlock that no runtime reports.

Looks for: in stacks that do not name the owners of locks (Go, native code), two queues before two locks: many threads of one function
wait for the first lock and one of them waits for the second; in another function it is the other way round.

Why it matters: none of these threads will ever run again, and everybody who needs one of the locks joins them. Go reports a deadlock only if
every goroutine of the process sleeps, which a server's never do; native code reports none.

Do next: restart; then make all code take these locks in one order, or hold only one of them at a time.

Wrong when: the thread that is further on has let the first lock go before it asked for the second, or one of them waits with a time limit. Two
locks that are busy look alike for a moment: a second dump, or clients that gave up, tell it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import BlockedGroup, judge
from analyzer.contention.lock_order import opposite_orders
from analyzer.evidence.citations import of_threads
from analyzer.evidence.nouns import lock_in_words
from analyzer.families import blocked_threads
from analyzer.model.finding import Confidence, Outlook, RecoversWhen, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Do, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.contention.lock_order import Side
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("The threads never let go of what they hold."))
CLEAN: Final = say("no two functions are seen to take two locks in opposite order")
TEXT: Final = Text(
    "lock-order-inversion",
    headline="{first_function} and {second_function} take two locks in opposite order and wait for each other: a deadlock.",
    explanation="{count} wait for {first_lock} or {second_lock}. In {first_function} {first_waiting} for {first_lock}, and “{first_thread}” is past it and waits for {second_lock}. In {second_function} {second_waiting} for {second_lock}, and “{second_thread}” is past it and waits for {first_lock}. Each of the two holds what the other wants.{clients}",
    do=(
        Do(When.NOW, "Restart the process: the threads never let go."),
        Do(When.FIX, "Take {first_lock} and {second_lock} in one order everywhere: see {first_function} and {second_function}."),
        Do(When.PREVENT, "Hold one lock at a time where possible, and none while another function is called that takes one."),
    ),
    figures=(("2", "locks"),),
    chain=(
        ("{first_thread}", "waits for a lock held by", "{second_lock}, in {first_function}"),
        ("{second_thread}", "waits for a lock held by", "{first_lock}, in {second_function}"),
    ),
    phrases={
        "waiting_first": "{first_waiting} for {first_lock} in {first_function}",
        "past_first": "“{first_thread}” is past that lock and waits for {second_lock}",
        "waiting_second": "{second_waiting} for {second_lock} in {second_function}",
        "past_second": "“{second_thread}” is past that lock and waits for {first_lock}",
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pair of functions."""
    for first, second in opposite_orders(case):
        yield _finding(case, first, second)


def _finding(case: Case, first: Side, second: Side) -> Finding:
    group = BlockedGroup(case, first.queue.view, (*first.queue.members, *second.queue.members))
    text = TEXT.filled(
        group.view.process,
        **blocked_threads.words(group),
        first_lock=lock_in_words(first.queue.lock, ""),
        second_lock=lock_in_words(second.queue.lock, ""),
        first_function=first.function,
        second_function=second.function,
        first_thread=first.inside.thread.name,
        second_thread=second.inside.thread.name,
        first_waiting=plural(len(first.waiting), "thread waits", "threads wait"),
        second_waiting=plural(len(second.waiting), "thread waits", "threads wait"),
    )
    confidence, why = judge(
        [*group.doubts, say("that the two hold the locks is inferred: stacks of this runtime do not name owners")],
        say("Both functions take both locks, by where their threads wait, and nobody else is in them."),
    )
    past = (of_threads([first.inside], text["past_first"]), of_threads([second.inside], text["past_second"]))
    waiting = (of_threads(first.waiting, text["waiting_first"]), of_threads(second.waiting, text["waiting_second"]))
    return blocked_threads.finding(
        group,
        text,
        (confidence if (group.suffering or group.lasting) and not group.view.coverage.threads else Confidence.SUSPECTED, why),
        (waiting[0], past[0], waiting[1], past[1]),
        ((past[0],), (past[1],)),
        chain=text.steps((past[0],), (past[1],)),
        culprit=group.culprit(first.queue.frame, thread=first.inside.thread.name, lock=lock_in_words(first.queue.lock, "")),
        loop=True,
    )
