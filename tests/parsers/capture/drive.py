"""Drives the compiled kernel over a corpus of captures, whole, cut and changed: what ``sanitize.sh`` runs under the sanitizers.

python -m tests.parsers.capture.drive ROUNDS
"""

from __future__ import annotations

import io
import random
import struct
import sys

from parsers.capture import reader
from parsers.capture.kernel import Walker
from tests.parsers.capture import kernels
from tests.parsers.capture.test_links import CASES
from tests.parsers.capture.test_payload import hello, record
from tests.parsers.capture.traffic import write
from tests.parsers.capture.wire import block, enhanced, ether, interface, ip4, option, pcap, section, tcp


def corpus() -> list[bytes]:
    """Captures of every link type in both containers, traffic, TLS, and blocks of every kind."""
    found = []
    for case in CASES.values():
        found.append(pcap(*case.frames, link=case.link))
        found.append(
            section(">")
            + interface(case.link, option(9, b"\x89", ">"), ">")
            + b"".join(enhanced(frame, 5, order=">") for frame in case.frames)
        )
    texts = [
        hello(b"shop.example"),
        record(21, b"\1\0"),
        b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"PATCH /" + b"a" * 600,
    ]
    found.append(pcap(*[ether(ip4(tcp(text, seq=1000 * number), ident=number)) for number, text in enumerate(texts)]))
    statistics = block(5, struct.pack("<III", 0, 0, 0) + option(5, struct.pack("<Q", 12)))
    found.append(
        section() + interface(1, option(14, bytes(8))) + block(3, struct.pack("<I", 60) + bytes(60)) + block(2, bytes(60)) + statistics
    )
    for seed in range(3):
        file = io.BytesIO()
        write(file, 25, 3, seed=seed)
        found.append(file.getvalue())
    return found


def changed(dice: random.Random, data: bytes) -> bytes:
    """The same with some octets changed, and perhaps cut, or a piece of it twice."""
    octets = bytearray(data)
    for _ in range(dice.randrange(12)):
        octets[dice.randrange(len(octets))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    if dice.random() < 0.3:
        del octets[dice.randrange(len(octets)) :]
    if octets and dice.random() < 0.2:
        place = dice.randrange(len(octets))
        octets[place:place] = octets[max(0, place - 200) : place]
    return bytes(octets)


def feed(dice: random.Random, data: bytes) -> None:
    """Feed a walker in pieces; each piece is an allocation of its own that ends where the data end."""
    walker = Walker(dice.choice((5, 1000)))
    rest = b""
    place = 0
    while place < len(data):
        step = dice.choice((7, 100, 5000, len(data)))
        rest += data[place : place + step]
        place += step
        rest = rest[walker.feed(rest, len(rest)) :]
    kernels.told(walker)
    walker.signs()


def main(rounds: int) -> None:
    """Run, and say what was run."""
    dice = random.Random(20260101)
    seeds = corpus()
    cuts = [
        pcap((frame[:size], len(frame)), link=case.link) for case in CASES.values() for frame in case.frames for size in range(len(frame))
    ]
    for data in cuts:
        # The frame's last octet is the allocation's.
        feed(dice, data)
    for data in seeds:
        feed(dice, data)
        list(reader.read("x", data).capture.flows)
    for _ in range(rounds):
        for data in seeds:
            feed(dice, changed(dice, data))
        feed(dice, dice.choice((b"\xd4\xc3\xb2\xa1", section() + interface())) + dice.randbytes(dice.randrange(400)))
    sys.stdout.write(
        f"{len(cuts) + len(seeds) * (rounds + 1) + rounds} captures through the {'compiled' if kernels.is_compiled() else 'interpreted'} kernel\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
