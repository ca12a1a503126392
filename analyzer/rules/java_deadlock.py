"""Threads hold locks and want each other's: a Java-level deadlock.

Looks for: the VM's own report at the end of a dump, or, where it is missing (cut off, not printed), a cycle in the lock lines: each
thread waits for a monitor or an owned synchronizer that the next one holds.

Why it matters: none of these threads will ever run again, and every thread that needs one of the locks joins the queue behind them. A
pool of request threads can drain into it completely.

Do next: restart; then make all code take these locks in one order, or hold only one of them at a time, or use tryLock with a time limit.

Wrong when: a thread of the cycle waits with a time limit (it will let go by itself), or a lock line belongs to a monitor that Object.wait has
released (such lines do not count here). Threads that wait for futures of their own pool are no Java-level deadlock and are never in
the VM's report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_lock
from analyzer.evidence.nouns import lock_in_words
from analyzer.families import rarer_circles, reported_deadlock
from analyzer.families.called_process import CALL, RING
from analyzer.families.reported_deadlock import NAMED, behind_in_words, report_evidence
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text
from analyzer.software.blockers import activity, application_frame
from analyzer.waits.deadlocks import Cycle, Edge, behind, cycles
from parsers.records import Runtime, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.text import Filled
    from analyzer.waits.case import Case, Knowledge, ProcessView
    from parsers.records import Frame, Thread

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("The threads never let go of what they hold."))
CLEAN: Final = say("no cycle of lock owners, and the VM reports none")
OF_CYCLE: Final = Text(
    "java-deadlock",
    headline="{threads} are deadlocked: {list}{and_others} wait for each other's locks.",
    explanation="{edges} None of them can ever go on.{queue_in_words} Only a restart ends it.",
    do=(
        Do(When.NOW, "Restart the process: the threads never let go."),
        Do(When.FIX, "Take the locks in one order everywhere{see}{and_}."),
        Do(
            When.PREVENT,
            Either(
                "jvm",
                "Hold one lock at a time where possible; use tryLock with a timeout where two are needed.",
                "Hold one lock at a time where possible; take the second one with a timeout, and give back the first if it does not come.",
            ),
        ),
    ),
    figures=(("{names_count}", "threads in the cycle"), ("{queue_count:,}", "threads waiting behind them")),
    phrases={
        "and_others": Either("more", " and others"),
        "see": Either("frames", ": see {frames}"),
        "and_": Either("second_frame", " and {second_frame}"),
        "behind": "{waiting} wait behind the deadlock",
    },
)
EDGE: Final = Text(
    "java-deadlock",
    headline="",
    explanation="“{name}”{in_} wants a {cls} that “{name2}” holds.",
    chain=(("{thread}", "waits for a lock held by", "{lock}"),),
    phrases={"in_": Either("frame", " in {frame}")},
)
"""One thread of the cycle, and the next one that holds what it wants."""


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per cycle of each process' last dump; a report whose threads the dump does not show counts too."""
    for view in case.latest:
        found = cycles(view)
        yield from (_of_cycle(view, cycle) for cycle in found if not rarer_circles.tells(cycle))
        covered = {cycle.report for cycle in found if cycle.report}
        for report in view.dump.deadlocks if view.dump else ():
            if report not in covered:
                yield reported_deadlock.finding(view, report)
    yield from rarer_circles.findings(case)


