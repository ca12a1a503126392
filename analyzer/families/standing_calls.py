"""Dumps alone: every thread of a pool waits for the answer to one call, and stood there in the dump before. The service behind it is the suspect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeGuard

from analyzer.evidence.citations import of_threads
from analyzer.evidence.doing import caller, doing
from analyzer.evidence.movement import has_stood, progress_text, standing
from analyzer.evidence.waiting_groups import waiting_groups
from analyzer.model.finding import Confidence, Culprit, Doubt, Finding, Severity, When
from analyzer.model.message import plural, say, say_of
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from analyzer.software.blockers import FUTURES, application_frame, blocking_frame, calls_of, waits_for_push
from analyzer.software.kinds import ActivityKind, PoolRole, SocketSide

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.evidence.movement import Standing
    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import Case, ProcessView

DUMP_ALONE: Final = "dump-alone"
"""The code of the doubt about a finding that no socket table confirms."""
LONG: Final = 3
"""Seconds in one call, on the same stack and without CPU time, from which on it is no short answer."""
TEXT: Final = Text(
    "",
    headline="{threads} of {name} {what}{called}, and did so {seconds:.0f} seconds before: what they call does not answer{behind}.",
    explanation="No thread of the pool is free.{progress} Whom they call the dumps do not show: another service, this server itself, or one that lets its callers wait by design (long polls).",
    why="Nothing but dumps is here. They show the calls, and no address.",
    do=(
        Do(When.NOW, "Save a socket table with owners beside the next dump: it shows whom they call.", "ss -tanpoei > ss.txt"),
        Do(When.FIX, "Set connect and read timeouts on the client that {place} uses{limits}."),
        Do(
            When.PREVENT,
            "Bound how many threads may wait for this service at once (bulkhead), and stop calling it while it fails (circuit breaker).",
        ),
    ),
    figures=(("{busy:,} of {busy:,}", "threads of {name} waiting"),),
    ask=(Ask("socket table of the same moment", "whom the threads call, and whether clients wait", "ss -tanpoei > ss.txt"),),
    chain=(("{name}", "waits for an answer", "{where}"), ("the service that is called", "does not answer", "")),
    phrases={
        "called": Either("frame", ", called from {frame}"),
        "place": Either("frame", "{frame}", "this call"),
        "waiting": ByNumber("busy", "{threads} waits for an answer", "{threads} wait for an answer"),
        "behind": Either("results", ", and {results} for the results of these"),
        "results_of": "{results} for results",
    },
)
_CALLS: Final = frozenset({ActivityKind.CALL, ActivityKind.SOCKET_READ, ActivityKind.SOCKET_CONNECT})


def suspicions(case: Case, rule: str, *, driver: bool) -> Iterator[Finding]:
    """One for each pool that is not known to serve, of a process without a socket table, that stands in calls over a client or a driver."""
    if case.incident.has_sockets:
        return
    for view in case.latest:
        if view.dump is None or view.dump.fragment or view.coverage.threads or len(case.history(view)) < 2:  # noqa: PLR2004 - two dumps
            continue
        for group in waiting_groups(view):
            still = standing(case, view, group)
            watches = all(waits_for_push(view.known, member.thread) for member in group)
            if _lasts(still) and _calls_out(group) and not watches and (group[0].activity.library in view.known.drivers) is driver:
                pool = next(pool for pool in view.pools if group[0] in pool.members)
                if pool.role is not PoolRole.SERVER and not _only_watches(view, pool) and len(pool.busy) == len(pool.workers) == len(group):
                    yield _finding(view, pool, group, still, rule)
            elif group[0].activity.kind in FUTURES and _stays(still) and (delivers := _delivers(view, group)) is not None:
                at_work = standing(case, view, delivers.busy)
                if _stays(at_work) and (delivers.busy[0].activity.library in view.known.drivers) is driver:
                    yield _finding(view, delivers, delivers.busy, at_work, rule, group)


def _delivers(view: ProcessView, waiting: Sequence[ThreadActivity]) -> Pool | None:
    """The pool without a free thread whose threads run what these wait for, and all stand in calls; None if there is none.

    A lambda is named after the method that made it: ``lambda$total$0`` runs for whoever waits in ``total``.
    """
    app = application_frame(*waiting[0])
    if app is None:
        return None
    made = f"lambda${app.method.rpartition('lambda$')[2].partition('$')[0]}$"
    for pool in view.pools:
        busy = pool.busy
        whole = busy and len(busy) == len(pool.workers) and pool.role is not PoolRole.JVM and _calls_out(busy)
        if whole and all(any(frame.cls == app.cls and frame.method.startswith(made) for frame in member.thread.frames) for member in busy):
            return pool
    return None


def _only_watches(view: ProcessView, pool: Pool) -> bool:
    """True for threads of their own, no tasks of an executor, of a process whose request threads are free: they may wait for news by design, and nobody is held up."""
    tasks = view.known.task_frames
    own = all(tasks.isdisjoint(calls_of(member.thread.frames)) for member in pool.busy)
    return own and any(other.role is PoolRole.SERVER and other.idle for other in view.pools)


def _lasts(still: Standing | None) -> TypeGuard[Standing]:
    """True if the group stood there for longer than an answer takes, by the clocks of the dumps."""
    return has_stood(still) and still.idle is not None and (still.seconds or 0) >= LONG


def _stays(still: Standing | None) -> TypeGuard[Standing]:
    """The same where the dumps print no processor time: enough for threads that wait for others, and for those that these wait for."""
    return has_stood(still) and (still.seconds or 0) >= LONG


def _calls_out(group: Sequence[ThreadActivity]) -> bool:
    """True for calls over a known client: whoever reads a bare socket may read from a client of its own."""
    return all(
        member.activity.kind in _CALLS and member.activity.side is not SocketSide.SERVER and member.activity.library is not None
        for member in group
    )


def _finding(
    view: ProcessView, pool: Pool, group: Sequence[ThreadActivity], still: Standing, rule: str, behind: Sequence[ThreadActivity] = ()
) -> Finding:
    member, app = group[0], caller(group[0])
    frame = blocking_frame(*member) or member.thread.frames[0]
    limits = view.known.limits_of(member.activity.library)
    text = TEXT.filled(
        view.process,
        threads=say("All {threads}", threads=plural(len(group), "thread")) if len(group) > 1 else say("The only thread"),
        name=pool.name,
        what=doing(member, frame, several=len(group) > 1) or say_of(len(group), "is in {frame}", "are in {frame}", frame=frame.call),
        frame=app if app is not None and app != frame else None,
        seconds=still.seconds,
        progress=progress_text(still),
        limits=f" ({limits})" if limits else "",
        busy=len(group),
        where=say("in {frame}", frame=frame.call),
        results=plural(len(behind), "thread waits", "threads wait") if behind else "",
    )
    shown = of_threads(group, text["waiting"])
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        evidence=(shown, *((of_threads(behind, text["results_of"]),) if behind else ())),
        rule=rule,
        chain=text.steps((shown,), ()),
        culprit=Culprit(pool=pool.name, frame=str(app) if app is not None else None, library=member.activity.library),
        doubts=(Doubt(DUMP_ALONE, say("no socket table is here, and a long poll stands so by design"), Confidence.SUSPECTED),),
    )
