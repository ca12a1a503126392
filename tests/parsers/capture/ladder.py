"""The packets of one flow, for a ladder diagram: the capture is read once more, and only the flow's beginning and end are kept."""

from __future__ import annotations

import socket
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from parsers.capture import reader
from parsers.capture.flows import Flow as Row
from parsers.capture.payload import Payload
from parsers.capture.strangers import Dissector
from parsers.capture.walker import Walker

if TYPE_CHECKING:
    from parsers.capture.facts import End, Flow
    from parsers.capture.frames import Frames
    from parsers.capture.stream import Stream
    from parsers.records import Endpoint

FIRST: Final = 12
"""Packets shown of a flow's beginning: the handshake, a request, an answer."""
LAST: Final = 12
"""Packets shown of its end: the last request, and who closed."""
LONGEST_LABEL: Final = 60
"""Characters of a label; a ladder has no room for more."""

_NAMES: Final = ((2, "SYN"), (1, "FIN"), (4, "RST"), (8, "PSH"), (16, "ACK"), (32, "URG"))
_REQUEST, _STATUS, _TLS = 1, 2, 3
_CLOSE_NOTIFY: Final = 0
_CONTROL: Final = 2 | 1 | 4
_MAPPED: Final = 0xFFFF


class LadderPacket(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One packet of a flow.

    ``packet`` and ``time`` as in ``Mark``; ``flags`` as ``SYN, ACK``; ``seq`` relative to the sender's first sequence number in the capture;
    ``octets`` of payload; ``label``: what it does, as ``SYN``, ``GET /x``, ``200 OK``, ``1,448 bytes``, ``ACK``. ``again``: a retransmission.
    ``skipped``: packets of the flow that are left out in front of this one.
    """

    packet: int
    time: int
    by: End
    flags: str
    seq: int
    octets: int
    label: str
    again: bool = False
    skipped: int = 0


def ladder(source: Path | Stream | bytes, flow: Flow, first: int = FIRST, last: int = LAST) -> tuple[LadderPacket, ...]:
    """The first and the last packets of ``flow``, read from its capture once more; reading stops behind the flow's last packet.

    Args:
        source: where the capture lies, an open file, or its octets; plain or packed.
        flow: one of the flows of that capture.
        first: packets from its beginning.
        last: packets from its end.

    Raises:
        OSError: if a path cannot be opened.
    """
    walker = Walker(1, Dissector())
    lower_is_client = _key(flow.client) < _key(flow.server)
    lower, upper = (flow.client, flow.server) if lower_is_client else (flow.server, flow.client)
    row = Row()
    (row.lower_low, row.lower_high, lower_port), (row.upper_low, row.upper_high, upper_port) = _key(lower), _key(upper)
    row.ports = lower_port << 16 | upper_port
    walker.wanted = row
    walker.watch_first, walker.watch_last = flow.where.first, flow.where.last
    watcher = _Watcher(row, lower_is_client=lower_is_client, first=first, last=last)
    walker.watch = watcher
    with ExitStack() as stack:
        reader.walk(stack.enter_context(source.open("rb", buffering=0)) if isinstance(source, Path) else source, walker)
    return watcher.packets()


def _key(end: Endpoint) -> tuple[int, int, int]:
    """An endpoint as the kernel orders it: the address' lower and upper half, the port."""
    if ":" in end.host:
        octets = socket.inet_pton(socket.AF_INET6, end.host)
        return int.from_bytes(octets[8:], "big"), int.from_bytes(octets[:8], "big"), end.port or 0
    return _MAPPED << 32 | int.from_bytes(socket.inet_pton(socket.AF_INET, end.host), "big"), 0, end.port or 0


class _Watcher:
    """Takes the flow's packets one by one; keeps the first and the last."""

    def __init__(self, row: Row, *, lower_is_client: bool, first: int, last: int) -> None:
        self._row = row
        self._lower_is_client = lower_is_client
        self._room = first
        self._head: list[LadderPacket] = []
        self._tail: deque[LadderPacket] = deque(maxlen=max(last, 1))
        self._passed = self._copies = 0
        self._bases: dict[int, int] = {}
        self._repeated = {0: 0, 1: 0}
        self._payload = Payload()

    def __call__(self, is_upper: int, frame: Frames, text: bytes, number: int, time: int) -> None:
        """One segment, which the row has taken in already."""
        if self._row.copies > self._copies:
            self._copies = self._row.copies
            return
        side = self._row.upper if is_upper else self._row.lower
        again = side.retransmitted > self._repeated[is_upper]
        self._repeated[is_upper] = side.retransmitted
        base = self._bases.setdefault(is_upper, frame.seq)
        packet = LadderPacket(
            packet=number,
            time=time,
            by="server" if bool(is_upper) == self._lower_is_client else "client",
            flags=", ".join(name for bit, name in _NAMES if frame.flags & bit),
            seq=(frame.seq - base) & 0xFFFFFFFF,
            octets=frame.length,
            label=self._label(frame, text),
            again=again,
        )
        if len(self._head) < self._room:
            self._head.append(packet)
        else:
            self._passed += 1
            self._tail.append(packet)

    def packets(self) -> tuple[LadderPacket, ...]:
        """What was kept; the first of the end says how many were not."""
        tail = list(self._tail)
        if tail:
            tail[0] = msgspec.structs.replace(tail[0], skipped=self._passed - len(tail))
        return (*self._head, *tail)

    def _label(self, frame: Frames, text: bytes) -> str:
        names = [name for bit, name in _NAMES if frame.flags & bit & _CONTROL]
        control = "SYN-ACK" if frame.flags & (2 | 16) == 2 | 16 else ", ".join(names)
        says = self._says(frame, text) if frame.length else ""
        if not control and not says:
            return "window full" if frame.window == 0 else "ACK"
        return ", ".join(part for part in (says, control) if part)

    def _says(self, frame: Frames, text: bytes) -> str:
        kind = self._payload.look(text, 0, len(text)) if text else 0
        line = text.split(b"\r", 1)[0].split(b"\n", 1)[0].decode("latin-1")
        if kind == _REQUEST:
            return line.partition(" HTTP/")[0][:LONGEST_LABEL]
        if kind == _STATUS:
            return line.partition(" ")[2][:LONGEST_LABEL] or "HTTP answer"
        if kind == _TLS and self._payload.is_hello:
            return "TLS ClientHello"
        if kind == _TLS and self._payload.alert >= 0:
            return "TLS close_notify" if self._payload.alert == _CLOSE_NOTIFY else "TLS alert"
        return "1 byte" if frame.length == 1 else f"{frame.length:,} bytes"
