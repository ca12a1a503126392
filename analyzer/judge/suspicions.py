"""Suspicions that rest on little: one or two threads which somebody picked out of a dump, lines of a log or dumps alone. What they give way to, and what stands beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.evidence.chosen_threads import FEW_THREADS
from analyzer.evidence.sessions import of_lists
from analyzer.families import counted_sessions, listed_sessions, old_read_views, standing_calls, told_by_logs
from analyzer.families.counted_sessions import counted_in_words
from analyzer.families.log_joins import LOG_ALONE, who_holds
from analyzer.families.tied_sessions import victim_of
from analyzer.judge.shown import beside_threads, of_untold, shown
from analyzer.model.finding import Check, Confidence, Finding, Outcome, Severity
from analyzer.model.message import capitalized, say, unended
from parsers.records import LogKind, Runtime, SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from analyzer.rules import Rule
    from analyzer.waits.case import Case
    from parsers.records import Session

_LITTLE: Final = (FEW_THREADS, LOG_ALONE, listed_sessions.LIST_ALONE, standing_calls.DUMP_ALONE)
"""Codes of the doubts about such suspicions."""
_CALLS: Final = frozenset({"slow-backend", "database-read-hang"})
"""Rules that suspect a service because picked threads wait for it."""
_CONVOY: Final = "lock-convoy"
_FULL: Final = "backlog-overflow"
_PROXY: Final = "proxy-timeout"
_OF_LISTS: Final = frozenset({"lock-held-by-idle-transaction", "cross-system-deadlock", "slow-statement", "lost-session"})
"""Rules that judge lists of sessions by the sockets they belong to."""
_QUEUE: Final = "queued-at-proxy"
_OF_LOGS: Final = frozenset({"database-deadlock", "disk-full", _PROXY})
"""Rules that judge lines of logs themselves: others of the lines may tell of more."""


def without_few(found: Sequence[Finding]) -> Sequence[Finding]:
    """The findings without suspicions of few threads about a process of which anything else is found."""
    firm = [
        one.process
        for one in found
        if one.severity is not Severity.INFO
        and not one.has_doubt(*_LITTLE)
        and not (one.rule == _FULL and one.confidence is Confidence.SUSPECTED)  # the picked threads may be why it is full
    ]
    return [one for one in found if not one.has_doubt(*_LITTLE) or one.process not in firm]


def with_lists(case: Case, found: list[Finding], checked: list[Check], rules: Mapping[str, Rule]) -> tuple[list[Finding], list[Check]]:
    """The findings and the checks, with what a list of sessions alone tells. Picked threads that wait for that server are part of its finding."""
    firm = [one for one in found if one.severity is not Severity.INFO and not one.has_doubt(*_LITTLE) and not listed_sessions.is_open(one)]
    if any(one.rule in _OF_LISTS for one in firm):
        return found, checked
    victim = victim_of(case, found, _listed(case)) if firm else None
    told = {
        one.rule: replace(one, outlook=one.outlook or rules[one.rule].OUTLOOK)
        for one in (
            *old_read_views.suspicions(case),
            *listed_sessions.suspicions(case, found),
            *(() if firm else counted_sessions.suspicions(case, found)),
        )
        if one.rule in rules
    }
    cause = next(iter(told), None)
    kept = [
        replace(one, consequence_of=cause) if one is victim and cause is not None else one
        for one in found
        if not listed_sessions.absorbed(one, [*told.values()])
    ]
    gone = {one.rule for one in found} - {one.rule for one in kept}
    left = [Check(check.rule, Outcome.CLEAN, rules[check.rule].CLEAN) if check.rule in gone else check for check in checked]
    return [*kept, *told.values()], _noted(left, told)


def with_logs(case: Case, found: list[Finding], checked: list[Check], rules: Mapping[str, Rule]) -> tuple[list[Finding], list[Check]]:
    """The findings and the checks, with what lines of logs let one suspect where no rule found anything."""
    if any(one.severity is not Severity.INFO and one.rule not in _OF_LOGS for one in found):
        return _with_alarm(case, found, checked, rules)
    # What a proxy's log says of its queue stands in the finding about that log, too.
    said = {_QUEUE} if any(one.rule == _PROXY for one in found) else set()
    told = {
        one.rule: replace(one, outlook=one.outlook or rules[one.rule].OUTLOOK)
        for one in (*told_by_logs.suspicions(case), *_of_kernel(case), *_of_runtimes(case))
        if one.rule in rules.keys() - said
    }
    return [*found, *told.values()], _noted(checked, told)


def _listed(case: Case) -> Iterator[Session]:
    """The sessions that lists show to wait for a lock."""
    return (one for snapshot in case.incident.snapshots for one in snapshot.sessions if one.state is SessionState.LOCKED)


def _of_kernel(case: Case) -> Sequence[Finding]:
    """Writes to pipes that nobody reads and to a client that does not, and calls to file servers, where system calls or wait channels are here."""
    if not any(snapshot.tasks for snapshot in case.incident.snapshots):
        return ()
    from analyzer.families import (  # noqa: PLC0415 - few incidents have them
        full_pipes,
        kernel_sleepers,
        silent_file_servers,
        undrained_children,
        writes_to_one,
    )

    ways = (undrained_children, full_pipes, writes_to_one, silent_file_servers, kernel_sleepers)
    return [finding for way in ways for finding in way.findings(case)]


def _of_runtimes(case: Case) -> Iterator[Finding]:
    """Go's waits for the output of children that have ended, Python's queues that nobody reads, and circles around Rails' interlock."""
    runtimes = {view.dump.runtime for view in case.latest if view.dump is not None}
    if Runtime.GO in runtimes:
        from analyzer.families import open_outputs  # noqa: PLC0415 - of Go alone

        yield from open_outputs.findings(case)
    if Runtime.PYTHON in runtimes:
        from analyzer.families import undrained_queues  # noqa: PLC0415 - of Python alone

        yield from undrained_queues.findings(case)
    if Runtime.DOTNET in runtimes:
        from analyzer.families import context_waits  # noqa: PLC0415 - of .NET alone

        yield from context_waits.suspicions(case)
    if Runtime.RUBY in runtimes:
        from analyzer.families import reload_circles  # noqa: PLC0415 - of Ruby alone

        yield from reload_circles.findings(case)


