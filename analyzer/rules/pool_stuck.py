"""Every thread that serves a port stands still, and no known cause explains it.

Looks for: a pool that serves a listener without a free thread, (nearly) all of whose threads wait, for a signal, a result, a place in a queue, a
child, the end of a pause, while clients wait or have given up, while no client is connected any more, or in dump after dump. No other rule's cause
explains the wait.

Why it matters: the server is as dead as with any known cause. What the threads stand in, and in which line, is known; who should let them go on is what
the next look must find.

Do next: what the kind of wait asks for: for a full queue look for whoever should take from it, for a signal look for the code that gives it, for a
child look at the child, for a pause between attempts look at the log line that says what fails. Take a second dump first.

Wrong when: the threads wait by design and their clients know it (long polls): then nobody has given up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import client_evidence, client_figures, clients_in_words, kind_in_words
from analyzer.evidence.citations import of_threads
from analyzer.evidence.log_lines import ended_of, failure_of
from analyzer.evidence.movement import has_stood, moved_on, progress_text, standing
from analyzer.evidence.turns import unanswered_in_words
from analyzer.families import no_workers
from analyzer.families.remote_service import is_called_back
from analyzer.families.stuck import (
    advice_for,
    all_wait_for_children,
    fails_again,
    has_no_end,
    is_bound,
    judge,
    kept_evidence,
    kept_waiting,
    members_in_words,
    nobody_takes,
    shared_frame,
    waiting_workers,
)
from analyzer.families.undecided import SMALLEST_POOL, may_read_clients
from analyzer.model.finding import Culprit, Finding, Kind, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from analyzer.software.kinds import ActivityKind
from analyzer.waits.server_pools import SATURATED
from analyzer.waits.targets import FEW_CLIENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.evidence.movement import Standing
    from analyzer.join.connections import Connection
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ServerPool

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final = ("process-stopped", "gc-thrash")
OUTLOOK: Final = Outlook(RecoversWhen.UNKNOWN, say("What would let the threads go on is not known."))
CLEAN: Final = say("no pool that serves clients stands still without a known cause")
_MISSING_SIGNAL: Final = frozenset({ActivityKind.SLEEP})
TEXT: Final = Text(
    "pool-stuck",
    headline=ByNumber(
        "blocked",
        "{who} stands in {waits}{where}: {suffers}, and what would let them go on is not in the evidence.",
        "{who} stand in {waits}{where}: {suffers}, and what would let them go on is not in the evidence.",
    ),
    explanation=ByNumber(
        "blocked",
        "{who} stands in {waits}{where}.{in_words}{clients}{unanswered_too} {asks}{log}{died} {unexplained}",
        "{who} stand in {waits}{where}.{in_words}{clients}{unanswered_too} {asks}{log}{died} {unexplained}",
    ),
    do=(
        Do(When.NOW, "Look at {address}: the log says that it fails there.", on="address"),
        Do(When.NOW, "Save one more dump before the restart: do they stand there still?", "jstack -l {pid} > jstack-2.txt", on="unproven"),
        Do(
            When.NOW,
            "See in the log why “{gone}” ended{in_place}. If nobody else takes its work, only a new one lets them go on.",
            on="ended",
        ),
        Do(When.NOW, "{look}", "{look_command}", on="searching"),
        Do(When.FIX, "Give {waits}{in_} a timeout, so that a request ends in an error, not in a hang."),
    ),
    figures=(("{blocked:,} of {workers:,}", "threads of {name} waiting"),),
    ask=(
        Ask(
            "second thread dump, ten seconds later",
            "whether the same threads are still in the same place",
            "jstack -l {pid} > jstack-2.txt",
            on="unproven",
        ),
    ),
    chain=(("{name}", "is in", "{waits}{where}"), ("{advice_waits_for}", "does not come", Either("address", "{address}"))),
    phrases={
        "suffers": Either("unanswered", "{unanswered}", Either("port_known", "port {port} is not served", "no request is served")),
        "unanswered_too": Either("unanswered", " {unanswered}."),
        "where": Either("frame", ", called from {frame}"),
        "in_": Either("frame", " in {frame}"),
        "log": Either(
            "log_known",
            Either("address", " The log says what fails: {address} ({lines}).", " The log tells of failures in these threads."),
        ),
        "died": Either("ended", " The log says that an exception ended the thread “{gone}”{in_place}: it may be whoever they wait for."),
        "in_place": Either("place", " in {place}"),
        "stand": ByNumber("blocked", "{threads} of {name} stands in {waits}", "{threads} of {name} stand in {waits}"),
        "unexplained": Either(
            "is_cut",
            "What explains it may stand among the threads that the dump lacks.",
            "No cause that this tool knows explains it.",
        ),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pool that stands still, or is gone; the engine keeps those that nothing else explains."""
    yield from no_workers.findings(case)
    for serving in case.server_pools:
        members = waiting_workers(serving)
        kept = kept_waiting(serving, members)
        full = len(members) >= SATURATED * serving.workers and not serving.pool.idle
        if not members or not (full or kept):
            continue
        if is_called_back(case, serving) or may_read_clients(serving):  # both ends tell more; who may read from idle clients may be idle
            continue
        still = standing(case, serving.view, members)
        lasting = has_stood(still) and still.idle is not None
        bound = lasting and (is_bound(members) or (has_no_end(members) and serving.pressure.leaves_some))
        unseen = lasting and not serving.connected and len(members) >= SMALLEST_POOL
        suffers = kept or serving.pressure.exists or serving.pressure.unknown >= FEW_CLIENTS or serving.abandoned
        alone = nobody_takes(serving, members) or all_wait_for_children(serving, members)
        fails = fails_again(case, members, still)
        if not fails and (moved_on(still) or not (suffers or bound or unseen or alone)):
            continue
        yield _finding(case, serving, members, still, kept)


