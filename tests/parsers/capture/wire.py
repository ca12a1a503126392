"""Frames and containers, octet by octet, for tests of one thing at a time."""

from __future__ import annotations

import socket
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
CLIENT, SERVER = ("192.0.2.1", 40000), ("192.0.2.2", 80)


def tcp(
    payload: bytes = b"",
    *,
    flags: int = ACK,
    seq: int = 1000,
    ack: int = 1,
    window: int = 500,
    options: bytes = b"",
    source: int = 40000,
    target: int = 80,
) -> bytes:
    """A TCP segment."""
    return struct.pack(">HHIIBBHHH", source, target, seq, ack, (5 + len(options) // 4) << 4, flags, window, 0x1234, 0) + options + payload


def ip4(
    body: bytes,
    *,
    source: str = CLIENT[0],
    target: str = SERVER[0],
    proto: int = 6,
    total: int | None = None,
    ident: int = 7,
    place: int = 0,
    options: bytes = b"",
) -> bytes:
    """An IPv4 packet; ``place``: flags and fragment offset."""
    size = 20 + len(options) + len(body) if total is None else total
    head = struct.pack(">BBHHHBBH", 0x40 | (5 + len(options) // 4), 0, size, ident, place, 64, proto, 0)
    return head + socket.inet_aton(source) + socket.inet_aton(target) + options + body


def ip6(body: bytes, *, source: str = "2001:db8::1", target: str = "2001:db8::2", proto: int = 6, length: int | None = None) -> bytes:
    """An IPv6 packet."""
    head = struct.pack(">IHBB", 0x60000000, len(body) if length is None else length, proto, 64)
    return head + socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, target) + body


def ether(body: bytes, kind: int = 0x0800) -> bytes:
    """An Ethernet frame."""
    return b"\2\0\0\0\0\1\2\0\0\0\0\2" + struct.pack(">H", kind) + body


def pcap(
    *frames: bytes | tuple[bytes, int], link: int = 1, order: str = "<", nano: bool = False, snap: int = 65535, step: int = 1_000_000
) -> bytes:
    """A classic pcap; a frame may come with its length on the wire. ``step``: nanoseconds from one packet to the next, from second 100 on."""
    out = [struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snap, link)]
    for number, frame in enumerate(frames):
        octets, wire = frame if isinstance(frame, tuple) else (frame, len(frame))
        time = 100_000_000_000 + number * step
        out.append(
            struct.pack(order + "IIII", time // 1_000_000_000, time % 1_000_000_000 // (1 if nano else 1000), len(octets), wire) + octets
        )
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def option(code: int, value: bytes, order: str = "<") -> bytes:
    """An option of a pcapng block."""
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<") -> bytes:
    """A section header."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = 1, options: bytes = b"", order: str = "<", snap: int = 0) -> bytes:
    """An interface description."""
    return block(1, struct.pack(order + "HHI", link, 0, snap) + options, order)


def enhanced(frame: bytes, ticks: int = 0, number: int = 0, order: str = "<", wire: int | None = None) -> bytes:
    """An enhanced packet block."""
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame) if wire is None else wire)
    return block(6, head + frame + bytes(-len(frame) % 4), order)
