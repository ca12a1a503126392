"""Threads with equal stacks, and sockets that are alike: what a developer looks through when the verdict names the place."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from parsers.records import Where  # noqa: TC001 - msgspec reads the annotations when the classes are made

if TYPE_CHECKING:
    from analyzer.model.finding import Process


class Cell(StrEnum):
    """A thread in one dump, compared with the dump before."""

    PRESENT = "P"
    """There, in the first dump of the process."""
    SAME = "S"
    """On the same stack."""
    WORKED = "W"
    """On the same stack, but it has used CPU in between: it serves one piece of work after the other, or computes."""
    MOVED = "M"
    """On another stack."""
    NEW = "N"
    GONE = "G"
    ABSENT = "-"


class ThreadRow(msgspec.Struct, frozen=True):
    """Threads of a group with the same course: ``cells`` has one letter (:class:`Cell`) for each dump of the process."""

    cells: str
    threads: tuple[str, ...]


class StackGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Threads of one process that have equal stacks in its last dump; ``gone`` ones have them in the last dump that shows them.

    ``frames`` are as the dump prints them, the waiting frame first; ``application`` has the indices of those outside the runtime and frameworks.
    ``doing`` is the kind of wait, ``waits_for`` the frame or the lock that says it. ``seen_in`` names the snapshots in which every thread of the group
    stood so. ``moved``: False if all stood there in the dump before and used no CPU since, None if that is not known. ``told`` is True
    for groups that the verdict speaks of.
    """

    snapshot: str
    host: str | None
    pid: int | None
    count: int
    threads: tuple[str, ...]
    pools: dict[str, int]
    state: str | None
    doing: str
    idle: bool
    waits_for: str | None
    frames: tuple[str, ...]
    application: tuple[int, ...]
    application_frame: str | None
    where: Where
    seen_in: tuple[str, ...]
    dumps: tuple[str, ...]
    moved: bool | None
    no_cpu: bool
    gone: bool
    told: bool
    rows: tuple[ThreadRow, ...]


class Queue(StrEnum):
    """What a socket's Recv-Q says. A FIN counts as one byte."""

    EMPTY = "empty"
    FIN = "fin"
    UNREAD = "unread"
    UNACCEPTED = "unaccepted"
    UNKNOWN = "unknown"


class SocketGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Sockets of one process with the same far host, state and queue. ``port`` is its own, for those that clients opened.

    ``holders`` are the threads or pools that they are linked to, and how many sockets each has.
    """

    snapshot: str
    host: str | None
    pid: int | None
    side: str
    port: int | None
    remote: str
    state: str
    queue: Queue
    count: int
    holders: dict[str, int]


def order_of_group(group: StackGroup, subject: Process | None) -> tuple[object, ...]:
    """Sort key: what the verdict speaks of, then its process, then threads that wait or work before idle ones and those that are gone; the most first."""
    mine = subject is not None and (group.host, group.pid) == (subject.host, subject.pid)
    return not group.told, not mine, group.gone, group.idle, -group.count, group.where
