"""What a command counted: sockets by state and ends, descriptors by target, threads by name. Part of :mod:`parsers.records`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from parsers.records import Endpoint, TcpState
    from parsers.records.places import Pid, Where


class Counted(StrEnum):
    """What a number counts."""

    SOCKETS = "sockets"
    DESCRIPTORS = "descriptors"
    THREADS = "threads"
    GOROUTINES = "goroutines"
    TRACKED = "connections that the host tracks"
    LINES = "lines"
    OBJECTS = "objects of a heap"
    LENT = "what a pool may lend"
    SCANNED = "rows of a table that a plan reads as a whole"
    DUMPS = "thread dumps"
    CALLED = "addresses that are called"


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """A number that a command counted, with what the row and the command say of the things. None: neither says it.

    ``listing`` is the first line of the output: the tallies of one output are of one moment. ``local``, ``remote``: an end whose port was
    cut off has none, one whose address was hidden has a word in its place; ``end``: an end of which neither row nor command says whose it is.
    ``name``: what a descriptor points to, how threads are called, or the state of goroutines. ``number`` was looked for in rows that have ports and pids. ``apart``: seconds to the moment of the count beside it as the words above
    say, negative for an earlier one; 0.0 where they name no duration.
    """

    where: Where
    what: Counted
    count: int
    command: str | None = None
    listing: int = 0
    state: TcpState | None = None
    local: Endpoint | None = None
    remote: Endpoint | None = None
    end: Endpoint | None = None
    recv_q: int | None = None
    pid: Pid | None = None
    process: str | None = None
    name: str | None = None
    number: int | None = None
    before: bool | None = None
    apart: float | None = None
    told: bool = False
    ordinal: int | None = None
    """Which of the stacks below the words speak of: "identical to the second one"; -1 for the last."""


class Setting(msgspec.Struct, frozen=True):
    """A setting or counter of the kernel by its name in ``sysctl``: ``net.ipv4.ip_local_port_range`` has two values."""

    where: Where
    name: str
    values: tuple[int, ...]
