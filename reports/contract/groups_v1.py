"""Groups of stacks and sockets in the contract ``diagnosis/1``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from analyzer.model.groups import Queue  # noqa: TC001 - msgspec reads the annotations when the classes are made

if TYPE_CHECKING:
    from analyzer.model import groups


class Place(msgspec.Struct, frozen=True):
    """A place in a file."""

    file: str
    first: int
    last: int


class ThreadCourse(msgspec.Struct, frozen=True):
    """Threads with the same course through the dumps: P there, S same stack, W same stack but used CPU, M moved, N new, G gone, - not there."""

    cells: str
    threads: tuple[str, ...]


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """Threads with equal stacks. ``application``: indices of the frames outside the runtime and frameworks; ``dumps``: what ``rows`` has cells for."""

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
    where: Place
    seen_in: tuple[str, ...]
    dumps: tuple[str, ...]
    moved: bool | None
    gone: bool
    rows: tuple[ThreadCourse, ...]
    told: bool = False
    """True for groups that the verdict speaks of."""


class SocketGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Alike sockets: the same far host, state and class of Recv-Q. ``holders``: how many each linked thread or pool has."""

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


def stack_of(group: groups.StackGroup) -> Stack:
    """A group of stacks as the contract has it."""
    fields = {field: getattr(group, field) for field in Stack.__struct_fields__}
    rows = tuple(ThreadCourse(row.cells, row.threads) for row in group.rows)
    return Stack(**{**fields, "where": Place(group.where.file, group.where.first, group.where.last), "rows": rows})


def socket_group_of(group: groups.SocketGroup) -> SocketGroup:
    """A group of sockets as the contract has it."""
    return SocketGroup(**{field: getattr(group, field) for field in SocketGroup.__struct_fields__})
