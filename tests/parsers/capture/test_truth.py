"""Every flow of generated traffic, told as it was written down before its packets were."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
from typing import TYPE_CHECKING

import pytest
import zstandard

from parsers.capture import reader
from tests.parsers.capture import kernels
from tests.parsers.capture.traffic import KINDS, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from parsers.capture.facts import Flow, Sent
    from tests.parsers.capture.traffic import End, Truth

FLOWS = 2 * len(KINDS)


def traffic(*, flows: int = FLOWS, segments: int = 6, snap: int = 262_144, seed: int = 1) -> tuple[bytes, list[Truth]]:
    file = io.BytesIO()
    truths = write(file, flows, segments, snap=snap, seed=seed)
    return file.getvalue(), truths


def check(flow: Flow, truth: Truth) -> None:
    assert (flow.client.host, flow.client.port) == truth.client, truth.kind
    assert (flow.server.host, flow.server.port) == truth.server, truth.kind
    assert (flow.where.first, flow.where.last) == (truth.first, truth.last), truth.kind
    assert flow.closed_first == truth.closed_first, truth.kind
    assert (flow.half_closed is not None) == truth.half_closed, truth.kind
    assert (flow.unanswered is not None) == truth.unanswered, truth.kind
    assert flow.opened_before == truth.opened_before, truth.kind
    assert (flow.requests, flow.answers) == (truth.requests, truth.answers), truth.kind
    sides = ((flow.by_client, truth.sides["client"]), (flow.by_server, truth.sides["server"]))
    for sent, end in sides:
        check_side(sent, end, truth.kind)


def check_side(sent: Sent, end: End, kind: str) -> None:
    assert sent.segments == end.segments, kind
    assert sent.octets == end.octets, kind
    assert sent.retransmitted == end.retransmitted, kind
    assert sent.reordered == end.reordered, kind
    assert sent.zero_windows == end.zero_windows, kind
    assert sent.syns == end.syns, kind
    assert (sent.fin.packet if sent.fin else None) == end.fin, kind
    assert (sent.rst.packet if sent.rst else None) == end.rst, kind


@pytest.mark.parametrize("snap", [262_144, 128])
def test_every_flow_is_told_as_it_was(snap: int) -> None:
    data, truths = traffic(snap=snap)
    capture = reader.read("x.pcap", data).capture
    assert len(capture.flows) == len(truths)
    assert capture.segments == sum(end.segments for truth in truths for end in truth.sides.values())
    assert {truth.kind for truth in truths} == set(KINDS)
    for flow, truth in zip(capture.flows, truths, strict=True):
        check(flow, truth)
        if truth.line:
            assert flow.request is not None
            # A snap length of 128 octets leaves 42 of the payload behind an IPv6 header with a VLAN tag.
            assert truth.line.startswith(flow.request.line)
            assert flow.request.line == truth.line or snap < 262_144


def test_a_host_and_a_status_are_read() -> None:
    data, truths = traffic()
    flows = reader.read("x.pcap", data).capture.flows
    for flow, truth in zip(flows, truths, strict=True):
        if truth.requests:
            assert flow.request is not None
            assert flow.request.host == "shop.example"
            assert flow.request.status == (None if truth.unanswered else 200)


@pytest.mark.parametrize("kernel", kernels.WALKERS)
@pytest.mark.parametrize("piece", [None, 1 << 16, 40, 1])
def test_pieces_make_no_difference(kernel: str, piece: int | None) -> None:
    data, _ = traffic(flows=len(KINDS), segments=2)
    assert kernels.told(kernels.walked(data, kernel, piece=piece)) == kernels.told(kernels.walked(data))


@pytest.mark.skipif(not kernels.is_compiled(), reason="the kernel of this checkout is not compiled")
@pytest.mark.parametrize("snap", [262_144, 96, 60])
def test_both_kernels_tell_the_same(snap: int) -> None:
    data, _ = traffic(snap=snap, seed=snap)
    assert kernels.told(kernels.walked(data, "compiled")) == kernels.told(kernels.walked(data))


@pytest.mark.parametrize(
    "pack", [gzip.compress, lzma.compress, zstandard.compress, lambda data: gzip.compress(data[:500]) + gzip.compress(data[500:])]
)
def test_packed_captures_tell_the_same(pack: Callable[[bytes], bytes]) -> None:
    data, truths = traffic()
    plain, packed = reader.read("x.pcap", data), reader.read("x.pcap", pack(data))
    assert (packed.size, packed.sha256) == (plain.size, plain.sha256)
    assert list(packed.capture.flows) == list(plain.capture.flows)
    assert len(truths) == len(packed.capture.flows)


def test_a_large_capture_is_hashed_beside_the_kernel() -> None:
    data, truths = traffic(flows=600, segments=12)
    assert len(data) > 4 << 20
    read = reader.read("x.pcap", data)
    assert (read.size, read.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert len(read.capture.flows) == len(truths)


def test_the_newest_flow_between_two_endpoints_is_found() -> None:
    data, truths = traffic()
    flows = reader.read("x.pcap", data).capture.flows
    reused = [flow for flow, truth in zip(flows, truths, strict=True) if sum(other.client == truth.client for other in truths) == 2]
    assert len(reused) == 4
    found = flows.between(reused[0].server, reused[0].client)
    assert found is not None
    assert flows[found].where.first == max(flow.where.first for flow in reused if flow.client == reused[0].client)
    assert flows.between(reused[0].client, reused[0].client) is None
    assert flows[:2] == (flows[0], flows[1])


def test_the_beginning_alone_is_hashed_where_that_is_asked_for() -> None:
    data, truths = traffic()
    for wanted, done in ((1_000, 1_000), (0, 0), (len(data), len(data)), (len(data) + 1, len(data)), (None, len(data))):
        read = reader.read("x.pcap", data, hashed=wanted)
        assert (read.size, read.hashed, len(read.capture.flows)) == (len(data), done, len(truths))
        assert read.sha256 == (hashlib.sha256(data[:done]).hexdigest() if wanted != 0 else "")


def test_a_look_at_a_flow_says_what_its_record_says() -> None:
    data, _ = traffic()
    flows = reader.read("x.pcap", data).capture.flows
    for number, flow in enumerate(flows):
        seen, served, full = flows.glance(number), flow.by_server.last_data, flow.by_client.full
        assert (seen.client, seen.syns) == (flow.client, flow.by_client.syns)
        assert (seen.served, seen.full) == (served and served.time, full and full.time)
        assert (flows.signs.silent[number] < 0) == (flow.unanswered is None)
