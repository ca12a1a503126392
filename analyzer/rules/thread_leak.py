"""Threads are made and never end: mostly a thread pool, timer or client that is made for each request.

Looks for: many pools of one pattern (pool-1-thread, pool-2-thread, …; HttpClient-1-SelectorManager, …) that are idle with a thread or two each, and
their growth from dump to dump.

Why it matters: each thread keeps a stack and a kernel task. The process ends in "unable to create native thread" or at the container's limit of
processes, long after the code that made them has gone.

Do next: find who makes executors or clients in code that runs per request (Executors.new…, HttpClient.newHttpClient, new Timer), keep one of
each, or shut it down. Idle threads keep no frame of who made them.

Wrong when: the application has that many pools by design and their number stays. One dump cannot show growth. A cached pool that grew for a burst
is one pool, not many, and shrinks after a minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import judge
from analyzer.evidence.citations import of_threads
from analyzer.evidence.growth import growth, growth_text
from analyzer.evidence.pool_families import PoolFamily, members_of, multiplying
from analyzer.families import counted_goroutines, counted_threads, goroutine_heaps
from analyzer.model.finding import Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("A thread ends only by itself; a restart ends them all, and they grow again."))
CLEAN: Final = say("no family of pools or threads grows from dump to dump")
ALIKE: Final = say("one dump cannot show growth, and a pool per customer, topic or plug-in looks the same")
TEXT: Final = Text(
    "thread-leak",
    headline="{threads} in {pools} named {pattern}: {more_in}.",
    explanation="{family_count:,} of the process' {pools_count:,} pools differ only in their number ({pattern}); {idle:,} of their {threads_count:,} threads wait for work.{grown} An executor, timer or client is made again and again and never shut down.",
    do=(
        Do(
            When.NOW,
            "Watch the number of threads against the limit of the user and of the container.",
            "grep Threads /proc/{pid}/status; cat /proc/{pid}/limits",
        ),
        Do(
            When.FIX,
            "Make one executor (or client, or timer) and keep it, or shut it down in a finally block; search for Executors.new…, HttpClient.newHttpClient and new Timer in code that runs per request.",
        ),
        Do(When.PREVENT, "Give every pool a name through its ThreadFactory, so that a dump says whose it is, and watch the thread count."),
    ),
    ask=(Ask("second thread dump, some minutes later", "whether the pools multiply", "jstack {pid} > jstack-2.txt", on="undecided"),),
    figures=(
        ("{family_count:,}", "pools {pattern}"),
        ("{threads_count:,} of {total:,}", "threads"),
        ("{more}", "pools since the first dump"),
    ),
    chain=(
        ("code that runs per request", "makes another", "pool {pattern}"),
        ("its {members}", "never ends", "nobody shuts the pool down"),
    ),
    phrases={
        "more_in": Either("several", "more in every dump", "a pool made per request"),
        "grown": Either("several", " They grow: {list}.{speed}"),
        "members": Either("crowded", "threads", "thread"),
        "shown": "{pools} {pattern} with {threads}",
        "earlier": "{pools_before} {pattern} in an earlier dump",
        "proof": Either(
            "several",
            "{list} pools in {counts_count} dumps; none of the first ones went.",
            "{family_count} pools that differ only in their number are more than most applications have by design.",
        ),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pattern of pools that multiplies."""
    yield from map(_finding, multiplying(case))
    yield from counted_threads.of_many_pools(case)
    yield from counted_threads.of_one(case)
    yield from goroutine_heaps.never_ended(case)
    yield from counted_goroutines.never_ended(case)


def _finding(found: PoolFamily) -> Finding:
    view, pools, counts = found.view, found.pools, found.counts
    several = len(counts) > 1
    text = TEXT.filled(
        view.process,
        threads=plural(found.threads, "thread"),
        threads_count=found.threads,
        total=len(view.dump.threads) if view.dump is not None else found.threads,
        pools=plural(len(pools), "pool"),
        pools_count=len(view.pools),
        pools_before=plural(len(found.before), "pool"),
        family_count=len(pools),
        pattern=found.pattern,
        more=f"+{counts[-1] - counts[0]:,}" if several else "",
        idle=sum(pool.idle for pool in pools),
        several=several,
        list=joined(" → ", (say("{count:,}", count=count) for count in counts)),
        counts_count=len(counts),
        speed=growth_text(growth([*found.earlier, view], counts, descriptors=False)),
        crowded=found.threads > len(pools),
        undecided=not several,
    )
    shown = [of_threads(members_of(pools), text["shown"])]
    shown += [of_threads(members_of(found.before), text["earlier"])] if found.before else []
    confidence, why = judge((), text["proof"], other_cause=None if several else ALIKE)
    return text.finding(
        severity=Severity.WARNING,
        confidence=confidence,
        evidence=tuple(shown),
        why_confident=why,
        chain=text.steps(tuple(shown)),
        culprit=Culprit(pool=found.pattern),
    )
