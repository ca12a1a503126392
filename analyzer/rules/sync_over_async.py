"""Workers of an asynchronous runtime block until tasks end, and the tasks need workers of the same runtime to end.

Looks for: threads of .NET's pool in Task.Wait, Task.Result or GetAwaiter().GetResult() below which the application's code stands, and no more threads free
than block: what an awaited call does after its answer (its continuation) is queued for a thread of the pool. Also workers of Rust's tokio and its like in
block_on inside a task, and dispatchers of the JVM that block (Kotlin, Scala, Reactor).

Why it matters: the answers are there and nobody takes them. .NET's pool makes one or two threads more each second, and new requests take them at once: the
server stands still for minutes with an idle processor, recovers for moments, and falls back. The other runtimes make none, and stand still.

Do next: await the task instead of blocking, all the way up to the request's handler. More threads (SetMinThreads, worker_threads) only win time.

Wrong when: the tasks wait for a service that does not answer: then that is the cause, and blocking makes it worse (slow-backend). Threads that the program
made itself, or that are there for blocking (spawn_blocking, Dispatchers.IO), may block on tasks without harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import BlockedGroup, judge
from analyzer.evidence.calls import kind_in_words
from analyzer.evidence.citations import of_threads
from analyzer.evidence.short_pools import POOL, blocked_by_site, owns_queue, short_of_threads
from analyzer.families import blocked_runtimes, blocked_threads
from analyzer.model.finding import Kind, Outlook, RecoversWhen, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Text
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.evidence.short_pools import Short
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final = ("self-call-starvation", "mutual-call-starvation", "slow-backend", "database-read-hang")
OUTLOOK: Final = Outlook(
    RecoversWhen.CAUSE, say("The pool makes one or two threads more each second: with fewer requests it catches up after minutes.")
)
CLEAN: Final = say("no pool of .NET and no asynchronous runtime blocks on tasks with its threads")
_COUNTERS, _RUNTIME = "dotnet-counters", "-p {pid} --counters System.Runtime"
TEXT: Final = Text(
    "sync-over-async",
    headline="{count} block on a task in {waiting}, called from {site}: tasks need threads of the same pool to end{numbers}.",
    explanation="{count} block until a task ends, in {waiting}, called from {site}. What follows an awaited call runs on a thread of the pool; while these block, it waits in the pool's queue. The pool makes one or two threads more each second.{clients} A service behind the tasks that does not answer looks the same; with await it would keep no thread.",
    do=(
        Do(When.NOW, "See whether the pool's queue and its threads grow.", f"{_COUNTERS} monitor {_RUNTIME}", on="uncounted"),
        Do(When.FIX, "In {site}: await the task, all the way up to the handler, instead of Result, Wait() or GetAwaiter().GetResult()."),
        Do(When.PREVENT, "Let an analyzer of the build forbid blocking on tasks (VSTHRD002). ThreadPool.SetMinThreads only wins time."),
    ),
    figures=(("{free:,}", "threads of the pool free"),),
    ask=(
        Ask("counters of the pool", "whether its queue grows while the processor idles", f"{_COUNTERS} collect {_RUNTIME}", on="uncounted"),
        Ask("socket table with owners", "whether a service behind the tasks does not answer", "ss -tanpoei > ss.txt", on="unseen"),
    ),
    chain=(
        ("{pool_name}", "waits for a result of", "{count}, called from {site}"),
        ("{pool_name}", "has no thread left for", "what follows the awaited calls"),
    ),
    phrases={"shown": "{threads} on a task in {waiting}"},
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose workers block."""
    yield from blocked_runtimes.suspicions(case)
    for view in case.latest:
        if view.known.runtime is not Runtime.DOTNET:
            continue
        short = short_of_threads(case)
        # The owner of a monitor that a crowd waits for is the lock's story: its own task may wait for anything.
        found = (members for members in blocked_by_site(case, view, short) if not all(owns_queue(one, view) for one in members))
        groups = (BlockedGroup(case, view, members) for members in found)
        yield from (_finding(group, short) for group in groups if group.noteworthy)


def _finding(group: BlockedGroup, short: Short) -> Finding:
    text = TEXT.filled(
        group.view.process,
        count=group.count,
        site=group.site,
        clients=group.clients,
        pool_name=POOL,
        waiting=kind_in_words(group.members),
        threads=plural(len(group.members), "thread blocks", "threads block"),
        free=group.pool.idle,
        numbers=short.words,
        unseen=not group.view.sockets,
        uncounted=not short.evidence,
    )
    shown = of_threads(group.members, text["shown"])
    judged = judge(
        [*group.doubts, say("what the tasks wait for no stack shows")],
        say("The stacks show who blocks on a task, and that the pool has no thread to spare."),
    )
    absent = () if group.counted or short.evidence else (Kind.THREADS,)
    proof, steps, lasts = (shown, *short.evidence), ((shown,), short.evidence), bool(short.evidence)
    return blocked_threads.finding(group, text, judged, proof, steps, lasts=lasts, loop=not group.few, absent=absent)
