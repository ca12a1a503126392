"""What all flows show at a glance, side by side, when the walk is over: rules pass most flows by, and need an object of the others alone.

Compiled or interpreted, as ``frames.py`` says. ``parsers/capture/facts.py`` says what each word means; a test holds both equal.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from parsers.capture.kernel.bits import (
    ANSWERED,
    BY_CLIENT,
    BY_SERVER,
    ENDED,
    ENDED_BOTH,
    FULL,
    IGNORED,
    LEFT,
    REQUESTED,
    RESENT,
    RESET,
    RESET_BY_CLIENT,
    SURE,
    TAKEN,
    UPPER,
    WAITING,
)
from parsers.capture.kernel.rows import at, end_of

if TYPE_CHECKING:
    from parsers.capture.kernel.flows import Tracker
    from parsers.capture.kernel.rows import FlowRow, Rows, Side


class Signs:
    """One entry for each flow in each column.

    ``bits``: see ``bits.py``. ``server``: the place of its server in ``servers``, each two halves of an address and a port. ``first``: its
    first packet. ``asked``: when the last request was sent, or the data without an answer; 0 for none. In nanoseconds, -1 where it is not so:
    ``silent``, from a request without an answer to the client's end, or else to the end of the capture; ``kept``, from the only FIN
    to the end of the capture; ``apart``, between two FINs.
    """

    __slots__ = ("apart", "asked", "bits", "first", "kept", "server", "servers", "silent")

    def __init__(self, size: int) -> None:
        """Room for so many flows."""
        self.bits = array("I", bytes(4 * size))
        self.server = array("I", bytes(4 * size))
        self.first = array("q", bytes(8 * size))
        self.asked = array("q", bytes(8 * size))
        self.silent = array("q", b"\xff" * 8 * size)
        self.kept = array("q", b"\xff" * 8 * size)
        self.apart = array("q", b"\xff" * 8 * size)
        self.servers: dict[tuple[int, int, int], int] = {}

    def fill(self, rows: Rows, said: Tracker, latest: int) -> int:
        """Look at each flow once. ``said``: what their ends said in clear. ``latest``: when the capture ends."""
        for index in range(rows.count):
            self.look(at(rows, index), index, said, latest)
        return 0

    def look(self, flow: FlowRow, index: int, said: Tracker, latest: int) -> int:
        """Enter one flow."""
        found = client_of(flow)
        is_upper = 1 if found & UPPER else 0
        client = end_of(flow, is_upper)
        server = end_of(flow, 1 - is_upper)
        found |= taken_of(client, server) | ended_of(client, server)
        if client.syns > 1:
            found |= RESENT
        if client.shut_packet > 0 and client.window == 0:
            found |= FULL
        asked = packet = 0
        if flow.asker == 1 + is_upper and flow.request_packet and said.lines[flow.text] is not None:
            found |= REQUESTED
            asked = flow.request_time
            packet = flow.request_packet
            if flow.response_packet:
                found |= ANSWERED
                packet = 0
        elif flow.turn == 1 + is_upper and flow.turn_packet:
            asked = flow.turn_time
            packet = flow.turn_packet
        if packet:
            found |= WAITING
            silent = latest - asked
            left_packet = client.fin_packet or client.rst_packet
            left_time = client.fin_time if client.fin_packet else client.rst_time
            if left_packet and left_time >= asked:
                silent = left_time - asked
                if left_packet > packet:
                    found |= LEFT
            self.silent[index] = silent
        if found & ENDED_BOTH:
            apart = client.fin_time - server.fin_time
            self.apart[index] = apart if apart >= 0 else -apart
        elif found & (ENDED | RESET) == ENDED:
            self.kept[index] = latest - (client.fin_time if client.fin_packet else server.fin_time)
        self.bits[index] = found
        self.first[index] = first_packet(client, server)
        if asked:
            self.asked[index] = asked
        lower, upper = flow.ports >> 16, flow.ports & 0xFFFF
        key = (flow.lower_high, flow.lower_low, lower) if is_upper else (flow.upper_high, flow.upper_low, upper)
        self.server[index] = self.servers.setdefault(key, len(self.servers))
        return 0


def client_of(flow: FlowRow) -> int:
    """Which end is the client, and whether that was seen: by SYN, request, or ClientHello. Else the higher port is guessed."""
    lower = end_of(flow, 0)
    upper = end_of(flow, 1)
    if lower.syn_packet or upper.syn_packet:
        if lower.accepts != upper.accepts:
            return UPPER | SURE if lower.accepts else SURE
        if lower.syn_packet == 0 or upper.syn_packet == 0:
            return SURE if lower.syn_packet else UPPER | SURE
        return SURE if lower.syn_packet < upper.syn_packet else UPPER | SURE
    if flow.asker or flow.greeter:
        return UPPER | SURE if (flow.asker or flow.greeter) == 2 else SURE
    if flow.ports >> 16 != flow.ports & 0xFFFF:
        return 0 if flow.ports >> 16 > flow.ports & 0xFFFF else UPPER
    return UPPER if flow.first == 2 else 0


def taken_of(client: Side, server: Side) -> int:
    """Whether a connection was made: a SYN that nothing answered, or a reset alone, made none."""
    if client.syn_packet == 0:
        return TAKEN
    if server.segments == 0 and client.segments == client.syns:
        return IGNORED
    return 0 if server.syn_packet == 0 and server.rst_packet else TAKEN


def ended_of(client: Side, server: Side) -> int:
    """Who ended it, and how."""
    found = 0
    if client.rst_packet or server.rst_packet:
        found = RESET_BY_CLIENT | RESET if client.rst_packet else RESET
    if client.fin_packet or server.fin_packet:
        found |= ENDED
        if client.fin_packet and server.fin_packet:
            found |= ENDED_BOTH
        return found | (BY_SERVER if is_before(server.fin_packet, client.fin_packet) else BY_CLIENT)
    if found:
        return found | (BY_SERVER if is_before(server.rst_packet, client.rst_packet) else BY_CLIENT)
    return 0


def is_before(packet: int, other: int) -> bool:
    """True if there is such a packet, and the other came later or never."""
    return packet > 0 and (other == 0 or packet < other)


def first_packet(client: Side, server: Side) -> int:
    """The number of the flow's first packet."""
    if client.first_packet == 0 or server.first_packet == 0:
        return client.first_packet + server.first_packet
    return min(server.first_packet, client.first_packet)
