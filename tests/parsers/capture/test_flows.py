"""What becomes of segments: one situation a test, each with both kernels."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from parsers.capture import reader
from parsers.capture.facts import SECOND
from tests.parsers.capture import kernels
from tests.parsers.capture.wire import ACK, FIN, PSH, RST, SYN, ether, ip4, ip6, pcap, tcp

if TYPE_CHECKING:
    from parsers.capture.facts import Flow

C, S = 5000, 9000
"""Initial sequence numbers of client and server."""


class Talk:
    """Writes a conversation: ``c`` and ``s`` are segments of the client and of the server, numbers relative to the SYN's."""

    def __init__(self, client: int = C, server: int = S) -> None:
        self.bases = {"c": client, "s": server}
        self.frames: list[bytes] = []
        self.ident = 0

    def __call__(self, who: str, flags: int = ACK, seq: int = 1, ack: int = 1, payload: bytes = b"", **how: Any) -> Talk:
        other = "s" if who == "c" else "c"
        self.ident += 1
        source, target = (40000, 80) if who == "c" else (80, 40000)
        here, there = ("192.0.2.1", "192.0.2.2") if who == "c" else ("192.0.2.2", "192.0.2.1")
        number, acked = (self.bases[who] + seq) & 0xFFFFFFFF, (self.bases[other] + ack) & 0xFFFFFFFF
        body = tcp(payload, flags=flags, seq=number, ack=acked, source=source, target=target, **how)
        self.frames.append(ether(ip4(body, ident=self.ident, source=here, target=there)))
        return self

    def open(self) -> Talk:
        return self("c", SYN, 0, 0)("s", SYN | ACK, 0, 1)("c", ACK, 1, 1)

    def again(self) -> Talk:
        """The last frame once more, to the last octet: the second copy of a capture on ``any``."""
        self.frames.append(self.frames[-1])
        return self

    def flows(self, step: int = 1_000_000, most: int = 1000) -> tuple[Flow, ...]:
        data = pcap(*self.frames, step=step, nano=True)
        told = [kernels.told(kernels.walked(data, kernel, most)) for kernel in kernels.WALKERS]
        assert all(other == told[0] for other in told)
        return tuple(reader.read("x.pcap", data, most).capture.flows)

    def flow(self, step: int = 1_000_000) -> Flow:
        (flow,) = self.flows(step)
        return flow


GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n\r\n"


def test_a_whole_connection() -> None:
    size, back = len(GET), len(OK)
    talk = Talk().open()("c", PSH | ACK, 1, 1, GET)("s", ACK, 1, 1 + size)("s", PSH | ACK, 1, 1 + size, OK)
    talk("c", FIN | ACK, 1 + size, 1 + back)("s", FIN | ACK, 1 + back, 2 + size)("c", ACK, 2 + size, 2 + back)
    flow = talk.flow()
    assert (str(flow.where), flow.where.unit) == ("x.pcap:1-9", "packet")
    assert (str(flow.client), str(flow.server), flow.sure, flow.opened_before) == ("192.0.2.1:40000", "192.0.2.2:80", True, False)
    assert flow.by_client.syn is not None
    assert flow.by_client.fin is not None
    assert flow.by_client.fin_acked is not None
    assert flow.by_server.fin_acked is not None
    assert (flow.by_client.syn.packet, flow.by_client.fin.packet, flow.by_client.fin_acked.packet, flow.by_server.fin_acked.packet) == (
        1,
        7,
        8,
        9,
    )
    assert flow.round_trip == pytest.approx(0.002)
    assert flow.request is not None
    assert flow.request.answer is not None
    assert (flow.request.line, flow.request.host, flow.request.status, flow.request.at.packet, flow.request.answer.packet) == (
        "GET /a HTTP/1.1",
        "h",
        200,
        4,
        6,
    )
    assert (flow.requests, flow.answers, flow.unanswered, flow.closed_first, flow.half_closed) == (1, 1, None, "client", None)
    assert (flow.by_client.octets, flow.by_server.octets) == (size, back)


def test_a_fin_that_is_never_answered_leaves_the_other_end_in_close_wait() -> None:
    talk = Talk().open()("c", PSH | ACK, 1, 1, GET)("s", ACK, 1, 1 + len(GET))("c", FIN | ACK, 1 + len(GET), 1)("s", ACK, 1, 2 + len(GET))
    flow = talk.flow(step=SECOND)
    assert (flow.half_closed, flow.closed_first) == ("client", "client")
    assert flow.unanswered is not None
    assert flow.by_client.fin is not None
    assert flow.by_client.fin_acked is not None
    assert flow.unanswered.until(flow.by_client.fin) == 2.0
    assert flow.by_client.fin_acked.packet == 7


