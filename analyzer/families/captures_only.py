"""Causes that packets alone can suggest, where nothing else was saved of the server.

Packets show who asked whom, who got no answer and who never closed; what the server's threads wait for they do not show. So every finding
here is a suspicion that names what else would look the same, and asks for the thread dump or the socket table that decides. Connections
over loopback addresses say nothing alone: clients, server and services all have the same address there.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from analyzer.evidence.calls import DUMP_MISSING, SOCKETS_MISSING
from analyzer.evidence.packet_claims import FEWEST, LINGERS, MANY, SHARE, WAITED, claim
from analyzer.model.finding import Action, Confidence, Culprit, Finding, Process, Severity, Step, When
from analyzer.model.message import plural, say

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from analyzer.join.captures import CapturedFlow, Port
    from analyzer.model.finding import Evidence
    from analyzer.waits.case import Case
    from parsers.records import Endpoint

MOST: Final = 0.5
"""Share of the requests to one server that got no answer, from which on it counts as not answering."""
OWN: Final = 2
"""Unanswered calls of a server to itself that raise a suspicion: a single one may have been caught in flight."""


def _alone(case: Case) -> tuple[Port, ...]:
    """The servers that the captures show, where there is nothing but captures."""
    return case.ports if not case.incident.has_threads and not case.incident.has_sockets else ()


def _unanswered(port: Port) -> list[CapturedFlow]:
    """Requests whose client gave up, or waited at least ``WAITED`` when the capture ends.

    Of those that are still open only readable ones count: the last bytes of an idle connection, or of one that only sends, ask for nothing.
    """
    gave_up = {captured.number for captured in port.gave_up}
    readable = {captured.number for captured in port.having("waiting", "requested") if captured.half_closed_for is None}
    return [
        captured
        for captured in port.having("waiting")
        if captured.number in gave_up or (captured.number in readable and (captured.silent_for or 0) >= WAITED)
    ]


def _after(requests: Iterable[CapturedFlow], calls: Iterable[CapturedFlow]) -> list[CapturedFlow]:
    """The calls that began after the first of the requests: a server calls for a request that it has."""
    first = min((captured.asked for captured in requests), default=0)
    return [captured for captured in calls if captured.asked >= first]


def _from(hosts: Collection[str], flows: Iterable[CapturedFlow]) -> list[CapturedFlow]:
    """Those whose client is one of the hosts."""
    return [captured for captured in flows if captured.client.host in hosts]


def _from_outside(port: Port) -> list[CapturedFlow]:
    """Unanswered requests of other machines."""
    return [captured for captured in _unanswered(port) if captured.client.host != port.server.host and not captured.client.is_loopback]


def _not_answering(case: Case) -> Iterator[tuple[Port, list[CapturedFlow]]]:
    """Servers that leave several machines' requests unanswered, with these."""
    for port in _alone(case):
        left = [] if port.server.is_loopback else _from_outside(port)
        if len(left) < max(FEWEST, SHARE * len(port)):
            continue
        # Whoever answers others meanwhile is not held up: these few wait on purpose (long polls), or for something of their own.
        if port.answered_since(min(captured.asked for captured in left)) < MOST * len(left):
            yield port, left


def _addresses(case: Case, server: Endpoint) -> frozenset[str]:
    """The server's address, and the one other address that its machine calls from, if every connection of the captures has one of the two.

    A capture on a machine with two networks shows nothing else; one from a mirrored port shows connections between other machines too.
    """
    elsewhere = {
        captured.client.host
        for port in _alone(case)
        if port.server.host != server.host and not port.server.is_loopback
        for captured in port.having()
        if captured.client.host != server.host
    }
    return frozenset({server.host, *elsewhere}) if len(elsewhere) == 1 else frozenset({server.host})


def _suspicion(server: Endpoint, culprit: Culprit | None = None, **said: Any) -> Finding:
    """A finding about the server at an address: suspected, with both halves of the evidence missing."""
    return Finding(
        confidence=Confidence.SUSPECTED,
        process=Process(host=server.host),
        culprit=culprit or Culprit(listener=str(server)),
        missing=(DUMP_MISSING, SOCKETS_MISSING),
        **said,
    )


def own_calls(case: Case) -> Iterator[Finding]:
    """A server that answers neither its clients nor its own calls."""
    for port, left in _not_answering(case):
        own = _after(
            left,
            (
                captured
                for other in _alone(case)
                if other.server.port == port.server.port and (other.server.host == port.server.host or other.server.is_loopback)
                for captured in _from({port.server.host, other.server.host}, _unanswered(other))
            ),
        )
        if len(own) >= OWN:
            yield _own_call(port.server, left, own)


