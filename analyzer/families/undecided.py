"""A pool that waits for calls whose target nobody can name: two causes fit, and both rules must say so in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import (
    SOCKETS_MISSING,
    WHOLE_DUMP_MISSING,
    WHOLE_TABLE_MISSING,
    age_in_words,
    chain_evidence,
    chain_of,
    client_evidence,
    client_figures,
    clients_in_words,
    command,
    culprit_of,
    kind_in_words,
)
from analyzer.evidence.chosen_threads import chosen
from analyzer.evidence.citations import of_dump, shown_of
from analyzer.evidence.log_events import asyncio_was_late
from analyzer.evidence.movement import only_busy
from analyzer.evidence.multiples import multiple, service_of
from analyzer.families.chosen_calls import calls_itself
from analyzer.model.finding import Confidence, Doubt, Finding, Severity, When
from analyzer.model.message import joined, plural, say, say_of
from analyzer.model.text import ByNumber, Do, Either, Text
from analyzer.software.kinds import ActivityKind
from analyzer.waits.acceptors import standing_scripts
from parsers.records import Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Missing
    from analyzer.waits.case import Case, ServerPool

COMMONER: Final = Doubt("commoner-cause", say("a slow service is the commoner cause of such reads"), Confidence.SUSPECTED)
"""Why of the two causes the other is told first, where threads read an answer; where they wait for futures nothing says that they call a service at all."""
MANY: Final = 3
"""Times as many readers as connections are shown: the rest of them need not wait for an answer."""
SMALLEST_POOL: Final = 2
"""One busy thread of a pool of one is a request being served, unless clients suffer."""
TEXT: Final = Text(
    "",
    headline=ByNumber(
        "serving_blocked",
        "{count} of {name} waits in {waiting} for {what}: a server that calls itself, or a slow service behind it.",
        "{count} of {name} wait in {waiting} for {what}: a server that calls itself, or a slow service behind it.",
    ),
    explanation=ByNumber(
        "serving_blocked",
        "{count} of {name} waits in {waiting}{called_from}.{clients_in_words}{ages} {undecided} Two causes show exactly this: self-call-starvation (the calls go to the server's own port, where no thread is free) and slow-backend (another service does not answer).",
        "{count} of {name} wait in {waiting}{called_from}.{clients_in_words}{ages} {undecided} Two causes show exactly this: self-call-starvation (the calls go to the server's own port, where no thread is free) and slow-backend (another service does not answer).",
    ),
    why="The evidence fits {rule} and {other} alike. {missing_half}",
    do=(
        Do(When.NOW, "Save the missing half before the restart: it decides.", "{missing_command}"),
        Do(When.FIX, "Give {waiting}{in_} a timeout, and the client behind it connect and read timeouts."),
    ),
    figures=(("{serving_blocked:,}", "threads of {name} waiting"),),
    chain=(("the service that is called", "does not answer", "its own port, or another service: not in the evidence"),),
    phrases={
        "dump": "the dump",
        "called_from": Either("called_from", ", called from {culprit}"),
        "undecided": Either(
            "undecided",
            "The threads that should deliver the result are not in the evidence.",
            Either(
                "undecided_is",
                "The socket table does not tell which of its connections they use.",
                "A thread dump does not say to whom a socket is connected.",
            ),
        ),
        "missing_half": Either("missing_half", "The socket table would decide.", "What would decide is listed as missing."),
        "in_": Either("called_from", " in {culprit}"),
    },
)


def applies(serving: ServerPool) -> bool:
    """True if the pool is stuck in calls or futures, and neither sockets nor frames tell where the calls go."""
    if not serving.saturated or serving.main_target is not None or _names_a_service(serving):
        return False
    if serving.waiters and not serving.callers and serving.dependencies:
        return False  # the helper pool is visible and does something else
    if serving.view.known.runtime is Runtime.NATIVE and serving.view.sockets and not serving.view.client_side:
        return False  # a bare read without a connection of its own making reads from a client
    if may_read_clients(serving):
        return False
    whole = serving.view.dump is not None and not serving.view.dump.fragment
    if serving.pressure.exists:
        return bool(serving.callers) or not whole
    if any(dependency.handed for dependency in serving.dependencies):
        return False  # any pipeline has a full queue for a moment
    if serving.view.sockets and serving.view.dump_basis is not None:
        return False  # the sockets are here, and nobody suffers
    return bool(serving.callers) and serving.workers >= SMALLEST_POOL


def suspicions(case: Case, rule: str) -> Iterator[Finding]:
    """One per pool that is stuck in such calls and not merely busy."""
    for serving in case.server_pools:
        in_loop = standing_scripts(serving.view, reported=asyncio_was_late(case.incident))
        if applies(serving) and not in_loop and not only_busy(case, serving) and not _is_named(case, serving):
            yield finding(serving, rule)


def _is_named(case: Case, serving: ServerPool) -> bool:
    """True if the threads were picked, and connections were counted that lead to one service: these numbers are told with the threads."""
    view = serving.view
    if not chosen(case, view):
        return False
    named = service_of(case, view, serving.callers, multiple(case, serving.callers)) is not None
    return named or calls_itself(case, view, serving.callers)


def may_read_clients(serving: ServerPool) -> bool:
    """True if nothing says that the threads call out, and far more of them read than clients suffer: a thread for each idle client reads as well."""
    plain = all(one.activity.kind is ActivityKind.SOCKET_READ and one.activity.library is None for one in serving.callers)
    return plain and bool(serving.view.sockets) and len(serving.callers) > MANY * len(serving.view.sockets)


def _names_a_service(serving: ServerPool) -> bool:
    """True if the callers stand in a driver: a database is no HTTP server of ours."""
    names = {member.activity.library for member in serving.callers}
    return not names.isdisjoint(serving.view.known.drivers)


def finding(serving: ServerPool, rule: str) -> Finding:
    """The suspicion, as ``rule`` reports it. Both causes are named; what is missing would decide."""
    view, pool = serving.view, serving.pool
    waiting = kind_in_words(serving.waiters) if serving.waiters else kind_in_words(serving.callers)
    port = serving.port
    other = "slow-backend" if rule == "self-call-starvation" else "self-call-starvation"
    fragment = view.dump is not None and view.dump.fragment
    count = (
        plural(serving.blocked, "request thread")
        if fragment or serving.workers == 1
        else say("{all_of} request threads", all_of=shown_of(view.dump, serving.blocked, serving.workers))
    )
    what = say("a result that does not come") if not serving.callers else say("an answer that does not come")
    evidence = chain_evidence(serving)
    if port is not None:
        evidence += client_evidence(view, port)
    text = TEXT.filled(
        view.process,
        count=count,
        name=pool.name,
        waiting=waiting,
        what=what,
        called_from=serving.culprit,
        culprit=serving.culprit,
        clients_in_words=clients_in_words(view, port),
        ages=joined("", (_runs(serving), _ages(serving))),
        undecided=not serving.callers,
        undecided_is=serving.view.sockets,
        rule=rule,
        other=other,
        missing_half=serving.callers and (not serving.view.sockets),
        missing_command=_missing(serving)[0].command,
        serving_blocked=serving.blocked,
    )
    if view.dump is not None and (not evidence):
        evidence.append(of_dump(view.dump, text["dump"]))
    return text.finding(
        severity=Severity.CRITICAL if serving.pressure.exists else Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        evidence=tuple(evidence),
        rule=rule,
        figures=(*client_figures(view, port), *text.figures),
        missing=_missing(serving),
        chain=chain_of(serving, *text.steps()),
        culprit=culprit_of(serving),
        doubts=(COMMONER,) if rule == "self-call-starvation" and serving.callers else (),
    )


def _runs(serving: ServerPool) -> str:
    """Who runs the tasks that the threads wait for, and where those stand; empty if they call out themselves."""
    if not serving.dependencies or not serving.callers or serving.calling_pool is serving.pool:
        return ""
    frame = serving.calling_frame
    return say_of(
        len(serving.callers),
        " What they wait for runs in {helper}: {threads} of it stands in {calling}{place}.",
        " What they wait for runs in {helper}: {threads} of it stand in {calling}{place}.",
        helper=serving.calling_pool.name,
        threads=plural(len(serving.callers), "thread"),
        calling=kind_in_words(serving.callers),
        place=say(", called from {frame}", frame=frame) if frame is not None else "",
    )


def _ages(serving: ServerPool) -> str:
    """How young the clients' connections are: seconds say that clients give up soon and new ones keep coming."""
    if serving.port is None:
        return ""
    said = age_in_words([row for row in serving.view.server_side(serving.port) if row.state is TcpState.CLOSE_WAIT])
    return say(" {ages}", ages=said) if said else ""


def _missing(serving: ServerPool) -> tuple[Missing, ...]:
    view = serving.view
    found = []
    if not serving.callers:
        found.append(WHOLE_DUMP_MISSING)
    found.append(WHOLE_TABLE_MISSING if view.sockets else SOCKETS_MISSING)
    return tuple(command(one, view) for one in found)
