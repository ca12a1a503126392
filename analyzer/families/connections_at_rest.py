"""A server whose connections are all at rest by the kernel's counters while requests lie unread, where no thread dump tells why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import DUMP_MISSING, client_evidence, client_figures, clients_in_words, command
from analyzer.evidence.citations import of_sockets
from analyzer.evidence.idle_connections import SMALLEST_POOL, idle_connections
from analyzer.join.turns import lies_unread, rests
from analyzer.model.finding import Confidence, Culprit, Finding, Severity, When
from analyzer.model.message import plural
from analyzer.model.text import Do, Text
from analyzer.waits.server_pools import pressure
from analyzer.waits.targets import FEW_CLIENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case, ProcessView

TEXT: Final = Text(
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


def suspicions(case: Case) -> Iterator[Finding]:
    """One per port of a process without a dump: nobody waits for an answer, and requests lie unread all the same."""
    for view in case.latest:
        if view.dump is None and any(row.info is not None and row.info.bytes_received for row in view.sockets):
            for port in sorted(view.listeners):
                yield from _at_rest(view, port)


def _at_rest(view: ProcessView, port: int) -> Iterator[Finding]:
    rows = idle_connections(view, port)
    unread = sum(lies_unread(row) for row in view.clients_of(port))
    if len(rows) < SMALLEST_POOL or not all(map(rests, rows)) or unread < FEW_CLIENTS or pressure(view, port).close_wait.fin_only:
        return
    text = TEXT.filled(
        view.process,
        port=port,
        unread=plural(unread, "request"),
        at_rest=plural(len(rows), "idle connection"),
        connections=plural(len(rows), "connection"),
        clients_in_words=clients_in_words(view, port),
        idle_count=len(rows),
    )
    sockets = of_sockets(rows, text["idle"], ("ESTAB",))
    yield text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.SUSPECTED,
        evidence=(sockets, *client_evidence(view, port)),
        figures=(*client_figures(view, port), *text.figures),
        missing=(command(DUMP_MISSING, view),),
        chain=text.steps((), (sockets,)),
        culprit=Culprit(listener=f"*:{port}"),
    )
