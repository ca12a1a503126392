"""Pools whose tasks wait for tasks: who could run what a thread waits for.

A dump names neither the executor of a future nor its task. But a subtask is mostly a lambda or an inner class of whoever waits for it: a
pool that runs one has the waiter's class as the outermost application class of its task.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import BlockedGroup
from analyzer.evidence.movement import moved_on, standing
from analyzer.software.blockers import FUTURES, application_frame, calls_of, waited_lock
from analyzer.software.kinds import ActivityKind, PoolRole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzer.software.knowledge import Knowledge
    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame

COMMON_POOL: Final = "ForkJoinPool.commonPool-worker"
"""Threads of the JDK's common pool (``ForkJoinPool``, its worker thread factory)."""
BY_DESIGN: Final = FUTURES | {
    ActivityKind.SLEEP,
    ActivityKind.QUEUE,
    ActivityKind.SEMAPHORE,
    ActivityKind.CONDITION,
    ActivityKind.OBJECT_WAIT,
    ActivityKind.JOIN,
    ActivityKind.BARRIER,
    ActivityKind.FILE_LOCK,
    ActivityKind.DATAGRAM,
    ActivityKind.PARK,
    ActivityKind.WAITING,
}
"""Kinds of waits that hold a worker of the common pool without telling which other cause is behind them."""


class Starved(BlockedGroup):
    """A pool all of whose workers wait for results."""

    def __init__(self, case: Case, view: ProcessView, pool: Pool) -> None:
        """``pool`` waits with all of its workers."""
        super().__init__(case, view, pool.busy)
        self._starved = pool

    @property
    def picked(self) -> bool:
        """False: that all threads of a pool wait is what matters, and one or two do not show it."""
        return False

    @cached_property
    def strangers(self) -> tuple[Pool, ...]:
        """Other pools that run tasks, though none of the waiters' code."""
        pool, known = self._starved, self.view.known
        return tuple(
            other
            for other in self.view.pools
            if other is not pool and other.role != PoolRole.SERVER and _tasks(other, known) and not _waits_for(other, pool, known)
        )

    @property
    def plain(self) -> bool:
        """True if all wait for plain tasks."""
        return all(map(_awaits_task, self.members))

    @property
    def named(self) -> bool:
        """True if lock lines name what they wait for as tasks."""
        return all(map(_names_task, self.members))

    @property
    def nested(self) -> bool:
        """True if the workers wait for results, so that the pool may owe them itself."""
        return all(member.activity.kind in FUTURES for member in self.members)

    @property
    def waiters(self) -> tuple[ThreadActivity, ...]:
        """The request threads that wait for results of the pool."""
        return tuple(self.serving.waiters) if self.before and self.serving is not None else ()

    @property
    def calls_out(self) -> bool:
        """True if the process has connections of its own: a result may come over one of them, without any thread that waits for it."""
        return not self.view.sockets or bool(self.view.client_side)


def starved(case: Case, *, common: bool) -> tuple[Starved, ...]:
    """Pools, at each process' last view, of which every worker runs a task that waits for what no other pool runs.

    ``common``: the JDK's common pool; else all others, of which only waits for results count.
    """
    kinds = BY_DESIGN if common else FUTURES
    return tuple(
        Starved(case, view, pool)
        for view in case.latest
        for pool in view.pools
        if _is_open(pool)
        and (pool.name == COMMON_POOL) is common
        and _all_wait(pool, kinds, view.known)
        and not _at_one_gate(pool)
        and not _runs_elsewhere(view, pool)
        and not moved_on(standing(case, view, pool.busy))  # they had their results since the dump before, and wait for the next ones
    )


def _all_wait(pool: Pool, kinds: frozenset[str], known: Knowledge) -> bool:
    tasks = _tasks(pool, known)
    return 0 < len(pool.workers) == len(tasks) and all(member.activity.kind in kinds and member.activity.app >= 0 for member in tasks)


def _is_open(pool: Pool) -> bool:
    """True for a pool that runs whatever is given to it. One that serves may be the application's own, which gives it the parts of a request, too.

    Then its threads wait for plain tasks, which only a thread completes, or for latches in a pool that only numbers make a server's. A promise of a
    request is as often one that somebody else should keep.
    """
    latches = pool.basis is not None and all(member.activity.kind is ActivityKind.LATCH for member in pool.busy)
    return pool.role != PoolRole.SERVER or latches or all(map(_awaits_task, pool.busy))


