"""What is remembered of a connection, and how one more segment changes it.

Compiled or interpreted, as ``frames.py`` says. Packet numbers count from 1, so 0 means "not seen"; times are nanoseconds since 1970.

What is a retransmission follows Wireshark's ``packet-tcp.c``: a segment that brings nothing new is out of order if it fills a hole younger
than the handshake's round trip (3 ms where that is unknown), a keep-alive if it lies one octet back, else a retransmission.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsers.capture.kernel.payload import Payload
from parsers.capture.kernel.rows import at, end_of

if TYPE_CHECKING:
    from parsers.capture.kernel.frames import Frames
    from parsers.capture.kernel.octets import Octets
    from parsers.capture.kernel.rows import FlowRow, Rows, Side

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


class Tracker:
    """Takes one segment after the other into its flow.

    ``copies`` counts packets that the capture holds twice. ``lines``, ``hosts``, ``names``: the last request line of
    a flow, its host, and the server name of a ClientHello, at the place that the flow's ``text`` names; ``None`` where it showed none.
    """

    __slots__ = ("copies", "hosts", "lines", "names", "payload")

    def __init__(self) -> None:
        """Nothing counted."""
        self.copies = 0
        self.payload = Payload()
        # Lists of octets, which the cyclic collector does not look at, as it would at tuples.
        self.lines: list[bytes | None] = [None]
        self.hosts: list[bytes | None] = [None]
        self.names: list[bytes | None] = [None]

    def take(self, flow: FlowRow, is_upper: int, frame: Frames, data: Octets, number: int, time: int) -> int:
        """Take in the segment that ``frame`` describes, sent by the upper or the lower side of ``flow``: packet ``number`` of the capture."""
        side = end_of(flow, is_upper)
        peer = end_of(flow, 1 - is_upper)
        if self.is_copy(side, frame, time):
            flow.copies += 1
            self.copies += 1
            return 0
        who = 1 + is_upper
        if flow.first == 0:
            flow.first = who
        self.account(side, frame, number, time)
        self.control(flow, side, peer, frame, number, time)
        if self.sequence(flow, side, peer, frame, number, time) and frame.length > 0:
            self.talk(flow, side, who, frame, data, number, time)
        return 0

    def is_fresh(self, flow: FlowRow, frame: Frames, is_upper: int) -> int:
        """True if this SYN opens another connection between the endpoints of ``flow``: its initial sequence number is another one."""
        side = end_of(flow, is_upper)
        peer = end_of(flow, 1 - is_upper)
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

    def control(self, flow: FlowRow, side: Side, peer: Side, frame: Frames, number: int, time: int) -> int:
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

    def sequence(self, flow: FlowRow, side: Side, peer: Side, frame: Frames, number: int, time: int) -> int:
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

    def talk(self, flow: FlowRow, side: Side, who: int, frame: Frames, data: Octets, number: int, time: int) -> int:
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
            self.place(flow)
            self.lines[flow.text] = self.payload.line
            self.hosts[flow.text] = self.payload.host
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

    def secret(self, flow: FlowRow, side: Side, who: int, number: int, time: int) -> int:
        """TLS records: who greets is the client; an alert is kept with its place."""
        flow.is_tls = 1
        if self.payload.is_hello:
            flow.greeter = who
            if self.payload.name is not None and self.names[flow.text] is None:
                self.place(flow)
                self.names[flow.text] = self.payload.name
        if self.payload.alert >= 0 and side.alert_packet == 0:
            side.alert = 1 + self.payload.alert
            side.alert_packet = number
            side.alert_time = time
        return 0

    def place(self, flow: FlowRow) -> int:
        """Make a place for what a flow says in clear."""
        if flow.text == 0:
            self.lines.append(None)
            self.hosts.append(None)
            self.names.append(None)
            flow.text = len(self.lines) - 1
        return 0

    def shorten(self, rows: Rows) -> int:
        """Keep the texts of these flows only."""
        lines = self.lines[:1]
        hosts = self.hosts[:1]
        names = self.names[:1]
        for index in range(rows.count):
            flow = at(rows, index)
            if flow.text:
                lines.append(self.lines[flow.text])
                hosts.append(self.hosts[flow.text])
                names.append(self.names[flow.text])
                flow.text = len(lines) - 1
        self.lines = lines
        self.hosts = hosts
        self.names = names
        return 0
