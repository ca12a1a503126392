"""Futures: which pool must run what a thread waits for.

A dump names the future, never its executor. The pool behind it is inferred: its workers run code of the same application class as the
waiters (a task is mostly a lambda or an inner class of whoever waits for it), or it is the only pool that has anything to do.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.finding import Confidence
from analyzer.model.message import say
from analyzer.software.blockers import IDLE, RESULTS
from analyzer.software.kinds import ActivityKind, PoolRole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.join.process import ProcessView
    from analyzer.software.knowledge import Knowledge
    from analyzer.software.pools import Pool, ThreadActivity

_PACKAGE_PARTS: Final = 2
"""Two parts of a package (``com.example``) name a company, not a task: sharing them proves little, sharing more is a hint."""


_TWO: Final = 2
"""Of the pools that could run a task two have to be known: the one that waits for it may be the first."""


class PoolDependency(msgspec.Struct, frozen=True):
    """Threads of ``pool`` (``waiters``) wait for results that ``helper`` must deliver. ``basis`` in words."""

    pool: Pool
    waiters: tuple[ThreadActivity, ...]
    helper: Pool
    basis: str
    confidence: Confidence
    handed: bool = False
    """True if they wait to hand something over that ``helper`` should take."""


_GIVES: Final = ("put", "putLast", "putFirst", "transfer", "offer")
_TAKES: Final = ("take", "poll", "get", "pop")
_SENDS: Final = "chan send"
_MOST: Final = 0.8
"""Share of the busy threads that must wait to hand over."""
_AT_REST: Final = IDLE | RESULTS
"""What a thread does that takes nothing from anybody: it waits for events, or has started those that work."""


def hands_over(member: ThreadActivity) -> bool:
    """True if the thread waits until somebody takes what it gives."""
    thread, found = member
    if found.kind is ActivityKind.CHANNEL:
        return (thread.native_state or "").startswith(_SENDS)
    if found.kind is not ActivityKind.QUEUE or not 0 <= found.frame < len(thread.frames):
        return False
    return thread.frames[found.frame].method.rpartition(".")[2].startswith(_GIVES)  # Python's dumps print Queue.put of the module queue


def _takes(member: ThreadActivity) -> bool:
    """True if the thread waits for what others hand over, be it at rest or not."""
    thread, found = member
    if found.kind is ActivityKind.CHANNEL:
        return not hands_over(member)
    above = thread.frames[: found.app]
    return any("Queue" in frame.full and frame.method.rpartition(".")[2].startswith(_TAKES) for frame in above)


def taker_of(view: ProcessView, pool: Pool) -> PoolDependency | None:
    """The pool that should take what the threads of ``pool`` wait to hand over, and stands elsewhere; None if the dump does not tell.

    A dump names no queue. While no thread of the application takes from one, whoever should do so is elsewhere: the only other pool that is at work.
    """
    giving = tuple(member for member in pool.busy if hands_over(member))
    if not giving or len(giving) < _MOST * len(pool.busy) or view.coverage.threads:
        return None
    others = [other for other in view.pools if other is not pool and other.role in {PoolRole.EXECUTOR, PoolRole.OTHER}]
    members = [member for other in others for member in other.members if member.activity.app >= 0]
    if any(_takes(member) for member in members):
        return None
    at_work = {other: [one for one in other.busy if one.activity.app >= 0 and one.activity.kind not in _AT_REST] for other in others}
    takers = [other for other, working in at_work.items() if working and not any(map(hands_over, working))]
    if len(takers) != 1:
        return None
    shared = _application_classes(giving, view.known) & _application_classes(at_work[takers[0]], view.known)
    if shared:
        basis = say("no thread takes from a queue, and the only other one at work runs code of {shared} too", shared=min(shared))
        return PoolDependency(pool, giving, takers[0], basis, Confidence.LIKELY, handed=True)
    basis = say("no thread takes from a queue, and no other thread is at work")
    return PoolDependency(pool, giving, takers[0], basis, Confidence.SUSPECTED, handed=True)


def helper_of(view: ProcessView, pool: Pool) -> PoolDependency | None:
    """The pool that must run what the threads of ``pool`` wait for; None if the dump does not tell."""
    waiters = tuple(member for member in pool.busy if member.activity.kind in RESULTS)
    if not waiters:
        return None
    tasks = _tasks(view)
    classes = _application_classes(waiters, view.known)
    best = max(
        (best for name in classes for best in tasks.by_class.get(name, ()) if best.pool is not pool), key=_TaskPool.weight, default=None
    )
    if best is not None:
        return PoolDependency(
            pool, waiters, best.pool, say("both run code of {shared}", shared=min(classes & best.classes)), Confidence.LIKELY
        )
    if (started := _started_of(view, pool, waiters, classes)) is not None:
        return PoolDependency(
            pool, waiters, started, say("they wait for the end of threads, and both run code of one class"), Confidence.LIKELY
        )
    packages = {_package(name) for name in classes} - {None}
    near = {
        task_pool.order: task_pool.pool for name in packages for task_pool in tasks.by_package.get(name, ()) if task_pool.pool is not pool
    }
    if len(near) == 1:
        return PoolDependency(
            pool, waiters, near.popitem()[1], say("both run code of one package, and no other pool does"), Confidence.LIKELY
        )
    others = [task_pool.pool for task_pool in tasks.pools[:_TWO] if task_pool.pool is not pool]
    if not others and pool.role == PoolRole.EXECUTOR:
        return PoolDependency(pool, waiters, pool, say("the tasks wait for tasks, and no other pool runs any"), Confidence.LIKELY)
    if len(others) == 1 and len(tasks.pools) <= _TWO:
        return PoolDependency(pool, waiters, others[0], say("no other pool is running a task"), Confidence.SUSPECTED)
    return None


def _started_of(view: ProcessView, pool: Pool, waiters: Sequence[ThreadActivity], classes: set[str]) -> Pool | None:
    """The threads that were started for one piece of work each, whose end most of the waiters want: these run no task of an executor."""
    if sum(member.activity.kind == ActivityKind.JOIN for member in waiters) * 2 <= len(waiters):
        return None
    others = [other for other in view.pools if other is not pool and other.role == PoolRole.OTHER]
    related = [other for other in others if classes & _application_classes(other.busy, view.known)]
    return max(related, key=lambda other: (len(other.busy), other.name), default=None)


class _TaskPool(msgspec.Struct, frozen=True):
    """A pool that runs what somebody hands in, with the application classes of its busy threads; ``order`` is its place in the dump."""

    order: int
    pool: Pool
    busy: int
    classes: frozenset[str]

    def weight(self) -> tuple[int, str, int]:
        """The busiest is the likeliest; names and places only make the choice repeatable."""
        return self.busy, self.pool.name, -self.order


class _Tasks(msgspec.Struct, frozen=True):
    """The pools of a process that run tasks, by class the two likeliest, by package the first three: a pool is no helper of its own."""

    pools: tuple[_TaskPool, ...]
    by_class: dict[str, list[_TaskPool]]
    by_package: dict[str | None, list[_TaskPool]]


@lru_cache(maxsize=64)  # every pool of a process asks
def _tasks(view: ProcessView) -> _Tasks:
    # A server's threads run requests, not tasks that somebody hands in; an executor's tasks may wait for tasks of their own pool.
    pools = tuple(
        _TaskPool(order, pool, len(pool.busy), frozenset(_application_classes(pool.busy, view.known)))
        for order, pool in enumerate(view.pools)
        if pool.role in {PoolRole.EXECUTOR, PoolRole.OTHER} and _runs_tasks(pool, view.known)
    )
    by_class: dict[str, list[_TaskPool]] = defaultdict(list)
    by_package: dict[str | None, list[_TaskPool]] = defaultdict(list)
    for one in sorted(pools, key=_TaskPool.weight, reverse=True):
        for name in one.classes:
            if len(by_class[name]) < _TWO:
                by_class[name].append(one)
        for package in {_package(name) for name in one.classes}:
            if len(by_package[package]) <= _TWO:
                by_package[package].append(one)
    return _Tasks(pools, dict(by_class), dict(by_package))


def _runs_tasks(pool: Pool, known: Knowledge) -> bool:
    return any(frame.full in known.task_frames for member in pool.busy for frame in member.thread.frames)


def _application_classes(members: Iterable[ThreadActivity], known: Knowledge) -> set[str]:
    """Outermost application classes on the stacks."""
    return {frame.cls.partition("$")[0] for member in members for frame in member.thread.frames if known.is_application(frame.cls)}


def _package(cls: str) -> str | None:
    parts = cls.split(".")[:-1]
    return ".".join(parts) if len(parts) > _PACKAGE_PARTS else None
