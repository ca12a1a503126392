"""Servers that fork, seen by their sockets alone: each worker serves one request at a time, so what it is connected to is what its request needs."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from analyzer.evidence import log_events
from analyzer.evidence.calls import STACKS_MISSING, client_evidence, client_figures, clients_in_words, command, runtime_of
from analyzer.evidence.citations import of_silence, of_sockets
from analyzer.evidence.turns import span
from analyzer.join.turns import long_awaited
from analyzer.model.finding import Confidence, Culprit, Finding, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Do, Either, Text
from analyzer.waits.targets import FEW_CLIENTS
from parsers.records import LogKind, Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.join.socket_table import SocketTable
    from analyzer.model.finding import Process
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint, Pid

MOST: Final = 0.8
"""Share of the busy workers that must be connected to the service."""
_ACCEPTED: Final = (TcpState.ESTABLISHED, TcpState.CLOSE_WAIT)
TEXT: Final = Text(
    "slow-backend",
    headline=Either(
        "sure",
        "The service at {service} does not answer, and every worker process behind port {port} waits for it.",
        "Every worker process behind port {port} is in a request and connected to {service}, and nobody is accepted: a slow service, as it seems.",
    ),
    explanation="{count} worker processes ({name}) have one client each, and {connections} to {service} with nothing left to read; {queued} in the accept queue of port {port}.{clients}{lasting}{told} Such a worker serves one request at a time: none is free, and each goes on when {service} answers.{doubt}",
    why=Either(
        "counters",
        "The kernel's counters show calls that nobody answered. No stack shows that the requests wait for them.",
        "Equal numbers: one client, one call, in each process. No stack shows that the requests wait for these calls.",
    ),
    do=(
        Do(When.NOW, "Look at {service}: is it up, does it accept, what does it wait for?"),
        Do(When.FIX, "Set connect and read timeouts on the client that calls {service}, below the time limit of a request."),
        Do(When.PREVENT, "More workers only move the threshold: bound how many of them may wait for one service."),
    ),
    figures=(("{count:,}", "worker processes that wait"), ("{queue_count:,}", "connections waiting to be accepted")),
    phrases={
        "queue": "{queued} in the accept queue of port {port}",
        "lasting": Either("counters", " These calls have had no answer for {time}."),
        "doubt": Either(
            "sure", "", " A connection that a worker keeps open between requests, beside a lock or a computation, would look the same."
        ),
        "told": Either("events", " Its own log says so, too."),
    },
)


class Workers(msgspec.Struct, frozen=True):
    """Worker processes behind a port that are each in one request, connected to one service; ``queue``: how many connections wait for one of them."""

    views: tuple[ProcessView, ...]
    number: int
    port: int
    service: Endpoint
    calls: tuple[Connection, ...]
    listener: Connection | None
    queue: int

    @property
    def process(self) -> Process:
        """The first of them."""
        return self.views[0].process


_Key: TypeAlias = tuple[str | None, int, str | None]
"""Host, port and command."""


class _Group:
    """The processes of one command behind one port: their views, and how many connections each has accepted."""

    def __init__(self) -> None:
        self.views: list[ProcessView] = []
        self.clients: Counter[Pid] = Counter()


def waiting_workers(case: Case) -> Iterator[Workers]:
    """One per port whose workers all are in a request, and connected to one service, while connections wait to be accepted."""
    groups, calls = _sorted_out(case)
    for (host, port, _), group in sorted(groups.items(), key=lambda item: str(item[0])):
        clients = group.clients
        if len(clients) < FEW_CLIENTS or set(clients.values()) != {1}:
            continue
        services = Counter(remote for pid in clients for remote in {row.remote for row in calls[host, pid] if row.remote is not None})
        common = [service for service, number in services.items() if number >= MOST * len(clients)]
        listener, queue = _queue(group.views[0].table, port) if len(common) == 1 else (None, 0)
        if queue >= FEW_CLIENTS and common[0].port != port:
            chosen = tuple(row for pid in sorted(clients) for row in calls[host, pid] if row.remote == common[0])
            yield Workers(tuple(group.views), len(clients), port, common[0], chosen, listener, queue)


def _sorted_out(case: Case) -> tuple[dict[_Key, _Group], dict[tuple[str | None, Pid], list[Connection]]]:
    """The processes behind each port, and the open calls of each process: one pass over all connections."""
    groups: dict[_Key, _Group] = defaultdict(_Group)
    calls: dict[tuple[str | None, Pid], list[Connection]] = defaultdict(list)
    served: dict[SocketTable, frozenset[int]] = {}
    told = {serving.view for serving in case.server_pools if serving.saturated}
    for view in case.latest:
        if view.pid is None or view in told:
            continue
        host = view.snapshot.host
        ports = served.get(view.table) or served.setdefault(view.table, _served_ports(view.table))
        for row in view.sockets.of(*_ACCEPTED) if ports else ():
            port, pid = row.local.port, row.pid
            # netstat names one owner of a listener: of a worker it may show none.
            if pid is None or port is None:
                continue
            if port not in ports and row.state is TcpState.ESTABLISHED and row.recv_q == 0:
                calls[host, pid].append(row)
            elif port in ports:
                group = groups[host, port, view.command]
                group.clients[pid] += 1
                if not group.views or group.views[-1] is not view:
                    group.views.append(view)
    return groups, calls


def _served_ports(table: SocketTable) -> frozenset[int]:
    return frozenset(row.local.port for row in table.in_state(TcpState.LISTEN) if row.local.port is not None)


def _queue(table: SocketTable, port: int) -> tuple[Connection | None, int]:
    """The listener of the port, and how many connections wait in its queue, whichever process the table gives it to."""
    listeners = [row for row in table.in_state(TcpState.LISTEN) if row.local.port == port]
    listener = max(listeners, key=lambda row: row.recv_q or 0, default=None)
    rows = sum(row.unaccepted and row.local.port == port for state in _ACCEPTED for row in table.in_state(state))
    return listener, max(rows, (listener.recv_q or 0) if listener is not None else 0)


def finding(case: Case, workers: Workers) -> Finding:
    """The finding of workers that wait for one service, as far as sockets show it."""
    view, count = workers.views[0], workers.number
    mute = long_awaited(workers.calls).get(workers.service, [])
    counters = len(mute) >= MOST * count
    told = [
        one
        for one in log_events.of_this_moment(case.incident)
        if one.event.kind in {LogKind.WORKERS, LogKind.THREADS, LogKind.SLOW_REQUEST} and runtime_of(view) is Runtime.PHP
    ]
    slow = {
        event.figure("process")
        for artifact in case.incident.artifacts
        for event in artifact.events
        if event.kind is LogKind.SLOW_REQUEST and told
    }
    sure = counters or sum(row.pid in slow for row in workers.calls) >= MOST * count
    text = TEXT.filled(
        view.process,
        service=workers.service,
        port=workers.port,
        sure=sure,
        count=count,
        name=view.command or say("the server"),
        connections=plural(len(workers.calls), "connection"),
        queued=plural(workers.queue, "connection waits", "connections wait"),
        queue_count=workers.queue,
        clients=clients_in_words(view, workers.port),
        counters=counters,
        time=span(mute),
        events=told,
    )
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if sure else Confidence.SUSPECTED,
        evidence=(
            of_silence(workers.calls, workers.service),
            *((of_sockets([workers.listener], text["queue"], ("LISTEN",)),) if workers.listener is not None else ()),
            *(one.evidence for one in told),
            *client_evidence(view, workers.port),
        ),
        figures=(*client_figures(view, workers.port), *text.figures),
        missing=(command(STACKS_MISSING, view),),
        culprit=Culprit(listener=f"*:{workers.port}", remote=str(workers.service)),
    )
