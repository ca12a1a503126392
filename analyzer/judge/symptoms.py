"""What to say where no rule found a cause: health that the evidence shows, symptoms that nothing explains, or not enough evidence."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.evidence.calls import DUMP_MISSING, SOCKETS_MISSING, clients_in_words, kind_in_words
from analyzer.evidence.chosen_threads import chosen
from analyzer.evidence.departures import before as before_of
from analyzer.evidence.departures import came_and_went
from analyzer.evidence.log_events import caller_in_words, in_words, of_this_moment
from analyzer.evidence.movement import only_busy
from analyzer.evidence.packet_claims import trouble_of
from analyzer.evidence.turns import unanswered_in_words, waits_in_words
from analyzer.families.heaps import heap_in_words
from analyzer.families.own_calls import unjudged
from analyzer.judge.health import HealthGap, gaps_of_health
from analyzer.judge.rows import heaped, of_clients_that_left
from analyzer.judge.shared_ports import shared_ports
from analyzer.judge.shown import calls_of, of_threads, shown
from analyzer.model.finding import Finding, Severity, Status
from analyzer.model.message import Message, capitalized, joined, plural, say, uncapitalized, unended
from analyzer.software.kinds import ActivityKind
from analyzer.waits.server_pools import SATURATED, pressure
from parsers.records import BESIDE, LogKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from analyzer.judge.shared_ports import SharedPort
    from analyzer.model.finding import CloseWait
    from analyzer.model.incident import Incident
    from analyzer.waits.case import Case, ProcessView, ServerPool

FEW: Final = 10
"""CLOSE_WAIT sockets of a port that come and go on a healthy server …"""
FEW_SHARE: Final = 0.05
"""… if they are also below this share of the port's connections."""
REASONS: Final = 3
"""Reasons against health that a summary names."""
SHOWN: Final = 6
"""Kinds of events of a log that a summary names."""
SMALLEST_POOL: Final = 4
"""Request threads below which all of them may be busy for a moment."""


class Said(NamedTuple):
    """What a verdict without a cause says; ``piece``: what a piece shows; ``calm``: that nothing is wrong in the little that is here."""

    status: Status
    headline: str
    summary: str
    piece: bool = False
    calm: bool = False


def without_cause(case: Case, findings: Sequence[Finding]) -> Said:
    """Health needs evidence of health; symptoms that no rule explains are said; everything else is not enough."""
    incident = case.incident
    felt = _felt(case)
    standing = [line for serving in case.server_pools if not only_busy(case, serving) for line in _standing(serving)]
    felt += standing if felt or not incident.has_sockets else []
    felt += [says for port in case.ports for _, says in trouble_of(port)]
    if felt:
        lacking = (
            ""
            if incident.has_threads and incident.has_sockets
            else DUMP_MISSING.would_show
            if incident.has_sockets
            else SOCKETS_MISSING.would_show
        )
        rest = (
            say(" What would tell is not here: {lacking}.", lacking=lacking)
            if lacking
            else say(" No cause that this tool knows fits what is here.")
        )
        calls = [call for snapshot in incident.snapshots[-1:] for call in calls_of(snapshot)]
        calls += [line for view in case.latest if view.dump is not None and view.dump.fragment for line in of_threads(case, view)]
        return Said(
            Status.INSUFFICIENT,
            say("Something is wrong, but the evidence does not tell what: {symptom}.", symptom=felt[0]),
            joined(" ", (say("{line}.", line=capitalized(line)) for line in (*felt, *calls))) + rest,
        )
    if standing and not felt:
        return _standing_only(case, standing)
    whole = [view.dump for view in case.latest if view.dump is not None and not view.dump.fragment and view.dump.complete is not False]
    has_tables = any(snapshot.has_table for snapshot in incident.snapshots)
    pieces = any(chosen(case, view) or (view.dump is not None and view.dump.fragment) or heaped(view) for view in case.latest)
    if has_tables and pieces and (seen := shown(case, findings)):
        return _piece(seen, whole=bool(whole), incident=incident)
    if has_tables and incident.has_threads and (gaps := gaps_of_health(case)):
        return Said(Status.INSUFFICIENT, *_not_shown(case, gaps))
    if has_tables and whole:
        past = next((finding for finding in findings if finding.over), None)
        said = (
            say("Nothing is wrong in what was saved.")
            if past is None
            else say("Nothing is wrong any more. {headline}", headline=past.headline)
        )
        return Said(Status.HEALTHY, said, _health(case))
    if not incident.snapshots and incident.has_packets:
        return Said(
            Status.INSUFFICIENT,
            say("Not enough evidence for a verdict: the packets show no trouble, and threads and sockets are missing."),
            say(
                "Every request in the capture was answered or is too young to tell. What a server's threads wait for, packets do not show."
            ),
        )
    if not incident.snapshots and any(
        artifact.logs or any(event.kind not in BESIDE for event in artifact.events) for artifact in incident.artifacts
    ):
        return _logs_only(case, findings)
    if not incident.snapshots:
        from analyzer.judge import silent_files  # noqa: PLC0415 - only where nothing tells

        return Said(Status.INSUFFICIENT, *silent_files.headline_and_summary(incident))
    own = _own_calls(case) or _unanswered(case)
    if own is None and (seen := shown(case, findings)):
        return _piece(seen, whole=bool(whole), incident=incident)
    have = own or _have(case, whole=bool(whole))
    lacking = say("a thread dump") if not whole else say("a socket table")
    return Said(
        Status.INSUFFICIENT,
        say(
            "Not enough evidence for a verdict: {have}, and {lacking} is missing.",
            have=uncapitalized(have),
            lacking=lacking,
        ),
        say("{have}. With {lacking} of the same moment the two could be joined.", have=have, lacking=lacking),
    )