def _own_call(server: Endpoint, left: list[CapturedFlow], own: list[CapturedFlow]) -> Finding:
    calls = claim(own, say("packets: {calls} of the server to its own port got no answer", calls=plural(len(own), "call")))
    return _suspicion(
        server,
        rule="self-call-starvation",
        severity=Severity.CRITICAL,
        headline=say(
            "The server calls its own port {port}, and nobody answers: self-call starvation, or own calls caught in another stall.",
            port=server.port,
        ),
        explanation=say(
            "{requests} to {server} got no answer, and neither did {calls} that the server made to its own port. If all request threads wait for these calls, the server waits for itself and does not recover. If they wait for something else (a slow service, a lock), the own calls are victims like the clients. Only a thread dump tells.",
            requests=plural(len(left), "request"),
            server=server,
            calls=plural(len(own), "call"),
        ),
        why_confident=say("The packets prove the own calls; that they are the cause needs the threads."),
        evidence=(calls, _of_clients(server, left)),
        culprit=Culprit(listener=str(server), remote=str(server)),
        chain=(
            Step(say("its clients"), say("get no answer from"), say("port {port}", port=server.port), (_of_clients(server, left),)),
            Step(str(server), say("gets no answer from"), plural(len(own), "call"), (calls,)),
            Step(say("its own port"), say("does not answer")),
        ),
        actions=(
            Action(When.NOW, say("Take a thread dump before the restart: it decides."), DUMP_MISSING.command),
            Action(
                When.FIX,
                say("Find the code that calls the own port while it serves a request, and call in process or another process instead."),
            ),
        ),
        figures=((f"{len(left):,}", say("requests without an answer")), (f"{len(own):,}", say("own calls without an answer"))),
    )


def _of_clients(server: Endpoint, left: list[CapturedFlow]) -> Evidence:
    return claim(left, say("packets: {requests} to {server} got no answer", requests=plural(len(left), "request"), server=server))


def slow_services(case: Case) -> Iterator[Finding]:
    """A server that leaves its clients without an answer while a service that it calls does not answer it."""
    for port, left in _not_answering(case):
        called: dict[Endpoint, list[Port]] = defaultdict(list)
        here = _addresses(case, port.server)
        for other in _alone(case):
            if other.server.host not in here:
                called[other.server].append(other)
        for remote, others in sorted(called.items()):
            waiting = _after(left, _from(here, (captured for other in others for captured in _unanswered(other))))
            if len(waiting) >= FEWEST and len(waiting) >= MOST * len(_from(here, (one for other in others for one in other.having()))):
                yield _slow_service(port.server, left, remote, waiting)


def _slow_service(server: Endpoint, left: list[CapturedFlow], remote: Endpoint, waiting: list[CapturedFlow]) -> Finding:
    calls = claim(
        waiting,
        say(
            "packets: {requests} of {server} to {remote} got no answer",
            requests=plural(len(waiting), "request"),
            server=server.host,
            remote=remote,
        ),
    )
    return _suspicion(
        server,
        rule="slow-backend",
        severity=Severity.CRITICAL,
        headline=say(
            "{server} leaves its clients without an answer, and {remote}, which it calls, does not answer it: a slow service behind it, or calls caught in another stall.",
            server=server,
            remote=remote,
        ),
        explanation=say(
            "{requests} to {server} got no answer, and neither did {calls} that its machine made to {remote}. If the request threads wait for these calls, the service is the cause. If they wait for something else, the calls are its victims, or another process of the machine makes them. A thread dump and the socket table tell.",
            requests=plural(len(left), "request"),
            server=server,
            calls=plural(len(waiting), "call"),
            remote=remote,
        ),
        why_confident=say("The packets show both ends waiting at the same time; who waits for whom needs the threads."),
        evidence=(calls, _of_clients(server, left)),
        culprit=Culprit(listener=str(server), remote=str(remote)),
        chain=(
            Step(say("its clients"), say("get no answer from"), say("port {port}", port=server.port), (_of_clients(server, left),)),
            Step(str(server), say("gets no answer from"), plural(len(waiting), "call"), (calls,)),
            Step(str(remote), say("does not answer")),
        ),
        actions=(
            Action(When.NOW, say("Take a thread dump before the restart: it decides."), DUMP_MISSING.command),
            Action(When.NOW, say("Look at {remote}: is it up, does it accept, what do its own threads wait for?", remote=remote)),
        ),
        figures=(
            (f"{len(left):,}", say("requests without an answer")),
            (f"{len(waiting):,}", say("calls to {remote} without an answer", remote=remote)),
        ),
    )


