"""What is remembered of a connection, and how one more segment changes it.

Compiled or interpreted, as ``frames.py`` says. Packet numbers count from 1, so 0 means "not seen"; times are nanoseconds since 1970.

What is a retransmission follows Wireshark's ``packet-tcp.c``: a segment that brings nothing new is out of order if it fills a hole younger
than the handshake's round trip (3 ms where that is unknown), a keep-alive if it lies one octet back, else a retransmission.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsers.capture.payload import Payload

if TYPE_CHECKING:
    from parsers.capture.frames import Frames
    from parsers.capture.octets import Octets

FIN, SYN, RST, ACK = 1, 2, 4, 16
WORD, HALF = 0xFFFFFFFF, 0x80000000
"""Sequence numbers count modulo 2³²; a distance below the half is forward."""
REORDERED = 3_000_000
"""Nanoseconds within which a hole is filled by a segment that was overtaken, where no round trip is known (Wireshark's value)."""
COPIED = 1_000_000
"""Nanoseconds between the two copies that a capture on ``any`` holds of a loopback packet: tens of microseconds, more on a busy machine.
A repetition by TCP itself has another IP identification, and comes after a retransmission time-out of at least 200 ms."""
NOT_FINAL, LAST_INTERIM, SWITCHED = 100, 199, 101
"""Status codes 1xx announce the answer (RFC 9110, 15.2), except 101, which is one."""


class Side:
    """What one end of a flow sent, as far as the capture shows.

    ``*_packet`` and ``*_time``: of the first such segment (``last_*`` and ``data_*``: the latest one; ``data_*`` only those that brought new data).
    ``accepts``: its SYN acknowledged the other's, so this is the server. ``acked_*``: when the other end acknowledged this end's FIN. ``again_*``: the first retransmission. ``octets``: payload without repetitions.
    """

    __slots__ = (
        *("segments", "octets", "retransmitted", "reordered", "zero_windows", "keepalives", "gaps", "syns", "accepts", "window"),
        *("first_packet", "first_time", "last_packet", "last_time", "data_packet", "data_time", "syn_packet", "syn_time", "isn"),
        *("fin_packet", "fin_time", "fin_end", "acked_packet", "acked_time", "rst_packet", "rst_time", "again_packet", "again_time"),
        *("shut_packet", "shut_time", "alert_packet", "alert_time", "alert"),
        *(
            "known",
            "next",
            "hole",
            "hole_end",
            "hole_time",
            "is_hole",
            "last_seq",
            "last_ack",
            "last_length",
            "last_flags",
            "stamp",
            "options",
        ),
    )

    def __init__(self) -> None:
        """Nothing sent."""
        self.segments = self.octets = self.retransmitted = self.reordered = self.zero_windows = self.keepalives = self.gaps = self.syns = 0
        self.first_packet = self.first_time = self.last_packet = self.last_time = self.data_packet = self.data_time = 0
        self.syn_packet = self.syn_time = self.isn = self.fin_packet = self.fin_time = self.fin_end = self.acked_packet = (
            self.acked_time
        ) = 0
        self.rst_packet = self.rst_time = self.again_packet = self.again_time = self.shut_packet = self.shut_time = 0
        self.alert_packet = self.alert_time = self.accepts = self.known = self.next = self.hole = self.hole_end = self.hole_time = (
            self.is_hole
        ) = 0
        self.last_seq = self.last_ack = self.last_length = self.last_flags = self.stamp = self.options = 0
        self.alert = self.window = -1


class Flow:
    """A connection between two endpoints; ``lower`` is the one whose address and port come first in order.

    ``turn``: which side sent the latest new data (1 lower, 2 upper), ``turn_*`` where that began. ``asker``: which side sent the request.
    """

    __slots__ = (
        *("lower_high", "lower_low", "upper_high", "upper_low", "ports", "lower", "upper", "first"),
        *("established_packet", "established_time", "copies", "requests", "answers", "status", "asker", "turn", "turn_packet", "turn_time"),
        *("request_packet", "request_time", "response_packet", "response_time", "is_tls", "greeter", "line", "host", "name"),
    )

    def __init__(self) -> None:
        """A flow without a segment."""
        self.lower_high = self.lower_low = self.upper_high = self.upper_low = self.ports = self.first = 0
        self.lower = Side()
        self.upper = Side()
        self.established_packet = self.established_time = self.copies = self.requests = self.answers = self.status = self.asker = 0
        self.turn = self.turn_packet = self.turn_time = self.request_packet = self.request_time = 0
        self.response_packet = self.response_time = self.is_tls = self.greeter = 0
        self.line: bytes | None = None
        self.host: bytes | None = None
        self.name: bytes | None = None


class Tracker:
    """Takes one segment after the other into its flow. Counts ``copies``: packets that the capture holds twice."""

    __slots__ = ("copies", "payload")

    def __init__(self) -> None:
        """Nothing counted."""
        self.copies = 0
        self.payload = Payload()

    def take(self, flow: Flow, is_upper: int, frame: Frames, data: Octets, number: int, time: int) -> int:
        """Take in the segment that ``frame`` describes, sent by the upper or the lower side of ``flow``: packet ``number`` of the capture."""
        side = flow.upper if is_upper else flow.lower
        peer = flow.lower if is_upper else flow.upper
        if self.is_copy(side, frame, time):
            flow.copies += 1
            self.copies += 1
            return 0
        who = 2 if is_upper else 1
        if flow.first == 0:
            flow.first = who
        self.account(side, frame, number, time)
        self.control(flow, side, peer, frame, number, time)
        if self.sequence(flow, side, peer, frame, number, time) and frame.length > 0:
            self.talk(flow, side, who, frame, data, number, time)
        return 0

    def is_fresh(self, flow: Flow, frame: Frames, is_upper: int) -> int:
        """True if this SYN opens another connection between the endpoints of ``flow``: its initial sequence number is another one."""
        side = flow.upper if is_upper else flow.lower
        peer = flow.lower if is_upper else flow.upper
        if side.syn_packet:
            return side.isn != frame.seq
        # The SYN-ACK may stand in front of its SYN in a capture from several interfaces.
        return side.segments > 0 or peer.segments > 1 or peer.syn_packet == 0 or peer.last_ack != (frame.seq + 1) & WORD

    def is_copy(self, side: Side, frame: Frames, time: int) -> int:
        """True for the second copy of the previous segment, which captures on ``any`` hold of every loopback packet."""
        if side.segments and side.last_seq == frame.seq and side.last_ack == frame.ack and side.stamp == frame.stamp:
            if side.last_length == frame.length and side.options == frame.options and side.last_flags == frame.flags:
                return side.window == frame.window and time - side.last_time < COPIED and side.last_time - time < COPIED
        return 0

    def account(self, side: Side, frame: Frames, number: int, time: int) -> int:
        """Count a segment."""
        if side.segments == 0:
            side.first_packet = number
            side.first_time = time
        side.segments += 1
        side.last_packet = number
        side.last_time = time
        side.last_seq = frame.seq
        side.last_ack = frame.ack
        side.last_length = frame.length
        side.last_flags = frame.flags
        side.stamp = frame.stamp
        side.options = frame.options
        side.window = frame.window
        if frame.window == 0 and frame.flags & (SYN | FIN | RST) == 0:
            side.zero_windows += 1
            if side.shut_packet == 0:
                side.shut_packet = number
                side.shut_time = time
        return 0

    def control(self, flow: Flow, side: Side, peer: Side, frame: Frames, number: int, time: int) -> int:
        """SYN, FIN and RST, and the acknowledgments of SYN-ACK and FIN."""
        flags = frame.flags
        if flags & SYN:
            side.syns += 1
            if side.syn_packet == 0:
                side.syn_packet = number
                side.syn_time = time
                side.isn = frame.seq
                side.accepts = 1 if flags & ACK else 0
        if flags & FIN and side.fin_packet == 0:
            side.fin_packet = number
            side.fin_time = time
            side.fin_end = (frame.seq + frame.length + 1) & WORD
        if flags & RST and side.rst_packet == 0:
            side.rst_packet = number
            side.rst_time = time
        if flags & ACK:
            if peer.fin_packet and peer.acked_packet == 0 and (frame.ack - peer.fin_end) & WORD < HALF:
                peer.acked_packet = number
                peer.acked_time = time
            if (
                flow.established_packet == 0
                and peer.syn_packet
                and side.syn_packet
                and flags & (SYN | RST) == 0
                and side.syn_packet < peer.syn_packet
            ):
                flow.established_packet = number
                flow.established_time = time
        return 0

    def sequence(self, flow: Flow, side: Side, peer: Side, frame: Frames, number: int, time: int) -> int:
        """True if the segment brings something new. Everything else is a repetition, overtaken, or a keep-alive."""
        span = frame.length + (1 if frame.flags & SYN else 0) + (1 if frame.flags & FIN else 0)
        if span == 0 or frame.flags & RST:
            if side.known == 0 and frame.flags & RST == 0:
                side.known = 1
                side.next = frame.seq
            elif side.known and frame.seq == (side.next - 1) & WORD and frame.flags & RST == 0:
                side.keepalives += 1
            return 0
        stop = (frame.seq + span) & WORD
        ahead = (stop - side.next) & WORD
        if side.known == 0 or 0 < ahead < HALF:
            jump = (frame.seq - side.next) & WORD
            if side.known and 0 < jump < HALF:
                side.gaps += 1
                if side.is_hole == 0:
                    side.is_hole = 1
                    side.hole = side.next
                side.hole_end = frame.seq
                side.hole_time = time
            elif side.known and jump >= HALF:
                self.repeat(side, number, time)
            side.known = 1
            side.next = stop
            side.octets += frame.length
            return 1
        if frame.length <= 1 and span == frame.length and frame.seq == (side.next - 1) & WORD:
            side.keepalives += 1
            return 0
        trip = REORDERED
        if flow.established_packet and side.syn_packet and peer.syn_packet and flow.established_time > side.syn_time:
            trip = flow.established_time - min(side.syn_time, peer.syn_time)
        # Within the hole: the segment begins and ends there.
        if side.is_hole and (frame.seq - side.hole) & WORD < HALF and (side.hole_end - stop) & WORD < HALF:
            side.octets += frame.length
            if frame.seq == side.hole:
                side.hole = stop
            elif stop == side.hole_end:
                side.hole_end = frame.seq
            if side.hole == side.hole_end:
                side.is_hole = 0
            if time - side.hole_time < trip:
                side.reordered += 1
                return 0
        self.repeat(side, number, time)
        return 0

    def repeat(self, side: Side, number: int, time: int) -> int:
        """Count a retransmission."""
        side.retransmitted += 1
        if side.again_packet == 0:
            side.again_packet = number
            side.again_time = time
        return 0

    def talk(self, flow: Flow, side: Side, who: int, frame: Frames, data: Octets, number: int, time: int) -> int:
        """New data: whose turn it is, and what it says if that can be read."""
        side.data_packet = number
        side.data_time = time
        if flow.turn != who:
            flow.turn = who
            flow.turn_packet = number
            flow.turn_time = time
        kind = 0
        if frame.seen > 0:
            kind = self.payload.look(data, frame.payload, frame.payload + frame.seen)
        if kind == 3:
            self.secret(flow, side, who, number, time)
        if kind == 1 and flow.is_tls == 0:
            flow.requests += 1
            flow.asker = who
            flow.request_packet = number
            flow.request_time = time
            flow.line = self.payload.line
            flow.host = self.payload.host
            flow.status = flow.response_packet = flow.response_time = 0
        elif flow.asker and flow.asker != who and flow.response_packet == 0:
            if kind == 2:
                flow.status = self.payload.status
                if NOT_FINAL <= flow.status <= LAST_INTERIM and flow.status != SWITCHED:
                    return 0
            flow.answers += 1
            flow.response_packet = number
            flow.response_time = time
        return 0

    def secret(self, flow: Flow, side: Side, who: int, number: int, time: int) -> int:
        """TLS records: who greets is the client; an alert is kept with its place."""
        flow.is_tls = 1
        if self.payload.is_hello:
            flow.greeter = who
            if flow.name is None:
                flow.name = self.payload.name
        if self.payload.alert >= 0 and side.alert_packet == 0:
            side.alert = self.payload.alert
            side.alert_packet = number
            side.alert_time = time
        return 0
