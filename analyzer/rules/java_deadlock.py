"""Threads hold locks and want each other's: a Java-level deadlock.

Looks for: HotSpot's own report at the end of a dump, or, where it is missing (cut off, not printed), a cycle in the lock lines: each
thread waits for a monitor or an owned synchronizer that the next one holds.

Why it matters: none of these threads will ever run again, and every thread that needs one of the locks joins the queue behind them. A
pool of request threads can drain into it completely.

Do next: restart; then make all code take these locks in one order, or hold only one of them at a time, or use tryLock with a time limit.

Wrong when: a thread of the cycle waits with a time limit (it will let go by itself), or a lock line belongs to a monitor that Object.wait has
released (such lines do not count here). Threads that wait for futures of their own pool are no Java-level deadlock and are never in
HotSpot's report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.correlate.blockers import activity, application_frame
from analyzer.correlate.deadlocks import Cycle, Edge, behind, cycles
from analyzer.correlate.witness import plural
from analyzer.finding import Action, Confidence, Culprit, Evidence, Finding, Heals, Outlook, Severity, Step, When
from parsers.records import Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.correlate import Case, Knowledge, ProcessView
    from parsers.records import Deadlock, Thread

NEEDS: Final = ("threads",)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(Heals.RESTART, "The threads never let go of what they hold.")
CLEAN: Final = "no cycle of lock owners, and HotSpot reports none"


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per cycle of each process' last dump; a report whose threads the dump does not show counts too."""
    for view in case.latest:
        found = cycles(view)
        for cycle in found:
            yield _of_cycle(view, cycle)
        covered = {id(cycle.report) for cycle in found if cycle.report}
        for report in view.dump.deadlocks if view.dump else ():
            if id(report) not in covered:
                yield _of_report(view, report)


def _of_cycle(view: ProcessView, cycle: Cycle) -> Finding:
    names = [edge.thread.name for edge in cycle.edges]
    queue = behind(view, cycle)
    confidence, why = _judge(view, cycle)
    evidence = [*_report_evidence(cycle.report), *(_edge_evidence(edge) for edge in cycle.edges)]
    if queue:
        evidence.append(
            Evidence(
                Where(queue[0].where.file, queue[0].where.first, queue[0].where.first + 1),
                f"{plural(len(queue), 'thread')} wait behind the deadlock",
                (),
                len(queue) - 1,
            )
        )
    return Finding(
        rule="java-deadlock",
        severity=Severity.CRITICAL,
        confidence=confidence,
        headline=f"{plural(len(names), 'thread')} are deadlocked: {' and '.join(f'“{name}”' for name in names[:3])}{' and others' if len(names) > 3 else ''} wait for each other's locks.",  # noqa: PLR2004 - a sentence holds three names
        explanation=f"{' '.join(_edge_in_words(edge, view.known) for edge in cycle.edges)} None of them can ever go on.{_queue_in_words(view, queue)} Only a restart ends it.",
        why_confident=why,
        evidence=tuple(evidence),
        process=view.process,
        culprit=_culprit(cycle.edges[0], view.known),
        chain=tuple(
            Step(
                f"“{edge.thread.name}”",
                "waits for a lock held by",
                f"{edge.lock.cls or 'lock'} {edge.lock.address or ''}".strip(),
                (_edge_evidence(edge),),
            )
            for edge in cycle.edges
        ),
        loop=True,
        actions=_actions(cycle.edges, view.known),
        figures=((f"{len(names)}", "threads in the cycle"), (f"{len(queue):,}", "threads waiting behind them")),
    )


def _judge(view: ProcessView, cycle: Cycle) -> tuple[Confidence, str]:
    if cycle.report is not None:
        return Confidence.CERTAIN, "HotSpot's own deadlock detection reports it, and the lock lines agree."
    if cycle.timed:
        return Confidence.SUSPECTED, "The lock lines form a cycle, but one of the threads waits with a time limit: it may let go by itself."
    if view.dump is not None and view.dump.complete:
        return (
            Confidence.LIKELY,
            "The lock lines form a cycle; HotSpot's report does not mention it (it is not printed in every kind of dump).",
        )
    return Confidence.LIKELY, "The lock lines form a cycle; the end of the dump, where HotSpot would report it, is missing."


