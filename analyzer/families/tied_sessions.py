"""Findings about a service that does not answer, where the service is a database whose own list says why: ports tie its sessions to the calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.model.finding import Severity
from analyzer.model.message import plural, say, say_of
from parsers.records import SessionState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.records import Endpoint, Session

OPEN: Final = frozenset({"slow-backend", "database-read-hang"})
"""Rules that say a service does not answer, and not why."""


def victim_of(case: Case, found: Sequence[Finding], waiters: Iterable[Session]) -> Finding | None:
    """The finding about calls to a service that are these sessions' connections; None if no port ties them."""
    clients = {session.client for session in waiters if session.client is not None and session.client.port is not None}
    for finding in found:
        open_ = finding.rule in OPEN and finding.severity is not Severity.INFO
        if open_ and finding.culprit.remote is not None and clients & set(_callers_of(case, finding.culprit.remote)):
            return finding
    return None


def of_others(case: Case, sessions: Sequence[Session]) -> bool:
    """True where ports say that the sessions that wait for locks are no calls of the processes that are here: then it is others' trouble.

    Where no port of the list is in any table, a dump says as much: its process would be listed. Tables alone do not, if they are of the server's own host.
    """
    near = {row.local for table in {view.table for view in case.latest} for row in table.connections if row.remote is not None}
    ported = [session for session in sessions if session.client is not None and session.client.port is not None]
    ours = [session for session in ported if session.client in near]
    if ours:
        return all(session.state is not SessionState.LOCKED for session in ours)
    return bool(ported) and case.incident.has_sockets and any(view.dump is not None for view in case.latest)


def tied(case: Case, finding: Finding, victim: Finding, waiters: Sequence[Session]) -> Finding:
    """What a list tells, as the cause of the finding about calls to that server."""
    remote = victim.culprit.remote or ""
    ends = set(_callers_of(case, remote))
    number = len({session.client for session in waiters if session.client is not None} & ends)
    return replace(
        finding,
        process=victim.process,
        severity=victim.severity,
        doubts=(),
        explanation=say(
            "{list}{ours}",
            list=finding.explanation,
            ours=say_of(
                number,
                " By its port {connections} to {remote} is among them: that is why it does not answer there.",
                " By their ports {connections} to {remote} are among them: that is why it does not answer there.",
                connections=plural(number, "connection"),
                remote=remote,
            ),
        ),
    )


def _callers_of(case: Case, remote: str) -> Iterator[Endpoint]:
    """The near ends of the connections to a service, in the tables of all hosts."""
    for table in {view.table for view in case.latest}:
        yield from (row.local for row in table.connections if row.remote is not None and str(row.remote) == remote)