def _of_cycle(view: ProcessView, cycle: Cycle) -> Finding:
    names = [edge.thread.label for edge in cycle.edges]
    queue = behind(view, cycle)
    confidence, why = _judge(view, cycle)
    edges = [_edge(edge, view.known) for edge in cycle.edges]
    shown = [_edge_evidence(edge) for edge in cycle.edges]
    frames = list(dict.fromkeys(frame for edge in cycle.edges if (frame := _frame(edge, view.known))))
    text = (RING if view.known.runtime is Runtime.ERLANG else OF_CYCLE).filled(
        view.process,
        threads=plural(len(names), "thread"),
        jvm=view.known.runtime is Runtime.JVM,
        timed=cycle.timed,
        list=joined(" and ", (say("“{name}”", name=name) for name in names[:NAMED])),
        more=len(names) > NAMED,
        names_count=len(names),
        queue_count=len(queue),
        edges=joined(" ", (edge.said(edge.text.explanation) for edge in edges)),
        queue_in_words=_queue_in_words(view, queue),
        frames=frames[0] if frames else None,
        second_frame=frames[1] if len(frames) > 1 else None,
        waiting=plural(len(queue), "thread"),
    )
    evidence = [*report_evidence(cycle.report), *shown]
    if queue:
        first = queue[0].where
        evidence.append(Evidence(Where(first.file, first.first, first.first + 1), text["behind"], (), len(queue) - 1))
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=confidence,
        evidence=tuple(evidence),
        why_confident=why,
        chain=tuple(step for edge, proof in zip(edges, shown, strict=True) for step in edge.steps((proof,))),
        culprit=_culprit(cycle.edges[0], view.known),
        loop=True,
    )


def _judge(view: ProcessView, cycle: Cycle) -> tuple[Confidence, str]:
    if cycle.report is not None:
        return Confidence.CERTAIN, say("The VM's own deadlock detection reports it, and the lock lines agree.")
    if cycle.timed:
        return Confidence.SUSPECTED, say(
            "The lock lines form a cycle, but one of the threads waits with a timeout: it may let go by itself."
        )
    if any(edge.lock.guessed for edge in cycle.edges):
        return Confidence.SUSPECTED, say(
            "Each of the threads waits for a lock, and which one is inferred: it is the only one that is left."
        )
    if view.known.runtime is not Runtime.JVM:
        return Confidence.LIKELY, say("The lock lines form a cycle: each thread waits for a lock that the next one has.")
    if view.dump is not None and view.dump.complete:
        return (
            Confidence.LIKELY,
            say("The lock lines form a cycle; the VM's report does not mention it (it is not printed in every kind of dump)."),
        )
    return Confidence.LIKELY, say("The lock lines form a cycle; the end of the dump, where the VM would report it, is missing.")


def _frame(edge: Edge, known: Knowledge) -> Frame | None:
    return application_frame(edge.thread, activity(edge.thread, known))


def _edge(edge: Edge, known: Knowledge) -> Filled:
    return (CALL if known.runtime is Runtime.ERLANG else EDGE).filled(
        None,
        name=edge.thread.label,
        frame=_frame(edge, known),
        cls=edge.lock.cls or say("lock"),
        name2=edge.holder.label,
        thread=f"“{edge.thread.label}”",
        lock=lock_in_words(edge.lock),
    )


def _edge_evidence(edge: Edge) -> Evidence:
    says = say(
        "“{name}” waits for {cls} {address}, held by “{name2}”",
        name=edge.thread.label,
        cls=edge.lock.cls or say("a lock"),
        address=edge.lock.address,
        name2=edge.holder.label,
    )
    return of_lock(edge.thread, edge.lock, says)


def _queue_in_words(view: ProcessView, queue: tuple[Thread, ...]) -> str:
    if len(queue) <= NAMED:
        return behind_in_words([thread.label for thread in queue])
    inside = set(queue)
    pools = [(pool, sum(member.thread in inside for member in pool.members)) for pool in view.pools]
    named = [
        say("{count} of {members_count} threads of {name}", count=count, members_count=len(pool.members), name=pool.name)
        for pool, count in pools
        if count
    ]
    return say(" {more_thread} wait behind them ({list}).", more_thread=plural(len(queue), "more thread"), list=joined(", ", named[:3]))


def _culprit(edge: Edge, known: Knowledge) -> Culprit:
    frame = _frame(edge, known)
    return Culprit(
        thread=edge.thread.label,
        frame=str(frame) if frame else None,
        lock=f"{edge.lock.cls} {edge.lock.address}" if edge.lock.cls else edge.lock.address,
    )