def _edge_in_words(edge: Edge, known: Knowledge) -> str:
    frame = application_frame(edge.thread, activity(edge.thread, known))
    return f"“{edge.thread.name}”{f' in {frame}' if frame else ''} wants a {edge.lock.cls or 'lock'} that “{edge.holder.name}” holds."


def _edge_evidence(edge: Edge) -> Evidence:
    first = max(edge.thread.where.first, edge.lock.line - 1)
    says = f"“{edge.thread.name}” waits for {edge.lock.cls or 'a lock'} {edge.lock.address}, held by “{edge.holder.name}”"
    return Evidence(
        Where(edge.thread.where.file, first, min(edge.lock.line + 1, edge.thread.where.last)),
        says,
        tuple(word for word in (edge.lock.address,) if word),
    )


def _report_evidence(report: Deadlock | None) -> list[Evidence]:
    if report is None:
        return []
    last = min(report.where.last, report.where.first + 4)
    return [Evidence(Where(report.where.file, report.where.first, last), "HotSpot reports the deadlock itself", ("Java-level deadlock",))]


def _queue_in_words(view: ProcessView, queue: tuple[Thread, ...]) -> str:
    if not queue:
        return ""
    inside = {id(thread) for thread in queue}
    pools = [(pool, sum(id(member.thread) in inside for member in pool.members)) for pool in view.pools]
    named = [f"{count} of {len(pool.members)} threads of {pool.name}" for pool, count in pools if count]
    return f" {plural(len(queue), 'more thread')} wait behind them ({', '.join(named[:3])})."


def _culprit(edge: Edge, known: Knowledge) -> Culprit:
    frame = application_frame(edge.thread, activity(edge.thread, known))
    return Culprit(
        thread=edge.thread.name,
        frame=str(frame) if frame else None,
        lock=f"{edge.lock.cls} {edge.lock.address}" if edge.lock.cls else edge.lock.address,
    )


def _actions(edges: tuple[Edge, ...], known: Knowledge) -> tuple[Action, ...]:
    frames = [str(frame) for edge in edges if (frame := application_frame(edge.thread, activity(edge.thread, known)))]
    return (
        Action(When.NOW, "Restart the process: the threads never let go."),
        Action(
            When.FIX,
            f"Take the locks in one order everywhere{f': see {frames[0]}' if frames else ''}{f' and {frames[1]}' if len(frames) > 1 else ''}.",
        ),
        Action(When.PREVENT, "Hold one lock at a time where possible; use tryLock with a time limit where two are needed."),
    )


def _of_report(view: ProcessView, report: Deadlock) -> Finding:
    names = " and ".join(f"“{entry.thread}”" for entry in report.entries)
    return Finding(
        rule="java-deadlock",
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN,
        headline=f"{plural(len(report.entries), 'thread')} are deadlocked: {names} wait for each other's locks.",
        explanation=" ".join(
            f"“{entry.thread}” wants a {entry.cls or 'lock'} that “{entry.holder or 'an unnamed owner'}” holds." for entry in report.entries
        )
        + " Only a restart ends it.",
        why_confident="HotSpot's own deadlock detection reports it.",
        evidence=tuple(_report_evidence(report)),
        process=view.process,
        culprit=Culprit(thread=report.entries[0].thread, lock=report.entries[0].cls),
        chain=tuple(Step(f"“{entry.thread}”", "waits for a lock held by", entry.cls or "a lock") for entry in report.entries),
        loop=True,
        actions=(Action(When.NOW, "Restart the process: the threads never let go."),),
        figures=((f"{len(report.entries)}", "threads in the cycle"),),
    )
