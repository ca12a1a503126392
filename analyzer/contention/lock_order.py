"""Two locks that two functions take in opposite order, told from where threads stand: for dumps that do not name the owners of locks.

A function that takes one lock and then another has threads before both. Where many threads of one function wait for the first lock and one of them
is further on and waits for the second, that one holds the first. If the second function shows the same the other way round, the two wait for
each other.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.contention.locks import lock_queues
from analyzer.software.blockers import IDLE, RESULTS, application_frame
from analyzer.software.kinds import PoolRole
from analyzer.software.pools import ThreadSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.contention.locks import LockQueue
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case

FEWEST_AT_FIRST: Final = 2
"""Threads that wait for a function's first lock. Were the order the same everywhere, only the one owner of the first lock could wait for the second."""


class Side(msgspec.Struct, frozen=True):
    """One function: the queue before its first lock, those of the queue that stand in it, and its thread that is past that lock."""

    queue: LockQueue
    function: str
    waiting: tuple[ThreadActivity, ...]
    inside: ThreadActivity


def opposite_orders(case: Case) -> Iterator[tuple[Side, Side]]:
    """Pairs of functions of one process, the one with more threads first."""
    queues = [
        queue
        for queue in lock_queues(case, FEWEST_AT_FIRST)
        if queue.owner is None and queue.lock is not None and queue.lock.address is not None
    ]
    for one, other in combinations(queues, 2):
        if one.view is other.view and (found := _pair(one, other)) is not None:
            yield found


def _pair(one: LockQueue, other: LockQueue) -> tuple[Side, Side] | None:
    functions = _functions(one, other)
    if functions is None:
        return None
    first, second = functions
    past_first = [member for member in other.members if _function(member) == first]
    past_second = [member for member in one.members if _function(member) == second]
    if len(past_first) != 1 or len(past_second) != 1 or _works_there(one, other, {first, second}):
        return None
    return (
        Side(one, first, tuple(member for member in one.members if _function(member) == first), past_first[0]),
        Side(other, second, tuple(member for member in other.members if _function(member) == second), past_second[0]),
    )


def _function(member: ThreadActivity) -> str | None:
    """The function of the application that takes the lock."""
    frame = application_frame(*member)
    return frame.full if frame is not None else None


def _functions(one: LockQueue, other: LockQueue) -> tuple[str, str] | None:
    """The functions before whose first lock each queue stands.

    Of one of them the only thread before its first lock suffices where the whole process waits for these two locks: then whoever holds the second lock is
    among the waiting, and only its own thread that is further on can be.
    """
    firsts, seconds = _by_function(one), _by_function(other)
    first, second = _main_function(firsts), _main_function(seconds)
    if first is not None and second is not None and first != second:
        return first, second
    if not _all_wait(one, other):
        return None
    if first is not None and (left := set(seconds) - {first}) and len(left) == 1:
        return first, left.pop()
    if second is not None and (left := set(firsts) - {second}) and len(left) == 1:
        return left.pop(), second
    return None


def _by_function(queue: LockQueue) -> Counter[str]:
    return Counter(function for member in queue.members if (function := _function(member)) is not None)


def _main_function(functions: Counter[str]) -> str | None:
    """The function in which most of a queue stand."""
    name, count = next(iter(functions.most_common(1)), (None, 0))
    return name if count >= FEWEST_AT_FIRST else None


def _all_wait(one: LockQueue, other: LockQueue) -> bool:
    """True if every thread of a whole dump that has anything to do waits for one of the two locks."""
    waiting = ThreadSet((*one.members, *other.members))
    busy = (member for pool in one.view.pools if pool.role is not PoolRole.JVM for member in pool.busy if member.activity.app >= 0)
    return not one.view.coverage.threads and all(member in waiting or member.activity.kind in RESULTS for member in busy)


def _works_there(one: LockQueue, other: LockQueue, functions: set[str]) -> bool:
    """True if a thread that waits for neither lock is in one of the functions: it may hold a lock, and go on."""
    waiting = ThreadSet((*one.members, *other.members))
    return any(
        member not in waiting and member.activity.kind not in IDLE and any(frame.full in functions for frame in member.thread.frames)
        for pool in one.view.pools
        for member in pool.members
    )
