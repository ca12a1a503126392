"""What the rows of a socket table show where they are too few for a cause: states that a quiet table does not have, bytes that nobody takes."""

from __future__ import annotations

from collections import Counter as Numbers
from typing import TYPE_CHECKING, Final

from analyzer.evidence.departures import before, came_and_went
from analyzer.evidence.departures import left as clients_left
from analyzer.evidence.stalled_writes import SEGMENT
from analyzer.join.connections import left_unread
from analyzer.judge.shared_ports import of_shared, shared_ports
from analyzer.model.message import plural, say
from parsers.records import Counted, TcpState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.counts import Count
    from analyzer.model.message import Message
    from analyzer.waits.case import Case, ProcessView

_NAMED: Final = 3
FEW: Final = 10
"""Clients that have closed, below which those of one moment may be gone in the next."""
"""Ports that are told one by one."""
FEW_ENDING: Final = 50
"""Connections in FIN_WAIT2 that come and go on a host with clients that close late."""
BUFFER: Final = 64 * 1024
"""Unread bytes from which on a receive buffer is no moment's: Linux begins with 128 KiB, other kernels with 64."""
_STATES: Final = {TcpState.SYN_SENT: say("SYN_SENT: nobody has answered their SYN")}
_TELLING: Final = (TcpState.CLOSE_WAIT, TcpState.FIN_WAIT2, TcpState.SYN_SENT, TcpState.SYN_RECV, TcpState.LAST_ACK)


def _only_remote(view: ProcessView, state: TcpState) -> str:
    """Where all connections in a state lead to, if that is one place and the process opened them."""
    ends = {row.remote for row in view.sockets.of(state) if row.local.port not in view.listeners}
    return say(" to {remote}", remote=next(iter(ends))) if len(ends) == 1 and None not in ends else ""


def of_rows(case: Case) -> Iterator[str]:
    """Sockets in states that a quiet table does not have: too few for a symptom, but no reason to say that nothing is there."""
    yield from of_clients_that_left(case)
    for view in case.latest:
        yield from _of_states(view, case.counts.of(Counted.SOCKETS))


def of_clients_that_left(case: Case) -> Iterator[str]:
    """Clients of a port that have closed, while the server has not: those of worker processes that share the port are one number."""
    shared = shared_ports(case)
    yield from of_shared(shared)
    for view in case.latest:
        yield from _that_left(view, before(case, view), {one.port for one in shared if view in one.views})


def _left(view: ProcessView) -> Numbers[int]:
    return Numbers(row.local.port for row in view.sockets.of(TcpState.CLOSE_WAIT) if row.local.port in view.listeners)


def _that_left(view: ProcessView, earlier: ProcessView | None, told: Collection[int]) -> Iterator[str]:
    whose = say(" of {command}", command=view.command) if view.command else ""
    for port, count in _left(view).most_common(_NAMED):
        if port in told:
            continue
        if earlier is not None and count < FEW and came_and_went(port, view, earlier):
            yield say(
                "CLOSE_WAIT of port {port} comes and goes, as is normal for a moment after a client has closed: {now} here, and none of the {then} of the table before is left",
                port=port,
                now=count,
                then=plural(len(clients_left(port, earlier)), "such connection"),
            )
            continue
        yield say(
            "{clients} of port {port} disconnected and the server has not closed its side ({connections}{whose} in CLOSE_WAIT)",
            clients=plural(count, "client"),
            port=port,
            connections=plural(count, "connection"),
            whose=whose,
        )


def _of_states(view: ProcessView, counts: Sequence[Count]) -> Iterator[str]:
    left, whose = _left(view), say(" of {command}", command=view.command) if view.command else ""
    by_state = Numbers(
        row.state
        for row in view.sockets
        if row.state in _TELLING
        and (row.state is not TcpState.FIN_WAIT2 or row.owners)
        and not (row.state is TcpState.CLOSE_WAIT and row.local.port in left)
    )
    for state, count in by_state.most_common():
        if state is not None:
            yield say(
                "{connections}{whose}{remote} in {state}",
                connections=plural(count, "connection"),
                whose=whose,
                remote=_only_remote(view, state),
                state=_STATES.get(state, state.value),
            )
    resting = [row for row in view.sockets.of(TcpState.FIN_WAIT2) if not row.owners]
    ending = max((one.number for one in counts if one.last.state is TcpState.FIN_WAIT2), default=0)
    if resting and ending > FEW_ENDING:
        ends = {row.remote.host for row in resting if row.remote is not None}
        yield say(
            "{number:,} connections{of_port}{to} in FIN_WAIT2: this host has sent its end, and the far end has acknowledged that and not closed its own side; the program there keeps them (it has them in CLOSE_WAIT), or its host is gone. They stay for longer than a minute or so only if a process here still holds them and waits for that end: a time limit for reads after the half-close ends it",
            number=ending,
            of_port=_of_port(resting),
            to=say(" to {remote}", remote=next(iter(ends))) if len(ends) == 1 else "",
        )
    elif resting and len(resting) <= FEW_ENDING:
        yield say(
            "{connections} in FIN_WAIT2: this host has closed them first and waits for the far ends to close; the kernel ends them after a minute or so, they hold no descriptor, and so few are nothing to look at as long as they do not grow",
            connections=plural(len(resting), "connection"),
        )
    if stateless := sum(1 for row in view.sockets.of(None) if row.remote is not None):
        yield say(
            "{connections}{whose} in a state that the table does not show, as ss leaves it out where it is asked for one, and sockstat without -s",
            connections=plural(stateless, "connection"),
            whose=whose,
        )
    unsent = [row for row in view.sockets.of(TcpState.ESTABLISHED) if row.send_q]
    if len(unsent) > 1 or any((row.send_q or 0) > SEGMENT or _again(row) for row in unsent):
        yield say(
            "{connections}{whose}{remote} with {bytes:,} bytes that the other side has not taken",
            connections=plural(len(unsent), "connection"),
            whose=whose,
            remote=_to_one(unsent),
            bytes=sum(row.send_q or 0 for row in unsent),
        )
    unread = [connection for connection in view.sockets.of(TcpState.ESTABLISHED) if connection.recv_q and left_unread(connection)]
    if unread:
        yield unread_in_words(view, unread)


def _of_port(rows: Sequence[Connection]) -> str:
    """The near port of all of them, if it is one."""
    ports = {row.local.port for row in rows}
    return say(" of port {port}", port=next(iter(ports))) if len(ports) == 1 else ""


def unread_in_words(view: ProcessView, unread: Sequence[Connection]) -> Message:
    """``2 connections of python3 to 10.0.0.7:5672 with 173,811 bytes that nobody has read``."""
    return say(
        "{connections}{whose}{remote} with {bytes:,} bytes that nobody has read",
        connections=plural(len(unread), "connection"),
        whose=say(" of {command}", command=view.command) if view.command else "",
        remote=_to_one(unread),
        bytes=sum(row.recv_q or 0 for row in unread),
    )


def heaped(view: ProcessView) -> list[Connection]:
    """Connections to services whose answers fill a receive buffer: the process does not read them, or not as fast as they come."""
    return [row for row in view.client_side.of(TcpState.ESTABLISHED) if (row.recv_q or 0) >= BUFFER]


def _again(row: Connection) -> bool:
    return row.timer is not None and bool(row.timer.retransmits)


def _to_one(connections: Sequence[Connection]) -> str:
    """Where all of them lead to, if that is one place."""
    ends = {str(row.remote) for row in connections}
    return say(" to {remote}", remote=next(iter(ends))) if len(ends) == 1 else ""
