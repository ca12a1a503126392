"""Pools under several names that serve one listener become one pool.

A server that names its threads after tenants, shards or regions shows many small pools. They answer the same clients, so one cause in them
is one cause.
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

    from analyzer.software.knowledge import Knowledge
    from analyzer.software.pools import Pool

NAMED: Final = 3
"""Names that stand side by side in a sentence; more are told as the first ones and a number."""


def merged(pools: Sequence[Pool], listeners: Collection[int], known: Knowledge) -> tuple[Pool, ...]:
    """The pools, those as one that serve the same listener and whose threads come to the application by the same frames.

    ``listeners``: the ports of the process. Without a port of its own a pool serves the only listener there is; of several, nobody knows which.
    """
    alike: dict[tuple[int, tuple[str, ...]], list[Pool]] = defaultdict(list)
    for pool in pools:
        port = pool.port if pool.port is not None else _only(listeners)
        way = _way_in(pool, known)
        if pool.role is PoolRole.SERVER and pool.bounded and port is not None and way:
            alike[port, way].append(pool)
    together = {found[0]: _as_one(found) for found in alike.values() if len(found) > 1}
    gone = {pool for found in alike.values() for pool in found[1:]}
    return tuple(together.get(pool, pool) for pool in pools if pool not in gone)


def _only(listeners: Collection[int]) -> int | None:
    return next(iter(listeners)) if len(listeners) == 1 else None


def _way_in(pool: Pool, known: Knowledge) -> tuple[str, ...]:
    """The frames of a server between the bottom of the stacks and the application; empty where the threads do not share them."""
    ways = {found[:-1] for member in pool.members if (found := entry(member, known)) is not None}
    return ways.pop() if len(ways) == 1 else ()


def _as_one(found: Sequence[Pool]) -> Pool:
    names = [pool.name for pool in found]
    name = common_name(names) or (
        joined(", ", names)
        if len(names) <= NAMED
        else say("{names} and {more} more", names=joined(", ", names[:NAMED]), more=len(names) - NAMED)
    )
    return replace(found[0], name=name, members=tuple(member for pool in found for member in pool.members))
