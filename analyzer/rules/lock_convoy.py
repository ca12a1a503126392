"""Many threads wait for one lock, and its owner does something slow while it holds it.

Looks for: a crowd of threads that stand before the same monitor or lock, and the one that holds it: in a call to another service, in file
I/O, asleep, or computing. Lock lines name the owner of a monitor; a ReentrantLock's only in a dump with -l.

Why it matters: the lock turns a pool of threads into one. A single slow call under it stops every request that needs the lock, even those
that would not have made the call.

Do next: look at what the owner does. Move the slow work out of the lock: compute first, then lock and publish; refresh in the background; give
the call a time limit. The lock is the cause that stops everybody, the slow call is why it is not given back.

Wrong when: the owner is part of a cycle (java-deadlock), the lock is a logger's (logging-stall) or a name look-up's (dns-stall), or it is a short
lock that many use (then another thread owns it in every dump). Readers of a read-write lock are printed nowhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.correlate.blockers import application_frame
from analyzer.correlate.calls import kind_in_words
from analyzer.correlate.crowds import judge, place
from analyzer.correlate.locks import LockQueue, lock_queues
from analyzer.correlate.witness import of_sockets, of_threads, plural
from analyzer.finding import Action, Confidence, Evidence, Finding, Heals, Missing, Outlook, Step, When
from parsers.records import Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.correlate import Case

NEEDS: Final = ("threads",)
CONSEQUENCE_OF: Final = ("java-deadlock", "class-init-deadlock", "logging-stall", "dns-stall", "entropy-stall")
OUTLOOK: Final = Outlook(Heals.CAUSE, "The queue moves when the owner lets the lock go.")
CLEAN: Final = "no queue of threads behind one lock and its working owner"
DOING: Final = {
    "socket-read": "waits for an answer on a socket",
    "socket-connect": "waits for a connection to be made",
    "socket-write": "waits for a peer that does not read",
    "call": "waits for the answer of a remote call",
    "sleep": "sleeps",
    "file-io": "waits for a file",
    "dns": "waits for a name server",
    "lease": "waits for a connection from a pool",
    "future": "waits for a result",
    "completable-future": "waits for a result",
    "latch": "waits for a latch",
    "running": "is running",
}


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per lock that a crowd waits for."""
    for queue in lock_queues(case):
        if queue.noteworthy:
            yield _finding(queue)


def _finding(queue: LockQueue) -> Finding:
    owner, target = queue.owner, queue.target
    frame = application_frame(*owner) if owner is not None else None
    frame = frame or queue.frame
    confidence, why = _judge(queue)
    evidence = _evidence(queue)
    lock = _lock(queue)
    at = f", calling {target.remote}" if target is not None else ""
    return Finding(
        rule="lock-convoy",
        severity=queue.severity,
        confidence=confidence,
        headline=f"{queue.count} wait for one lock{f', and “{owner.thread.name}” holds it while it {_doing(queue)}' if owner is not None else ''}.",
        explanation=f"{queue.count} wait for {lock}, taken in {queue.site}. {_owner_in_words(queue)}{queue.clients}",
        why_confident=why,
        evidence=(*evidence, *queue.client_evidence),
        process=queue.view.process,
        culprit=queue.culprit(frame, thread=owner.thread.name if owner is not None else None, remote=str(target.remote) if target is not None else None, lock=lock, library=owner.activity.library if owner is not None else None),
        chain=(
            *queue.before,
            Step(queue.pool.name, "waits for a lock held by", f"{queue.count}, in {queue.site}", evidence[:1]),
            Step(f"“{owner.thread.name}”" if owner else "an owner that the dump does not name", _doing(queue), f"in {place(frame)}{at}", evidence[1:]),
        ),
        actions=(
            Action(When.NOW, f"Look at {target.remote if target is not None else 'what the owner does'}: when it goes on, the lock is free. A second dump shows whether it moves.", f"jstack -l {queue.pid} > jstack-2.txt"),
            Action(When.FIX, f"Do not hold the lock in {place(frame)} during slow work: do the work first and lock only to publish its result, or let one thread refresh in the background. Give the call a time limit."),
            Action(When.PREVENT, "Use tryLock with a time limit where a stale value will do, and keep I/O, sleeps and calls to others out of locks."),
        ),
        figures=(*queue.figures, ("1", "lock")),
        missing=() if confidence is Confidence.CERTAIN else _missing(queue),
    )  # fmt: skip


