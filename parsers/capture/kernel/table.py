"""The flow table: from endpoints to the newest flow between them, in bounded memory. Compiled or interpreted, as ``frames.py`` says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from parsers.capture.kernel.flows import ACK, SYN, WORD, Tracker
from parsers.capture.kernel.rows import Rows, at, end_of

if TYPE_CHECKING:
    from parsers.capture.kernel.frames import Frames
    from parsers.capture.kernel.octets import Octets
    from parsers.capture.kernel.rows import FlowRow, Side

MIX = 0x9E3779B97F4A7C15
"""2⁶⁴ divided by the golden ratio: multiplying by it spreads neighbouring addresses (Fibonacci hashing)."""
LONG = 0xFFFFFFFFFFFFFFFF
SMALLEST = 1024
"""Slots of an empty table."""
CLEAN, ATTEMPT, SILENT = 0, 1, 2


class FlowTable:
    """The flows of a capture, in ``rows``.

    Args:
        most: flows that are kept; beyond, finished ones that show nothing are dropped first, then attempts without an answer, then the
            longest silent. ``dropped_clean``, ``dropped_attempts`` and ``dropped_silent`` count them.
    """

    __slots__ = ("dropped_attempts", "dropped_clean", "dropped_silent", "mask", "most", "rows", "salt", "segments", "tracker")

    def __init__(self, most: int) -> None:
        """An empty table."""
        self.most = most
        self.rows = Rows()
        self.tracker = Tracker()
        # Hostile evidence could otherwise hold addresses that all fall into one slot.
        self.salt = int.from_bytes(os.urandom(8), "little")
        self.segments = self.dropped_clean = self.dropped_attempts = self.dropped_silent = 0
        self.resize(SMALLEST)

    def resize(self, size: int) -> int:
        """Make ``size`` slots (a power of two) and enter the newest flow of each pair of endpoints."""
        self.rows.clear(size)
        self.mask = size - 1
        for index in range(self.rows.count):
            self.enter(at(self.rows, index), index)
        return 0

    def hashed(self, lower_high: int, lower_low: int, upper_high: int, upper_low: int, ports: int) -> int:
        """64 bits of the endpoints; the result of nothing depends on them but time."""
        value = ((self.salt ^ lower_low) + (lower_high ^ ports)) * MIX & LONG
        value ^= value >> 32
        value = ((value ^ upper_low) + upper_high) * MIX & LONG
        return value ^ value >> 32

    def find(self, lower_high: int, lower_low: int, upper_high: int, upper_low: int, ports: int, value: int) -> int:
        """The slot of these endpoints, whose hash is ``value``: an empty one (0), or the flow's index + 1 below the hash's upper half."""
        slot = value & self.mask
        while self.rows.slots[slot]:
            entry = self.rows.slots[slot]
            if (entry ^ value) >> 32 == 0:
                flow = at(self.rows, (entry & WORD) - 1)
                if flow.ports == ports and flow.lower_low == lower_low and flow.upper_low == upper_low:
                    if flow.lower_high == lower_high and flow.upper_high == upper_high:
                        break
            slot = (slot + 1) & self.mask
        return slot

    def enter(self, flow: FlowRow, index: int) -> int:
        """Let the endpoints of a flow mean this one."""
        value = self.hashed(flow.lower_high, flow.lower_low, flow.upper_high, flow.upper_low, flow.ports)
        slot = self.find(flow.lower_high, flow.lower_low, flow.upper_high, flow.upper_low, flow.ports, value)
        self.rows.slots[slot] = (value >> 32 << 32) | (index + 1)
        return 0

    def segment(self, frame: Frames, data: Octets, number: int, time: int) -> int:
        """Take in the segment that ``frame`` describes: packet ``number`` of the capture."""
        self.segments += 1
        # Both directions have one key: the endpoints in order.
        is_upper = 1 if frame.source_low > frame.target_low else 0
        if frame.source_low == frame.target_low:
            is_upper = 1 if frame.source_high > frame.target_high else 0
            if frame.source_high == frame.target_high:
                is_upper = 1 if frame.source_port > frame.target_port else 0
        if is_upper:
            lower_high, lower_low, upper_high, upper_low = frame.target_high, frame.target_low, frame.source_high, frame.source_low
            ports = frame.target_port << 16 | frame.source_port
        else:
            lower_high, lower_low, upper_high, upper_low = frame.source_high, frame.source_low, frame.target_high, frame.target_low
            ports = frame.source_port << 16 | frame.target_port
        value = self.hashed(lower_high, lower_low, upper_high, upper_low, ports)
        slot = self.find(lower_high, lower_low, upper_high, upper_low, ports, value)
        index = (self.rows.slots[slot] & WORD) - 1
        if index < 0 or (frame.flags & (SYN | ACK) == SYN and self.tracker.is_fresh(at(self.rows, index), frame, is_upper)):
            index = self.start(lower_high, lower_low, upper_high, upper_low, ports)
        return self.tracker.take(at(self.rows, index), is_upper, frame, data, number, time)

    def newest(self, high: int, low: int, port: int, other_high: int, other_low: int, other_port: int) -> int:
        """The newest flow between two endpoints, in either order; -1 for none."""
        is_upper = 1 if low > other_low else 0
        if low == other_low:
            is_upper = 1 if high > other_high or (high == other_high and port > other_port) else 0
        if is_upper:
            high, low, port, other_high, other_low, other_port = other_high, other_low, other_port, high, low, port
        ports = port << 16 | other_port
        value = self.hashed(high, low, other_high, other_low, ports)
        slot = self.find(high, low, other_high, other_low, ports, value)
        return (self.rows.slots[slot] & WORD) - 1

    def start(self, lower_high: int, lower_low: int, upper_high: int, upper_low: int, ports: int) -> int:
        """A new flow, which from now on is the one of its endpoints."""
        if self.rows.count >= self.most:
            self.evict()
        if 2 * self.rows.count > self.mask:
            self.resize(2 * (self.mask + 1))
        self.rows.add()
        index = self.rows.count - 1
        flow = at(self.rows, index)
        flow.lower_high = lower_high
        flow.lower_low = lower_low
        flow.upper_high = upper_high
        flow.upper_low = upper_low
        flow.ports = ports
        self.enter(flow, index)
        return index

    def evict(self) -> int:
        """Drop flows until a quarter of the table is free, so that the work for it stays a constant per packet."""
        goal = self.most - (self.most + 3) // 4
        self.dropped_clean += self.drop(self.rows.count, CLEAN, 0)
        self.dropped_attempts += self.drop(self.rows.count - goal, ATTEMPT, 0)
        if self.rows.count > goal:
            ages = sorted([last_packet(at(self.rows, index)) for index in range(self.rows.count)])
            self.dropped_silent += self.drop(self.rows.count - goal, SILENT, ages[self.rows.count - goal - 1])
        self.tracker.shorten(self.rows)
        return self.resize(self.mask + 1)

    def drop(self, surplus: int, kind: int, oldest: int) -> int:
        """Drop at most ``surplus`` flows that are clean, an attempt, or silent since ``oldest``; how many those were."""
        kept = 0
        before = self.rows.count
        for index in range(before):
            flow = at(self.rows, index)
            if surplus > 0 and (is_clean(flow) if kind == CLEAN else is_attempt(flow) if kind == ATTEMPT else last_packet(flow) <= oldest):
                surplus -= 1
            else:
                self.rows.keep(index, kept)
                kept += 1
        self.rows.cut(kept)
        return before - kept


def is_clean(flow: FlowRow) -> bool:
    """True for a flow that was closed in both directions and shows nothing worth a word."""
    lower = end_of(flow, 0)
    upper = end_of(flow, 1)
    if lower.acked_packet == 0 or upper.acked_packet == 0 or (flow.asker and flow.response_packet == 0):
        return False
    return is_quiet(lower) and is_quiet(upper)


def is_quiet(side: Side) -> bool:
    """True if nothing was repeated, reset or held back."""
    return side.rst_packet == 0 and side.retransmitted == 0 and side.zero_windows == 0 and side.syns < 2


def is_attempt(flow: FlowRow) -> bool:
    """True if only one end ever spoke, and said nothing but SYN."""
    lower = end_of(flow, 0)
    upper = end_of(flow, 1)
    return (
        (lower.segments == 0 or upper.segments == 0)
        and lower.octets + upper.octets == 0
        and lower.segments + upper.segments == lower.syns + upper.syns
    )


def last_packet(flow: FlowRow) -> int:
    """The number of the flow's last packet."""
    return max(end_of(flow, 0).last_packet, end_of(flow, 1).last_packet)
