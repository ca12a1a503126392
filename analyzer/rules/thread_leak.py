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

import itertools
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import judge
from analyzer.evidence.citations import of_threads
from analyzer.evidence.growth import growth, growth_text
from analyzer.families import counted_threads, goroutine_heaps
from analyzer.model.finding import Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, Step, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.kinds import PoolRole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Confidence
    from analyzer.software.pools import Pool
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("A thread ends only by itself; a restart ends them all, and they grow again."))
CLEAN: Final = say("no family of pools or threads grows from dump to dump")
MANY: Final = 50
"""Pools of one pattern in a single dump: large applications have a few dozen unnamed executors by design."""
GROWTH: Final = 20
"""Pools that must have come between first and last dump: fewer may be an application that is still starting."""
SMALL: Final = 2
"""Threads per pool, on average: a pool made for one request runs one or two tasks."""
TEXT: Final = Text(
    "thread-leak",
    headline="{threads} in {pools} named {pattern}: {more_in}.",
    explanation="",
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
    phrases={"more_in": Either("grown", "more in every dump", "a pool made per request")},
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pattern of pools that multiplies."""
    for view in case.latest:
        if view.dump is None or view.dump.fragment:
            continue  # a piece of a dump counts nothing
        history = [other for other in case.history(view) if other.dump is not None and not other.dump.fragment]
        for pattern, family in _families(view).items():
            counts = [len(_families(other).get(pattern, ())) for other in history]
            threads = sum(len(pool.members) for pool in family)
            first = {pool.name for pool in _families(history[0]).get(pattern, ())} if history else set()
            kept = first <= {pool.name for pool in family}
            grown = len(counts) > 1 and kept and counts[-1] - counts[0] >= GROWTH and all(b >= a for a, b in itertools.pairwise(counts))
            stable = len(counts) > 1 and not grown
            if threads <= SMALL * len(family) and not stable and (grown or len(family) >= MANY):
                yield _finding(view, pattern, family, [other for other in history if other is not view], counts)
    yield from counted_threads.of_many_pools(case)
    yield from counted_threads.of_one(case)
    yield from goroutine_heaps.never_ended(case)


def _families(view: ProcessView) -> dict[str, list[Pool]]:
    """Pools whose names differ only in numbers, by the name without them."""
    found: dict[str, list[Pool]] = defaultdict(list)
    for pool in view.pools:
        if pool.role not in {PoolRole.SERVER, PoolRole.JVM, PoolRole.ACCEPTOR} and re.search(r"\d", pool.name):
            found[re.sub(r"\d+", "N", pool.name)].append(pool)
    return dict(sorted(found.items()))


def _finding(view: ProcessView, pattern: str, family: Sequence[Pool], earlier: Sequence[ProcessView], counts: Sequence[int]) -> Finding:
    threads = sum(len(pool.members) for pool in family)
    idle = sum(pool.idle for pool in family)
    total = len(view.dump.threads) if view.dump is not None else threads
    confidence, why = _judge(counts)
    evidence = [
        _sight(
            family,
            say("{pools} {pattern} with {threads}", pools=plural(len(family), "pool"), pattern=pattern, threads=plural(threads, "thread")),
        )
    ]
    for other in earlier[:1]:
        before = _families(other).get(pattern, [])
        if before:
            evidence.append(_sight(before, say("{pools} {pattern} in an earlier dump", pools=plural(len(before), "pool"), pattern=pattern)))
    speed = growth_text(growth([*earlier, view], counts, descriptors=False))
    grown = (
        say(" They grow: {list}.{speed}", list=joined(" → ", (say("{count:,}", count=count) for count in counts)), speed=speed)
        if len(counts) > 1
        else ""
    )
    text = TEXT.filled(
        view.process,
        threads=plural(threads, "thread"),
        pools=plural(len(family), "pool"),
        pattern=pattern,
        grown=grown,
        undecided=not len(counts) > 1,
    )
    return text.finding(
        severity=Severity.WARNING,
        confidence=confidence,
        evidence=tuple(evidence),
        explanation=say(
            "{family_count:,} of the process' {pools_count:,} pools differ only in their number ({pattern}); {idle:,} of their {threads:,} threads wait for work.{grown} An executor, timer or client is made again and again and never shut down.",
            family_count=len(family),
            pools_count=len(view.pools),
            pattern=pattern,
            idle=idle,
            threads=threads,
            grown=grown,
        ),
        why_confident=why,
        figures=(
            (f"{len(family):,}", say("pools {pattern}", pattern=pattern)),
            (say("{threads:,} of {total:,}", threads=threads, total=total), say("threads")),
            *(((f"+{counts[-1] - counts[0]:,}", say("pools since the first dump")),) if len(counts) > 1 else ()),
        ),
        chain=(
            Step(say("code that runs per request"), say("makes another"), say("pool {pattern}", pattern=pattern), tuple(evidence)),
            Step(
                say("its {threads}", threads=say("threads") if threads > len(family) else say("thread")),
                say("never ends"),
                say("nobody shuts the pool down"),
            ),
        ),
        culprit=Culprit(pool=pattern),
    )


def _sight(family: Sequence[Pool], says: str) -> Evidence:
    return of_threads([member for pool in family for member in pool.members], says)


def _judge(counts: Sequence[int]) -> tuple[Confidence, str]:
    if len(counts) > 1:
        return judge(
            (),
            say(
                "{list} pools in {counts_count} dumps; none of the first ones went.",
                list=joined(" → ", map(str, counts)),
                counts_count=len(counts),
            ),
        )
    return judge(
        (),
        say("{counts} pools that differ only in their number are more than most applications have by design.", counts=counts[-1]),
        other_cause=say("one dump cannot show growth, and a pool per customer, topic or plug-in looks the same"),
    )
