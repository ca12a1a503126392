"""Waits: which pool must run what a thread waits for, and who holds the lock it wants.

A dump names the future, never its executor. The pool behind it is inferred: its workers run code of the same application class as the
waiters (a task is mostly a lambda or an inner class of whoever waits for it), or it is the only pool that has anything to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.correlate.blockers import FUTURES, held_locks, waited_lock
from analyzer.finding import Confidence, Wait
from parsers.records import Lock, LockVerb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analyzer.correlate.knowledge import Knowledge
    from analyzer.correlate.pools import Busy, Pool
    from analyzer.correlate.process import ProcessView
    from parsers.records import Thread

_PACKAGE_PARTS: Final = 2
"""Two parts of a package (``com.example``) name a company, not a task: sharing them proves little, sharing more is a hint."""


class Hop(NamedTuple):
    """Threads of ``pool`` (``waiters``) wait for results that ``helper`` must deliver. ``basis`` in words."""

    pool: Pool
    waiters: tuple[Busy, ...]
    helper: Pool
    basis: str
    confidence: Confidence


def helper_of(view: ProcessView, pool: Pool) -> Hop | None:
    """The pool that must run what the threads of ``pool`` wait for; None if the dump does not tell."""
    waiters = tuple(member for member in pool.busy if member.activity.kind in FUTURES)
    if not waiters:
        return None
    # A server's threads run requests, not tasks that somebody hands in; an executor's tasks may wait for tasks of their own pool.
    candidates = [
        other for other in view.pools if other is not pool and other.role in {"executor", "other"} and _runs_tasks(other, view.known)
    ]
    classes = _application_classes(waiters, view.known)
    related = [other for other in candidates if classes & _application_classes(other.busy, view.known)]
    if related:
        best = max(related, key=lambda other: (len(other.busy), other.name))
        shared = min(classes & _application_classes(best.busy, view.known))
        return Hop(pool, waiters, best, f"both run code of {shared}", Confidence.LIKELY)
    packages = {_package(name) for name in classes} - {None}
    near = [other for other in candidates if packages & {_package(name) for name in _application_classes(other.busy, view.known)}]
    if len(near) == 1:
        return Hop(pool, waiters, near[0], "both run code of one package, and no other pool does", Confidence.LIKELY)
    if not candidates and pool.role == "executor":
        return Hop(pool, waiters, pool, "the tasks wait for tasks, and no other pool runs any", Confidence.LIKELY)
    if len(candidates) == 1:
        return Hop(pool, waiters, candidates[0], "no other pool is running a task", Confidence.SUSPECTED)
    return None


def _runs_tasks(pool: Pool, known: Knowledge) -> bool:
    return any(frame.full in known.task_frames for member in pool.busy for frame in member.thread.frames)


def _application_classes(members: Iterable[Busy], known: Knowledge) -> set[str]:
    """Outermost application classes on the stacks."""
    return {frame.cls.partition("$")[0] for member in members for frame in member.thread.frames if known.is_application(frame.cls)}


def _package(cls: str) -> str | None:
    parts = cls.split(".")[:-1]
    return ".".join(parts) if len(parts) > _PACKAGE_PARTS else None


def lock_holders(view: ProcessView) -> dict[str, Thread]:
    """Address → the thread that holds the lock: monitors from ``locked`` lines, synchronizers from jstack -l."""
    if view.dump is None:
        return {}
    return {lock.address: thread for thread in view.dump.threads for lock in held_locks(thread) if lock.address}


def waits_of(view: ProcessView) -> Iterator[Wait]:
    """Every wait of the process' threads that names an object or a pool."""
    holders = lock_holders(view)
    pool_by_thread = {id(member.thread): pool.name for pool in view.pools for member in pool.members}
    for pool in view.pools:
        hop = helper_of(view, pool)
        for thread, found in pool.busy:
            lock = waited_lock(thread)
            if found.kind in FUTURES:
                yield _wait(
                    view,
                    thread,
                    pool,
                    found.kind,
                    lock,
                    None,
                    hop.helper.name if hop else None,
                    hop.basis if hop else "unknown",
                    hop.confidence if hop else Confidence.SUSPECTED,
                )
            elif lock is not None:
                holder = holders.get(lock.address or "")
                known = holder is not None and holder is not thread
                yield _wait(
                    view,
                    thread,
                    pool,
                    "monitor" if lock.verb is not LockVerb.PARKING else found.kind,
                    lock,
                    holder.name if holder is not None and known else None,
                    pool_by_thread.get(id(holder)) if known else None,
                    "lock lines of the dump",
                    Confidence.CERTAIN if known else Confidence.SUSPECTED,
                )


def _wait(
    view: ProcessView,
    thread: Thread,
    pool: Pool,
    on: str,
    lock: Lock | None,
    holder: str | None,
    holder_pool: str | None,
    basis: str,
    confidence: Confidence,
) -> Wait:
    described = None if lock is None else f"{lock.cls or 'object'} {lock.address or ''}".strip()
    return Wait(
        snapshot=view.snapshot.name,
        waiter=thread.name,
        waiter_pool=pool.name,
        on=on,
        object=described,
        holder=holder,
        holder_pool=holder_pool,
        basis=basis,
        confidence=confidence,
    )
