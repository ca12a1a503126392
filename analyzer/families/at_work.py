"""A pool that is smaller than the number of threads which share it, where as many threads as it has connections run a statement: none of them was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.evidence.multiples import multiple
from analyzer.software.kinds import ActivityKind

if TYPE_CHECKING:
    from analyzer.evidence.settings_beside import Sizes
    from analyzer.software.knowledge import Knowledge
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case

_CALLS: Final = frozenset({ActivityKind.CALL, ActivityKind.SOCKET_READ})
_RUNS: Final = frozenset(
    {"async_exec", "async_exec_params", "async_exec_prepared", "exec_params", "exec_prepared", "exec_no_cache", "exec_cache", "_query"}
)
"""Functions of drivers written in C, which stand at their caller's line: they return when a statement has ended."""


def with_workers(case: Case, sizes: Sizes) -> Sizes:
    """The sizes, with how many threads run a statement if these are as many as the pool has connections."""
    for view in case.latest:
        members = [one for pool in view.pools for one in pool.members if _runs(one, view.known)]
        more = multiple(case, members) if members else None
        number = more.number if more is not None else len(members)
        if number == sizes.pool:
            return replace(sizes, working=number, evidence=(*sizes.evidence, *((more.evidence,) if more is not None else ())))
    return sizes


def _runs(member: ThreadActivity, known: Knowledge) -> bool:
    """True for a thread that waits for the end of a statement."""
    if member.activity.kind in _CALLS and member.activity.library in known.databases:
        return True
    frames = member.thread.frames
    return bool(frames) and frames[0].method in _RUNS and not known.is_application(frames[0].cls)