def _lock(queue: LockQueue) -> str:
    if queue.lock is None:
        return "one lock"
    return f"{queue.lock.cls or 'a lock'} {queue.lock.address or ''}".strip()


def _doing(queue: LockQueue) -> str:
    if queue.owner is None:
        return "holds it"
    return DOING.get(queue.owner.activity.kind, f"stands in {kind_in_words((queue.owner,))}")


def _owner_in_words(queue: LockQueue) -> str:
    owner, target = queue.owner, queue.target
    if owner is None:
        return "The dump does not say who holds it: without -l the owner of such a lock is not printed, and readers of a read-write lock never are."
    frame = application_frame(*owner)
    own = " That is the server's own port, where no thread is left to answer." if target is not None and target.own else ""
    to = f" from {target.remote}" if target is not None else ""
    inferred = "" if queue.named else " (inferred: it alone is further on in the method that takes the lock)"
    return f"“{owner.thread.name}” holds it{inferred} and {_doing(queue)}{to}, in {place(frame)}.{own} All others go on when it does."


def _judge(queue: LockQueue) -> tuple[Confidence, str]:
    doubts = list(queue.doubts)
    if queue.owner is None:
        other = "who holds the lock is not in the dump: a short lock that everybody uses shows the same for a moment"
        return judge(doubts, "The dump shows the queue.", other_cause=other)
    if not queue.named:
        return judge([*doubts, "the owner is inferred"], "One thread alone is past the place where the others wait.")
    if queue.owner.activity.kind in {"monitor", "lock"}:
        doubts.append("the owner waits for a lock itself, and the dump does not say whose")
    if queue.owner.activity.kind == "running" and not queue.lasting:
        doubts.append("the owner is running: a short lock that everybody uses shows the same in one dump")
    lasting = (
        "; the threads stood there in the dump before" if queue.lasting else "; clients have given up waiting" if queue.suffering else ""
    )
    return judge(doubts, f"The lock lines name the lock and its owner by address{lasting}.")


def _evidence(queue: LockQueue) -> tuple[Evidence, ...]:
    lock, owner, target = queue.lock, queue.owner, queue.target
    says = f"{plural(len(queue.members), 'thread')} wait for {_lock(queue)}"
    found = [of_threads(queue.members, says)]
    if lock is not None:
        thread = queue.members[0].thread
        place = Where(thread.where.file, max(thread.where.first, lock.line - 1), min(lock.line + 1, thread.where.last))
        found = [Evidence(place, says, (lock.address,) if lock.address else (), len(queue.members) - 1)]
    if owner is not None:
        found.append(of_threads((owner,), f"“{owner.thread.name}” {_doing(queue)}"))
        held = next((one for one in owner.thread.locks if lock is not None and one.address == lock.address), None)
        if held is not None and lock is not None and lock.address:
            place = Where(owner.thread.where.file, held.line, held.line)
            found.append(Evidence(place, f"“{owner.thread.name}” holds that lock", (lock.address,)))
    if target is not None:
        found.append(
            of_sockets(
                target.connections,
                f"{plural(len(target.connections), 'connection')} to {target.remote} with nothing left to read",
                (str(target.remote),),
            )
        )
    return tuple(found)


def _missing(queue: LockQueue) -> tuple[Missing, ...]:
    found = []
    if not queue.named:
        found.append(Missing("thread dump with lock owners", "which thread holds the lock", f"jstack -l {queue.pid} > jstack.txt"))
    return (*found, *queue.second_dump)
