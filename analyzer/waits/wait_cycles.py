"""Who waits for whom across processes and hosts: pool → the pool behind the service it calls → …, to the last one that does not move.

Every pool that is stuck waits for one service at most (its main target), so the graph has one edge out of each node; a chain of edges
that comes back to its start is a ring, of which nobody can move first.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from analyzer.waits.targets import callee_of

if TYPE_CHECKING:
    from analyzer.waits.case import Case, ServerPool


def next_of(case: Case, serving: ServerPool) -> ServerPool | None:
    """The pool, of another process, that would have to answer the calls of ``serving``; None if the evidence does not show it."""
    target = serving.main_target
    if target is None or target.own:
        return None
    view = callee_of(serving.view, target)
    behind = [other for other in case.server_pools if other.view is view and other.port in {None, target.remote.port}]
    return behind[0] if len(behind) == 1 else None


def wait_cycles(case: Case) -> tuple[tuple[ServerPool, ...], ...]:
    """Pools without a free thread that wait for each other in a ring, each ring from its first pool on, in the order of waiting."""
    stuck = {number: serving for number, serving in enumerate(case.server_pools) if serving.saturated}
    numbers = {serving: number for number, serving in stuck.items()}
    edges = {number: numbers[after] for number, serving in stuck.items() if (after := next_of(case, serving)) and after in numbers}
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
