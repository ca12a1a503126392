"""Whom a thread in a write waits for, where the socket table leaves one connection: the only one of the process on which more bytes wait than a packet has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import process_in_words
from analyzer.evidence.citations import of_sockets
from analyzer.model.message import say
from analyzer.software.kinds import ActivityKind
from parsers.records import TcpState, TimerKind

if TYPE_CHECKING:
    from analyzer.join.connections import Connection
    from analyzer.model.finding import Evidence
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import ProcessView

SEGMENT: Final = 1460
"""Bytes that a packet on its way has."""
_OPEN: Final = (TcpState.ESTABLISHED, TcpState.CLOSE_WAIT)


def unread_by(view: ProcessView, writer: ThreadActivity | None) -> Connection | None:
    """The connection that a thread in a write can only be waiting for; None if there are several, or rows are missing from the table."""
    if writer is None or writer.activity.kind is not ActivityKind.SOCKET_WRITE or view.coverage.sockets:
        return None
    full = [row for row in view.sockets.of(*_OPEN) if (row.send_q or 0) > SEGMENT and row.remote is not None]
    return full[0] if len(full) == 1 else None


def unread_in_words(view: ProcessView, row: Connection) -> str:
    """A sentence with a blank before it: how many bytes wait for whom, and whether its window is closed."""
    far = view.peers.far(view, row)
    return say(
        " {bytes:,} bytes wait for {remote}{whose}: no other connection of the process has so many{closed}, so it is whom the write waits for.",
        bytes=row.send_q or 0,
        remote=row.remote,
        whose=say(", {process}", process=process_in_words(far.view, view)) if far is not None and far.view is not None else "",
        closed=say(", and this one's window is closed") if row.timer is not None and row.timer.kind is TimerKind.PROBE else "",
    )


def of_unread(row: Connection) -> Evidence:
    """The row of that connection."""
    return of_sockets(
        [row], say("{bytes:,} bytes that {remote} does not take", bytes=row.send_q or 0, remote=row.remote), (str(row.send_q),)
    )
