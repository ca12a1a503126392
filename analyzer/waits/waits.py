"""Futures: which pool must run what a thread waits for.

A dump names the future, never its executor. The pool behind it is inferred: its workers run code of the same application class as the
waiters (a task is mostly a lambda or an inner class of whoever waits for it), or it is the only pool that has anything to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.model.finding import Confidence
from analyzer.model.message import say
from analyzer.software.blockers import FUTURES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzer.join.process import ProcessView
    from analyzer.software.knowledge import Knowledge
    from analyzer.software.pools import Busy, Pool

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
        return Hop(pool, waiters, best, say("both run code of {shared}", shared=shared), Confidence.LIKELY)
    packages = {_package(name) for name in classes} - {None}
    near = [other for other in candidates if packages & {_package(name) for name in _application_classes(other.busy, view.known)}]
    if len(near) == 1:
        return Hop(pool, waiters, near[0], say("both run code of one package, and no other pool does"), Confidence.LIKELY)
    if not candidates and pool.role == "executor":
        return Hop(pool, waiters, pool, say("the tasks wait for tasks, and no other pool runs any"), Confidence.LIKELY)
    if len(candidates) == 1:
        return Hop(pool, waiters, candidates[0], say("no other pool is running a task"), Confidence.SUSPECTED)
    return None


def _runs_tasks(pool: Pool, known: Knowledge) -> bool:
    return any(frame.full in known.task_frames for member in pool.busy for frame in member.thread.frames)


def _application_classes(members: Iterable[Busy], known: Knowledge) -> set[str]:
    """Outermost application classes on the stacks."""
    return {frame.cls.partition("$")[0] for member in members for frame in member.thread.frames if known.is_application(frame.cls)}


def _package(cls: str) -> str | None:
    parts = cls.split(".")[:-1]
    return ".".join(parts) if len(parts) > _PACKAGE_PARTS else None
