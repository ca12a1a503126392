"""Each open connection holds a thread: idle clients keep the whole pool in reads of requests that do not come.

Looks for: a pool of request threads without a free one, all of which read from their clients (no call to another service), and as many open
connections with nothing to read as threads (a thread per connection: plain sockets, BIO and AJP connectors). Without a dump the kernel's counters raise the suspicion: nobody
whose request was read waits for an answer, and requests lie unread.

Why it matters: connections that nobody uses shut everybody else out. New clients wait unread and give up.

Do next: limit how long a read may wait for a request, and how many idle connections may stay; use a non-blocking connector (NIO) that needs no
thread for an idle connection.

Wrong when: the threads read from another service (slow-backend: then there are outgoing connections), or clients are just slow to send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import DUMP_MISSING, client_evidence, client_figures, clients_in_words, command, kind_in_words
from analyzer.evidence.citations import all_of, of_sockets, of_threads
from analyzer.join.turns import lies_unread, rests
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say, uncapitalized
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind, PoolRole
from analyzer.waits.server_pools import SATURATED, pressure
from analyzer.waits.targets import COUNT_TOLERANCE, FEW_CLIENTS
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.TIMEOUT, say("Each thread is free when its connection is closed or its keep-alive time is over."))
CLEAN: Final = say("no pool is held by reads of idle connections")
SMALLEST_POOL: Final = 3
"""Fewer threads in a read are a server at rest."""
TEXT: Final = Text(
    "idle-connections-pin-threads",
    headline="{idle_connection} hold {lower} threads of {name}: nobody else is served on port {port}.",
    explanation="{all_of} threads of {name} wait in {kind_in_words}{called_from}, for requests on {connections} that send nothing. The process has no connection to another service that they could read from.{clients_in_words} A thread is free only when its client sends or leaves.",
    why="Threads in a read and idle connections of the own port agree in number, and there is nothing else to read from.",
    do=(
        Do(When.NOW, "Close idle connections (at the load balancer, or ss -K): their threads come free."),
        Do(When.FIX, "Set a timeout for reading a request{in_} (connectionTimeout, keepAliveTimeout, soTimeout)."),
        Do(When.PREVENT, "Use a non-blocking connector (NIO), which needs no thread for an idle connection."),
    ),
    figures=(("{reading_count} of {workers_count}", "threads of {name} in a read"), ("{idle_count:,}", "idle connections")),
    chain=(("{name}", "waits for a request on", "{idle_connection}"), ("the clients of these", "send nothing", "")),
    phrases={
        "sockets": "That these threads read from these connections rests on their number, and on there being no other.",
        "idle": "{connections} of port {port} are open with nothing to read",
        "threads2": "{threads} of {name} read in {kind_in_words}",
        "called_from": Either("frame", ", called from {frame}"),
        "in_": Either("frame", " in {frame}"),
    },
)

AT_REST: Final = Text(
    "idle-connections-pin-threads",
    headline="No request of port {port} is in service, and {unread} wait unread: {at_rest} may hold every thread, or the server has stopped reading.",
    explanation="{at_rest} of port {port} are at rest: what came over them was answered, or nothing came.{clients_in_words} None of those that the server has read waits for an answer, so no request is slow. Where each connection holds a thread, idle ones shut the others out; a server whose reading thread hangs shows the same.",
    why="The kernel counts who spoke last on each connection. What the threads do it does not show.",
    do=(
        Do(When.NOW, "Take a thread dump: it tells whether the threads read from these connections.", "jstack -l {pid} > jstack.txt"),
        Do(When.FIX, "If they do, set a timeout for reading a request (connectionTimeout, keepAliveTimeout, soTimeout)."),
    ),
    figures=(("{idle_count:,}", "connections at rest"),),
    chain=(("new clients", "are not read", "{unread}"), ("the threads, perhaps", "wait for a request on", "{at_rest}")),
    phrases={"idle": "{connections} of port {port} are at rest"},
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pool that idle connections hold: where each connection gets a thread of its own, nobody waits for one."""
    for view in case.latest:
        if view.dump is None:
            yield from _at_rest(view)
        for pool in view.pools:
            reading = [
                member
                for member in pool.busy
                if member.activity.kind == ActivityKind.REQUEST_READ
                or (member.activity.kind == ActivityKind.SOCKET_READ and member.activity.side is None)
            ]
            if (
                not pool.bounded
                or pool.role == PoolRole.JVM
                or len(pool.workers) < SMALLEST_POOL
                or pool.idle
                or len(reading) < SATURATED * len(pool.workers)
            ):
                continue
            for port in sorted(view.listeners) if pool.port is None else [pool.port]:
                idle = _idle(view, port)
                if (
                    _explain(view, idle, reading)
                    and not _outgoing(view, len(reading))
                    and (pressure(view, port).exists or _at_limit(view, port))
                ):
                    yield _finding(view, pool, port, reading, idle)