def _felt(case: Case) -> list[str]:
    """What the clients of all processes suffer, each sentence once."""
    shared = shared_ports(case)
    said = [*_suffering_together(shared)]
    for view in case.latest:
        said += suffering(view, before_of(case, view), {one.port for one in shared if view in one.views})
    return list(dict.fromkeys(said))


def _standing_only(case: Case, standing: Sequence[str]) -> Said:
    """Threads that all wait while nobody has given up: that clients have had no answer is said, as a long poll's have none either."""
    silent = next((serving for serving in case.server_pools if serving.pressure.unanswered), None)
    few = next((words for serving in case.server_pools if (words := clients_in_words(serving.view, serving.port))), "")
    # A few requests lie unread for a moment on every busy server.
    nobody = say("only a few clients are seen to wait") if few else say("no client is seen to suffer from it")
    return Said(
        Status.INSUFFICIENT,
        say("Not enough evidence for a verdict: {symptom}, and {nobody}.", symptom=standing[0], nobody=nobody)
        if silent is None or silent.port is None
        else say(
            "Not enough evidence for a verdict: {symptom}, and {clients}: a stall, or long polls.",
            symptom=standing[0],
            clients=unanswered_in_words(silent.port, silent.pressure.unanswered),
        ),
        joined(" ", (say("{line}.", line=capitalized(line)) for line in standing))
        + few
        + say(" Threads that wait by design (long polls, idle connections) look the same.{tell}", tell=_what_would_tell(case)),
    )


def _what_would_tell(case: Case) -> str:
    """What tells a stall from a wait by design: of the artifacts that are not here, else the end of such a request."""
    repeated = any(sum(other.dump is not None for other in case.history(view)) > 1 for view in case.latest)
    if repeated and case.incident.has_sockets:
        return say(" What their clients expect, and the log, would tell.")
    if repeated:
        return say(" A socket table would tell.")
    return say(" A second dump would tell.") if case.incident.has_sockets else say(" A second dump and socket table would tell.")


def _not_shown(case: Case, gaps: Sequence[HealthGap]) -> tuple[str, str]:
    """Headline and summary where nothing is seen to be wrong and health is not shown either."""
    reasons = [capitalized(gap.reason) for gap in gaps[:REASONS]]
    more = say(" There are {number} more such reasons.", number=len(gaps) - REASONS) if len(gaps) > REASONS else ""
    from analyzer.judge.standing_out import logged  # noqa: PLC0415 - of few incidents

    half = [*of_clients_that_left(case), *logged(case.incident)]
    return (
        say("Health is not shown, and this stands out: {shown}.", shown=half[0])
        if half
        else say("No trouble is seen, but health is not shown: {reason}.", reason=gaps[0].reason),
        joined(
            " ",
            (
                *(say("{line}.", line=capitalized(line)) for line in half[1:]),
                _seen(case),
                *(say("{line}.", line=reason) for reason in reasons),
            ),
        )
        + more,
    )


