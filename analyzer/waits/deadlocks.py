"""Cycles of threads that hold what the next one wants: the VM's own report, or the lock lines if the report is missing."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from analyzer.software.blockers import held_locks, waited_lock
from parsers.records import JavaState, LockVerb

if TYPE_CHECKING:
    from analyzer.join.process import ProcessView
    from parsers.records import Deadlock, DeadlockEntry, Lock, Thread


class Edge(msgspec.Struct, frozen=True):
    """``thread`` waits for ``lock``, which ``holder`` holds."""

    thread: Thread
    lock: Lock
    holder: Thread


class Cycle(msgspec.Struct, frozen=True):
    """A closed chain of edges. ``report`` is the VM's own, if it has one with these threads. ``timed``: an edge gives up by itself."""

    edges: tuple[Edge, ...]
    report: Deadlock | None
    timed: bool


def circle_of(report: Deadlock) -> tuple[tuple[DeadlockEntry, ...], tuple[DeadlockEntry, ...]]:
    """The threads of a reported deadlock, and those in front of them in the report, which only wait behind.

    HotSpot's walk begins at any thread that waits; the report lists it from there, up to the thread whose lock a listed one holds.
    """
    last = report.entries[-1].holder
    first = next((at for at, entry in enumerate(report.entries) if entry.thread == last), 0)
    return report.entries[first:], report.entries[:first]


@lru_cache(maxsize=64)  # every rule on locks asks
def lock_holders(view: ProcessView) -> dict[str, Thread]:
    """Address → the thread that holds the lock: monitors from ``locked`` lines, synchronizers from jstack -l."""
    if view.dump is None:
        return {}
    return {lock.address: thread for thread in view.dump.threads for lock in held_locks(thread) if lock.address}


@lru_cache(maxsize=64)
def cycles(view: ProcessView) -> tuple[Cycle, ...]:
    """Every cycle of the dump, each once, its threads in order of the dump."""
    if view.dump is None:
        return ()
    holders = lock_holders(view)
    edges: dict[Thread, Edge] = {}
    for thread in view.dump.threads:
        lock = waited_lock(thread)
        holder = (
            holders.get(lock.address or "")
            if lock and lock.verb in {LockVerb.WAITING_TO_LOCK, LockVerb.PARKING, LockVerb.RELOCKING}
            else None
        )
        if lock is not None and holder is not None and holder is not thread:
            edges[thread] = Edge(thread, lock, holder)
    reports = {frozenset(entry.thread for entry in circle_of(one)[0]): one for one in reversed(view.dump.deadlocks)}
    found = []
    for path in _circles(edges):
        report = reports.get(frozenset(edge.thread.name for edge in path))
        timed = any(edge.thread.state is JavaState.TIMED_WAITING for edge in path)
        found.append(Cycle(path, report, timed))
    return tuple(found)


def _circles(edges: dict[Thread, Edge]) -> list[tuple[Edge, ...]]:
    """The circles, each from its first thread on. A thread waits for one lock: nothing branches, and every edge is walked once."""
    place = {thread: number for number, thread in enumerate(edges)}
    walked: set[Thread] = set()
    found = []
    for start in edges:
        path: dict[Thread, Edge] = {}
        at = start
        while at in edges and at not in walked:
            walked.add(at)
            path[at] = edges[at]
            at = edges[at].holder
        if at in path:
            threads = list(path)
            circle = threads[threads.index(at) :]
            first = circle.index(min(circle, key=place.__getitem__))
            found.append(tuple(path[one] for one in circle[first:] + circle[:first]))
    return sorted(found, key=lambda circle: place[circle[0].thread])


def behind(view: ProcessView, cycle: Cycle) -> tuple[Thread, ...]:
    """Threads outside the cycle that wait, directly or over others, for a thread of it."""
    if view.dump is None:
        return ()
    holders = lock_holders(view)
    waiters: dict[Thread, list[Thread]] = defaultdict(list)
    for thread in view.dump.threads:
        lock = waited_lock(thread)
        holder = holders.get(lock.address or "") if lock else None
        if holder is not None:
            waiters[holder].append(thread)
    inside = {edge.thread for edge in cycle.edges}
    stuck = set(inside)
    queue = list(inside)
    while queue:
        fresh = set(waiters.pop(queue.pop(), ())) - stuck
        stuck |= fresh
        queue += fresh
    return tuple(thread for thread in view.dump.threads if thread in stuck - inside)
