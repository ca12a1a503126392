"""Containers: the records of a classic pcap and the blocks of a pcapng file, walked in whatever pieces the bytes arrive.

Compiled or interpreted, as ``frames.py`` says. Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng; libpcap's ``savefile.c`` for what
older writers did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsers.capture.kernel.frames import RAW, Frames
from parsers.capture.kernel.octets import four, soon, two
from parsers.capture.kernel.signs import Signs
from parsers.capture.kernel.table import FlowTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsers.capture.kernel.octets import Octets

LARGEST_PACKET = 262_144
"""Octets of the largest packet record: libpcap's MAXIMUM_SNAPLEN. What claims more is damage."""
LARGEST_BLOCK = 67_108_864
"""Octets of the largest pcapng block that is skipped: key logs and name tables stay far below. What claims more is damage."""
MOST_INTERFACES = 65_536
"""Interfaces of one pcapng section: an entry costs some bytes, and a hostile file may describe millions."""

MICRO, NANO, MICRO_PATCHED = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34
MICRO_TURNED, NANO_TURNED, PATCHED_TURNED = 0xD4C3B2A1, 0x4D3CB2A1, 0x34CDB2A1
SECTION, INTERFACE, PACKET, SIMPLE, STATISTICS, ENHANCED, JOURNAL = 0x0A0D0D0A, 1, 2, 3, 5, 6, 9
BYTE_ORDER, BYTE_ORDER_TURNED = 0x1A2B3C4D, 0x4D3C2B1A
RESOLUTION, OFFSET, DROPPED_BY_INTERFACE, DROPPED_BY_SYSTEM = 9, 14, 5, 7
SECOND = 1_000_000_000
LATEST = 9_000_000_000
"""Seconds since 1970 up to which nanoseconds fit 64 bits; later times are damage and count as 0."""
UNKNOWN, PCAP, PCAPNG = 0, 1, 2

LYING_RECORD, LYING_BLOCK, NO_CAPTURE = 1, 2, 3


