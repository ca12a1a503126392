"""Who waits for whom across processes and hosts: pool → the pool behind the service it calls → …, to the last one that does not move.

Every pool that is stuck waits for one service at most (its main target), so the graph has one edge out of each node; a chain of edges
that comes back to its start is a ring, of which nobody can move first.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from analyzer.waits.targets import callee_of

if TYPE_CHECKING:
    from analyzer.waits.case import Case, Stall


def next_of(case: Case, stall: Stall) -> Stall | None:
    """The pool, of another process, that would have to answer the calls of ``stall``; None if the evidence does not show it."""
    target = stall.main_target
    if target is None or target.own:
        return None
    view = callee_of(stall.view, target)
    behind = [other for other in case.stalls if other.view is view and other.port in {None, target.remote.port}]
    return behind[0] if len(behind) == 1 else None


def rings(case: Case) -> tuple[tuple[Stall, ...], ...]:
    """Pools without a free thread that wait for each other in a ring, each ring from its first pool on, in the order of waiting."""
    stuck = {number: stall for number, stall in enumerate(case.stalls) if stall.saturated}
    numbers = {id(stall): number for number, stall in stuck.items()}
    edges = {number: numbers[id(after)] for number, stall in stuck.items() if (after := next_of(case, stall)) and id(after) in numbers}
    found = []
    while cycle := _cycle(edges):
        first = min(cycle)
        ring, node = [stuck[first]], edges[first]
        while node != first:
            ring.append(stuck[node])
            node = edges[node]
        found.append(tuple(ring))
        edges = {number: after for number, after in edges.items() if number not in cycle}
    return tuple(found)


def _cycle(edges: dict[int, int]) -> set[int]:
    sorter = TopologicalSorter({number: {after} for number, after in edges.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        return set(error.args[1])
    return set()
