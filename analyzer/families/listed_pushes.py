"""Sessions that wait for pushes by their own wish, told by a list and a log alone: they keep the connections of a pool that others share."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from analyzer.evidence.log_events import of_this_moment
from analyzer.evidence.sessions import of_session, server_of
from analyzer.model.finding import Confidence, Culprit, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Do, Text
from parsers.records import LogKind, SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.records import Session

FEWEST: Final = 2
"""Sessions of one client that wait so: a single consumer keeps one connection."""
LISTED: Final = Text(
    "blocking-commands",
    headline="All {sessions} of {client} in {server} wait for a push in {command}, and the pool had none left to give: consumers are suspected to keep its connections.",
    explanation="{server} is well: these clients wait in {command} by their own wish, and keep a connection each for as long. If they take it from the pool that all others use, the pool is empty as soon as there are as many consumers as connections, though nothing was forgotten and nothing is slow. That both are of one pool the lines do not show.",
    why="The list shows what the sessions do, and the log that a pool was empty; that it is their pool is inferred.",
    do=(
        Do(When.NOW, "Count the threads that wait for pushes, and compare with the size of the pool."),
        Do(
            When.FIX,
            "Give blocking commands connections of their own, apart from the pool of the others, or make that pool larger than the number of consumers.",
        ),
    ),
    figures=(("{n}", "connections in {command}"),),
    chain=(("consumers", "waits for a push to", "{command}"), ("the others", "waits for a connection kept by the first", "")),
)


def listed(case: Case) -> Iterator[Finding]:
    """A list whose sessions of one client all wait for pushes, and a line that its pool had none to give: without a port that joins the two a suspicion."""
    last = next((one for one in reversed(case.incident.snapshots) if one.sessions), None)
    empty = next((one for one in of_this_moment(case.incident) if one.event.kind is LogKind.POOL_EMPTY), None)
    if last is None or empty is None or case.incident.has_sockets:
        return
    clients: dict[str, list[Session]] = defaultdict(list)
    for session in last.sessions:
        if session.client is not None and session.server == "redis":
            clients[session.client.host].append(session)
    for sessions in clients.values():
        if len(sessions) >= FEWEST and all(one.state is SessionState.WAITING for one in sessions):
            first = sessions[0]
            text = LISTED.filled(
                None,
                sessions=plural(len(sessions), "listed session"),
                client=first.client.host if first.client is not None else "?",
                server=server_of(first),
                command=(first.statement or "?").upper(),
                n=len(sessions),
            )
            waits = of_session(first, say("{n} sessions of this client wait so", n=len(sessions)))
            yield text.finding(
                severity=Severity.WARNING,
                confidence=Confidence.SUSPECTED,
                evidence=(waits, empty.evidence),
                chain=text.steps((waits,), (empty.evidence,)),
                culprit=Culprit(library=empty.event.source),
            )
