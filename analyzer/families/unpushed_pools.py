"""A pool that serves requests, each of them in a blocking command: the server behind is well, and nobody pushes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import clients_in_words, culprit_of, waits_of
from analyzer.evidence.sessions import of_session, server_of
from analyzer.families import stalled_pool
from analyzer.model.finding import Confidence, Severity, When
from analyzer.model.message import say
from analyzer.model.text import Do, Text
from parsers.records import SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case

TEXT: Final = Text(
    "blocking-commands",
    headline="Every request thread of {name} waits in {command} for a push to {server}, and clients have given up: {server} itself is well.",
    explanation="{stuck_in_words} wait in {command} on {connections} to {remote}. {server} has answered everything: these clients wait by their own wish.{clients} Who should push, these lines do not show; requests that wait for news (long polls) stand so, too.",
    why="The server's list shows that it waits for nobody. That a push is missing is inferred from the clients that gave up.",
    do=(
        Do(When.NOW, "Find out who should push, and whether it runs; or end one of these clients (CLIENT KILL ID {id})."),
        Do(When.FIX, "Give {command} a timeout that is shorter than the clients' patience, and serve other requests by other threads."),
    ),
    figures=(("{blocked:,} of {workers:,}", "request threads waiting for a push"),),
    chain=(("{server}", "waits for whoever pushes", ""),),
)


def found(case: Case) -> Iterator[Finding]:
    """One finding per pool that suffers so."""
    for serving in case.server_pools:
        target, far = serving.main_target, case.far_side(serving.view)
        if target is None or not serving.saturated or not serving.pressure.exists or not far.waits_by_design(target.remote):
            continue
        listed = [one.session for one in far.joined if one.connection in target.connections and one.session.state is SessionState.WAITING]
        first = listed[0]
        command = (first.statement or "?").upper()
        text = TEXT.filled(
            serving.view.process,
            **stalled_pool.words(serving, target),
            command=command,
            server=server_of(first),
            clients=clients_in_words(serving.view, serving.port),
            id=first.id,
        )
        waiting = of_session(first, say("session {id} is in {command}", id=first.id, command=command))
        yield stalled_pool.finding(
            serving,
            text,
            Confidence.SUSPECTED,
            (*waits_of(serving), waiting),
            (waiting,),
            serving.port,
            severity=Severity.CRITICAL,
            culprit=culprit_of(serving, remote=target.remote),
        )
