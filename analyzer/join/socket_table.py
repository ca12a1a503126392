"""All connections of one snapshot, indexed by their ends and states; and which ports are served."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from analyzer.join.connections import Sockets
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.join.connections import Connection
    from parsers.records import Endpoint

EPHEMERAL: Final = 32768
"""First port of Linux' default ip_local_port_range: used only where no LISTEN row and no count says which end is the server."""


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


def listening_ports(found: Iterable[Connection]) -> dict[int, Connection | None]:
    """Ports that the given connections' process serves, with the LISTEN row; None where the port is inferred.

    ``netstat -tonp`` prints no LISTEN rows and ``lsof -i:8080`` may be cut: a local port with several remotes is a server's.
    """
    sockets = found if isinstance(found, Sockets) else Sockets(found)
    ports: dict[int, Connection | None] = {row.local.port: row for row in sockets.of(TcpState.LISTEN) if row.local.port is not None}
    for port, rows in sockets.by_port.items():
        if port is not None and port not in ports and _is_served(port, rows, known=bool(ports)):
            ports[port] = None
    return ports


def _is_served(port: int, rows: Sequence[Connection], *, known: bool) -> bool:
    """True if a port without a listener is a server's, by its far ends; ``known``: another port is. A few rows mostly tell, however many there are."""
    ends = (row.remote for row in rows if row.remote is not None)
    first = next(ends, None)
    if first is None:
        return False
    several, low, high = False, (first.port or 0) < EPHEMERAL, (first.port or 0) >= EPHEMERAL
    for remote in ends:
        several = several or remote != first
        low, high = low or (remote.port or 0) < EPHEMERAL, high or (remote.port or 0) >= EPHEMERAL
        # The kernel gives an ephemeral port to calls of several services at once; then no far end is ephemeral.
        if several and (port < EPHEMERAL or high):
            return True
    return port < EPHEMERAL and not known and not low