def test_a_fin_is_acknowledged_modulo_two_to_the_32() -> None:
    talk = Talk(client=0xFFFFFFFE).open()("c", FIN | ACK, 1, 1)("s", ACK, 1, 1)("s", ACK, 1, 2)
    flow = talk.flow()
    assert flow.by_client.fin_acked is not None
    assert flow.by_client.fin_acked.packet == 6


def test_data_around_the_wrap_is_counted_once() -> None:
    talk = Talk(server=0xFFFFFFF0).open()("s", ACK, 1, 1, bytes(10))("s", ACK, 11, 1, bytes(10))("s", ACK, 21, 1, bytes(10))(
        "s", ACK, 11, 1, bytes(10)
    )
    assert (talk.flow().by_server.octets, talk.flow().by_server.retransmitted) == (30, 1)


def test_a_repetition_after_the_request_is_no_answer() -> None:
    size, back = len(GET), len(OK)
    talk = Talk().open()("c", ACK, 1, 1, GET)("s", ACK, 1, 1 + size, OK)("c", ACK, 1 + size, 1 + back, GET)("s", ACK, 1, 1 + size, OK)
    flow = talk.flow()
    assert (flow.requests, flow.answers, flow.by_server.retransmitted) == (2, 1, 1)
    assert flow.unanswered is not None
    assert flow.unanswered.packet == 6


def test_100_continue_is_not_the_answer() -> None:
    post, more = b"POST /u HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"
    talk = Talk().open()("c", ACK, 1, 1, post)("s", ACK, 1, 1, more)("c", ACK, 1 + len(post), 1, b"body")
    assert (talk.flow().answers, talk.flow().unanswered is not None) == (0, True)
    talk("s", ACK, 1 + len(more), 1, b"HTTP/1.1 201 Created\r\n\r\n")
    assert talk.flow().request is not None
    assert (talk.flow().answers, talk.flow().unanswered, talk.flow().request.status) == (1, None, 201)  # type: ignore[union-attr]


def test_both_copies_of_a_loopback_packet_are_one_segment() -> None:
    talk = Talk()
    talk("c", SYN, 0, 0).again()("s", SYN | ACK, 0, 1).again()("c", ACK, 1, 1).again()("c", ACK, 1, 1, GET).again()
    flow = talk.flow(step=20_000)
    assert (flow.copies, flow.by_client.segments, flow.by_client.retransmitted, flow.by_client.syns) == (4, 3, 0, 1)
    slow = talk.flow(step=2_000_000)
    assert (slow.copies, slow.by_client.syns, slow.by_client.retransmitted) == (0, 2, 2)


def test_a_duplicate_acknowledgment_is_no_copy() -> None:
    talk = Talk().open()("c", ACK, 1, 1)("c", ACK, 1, 1)
    assert talk.flow(step=20_000).copies == 0
    six = [ether(ip6(tcp(options=b"\1\1\x08\x0a" + struct.pack(">II", stamp, 0))), 0x86DD) for stamp in (1, 1, 2)]
    assert reader.read("x", pcap(*six, step=20_000)).capture.copies == 1


def test_an_overtaken_segment_is_not_a_retransmission_and_a_late_one_is() -> None:
    talk = Talk().open()("s", ACK, 101, 1, bytes(100))("s", ACK, 1, 1, bytes(100))
    assert (talk.flow(step=10_000).by_server.reordered, talk.flow(step=10_000).by_server.retransmitted) == (1, 0)
    late = Talk()("s", ACK, 1, 1, bytes(100))("s", ACK, 201, 1, bytes(100))("s", ACK, 101, 1, bytes(100))
    assert (late.flow(step=SECOND).by_server.reordered, late.flow(step=SECOND).by_server.retransmitted) == (0, 1)
    assert (late.flow(step=SECOND).by_server.gaps, late.flow(step=SECOND).by_server.octets) == (1, 300)


def test_keep_alives_are_no_retransmissions() -> None:
    talk = Talk().open()("c", ACK, 1, 1, b"abc")("c", ACK, 3, 1)("c", ACK, 3, 1, b"c")
    assert (talk.flow().by_client.keepalives, talk.flow().by_client.retransmitted) == (2, 0)


def test_a_partly_repeated_segment_counts_as_a_retransmission_and_brings_new_data() -> None:
    flow = Talk().open()("c", ACK, 1, 1, bytes(10))("c", ACK, 6, 1, bytes(10)).flow()
    assert (flow.by_client.retransmitted, flow.by_client.segments) == (1, 4)


def test_a_syn_with_another_number_is_another_flow_and_the_newest_gets_what_follows() -> None:
    talk = Talk().open()("c", RST, 1, 1)
    talk.bases["c"] = 77_777
    talk.open()("c", ACK, 1, 1, GET)
    old, new = talk.flows()
    assert (old.requests, new.requests, old.closed_first, new.where.first) == (0, 1, "client", 5)


