"""The largest groups of threads that wait alike in a whole dump without a socket table: what they wait for, called from where, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.movement import progress_text, standing
from analyzer.model.message import say, unended
from analyzer.software.blockers import IDLE
from analyzer.software.kinds import ActivityKind, PoolRole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

GROUP: Final = 3
"""Threads in one place that are no chance."""
MOST: Final = 3
"""Groups that are told."""
_RESTING: Final = IDLE | {ActivityKind.NONE, ActivityKind.RUNNING}
_HELPERS: Final = frozenset({PoolRole.JVM, PoolRole.ACCEPTOR, PoolRole.EVENT_LOOP})


def waiting_groups(view: ProcessView) -> list[tuple[ThreadActivity, ...]]:
    """Groups of one pool that wait in the same call of the application, the largest first. Threads without an application frame wait for work."""
    groups: dict[object, list[ThreadActivity]] = {}
    for number, pool in enumerate(view.pools):
        for member in pool.members if pool.role not in _HELPERS else ():
            found = member.activity
            if found.kind not in _RESTING and found.app >= 0:
                groups.setdefault((number, found.kind, member.thread.frames[found.app]), []).append(member)
    return sorted((tuple(group) for group in groups.values() if len(group) >= GROUP), key=lambda group: -len(group))[:MOST]


def since_in_words(case: Case, view: ProcessView, group: Sequence[ThreadActivity]) -> Iterator[str]:
    """That a group stood there in the dump before, and how much of its pool it is."""
    if progress := progress_text(standing(case, view, group)):
        yield unended(progress.strip())
    pool = next(pool for pool in view.pools if group[0] in pool.members)
    if pool.bounded and len(pool.busy) == len(pool.workers):
        yield say("no thread of {name} is free", name=pool.name)
