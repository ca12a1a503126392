"""The flow table: from endpoints to the newest flow between them, in bounded memory. Compiled or interpreted, as ``frames.py`` says."""

from __future__ import annotations

import os
from array import array
from typing import TYPE_CHECKING

from parsers.capture.flows import Flow, Tracker

if TYPE_CHECKING:
    from parsers.capture.flows import Side
    from parsers.capture.frames import Frames
    from parsers.capture.octets import Octets

SYN, ACK = 2, 16
WORD = 0xFFFFFFFF
MIX = 0x9E3779B97F4A7C15
"""2⁶⁴ divided by the golden ratio: multiplying by it spreads neighbouring addresses (Fibonacci hashing)."""
LONG = 0xFFFFFFFFFFFFFFFF
SMALLEST = 1 << 10
"""Slots of an empty table."""


class Table:
    """The flows of a capture.

    Args:
        most: flows that are kept; beyond, finished ones that show nothing are dropped first, then attempts without an answer, then the
            longest silent. ``dropped_clean``, ``dropped_attempts`` and ``dropped_silent`` count them.
    """

    __slots__ = (
        "dropped_attempts",
        "dropped_clean",
        "dropped_silent",
        "flows",
        "mask",
        "most",
        "recent",
        "salt",
        "segments",
        "slots",
        "tracker",
    )

    def __init__(self, most: int) -> None:
        """An empty table."""
        self.most = most
        self.flows: list[Flow] = []
        self.recent: Flow | None = None
        self.tracker = Tracker()
        # Hostile evidence could otherwise hold addresses that all fall into one slot.
        self.salt = int.from_bytes(os.urandom(8), "little")
        self.segments = self.dropped_clean = self.dropped_attempts = self.dropped_silent = 0
        self.resize(SMALLEST)

    def resize(self, size: int) -> int:
        """Make ``size`` slots (a power of two) and enter the newest flow of each pair of endpoints."""
        self.slots = array("Q", bytes(8 * size))
        self.mask = size - 1
        for index in range(len(self.flows)):
            flow = self.flows[index]
            self.enter(flow, index)
        return 0

    def hashed(self, lower_high: int, lower_low: int, upper_high: int, upper_low: int, ports: int) -> int:
        """64 bits of the endpoints; the result of nothing depends on them but time."""
        value = ((self.salt ^ lower_low) + (lower_high ^ ports)) * MIX & LONG
        value ^= value >> 32
        value = ((value ^ upper_low) + upper_high) * MIX & LONG
        return value ^ value >> 32

    def find(self, lower_high: int, lower_low: int, upper_high: int, upper_low: int, ports: int) -> int:
        """The slot of these endpoints: an empty one (0) if there is no such flow, else it holds the flow's index + 1 below the hash's upper half."""
        value = self.hashed(lower_high, lower_low, upper_high, upper_low, ports)
        slot = value & self.mask
        while self.slots[slot]:
            entry = self.slots[slot]
            if (entry ^ value) >> 32 == 0:
                flow = self.flows[(entry & WORD) - 1]
                if flow.ports == ports and flow.lower_low == lower_low and flow.upper_low == upper_low:
                    if flow.lower_high == lower_high and flow.upper_high == upper_high:
                        break
            slot = (slot + 1) & self.mask
        return slot

    def enter(self, flow: Flow, index: int) -> int:
        """Let the endpoints of a flow mean this one."""
        slot = self.find(flow.lower_high, flow.lower_low, flow.upper_high, flow.upper_low, flow.ports)
        value = self.hashed(flow.lower_high, flow.lower_low, flow.upper_high, flow.upper_low, flow.ports)
        self.slots[slot] = (value >> 32 << 32) | (index + 1)
        return 0

    def segment(self, frame: Frames, data: Octets, number: int, time: int) -> int:
        """Take in the segment that ``frame`` describes: packet ``number`` of the capture."""
        self.segments += 1
        # Both directions have one key: the endpoints in order.
        is_upper = frame.source_low > frame.target_low
        if frame.source_low == frame.target_low:
            is_upper = frame.source_high > frame.target_high
            if frame.source_high == frame.target_high:
                is_upper = frame.source_port > frame.target_port
        if is_upper:
            low = frame.target_port
            ports = low << 16 | frame.source_port
            flow = self.among(frame.target_high, frame.target_low, frame.source_high, frame.source_low, ports)
        else:
            low = frame.source_port
            ports = low << 16 | frame.target_port
            flow = self.among(frame.source_high, frame.source_low, frame.target_high, frame.target_low, ports)
        if flow is None or (frame.flags & (SYN | ACK) == SYN and self.tracker.is_fresh(flow, frame, is_upper)):
            flow = self.start(frame, is_upper, ports)
        self.recent = flow
        return self.tracker.take(flow, is_upper, frame, data, number, time)

    def among(self, lower_high: int, lower_low: int, upper_high: int, upper_low: int, ports: int) -> Flow | None:
        """The newest flow between these endpoints, None if there is none. Segments come in bursts, so the last one's flow is tried first."""
        flow = self.recent
        if flow is not None and flow.ports == ports and flow.lower_low == lower_low and flow.upper_low == upper_low:
            if flow.lower_high == lower_high and flow.upper_high == upper_high:
                return flow
        entry = self.slots[self.find(lower_high, lower_low, upper_high, upper_low, ports)]
        if entry == 0:
            return None
        return self.flows[(entry & WORD) - 1]

    def start(self, frame: Frames, is_upper: int, ports: int) -> Flow:
        """A new flow, which from now on is the one of its endpoints."""
        if len(self.flows) >= self.most:
            self.evict()
        if 2 * len(self.flows) > self.mask:
            self.resize(2 * (self.mask + 1))
        flow = Flow()
        flow.ports = ports
        if is_upper:
            flow.lower_high, flow.lower_low = frame.target_high, frame.target_low
            flow.upper_high, flow.upper_low = frame.source_high, frame.source_low
        else:
            flow.lower_high, flow.lower_low = frame.source_high, frame.source_low
            flow.upper_high, flow.upper_low = frame.target_high, frame.target_low
        self.flows.append(flow)
        self.enter(flow, len(self.flows) - 1)
        return flow

    def evict(self) -> int:
        """Drop flows until a quarter of the table is free, so that the work for it stays a constant per packet."""
        goal = self.most - (self.most + 3) // 4
        kept = [flow for flow in self.flows if not is_clean(flow)]
        self.dropped_clean += len(self.flows) - len(kept)
        if len(kept) > goal:
            surplus = len(kept) - goal
            flows, kept = kept, []
            for flow in flows:
                if surplus > 0 and is_attempt(flow):
                    surplus -= 1
                    self.dropped_attempts += 1
                else:
                    kept.append(flow)
        if len(kept) > goal:
            oldest = sorted(last_packet(flow) for flow in kept)[len(kept) - goal - 1]
            count = len(kept)
            kept = [flow for flow in kept if last_packet(flow) > oldest]
            self.dropped_silent += count - len(kept)
        self.flows = kept
        return self.resize(self.mask + 1)


def is_clean(flow: Flow) -> bool:
    """True for a flow that was closed in both directions and shows nothing worth a word."""
    lower, upper = flow.lower, flow.upper
    if lower.acked_packet == 0 or upper.acked_packet == 0 or (flow.asker and flow.response_packet == 0):
        return False
    return is_quiet(lower) and is_quiet(upper)


def is_quiet(side: Side) -> bool:
    """True if nothing was repeated, reset or held back."""
    return side.rst_packet == 0 and side.retransmitted == 0 and side.zero_windows == 0 and side.syns < 2


def is_attempt(flow: Flow) -> bool:
    """True if only one end ever spoke, and said nothing but SYN."""
    lower, upper = flow.lower, flow.upper
    return (
        (lower.segments == 0 or upper.segments == 0)
        and lower.octets + upper.octets == 0
        and lower.segments + upper.segments == lower.syns + upper.syns
    )


def last_packet(flow: Flow) -> int:
    """The number of the flow's last packet."""
    return max(flow.lower.last_packet, flow.upper.last_packet)
