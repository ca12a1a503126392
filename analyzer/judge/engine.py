"""Runs the rules over an incident: outcomes, consequence chains, ranking, verdict."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.contention.wait_list import waits_of
from analyzer.evidence.capture_clock import saved_times
from analyzer.evidence.first_close import ending_of, first_closes
from analyzer.evidence.growth import limits, moments, turnover
from analyzer.evidence.links import links_of
from analyzer.evidence.packet_claims import excerpt_of, flow_of, telling
from analyzer.join.captures import beginning_at
from analyzer.judge.calm import spoken
from analyzer.judge.chain_end import ended
from analyzer.judge.column_heads import column_heads
from analyzer.judge.doubts import judged
from analyzer.judge.far_causes import behind, far_cause
from analyzer.judge.header import facts_of
from analyzer.judge.known_issues import known_issues
from analyzer.judge.members import in_their_words
from analyzer.judge.origin import origin_of
from analyzer.judge.platform import Commands
from analyzer.judge.stacks import socket_groups, stack_groups
from analyzer.judge.subject import besides, is_beside, nothing_of_subject, owner_of, primary_of
from analyzer.judge.suspicions import besides as beside_suspicion
from analyzer.judge.suspicions import with_lists, with_logs, without_few
from analyzer.judge.tables import input_of, notes_of, pool_tables, session_facts, socket_tables
from analyzer.judge.wanted import missing_of
from analyzer.model.finding import (
    Check,
    Confidence,
    Diagnosis,
    Finding,
    Outcome,
    Severity,
    Status,
    Verdict,
    When,
    order_of,
)
from analyzer.model.message import joined, say, say_of, uncapitalized
from analyzer.model.need import Need
from analyzer.model.timeline import FlowSummary, Patience
from analyzer.rules import RULES, Rule, slug
from analyzer.waits.case import Case, Knowledge
from parsers.records import TcpState, Unit
from parsers.text.sql import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from analyzer.model.incident import Incident
    from parsers.records import Where

PATIENT: Final = 3
"""Clients that gave up, or connections that somebody closed, from which on they make a picture."""
MOST_FLOWS: Final = 200
"""Flows that a report has: the ladder shows one, the rest is for machines."""
_TOLD: Final = frozenset({TcpState.CLOSE_WAIT, TcpState.SYN_SENT, TcpState.ESTABLISHED})


def diagnose(
    incident: Incident,
    excerpt: Callable[[Where], tuple[str, ...]],
    rules: Sequence[Rule] = RULES,
    known: Knowledge | None = None,
    notes: Sequence[str] = (),
) -> Diagnosis:
    """Judge an incident. ``excerpt`` fetches the lines of a place; pure otherwise.

    ``known``: what is known of software, by default what comes with the tool. ``notes``: sentences that the report shows before
    its own.
    """
    case = Case(incident, known, excerpt)
    found: list[Finding] = []
    checked: list[Check] = []
    for rule in rules:
        findings, check = _run(rule, case)
        found += findings
        checked.append(check)
    found, checked = _explained(found, checked, rules)
    for told in (with_lists, with_logs):
        found, checked = told(case, found, checked, {slug(rule): rule for rule in rules})
    if not any(finding.severity is Severity.CRITICAL for finding in found):
        found += _past(case, rules, found)
    origin = origin_of(case)
    commands = Commands(incident, origin)
    fit = (commands.possible(finding) for finding in in_their_words(case, found))
    ranked = _number(tuple(fit), {slug(rule): rule.CONSEQUENCE_OF for rule in rules}, incident)
    verdict = _verdict(case, ranked, restarted=origin.restarted)
    links = tuple(link for view in case.views for link in links_of(view))
    primary = next((finding for finding in ranked if finding.id == verdict.finding), None)
    places = {
        evidence.where
        for finding in ranked
        for evidence in (*finding.evidence, *(proof for step in finding.chain for proof in step.evidence))
    }
    saved = tuple(saved_times(case))
    return Diagnosis(
        incident=facts_of(case, primary),
        verdict=verdict,
        findings=ranked,
        sockets=tuple(socket_tables(case.views)),
        pools=tuple(pool_tables(case.views)),
        links=links,
        waits=tuple(wait for view in case.views for wait in waits_of(view)),
        flows=_flows(case),
        checked=tuple(checked),
        missing=missing_of(case, ranked, verdict, origin),
        inputs=tuple(input_of(artifact) for artifact in incident.artifacts),
        excerpts=_excerpts(case, places, excerpt),
        heads=column_heads(places, excerpt),
        moments=moments(case),
        patience=tuple(Patience(str(port.server), port.patience) for port in case.ports if len(port.patience) >= PATIENT),
        endings=tuple(
            ending for port in case.ports if (ending := ending_of(first_closes(port))).client_first + ending.server_first >= PATIENT
        ),
        limits=limits(case),
        turnover=turnover(case),
        sessions=tuple(session_facts(case)),
        stacks=stack_groups(case, primary),
        socket_groups=socket_groups(case, links),
        known_issues=known_issues(case, ranked, verdict),
        notes=tuple(dict.fromkeys((*notes, *besides(incident, ranked), *notes_of(case), *(one.said for one in saved if one.odd)))),
        clocks=tuple(one.said for one in saved if not one.odd),
    )


def _run(rule: Rule, case: Case) -> tuple[list[Finding], Check]:
    """One rule's findings and its outcome. A rule that breaks is a fault of the tool, never a clean bill."""
    name = slug(rule)
    lacking = _lacking(rule.NEEDS, case.incident)
    try:
        found = [judged(case, ended(replace(finding, outlook=finding.outlook or rule.OUTLOOK))) for finding in rule.diagnose(case)]
    except Exception as error:  # noqa: BLE001 - one broken rule must not take the others' findings with it
        return [], Check(
            name, Outcome.FAULT, say("the rule broke ({name}: {error}); please report it", name=type(error).__name__, error=error)
        )
    if found:
        best = min(found, key=order_of)
        return found, Check(name, Outcome.FOUND, best.headline)
    if lacking:
        needs = joined(" and ", (_NEED_WORDS[need] for need in lacking))
        why = say_of(len(lacking), "needs {needs}, which is not here", "needs {needs}, which are not here", needs=needs)
        return [], Check(name, Outcome.SKIPPED, why)
    if partial := _partial(rule.NEEDS, case):
        return [], Check(name, Outcome.SKIPPED, say("cannot be ruled out: {reason}", reason=partial))
    return [], Check(name, Outcome.CLEAN, rule.CLEAN)


