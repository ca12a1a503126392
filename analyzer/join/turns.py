"""Whose move it is on a connection, by the counters of ``ss -i``: this needs no thread dump and holds for every runtime.

``lastsnd`` and ``lastrcv`` are milliseconds since data was last sent and received (``tcp_info`` in linux/tcp.h: ``tcpi_last_data_sent``,
``tcpi_last_data_recv``); before the first byte they count from the handshake, so the amounts tell whether there was any. Protocols that never answer
(syslog), subscriptions and long polls look like a call without an answer.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.join.connections import in_state
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.join.connections import Connection
    from parsers.records import Endpoint

BRIEF: Final = 2.0
"""Seconds: what waits less may be answered any moment."""


SOON_MS: Final = 2_000
"""A server calls for a request within this time, or does something else first."""
_JITTER_MS: Final = 10
"""The table is made while time goes on: what came first may be printed as the younger."""


class Move(msgspec.Struct, frozen=True):
    """Data in one direction: whether there was any, and milliseconds since the last of it."""

    was: bool
    age_ms: int | None


def awaited(connection: Connection) -> float | None:
    """Seconds since this end sent what the other end has not answered; None if it is not known or not so."""
    sent, received = _moves(connection)
    return _since(sent, received)


def unanswered(connection: Connection) -> float | None:
    """Seconds since this end received what it has sent nothing after; None if it is not known or not so."""
    sent, received = _moves(connection)
    return _since(received, sent)


def answered(connection: Connection) -> bool | None:
    """True if this end sent something after what it received last, False if it did not; None if it is not known, or nothing was received."""
    info = connection.info
    if info is None or not (info.bytes_received or info.data_segments_in) or info.last_received_ms is None:
        return None
    if not (info.bytes_sent or info.data_segments_out):
        return False
    return None if info.last_sent_ms is None else info.last_sent_ms <= info.last_received_ms


def is_served(connection: Connection) -> bool:
    """True if this end has sent something within the last moment: what lies unread there waits for its turn, not for a server that stands."""
    info = connection.info
    sent = info is not None and (info.bytes_sent or info.data_segments_out) and info.last_sent_ms is not None
    return bool(sent) and info is not None and (info.last_sent_ms or 0) < BRIEF * 1000


def rests(connection: Connection) -> bool:
    """True if this end owes nothing and has been asked nothing for more than a moment: what came was answered and taken, or nothing came."""
    info = connection.info
    if info is None or connection.send_q or (info.last_received_ms or 0) < BRIEF * 1000:
        return False
    return answered(connection) is True or not (info.bytes_received or info.data_segments_in)  # ss leaves out what is nought


def lies_unread(connection: Connection) -> bool:
    """True for what a client sent more than a moment ago and nobody has read; a FIN alone counts as one."""
    info = connection.info
    return not connection.unaccepted and (connection.recv_q or 0) > 1 and info is not None and (info.last_received_ms or 0) >= BRIEF * 1000


def _moves(connection: Connection) -> tuple[Move, Move]:
    """What an open connection with nothing left to read has sent, and what it has received."""
    info = connection.info
    if info is None or connection.state is not TcpState.ESTABLISHED or connection.recv_q:
        return Move(was=False, age_ms=None), Move(was=False, age_ms=None)
    return (
        Move(bool(info.bytes_sent or info.data_segments_out), info.last_sent_ms),
        Move(bool(info.bytes_received or info.data_segments_in), info.last_received_ms),
    )


def _since(ours: Move, theirs: Move) -> float | None:
    """Seconds since the first of two moves, if there was one and the second did not follow it."""
    if not ours.was or ours.age_ms is None or (theirs.was and (theirs.age_ms is None or theirs.age_ms <= ours.age_ms)):
        return None
    return ours.age_ms / 1000


def long_awaited(connections: Iterable[Connection]) -> dict[Endpoint, list[Connection]]:
    """Calls that have had no answer for more than a moment, by service."""
    found: dict[Endpoint, list[Connection]] = defaultdict(list)
    for row in in_state(connections, TcpState.ESTABLISHED):
        if row.info is not None and row.remote is not None and (awaited(row) or 0) >= BRIEF:
            found[row.remote].append(row)
    return dict(found)


def follow(calls: Iterable[Connection], requests: Sequence[Connection]) -> int:
    """How many of the requests were followed by one of the calls within a moment; each call counts for one request."""
    sent = sorted((one.info.last_sent_ms for one in calls if one.info is not None and one.info.last_sent_ms is not None), reverse=True)
    read = sorted(
        (one.info.last_received_ms for one in requests if one.info is not None and one.info.last_received_ms is not None), reverse=True
    )
    followed = at = 0
    for came in read:  # the oldest first
        while at < len(sent) and sent[at] > came + _JITTER_MS:
            at += 1
        if at < len(sent) and sent[at] >= came - SOON_MS:
            followed, at = followed + 1, at + 1
    return followed


def long_unanswered(connections: Iterable[Connection]) -> list[Connection]:
    """Connections of clients that have had no answer for more than a moment."""
    # Without counters nothing is known, and only open connections are answered.
    return [row for row in in_state(connections, TcpState.ESTABLISHED) if row.info is not None and (unanswered(row) or 0) >= BRIEF]