def test_a_syn_ack_in_front_of_its_syn_is_the_same_flow() -> None:
    flow = Talk()("s", SYN | ACK, 0, 1)("c", SYN, 0, 0)("c", ACK, 1, 1).flow()
    assert (str(flow.client), flow.opened_before) == ("192.0.2.1:40000", False)


def test_a_syn_without_answer_and_a_refused_one() -> None:
    ignored = Talk()("c", SYN, 0, 0)("c", SYN, 0, 0)("c", SYN, 0, 0).flow(step=SECOND)
    assert (ignored.ignored, ignored.refused, ignored.by_client.syns) == (True, False, 3)
    refused = Talk()("c", SYN, 0, 0)("s", RST | ACK, 0, 1).flow()
    assert (refused.ignored, refused.refused) == (False, True)


def test_a_capture_that_begins_in_mid_stream() -> None:
    flow = Talk()("s", ACK, 1, 1, b"data")("c", ACK, 1, 5)("c", ACK, 1, 5, b"binary question").flow()
    assert (flow.opened_before, flow.sure, flow.server.port, flow.request) == (True, False, 80, None)
    assert flow.unanswered is not None
    assert flow.unanswered.packet == 3
    tells = Talk()("s", ACK, 1, 1, GET).flow()
    assert (tells.sure, tells.client.port) == (True, 80)


def test_a_full_receive_buffer_is_told() -> None:
    talk = Talk().open()("s", ACK, 1, 1, bytes(5))("c", ACK, 1, 6, window=0)("c", ACK, 1, 6, window=0)
    assert (talk.flow().by_client.zero_windows, talk.flow().by_client.still_full) == (2, True)
    talk("c", ACK, 1, 6)
    assert talk.flow().by_client.full is not None
    assert (talk.flow().by_client.full.packet, talk.flow().by_client.still_full) == (5, False)  # type: ignore[union-attr]


def test_time_zero_is_a_time() -> None:
    frame = ether(ip4(tcp(flags=SYN)))
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame
    capture = reader.read("x", data).capture
    assert (capture.began, capture.ended, capture.flows[0].by_client.syn.time) == (0, 0, 0)  # type: ignore[union-attr]


def syns(count: int) -> list[bytes]:
    return [
        ether(ip4(tcp(flags=SYN, source=1 + number % 60000, seq=number), source=f"10.1.{number >> 8 & 255}.{number & 255}"))
        for number in range(count)
    ]


@pytest.mark.parametrize("kernel", kernels.WALKERS)
def test_a_syn_flood_stays_bounded(kernel: str) -> None:
    walker = kernels.walked(pcap(*syns(1000)), kernel, most=100)
    table = walker.table
    assert len(table.rows) <= 100
    assert table.dropped_attempts + len(table.rows) == 1000
    assert (table.dropped_clean, table.dropped_silent) == (0, 0)


def test_what_shows_something_is_let_go_last() -> None:
    frames: list[bytes] = []
    for number in range(300):
        talk = Talk()
        back = len(OK)
        talk.open()("c", ACK, 1, 1, GET)("s", ACK, 1, 1, OK)("c", FIN | ACK, 1 + len(GET), 1 + back)
        if number % 10:
            talk("s", FIN | ACK, 1 + back, 2 + len(GET))("c", ACK, 2 + len(GET), 2 + back)
        frames += [frame.replace(b"\x9c\x40", struct.pack(">H", 20000 + number)) for frame in talk.frames]
    data = pcap(*frames, nano=True, step=100)
    told = [kernels.told(kernels.walked(data, kernel, 100)) for kernel in kernels.WALKERS]
    assert all(other == told[0] for other in told)
    capture = reader.read("x", data, 100).capture
    assert [flow.half_closed for flow in capture.flows].count("client") == 30
    assert capture.dropped.clean + len(capture.flows) == 300
    assert (capture.dropped.attempts, capture.dropped.silent) == (0, 0)
    assert f"{capture.dropped.clean} flows that ended well and show nothing were counted and let go" in capture.notes


def test_the_longest_silent_are_let_go_when_everything_shows_something() -> None:
    frames = [
        frame.replace(b"\x9c\x40", struct.pack(">H", 20000 + number))
        for number in range(200)
        for frame in Talk().open()("c", ACK, 1, 1, GET).frames
    ]
    capture = reader.read("x", pcap(*frames, nano=True, step=100), 100).capture
    assert len(capture.flows) <= 100
    assert capture.dropped.silent + len(capture.flows) == 200
    assert capture.flows[-1].client.port == 20199
