"""Where flows are kept: one object each. The compiled kernel has ``rows.pyx`` in the place of this module, which keeps them side by side.

With ``octets.py`` it is all of the kernel that exists twice: three objects a flow, each reached through the one before, took a quarter longer than
a table of C structures. What decides anything is written once, and reads and writes the same names through ``at``, ``end_of`` and ``slots``.
"""

from __future__ import annotations

from array import array


class Side:
    """What one end of a flow sent, as far as the capture shows.

    ``*_packet`` and ``*_time``: of the first such segment (``last_*`` and ``data_*``: the latest one; ``data_*`` only those that brought new data).
    ``accepts``: its SYN acknowledged the other's, so this is the server. ``acked_*``: when the other end acknowledged this end's FIN. ``again_*``: the first retransmission. ``octets``: payload without repetitions.
    ``alert``: 0 for none, else 1 + the description of a TLS alert.
    """

    __slots__ = (
        *("segments", "octets", "retransmitted", "reordered", "zero_windows", "keepalives", "gaps", "syns", "accepts", "window"),
        *("first_packet", "first_time", "last_packet", "last_time", "data_packet", "data_time", "syn_packet", "syn_time", "isn"),
        *("fin_packet", "fin_time", "fin_end", "acked_packet", "acked_time", "rst_packet", "rst_time", "again_packet", "again_time"),
        *("shut_packet", "shut_time", "alert_packet", "alert_time", "alert", "known", "next", "hole", "hole_end", "hole_time", "is_hole"),
        *("last_seq", "last_ack", "last_length", "last_flags", "stamp", "options"),
    )

    def __init__(self) -> None:
        """Nothing sent."""
        self.segments = self.octets = self.retransmitted = self.reordered = self.zero_windows = self.keepalives = self.gaps = self.syns = 0
        self.first_packet = self.first_time = self.last_packet = self.last_time = self.data_packet = self.data_time = 0
        self.syn_packet = self.syn_time = self.isn = self.fin_packet = self.fin_time = self.fin_end = 0
        self.acked_packet = self.acked_time = self.rst_packet = self.rst_time = self.again_packet = self.again_time = 0
        self.shut_packet = self.shut_time = self.alert_packet = self.alert_time = self.alert = self.accepts = self.window = 0
        self.known = self.next = self.hole = self.hole_end = self.hole_time = self.is_hole = 0
        self.last_seq = self.last_ack = self.last_length = self.last_flags = self.stamp = self.options = 0


class FlowRow:
    """A connection between two endpoints; ``sides[0]``, the lower one, is the one whose address and port come first in order.

    ``turn``: which side sent the latest new data (1 lower, 2 upper), ``turn_*`` where that began. ``asker``: which side sent the request.
    ``text``: the place of its request line, host and server name in the table's ``texts``, 0 for none.
    """

    __slots__ = (
        *("lower_high", "lower_low", "upper_high", "upper_low", "ports", "sides", "first", "text"),
        *("established_packet", "established_time", "copies", "requests", "answers", "status", "asker", "turn", "turn_packet", "turn_time"),
        *("request_packet", "request_time", "response_packet", "response_time", "is_tls", "greeter"),
    )

    def __init__(self) -> None:
        """A flow without a segment."""
        self.lower_high = self.lower_low = self.upper_high = self.upper_low = self.ports = self.first = self.text = 0
        self.sides = Side(), Side()
        self.established_packet = self.established_time = self.copies = self.requests = self.answers = self.status = self.asker = 0
        self.turn = self.turn_packet = self.turn_time = self.request_packet = self.request_time = 0
        self.response_packet = self.response_time = self.is_tls = self.greeter = 0


class Rows:
    """All flows of a table, by their number, and the slots in which the table finds those numbers."""

    __slots__ = ("count", "flows", "slots")

    def __init__(self) -> None:
        """Nothing kept."""
        self.count = 0
        self.flows: list[FlowRow] = []
        self.slots = array("Q")

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> FlowRow:
        return self.flows[index]

    def add(self) -> int:
        """Append a flow without a segment."""
        self.flows.append(FlowRow())
        self.count += 1
        return 0

    def keep(self, source: int, target: int) -> int:
        """Let the flow with the number ``source`` have the number ``target`` too, whose flow is dropped."""
        self.flows[target] = self.flows[source]
        return 0

    def cut(self, count: int) -> int:
        """Drop all but the first flows."""
        del self.flows[count:]
        self.count = count
        return 0

    def clear(self, size: int) -> int:
        """Make ``size`` empty slots."""
        self.slots = array("Q", bytes(8 * size))
        return 0


def at(rows: Rows, index: int) -> FlowRow:
    """A flow by its number. Adding one may move the others."""
    return rows.flows[index]


def end_of(flow: FlowRow, is_upper: int) -> Side:
    """One side of a flow."""
    return flow.sides[is_upper]
