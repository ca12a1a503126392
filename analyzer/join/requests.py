"""What became of the requests of a port: read, unread, in service, given up. Own calls of the process are no clients."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.join.connections import left_unread
from analyzer.join.turns import long_unanswered
from parsers.records import TcpState

if TYPE_CHECKING:
    from analyzer.join.connections import Connection
    from analyzer.join.process import ProcessView

TROUBLED: Final = 3
"""Clients that wait or gave up from which on a port is worth asking who serves it."""
OWN_CALLS: Final = 2
"""Unread calls of the process to itself that are no moment."""
TOLERANCE: Final = 0.2
"""Tables and dumps are not taken at one instant: counts of threads and requests may differ by this share."""


class Requests(NamedTuple):
    """What a port's clients wait for: ``read`` by somebody who has not answered, ``quiet`` (open, nothing to read: in service, or idle).

    In a table without queues every open connection counts as quiet: it shows no requests that nobody has read.

    ``drained``: read to the end and not closed. ``unknown``: given up, and the table has no queue that would say whether the request was read.
    ``unanswered``: those of the quiet ones that have had no answer for more than a moment, by the kernel's counters.
    """

    read: int
    quiet: int
    unread: int
    own: int
    drained: int = 0
    unknown: int = 0
    unanswered: int = 0

    @property
    def troubled(self) -> bool:
        """True if so many wait that somebody must be stuck, or nobody is there."""
        return self.read + self.unread + self.drained + self.unknown >= TROUBLED or self.own >= OWN_CALLS


@lru_cache(maxsize=64)  # every port asks
def _own_calls(view: ProcessView) -> Counter[int | None]:
    """Unread calls of the process to itself, by port."""
    return Counter(pair.near.remote.port for pair in view.pairs if pair.pending and pair.near.remote is not None)


def requests_of(view: ProcessView, port: int) -> Requests:
    """Counts of a port's connections by what became of their requests; own calls apart."""
    clients = view.clients_of(port)
    pending = _own_calls(view)[port]
    listener = view.listeners.get(port)
    queued = (listener.recv_q or 0) if listener is not None else 0
    unread = sum(1 for row in clients if _is_unread(row))
    return Requests(
        read=sum(
            1
            for connection in clients
            if connection.state is TcpState.CLOSE_WAIT and left_unread(connection) == 1 and not connection.unaccepted
        ),
        quiet=sum(1 for row in clients if row.state is TcpState.ESTABLISHED and not left_unread(row) and not row.unaccepted),
        unread=max(unread, queued),
        own=pending,
        drained=sum(1 for row in clients if row.state is TcpState.CLOSE_WAIT and row.recv_q == 0 and not row.unaccepted),
        unknown=sum(1 for row in clients if row.state is TcpState.CLOSE_WAIT and row.recv_q is None and not row.unaccepted),
        unanswered=len(long_unanswered(clients)),
    )


def _is_unread(row: Connection) -> bool:
    if row.state is TcpState.CLOSE_WAIT:
        return row.unaccepted or (left_unread(row) or 0) > 1
    return row.state is TcpState.ESTABLISHED and (row.unaccepted or bool(left_unread(row)))
