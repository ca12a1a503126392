"""What packets and clocks add to a diagnosis: connections as captures show them, when snapshots were taken, how far limits are."""

from __future__ import annotations

import msgspec


class FlowMark(msgspec.Struct, frozen=True):
    """A packet that tells something: its number in the capture (0: no packet), seconds since the flow's first, which end sent it, what it is."""

    packet: int
    seconds: float
    side: str
    what: str


class FlowSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A TCP connection seen in a capture: ``opened`` in UTC, durations in seconds, ``bytes`` of payload each end sent."""

    capture: str
    client: str
    server: str
    opened: str | None
    closed_first: str | None
    fin: dict[str, bool]
    rst: bool
    request: str | None
    response: str | None
    unanswered_for: float | None
    half_closed_for: float | None
    retransmitted: int
    zero_windows: int
    bytes: dict[str, int]
    marks: tuple[FlowMark, ...] = ()


class Patience(msgspec.Struct, frozen=True):
    """How long the clients of a server waited for an answer before they gave up: seconds, the shortest first."""

    server: str
    seconds: tuple[float, ...]


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How the connections of one server ended, as packets show it: each of the first two and the last three counts stands apart.

    ``client_first``, ``server_first``: this end sent the first FIN (RFC 9293, 3.6: the active close); ``server_never_closed`` of the former
    and ``client_never_closed`` of the latter sit in CLOSE_WAIT when the capture ends. ``reset_by_…``: a RST without any FIN. ``open``: neither.
    ``seconds_between``: the median from the first FIN to the other, None where no connection shows both.
    """

    server: str
    client_first: int
    server_first: int
    client_never_closed: int
    server_never_closed: int
    reset_by_client: int
    reset_by_server: int
    open: int
    seconds_between: float | None


class Moment(msgspec.Struct, frozen=True):
    """When a snapshot was taken: ISO 8601, with a zone only if the evidence has one."""

    host: str | None
    snapshot: str
    time: str


class Turnover(msgspec.Struct, frozen=True):
    """CLOSE_WAIT sockets of a process from its first table to its last: how many are the same (4-tuple and inode), are new, are gone."""

    host: str | None
    pid: int | None
    stayed: int
    came: int
    went: int


class DescriptorLimit(msgspec.Struct, frozen=True):
    """How many descriptors a process uses and may use. ``assumed``: no file states the limit, it is a usual one."""

    host: str | None
    pid: int | None
    used: int
    limit: int
    assumed: bool