def dropped_attempts(case: Case) -> Iterator[Finding]:
    """A listener that answers some attempts to connect and not others."""
    for port in _alone(case):
        ignored = port.ignored
        if len(ignored) < FEWEST or not port.accepted:
            continue
        said = claim(
            ignored,
            say("packets: {attempts} to {server} got no answer", attempts=plural(len(ignored), "connection attempt"), server=port.server),
        )
        most = max(captured.syns for captured in ignored)
        yield _suspicion(
            port.server,
            rule="backlog-overflow",
            severity=Severity.CRITICAL,
            headline=say(
                "{server} leaves {attempts} without an answer and takes others: a full accept queue, or packets that are lost on the way.",
                server=port.server,
                attempts=plural(len(ignored), "connection attempt"),
            ),
            explanation=say(
                "{attempts} to {server} got nothing back, the SYN sent up to {times}, while {accepted} others were answered. A listener whose accept queue is full drops SYNs like this: too small a queue (backlog-overflow), a connection limit (connection-limit), or an acceptor that is held up (acceptor-stalled). A firewall or a lossy network looks the same from outside.",
                attempts=plural(len(ignored), "connection attempt"),
                server=port.server,
                times=plural(most, "time"),
                accepted=port.accepted,
            ),
            why_confident=say("The packets show the attempts; why they got nothing back is not in them."),
            evidence=(said,),
            actions=(
                Action(
                    When.NOW,
                    say("See whether the accept queue is full (Recv-Q against Send-Q of the listener)."),
                    "ss -tnlpe; nstat -az TcpExtListenOverflows TcpExtListenDrops",
                ),
                Action(When.NOW, say("Take a thread dump: it shows what the acceptor does."), DUMP_MISSING.command),
            ),
            figures=((f"{len(ignored):,}", say("attempts without an answer")), (f"{port.accepted:,}", say("connections answered"))),
        )


def never_closed(case: Case) -> Iterator[Finding]:
    """A server that answers and does not close after its client has."""
    for port in _alone(case):
        kept = [captured for captured in port.never_closed if captured.silent_for is None and (captured.kept_for or 0) >= LINGERS]
        if len(kept) < MANY:
            continue
        longest = max(one.half_closed_for or 0 for one in kept)
        said = claim(
            kept,
            say(
                "packets: {connections} of {server} were answered, closed by the client and never by the server",
                connections=plural(len(kept), "connection"),
                server=port.server,
            ),
        )
        yield _suspicion(
            port.server,
            rule="server-never-closes",
            severity=Severity.WARNING,
            headline=say(
                "{server} does not close {connections} whose clients have left: they sit in CLOSE_WAIT.",
                server=port.server,
                connections=plural(len(kept), "connection"),
            ),
            explanation=say(
                "{connections} to {server} were answered and then closed by the client, and no FIN of the server followed, for up to {longest:.0f} s. A server that forgets to close shows this, and so does one whose threads are held up after the answer, or a program that uses half-closed connections on purpose. The socket table and a thread dump tell.",
                connections=plural(len(kept), "connection"),
                server=port.server,
                longest=longest,
            ),
            why_confident=say("The packets show that the server does not close; why is not in them."),
            evidence=(said,),
            actions=(
                Action(
                    When.NOW,
                    say("Save the socket table and a thread dump before the restart."),
                    f"{SOCKETS_MISSING.command}; {DUMP_MISSING.command}",
                ),
            ),
            figures=((f"{len(kept):,}", say("connections closed by the client alone")),),
        )


def unread_answers(case: Case) -> Iterator[Finding]:
    """Clients that do not read what the server sends."""
    for port in _alone(case):
        full = [captured for captured in port.having("full", without=("reset by client",)) if captured.full_for >= WAITED]
        if len(full) < FEWEST:
            continue
        said = claim(
            full,
            say(
                "packets: {clients} of {server} announce a window of zero at the end",
                clients=plural(len(full), "client"),
                server=port.server,
            ),
        )
        yield _suspicion(
            port.server,
            rule="blocked-write",
            severity=Severity.WARNING,
            headline=say(
                "{clients} of {server} do not read their answers: the server may be held up writing to them.",
                clients=plural(len(full), "client"),
                server=port.server,
            ),
            explanation=say(
                "The windows of {clients} of {server} are at zero when the capture ends: their machines have the bytes, their programs do not take them. A server that writes with one thread for each connection is held up by them; one with buffers or an event loop is not. A thread dump tells.",
                clients=plural(len(full), "client"),
                server=port.server,
            ),
            why_confident=say("The packets show that the clients do not read; whether it hurts the server is not in them."),
            evidence=(said,),
            actions=(Action(When.NOW, say("Take a thread dump: are request threads in writes?"), DUMP_MISSING.command),),
            figures=((f"{len(full):,}", say("clients that do not read")),),
        )
