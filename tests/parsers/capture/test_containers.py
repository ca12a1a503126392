"""pcap and pcapng: byte orders, clocks, sections, interfaces, and files that lie, stop early, or are something else."""

from __future__ import annotations

import gzip
import io
import random
import struct
from typing import Any

import pytest

from parsers.capture import reader
from parsers.capture.facts import SECOND, Capture
from tests.parsers.capture import kernels
from tests.parsers.capture.wire import block, enhanced, ether, interface, ip4, option, pcap, section, tcp

FRAME = ether(ip4(tcp(b"x")))


def capture(data: bytes) -> Capture:
    """The capture; both kernels agree on it."""
    first, *others = (kernels.told(kernels.walked(data, kernel)) for kernel in kernels.WALKERS)
    assert all(other == first for other in others)
    return reader.read("x", data).capture


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_byte_orders_and_clocks_of_pcap(order: str, nano: bool) -> None:
    found = capture(pcap(FRAME, FRAME, order=order, nano=nano, step=1_234_567))
    assert (found.format, found.packets, found.segments, len(found.flows)) == ("pcap", 2, 2, 1)
    assert found.began == 100 * SECOND
    assert found.ended == 100 * SECOND + (1_234_567 if nano else 1_234_000)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("resolution", "ticks", "time"),
    [
        (None, 5_000_001, 5 * SECOND + 1000),
        (b"\x09", 5_000_000_001, 5 * SECOND + 1),
        (b"\x03", 5_001, 5 * SECOND + 1_000_000),
        (b"\x0c", 5_000_000_001_000, 5 * SECOND + 1),
        (b"\x8a", 5 * 1024 + 512, 5 * SECOND + SECOND // 2),
        (b"\xa0", (5 << 32) + (1 << 31), 5 * SECOND + SECOND // 2),
        (b"\x00", 5, 5 * SECOND),
    ],
)
def test_the_clock_of_an_interface(order: str, resolution: bytes | None, ticks: int, time: int) -> None:
    options = b"" if resolution is None else option(9, resolution, order)
    data = section(order) + interface(1, options, order) + enhanced(FRAME, ticks, order=order)
    found = capture(data)
    assert (found.format, found.segments, found.began) == ("pcapng", 1, time)


@pytest.mark.parametrize("offset", [7, -3])
def test_the_offset_of_an_interface(offset: int) -> None:
    options = option(14, struct.pack("<q", offset)) + option(0, b"")
    assert capture(section() + interface(1, options) + enhanced(FRAME, 5_000_000)).began == (5 + offset) * SECOND


def test_a_time_that_no_clock_shows_counts_as_none() -> None:
    found = capture(section() + interface(1, option(9, b"\x00")) + enhanced(FRAME, 2**64 - 1))
    assert (found.began, found.segments) == (0, 1)


def test_sections_and_interfaces_have_their_own_link_types() -> None:
    raw = ip4(tcp(b"x"))
    data = section() + interface(101) + interface(1) + enhanced(FRAME, number=1) + enhanced(raw, number=0)
    data += section(">") + interface(1, order=">") + enhanced(FRAME, order=">") + enhanced(raw, number=1, order=">")
    found = capture(data)
    assert (found.packets, found.segments, found.unknown) == (4, 3, 1)
    assert found.links == ("RAW", "Ethernet")
    assert "1 packet of an interface that the file does not describe" in found.notes


def test_simple_and_obsolete_packet_blocks() -> None:
    simple = block(3, struct.pack("<I", len(FRAME)) + FRAME)
    obsolete = block(2, struct.pack("<HHIIII", 0, 3, 0, 9_000_000, len(FRAME), len(FRAME)) + FRAME)
    found = capture(section() + interface() + obsolete + simple + block(2989, b"custom") + simple)
    assert (found.packets, found.segments, found.lost) == (3, 3, 3)
    assert "2 packets without a time" in found.notes
    assert found.began == found.ended == 9 * SECOND


def test_a_simple_packet_ends_at_the_snap_length() -> None:
    cut = block(3, struct.pack("<I", 9000) + FRAME[:54])
    found = capture(section() + interface(snap=54) + cut)
    assert (found.segments, found.sliced, found.flows[0].by_client.segments) == (1, 1, 1)


def test_lost_packets_are_told() -> None:
    statistics = block(5, struct.pack("<III", 0, 0, 0) + option(5, struct.pack("<Q", 12)) + option(0, b""))
    assert "the capturing machine lost 12 packets" in capture(section() + interface() + enhanced(FRAME) + statistics).notes


def test_a_large_block_that_nobody_needs_is_left_out() -> None:
    found = capture(section() + interface() + enhanced(FRAME) + block(10, bytes(3 << 20)) + enhanced(FRAME))
    assert (found.packets, found.unread) == (2, ())


def test_a_last_record_that_is_cut_short_is_a_note() -> None:
    for data in (pcap(FRAME, FRAME), section() + interface() + enhanced(FRAME) + enhanced(FRAME)):
        found = capture(data[:-30])
        assert (found.packets, found.notes) == (1, ("the last record is cut short",))
        assert [(gap.where.first, gap.where.unit, gap.why) for gap in found.unread] == [(2, "packet", "the last record is cut short")]


@pytest.mark.parametrize(
    "tail",
    [
        struct.pack("<IIII", 1, 1, 2**31, 2**31),
        struct.pack("<IIII", 1, 1, 262_145, 262_145),
    ],
)
def test_a_record_that_lies_ends_the_reading(tail: bytes) -> None:
    found = capture(pcap(FRAME) + tail + bytes(100))
    assert (found.packets, [gap.why[:29] for gap in found.unread]) == (1, ["a record here claims a length"])


@pytest.mark.parametrize(
    "tail",
    [
        struct.pack("<III", 6, 11, 0),
        struct.pack("<III", 6, 41, 0),
        struct.pack("<III", 10, 0xFFFFFFFC, 0),
        struct.pack("<III", 6, 1 << 20, 0),
        struct.pack("<III", 0x0A0D0D0A, 28, 0xDEADBEEF),
    ],
)
def test_a_block_that_lies_ends_the_reading(tail: bytes) -> None:
    found = capture(section() + interface() + enhanced(FRAME) + tail + bytes(100))
    assert (found.packets, [gap.why[:12] for gap in found.unread]) == (1, ["a block here"])


@pytest.mark.parametrize("kind", [6, 2, 3])
def test_a_packet_block_without_room_for_a_packet_is_counted(kind: int) -> None:
    found = capture(section() + interface() + block(kind, b""))
    assert (found.packets, found.segments, found.other) == (1, 0, 1)


def test_an_option_longer_than_its_block_is_not_followed() -> None:
    body = struct.pack("<HHI", 1, 0, 0) + struct.pack("<HH", 9, 60000)
    assert capture(section() + block(1, body) + enhanced(FRAME, 1_000_000)).began == SECOND


@pytest.mark.parametrize("size", [0, 3, 4, 12, 23])
def test_a_header_that_is_cut_short(size: int) -> None:
    found = capture(pcap(FRAME)[:size])
    assert (found.packets, [gap.why for gap in found.unread]) == (0, ["ends within the header of the capture"])


def test_a_packed_capture_that_is_cut_or_damaged_gives_what_is_there() -> None:
    frames = [ether(ip4(tcp(random.Random(number).randbytes(100), seq=1000 + 100 * number), ident=number)) for number in range(5000)]
    packed = gzip.compress(pcap(*frames), 1)
    cut = reader.read("x", packed[: len(packed) // 2]).capture
    assert 1000 < cut.segments < 4000
    assert "the packed data end in the middle" in cut.unread[0].why
    damaged = reader.read("x", packed[: len(packed) // 2] + b"\xff" * 200 + packed[len(packed) // 2 :]).capture
    assert 1000 < damaged.segments < 5000
    assert damaged.unread


@pytest.mark.slow
def test_a_bomb_is_left_alone() -> None:
    bomb = gzip.compress(pcap() + bytes(200 << 20), 9)
    found = reader.read("x", bomb).capture
    assert "unpacks to far more than a capture would" in found.unread[0].why
    assert found.packets < 9_000_000


def test_a_stream_that_breaks_gives_what_came() -> None:
    class Broken(io.BytesIO):
        def readinto(self, view: Any, /) -> int:
            if self.tell() > 500:
                raise OSError(5, "Input/output error")
            return super().readinto(view[:100])

    found = reader.read("x", Broken(pcap(*[FRAME] * 50))).capture
    assert found.packets > 3
    assert "Input/output error" in found.unread[0].why
