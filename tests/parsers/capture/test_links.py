"""Every link layer that is read, and everything between it and TCP."""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from parsers.capture import reader
from parsers.capture.scapy_fallback import Dissector
from tests.parsers.capture import kernels
from tests.parsers.capture.wire import ACK, FIN, RST, SYN, ether, ip4, ip6, pcap, tcp

if TYPE_CHECKING:
    from pathlib import Path


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


def nflog(body: bytes, family: int, order: str = "<") -> bytes:
    mark = struct.pack(order + "HHI", 8, 3, 1)
    prefix = struct.pack(order + "HH", 7, 10) + b"in\0" + b"\0"
    return struct.pack(">BBH", family, 0, 1) + mark + prefix + struct.pack(order + "HH", 4 + len(body), 9) + body


def pflog(body: bytes, kind: int, size: int = 61) -> bytes:
    """OpenBSD's header; its length counts no padding."""
    head = struct.pack(">BBBB16s16siiiiiiB", size, 2 if kind == 0x0800 else 24, 0, 0, b"em0", b"", 1, -1, -1, 0, -1, 0, 1)
    return head.ljust((size + 3) // 4 * 4, b"\0") + body


def radiotap(body: bytes, kind: int) -> bytes:
    dot11 = struct.pack("<HH", 0x0108, 0) + b"\2\0\0\0\0\1" * 3 + b"\0\0"
    return b"\0\0\x08\0\0\0\0\0" + dot11 + b"\xaa\xaa\x03\0\0\0" + struct.pack(">H", kind) + body


def udp(port: int, body: bytes) -> bytes:
    return struct.pack(">HHHH", 9999, port, 8 + len(body), 0) + body


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
    "vn-tag": Case(1, (ether(bytes(4) + b"\x08\0" + FOUR, 0x8926),), 1),
    "e-tag": Case(1, (ether(bytes(6) + b"\x86\xdd" + SIX, 0x893F),), 1),
    "fabric-path": Case(1, (ether(b"\0\1" + ether(FOUR), 0x8903), ether(b"\0\1" + ether(vlan(SIX, 0x86DD), 0x8100), 0x8903)), 2),
    "provider-backbone": Case(1, (ether(bytes(4) + ether(FOUR), 0x88E7),), 1),
    "hdlc-under-ppp": Case(9, (b"\x0f\0\x08\0" + FOUR, b"\x8f\0\x86\xdd" + SIX), 2),
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
    "pflog": Case(117, (pflog(FOUR, 0x0800), pflog(SIX, 0x86DD, 100)), 2),
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
        for cut in cuts:
            # Nothing stands behind it: the interpreted kernel raises where the compiled one would read past the end.
            kernels.walked(pcap(cut, link=case.link))


TUNNELS = {
    "ip-in-ip": ip4(FOUR, proto=4),
    "six-in-four": ip4(SIX, proto=41),
    "gre": ip4(b"\0\0\x08\0" + FOUR, proto=47),
    "vxlan": ip4(udp(4789, b"\x08" + bytes(7) + ether(FOUR)), proto=17),
    "geneve": ip4(udp(6081, b"\0\0\x65\x58" + bytes(4) + ether(FOUR)), proto=17),
    "four-in-six": ip6(FOUR, proto=4),
    "pseudo-wire": None,
}


def tunnel(name: str) -> bytes:
    inner = TUNNELS[name]
    return ether(label(bytes(4) + ether(FOUR)), 0x8847) if inner is None else ether(inner, 0x86DD if inner[0] >> 4 == 6 else 0x0800)


@pytest.mark.parametrize("name", TUNNELS)
def test_tunnels_are_counted_and_not_opened(name: str) -> None:
    found = reader.read("x", pcap(tunnel(name))).capture
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
