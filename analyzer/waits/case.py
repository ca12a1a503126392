"""Correlation: facts of all artifacts joined into processes, pools, waits and stalls. Rules read these, never raw text."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

from analyzer.join.captures import Port, ports
from analyzer.join.counts import Counts
from analyzer.join.far_side import FarSide
from analyzer.join.moments import views
from analyzer.join.process import ProcessView
from analyzer.software.kinds import PoolRole
from analyzer.software.knowledge import Knowledge, knowledge
from analyzer.waits.server_pools import ServerPool, server_pools
from analyzer.waits.wait_cycles import wait_cycles
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.model.incident import Incident
    from parsers.records import Where


_PICKED: Final = 10
"""How many times as many threads a dump has of which a few are picked."""
Identity: TypeAlias = tuple[str | None, int | None, str | None]
"""Host, pid, and where there is no pid the server pools' names."""


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
        last: dict[Identity, ProcessView] = {}
        for view in self.views:
            known = last.get(self._identities[view])
            if known is None or (_kinds(view) >= _kinds(known) and not _is_piece(view, known)):
                last[self._identities[view]] = view
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
    def _identities(self) -> dict[ProcessView, Identity]:
        """What each view is a view of. Goroutines, which name no pid, saved without sockets are of the one process that has the same server pools."""
        found = {view: _identity(view) for view in self.views}
        named: dict[Identity, set[Identity]] = defaultdict(set)
        for view, (host, pid, _) in found.items():
            if pid is not None and view.dump is not None and (pools := _pools(view)):
                named[host, None, pools].add(found[view])
        for view, identity in found.items():
            same = named.get(identity, set())
            if len(same) == 1 and view.dump is not None and view.dump.runtime is Runtime.GO and not view.sockets:
                found[view] = next(iter(same))
        profiles: dict[object, Identity] = {}
        for view in self.views:
            if (key := _of_profile(view)) is not None:
                found[view] = profiles.setdefault(key, found[view])
        return found

    @cached_property
    def _histories(self) -> dict[ProcessView, tuple[ProcessView, ...]]:
        found: dict[Identity, list[ProcessView]] = defaultdict(list)
        for view in self.views:
            found[self._identities[view]].append(view)
        return {view: history for history in map(tuple, found.values()) for view in history}


def _kinds(view: ProcessView) -> int:
    """How many halves of the join a view has."""
    return (bool(view.sockets) or bool(view.snapshot.empty_tables)) + (view.dump is not None)


def _is_piece(view: ProcessView, known: ProcessView) -> bool:
    """True for a few goroutines that somebody picked beside a profile in one text: "and one of them in full"."""
    if view.snapshot.index != known.snapshot.index or view.dump is None or known.dump is None or known.dump.total is None:
        return False
    return view.dump.where.file == known.dump.where.file and len(view.dump.threads) * _PICKED <= len(known.dump.threads)


def _identity(view: ProcessView) -> Identity:
    """What makes two views the same process: host and pid; without a pid its server pools' names."""
    pid = view.process.pid
    return view.snapshot.host, pid, None if pid is not None else _pools(view)


def _of_profile(view: ProcessView) -> object | None:
    """What two counted profiles of goroutines in one text have in common that are of one program: the stack on which most stand. Small groups people leave out."""
    dump = view.dump
    if view.process.pid is not None or view.sockets or dump is None or dump.total is None or dump.runtime is not Runtime.GO:
        return None
    stacks = Counter(thread.frames for thread in dump.threads)
    return view.snapshot.host, dump.where.file, max(stacks, key=lambda frames: stacks[frames]) if stacks else None


def _pools(view: ProcessView) -> str:
    return ",".join(sorted(pool.name for pool in view.pools if pool.role == PoolRole.SERVER))


__all__ = ["Case", "Knowledge", "ProcessView", "ServerPool", "knowledge"]