def _explained(found: Sequence[Finding], checked: Sequence[Check], rules: Sequence[Rule]) -> tuple[list[Finding], list[Check]]:
    """The findings without those of unknown cause that another finding of the process explains: what is critical, or speaks of the same pool.

    A suspicion that rests on one or two picked threads goes where anything else is found.
    """
    every, found = found, without_few(found)
    follows = {slug(rule): rule.CONSEQUENCE_OF for rule in rules}
    kept = [
        one
        for one in found
        if not one.cause_unknown
        or not any(
            other.process == one.process
            and not other.cause_unknown
            and one.rule not in follows.get(other.rule, ())
            and (other.severity is Severity.CRITICAL or (other.severity is Severity.WARNING and other.culprit.pool == one.culprit.pool))
            for other in found
        )
    ]
    open_rules = {finding.rule for finding in kept}
    dropped = {one.rule for one in every} - open_rules
    clean = {slug(rule): rule.CLEAN for rule in rules}
    return kept, [Check(check.rule, Outcome.CLEAN, clean[check.rule]) if check.rule in dropped else check for check in checked]


def _partial(needs: Sequence[Need], case: Case) -> str:
    """Why a rule that found nothing cannot be called clean: what it looked at is not whole. Empty if it is."""
    if any(need.of_threads for need in needs):
        for view in case.latest:
            if view.dump is not None and view.coverage.threads:
                return view.coverage.threads[0]
    if any(need.of_sockets for need in needs):
        for view in case.latest:
            if view.sockets and view.coverage.sockets:
                return view.coverage.sockets[0]
    return ""


