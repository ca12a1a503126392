"""Every link layer that is read, and everything between it and TCP. Where tshark is installed it must count the same on the same files."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from parsers.capture import reader
from parsers.capture.strangers import Dissector
from tests.parsers.capture import kernels
from tests.parsers.capture.wire import ACK, FIN, RST, SYN, block, enhanced, ether, interface, ip4, ip6, option, pcap, section, tcp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from parsers.capture.frames import Frames

FOUR = ip4(tcp(b"x", flags=SYN))
SIX = ip6(tcp(b"x", flags=FIN | ACK))


def vlan(body: bytes, kind: int, tag: int = 5) -> bytes:
    return struct.pack(">HH", tag, kind) + body


def label(body: bytes, *, bottom: bool = True, number: int = 16) -> bytes:
    return struct.pack(">I", number << 12 | bottom << 8 | 64) + body


def pppoe(body: bytes) -> bytes:
    return struct.pack(">BBHH", 0x11, 0, 1, len(body)) + body


def snap(body: bytes, kind: int) -> bytes:
    inner = b"\xaa\xaa\x03\0\0\0" + struct.pack(">H", kind) + body
    return b"\2\0\0\0\0\1\2\0\0\0\0\2" + struct.pack(">H", len(inner)) + inner


def sll(body: bytes, kind: int, device: int = 1) -> bytes:
    return struct.pack(">HHH8sH", 0, device, 6, bytes(8), kind) + body


def sll2(body: bytes, kind: int, device: int = 1) -> bytes:
    return struct.pack(">HHIHBB8s", kind, 0, 1, device, 0, 6, bytes(8)) + body


def nflog(body: bytes, family: int) -> bytes:
    mark = struct.pack("<HHI", 8, 3, 1)
    prefix = struct.pack("<HH", 7, 10) + b"in\0" + b"\0"
    return struct.pack(">BBH", family, 0, 1) + mark + prefix + struct.pack("<HH", 4 + len(body), 9) + body


def radiotap(body: bytes, kind: int) -> bytes:
    dot11 = struct.pack("<HH", 0x0108, 0) + b"\2\0\0\0\0\1" * 3 + b"\0\0"
    return b"\0\0\x08\0\0\0\0\0" + dot11 + b"\xaa\xaa\x03\0\0\0" + struct.pack(">H", kind) + body


class Case(NamedTuple):
    """Frames of one link type, and how many of them are TCP."""

    link: int
    frames: tuple[bytes, ...]
    segments: int


TCP6 = tcp(b"x", flags=FIN | ACK)
PAD = b"\1\4\0\0\0\0"
CASES = {
    "ethernet": Case(1, (ether(FOUR), ether(SIX, 0x86DD), ether(b"\0\1" + bytes(40), 0x0806)), 2),
    "ethernet-padding": Case(1, (ether(ip4(tcp(flags=RST))) + bytes(6),), 1),
    "vlan": Case(1, (ether(vlan(FOUR, 0x0800), 0x8100), ether(vlan(SIX, 0x86DD), 0x8100)), 2),
    "qinq": Case(1, (ether(vlan(vlan(FOUR, 0x0800), 0x8100), 0x88A8), ether(vlan(vlan(FOUR, 0x0800), 0x8100), 0x9100)), 2),
    "mpls": Case(1, (ether(label(FOUR), 0x8847), ether(label(label(SIX), bottom=False), 0x8847)), 2),
    "pppoe": Case(
        1, (ether(pppoe(b"\0\x21" + FOUR), 0x8864), ether(pppoe(b"\0\x57" + SIX), 0x8864), ether(pppoe(b"\xc0\x21" + bytes(10)), 0x8864)), 2
    ),
    "snap": Case(1, (snap(FOUR, 0x0800), snap(SIX, 0x86DD)), 2),
    "sll": Case(113, (sll(FOUR, 0x0800), sll(SIX, 0x86DD), sll(vlan(FOUR, 0x0800), 0x8100), sll(bytes(40), 0x0800, 824)), 3),
    "sll2": Case(276, (sll2(FOUR, 0x0800), sll2(SIX, 0x86DD), sll2(bytes(30), 0x0806)), 2),
    "null": Case(0, (b"\2\0\0\0" + FOUR, b"\x1e\0\0\0" + SIX, b"\x18\0\0\0" + SIX, b"\x1c\0\0\0" + SIX), 4),
    "loop": Case(108, (b"\0\0\0\2" + FOUR, b"\0\0\0\x18" + SIX), 2),
    "raw": Case(101, (FOUR, SIX), 2),
    "ipv4": Case(228, (FOUR,), 1),
    "ipv6": Case(229, (SIX,), 1),
    "ppp": Case(9, (b"\xff\3\0\x21" + FOUR, b"\xff\3\0\x57" + SIX, b"\0\x21" + FOUR, b"\x21" + FOUR), 4),
    "ppp-hdlc": Case(50, (b"\xff\3\0\x21" + FOUR,), 1),
    "ppp-direction": Case(204, (b"\1\xff\3\0\x21" + FOUR, b"\0\xff\3\0\x57" + SIX), 2),
    "chdlc": Case(104, (b"\x0f\0\x08\0" + FOUR, b"\x0f\0\x86\xdd" + SIX), 2),
    "fddi": Case(10, (b"\x50\2\0\0\0\0\1\2\0\0\0\0\2\xaa\xaa\3\0\0\0\x08\0" + FOUR,), 1),
    "nflog": Case(239, (nflog(FOUR, 2), nflog(SIX, 10)), 2),
    "ip-options": Case(1, (ether(ip4(tcp(b"x"), options=b"\1\1\1\0")),), 1),
    "tcp-options": Case(1, (ether(ip4(tcp(b"x", options=b"\1\1\x08\x0a" + bytes(8)))),), 1),
    "hop-by-hop": Case(1, (ether(ip6(b"\x06\0" + PAD + TCP6, proto=0), 0x86DD),), 1),
    "destination": Case(1, (ether(ip6(b"\x2b\0" + PAD + b"\x06\0\0\0\0\0\0\0" + TCP6, proto=60), 0x86DD),), 1),
    "authentication": Case(
        1, (ether(ip6(b"\x06\4\0\0" + bytes(20) + TCP6, proto=51), 0x86DD), ether(ip4(b"\x06\4\0\0" + bytes(20) + TCP6, proto=51))), 2
    ),
    "atomic-fragment": Case(1, (ether(ip6(b"\x06\0\0\0\0\0\0\7" + TCP6, proto=44), 0x86DD),), 1),
    "udp": Case(1, (ether(ip4(struct.pack(">HHHH", 5, 53, 12, 0) + b"abcd", proto=17)),), 0),
    "icmp-quote": Case(1, (ether(ip4(b"\3\1\0\0\0\0\0\0" + FOUR[:28], proto=1)),), 0),
}


def write(path: Path, name: str) -> bytes:
    case = CASES[name]
    data = pcap(*case.frames, link=case.link)
    path.write_bytes(data)
    return data


@pytest.mark.parametrize("name", CASES)
def test_every_link_type_is_read(name: str) -> None:
    case = CASES[name]
    data = pcap(*case.frames, link=case.link)
    for kernel in kernels.WALKERS:
        walker = kernels.walked(data, kernel)
        assert walker.table.segments == case.segments
        assert walker.packets == len(case.frames)
        assert walker.frames.other + walker.table.segments == walker.packets
    flows = reader.read("x", data).capture.flows
    assert {flow.server.port for flow in flows} <= {80}
    assert {flow.client.host for flow in flows} <= {"192.0.2.1", "2001:db8::1"}


@pytest.mark.parametrize("name", CASES)
def test_frames_cut_anywhere_are_counted(name: str) -> None:
    """A snap length of every size: each packet is a segment, or is counted as what it is."""
    case = CASES[name]
    for frame in case.frames:
        cuts = [(frame[:size], len(frame)) for size in range(len(frame))]
        told = [kernels.told(kernels.walked(pcap(*cuts, link=case.link), kernel)) for kernel in kernels.WALKERS]
        assert all(other == told[0] for other in told)
        counted = sum(told[0][counter] for counter in ("other", "cut", "damaged", "tunnelled")) + told[0]["table"][0]
        assert counted == len(cuts)


TUNNELS = {
    "ip-in-ip": ip4(FOUR, proto=4),
    "six-in-four": ip4(SIX, proto=41),
    "gre": ip4(b"\0\0\x08\0" + FOUR, proto=47),
    "vxlan": ip4(struct.pack(">HHHH", 9999, 4789, 30, 0) + bytes(8) + ether(FOUR), proto=17),
    "geneve": ip4(struct.pack(">HHHH", 9999, 6081, 30, 0) + bytes(8) + ether(FOUR), proto=17),
    "four-in-six": ip6(FOUR, proto=4),
    "pseudo-wire": None,
}


@pytest.mark.parametrize("name", TUNNELS)
def test_tunnels_are_counted_and_not_opened(name: str) -> None:
    inner = TUNNELS[name]
    frame = ether(label(bytes(4) + ether(FOUR)), 0x8847) if inner is None else ether(inner, 0x86DD if inner[0] >> 4 == 6 else 0x0800)
    found = reader.read("x", pcap(frame)).capture
    assert (found.tunnelled, found.segments, len(found.flows)) == (1, 0, 0)
    assert found.notes == ("1 packet inside a tunnel, not opened",)


def test_fragments_are_counted_and_only_the_first_is_read() -> None:
    body = tcp(bytes(64))
    first, second = ip4(body[:40], place=0x2000), ip4(body[40:], place=5)
    six = ip6(b"\x06\0\0\1\0\0\0\7" + body[:40], proto=44), ip6(b"\x06\0\0\x28\0\0\0\7" + body[40:], proto=44)
    found = reader.read("x", pcap(ether(first), ether(second), ether(six[0], 0x86DD), ether(six[1], 0x86DD))).capture
    assert (found.fragments, found.segments) == (4, 2)
    assert found.notes == ("4 packets fragmented; only first fragments are read",)


@pytest.mark.parametrize(
    ("frame", "octets"),
    [
        (ether(ip4(tcp(b"abc"), total=0)), 3),  # TSO: the card cuts this later
        (ether(ip4(tcp(b"abc"), total=9000)), 3),  # claims more than the wire carried
        (ether(ip4(tcp(b"abc"))) + bytes(20), 3),  # a trailer
        (ether(ip6(tcp(b"abc"), length=0), 0x86DD), 3),
    ],
)
def test_lengths_come_from_the_ip_header_unless_it_cannot_be(frame: bytes, octets: int) -> None:
    (flow,) = reader.read("x", pcap(frame)).capture.flows
    assert flow.by_client.octets == octets


@pytest.mark.parametrize(
    "frame",
    [
        ether(ip4(tcp()))[:14] + b"\x44" + ether(ip4(tcp()))[15:],
        ether(ip4(tcp(), total=10)),
        ether(b"\x55" + ip4(tcp())[1:]),
        ether(ip4(tcp()[:12] + b"\x40" + tcp()[13:])),
        ether(ip4(tcp()[:12] + b"\xf0" + tcp()[13:])),
        ether(b"\x45" + ip6(tcp())[1:], 0x86DD),
    ],
)
def test_headers_that_contradict_themselves_are_counted(frame: bytes) -> None:
    found = reader.read("x", pcap(frame)).capture
    assert (found.unreadable, found.segments) == (1, 0)


def test_rare_link_types_are_dissected_by_scapy_and_only_they() -> None:
    program = (
        "import sys; from parsers.capture import reader; data = sys.stdin.buffer.read(); found = reader.read('x', data).capture;"
        "print(found.segments, found.dissected, found.unknown, 'scapy' in sys.modules, 'scapy.all' in sys.modules)"
    )

    def run(data: bytes) -> str:
        return subprocess.run([sys.executable, "-c", program], input=data, capture_output=True, check=True).stdout.decode().strip()

    assert run(pcap(radiotap(FOUR, 0x0800), radiotap(SIX, 0x86DD), b"\0\0\x08\0\0\0\0\0", link=127)) == "2 2 1 True False"
    assert run(pcap(ether(FOUR))) == "1 0 0 False False"
    assert run(pcap(bytes(40), link=147)) == "0 0 1 False False"


def test_what_nobody_understands_is_said() -> None:
    found = reader.read("x", pcap(bytes(40), bytes(40), link=147)).capture
    assert (found.unknown, found.links) == (2, ("link type 147",))
    assert found.notes == ("2 packets of link type 147, not understood",)


def test_dissection_is_bounded() -> None:
    dissector = Dissector(3)
    assert [dissector(127, radiotap(FOUR, 0x0800)) is not None for _ in range(5)] == [True, True, True, False, False]
    assert (dissector.read, dissector.beyond) == (3, 2)


def tshark(path: Path) -> tuple[int, int, int, int, int]:
    """Frames with TCP, streams, SYN, FIN and RST, as tshark counts them."""
    fields = ["-e", "tcp.stream", "-e", "tcp.flags"]
    command = ["tshark", "-n", "-r", str(path), "-Y", "tcp and not icmp", "-T", "fields", *fields]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    rows = [line.split("\t") for line in out if line.strip()]
    flags = [int(row[1].split(",")[0], 16) for row in rows]
    return len(rows), len({row[0] for row in rows}), *(sum(1 for one in flags if one & bit) for bit in (SYN, FIN, RST))  # type: ignore[return-value]


def ours(data: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int, int, int, int]:
    """The same of the interpreted kernel: the flags of every segment that its table is given."""
    flags: list[int] = []
    table = kernels.PLAIN["table"].Table
    segment = table.segment

    def counted(self: object, frame: Frames, *rest: object) -> int:
        flags.append(frame.flags)
        given: int = segment(self, frame, *rest)
        return given

    monkeypatch.setattr(table, "segment", counted)
    walker = kernels.WALKERS["interpreted"](1000)
    walker.feed(data, len(data))
    return len(flags), len(walker.table.flows), *(sum(1 for one in flags if one & bit) for bit in (SYN, FIN, RST))  # type: ignore[return-value]


@pytest.fixture(scope="module")
def reference() -> Callable[[Path], tuple[int, int, int, int, int]]:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    return tshark


@pytest.mark.parametrize("name", CASES)
def test_tshark_counts_the_same(
    name: str, reference: Callable[[Path], tuple[int, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.pcap"
    data = write(path, name)
    assert ours(data, monkeypatch) == reference(path)


def test_tshark_counts_the_same_in_pcapng(
    reference: Callable[[Path], tuple[int, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [enhanced(frame, 1_000_000 * number) for number, frame in enumerate(CASES["vlan"].frames)]
    # Without a time of their own these would be copies of each other, were they not different packets.
    second, third = ip4(tcp(b"x", flags=SYN), ident=8), ether(ip4(tcp(b"x", flags=SYN), ident=9))
    old = block(2, struct.pack("<HHIIII", 1, 0, 0, 9, len(second), len(second)) + second)
    simple = block(3, struct.pack("<I", len(third)) + third)
    data = section() + interface(1, option(9, b"\x09")) + interface(101) + b"".join(frames) + old + simple
    data += (
        section(">")
        + interface(113, order=">")
        + b"".join(enhanced(frame, 2_000 * number, order=">") for number, frame in enumerate(CASES["sll"].frames, 1))
    )
    path = tmp_path / "x.pcapng"
    path.write_bytes(data)
    assert ours(data, monkeypatch) == reference(path)
