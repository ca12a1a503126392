"""What is known of an incident as a whole, for the head of a report."""

from __future__ import annotations

import msgspec


class IncidentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Name, hosts and the span of time that the evidence covers. Times are ISO 8601, without zone unless the evidence has one."""

    name: str
    hosts: tuple[str, ...]
    first: str | None
    last: str | None
    zone: str | None = None
    """The zone of the times: an offset that the collector's clock tells, or what ``date`` printed."""
    vm: str | None = None
    uptime: float | None = None
    """Seconds since the process of the verdict began."""
    kernel: str | None = None
    collected_by: int | None = None
    """The uid that ran the collector."""