def _past(case: Case, rules: Sequence[Rule], found: Sequence[Finding]) -> Iterable[Finding]:
    """Critical findings of earlier snapshots of which nothing is ``found`` any more, as information. Only where the last has the same kinds of evidence."""
    still = {(one.rule, one.process) for one in found}
    snapshots = case.incident.snapshots
    if len(snapshots) < 2 or len(case.incident.hosts) > 1:  # noqa: PLR2004 - there is no earlier one
        return
    earlier = Case(replace(case.incident, snapshots=snapshots[:-1]), case.known, case.text)
    for rule in rules:
        for finding in _run(rule, earlier)[0]:
            then = next((view for view in earlier.latest if view.process == finding.process), None)
            now = next((view for view in case.latest if view.process == finding.process and view.snapshot is snapshots[-1]), None)
            comparable = (
                then is not None
                and now is not None
                and (now.dump is not None or then.dump is None)
                and (bool(now.sockets) or not then.sockets)
            )
            if finding.severity is Severity.CRITICAL and then is not None and comparable and (finding.rule, finding.process) not in still:
                yield _over(finding, then.snapshot.name, snapshots[-1].name)


def _over(finding: Finding, then: str, now: str) -> Finding:
    """The finding as something past."""
    said = say("Snapshot {then} shows it, snapshot {now} no longer does: it is over. What follows was so then. ", then=then, now=now)
    return replace(
        finding,
        severity=Severity.INFO,
        over=True,
        headline=say("Over by snapshot {now}: {headline}", now=now, headline=uncapitalized(finding.headline)),
        explanation=said + finding.explanation,
        outlook=None,
        actions=tuple(action for action in finding.actions if action.when is not When.NOW),
        missing=(),
    )


def _flows(case: Case) -> tuple[FlowSummary, ...]:
    """The flows behind the sockets that matter, or without sockets those that end in trouble."""
    found = {seen.place: seen for view in case.latest for seen in view.packets.seen(row for row in view.sockets if row.state in _TOLD)}
    if not found:
        troubled = (seen for port in case.ports for seen in (*port.gave_up, *port.never_closed, *port.ignored))
        found = {seen.place: seen for seen in troubled}
    return telling(found.values(), MOST_FLOWS)


def _excerpts(case: Case, places: Iterable[Where], excerpt: Callable[[Where], tuple[str, ...]]) -> dict[Where, tuple[str, ...]]:
    """The lines, or the packets, of each place."""
    wanted = {where for where in places if where.unit is Unit.PACKET}
    begin = {(where.file, where.first) for where in wanted}
    packets = {seen.flow.where: excerpt_of(flow_of(seen)) for seen in beginning_at(case.incident.captures, begin)}
    private = {session.where.file for snapshot in case.incident.snapshots for session in snapshot.sessions}
    private |= {block.where.file for snapshot in case.incident.snapshots for block in snapshot.blocks}
    found = {where: packets.get(where, ()) if where in wanted else excerpt(where) for where in sorted(places)}
    # Statements hold other people's data: no literal of one leaves the file it stands in.
    return {where: tuple(map(redacted, lines)) if where.file in private else lines for where, lines in found.items()}


_NEED_WORDS: Final = {
    Need.THREADS: say("a thread dump"),
    Need.SOCKETS: say("a socket table"),
    Need.THREADS_OR_SOCKETS: joined(" or ", (say("a thread dump"), say("a socket table"))),
}


def _lacking(needs: Sequence[Need], incident: Incident) -> tuple[Need, ...]:
    have = {
        Need.THREADS: incident.has_threads,
        Need.SOCKETS: incident.has_sockets,
        Need.THREADS_OR_SOCKETS: incident.has_threads or incident.has_sockets,
    }
    return tuple(need for need in needs if not have[need])


