"""Connections on which this host sends again and again, and nobody answers, by the host that is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from parsers.records import TcpState, TimerKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case, ProcessView

FIRED: Final = 3
"""Retransmissions without an answer: Linux doubles the pause each time, so that three are some seconds, not one lost packet."""
LASTING: Final = 8
"""Retransmissions of one connection, from which on a single one is enough: by then Linux has tried for half a minute and more."""
FEWEST: Final = 2
"""Connections to one peer: a single one may have met a passing fault."""
_STATES: Final = frozenset({TcpState.ESTABLISHED, TcpState.CLOSE_WAIT, TcpState.FIN_WAIT1, TcpState.LAST_ACK, TcpState.CLOSING})


class Unanswered(msgspec.Struct, frozen=True):
    """The silent hosts of one table, with the connections to each; ``view`` is a process of this table."""

    view: ProcessView
    by_host: Mapping[str, tuple[Connection, ...]]

    @property
    def rows(self) -> tuple[Connection, ...]:
        """The connections to all of them."""
        return tuple(row for rows in self.by_host.values() for row in rows)

    @property
    def most(self) -> int:
        """The most retransmissions of a connection."""
        return max(row.timer.retransmits or 0 for row in self.rows if row.timer is not None)


def unanswered(case: Case) -> Iterator[Unanswered]:
    """One per socket table with silent hosts."""
    for view in {view.table: view for view in case.latest}.values():
        groups: dict[str, list[Connection]] = {}
        for row in view.table.connections:
            if row.send_q and row.remote is not None and row.state in _STATES and _retransmits(row):
                groups.setdefault(row.remote.host, []).append(row)
        silent = {host: tuple(group) for host, group in sorted(groups.items()) if len(group) >= FEWEST or _for_long(view, group)}
        if silent:
            yield Unanswered(view, silent)


def _for_long(view: ProcessView, rows: Sequence[Connection]) -> bool:
    """True if a call of this host was sent so often that no passing fault explains it. A single client that is gone is ordinary."""
    served = {row.local.port for row in view.table.in_state(TcpState.LISTEN)}
    return any(
        row.timer is not None and (row.timer.retransmits or 0) >= LASTING and row.local.port not in served and _calls_out(row)
        for row in rows
    )


def _calls_out(row: Connection) -> bool:
    """True for a connection whose near port is none of a service: where no listener is listed, the higher port is the client's."""
    return row.local.port is not None and row.remote is not None and row.remote.port is not None and row.local.port > row.remote.port


def _retransmits(one: Connection) -> bool:
    return bool(one.send_q) and one.timer is not None and one.timer.kind is TimerKind.RETRANSMIT and (one.timer.retransmits or 0) >= FIRED
