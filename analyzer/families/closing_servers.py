"""A server of Node.js that has closed its listener and ends no sooner than its clients close: the handles that keep the process are their connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.text import Do, Text
from parsers.process.node_handles import ALL, CONNECTIONS, COUNTED, LISTENERS
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Counter

_MOST: Final = 3
"""Clients that are named."""
TEXT: Final = Text(
    "idle-connections-pin-threads",
    headline="The server of port {port} has closed its listener and waits for {connections} of {clients} to end: server.close() is done only when the last one is closed.",
    explanation="Nothing listens on port {port} any more, and {handles} that keep the process are as many as the connections that came in over it. server.close() takes no new connections, and waits for those that are open. Load balancers and proxies keep theirs open for their next request, as long as the server's keepAliveTimeout lets them; before version 19 Node did not close idle ones. Timers, other clients and the signal are not what it waits for.",
    why="The handles, the rows and the missing listener agree. Whether a request still runs on one of them they do not show.",
    do=(
        Do(
            When.FIX,
            "Close idle connections when the process is told to end: server.closeIdleConnections() behind server.close() (Node 18.2 and later), a module such as http-terminator before that. Answer with Connection: close from then on.",
        ),
        Do(When.FIX, "Let what still runs after the time for that end with server.closeAllConnections(), or socket.destroy() for each."),
        Do(When.PREVENT, "Keep the time that a process may take to end longer than its slowest request, not longer than keepAliveTimeout."),
    ),
    figures=(("{number:,}", "open connections of port {port}"),),
    chain=(("open connections of {clients}", "are kept at", "port {port}"), ("server.close()", "waits for", "{connections}")),
    phrases={"rows": "{connections} of port {port}, and no listener", "kept": "{handles} keep the process running"},
)
_ENDS: Final = Outlook(
    RecoversWhen.TIMEOUT, say("It ends when the clients close, or keepAliveTimeout has passed since their last request.")
)


def findings(case: Case) -> Iterator[Finding]:
    """One for a process whose handles are as many as the connections that it has accepted, where a listener is missing."""
    counters = [one for snapshot in case.incident.snapshots for one in snapshot.counters]
    handles = next((one for one in reversed(counters) if one.name == CONNECTIONS), None)
    said = next((one.value for one in counters if one.name == ALL), None)
    listed = sum(one.value for one in counters if one.name.startswith(COUNTED) and one.name != ALL)
    if handles is None or any(one.name == LISTENERS for one in counters) or (said is not None and said > listed):
        return
    for view in case.latest:
        rows = _accepted(view)
        if rows and len(rows) == handles.value and view.pid is not None and not view.coverage.sockets:
            yield _finding(view, rows, handles)


def _accepted(view: ProcessView) -> list[Connection]:
    """The open connections of the only port that clients came in over; none where the process still listens."""
    if view.table.in_state(TcpState.LISTEN):
        return []  # of this process, or of one that listens for it
    open_ = list(view.sockets.of(TcpState.ESTABLISHED))
    ports = {port for row in open_ if (port := row.local.port) is not None and row in {*view.server_side(port)}}
    return [row for row in open_ if row.local.port in ports] if len(ports) == 1 else []


def _finding(view: ProcessView, rows: list[Connection], handles: Counter) -> Finding:
    hosts = list(dict.fromkeys(row.remote.host for row in rows if row.remote is not None))
    port = rows[0].local.port
    text = TEXT.filled(
        view.process,
        port=port,
        number=len(rows),
        connections=plural(len(rows), "open connection"),
        clients=joined(", ", hosts[:_MOST]),
        handles=plural(handles.value, "handle"),
    )
    sockets = of_sockets(rows, text["rows"], ("ESTABLISHED",))
    kept = Evidence(handles.where, text["kept"], ("TCPWRAP", "TCPSocketWrap"), handles.value - 1)
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        evidence=(kept, sockets),
        chain=text.steps((sockets,), (kept,)),
        culprit=Culprit(listener=f"*:{port}"),
        outlook=_ENDS,
    )