def _number(found: Sequence[Finding], causes: dict[str, tuple[str, ...]], incident: Incident) -> tuple[Finding, ...]:
    """Rank, give ids, and tie consequences to their causes: the highest of those in question. What the collection is about comes first."""
    ordered = sorted(found, key=lambda finding: (is_beside(incident, finding), order_of(finding)))
    ranked = [replace(finding, id=f"F{number}") for number, finding in enumerate(ordered, start=1)]
    of_rule: dict[tuple[str, str | None, int | None], Finding] = {}
    in_trouble: dict[tuple[str | None, int | None], Finding] = {}
    for finding in ranked:
        owner = owner_of(finding)
        of_rule.setdefault((finding.rule, *owner), finding)
        if finding.severity is Severity.CRITICAL and finding.confidence is not Confidence.SUSPECTED:
            in_trouble.setdefault(owner, finding)
    result = []
    for finding in ranked:
        near, far = finding.process, finding.waits_for
        wanted = (*(causes.get(finding.rule, ()) if near is not None else ()), finding.consequence_of or "")
        same = [of_rule.get((rule, *owner_of(finding))) for rule in wanted]
        cause = min((one for one in same if one is not None), key=_place, default=None)
        # A process that it waits for, with critical trouble of its own.
        cause = cause or (in_trouble.get((far.host, far.pid)) if far is not None else None) or _as_sure(finding, far_cause(finding, ranked))
        result.append(replace(finding, consequence_of=cause.id if cause and cause.severity is not Severity.INFO else None))
    return _told_first(result, incident)


def _as_sure(finding: Finding, far: Finding | None) -> Finding | None:
    """What is known against the process that a finding waits for, unless that is less sure than the wait: then the wait is the verdict."""
    return far if far is not None and far.confidence.rank <= finding.confidence.rank else None


def _told_first(ranked: Sequence[Finding], incident: Incident) -> tuple[Finding, ...]:
    """The findings numbered anew, with the verdict's before all others: see :func:`primary_of`."""
    primary = primary_of(incident, ranked)
    ordered = sorted(ranked, key=lambda finding: finding is not primary)
    ids = {finding.id: f"F{number}" for number, finding in enumerate(ordered, start=1)}
    return tuple(
        replace(finding, id=ids[finding.id], consequence_of=ids[finding.consequence_of] if finding.consequence_of else None)
        for finding in ordered
    )


def _place(finding: Finding) -> int:
    """The place of a finding that has its id."""
    return int(finding.id.removeprefix("F"))


def _verdict(case: Case, findings: Sequence[Finding], *, restarted: bool) -> Verdict:
    primary = primary_of(case.incident, findings)
    if primary is not None:
        unfounded = nothing_of_subject(case.incident, findings)
        return Verdict(
            status=Status.PROBLEM,
            finding=primary.id,
            rule=primary.rule,
            severity=primary.severity,
            confidence=primary.confidence,
            headline=unfounded + primary.headline,
            summary=joined(" ", (primary.explanation, *behind(primary, findings), *beside_suspicion(case, primary, findings))),
            fingerprint=_fingerprint(primary),
            pid=primary.process.pid if primary.process else None,
            host=primary.process.host if primary.process else None,
        )
    said = spoken(case, findings, restarted=restarted)
    return Verdict(
        status=said.status,
        finding=None,
        rule=None,
        severity=None,
        confidence=None,
        headline=said.headline,
        summary=said.summary,
        fingerprint=hashlib.sha256(f"{said.status} {said.headline.partition(':')[0]}".encode()).hexdigest()[:12],
        calm=said.calm,
    )


def _fingerprint(finding: Finding) -> str:
    """Equal for the same cause in the same code, on whatever host, port or day: rule, frame without line, pool without numbers."""
    frame = finding.culprit.frame or ""
    frame = frame.rpartition("(")[0] or frame  # the source stands in the last parentheses: Go's names have some of their own
    pool = re.sub(r"\d+", "#", finding.culprit.pool or "")
    return hashlib.sha256(f"{finding.rule}\n{frame}\n{pool}".encode()).hexdigest()[:12]
