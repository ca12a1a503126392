"""Cycles of threads that hold what the next one wants: the VM's own report, or the lock lines if the report is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from analyzer.software.blockers import held_locks, waited_lock
from parsers.records import JavaState, LockVerb

if TYPE_CHECKING:
    from analyzer.join.process import ProcessView
    from parsers.records import Deadlock, DeadlockEntry, Lock, Thread


class Edge(NamedTuple):
    """``thread`` waits for ``lock``, which ``holder`` holds."""

    thread: Thread
    lock: Lock
    holder: Thread


class Cycle(NamedTuple):
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


def lock_holders(view: ProcessView) -> dict[str, Thread]:
    """Address → the thread that holds the lock: monitors from ``locked`` lines, synchronizers from jstack -l."""
    if view.dump is None:
        return {}
    return {lock.address: thread for thread in view.dump.threads for lock in held_locks(thread) if lock.address}


def cycles(view: ProcessView) -> tuple[Cycle, ...]:
    """Every cycle of the dump, each once, its threads in order of the dump."""
    if view.dump is None:
        return ()
    holders = lock_holders(view)
    edges: dict[str, Edge] = {}
    for thread in view.dump.threads:
        lock = waited_lock(thread)
        holder = (
            holders.get(lock.address or "")
            if lock and lock.verb in {LockVerb.WAITING_TO_LOCK, LockVerb.PARKING, LockVerb.RELOCKING}
            else None
        )
        if lock is not None and holder is not None and holder is not thread:
            edges[thread.name] = Edge(thread, lock, holder)
    found: dict[frozenset[str], Cycle] = {}
    for start in edges:
        path = _walk(start, edges)
        names = frozenset(edge.thread.name for edge in path)
        if path and names not in found:
            report = next((one for one in view.dump.deadlocks if names == {entry.thread for entry in circle_of(one)[0]}), None)
            timed = any(edge.thread.state is JavaState.TIMED_WAITING for edge in path)
            found[names] = Cycle(path, report, timed)
    return tuple(found.values())


def _walk(start: str, edges: dict[str, Edge]) -> tuple[Edge, ...]:
    """Edges from ``start`` back to itself; empty if the chain ends or closes elsewhere. Each thread waits for one lock: no branching."""
    path = []
    name = start
    for _ in edges:
        edge = edges.get(name)
        if edge is None:
            return ()
        path.append(edge)
        name = edge.holder.name
        if name == start:
            return tuple(path)
    return ()


def behind(view: ProcessView, cycle: Cycle) -> tuple[Thread, ...]:
    """Threads outside the cycle that wait, directly or over others, for a thread of it."""
    if view.dump is None:
        return ()
    holders = lock_holders(view)
    stuck = {edge.thread.name for edge in cycle.edges}
    inside = set(stuck)
    grown = True
    while grown:
        grown = False
        for thread in view.dump.threads:
            lock = waited_lock(thread)
            holder = holders.get(lock.address or "") if lock else None
            if thread.name not in stuck and holder is not None and holder.name in stuck:
                stuck.add(thread.name)
                grown = True
    return tuple(thread for thread in view.dump.threads if thread.name in stuck - inside)
