"""A capture, start to end: container → kernel → facts, and what is said of the packets that are no part of any flow."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.capture.facts import Capture, Dropped, Flow, Mark, Request, Sent
from parsers.capture.flows import Flows, Glance
from parsers.capture.kernel import Walker
from parsers.capture.kernel.bits import SURE, UPPER
from parsers.capture.scapy_fallback import Dissector
from parsers.capture.stream import HASHED, HEAD, Counted, is_packed, pump, unpacker
from parsers.records import Endpoint, Unit, Unread, Where

if TYPE_CHECKING:
    from parsers.capture.kernel.rows import FlowRow, Side
    from parsers.capture.kernel.signs import Signs
    from parsers.capture.kernel.table import FlowTable
    from parsers.capture.stream import Passed, Stream

MOST_FLOWS: Final = 200_000
"""Flows that are kept: some 200 MB. A SYN flood has ten million; what is let go is counted."""

# fmt: off
LINKS: Final = {
    0: "NULL", 1: "Ethernet", 9: "PPP", 10: "FDDI", 12: "RAW", 14: "RAW", 50: "PPP in HDLC", 51: "PPPoE", 101: "RAW", 104: "Cisco HDLC",
    105: "802.11", 108: "LOOP", 113: "Linux cooked", 117: "PF log", 119: "802.11 Prism", 127: "802.11 radiotap", 192: "PPI", 204: "PPP",
    228: "IPv4", 229: "IPv6", 239: "NFLOG", 274: "Ethernet preemption", 276: "Linux cooked v2",
}
# fmt: on
_MAPPED: Final = 0xFFFF  # the upper half of the lower half of an IPv4-mapped address
_QUAD: Final = 4  # numbers of an IPv4 address
_ENCRYPTED: Final = 256  # an alert whose description the capture does not show
_FORMATS: Final = {1: "pcap", 2: "pcapng"}
_FAULTS: Final = {
    1: "a record here claims a length that cannot be; it and all that follows is not read",
    2: "a block here claims what cannot be; it and all that follows is not read",
    3: "no capture",
}


class CaptureReading(NamedTuple):
    """A capture and the file it was: octets as read (unpacked), the SHA-256 of the first ``hashed`` of them, which usually are all."""

    capture: Capture
    size: int
    sha256: str
    hashed: int


def read(file: str, source: Stream | bytes, most: int = MOST_FLOWS, *, hashed: int | None = HASHED) -> CaptureReading:
    """Read a capture, plain or packed, in one pass and bounded memory. Whatever is wrong with it becomes a note.

    Args:
        file: the name that places show.
        source: an open file or pipe, or the octets themselves.
        most: flows that are kept.
        hashed: octets from the beginning whose SHA-256 is taken; None for all, however many they are.
    """
    strangers = Dissector()
    walker = Walker(most, strangers)
    stream = Ahead(io.BytesIO(source) if isinstance(source, bytes) else source)
    if is_packed(stream.head):
        packed = Counted(stream)
        passed = pump(unpacker(packed, stream.head), walker, packed, hashed=hashed)
    else:
        passed = pump(stream, walker, hashed=hashed)
    signs = walker.signs()
    capture = Capture(
        file=file,
        format=_FORMATS.get(walker.kind, "capture"),
        links=tuple(LINKS.get(link, f"link type {link}") for link in walker.links_seen),
        flows=Flows(
            signs,
            [Endpoint(_host(high, low), port) for high, low, port in signs.servers],
            partial(_flow, file, walker.table, signs),
            partial(_glance, walker.table, signs),
            partial(_newest, walker.table),
        ),
        began=walker.earliest if walker.earliest >= 0 else None,
        ended=walker.latest if walker.latest >= 0 else None,
        packets=walker.packets,
        segments=walker.table.segments,
        copies=walker.table.tracker.copies,
        other=walker.frames.other,
        fragments=walker.frames.fragments,
        tunnelled=walker.frames.tunnelled,
        unreadable=walker.frames.cut + walker.frames.damaged,
        sliced=walker.sliced,
        snap=walker.snap or None,
        unknown=sum(walker.strange.values()) + walker.unplaced,
        dissected=strangers.read,
        lost=walker.dropped + walker.lost,
        dropped=Dropped(walker.table.dropped_clean, walker.table.dropped_attempts, walker.table.dropped_silent),
        notes=tuple(_notes(walker, strangers, passed)),
        unread=tuple(_unread(file, walker, passed)),
    )
    return CaptureReading(capture, passed.size, passed.sha256, passed.hashed)


class Ahead:
    """A stream whose first octets were looked at, pipes included."""

    def __init__(self, stream: Stream) -> None:
        """Read the first octets."""
        self._stream = stream
        buffer = bytearray(HEAD)
        view = memoryview(buffer)
        size = 0
        while size < len(buffer) and (count := stream.readinto(view[size:])):
            size += count
        self.head = bytes(buffer[:size])
        self._left = self.head

    def readinto(self, view: memoryview, /) -> int:
        """Fill some of ``view``: first what was looked at."""
        if self._left:
            count = min(len(self._left), len(view))
            view[:count] = self._left[:count]
            self._left = self._left[count:]
            return count + (self._stream.readinto(view[count:]) or 0 if len(view) > count else 0)
        return self._stream.readinto(view) or 0


def _unread(file: str, walker: Walker, passed: Passed) -> list[Unread]:
    """What stands in the file and was not read, at the packet after the last one."""
    here = Where(file, walker.packets + 1, walker.packets + 1, Unit.PACKET)
    if walker.fault:
        return [Unread(here, 1, _FAULTS[walker.fault])]
    if passed.trouble:
        return [Unread(here, 1, f"{passed.trouble}; what follows is not read")]
    if walker.kind == 0:
        return [Unread(here, 1, "ends within the header of the capture")]
    if passed.rest or walker.skip:
        return [Unread(here, 1, "the last record is cut short")]
    return []


def _notes(walker: Walker, strangers: Dissector, passed: Passed) -> list[str]:
    """One sentence for everything that keeps packets from becoming facts."""
    frames, table = walker.frames, walker.table
    lost = walker.dropped + walker.lost
    strange = sorted(walker.strange.items())
    said = (
        (passed.rest or walker.skip, "the last record is cut short"),
        (walker.sliced, f"{_packets(walker.sliced)} cut to the snap length"),
        (lost, f"the capturing machine lost {_packets(lost)}"),
        (table.tracker.copies, f"{_packets(table.tracker.copies)} captured twice, counted once"),
        (frames.fragments, f"{_packets(frames.fragments)} fragmented; only first fragments are read"),
        (frames.tunnelled, f"{_packets(frames.tunnelled)} inside a tunnel, not opened"),
        (frames.cut, f"{_packets(frames.cut)} captured too short for their headers"),
        (frames.damaged, f"{_packets(frames.damaged)} with headers that contradict themselves"),
        (strangers.read, f"{_packets(strangers.read)} of a rare link type, read by scapy's dissectors"),
        (strangers.beyond, f"{_packets(strangers.beyond)} of a rare link type left out, after the first {strangers.most:,}"),
        (walker.unplaced, f"{_packets(walker.unplaced)} of an interface that the file does not describe"),
        (walker.untimed, f"{_packets(walker.untimed)} without a time"),
        (table.dropped_clean, f"{table.dropped_clean:,} flows that ended well and show nothing were counted and let go"),
        (table.dropped_attempts, f"{table.dropped_attempts:,} attempts to connect without an answer were counted and let go"),
        (table.dropped_silent, f"{table.dropped_silent:,} flows that were silent longest were let go"),
    )
    unknown = [
        f"{_packets(count)} of link type {link} ({LINKS[link]})" if link in LINKS else f"{_packets(count)} of link type {link}"
        for link, count in strange
    ]
    return [sentence for count, sentence in said if count] + [f"{sentence}, not understood" for sentence in unknown[:5]]


def _packets(count: int) -> str:
    return "1 packet" if count == 1 else f"{count:,} packets"


def _host(high: int, low: int) -> str:
    """Text of an address; an IPv4 address stands in the table as IPv4-mapped."""
    if high == 0 and low >> 32 == _MAPPED:
        return f"{low >> 24 & 255}.{low >> 16 & 255}.{low >> 8 & 255}.{low & 255}"
    import socket  # noqa: PLC0415 - two milliseconds, and most captures hold IPv4 only

    return socket.inet_ntop(socket.AF_INET6, high.to_bytes(8, "big") + low.to_bytes(8, "big"))


def _mark(packet: int, time: int) -> Mark | None:
    return Mark(packet, time) if packet else None


def _newest(table: FlowTable, one: Endpoint, other: Endpoint) -> int:
    """The number of the newest flow between two endpoints, -1 for none."""
    here, there = _halves(one.host), _halves(other.host)
    if here is None or there is None or one.port is None or other.port is None:
        return -1
    return table.newest(*here, one.port, *there, other.port)


def _halves(host: str) -> tuple[int, int] | None:
    """The address as the table has it; None for a text that ``_host`` would not write."""
    if ":" in host:
        import socket  # noqa: PLC0415 - see above

        try:
            octets = socket.inet_pton(socket.AF_INET6, host)
        except OSError:
            return None
        high, low = int.from_bytes(octets[:8], "big"), int.from_bytes(octets[8:], "big")
    else:
        parts = host.split(".")
        if len(parts) != _QUAD or not all(part.isdecimal() and part.isascii() for part in parts):
            return None
        high, low = 0, _MAPPED
        for part in parts:
            low = low << 8 | int(part[:_QUAD]) & 255
    return (high, low) if _host(high, low) == host else None


def _flow(file: str, table: FlowTable, signs: Signs, number: int) -> Flow:
    """The record of one row of the table, and of what its ends said in clear."""
    row, said, shown = table.rows[number], table.tracker, signs.bits[number]
    name = said.names[row.text]
    who = 2 if shown & UPPER else 1
    lower = Endpoint(_host(row.lower_high, row.lower_low), row.ports >> 16)
    upper = Endpoint(_host(row.upper_high, row.upper_low), row.ports & 0xFFFF)
    client, server = row.sides if who == 1 else row.sides[::-1]
    packets = [number for side in (client, server) for number in (side.first_packet, side.last_packet) if number]
    return Flow(
        where=Where(file, min(packets), max(packets), Unit.PACKET),
        client=lower if who == 1 else upper,
        server=upper if who == 1 else lower,
        by_client=_sent(client),
        by_server=_sent(server),
        opened_before=not (client.syn_packet or server.syn_packet),
        sure=shown & SURE != 0,
        established=_mark(row.established_packet, row.established_time),
        request=_request(row, said.lines[row.text], said.hosts[row.text]) if row.asker == who else None,
        requests=row.requests,
        answers=row.answers,
        asked=_mark(row.turn_packet, row.turn_time) if row.turn == who else None,
        tls=bool(row.is_tls),
        server_name=None if name is None else _text(name),
        copies=row.copies,
    )


def _glance(table: FlowTable, signs: Signs, number: int) -> Glance:
    """A look at one row of the table."""
    row = table.rows[number]
    if signs.bits[number] & UPPER:
        server, client = row.sides
        end = Endpoint(_host(row.upper_high, row.upper_low), row.ports & 0xFFFF)
    else:
        client, server = row.sides
        end = Endpoint(_host(row.lower_high, row.lower_low), row.ports >> 16)
    return Glance(end, client.syns, server.data_time if server.data_packet else None, client.shut_time if client.shut_packet else None)


def _request(row: FlowRow, line: bytes | None, host: bytes | None) -> Request | None:
    at = _mark(row.request_packet, row.request_time)
    if at is None or line is None:
        return None
    return Request(
        line=_text(line),
        host=None if host is None else _text(host),
        at=at,
        answer=_mark(row.response_packet, row.response_time),
        status=row.status or None,
    )


def _text(octets: bytes) -> str:
    """Octets of a header as text: UTF-8 where it is, else each octet is a character (RFC 9110, 5.5)."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _sent(side: Side) -> Sent:
    return Sent(
        segments=side.segments,
        octets=side.octets,
        retransmitted=side.retransmitted,
        reordered=side.reordered,
        gaps=side.gaps,
        keepalives=side.keepalives,
        zero_windows=side.zero_windows,
        syns=side.syns,
        still_full=side.shut_packet > 0 and side.window == 0,
        syn=_mark(side.syn_packet, side.syn_time),
        fin=_mark(side.fin_packet, side.fin_time),
        fin_acked=_mark(side.acked_packet, side.acked_time),
        rst=_mark(side.rst_packet, side.rst_time),
        first=_mark(side.first_packet, side.first_time),
        last=_mark(side.last_packet, side.last_time),
        last_data=_mark(side.data_packet, side.data_time),
        first_retransmission=_mark(side.again_packet, side.again_time),
        full=_mark(side.shut_packet, side.shut_time),
        alert=_mark(side.alert_packet, side.alert_time),
        alert_code=side.alert - 1 if 0 < side.alert <= _ENCRYPTED else None,
    )
