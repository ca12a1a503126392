"""Pools of one process whose names differ only in numbers: an executor, timer or client that is made again and again."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.software.kinds import PoolRole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import Case, ProcessView

MANY: Final = 50
"""Pools of one pattern in a single dump: large applications have a few dozen unnamed executors by design."""
GROWTH: Final = 20
"""Pools that must have come between first and last dump: fewer may be an application that is still starting."""
SMALL: Final = 2
"""Threads per pool, on average: a pool made for one request runs one or two tasks."""


class PoolFamily(msgspec.Struct, frozen=True):
    """Pools named ``pattern``, which has N for a number. ``counts``: how many there are in each dump; ``before``: those of the first, if it is not the last."""

    view: ProcessView
    pattern: str
    pools: tuple[Pool, ...]
    earlier: tuple[ProcessView, ...]
    before: tuple[Pool, ...]
    counts: tuple[int, ...]

    @property
    def threads(self) -> int:
        """The threads of all of them."""
        return sum(len(pool.members) for pool in self.pools)


def members_of(pools: tuple[Pool, ...]) -> list[ThreadActivity]:
    """The threads of all pools."""
    return [member for pool in pools for member in pool.members]


def multiplying(case: Case) -> Iterator[PoolFamily]:
    """The families that grew from dump to dump and lost none, or that are many where one dump is all there is. A piece of a dump counts nothing."""
    for view in case.latest:
        if view.dump is None or view.dump.fragment:
            continue
        history = [other for other in case.history(view) if other.dump is not None and not other.dump.fragment]
        families = [_families(other) for other in history]
        for pattern, pools in _families(view).items():
            counts = tuple(len(family.get(pattern, ())) for family in families)
            first = families[0].get(pattern, ()) if families else ()
            kept = {pool.name for pool in first} <= {pool.name for pool in pools}
            grown = len(counts) > 1 and kept and counts[-1] - counts[0] >= GROWTH and all(b >= a for a, b in itertools.pairwise(counts))
            earlier = tuple(other for other in history if other is not view)
            found = PoolFamily(view, pattern, pools, earlier, first if earlier else (), counts)
            if found.threads <= SMALL * len(pools) and (grown or (len(counts) <= 1 and len(pools) >= MANY)):
                yield found


def _families(view: ProcessView) -> dict[str, tuple[Pool, ...]]:
    """Pools whose names differ only in numbers, by the name without them."""
    found: dict[str, list[Pool]] = defaultdict(list)
    for pool in view.pools:
        if pool.role not in {PoolRole.SERVER, PoolRole.JVM, PoolRole.ACCEPTOR} and re.search(r"\d", pool.name):
            found[re.sub(r"\d+", "N", pool.name)].append(pool)
    return {pattern: tuple(pools) for pattern, pools in sorted(found.items())}