def _awaits_task(member: ThreadActivity) -> bool:
    """True for a wait for a plain task of an executor (FutureTask, Python's Future): only one of its threads completes it, mostly no message from outside."""
    return _names_task(member) if waited_lock(member.thread) is not None else member.activity.kind is ActivityKind.FUTURE


def _names_task(member: ThreadActivity) -> bool:
    lock = waited_lock(member.thread)
    return lock is not None and (lock.cls or "").endswith("concurrent.FutureTask")


def _at_one_gate(pool: Pool) -> bool:
    """True if all wait for one latch or barrier: a gate that somebody else opens. Tasks that wait for subtasks have a latch each."""
    locks = [waited_lock(member.thread) for member in pool.busy]
    gates = {lock.address for lock in locks if lock is not None}
    return (
        len(locks) > 1
        and None not in locks
        and len(gates) == 1
        and None not in gates
        and all(member.activity.kind == ActivityKind.LATCH for member in pool.busy)
    )


def _tasks(pool: Pool, known: Knowledge) -> list[ThreadActivity]:
    """Members that run a task; one whose stack was cut is one if it is the beginning of another's that does."""
    found = [member for member in pool.busy if not known.task_frames.isdisjoint(calls_of(member.thread.frames))]
    if not found or len(found) == len(pool.busy):
        return found
    whole = {member.thread.frames for member in found}
    return [member for member in pool.busy if member in found or _begins_one(member.thread.frames, whole)]


def _begins_one(frames: tuple[Frame, ...], whole: set[tuple[Frame, ...]]) -> bool:
    return bool(frames) and any(len(frames) < len(other) and other[: len(frames)] == frames for other in whole)


def _waiting_classes(members: Iterable[ThreadActivity]) -> set[str]:
    """Classes of the application frames that wait."""
    return {frame.cls.partition("$")[0] for member in members if (frame := application_frame(*member)) is not None}


def _task_classes(members: Iterable[ThreadActivity], known: Knowledge) -> set[str]:
    """Outermost application classes of running tasks: the last one above the frame that runs the task."""
    found = set()
    for member in members:
        outermost = None
        for frame in member.thread.frames:
            if frame.full in known.task_frames:
                break
            if known.is_application(frame.cls):
                outermost = frame.cls.partition("$")[0]
        if outermost is not None:
            found.add(outermost)
    return found


def _runs_elsewhere(view: ProcessView, pool: Pool) -> bool:
    """True if other threads run code of the class that waits here: tasks of another pool, or threads that were started for it. These are what to look at."""
    runners, waiting = _runners(view), _waiting_classes(pool.busy)
    if any(other is not pool for name in waiting for other in runners.get(name, ())):
        return True
    others = [other for other in view.pools if other is not pool and other.role == PoolRole.OTHER]
    return any(frame.cls.partition("$")[0] in waiting for other in others for member in other.busy for frame in member.thread.frames)


@lru_cache(maxsize=64)  # every pool of a process asks
def _runners(view: ProcessView) -> dict[str, list[Pool]]:
    """Class → the first two pools that run tasks of it and serve nobody: one of them is another than the pool that asks."""
    found: dict[str, list[Pool]] = defaultdict(list)
    for pool in view.pools:
        # Requests whose threads all wait for results are those who asked, not those who run what they asked for.
        asks = pool.role is PoolRole.SERVER and all(member.activity.kind in FUTURES for member in pool.busy)
        if not asks and not any(member.activity.serving for member in pool.members):
            for name in _task_classes(_tasks(pool, view.known), view.known):
                found[name] = [*found[name], pool][:2]
    return dict(found)


def _waits_for(other: Pool, pool: Pool, known: Knowledge) -> bool:
    """True if the threads of ``other`` wait for tasks that ``pool`` runs."""
    waiters = [member for member in other.busy if member.activity.kind in FUTURES]
    return len(waiters) == len(other.busy) and bool(_waiting_classes(waiters) & _task_classes(_tasks(pool, known), known))
