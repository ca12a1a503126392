"""A pool that waits for calls whose target nobody can name: two causes fit, and both rules must say so in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import (
    SOCKETS_MISSING,
    WHOLE_DUMP_MISSING,
    WHOLE_TABLE_MISSING,
    age_in_words,
    chain_of,
    client_evidence,
    client_figures,
    clients_in_words,
    command,
    kind_in_words,
)
from analyzer.evidence.citations import all_of, of_dump
from analyzer.model.finding import Action, Confidence, Culprit, Finding, Severity, Step, When
from analyzer.model.message import plural, say
from parsers.records import Runtime, TcpState

if TYPE_CHECKING:
    from analyzer.model.finding import Missing
    from analyzer.waits.case import ServerPool

SMALLEST_POOL: Final = 2
"""One busy thread of a pool of one is a request being served, unless clients suffer."""


def applies(serving: ServerPool) -> bool:
    """True if the pool is stuck in calls or futures, and neither sockets nor frames tell where the calls go."""
    if not serving.saturated or serving.main_target is not None or _names_a_service(serving):
        return False
    if serving.waiters and not serving.callers and serving.dependencies:
        return False  # the helper pool is visible and does something else
    if serving.view.known.runtime is Runtime.NATIVE and serving.view.sockets and not serving.view.client_side:
        return False  # a bare read without a connection of its own making reads from a client
    whole = serving.view.dump is not None and not serving.view.dump.fragment
    if serving.pressure.exists:
        return bool(serving.callers) or not whole
    if serving.view.sockets and serving.view.dump_basis is not None:
        return False  # the sockets are here, and nobody suffers
    return bool(serving.callers) and serving.workers >= SMALLEST_POOL


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
        else say("{all_of} request threads", all_of=all_of(serving.blocked, serving.workers))
    )
    wait = "waits" if serving.blocked == 1 else "wait"
    what = say("a result that does not come") if not serving.callers else say("an answer that does not come")
    evidence = [one for step in chain_of(serving, None) for one in step.evidence]
    if port is not None:
        evidence += client_evidence(view, port)
    if view.dump is not None and not evidence:
        evidence.append(of_dump(view.dump, say("the dump")))
    return Finding(
        rule=rule,
        severity=Severity.CRITICAL if serving.pressure.exists else Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        headline=say(
            "{count} of {name} {wait} in {waiting} for {what}: a server that calls itself, or a slow service behind it.",
            count=count,
            name=pool.name,
            wait=wait,
            waiting=waiting,
            what=what,
        ),
        explanation=(
            say(
                "{count} of {name} {wait} in {waiting}{called_from}.{clients_in_words}{ages} {undecided} Two causes show exactly this: self-call-starvation (the calls go to the server's own port, where no thread is free) and slow-backend (another service does not answer).",
                count=count,
                name=pool.name,
                wait=wait,
                waiting=waiting,
                called_from=say(", called from {culprit}", culprit=serving.culprit) if serving.culprit else "",
                clients_in_words=clients_in_words(view, port) if port is not None else "",
                ages=_ages(serving),
                undecided=_undecided(serving),
            )
        ),
        why_confident=say(
            "The evidence fits {rule} and {other} alike. {missing_half}", rule=rule, other=other, missing_half=_missing_half(serving)
        ),
        evidence=tuple(evidence),
        process=view.process,
        culprit=Culprit(
            pool=pool.name, frame=str(serving.culprit) if serving.culprit else None, listener=f"*:{port}" if port is not None else None
        ),
        chain=chain_of(
            serving,
            Step(say("the service that is called"), say("does not answer"), say("its own port, or another service: not in the evidence")),
        ),
        actions=(
            Action(When.NOW, say("Save the missing half before the restart: it decides."), _missing(serving)[0].command),
            Action(
                When.FIX,
                say(
                    "Give {waiting}{in_} a timeout, and the client behind it connect and read timeouts.",
                    waiting=waiting,
                    in_=say(" in {culprit}", culprit=serving.culprit) if serving.culprit else "",
                ),
            ),
        ),
        figures=(*client_figures(view, port), (f"{serving.blocked:,}", say("threads of {name} waiting", name=pool.name))),
        missing=_missing(serving),
    )


def _ages(serving: ServerPool) -> str:
    """How young the clients' connections are: seconds say that clients give up soon and new ones keep coming."""
    if serving.port is None:
        return ""
    said = age_in_words([one for one in serving.view.server_side(serving.port) if one.state is TcpState.CLOSE_WAIT])
    return say(" {ages}", ages=said) if said else ""


def _undecided(serving: ServerPool) -> str:
    if not serving.callers:
        return say("The threads that should deliver the result are not in the evidence.")
    if not serving.view.sockets:
        return say("A thread dump does not say to whom a socket is connected.")
    return say("The socket table does not tell which of its connections they use.")


def _missing_half(serving: ServerPool) -> str:
    return (
        say("The socket table would decide.")
        if serving.callers and not serving.view.sockets
        else say("What would decide is listed as missing.")
    )


def _missing(serving: ServerPool) -> tuple[Missing, ...]:
    view = serving.view
    found = []
    if not serving.callers:
        found.append(WHOLE_DUMP_MISSING)
    found.append(WHOLE_TABLE_MISSING if view.sockets else SOCKETS_MISSING)
    return tuple(command(one, view) for one in found)
