"""Local ports that calls to one service take: whether they are used up, and who makes so many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.socket_table import SocketTable
    from analyzer.waits.case import Case
    from parsers.records import Endpoint

DEFAULT_RANGE: Final = 60999 - 32768 + 1
"""Ports of Linux' default range."""
FULL: Final = 0.95
"""Share of a range in use at which connect starts to fail for some callers."""
SMALLEST: Final = 64
"""Gapless ports below which chance may do it: nobody sets a smaller range in production."""
SMALLEST_DEFAULT: Final = 65535 - 49152 + 1
"""Ports of the range that RFC 6335 gives and Windows, macOS and Solaris use."""
_IN_TURN: Final = frozenset({"netstat_windows", "net_tcp_connection", "netstat_bsd", "sockstat", "netstat_solaris"})
"""Formats of systems of which some give out ports one after the other: there a run without a gap is nothing strange."""


def called_services(case: Case, fewest: int) -> Iterator[tuple[str | None, Endpoint, list[Connection]]]:
    """Host, service and connections that the host opened to it, for each service that has at least ``fewest`` of them."""
    tables: dict[SocketTable, str | None] = {view.table: view.snapshot.host for view in case.latest}
    for table, host in tables.items():
        for remote, group in _services(table, fewest).items():
            yield host, remote, group


def _services(table: SocketTable, fewest: int) -> dict[Endpoint, list[Connection]]:
    """Connections that this host opened, by service; only where there are enough to matter, of a table's thousands of far ends."""
    listening = {row.local.port for row in table.in_state(TcpState.LISTEN)}
    if len({row.local.port for row in table.connections} - listening) < fewest:
        return {}
    groups: dict[Endpoint, list[Connection]] = {}
    for row in table.connections:
        if row.remote is not None and row.remote.port is not None and row.local.port is not None and row.local.port not in listening:
            groups.setdefault(row.remote, []).append(row)
    return dict(sorted((remote, group) for remote, group in groups.items() if len(group) >= fewest))


def ports_of(group: Sequence[Connection]) -> set[int]:
    """The local ports of connections."""
    return {row.local.port for row in group if row.local.port is not None}


def chosen_at_random(case: Case) -> bool:
    """True if the tables are of Linux, which chooses local ports at random (``inet_hashtables.c``, ``__inet_hash_connect``)."""
    return not any(tool in _IN_TURN for view in case.latest for tool, _ in view.snapshot.tables)


def used_up(ports: set[int], *, at_random: bool) -> bool:
    """True if the ports fill a range without a gap, or nearly all of a default one. Given out in turn, they have no gap from the beginning."""
    if not at_random:
        return len(ports) >= FULL * SMALLEST_DEFAULT
    return len(ports) >= SMALLEST and len(ports) >= FULL * min(DEFAULT_RANGE, max(ports) - min(ports) + 1)


class UsedUp(msgspec.Struct, frozen=True):
    """A range of local ports that ``rows``, a host's connections to one service, use up. ``default``: it is nearly all of a system's default range."""

    host: str | None
    remote: Endpoint
    rows: tuple[Connection, ...]
    ports: frozenset[int]
    default: bool


def used_up_ranges(case: Case) -> Iterator[UsedUp]:
    """The ranges that calls to one service use up, of every host."""
    at_random = chosen_at_random(case)
    for host, remote, group in called_services(case, SMALLEST):
        ports = ports_of(group)
        if used_up(ports, at_random=at_random):
            default = len(ports) >= FULL * (DEFAULT_RANGE if at_random else SMALLEST_DEFAULT)
            yield UsedUp(host, remote, tuple(group), frozenset(ports), default)