def _logs_only(case: Case, findings: Sequence[Finding]) -> Said:
    """A log by itself says what its lines say: what happened, once or often, never what a server waits for."""
    incident = case.incident
    told = of_this_moment(incident)[:SHOWN]
    lines = sum(log.lines for artifact in incident.artifacts for log in artifact.logs)
    need = say("A log does not show what threads wait for. A thread dump and a socket table of the same moment would.")
    if not told and (of_heap := list(heap_in_words(case))):
        return Said(
            Status.INSUFFICIENT,
            say("Not enough evidence for a verdict. It shows this: {shown}.", shown=of_heap[0]),
            joined(" ", (*(say("{line}.", line=capitalized(line)) for line in of_heap[1:]), need)),
            piece=True,
        )
    if not told:
        return Said(
            Status.INSUFFICIENT,
            say(
                "Not enough evidence for a verdict: {lines} of a log, and none that proves something.", lines=plural(max(lines, 1), "line")
            ),
            need,
        )
    past = [unended(one.headline) for one in findings if one.severity is Severity.INFO]
    said = [
        *past,
        *(
            say(
                "{event}, in {lines}, the last one {place}{called}",
                event=in_words(one.event),
                called=caller_in_words(one.event, case.known),
                lines=plural(one.lines, "line"),
                place=str(one.event.where),
            )
            for one in told
            if not past or one.event.kind is not LogKind.DEADLOCK
        ),
    ]
    return Said(
        Status.INSUFFICIENT,
        say("Not enough evidence for a verdict. It shows this: {shown}.", shown=past[0])
        if past
        else say("Not enough evidence for a verdict. The log says: {shown}.", shown=said[0]),
        joined(" ", (*(say("{line}.", line=capitalized(line)) for line in said[1:]), need)),
    )


def _piece(seen: Sequence[str], *, whole: bool, incident: Incident) -> Said:
    """Evidence that shows something, if not enough for a cause: said as it is, with what would tell more."""
    lacking = [] if whole else [say("the rest of the thread dump") if incident.has_threads else say("a thread dump of the same moment")]
    lacking += [] if incident.has_sockets else [say("a socket table of the same moment")]
    more = say(" What else is going on, {list} would show.", list=joined(say(" and "), lacking)) if lacking else ""
    return Said(
        Status.INSUFFICIENT,
        say("Not enough evidence for a verdict. It shows this: {shown}.", shown=seen[0]),
        (joined(" ", (say("{line}.", line=capitalized(line)) for line in seen[1:])) + more).strip(),
        piece=True,
    )


def _own_calls(case: Case) -> Message | None:
    """Connections of a process to itself that a table without queues shows; None if there are none."""
    own = next(((view, *calls) for view in case.latest for calls in unjudged(view).items()), None)
    return own and say(
        "{command} holds {connections} to its own port {port}, which a table without queues does not judge",
        command=own[0].command or say("The process"),
        connections=plural(own[2], "connection"),
        port=own[1],
    )


def _unanswered(case: Case) -> Message | None:
    """Calls and clients without an answer, by the kernel's counters; None if the table has none, or shows none that wait."""
    waits = [words for view in case.latest for words in waits_in_words(view)]
    return joined(", ", waits[:REASONS]) if waits else None


def _have(case: Case, *, whole: bool) -> str:
    """What is here and tells too little."""
    incident = case.incident
    return (
        say("The sockets show no trouble")
        if incident.has_sockets
        else say("The threads show no cause")
        if whole
        else say("This is only a piece of a dump")
        if incident.has_threads
        else say("There are neither threads nor sockets")
    )


def _suffering_together(shared: Sequence[SharedPort]) -> Iterable[str]:
    """The same for ports that several processes serve together."""
    for one in shared:
        if one.counts.total >= FEW or (not one.went and _many(one.counts.total, one.total)):
            yield _left(one.counts, one.port)


