"""What somebody between two ends, or a count, says of many connections to one place. Part of :mod:`parsers.records`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from parsers.records import Endpoint
    from parsers.records.places import Where


class Fate(StrEnum):
    """What became of connections, as the packets or a tracker of them tell."""

    UNANSWERED = "a SYN was sent again, and nothing came back"
    SILENT = "a SYN, and nothing came back yet"
    REFUSED = "a SYN was answered by a reset"
    RESET_BY_CLIENT = "the client reset it"
    RESET_BY_SERVER = "the server reset it"
    CROSSED = "the server closed an idle connection, and a request crossed it"
    VAIN = "data was sent again and again, and nothing came back"
    AGAIN = "data was sent again"
    LISTED = "listed in a state"


class FarCount(msgspec.Struct, frozen=True, kw_only=True):
    """Connections to one place that fared alike.

    ``where``: the first line that tells. ``remote``: the end that was called. ``onward``: where a translation of
    addresses sends it on. ``state`` as the tool prints it. ``packets``: how many of them tell. ``idle``: for how many seconds nothing was sent on
    those that the server closed, or before data that was sent in vain, the shortest and the longest. ``late``: seconds from that close to a request,
    or from the first of that data to its last repetition, at most; or from the first SYN without an answer to the last. ``alive``: another connection
    to the same place got an answer, where SYNs got none in the same seconds.
    """

    where: Where
    tool: str
    remote: Endpoint
    count: int
    fate: Fate = Fate.LISTED
    state: str | None = None
    proto: str = "tcp"
    onward: Endpoint | None = None
    packets: int = 0
    idle: tuple[float, float] | None = None
    late: float = 0.0
    alive: bool = False


class ProxyLoad(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the statistics of a proxy or pooler: what waits for a server, how many sessions it has and may have, what failed since the proxy began.

    A pooler lists a pool in a line: ``server`` is then empty, ``current`` and ``idle`` are its connections to the database, ``waits`` is how long the
    oldest client has waited, in seconds, and ``mode`` when a client gives its connection back.
    """

    where: Where
    proxy: str
    server: str
    queued: int | None = None
    current: int | None = None
    limit: int | None = None
    status: str | None = None
    software: str = "HAProxy"
    idle: int | None = None
    waits: float | None = None
    mode: str | None = None
    failed: int | None = None
    """Connections to the server that could not be made."""
    answers: float | None = None
    """Seconds from a request to the first byte of its answer, the mean of the last 1,024 requests."""
    connects: float | None = None
    """Seconds to make a connection to the server, the mean as well."""
