"""Far ends: whose socket is at the other end of a connection, on this host or on another one whose evidence lies beside.

Two rows with the same two ends, turned round, are the two halves of one connection, on whatever hosts they were saved. Loopback addresses
and cut ones identify nothing across hosts, and a table that a proxy or an address translation stands between has no such row: then the far
end stays unknown.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.process import ProcessView


class PeerSocket(NamedTuple):
    """The half of a connection at its far end. ``view``: the process that owns it, None if its table does not say."""

    half: Connection
    view: ProcessView | None


class Peers:
    """The processes of all hosts at one moment."""

    def __init__(self, views: Sequence[ProcessView]) -> None:
        """``views`` of one moment, those of several hosts side by side."""
        self.views = tuple(views)
        self._of = {(view.snapshot.host, pid): view for view in views for pid in view.pids or (view.pid,)}
        self._tables = {view.snapshot.host: view.table for view in views}

    def far(self, view: ProcessView, one: Connection) -> PeerSocket | None:
        """The other half of ``one``, a connection of ``view``; None if no table has it."""
        if one.remote is None or one.remote.truncated or one.local.truncated:
            return None
        near = view.snapshot.host
        if (half := view.table.get(one.remote, one.local)) is not None:
            return self._owned(near, half)
        if one.remote.is_loopback or one.remote.is_wildcard:
            return None
        for host, table in self._tables.items():
            if host != near and (half := table.get(one.remote, one.local)) is not None:
                return self._owned(host, half)
        return None

    def _owned(self, host: str | None, half: Connection) -> PeerSocket:
        return PeerSocket(half, self._of.get((host, half.pid)) if half.pid is not None else None)

    def connections_of(self, views: Iterable[ProcessView]) -> Iterator[tuple[ProcessView, Connection]]:
        """The connections that the given processes own."""
        for view in sorted(views, key=lambda one: (one.snapshot.host or "", one.pid or 0)):
            yield from ((view, one) for one in view.sockets if one.pid in view.pids or one.pid == view.pid)


def attach_peers(views: Sequence[ProcessView]) -> None:
    """Give every view its peers: the processes of its own snapshot, and of each other host at the same moment, or the last before."""
    by_host: dict[str | None, dict[int, list[ProcessView]]] = defaultdict(lambda: defaultdict(list))
    for view in views:
        by_host[view.snapshot.host][view.snapshot.index].append(view)
    made: dict[tuple[str | None, int], Peers] = {}
    for view in views:
        key = (view.snapshot.host, view.snapshot.index)
        if key not in made:
            made[key] = Peers([one for moments in by_host.values() for one in _at(moments, view.snapshot.index)])
        view.peers = made[key]


def _at(moments: dict[int, list[ProcessView]], index: int) -> list[ProcessView]:
    earlier = [moment for moment in moments if moment <= index]
    return moments[max(earlier)] if earlier else moments[min(moments)]
