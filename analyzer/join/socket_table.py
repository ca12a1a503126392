"""All connections of one snapshot, indexed by their ends and states."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from analyzer.join.connections import Sockets
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.connections import Connection
    from parsers.records import Endpoint


class SocketTable:
    """All connections of a snapshot, indexed."""

    def __init__(self, found: Sequence[Connection]) -> None:
        """Index ``found`` by 4-tuple and collect the host's own addresses."""
        self.connections = found if isinstance(found, Sockets) else Sockets(found)
        self.local_hosts = frozenset(end.host for end in {one.local for one in found} if not end.is_wildcard and not end.truncated)

    @cached_property
    def _by_tuple(self) -> dict[tuple[Endpoint, Endpoint], Connection]:
        return {(row.local, row.remote): row for row in self.connections if row.remote is not None}

    def in_state(self, state: TcpState) -> Sockets:
        """The connections in this state."""
        return self.connections.of(state)

    def get(self, local: Endpoint, remote: Endpoint) -> Connection | None:
        """The row with this local and remote end."""
        return self._by_tuple.get((local, remote))

    def listener(self, endpoint: Endpoint) -> Connection | None:
        """The LISTEN row that connections to ``endpoint`` reach."""
        if endpoint.host not in self.local_hosts and not endpoint.is_loopback:
            return None
        rows = [row for row in self.in_state(TcpState.LISTEN) if row.local.port == endpoint.port]
        return next((connection for connection in rows if connection.local.host == endpoint.host), None) or next(
            (row for row in rows if row.local.is_wildcard), None
        )
