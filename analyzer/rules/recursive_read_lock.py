"""A thread asks for a lock that it holds already: a read lock behind a writer, or a mutex.

Looks for: threads that wait for the read lock and for the write lock in methods of one type, one of them called from another method of that type, and
nobody else inside: if the caller took the read lock, the second request is never granted. Also a thread that waits for a mutex (POSIX, Go) in a function
which stands once more in its own stack, at a later line: the outer call has passed the place where it is taken.

Why it matters: such a lock works for months. It takes a writer that comes between the two requests of one thread; then nobody who needs the lock goes
on, and no runtime reports a deadlock: who holds a read lock is printed nowhere.

Do next: look at the caller: does it take the lock before it calls the method that takes it again? Take it once, in the outer method.

Wrong when: the caller takes no lock, or lets it go before the call; then somebody whom the dump does not show holds it. A ReentrantReadWriteLock gives
a second read lock to a thread that has one: there only a request for the write lock counts. A recursive mutex never stops its own thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import judge
from analyzer.contention.read_locks import asked_twice
from analyzer.evidence.citations import of_threads
from analyzer.families import blocked_threads, entered_again
from analyzer.model.finding import Confidence, Outlook, RecoversWhen, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.contention.read_locks import AskedTwice
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ("java-deadlock",)
OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("The thread waits for a lock that it does not let go."))
CLEAN: Final = say("no thread is seen to ask for a lock twice")
TEXT: Final = Text(
    "recursive-read-lock",
    headline="“{thread}” asks for {what} in {inner}, called from {outer}: if {outer_method} holds the read lock, nobody goes on.",
    explanation="{reading} for the read lock and {writing} for the write lock of one type, and nobody else is seen inside. “{thread}” stands in {inner} and was called from {outer}. {rule}{clients} A reader that the dump does not show would look the same: the source of {outer_method} decides.",
    do=(
        entered_again.RESTART,
        Do(
            When.FIX,
            Either(
                "upgrade",
                "In {outer}: release the read lock before {inner_method} asks for the write lock, or take the write lock from the beginning.",
                "In {outer}: take the read lock once, and let {inner_method} expect that its caller holds it.",
            ),
        ),
        entered_again.LOCK_OUTSIDE,
    ),
    figures=(("{reading_count:,}", "threads waiting for the read lock"), ("{writing_count:,}", "threads waiting for the write lock")),
    ask=(Ask("source of the caller", "whether it holds the read lock during the call", "grep -n 'RLock\\|readLock' {file}"),),
    chain=(("{thread}", "waits for a lock held by", "{what}, in {inner}"), ("{outer_method}", "may hold the read lock", "{outer}")),
    phrases={
        "what": Either("upgrade", "the write lock", "the read lock"),
        "rule": Either(
            "upgrade",
            "No lock turns a read lock into the write lock while readers hold it, the thread itself among them.",
            "Once a writer waits, this kind of lock gives no further read lock, not even to a thread that has one.",
        ),
        "stands": "“{thread}” asks for {what} in {inner_method}, called from {outer_method}",
        "writes": "{writing} for the write lock",
        "reads": "{reading} for the read lock",
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per type, and one per function that enters its own mutex."""
    yield from map(_finding, asked_twice(case))
    yield from entered_again.findings(case)


def _finding(twice: AskedTwice) -> Finding:
    group, thread = twice.group, twice.member.thread
    text = TEXT.filled(
        group.view.process,
        clients=group.clients,
        thread=thread.label,
        inner=twice.inner,
        outer=twice.outer,
        inner_method=twice.inner.call,
        outer_method=twice.outer.call,
        upgrade=twice.upgrade,
        reading=plural(len(twice.readers), "thread waits", "threads wait"),
        writing=plural(len(twice.writers), "thread waits", "threads wait"),
        reading_count=len(twice.readers),
        writing_count=len(twice.writers),
        file=(twice.outer.source or "FILE").partition(":")[0],
    )
    stands = of_threads((twice.member,), text["stands"])
    others = [of_threads(members, text[phrase]) for members, phrase in ((twice.writers, "writes"), (twice.readers, "reads")) if members]
    doubts = [*group.doubts, say("who holds a read lock no runtime prints")]
    confidence, why = judge(doubts, say("The stacks show who asks, in which method, and who called it."))
    proven = (group.suffering or group.lasting) and not group.view.coverage.threads and not group.few
    return blocked_threads.finding(
        group,
        text,
        (confidence if proven else Confidence.SUSPECTED, why),
        (stands, *others),
        ((stands,),),
        chain=text.steps((stands,)),
        culprit=group.culprit(twice.outer, thread=thread.label, lock=text["what"]),
        loop=True,
    )