def _at_rest(view: ProcessView) -> Iterator[Finding]:
    """No thread dump: by the kernel's counters nobody waits for an answer, and requests lie unread all the same."""
    counted = any(row.info is not None and row.info.bytes_received for row in view.sockets)
    for port in sorted(view.listeners) if counted else ():
        rows, felt = _idle(view, port), pressure(view, port)
        idle = [row for row in rows if rests(row)]
        unread = sum(lies_unread(row) for row in view.clients_of(port))
        if len(rows) == len(idle) >= SMALLEST_POOL and unread >= FEW_CLIENTS and not felt.close_wait.fin_only:
            text = AT_REST.filled(
                view.process,
                port=port,
                unread=plural(unread, "request"),
                at_rest=plural(len(idle), "idle connection"),
                connections=plural(len(idle), "connection"),
                clients_in_words=clients_in_words(view, port),
                idle_count=len(idle),
            )
            sockets = of_sockets(idle, text["idle"], ("ESTAB",))
            yield text.finding(
                severity=Severity.CRITICAL,
                confidence=Confidence.SUSPECTED,
                evidence=(sockets, *client_evidence(view, port)),
                figures=(*client_figures(view, port), *text.figures),
                missing=(command(DUMP_MISSING, view),),
                chain=text.steps((), (sockets,)),
                culprit=Culprit(listener=f"*:{port}"),
            )


def _explain(view: ProcessView, idle: list[Connection], reading: list[ThreadActivity]) -> bool:
    """True if as many connections are idle as threads read; or more, where a whole table has none that the process opened and could read from."""
    if abs(len(idle) - len(reading)) <= COUNT_TOLERANCE * len(reading):
        return True
    return len(idle) > len(reading) and not view.client_side and not view.coverage.sockets


def _idle(view: ProcessView, port: int) -> list[Connection]:
    return [row for row in view.server_side(port) if row.state is TcpState.ESTABLISHED and row.recv_q == 0 and not row.unaccepted]


def _at_limit(view: ProcessView, port: int) -> bool:
    """True if the port's acceptor waits for a connection to end: nobody else is let in."""
    return any(
        member.activity.kind == ActivityKind.CONNECTION_LATCH and pool.port in {None, port}
        for pool in view.pools
        for member in pool.members
    )


def _outgoing(view: ProcessView, readers: int) -> bool:
    """True if enough connections to services are open that the threads could be reading from them instead."""
    return sum(1 for row in view.client_side if row.state is TcpState.ESTABLISHED) > COUNT_TOLERANCE * readers


def _finding(view: ProcessView, pool: Pool, port: int, reading: list[ThreadActivity], idle: list[Connection]) -> Finding:
    frame = application_frame(*reading[0])
    text = TEXT.filled(
        view.process,
        idle_connection=plural(min(len(idle), len(reading)), "idle connection"),
        lower=uncapitalized(all_of(len(reading), len(pool.workers))),
        name=pool.name,
        port=port,
        all_of=all_of(len(reading), len(pool.workers)),
        kind_in_words=kind_in_words(reading),
        frame=frame,
        connections=plural(len(idle), "connection"),
        clients_in_words=clients_in_words(view, port),
        reading_count=len(reading),
        workers_count=len(pool.workers),
        idle_count=len(idle),
        threads=plural(len(reading), "thread"),
    )
    threads = of_threads(reading, text["threads2"])
    sockets = of_sockets(idle, text["idle"], ("ESTABLISHED",), text["sockets"])
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if len(idle) <= (1 + COUNT_TOLERANCE) * len(reading) else Confidence.LIKELY,
        evidence=(threads, sockets, *client_evidence(view, port)),
        figures=(*client_figures(view, port), *text.figures),
        chain=text.steps((threads,), (sockets,)),
        culprit=Culprit(pool=pool.name, frame=str(frame) if frame else None, listener=f"*:{port}"),
    )
