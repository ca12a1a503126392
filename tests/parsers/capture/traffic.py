"""Captures with known truth: every flow is written down before its packets are. Tests and the benchmark share it.

The traffic is HTTP/1 between made-up addresses, with what goes wrong on real networks: repetitions, overtaken segments, ends that close in one
direction only, requests that nobody answers, resets, SYNs that nobody answers, receivers that are full, captures that begin in mid-stream.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

SYN, ACK, FIN, RST, PSH = 2, 16, 1, 4, 8
SEGMENT = 1448  # octets of payload that fit beside 32 octets of TCP header
FILLER = bytes(97 + place % 26 for place in range(65536))
BEGAN = 1_700_000_000_000_000_000  # nanoseconds; no clock is asked
TOGETHER = 2_000  # flows that overlap in time


class Packet(NamedTuple):
    """A frame without the payload's filler; ``tag`` says what the truth wants to know about its number."""

    time: int
    head: bytes
    filler: int
    truth: Truth
    tag: str


@dataclass
class End:
    """The truth about what one end sent."""

    segments: int = 0
    octets: int = 0
    retransmitted: int = 0
    reordered: int = 0
    zero_windows: int = 0
    syns: int = 0
    fin: int | None = None
    rst: int | None = None


@dataclass
class Truth:
    """The truth about one flow; ``marks`` are packet numbers, filled in while writing."""

    kind: str
    client: tuple[str, int]
    server: tuple[str, int]
    sides: dict[str, End] = field(default_factory=lambda: {"client": End(), "server": End()})
    closed_first: str | None = None
    half_closed: bool = False
    unanswered: bool = False
    opened_before: bool = False
    requests: int = 0
    answers: int = 0
    line: str | None = None
    first: int = 0
    last: int = 0


KINDS = (
    *("plain",) * 12,
    *(
        "client-closes",
        "repeated",
        "overtaken",
        "half-closed",
        "hung",
        "hung-late",
        "reset",
        "refused",
        "silent",
        "full",
        "middle",
        "reused",
    ),
)


