"""Connections that a server keeps after its clients have left, where tables are all there is: every request was read, they grow, and none ever goes.

A pool whose threads are stuck reads no more than it has threads: what comes later lies unread. Where nothing does, the code forgets to close, or
a loop or a thread for each connection has read them all: the threads decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.calls import DUMP_MISSING, client_figures, command
from analyzer.evidence.citations import of_sockets
from analyzer.evidence.half_closed import FEWEST, kept_of
from analyzer.join.connections import left_unread
from analyzer.model.finding import Confidence, Culprit, Severity, When
from analyzer.model.message import joined, plural
from analyzer.model.text import Do, Text
from analyzer.waits.server_pools import pressure
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView

TEXT: Final = Text(
    "server-never-closes",
    headline="The server keeps {connections} on port {port} whose clients have left: all their requests were read, and none of them ever goes.",
    explanation="{connections} of port {port} are in CLOSE_WAIT ({list} from table to table), and no request lies unread. A pool that is stuck reads no more than it has threads; here every request was read. So the code does not close when the client has left, or whoever reads (a loop, a thread for each connection) waits for threads that are all stuck.",
    why="The tables show that they only grow; what the threads do is not in the evidence.",
    do=(
        Do(
            When.NOW,
            "Take a thread dump: if threads are free, the code forgets to close; if they all stand, what they wait for is the cause.",
            "jstack -l {pid} > jstack.txt",
        ),
        Do(
            When.FIX,
            "Close the connection in every path once the answer is written or the client's end was read (try-with-resources, finally).",
        ),
    ),
    chain=(("its clients", "leave", "port {port}"), ("the server", "does not close", "{connections}")),
    phrases={"kept": "{connections} on port {port} that their clients left and nobody closed"},
)


class _Kept(msgspec.Struct, frozen=True):
    view: ProcessView
    port: int
    sockets: Sequence[Connection]
    counts: tuple[int, ...]


def findings(case: Case) -> Iterator[Finding]:
    """One per port of a process without a dump."""
    for kept in _kept(case):
        view, port = kept.view, kept.port
        text = TEXT.filled(
            view.process,
            connections=plural(len(kept.sockets), "connection"),
            port=port,
            list=joined(" → ", (f"{count:,}" for count in kept.counts)),
        )
        evidence = of_sockets(kept.sockets, text["kept"], ("CLOSE_WAIT", "CLOSE-WAIT"))
        yield text.finding(
            severity=Severity.WARNING,
            confidence=Confidence.SUSPECTED,
            evidence=(evidence,),
            figures=tuple(client_figures(view, port)),
            chain=text.steps((evidence,)),
            missing=(command(DUMP_MISSING, view),),
            culprit=Culprit(listener=f"*:{port}"),
        )


def _kept(case: Case) -> Iterator[_Kept]:
    for view in case.latest:
        history = [other for other in case.history(view) if other.sockets]
        if view.dump is not None or view.pid is None or len(history) < 2:  # noqa: PLR2004 - growth needs two
            continue
        for port in sorted(view.listeners):
            groups = [other.server_side(port).of(TcpState.CLOSE_WAIT) for other in history]
            counts = tuple(map(len, groups))
            if counts[-1] - counts[0] < FEWEST or kept_of(groups[0], groups[-1]) < counts[0]:
                continue
            if any(row.unaccepted or left_unread(row) not in {0, 1} for row in groups[-1]) or pressure(view, port).unread:
                continue
            if not _has_calls(view, len(groups[-1])):
                yield _Kept(view, port, groups[-1], counts)


def _has_calls(view: ProcessView, kept: int) -> bool:
    """True if calls are open that many of the requests may wait for."""
    return 2 * len(view.client_side.of(TcpState.ESTABLISHED, TcpState.SYN_SENT)) > kept
