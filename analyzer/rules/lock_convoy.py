"""Many threads wait for one lock, and its owner does something slow while it holds it.

Looks for: a crowd of threads that stand before the same monitor or lock, and the one that holds it: in a call to another service, in file
I/O, asleep, or computing. Lock lines name the owner of a monitor; a ReentrantLock's only in a dump with -l.

Why it matters: the lock turns a pool of threads into one. A single slow call under it stops every request that needs the lock.

Do next: look at what the owner does. Move the slow work out of the lock: compute first, then lock and publish; refresh in the background; give
the call a time limit. The lock is the cause that stops everybody, the slow call is why it is not given back.

Wrong when: the owner is part of a cycle (java-deadlock), the lock is a logger's (logging-stall) or a name look-up's (dns-stall), or it is a short
lock that many use (then another thread owns it in every dump). Readers of a read-write lock are printed nowhere.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import place
from analyzer.contention.locks import confidence_of, lock_queues, waits_for_lock
from analyzer.evidence.file_locks import looked_at
from analyzer.evidence.stalled_writes import unread_by
from analyzer.families import blocked_threads, forked_locks, held_files, locked_runtimes, signal_handlers
from analyzer.families.asked_calls import FIX, evidence_of, in_words, open_outlook
from analyzer.families.called_process import CALLED, outlook_of
from analyzer.model.finding import Finding, Outlook, RecoversWhen, When
from analyzer.model.message import say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import application_frame
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.contention.locks import LockQueue
    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final = (
    "cross-system-deadlock",
    "lock-held-by-idle-transaction",
    "java-deadlock",
    "class-init-deadlock",
    "lock-order-inversion",
    "recursive-read-lock",
    "logging-stall",
    "disk-stall",
    "dns-stall",
    "entropy-stall",
    "virtual-thread-pinning",
)
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The queue moves when the owner lets the lock go."))
CLEAN: Final = say("no queue of threads behind one lock and its working owner")
TEXT: Final = Text(
    "lock-convoy",
    headline="{count} wait for one lock{which}{and_holds}{overlap}{handing}.",
    explanation="{count} wait for {lock}, asked for in {taken_in}. {owner_in_words}{others}{clients}",
    do=(
        Do(
            When.NOW,
            "Look at {remote}: when it goes on, the lock is free.{moves}",
            "{again}",
        ),
        Do(
            When.FIX,
            "Unlock in finally, in {site} and wherever else it is taken: an exception on the way to unlock keeps it for ever.",
            on="unheld",
        ),
        Do(
            When.FIX,
            FIX,
        ),
        Do(
            When.PREVENT,
            Either(
                "jvm",
                "Use tryLock with a timeout where a stale value will do, and keep I/O, sleeps and calls to others out of locks.",
                "Keep I/O, sleeps and calls to others out of locks.",
            ),
        ),
    ),
    figures=(("1", "lock"),),
    ask=(
        Ask("rest of the thread dump", "which thread holds the lock, and what it does", "jstack -l {pid} > jstack.txt", on="cut_off"),
        Ask("thread dump with lock owners", "which thread holds the lock", "jstack -l {pid} > jstack.txt", on="unnamed"),
    ),
    chain=(("{pool_name}", "waits for a lock held by", "{count}, in {site}"), ("{who}", "{doing}", "in {place}{at}")),
    phrases={
        "and_holds": Either(
            "unsure",
            ", and “{name}” seems to hold it while it {holding}",
            Either("owner", ", and “{name}” holds it while it {holding}", Either("holder", ", which “{holder}” holds")),
        ),
        "owner_in_words": Either(
            "owner",
            Either(
                "guessed",
                "“{name}” seems to hold it (it alone is at work in code that the lock may guard) and {doing}{to}, in {owner_place}.{own}{unread} All others go on when it does.",
                Either(
                    "bare",
                    "“{name}” holds it{inferred}. If {owner_place} takes the same lock again, and it is not reentrant (threading.Lock is not), the thread waits for itself, and nobody ever goes on; else all go on when it does.",
                    "“{name}” holds it{inferred} and {doing}{to}, in {owner_place}.{own}{unread}{beyond} All others go on when it does.",
                ),
            ),
            Either(
                "holder",
                "“{holder}” holds it, which is not among the threads that are here.",
                Either("jvm", "{not_printed}{unheld_too}", "The dump does not say who holds it."),
            ),
        ),
        "not_printed": Either(
            "monitor",
            "The owner of a monitor is always printed: it is among the threads that are not here.",
            "The dump does not say who holds it: without -l the owner of such a lock is not printed, and readers of a read-write lock never are.",
        ),
        "handing": Either(
            "hands",
            ": if whoever should take it waits for the lock too, nobody ever goes on",
            Either("asks_web", "; if that calls the own site with the same session, the waiter may be that very call"),
        ),
        "unheld_too": Either("unheld", " No thread is seen at work under it: it may never have been unlocked."),
        "inferred": Either("named", "", " (inferred: it alone is further on in the method that takes the lock)"),
        "to": Either("target", Either("connects", " to {remote}", " from {remote}")),
        "own": Either("own_port", " That is the server's own port, where no thread is left to answer."),
        "beyond": Either(
            "chained",
            " Who has the lock that it waits for these lines do not show: if it is one of those that wait here, they are deadlocked, and jstack -l tells.",
            Either("awaits", " If whoever would wake it needs this lock first, neither ever goes on."),
        ),
        "at": Either("target", ", calling {remote}"),
        "does": "“{name}” {doing}",
        "holds": "“{name}” holds that lock",
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per lock that a crowd waits for."""
    of_themselves = signal_handlers.self_waits(case)
    of_runtimes = locked_runtimes.locked_runtimes(case)
    told = {one.member.thread for one in of_themselves} | {member.thread for one in of_runtimes for member in one.members}
    yield from chain(signal_handlers.findings(of_themselves), locked_runtimes.findings(of_runtimes))
    queues = (queue for queue in lock_queues(case) if queue.noteworthy)
    found = [(queue, _finding(queue)) for queue in queues if told.isdisjoint(member.thread for member in queue.members)]
    if any(view.dump is not None and view.dump.queues for view in case.latest):
        from analyzer.families import listed_waiters  # noqa: PLC0415 - of .NET's tables alone

        yield from (listed_waiters.with_count(one, queue.view, queue.owner) for queue, one in found)
        yield from listed_waiters.suspicions(case)
    else:
        yield from (one for _, one in found)
    yield from chain(forked_locks.suspicions(case), held_files.suspicions(case))


