"""Random, damaged and hostile captures: both kernels tell the same, nothing is raised, every packet is counted once."""

from __future__ import annotations

import io

from hypothesis import example, given, settings
from hypothesis import strategies as st

from parsers.capture import reader
from tests.parsers.capture import kernels
from tests.parsers.capture.test_links import CASES
from tests.parsers.capture.traffic import write
from tests.parsers.capture.wire import enhanced, interface, option, pcap, section

LINKS = sorted({case.link for case in CASES.values()} | {12, 14, 51, 147})


def agree(data: bytes) -> None:
    told = [kernels.told(kernels.walked(data, kernel, most=20)) for kernel in kernels.WALKERS]
    assert all(other == told[0] for other in told)
    one = told[0]
    counted = (
        sum(one[name] for name in ("other", "cut", "damaged", "tunnelled", "unplaced")) + sum(one["strange"].values()) + one["table"][0]
    )
    # The first fragment is a segment too; later ones are fragments only.
    assert counted <= one["packets"] <= counted + one["fragments"]
    capture = reader.read("x", data).capture
    assert capture.packets == one["packets"]
    list(capture.flows)


def _seed() -> bytes:
    file = io.BytesIO()
    write(file, 25, 2, seed=7)
    return file.getvalue()


SEED = _seed()


@given(st.binary(max_size=400))
@example(b"")
def test_anything(data: bytes) -> None:
    agree(data)


@given(st.sampled_from(LINKS), st.lists(st.binary(max_size=120), max_size=6))
def test_any_frames(link: int, frames: list[bytes]) -> None:
    agree(pcap(*frames, link=link))
    agree(section() + interface(link) + b"".join(enhanced(frame) for frame in frames))


@given(st.sampled_from(sorted(CASES)), st.data())
def test_real_frames_with_changed_octets(name: str, data: st.DataObject) -> None:
    case = CASES[name]
    frames = []
    for frame in case.frames:
        octets = bytearray(frame)
        for place in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=4)):
            octets[place] = data.draw(st.integers(0, 255))
        frames.append((bytes(octets[: data.draw(st.integers(0, len(octets)))]), data.draw(st.integers(0, 70000))))
    agree(pcap(*frames, link=case.link))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SEED) - 1), st.integers(0, 255)), max_size=30), st.integers(0, len(SEED)))
def test_traffic_with_changed_octets(changes: list[tuple[int, int]], size: int) -> None:
    octets = bytearray(SEED)
    for place, value in changes:
        octets[place] = value
    agree(bytes(octets[:size]))


@given(st.binary(max_size=60), st.integers(0, 2**64 - 1), st.sampled_from("<>"))
def test_any_options_of_an_interface(options: bytes, ticks: int, order: str) -> None:
    agree(section(order) + interface(1, options, order) + enhanced(CASES["ethernet"].frames[0], ticks, order=order))


@given(st.binary(min_size=1, max_size=1), st.binary(min_size=8, max_size=8), st.integers(0, 2**64 - 1))
def test_any_clock(resolution: bytes, offset: bytes, ticks: int) -> None:
    agree(section() + interface(1, option(9, resolution) + option(14, offset)) + enhanced(CASES["ethernet"].frames[0], ticks))
