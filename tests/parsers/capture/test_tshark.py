"""tshark must count the same on the same files: frames with TCP, streams, SYN, FIN and RST. Skipped where it is not installed; CI has it."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import pytest

from parsers.capture import reader
from parsers.capture.kernel.flows import Tracker
from parsers.capture.kernel.walker import Walker
from parsers.capture.scapy_fallback import LAYERS, Dissector
from tests.parsers.capture import test_links as on
from tests.parsers.capture.test_links import CASES, TUNNELS
from tests.parsers.capture.traffic import write
from tests.parsers.capture.wire import FIN, RST, SYN, block, enhanced, ether, interface, ip4, option, pcap, section, tcp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from parsers.capture.kernel.frames import Frames
    from parsers.capture.kernel.rows import FlowRow

pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")]


class Segment(NamedTuple):
    """One TCP segment as either side sees it: its packet, its stream, its flags."""

    packet: int
    stream: int
    flags: int


class Count(NamedTuple):
    """What is compared."""

    frames: int
    streams: int
    syn: int
    fin: int
    rst: int


def counted(segments: Iterable[Segment]) -> Count:
    found = list(segments)
    flags = [sum(1 for one in found if one.flags & bit) for bit in (SYN, FIN, RST)]
    return Count(len(found), len({one.stream for one in found}), *flags)


def theirs(path: Path, data: bytes) -> list[Segment]:
    """What tshark sees."""
    path.write_bytes(data)
    fields = ["-e", "frame.number", "-e", "tcp.stream", "-e", "tcp.flags"]
    command = ["tshark", "-n", "-r", str(path), "-Y", "tcp and not icmp", "-T", "fields", *fields]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    rows = [line.split("\t") for line in out if line.strip()]
    return [Segment(int(row[0]), int(row[1].split(",")[0]), int(row[2].split(",")[0], 16)) for row in rows]


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], list[Segment]]:
    """What the interpreted kernel sees: every segment that its table takes in. That the compiled one tells the same is tested elsewhere."""
    found: list[Segment] = []
    take = Tracker.take

    def watched(self: Tracker, flow: FlowRow, is_upper: int, frame: Frames, data: bytes, number: int, time: int) -> int:
        found.append(Segment(number, id(flow), frame.flags))
        return take(self, flow, is_upper, frame, data, number, time)

    def see(data: bytes) -> list[Segment]:
        walker = Walker(100_000, Dissector())
        assert walker.feed(data, len(data)) == len(data)
        kept.append(walker)
        return found

    kept: list[Walker] = []  # a flow that is gone would lend its identity to another
    monkeypatch.setattr(Tracker, "take", watched)
    return see


def wlan(body: bytes, kind: int) -> bytes:
    """An IEEE 802.11 data frame, from a station to an access point."""
    return on.radiotap(body, kind)[8:]


def prism(body: bytes, kind: int) -> bytes:
    return struct.pack("<II16s", 0x44, 144, b"wlan0") + bytes(120) + wlan(body, kind)


def ppi(body: bytes, kind: int) -> bytes:
    return struct.pack("<BBHI", 0, 0, 8, 1) + ether(body, kind)


def preemptible(body: bytes, kind: int) -> bytes:
    frame = ether(body, kind)
    return b"\x55" * 7 + b"\xd5" + frame + zlib.crc32(frame).to_bytes(4, "little")


FOUR, SIX = 0x0800, 0x86DD
ENCAPSULATIONS: dict[str, tuple[int, Callable[[bytes, int], bytes]]] = {
    "Ethernet": (1, ether),
    "VLAN": (1, lambda body, kind: ether(on.vlan(body, kind), 0x8100)),
    "QinQ": (1, lambda body, kind: ether(on.vlan(on.vlan(body, kind), 0x8100), 0x88A8)),
    "MPLS": (1, lambda body, _: ether(on.label(on.label(body), bottom=False), 0x8847)),
    "PPPoE": (1, lambda body, kind: ether(on.pppoe((b"\0\x21" if kind == FOUR else b"\0\x57") + body), 0x8864)),
    "LLC/SNAP": (1, on.snap),
    "SLL": (113, on.sll),
    "SLL with VLAN": (113, lambda body, kind: on.sll(on.vlan(body, kind), 0x8100)),
    "SLL2": (276, on.sll2),
    "NULL, little": (0, lambda body, kind: struct.pack("<I", 2 if kind == FOUR else 30) + body),
    "NULL, big": (0, lambda body, kind: struct.pack(">I", 2 if kind == FOUR else 28) + body),
    "LOOP": (108, lambda body, kind: struct.pack(">I", 2 if kind == FOUR else 24) + body),
    "RAW": (101, lambda body, _: body),
    "RAW of BSD": (12, lambda body, _: body),
    "PPP": (9, lambda body, kind: (b"\xff\3\0\x21" if kind == FOUR else b"\xff\3\0\x57") + body),
    "PPP, bare": (9, lambda body, kind: (b"\0\x21" if kind == FOUR else b"\0\x57") + body),
    "PPP in HDLC": (50, lambda body, kind: (b"\xff\3\0\x21" if kind == FOUR else b"\xff\3\0\x57") + body),
    "PPP with direction": (204, lambda body, kind: b"\1" + (b"\xff\3\0\x21" if kind == FOUR else b"\xff\3\0\x57") + body),
    "Cisco HDLC": (104, lambda body, kind: b"\x0f\0" + struct.pack(">H", kind) + body),
    "FDDI": (10, lambda body, kind: b"\x50" + on.snap(body, kind)[:12] + on.snap(body, kind)[14:]),
    "NFLOG, little": (239, lambda body, kind: on.nflog(body, 2 if kind == FOUR else 10)),
    "NFLOG, big": (239, lambda body, kind: on.nflog(body, 2 if kind == FOUR else 10, ">")),
    "802.11": (105, wlan),
    "802.11 Prism": (119, prism),
    "PF log": (117, on.pflog),
    "PF log, newer": (117, lambda body, kind: on.pflog(body, kind, 100)),
    "802.11 radiotap": (127, on.radiotap),
    "PPI": (192, ppi),
    "Ethernet preemption": (274, preemptible),
}
BY_ORDER = {"NFLOG, little": "<", "NFLOG, big": ">"}  # its lengths are in the byte order of the machine that captured, and of the section
LARGEST = {"LLC/SNAP": 1492}  # above, IEEE 802.3's length field is none
BY_VERSION = {"IPv4": (228, FOUR), "IPv6": (229, SIX)}


def traffic(flows: int, seed: int) -> list[tuple[bytes, int]]:
    """IP packets of generated conversations, each with its EtherType."""
    file = io.BytesIO()
    write(file, flows, 2, seed=seed)
    data, at, found = file.getvalue(), 24, []
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at + 8)
        frame = data[at + 16 : at + 16 + size]
        start = 18 if frame[12:14] == b"\x81\0" else 14
        found.append((frame[start:], int.from_bytes(frame[start - 2 : start])))
        at += 16 + size
    return found


def test_conversations_over_every_link_type(ours: Callable[[bytes], list[Segment]], tmp_path: Path) -> None:
    """One pcapng with two sections of different byte order; every link type is an interface of its own, with conversations of its own."""
    layers = ENCAPSULATIONS | {name: (link, lambda body, _: body) for name, (link, _) in BY_VERSION.items()}
    assert {link for link, _ in layers.values()} >= set(LAYERS)
    packets = traffic(25 * len(layers), 7)
    senders = sorted({_ends(body, kind) for body, kind in packets})
    owner = {ends: number % len(layers) for number, ends in enumerate(senders)}
    data, number, names = b"", 0, {}
    for half, order in enumerate("<>"):
        data += section(order)
        for link, _ in layers.values():
            data += interface(link, option(9, b"\x09", order), order)
        for place, (body, kind) in enumerate(packets):
            if half == (place > len(packets) // 2):
                name = list(layers)[owner[_ends(body, kind)]]
                only = BY_VERSION.get(name, (0, kind))[1]
                if only != kind or len(body) > LARGEST.get(name, len(body)) or BY_ORDER.get(name, order) != order:
                    continue
                number += 1
                names[number] = name
                data += enhanced(layers[name][1](body, kind), 1_000_000_000_000 + 1000 * place, owner[_ends(body, kind)], order)
    mine, reference = ours(data), theirs(tmp_path / "x.pcapng", data)

    def by_name(segments: list[Segment]) -> dict[str, Count]:
        groups: dict[str, list[Segment]] = defaultdict(list)
        for one in segments:
            groups[names[one.packet]].append(one)
        return {name: counted(found) for name, found in groups.items()}

    assert by_name(mine) == by_name(reference)
    assert set(by_name(mine)) == set(layers)
    assert [one.packet for one in mine] == list(names)


def _ends(body: bytes, kind: int) -> tuple[bytes, ...]:
    """Both ends of a segment, in order: what a stream is told by."""
    start, size, tcp_at = (12, 4, 20) if kind == FOUR else (8, 16, 40)
    hosts = body[start : start + size], body[start + size : start + 2 * size]
    return tuple(sorted((hosts[0] + body[tcp_at : tcp_at + 2], hosts[1] + body[tcp_at + 2 : tcp_at + 4])))


@pytest.mark.parametrize("name", CASES)
def test_every_case_of_the_layers(name: str, ours: Callable[[bytes], list[Segment]], tmp_path: Path) -> None:
    data = pcap(*CASES[name].frames, link=CASES[name].link)
    assert counted(ours(data)) == counted(theirs(tmp_path / "x.pcap", data))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_byte_orders_and_clocks(order: str, nano: bool, ours: Callable[[bytes], list[Segment]], tmp_path: Path) -> None:
    data = pcap(*(ether(body, kind) for body, kind in traffic(50, 3)), order=order, nano=nano)
    assert counted(ours(data)) == counted(theirs(tmp_path / "x.pcap", data))


def test_blocks_of_every_kind_in_several_sections(ours: Callable[[bytes], list[Segment]], tmp_path: Path) -> None:
    frames = [enhanced(frame, 1_000_000 * number) for number, frame in enumerate(CASES["vlan"].frames)]
    # Without a time of their own these would be copies of each other, were they not different packets.
    second, third = ip4(tcp(b"x", flags=SYN), ident=8), ether(ip4(tcp(b"x", flags=SYN), ident=9))
    old = block(2, struct.pack("<HHIIII", 1, 0, 0, 9, len(second), len(second)) + second)
    simple = block(3, struct.pack("<I", len(third)) + third)
    data = section() + interface(1, option(9, b"\x09")) + interface(101) + b"".join(frames) + old + simple
    data += section(">") + interface(113, order=">")
    data += b"".join(enhanced(frame, 2_000 * number, order=">") for number, frame in enumerate(CASES["sll"].frames, 1))
    assert counted(ours(data)) == counted(theirs(tmp_path / "x.pcapng", data))


@pytest.mark.parametrize("name", sorted(TUNNELS.keys() - {"pseudo-wire"}))  # tshark opens those only when it is told what they hold
def test_what_is_counted_as_tunnelled_tshark_opens(name: str, tmp_path: Path) -> None:
    """The one difference on purpose: the segment inside is counted and said, and belongs to no flow."""
    data = pcap(on.tunnel(name))
    capture = reader.read("x", data).capture
    assert (capture.segments + capture.tunnelled, capture.segments) == (len(theirs(tmp_path / "x.pcap", data)), 0)