def _finding(queue: LockQueue) -> Finding:
    owner, target, cut_off = queue.owner, queue.target, queue.owner is None and queue.owner_is_printed
    frame, unread = (application_frame(*owner) if owner is not None else None) or queue.frame, unread_by(queue.view, owner)
    text = (CALLED if queue.view.known.runtime is Runtime.ERLANG else TEXT).filled(
        queue.view.process,
        **blocked_threads.words(queue),
        owner=owner,
        name=owner.thread.label if owner is not None else None,
        who=say("“{name}”", name=queue.owner_name) if queue.owner_name else say("an owner that the dump does not name"),
        owner_place=place(application_frame(*owner) if owner is not None else None),
        holder=queue.owner_name,
        **in_words(queue),
        named=queue.named or queue.file is not None,
        guessed=queue.guessed,
        chained=owner is not None and waits_for_lock(owner),
        jvm=queue.view.known.runtime is Runtime.JVM,
        monitor=queue.owner_is_printed,
        lock=queue.name,
        place=place(frame),
        same_place=str(queue.site) in {place(frame), ""},
        others=queue.others_in_words,
        target=target,
        remote=target.remote if target is not None else looked_at(queue.view, owner),
        own_port=target is not None and target.own,
        cut_off=cut_off,
        unheld=queue.unheld,
        unnamed=not cut_off and not queue.named and queue.view.known.runtime is not Runtime.GO,
    )
    evidence = tuple(evidence_of(queue, text))
    return blocked_threads.finding(
        queue,
        text,
        confidence_of(queue),
        evidence,
        (evidence[:1], evidence[1:]),
        outlook=open_outlook(queue) or outlook_of(queue.view.known.runtime),
        culprit=queue.culprit(
            frame,
            thread=owner.thread.label if owner is not None else None,
            remote=str(target.remote) if target is not None else str(unread.remote) if unread is not None else None,
            lock=queue.name,
            library=owner.activity.library if owner is not None else None,
        ),
    )
