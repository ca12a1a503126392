"""Correlation: facts of all artifacts joined into processes, pools, waits and stalls. Rules read these, never raw text."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from analyzer.join.captures import Port, ports
from analyzer.join.counts import Counts
from analyzer.join.far_side import FarSide
from analyzer.join.moments import views
from analyzer.join.process import ProcessView
from analyzer.software.kinds import PoolRole
from analyzer.software.knowledge import Knowledge, knowledge
from analyzer.waits.server_pools import ServerPool, server_pools
from analyzer.waits.wait_cycles import wait_cycles

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.model.incident import Incident
    from parsers.records import Where


class Case:
    """An incident with everything that correlation finds in it; computed once, on demand."""

    def __init__(self, incident: Incident, known: Knowledge | None = None, text: Callable[[Where], tuple[str, ...]] = lambda _: ()) -> None:
        """Wrap ``incident``; ``known`` is what is known of software, by default what comes with the tool. ``text`` fetches the lines of a place."""
        self.incident = incident
        self.known = known or knowledge()
        self._far_sides: dict[ProcessView, FarSide] = {}
        self.text = text

    @cached_property
    def views(self) -> tuple[ProcessView, ...]:
        """Every process of every snapshot, in order of host, snapshot, pid."""
        return views(self.incident, self.known)

    @cached_property
    def latest(self) -> tuple[ProcessView, ...]:
        """One view of every process: the last that has both threads and sockets, else the last. What is so now, as far as it can be joined."""
        last: dict[tuple[str | None, int | None, str | None], ProcessView] = {}
        for view in self.views:
            known = last.get(_identity(view))
            if known is None or _kinds(view) >= _kinds(known):
                last[_identity(view)] = view
        return tuple(last.values())

    @cached_property
    def counts(self) -> Counts:
        """What commands counted."""
        return Counts(self.incident)

    @cached_property
    def server_pools(self) -> tuple[ServerPool, ...]:
        """The server pools of all processes, at their last view."""
        return tuple(serving for view in self.latest for serving in server_pools(view))

    @cached_property
    def wait_cycles(self) -> tuple[tuple[ServerPool, ...], ...]:
        """Pools of several processes that wait for each other."""
        return wait_cycles(self)

    @cached_property
    def ports(self) -> tuple[Port, ...]:
        """The servers that the captures show."""
        return tuple(ports(self.incident.captures))

    def far_side(self, view: ProcessView) -> FarSide:
        """The sessions at the far ends of the process' connections: of its own moment, else the last that were saved."""
        if view not in self._far_sides:
            moments = [snapshot for snapshot in self.incident.snapshots if snapshot.sessions or snapshot.blocks]
            same = (
                [snapshot for snapshot in moments if snapshot is view.snapshot]
                or [snapshot for snapshot in moments if snapshot.index == view.snapshot.index]
                or moments[-1:]
            )
            sessions = [session for moment in same for session in moment.sessions]
            blocks = [block for snapshot in same for block in snapshot.blocks]
            at_once = all(snapshot.index == view.snapshot.index for snapshot in same)
            self._far_sides[view] = FarSide(view, sessions, blocks, same_moment=at_once)
        return self._far_sides[view]

    def history(self, view: ProcessView) -> tuple[ProcessView, ...]:
        """The same process in all snapshots, in order of time."""
        return self._histories[view]

    @cached_property
    def _histories(self) -> dict[ProcessView, tuple[ProcessView, ...]]:
        found: dict[tuple[str | None, int | None, str | None], list[ProcessView]] = defaultdict(list)
        for view in self.views:
            found[_identity(view)].append(view)
        return {view: history for history in map(tuple, found.values()) for view in history}


def _kinds(view: ProcessView) -> int:
    """How many halves of the join a view has."""
    return (bool(view.sockets) or bool(view.snapshot.empty_tables)) + (view.dump is not None)


def _identity(view: ProcessView) -> tuple[str | None, int | None, str | None]:
    """What makes two views the same process: host and pid; without a pid its server pools' names."""
    pid = view.process.pid
    pools = None if pid is not None else ",".join(sorted(pool.name for pool in view.pools if pool.role == PoolRole.SERVER))
    return view.snapshot.host, pid, pools


__all__ = ["Case", "Knowledge", "ProcessView", "ServerPool", "knowledge"]