class Script:
    """Writes one conversation, packet by packet."""

    def __init__(self, dice: random.Random, number: int, start: int) -> None:
        self.dice, self.number, self.time = dice, number, start
        self.is_six = number % 5 == 4
        self.tag = 100 + number % 7 if number % 6 == 5 else None
        self.kind = KINDS[number % len(KINDS)]
        self.trip = dice.randrange(200_000, 2_000_000)
        client = f"2001:db8::{1 + number % 0xFFFF:x}" if self.is_six else f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        server = "2001:db8:1::80" if self.is_six else "192.0.2.80"
        self.truth = Truth(self.kind, (client, 20000 + number % 40000), (server, 8080))
        self.ids = {"client": dice.randrange(60000), "server": dice.randrange(60000)}
        self.next = {"client": dice.randrange(1 << 32), "server": dice.randrange(1 << 32)}
        self.packets: list[Packet] = []
        self.link = self._link()

    def _link(self) -> bytes:
        kind = 0x86DD if self.is_six else 0x0800
        tag = b"" if self.tag is None else struct.pack(">HH", 0x8100, self.tag)
        return b"\x02\0\0\0\0\1\x02\0\0\0\0\2" + tag + struct.pack(">H", kind)

    def head(self, side: str, flags: int, seq: int, ack: int, window: int, length: int) -> bytes:
        """Link, IP and TCP headers; the TCP header has time stamps."""
        here, there = (self.truth.client, self.truth.server) if side == "client" else (self.truth.server, self.truth.client)
        self.ids[side] = (self.ids[side] + 1) & 0xFFFF
        stamps = struct.pack(">BBBBII", 1, 1, 8, 10, self.time // 1_000_000 & 0xFFFFFFFF, 0)
        tcp = struct.pack(">HHIIBBHHH", here[1], there[1], seq, ack, 0x80, flags, window, self.ids[side] ^ 0x5A5A, 0) + stamps
        if self.is_six:
            addresses = b"".join(_six(host) for host in (here[0], there[0]))
            return self.link + struct.pack(">IHBB", 0x60000000, len(tcp) + length, 6, 64) + addresses + tcp
        addresses = b"".join(bytes(int(part) for part in host.split(".")) for host in (here[0], there[0]))
        return self.link + struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp) + length, self.ids[side], 0x4000, 64, 6, 0) + addresses + tcp

    def put(
        self,
        side: str,
        flags: int,
        data: bytes | int = 0,
        *,
        seq: int | None = None,
        window: int = 501,
        tag: str = "",
        wait: int | None = None,
    ) -> None:
        """One segment. Sent anew unless ``seq`` says which place of the stream it repeats."""
        self.time += self.trip // 2 if wait is None else wait
        other = "server" if side == "client" else "client"
        text, filler = (data, 0) if isinstance(data, bytes) else (b"", data)
        length = len(text) + filler
        fresh = seq is None
        seq = self.next[side] if seq is None else seq
        head = self.head(side, flags, seq, self.next[other] if flags & ACK else 0, window, length)
        self.packets.append(Packet(self.time, head + text, filler, self.truth, f"{side}.{tag}" if tag else ""))
        end = self.truth.sides[side]
        end.segments += 1
        end.syns += bool(flags & SYN)
        end.zero_windows += window == 0 and not flags & (SYN | FIN | RST)
        if fresh:
            end.octets += length
            self.next[side] = (seq + length + bool(flags & SYN) + bool(flags & FIN)) & 0xFFFFFFFF

    def open(self) -> None:
        """Three-way handshake; the trip is then known to the reader."""
        self.put("client", SYN)
        self.put("server", SYN | ACK)
        self.put("client", ACK)

    def ask(self) -> int:
        """A request; where it stands in the stream."""
        self.truth.requests += 1
        self.truth.line = f"GET /item/{self.number}/{self.truth.requests} HTTP/1.1"
        place = self.next["client"]
        self.put("client", ACK | PSH, f"{self.truth.line}\r\nHost: shop.example\r\nAccept: */*\r\n\r\n".encode(), wait=5_000_000)
        return place

    def answer(self, segments: int) -> None:
        """A response of some segments, acknowledged in pairs."""
        self.truth.answers += 1
        body = segments * SEGMENT
        self.put("server", ACK, f"HTTP/1.1 200 OK\r\nContent-Length: {body}\r\n\r\n".encode())
        for count in range(segments):
            self.put("server", ACK, SEGMENT, wait=12_000)
            if count % 2:
                self.put("client", ACK, wait=30_000)
        self.put("client", ACK)

    def close(self, first: str) -> None:
        """FIN from both, ``first`` first, both acknowledged."""
        second = "server" if first == "client" else "client"
        self.truth.closed_first = first
        self.put(first, FIN | ACK, tag="fin")
        self.put(second, FIN | ACK, tag="fin")
        self.put(first, ACK)

    def play(self, segments: int) -> list[Packet]:
        """The packets of this conversation."""
        getattr(self, "_" + self.kind.replace("-", "_"))(segments)
        return self.packets

    def _plain(self, segments: int) -> None:
        self.open()
        for _ in range(2):
            self.ask()
            self.answer(segments // 2)
        self.close("server")

    def _client_closes(self, segments: int) -> None:
        self.open()
        self.ask()
        self.answer(segments)
        self.close("client")

    def _repeated(self, segments: int) -> None:
        self.open()
        self.ask()
        self.put("server", ACK, b"HTTP/1.1 200 OK\r\n\r\n")
        places = []
        for _ in range(segments):
            places.append(self.next["server"])
            self.put("server", ACK, SEGMENT, wait=12_000)
        for place in places[: 1 + len(places) // 4]:
            self.put("server", ACK, SEGMENT, seq=place, wait=210_000_000)
            self.truth.sides["server"].retransmitted += 1
        self.put("client", ACK)
        self.truth.answers += 1
        self.close("server")

    def _overtaken(self, segments: int) -> None:
        self.open()
        self.ask()
        self.put("server", ACK, b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(max(1, segments // 2)):
            self.put("server", ACK, SEGMENT, wait=12_000)
            self.put("server", ACK, SEGMENT, wait=1_000)
            # Two neighbours change places, but keep their times in order.
            late, early = self.packets[-2], self.packets[-1]
            self.packets[-2:] = [early._replace(time=late.time), late._replace(time=early.time)]
            self.truth.sides["server"].reordered += 1
        self.put("client", ACK)
        self.truth.answers += 1
        self.close("client")

    def _half_closed(self, segments: int) -> None:
        self.open()
        self.ask()
        self.answer(segments)
        self.put("client", FIN | ACK, tag="fin")
        self.put("server", ACK)
        self.truth.closed_first, self.truth.half_closed = "client", True

    def _hung(self, segments: int) -> None:
        self.open()
        self.ask()
        self.answer(segments)
        self.ask()
        self.put("server", ACK)
        self.put("client", FIN | ACK, tag="fin", wait=4_000_000_000)
        self.put("server", ACK)
        self.truth.closed_first, self.truth.half_closed, self.truth.unanswered = "client", True, True

    def _hung_late(self, segments: int) -> None:
        """The response before arrives once more after the request that is never answered: old data is no answer."""
        self.open()
        self.ask()
        self.answer(max(1, segments))
        place = (self.next["server"] - SEGMENT) & 0xFFFFFFFF
        self.ask()
        self.put("server", ACK, SEGMENT, seq=place, wait=300_000_000)
        self.truth.sides["server"].retransmitted += 1
        self.put("server", ACK)
        self.put("client", FIN | ACK, tag="fin", wait=4_000_000_000)
        self.put("server", ACK)
        self.truth.closed_first, self.truth.half_closed, self.truth.unanswered = "client", True, True

    def _reset(self, segments: int) -> None:
        self.open()
        self.ask()
        self.answer(segments)
        self.put("client", RST | ACK, tag="rst")
        self.truth.closed_first = "client"

    def _refused(self, _segments: int) -> None:
        self.put("client", SYN)
        self.put("server", RST | ACK, tag="rst")
        self.truth.closed_first = "server"

    def _silent(self, _segments: int) -> None:
        place = self.next["client"]
        self.put("client", SYN)
        for wait in (1, 2, 4):
            self.put("client", SYN, seq=place, wait=wait * 1_000_000_000)
            self.truth.sides["client"].retransmitted += 1

    def _full(self, segments: int) -> None:
        self.open()
        self.ask()
        self.answer(segments)
        for _ in range(3):
            self.put("client", ACK, window=0)
        self.put("client", ACK)
        self.close("client")

    def _middle(self, segments: int) -> None:
        self.truth.opened_before = True
        self.ask()
        self.answer(segments)
        self.close("server")

    def _reused(self, segments: int) -> None:
        """The same endpoints again, with other initial sequence numbers: another flow."""
        self.open()
        self.ask()
        self.answer(segments // 2)
        self.close("server")
        again = Script(self.dice, self.number, self.time + 1_000_000)
        again.kind = again.truth.kind = "plain"
        self.packets += again.play(segments // 2)


def _six(host: str) -> bytes:
    left, _, right = host.partition("::")
    groups = [int(part, 16) for part in left.split(":") if part]
    tail = [int(part, 16) for part in right.split(":") if part]
    return struct.pack(">8H", *groups, *[0] * (8 - len(groups) - len(tail)), *tail)


def write(file: IO[bytes], flows: int, segments: int, *, snap: int = 262_144, seed: int = 1) -> list[Truth]:
    """Write a classic pcap (nanoseconds) of ``flows`` conversations to ``file``; the truth about every flow in the order of its first packet.

    ``segments``: data segments of a response; some 2.2 packets a flow come for each.
    """
    dice = random.Random(seed)
    file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snap, 1))
    truths: list[Truth] = []
    number = 0
    for batch in range(0, flows, TOGETHER):
        start = BEGAN + batch * 50_000_000
        records = []
        for packet in _batch(dice, range(batch, min(flows, batch + TOGETHER)), segments, start):
            number += 1
            _mark(packet, number, truths)
            wire = len(packet.head) + packet.filler
            seen = min(wire, snap)
            records.append(struct.pack("<IIII", packet.time // 1_000_000_000, packet.time % 1_000_000_000, seen, wire))
            records.append(packet.head[:seen])
            if seen > len(packet.head):
                records.append(FILLER[: seen - len(packet.head)])
        file.write(b"".join(records))
    return truths


def _batch(dice: random.Random, numbers: range, segments: int, start: int) -> Iterator[Packet]:
    packets: list[Packet] = []
    for number in numbers:
        packets += Script(dice, number, start + (number - numbers.start) * 1_000_000).play(segments)
    packets.sort(key=lambda packet: packet.time)
    yield from packets


def _mark(packet: Packet, number: int, truths: list[Truth]) -> None:
    truth = packet.truth
    if not truth.first:
        truth.first = number
        truths.append(truth)
    truth.last = number
    side, _, what = packet.tag.partition(".")
    if what == "fin":
        truth.sides[side].fin = number
    elif what == "rst":
        truth.sides[side].rst = number
