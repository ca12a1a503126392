"""Connections on which this host sends again and again, and nobody answers, by the host that is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from parsers.records import TcpState, TimerKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case, ProcessView

FIRED: Final = 3
"""Retransmissions without an answer: Linux doubles the pause each time, so that three are some seconds, not one lost packet."""
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
        silent = {host: tuple(group) for host, group in sorted(groups.items()) if len(group) >= FEWEST}
        if silent:
            yield Unanswered(view, silent)


def _retransmits(one: Connection) -> bool:
    return bool(one.send_q) and one.timer is not None and one.timer.kind is TimerKind.RETRANSMIT and (one.timer.retransmits or 0) >= FIRED