def _finding(
    case: Case, serving: ServerPool, members: Sequence[ThreadActivity], still: Standing | None, kept: Sequence[Connection]
) -> Finding:
    view, pool, port = serving.view, serving.pool, serving.port
    waits, frame = kind_in_words(members), shared_frame(members)
    trying = members[0].activity.kind in _MISSING_SIGNAL
    log = failure_of(case, (member.thread.name for member in members)) if trying else None
    ended = None if trying else ended_of(case, view)
    advice = advice_for(view, members)
    confidence, why = judge(serving, members, still, kept)
    unanswered = unanswered_in_words(port, kept) if kept and port is not None else None
    text = TEXT.filled(
        view.process,
        is_cut=bool(view.coverage.threads),
        who=members_in_words(serving, members),
        waits=waits,
        frame=frame,
        threads=plural(len(members), "thread"),
        port_known=port is not None,
        port=port,
        in_words=progress_text(still),
        clients=say(" No connection of a client is open on port {port}: whoever asked has left.", port=port)
        if serving.abandoned
        else clients_in_words(view, port),
        unanswered=unanswered,
        asks=advice.sentence,
        log_known=log is not None,
        address=log.address if log is not None else None,
        lines=plural(log.lines if log is not None else 0, "line"),
        ended=ended,
        gone=ended.thread if ended else None,
        place=ended.frame if ended else None,
        searching=ended is None,
        look=advice.look,
        look_command=advice.command and advice.command.replace("PID", str(view.process.pid if view.process.pid is not None else "PID")),
        blocked=len(members),
        workers=serving.workers,
        name=pool.name,
        unproven=not has_stood(still),
        advice_waits_for=advice.waits_for,
    )
    threads = of_threads(members, text["stand"])
    return text.finding(
        severity=Severity.CRITICAL if serving.pressure.exists else Severity.WARNING,
        confidence=confidence,
        evidence=(threads, *(one.evidence for one in (log, ended) if one), *client_evidence(view, port), *kept_evidence(kept, unanswered)),
        why_confident=why,
        figures=(*client_figures(view, port), *text.figures),
        chain=text.steps((threads,)),
        absent=(Kind.THREADS,),
        culprit=Culprit(
            pool=pool.name,
            frame=str(frame) if frame is not None else None,
            listener=f"*:{port}" if port is not None else None,
            remote=log.address if log else None,
        ),
    )