def _with_alarm(case: Case, found: list[Finding], checked: list[Check], rules: Mapping[str, Rule]) -> tuple[list[Finding], list[Check]]:
    """Where picked threads wait for an answer, and a broker says itself why it gives none, that is the finding. A lock that a database tells of stands beside any."""
    firm = [one for one in found if one.severity is not Severity.INFO]
    if who_holds(case) is not None and not any(one.rule in _OF_LISTS or one.rule in _OF_LOGS for one in firm):
        waits = [replace(one, outlook=one.outlook or rules[one.rule].OUTLOOK) for one in told_by_logs.of_kind(case, LogKind.LOCK_WAIT)]
        return [*found, *waits], _noted(checked, {one.rule: one for one in waits})
    if not all((one.rule in _CALLS or _under_lock(one)) and one.has_doubt(FEW_THREADS) for one in firm):
        return found, checked
    told = {
        one.rule: replace(one, outlook=one.outlook or rules[one.rule].OUTLOOK)
        for one in told_by_logs.of_kind(case, LogKind.ALARM)
        if one.rule in rules
    }
    if not told:
        return found, checked
    gone = {one.rule for one in firm}
    left = [Check(check.rule, Outcome.CLEAN, rules[check.rule].CLEAN) if check.rule in gone else check for check in checked]
    return [*(one for one in found if one not in firm), *told.values()], _noted(left, told)


def _under_lock(finding: Finding) -> bool:
    """True for a queue behind a lock whose owner waits for the answer of a call."""
    return finding.rule == _CONVOY and finding.culprit.library is not None


def _noted(checked: Sequence[Check], told: Mapping[str, Finding]) -> list[Check]:
    """The checks, with those of the rules whose suspicions were added as found."""
    return [Check(check.rule, Outcome.FOUND, told[check.rule].headline) if check.rule in told else check for check in checked]


def besides(case: Case, primary: Finding, findings: Sequence[Finding]) -> list[str]:
    """What else is here, where the verdict is such a suspicion: others of its kind, and the rows, lists and lines of logs beside it."""
    if not primary.has_doubt(*_LITTLE):
        return []
    others = [one.headline for one in findings if one is not primary and one.process == primary.process and one.has_doubt(*_LITTLE)]
    told = [evidence.says for one in findings for evidence in one.evidence] + [unended(other) for other in others]
    few = primary.has_doubt(FEW_THREADS)
    seen = [*of_untold(case, findings), *beside_threads(case, findings)] if few else shown(case, findings)
    said = {*of_lists(case.incident.snapshots), *counted_in_words(case)} if primary.has_doubt(listed_sessions.LIST_ALONE) else set()
    lines = [line for line in seen if line not in said and not any(words in line for words in told)]
    return [*others, *(say("{line}.", line=capitalized(line)) for line in lines)]