def _many(gone: int, total: int) -> bool:
    """True if more clients have closed than a moment catches."""
    return gone > 2 and gone > FEW_SHARE * total  # noqa: PLR2004 - two may be caught closing


def _left(counts: CloseWait, port: int) -> Message:
    return say(
        "{clients} of port {port} disconnected and the server has not closed its side ({read})",
        clients=plural(counts.total, "client"),
        port=port,
        read=_read_in_words(counts),
    )


def suffering(view: ProcessView, before: ProcessView | None = None, told: Collection[int] = ()) -> Iterable[str]:
    """Symptoms of a process' clients beyond what comes and goes on a healthy server, by the table ``before``, too; ``told``: ports told with others."""
    for port in sorted(view.listeners):
        felt = pressure(view, port)
        total = len(view.server_side(port))
        counts = felt.close_wait
        few = counts.total < FEW and came_and_went(port, view, before)
        if port not in told and (counts.total >= FEW or (not few and _many(counts.total, total))):
            yield _left(counts, port)
        elif felt.accept_queue > 2:  # noqa: PLR2004 - one or two are between two accepts
            waits = plural(felt.accept_queue, "connection waits", "connections wait")
            yield say("{waits} to be accepted on port {port}", waits=waits, port=port)


def _read_in_words(counts: CloseWait) -> str:
    """What the table shows of requests: only the kinds that occur, and of how many it is known."""
    kinds = (
        (counts.unread, say("{count:,} unread", count=counts.unread)),
        (counts.unaccepted, say("{count:,} not accepted", count=counts.unaccepted)),
        (counts.fin_only, say("{count:,} read but for the end", count=counts.fin_only)),
        (counts.drained, say("{count:,} read to the end", count=counts.drained)),
    )
    known = sum(count for count, _ in kinds)
    if not known:
        return say("whether what they sent was read, this table does not show")
    listed = joined(", ", [words for count, words in kinds if count])
    return listed if known == counts.total else say("{list}; of the others this table does not show it", list=listed)


def _standing(serving: ServerPool) -> Iterable[str]:
    """A pool of which every thread waits in the same way: too many for a moment, whatever it is."""
    kind, count = next(iter(Counter(member.activity.kind for member in serving.pool.busy).most_common(1)), ("", 0))
    if (
        serving.workers >= SMALLEST_POOL
        and serving.pool.idle == 0
        and serving.pool.bounded
        and kind != ActivityKind.RUNNING
        and count >= SATURATED * serving.workers
    ):
        frame = kind_in_words([member for member in serving.pool.busy if member.activity.kind == kind])
        if kind == ActivityKind.REQUEST_READ:
            yield say(
                "{count} of {workers} request threads of {name} wait for the next request of a client{port}, in {frame}, and none is free",
                count=count,
                workers=serving.workers,
                name=serving.pool.name,
                port=say(" of port {port}", port=serving.port) if serving.port is not None else "",
                frame=frame,
            )
            return
        yield say(
            "{count} of {workers} request threads of {name} wait in {frame}, and none is free",
            count=count,
            workers=serving.workers,
            name=serving.pool.name,
            frame=frame,
        )


def _health(case: Case) -> str:
    """What a healthy server shows."""
    return joined(" ", (_seen(case), say("No client waits without being served, no lock cycle, no leak.")))


def _seen(case: Case) -> str:
    """Free threads and sockets by state."""
    parts: list[str] = [
        say("{idle} of {workers} threads of {name} are free.", idle=serving.pool.idle, workers=serving.workers, name=serving.pool.name)
        if serving.pool.bounded
        else say("Requests in service ({name}): {count}.", name=serving.pool.name, count=len(serving.pool.busy))
        for serving in case.server_pools
        if serving.workers or not serving.pool.bounded
    ]
    counts = Counter(row.state.value for view in case.latest for row in view.sockets if row.state)
    parts.append(
        say(
            "Sockets: {list}.",
            list=joined(", ", (say("{count:,} {state}", count=count, state=state) for state, count in counts.most_common())),
        )
        if counts
        else ""
    )
    return joined(" ", (part for part in parts if part))
