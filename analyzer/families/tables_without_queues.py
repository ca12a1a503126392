"""Tables that show no queues (lsof), and no dump: clients that left, and as many calls to one service, the same ones in every table.

One table of this kind tells little: what a server forgot to close stays, too. That each client that was left has a call beside it, and that none of them ended
from table to table, makes the service the suspect.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import DUMP_MISSING, client_evidence, client_figures, command
from analyzer.evidence.citations import of_sockets
from analyzer.join.connections import close_wait
from analyzer.model.finding import Confidence, Culprit, Severity, When
from analyzer.model.message import plural
from analyzer.model.text import Ask, Do, Text
from analyzer.waits.targets import COUNT_TOLERANCE
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint

FEWEST: Final = 5
"""Clients that left, and calls beside them, from which on equal numbers are no chance."""
TEXT: Final = Text(
    "slow-backend",
    headline="{left} of port {port} have left, as many calls to {service} are open, and none of them ended from table to table: the requests may wait for {service}.",
    explanation="The process has not closed {left} that left, and holds {calls} to {service}: all of them were there in the table before. A request that waits for an answer keeps both. A server that forgets both ends of a request looks the same; these tables have no queues, so they do not tell whether an answer lies unread.",
    why="Equal numbers in two tables; a thread dump decides.",
    do=(
        Do(When.NOW, "Take a thread dump before the restart: do the request threads read from {service}?", "jstack -l {pid} > jstack.txt"),
        Do(When.NOW, "Look at {service}: is it up, does it accept, what do its own threads wait for?"),
    ),
    figures=(("{count:,}", "calls to {service}"),),
    ask=(Ask("socket table with queues", "whether an answer lies unread", "ss -tanpoei > ss.txt"),),
    chain=(("the request threads", "may wait for", "{service}"), ("{service}", "does not answer", "")),
    phrases={"open": "{calls} to {service}, there in the table before"},
)


def findings(case: Case) -> Iterator[Finding]:
    """One for each port of a process without a dump whose clients that left are as many as its calls to one service."""
    for view in case.latest:
        before = [one for one in case.history(view) if one.snapshot.index < view.snapshot.index and one.snapshot.has_table]
        if view.dump is not None or view.pid is None or not before:
            continue
        kept = _by_service(view, before[-1])
        for port in sorted(view.listeners):
            clients = view.server_side(port)
            counts = close_wait(clients)
            silent = [row for row in clients.of(TcpState.CLOSE_WAIT) if row.recv_q is None and row.owners]
            if len(silent) < max(FEWEST, counts.total):
                continue
            beside = [
                (service, rows) for service, rows in sorted(kept.items()) if abs(len(rows) - len(silent)) <= COUNT_TOLERANCE * len(silent)
            ]
            if len(beside) == 1 and len(kept) == 1:
                yield _finding(view, port, len(silent), *beside[0])


def _by_service(view: ProcessView, before: ProcessView) -> dict[Endpoint, list[Connection]]:
    """The calls that the table before had already, by service: not those to the process itself."""
    earlier = {(row.local, row.remote) for row in before.client_side}
    found: dict[Endpoint, list[Connection]] = defaultdict(list)
    for row in view.client_side.of(TcpState.ESTABLISHED):
        if row.remote is not None and row.recv_q is None and (row.local, row.remote) in earlier and not view.calls_itself(row):
            found[row.remote].append(row)
    return {service: rows for service, rows in found.items() if len(rows) >= FEWEST}


def _finding(view: ProcessView, port: int, left: int, service: Endpoint, calls: Sequence[Connection]) -> Finding:
    text = TEXT.filled(
        view.process,
        port=port,
        service=service,
        left=plural(left, "client"),
        calls=plural(len(calls), "call"),
        count=len(calls),
    )
    opened = of_sockets(calls, text["open"])
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.SUSPECTED,
        evidence=(opened, *client_evidence(view, port)),
        figures=(*client_figures(view, port), *text.figures),
        missing=(command(DUMP_MISSING, view),),
        chain=text.steps((opened,)),
        culprit=Culprit(listener=f"*:{port}", remote=str(service)),
    )
