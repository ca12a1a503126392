"""Pools under several names that serve one listener and all wait in one place become one pool.

A server that names its threads after tenants, shards or regions shows many small pools. Where they all stand in the same call, one cause holds
them up. A pool that has a free thread, or does something else, stays apart: beside it the pool that hangs would seem to have free threads.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.model.message import joined, say
from analyzer.software.kinds import PoolRole
from analyzer.software.pools import entry
from analyzer.software.thread_names import common_name

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from analyzer.software.kinds import ActivityKind
    from analyzer.software.knowledge import Knowledge
    from analyzer.software.pools import Pool
    from parsers.records import Frame

NAMED: Final = 3
"""Names that stand side by side in a sentence; more are told as the first ones and a number."""


def merged(pools: Sequence[Pool], listeners: Collection[int], known: Knowledge) -> tuple[Pool, ...]:
    """The pools, those as one that serve the same listener, came to the application by the same frames and all stand in one place of it.

    ``listeners``: the ports of the process. Without a port of its own a pool serves the only listener there is; of several, nobody knows which.
    """
    alike: dict[object, list[Pool]] = defaultdict(list)
    for pool in pools:
        port = pool.port if pool.port is not None else _only(listeners)
        if pool.role is PoolRole.SERVER and pool.bounded and port is not None:
            way, place = _way_in(pool, known), _place(pool)
            if way and place is not None:
                alike[port, way, place].append(pool)
    together = {found[0]: _as_one(found) for found in alike.values() if len(found) > 1}
    gone = {pool for found in alike.values() for pool in found[1:]}
    return tuple(together.get(pool, pool) for pool in pools if pool not in gone)


def _only(listeners: Collection[int]) -> int | None:
    return next(iter(listeners)) if len(listeners) == 1 else None


def _way_in(pool: Pool, known: Knowledge) -> tuple[str, ...]:
    """The frames of a server between the bottom of the stacks and the application; empty where the threads do not share them."""
    ways = {found[:-1] for member in pool.members if (found := entry(member, known)) is not None}
    return ways.pop() if len(ways) == 1 else ()


def _place(pool: Pool) -> tuple[ActivityKind, Frame] | None:
    """What every thread of the pool does, and the application's line that it does it in; None if they differ, or one of them is free."""
    places = {
        (member.activity.kind, member.thread.frames[member.activity.app]) if member.activity.app >= 0 else None for member in pool.workers
    }
    return places.pop() if len(places) == 1 and not pool.idle else None


def _as_one(found: Sequence[Pool]) -> Pool:
    names = [pool.name for pool in found]
    name = common_name(names) or (
        joined(", ", names)
        if len(names) <= NAMED
        else say("{names} and {more} more", names=joined(", ", names[:NAMED]), more=len(names) - NAMED)
    )
    return replace(found[0], name=name, members=tuple(member for pool in found for member in pool.members))
