"""Blocking code holds every worker of the JDK's common pool.

Looks for: ForkJoinPool.commonPool-worker threads that all wait (for a latch, a future, a queue, a sleep), and callers that wait for what the
common pool should run: CompletableFuture.supplyAsync without an executor, parallel streams.

Why it matters: there is one common pool for the whole process, with one thread less than there are processors. Whoever blocks in it stops
all others that use it, in code that has nothing to do with it; tasks that wait for other tasks of it never end.

Do next: give the blocking code an executor of its own as second argument of supplyAsync, or wait in a ForkJoinPool.ManagedBlocker, or compose
the futures instead of waiting.

Wrong when: the workers only read an answer (then the service is the cause, see slow-backend and self-call-starvation), stand before a lock
(lock-convoy) or a connection pool, or another pool runs what they wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import judge
from analyzer.contention.tasks import Starved, starved
from analyzer.evidence.calls import kind_in_words
from analyzer.evidence.citations import of_threads
from analyzer.families import blocked_threads
from analyzer.model.finding import Finding, Outlook, RecoversWhen, Step, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final = ("self-call-starvation", "mutual-call-starvation", "slow-backend", "java-deadlock", "lock-convoy")
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The pool works again when what its threads wait for happens."))
CLEAN: Final = say("the common pool is not full of waiting tasks")
PROOF: Final = say(
    "The dump shows all workers of the common pool, each in the same kind of wait; the pool's name leaves no doubt which it is."
)
TEXT: Final = Text(
    "common-pool-starvation",
    headline="All {workers} of the JDK's common pool wait in {kind}: nothing else that uses it runs.",
    explanation="{count} wait in {kind}, called from {frame}.{what} No worker is left for anything else that is handed to the common pool.{clients}",
    do=(
        Do(When.NOW, "Restart the process if the workers wait for each other: they never come back."),
        Do(
            When.FIX,
            "Give {frame} an executor of its own (the second argument of supplyAsync, runAsync, thenApplyAsync); do not wait inside the common pool.",
        ),
        Do(
            When.PREVENT,
            "Hand only short computations to the common pool; -Djava.util.concurrent.ForkJoinPool.common.parallelism moves the moment, no more.",
        ),
    ),
    ask=(
        Ask(
            "socket table with owners",
            "whether the calls go to the server's own port or to another service",
            "ss -tanpoei > ss.txt; lsof -nP -p {pid} > lsof.txt",
            on="unseen",
        ),
    ),
    figures=(("{waiters_count}", "threads of {server} waiting"),),
    phrases={
        "waiting": "{workers} of the common pool wait in {kind}",
        "waiters": "{request_thread} wait for results of the common pool",
        "what": Either(
            "nested",
            " What they wait for runs nowhere in the process: the tasks that would deliver it are queued behind them, and it never ends without a restart.",
            " Such waits do not belong into a pool that everybody shares.",
        ),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose common pool is blocked."""
    for pool in starved(case, common=True):
        if pool.noteworthy or (pool.before and pool.starved):
            yield _finding(pool)


def _finding(starving: Starved) -> Finding:
    pool, frame, waiters = starving.pool, starving.frame, starving.waiters
    kind, endless = kind_in_words(starving.members), starving.nested and not starving.strangers
    text = TEXT.filled(
        starving.view.process,
        workers=plural(len(starving.members), "worker"),
        kind=kind,
        **blocked_threads.words(starving),
        frame=frame,
        waiters_count=f"{len(waiters):,}" if waiters else "",
        server=starving.serving.pool.name if starving.serving is not None else "",
        unseen=not starving.view.sockets,
        nested=endless,
        request_thread=plural(len(waiters), "request thread"),
    )
    waiting = of_threads(starving.members, text["waiting"])
    callers = [of_threads(waiters, text["waiters"])] if waiters else []
    waits = Step(pool.name, say("waits in"), say("{kind}, called from {frame}", kind=kind, frame=frame), (waiting,))
    lacks = [Step(pool.name, say("has no worker left for"), say("the queued tasks"))] if starving.nested else []
    return blocked_threads.finding(
        starving,
        text,
        judge(list(_doubts(starving)), PROOF),
        (waiting, *callers),
        (),
        chain=(*starving.before, waits, *lacks),
        outlook=Outlook(RecoversWhen.RESTART, say("What the threads wait for is queued behind them.")) if endless else None,
        loop=starving.nested,
    )


def _doubts(starving: Starved) -> Iterator[str]:
    yield from starving.doubts
    if not starving.view.sockets:
        yield say("there is no socket table that shows what clients suffer")
    elif starving.nested and starving.calls_out:
        yield say("what they wait for could also come over one of the outgoing connections")
    if not starving.before:
        yield say("no request thread is seen to wait for the common pool")