class Walker:
    """Feeds every packet of a capture to a flow table.

    Args:
        most: flows that the table keeps.
        stranger: called with the link type and the octets of a frame that is not understood; the IP packet in it, or None.

    Attributes:
        kind: 0 not known yet, 1 pcap, 2 pcapng.
        packets: records seen, as Wireshark numbers them. earliest, latest: their times in nanoseconds since 1970, -1 without a packet.
        fault: why the walk stopped: 0 not at all, 1 a record and 2 a block whose length cannot be, 3 no capture.
        offset: octets of the file that were walked.
        untimed: packets without a time stamp. unplaced: packets of an interface that no block describes. dropped: packets that the capturing
            machine says it lost. sliced: packets that the snap length cut. strange: link types not understood, and how often.
    """

    __slots__ = (
        *(
            "big",
            "dropped",
            "earliest",
            "fault",
            "frames",
            "header",
            "interfaces",
            "kind",
            "latest",
            "link",
            "links",
            "nano",
            "offset",
            "offsets",
        ),
        *("packets", "resolutions", "skip", "sliced", "snap", "snaps", "strange", "stranger", "table", "unplaced", "untimed"),
        *("links_seen", "lost"),
    )

    def __init__(self, most: int, stranger: Callable[[int, bytes], bytes | None] | None = None) -> None:
        """Nothing walked."""
        self.frames = Frames()
        self.table = FlowTable(most)
        self.stranger = stranger
        self.kind = self.big = self.nano = self.link = self.packets = self.fault = self.offset = self.skip = self.snap = 0
        self.untimed = self.unplaced = self.dropped = self.sliced = self.interfaces = self.lost = 0
        self.header = 16
        self.earliest = self.latest = -1
        self.links: list[int] = []
        self.resolutions: list[int] = []
        self.offsets: list[int] = []
        self.snaps: list[int] = []
        self.strange: dict[int, int] = {}
        self.links_seen: list[int] = []

    def feed(self, data: Octets, size: int) -> int:
        """Walk ``data[:size]``; the octets that were used up. The rest, part of a record, must stand in front of the next piece."""
        if self.fault != 0:
            return size
        at = 0
        if self.skip:
            at = min(self.skip, size)
            self.skip -= at
        if self.kind == UNKNOWN:
            if size < 24:
                return 0
            at = self.begin(data)
        at = self.records(data, at, size) if self.kind == PCAP else self.blocks(data, at, size) if self.kind == PCAPNG else size
        self.offset += at
        return size if self.fault else at

    def signs(self) -> Signs:
        """What each flow of the table shows at a glance, when everything was fed."""
        found = Signs(len(self.table.rows))
        found.fill(self.table.rows, self.table.tracker, self.latest)
        return found

    def begin(self, data: Octets) -> int:
        """Tell the container by its magic; where the first record or block begins."""
        self.big = 1
        magic = four(data, 0, self.big)
        if magic == SECTION:
            self.kind = PCAPNG
            return 0
        self.big = 1 if magic in (MICRO, NANO, MICRO_PATCHED) else 0
        self.nano = 1 if magic in (NANO, NANO_TURNED) else 0
        self.header = 24 if magic in (MICRO_PATCHED, PATCHED_TURNED) else 16
        if magic not in (MICRO, NANO, MICRO_PATCHED, MICRO_TURNED, NANO_TURNED, PATCHED_TURNED):
            self.fault = NO_CAPTURE
            return 0
        self.kind = PCAP
        self.snap = four(data, 16, self.big)
        # The upper bits say whether a frame check sequence follows; lengths come from the IP header anyway.
        self.link = four(data, 20, self.big) & 0xFFFF
        self.links_seen.append(self.link)
        return 24

    def records(self, data: Octets, at: int, size: int) -> int:
        """Records of a classic pcap: seconds, fraction, octets captured, octets on the wire."""
        header = self.header
        link = self.link
        big = self.big
        scale = 1 if self.nano else 1000
        while size - at >= header:
            captured = four(data, at + 8, big)
            if captured > LARGEST_PACKET:
                self.fault = LYING_RECORD
                break
            stop = at + header + captured
            if stop > size:
                break
            seconds = four(data, at, big)
            fraction = four(data, at + 4, big)
            time = seconds * SECOND + fraction * scale
            wire = four(data, at + 12, big)
            soon(data, stop)
            self.packet(data, at + header, stop, wire, link, time)
            at = stop
        return at

    def packet(self, data: Octets, at: int, end: int, wire: int, link: int, time: int) -> int:
        """One packet: decode it, and give its segment to the table."""
        self.packets += 1
        if self.packets == 1 or time < self.earliest:
            self.earliest = time
        self.latest = max(self.latest, time)
        wire += at
        if wire > end:
            self.sliced += 1
        else:
            wire = end
        if self.frames.decode(data, at, end, wire, link):
            return self.table.segment(self.frames, data, self.packets, time)
        if self.frames.strangers:
            self.frames.strangers = 0
            return self.ask(data, at, end, link, time)
        return 0

    def ask(self, data: Octets, at: int, end: int, link: int, time: int) -> int:
        """A link type that is not known here: perhaps somebody else finds the IP packet in it."""
        inner = None if self.stranger is None else self.stranger(link, bytes(data[at:end]))
        if inner is None:
            # As many keys as there are 16-bit link types.
            self.strange[link] = self.strange.get(link, 0) + 1
            return 0
        size = len(inner)
        if self.frames.decode(inner, 0, size, size, RAW):
            return self.table.segment(self.frames, inner, self.packets, time)
        return 0

    def blocks(self, data: Octets, at: int, size: int) -> int:
        """Blocks of a pcapng file: type, total length, body, total length again."""
        while size - at >= 12:
            kind = four(data, at, self.big)
            if kind == SECTION:
                # The type reads the same both ways; the byte order of everything that follows comes behind the length.
                self.big = 1
                magic = four(data, at + 8, self.big)
                if magic not in (BYTE_ORDER, BYTE_ORDER_TURNED):
                    self.fault = LYING_BLOCK
                    break
                self.big = 1 if magic == BYTE_ORDER else 0
            total = four(data, at + 4, self.big)
            if total < 12 or total & 3 or total > LARGEST_BLOCK:
                self.fault = LYING_BLOCK
                break
            stop = at + total
            if stop > size:
                if total <= LARGEST_PACKET + 4096:
                    break
                if kind in (ENHANCED, PACKET, SIMPLE, INTERFACE, SECTION):
                    self.fault = LYING_BLOCK
                    break
                # Nothing that is needed, and larger than a buffer: its octets are left out as they come.
                self.skip = stop - size
                return size
            self.block(data, at + 8, stop - 4, kind)
            at = stop
        return at

    def block(self, data: Octets, at: int, end: int, kind: int) -> int:
        """The body of one block."""
        if kind == ENHANCED and end - at >= 20:
            return self.timed(data, at + 20, end, four(data, at, self.big), at + 4)
        if kind == PACKET and end - at >= 20:
            if two(data, at + 2, self.big) != 0xFFFF:
                self.dropped += two(data, at + 2, self.big)
            return self.timed(data, at + 20, end, two(data, at, self.big), at + 4)
        if kind == SIMPLE and end - at >= 4:
            self.untimed += 1
            captured = wire = four(data, at, self.big)
            if self.interfaces:
                snap: int = self.snaps[0]
                if 0 < snap < captured:
                    captured = snap
            return self.placed(data, at + 4, min(end, at + 4 + captured), wire, 0, max(self.latest, 0))
        if kind == SECTION:
            self.interfaces = 0
            self.links, self.resolutions, self.offsets, self.snaps = [], [], [], []
        elif kind == INTERFACE and end - at >= 8:
            return self.interface(data, at, end)
        elif kind == STATISTICS and end - at >= 12:
            return self.statistics(data, at + 12, end)
        elif kind in (JOURNAL, ENHANCED, PACKET, SIMPLE):
            # Wireshark numbers these too; without a packet, or too short for their own header.
            self.packets += 1
            self.frames.other += 1
        return 0

    def timed(self, data: Octets, at: int, end: int, interface: int, stamp: int) -> int:
        """A packet with a time stamp of two halves, the octets captured and those on the wire, which stand at ``stamp``."""
        captured = four(data, stamp + 8, self.big)
        wire = four(data, stamp + 12, self.big)
        high = four(data, stamp, self.big)
        ticks = high << 32 | four(data, stamp + 4, self.big)
        time = 0
        if interface < self.interfaces:
            resolution: int = self.resolutions[interface]
            offset: int = self.offsets[interface]
            if resolution > 63:
                # A power of two, marked by 64: beyond 2⁻³⁰ s the last bits are below a nanosecond.
                power = resolution - 64
                seconds = ticks >> power
                rest = ticks - (seconds << power)
                if power > 30:
                    rest >>= power - 30
                    power = 30
                part = rest * SECOND >> power
            else:
                units = 1
                for _ in range(resolution):
                    units *= 10
                seconds = ticks // units
                rest = ticks - seconds * units
                part = rest // (units // SECOND) if units >= SECOND else rest * (SECOND // units)
            whole = min(seconds, LATEST)
            if whole < LATEST and -LATEST < offset < LATEST and 0 <= offset + whole < LATEST:
                time = (offset + whole) * SECOND + part
        return self.placed(data, at, min(end, at + captured), wire, interface, time)

    def placed(self, data: Octets, at: int, end: int, wire: int, interface: int, time: int) -> int:
        """A packet of an interface of this section."""
        if interface >= self.interfaces:
            self.packets += 1
            self.unplaced += 1
            return 0
        link: int = self.links[interface]
        return self.packet(data, at, end, wire, link, time)

    def interface(self, data: Octets, at: int, end: int) -> int:
        """An interface: link type, snap length, and among its options the resolution of its clock and an offset."""
        if self.interfaces >= MOST_INTERFACES:
            self.fault = LYING_BLOCK
            return 0
        link = two(data, at, self.big)
        resolution = 6
        offset = 0
        snap = four(data, at + 4, self.big)
        at += 8
        while end - at >= 4:
            code = two(data, at, self.big)
            length = two(data, at + 2, self.big)
            at += 4
            if code == 0 or length > end - at:
                break
            if code == RESOLUTION and length >= 1:
                resolution = data[at] & 0x7F
                # Finer than 10⁻¹⁸ or 2⁻⁶³ no tick fits its 64 bits: nobody writes that, and no time is better than a wrong one.
                if data[at] & 0x80:
                    resolution = 64 + min(resolution, 63)
                elif resolution > 18:
                    resolution = 18
            elif code == OFFSET and length >= 8:
                offset = self.eight(data, at)
            at += (length + 3) // 4 * 4
        self.links.append(link)
        self.resolutions.append(resolution)
        self.offsets.append(offset)
        self.snaps.append(snap)
        self.interfaces += 1
        if link not in self.links_seen:
            self.links_seen.append(link)
        return 0

    def eight(self, data: Octets, at: int) -> int:
        """Eight octets in the byte order of the section, as a signed number."""
        return int.from_bytes(data[at : at + 8], "big" if self.big else "little", signed=True)

    def statistics(self, data: Octets, at: int, end: int) -> int:
        """How many packets the capturing machine lost: the interface's count or the system's."""
        while end - at >= 4:
            code = two(data, at, self.big)
            length = two(data, at + 2, self.big)
            at += 4
            if code == 0 or length > end - at:
                break
            if code in (DROPPED_BY_INTERFACE, DROPPED_BY_SYSTEM) and length == 8:
                self.lost += max(self.eight(data, at), 0)
            at += (length + 3) // 4 * 4
        return 0
