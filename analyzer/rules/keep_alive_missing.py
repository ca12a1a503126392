"""Many connections to one service are closed by this side within a minute: they are not reused.

Looks for: hundreds of connections from this host to one remote address and port in TIME_WAIT, and few that are open. TIME_WAIT stays for about a
minute with the side that closed first: here the caller. In packets: kept connections that the server closes after some seconds of rest, just as a
request is sent, which it then answers by a reset.

Why it matters: each call pays for a new connection (and a new TLS handshake), and takes a local port for a minute. A burst uses up all local ports;
then connect fails (ephemeral-port-exhaustion). A request that meets the close of a kept connection is lost: now and then a 502 that no program's log explains.

Do next: use one client with a connection pool for all calls, and let it keep as many connections as calls run at once. Read each answer to
its end, or its connection cannot be kept. Let the server keep resting connections for longer than its caller does.

Wrong when: something else on the host makes the connections: health checks of a load balancer, a load generator, a proxy without keep-alive
to its servers. TIME_WAIT has no owner. Where the service closes first (HTTP/1.0, Connection: close), the service has the TIME_WAITs, not this host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets
from analyzer.families.local_ports import DEFAULT_RANGE, called_services, chosen_at_random, ports_of, used_up
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case
    from parsers.records import Endpoint

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.LOAD, say("Each port is free again a minute after its close; new calls take others as long as they come.")
)
CLEAN: Final = say("no service is called over hundreds of connections that this side closes at once")
MANY: Final = 500
"""TIME_WAITs to one service, eight new connections a second: health checks and scheduled jobs make fewer."""
KEPT: Final = 0.1
"""Open connections for each in TIME_WAIT from which on many are kept, and those that were closed may be surplus of a pool."""
TIME_WAIT: Final = 60
"""Seconds that Linux keeps TIME_WAIT."""
DANGER: Final = 0.25
"""Share of the default range of local ports: a burst four times as large uses it up."""
TEXT: Final = Text(
    "keep-alive-missing",
    headline="Connections to {remote} are not reused: {closed:,} were closed by this side within about a minute.",
    explanation="{connections} to {remote} are in TIME_WAIT, which stays with the side that closed first, and {kept} open. About {rate:,.0f} connections a second are made to this service and closed here after a short use. Each costs a handshake and keeps its local port for a minute: {share:.0%} of the default range are taken.{danger}",
    why="The state says which side closed, the table not which process: a health check, a load generator or a proxy on this host shows the same.",
    do=(
        Do(When.NOW, "Find the caller: TIME_WAIT has no owner, so look at new connections to {remote}.", "ss -tnp dst {remote}"),
        Do(When.FIX, "Use one client with a connection pool for all calls to {remote}, and read each answer to its end."),
        Do(
            When.PREVENT,
            "Let the pool keep as many connections as calls run at once (http.maxConnections, connections per route, keepalive of an upstream): what is above that is closed after each use.",
        ),
    ),
    figures=(("{closed:,}", "TIME_WAIT to {remote}"), ("{open:,}", "open connections to {remote}")),
    ask=(
        Ask(
            "counter of new connections, twice",
            "how many connections a second are made",
            "nstat -az TcpActiveOpens > opens-1.txt; sleep 10; nstat -az TcpActiveOpens > opens-2.txt",
        ),
    ),
    chain=(("a caller on this host", "makes a connection for each call to", "{remote}"),),
    phrases={
        "danger": Either("dangerous", " A burst a few times as large leaves no local port, and calls fail."),
        "shown": "{connections} from this host to {remote} in TIME_WAIT",
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per service to which connections are opened and closed all the time, or whose close meets requests."""
    for host, remote, group in called_services(case, MANY):
        closed = [row for row in group if row.state is TcpState.TIME_WAIT]
        kept = [row for row in group if row.state is TcpState.ESTABLISHED]
        if len(closed) >= MANY and len(kept) <= KEPT * len(closed) and not used_up(ports_of(group), at_random=chosen_at_random(case)):
            yield _finding(host, remote, closed, len(kept))
    if case.incident.captures or any(snapshot.far_counts for snapshot in case.incident.snapshots):
        from analyzer.families import crossed_closes  # noqa: PLC0415 - packets alone show it

        yield from crossed_closes.findings(case)


def _finding(host: str | None, remote: Endpoint, closed: Sequence[Connection], kept: int) -> Finding:
    dangerous = len(closed) >= DANGER * DEFAULT_RANGE
    text = TEXT.filled(
        Process(host),
        remote=remote,
        closed=len(closed),
        connections=plural(len(closed), "connection"),
        open=kept,
        kept=plural(kept, "is", "are"),
        rate=len(closed) / TIME_WAIT,
        share=len(closed) / DEFAULT_RANGE,
        dangerous=dangerous,
    )
    return text.finding(
        severity=Severity.WARNING if dangerous else Severity.INFO,
        confidence=Confidence.LIKELY,
        evidence=(of_sockets(closed, text["shown"], (str(remote), "TIME_WAIT")),),
        culprit=Culprit(remote=str(remote)),
    )
