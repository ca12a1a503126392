"""Connections in CLOSE_WAIT that a proxy owns, and whether it has passed their end on to the servers behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.message import say
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case, ProcessView

FEWEST: Final = 20
"""CLOSE_WAIT sockets of a proxy below which it is just closing them."""
MOST: Final = 0.9
"""Share of them whose other half is in FIN_WAIT2: the rest may have been caught between the two."""


class ProxyHalves(msgspec.Struct, frozen=True):
    """Connections whose peers have left a proxy; ``passed`` are its own ones on which it has sent the end on, empty if there are not as many.

    ``lasting``: how many of the waiting ones the table before had already.
    """

    view: ProcessView
    waiting: tuple[Connection, ...]
    passed: tuple[Connection, ...]
    lasting: int

    @property
    def behind(self) -> list[str]:
        """The servers behind: those that the end was passed on to, else all that it has open connections to."""
        calls = self.passed or self.view.client_side.of(TcpState.ESTABLISHED)
        return sorted({str(row.remote) for row in calls if row.remote is not None})

    @property
    def behind_in_words(self) -> str:
        """The first of these, and how many more; empty if there is none."""
        first, others = next(iter(self.behind), ""), len(self.behind) - 1
        return say("{behind} and {others} more", behind=first, others=others) if others > 0 else first


def proxy_halves(case: Case) -> Iterator[ProxyHalves]:
    """One per proxy process that has many of them."""
    for view in case.latest:
        if not view.known.is_proxy(view.command):
            continue
        waiting = tuple(row for row in view.sockets.of(TcpState.CLOSE_WAIT) if not row.unaccepted)
        if len(waiting) >= FEWEST:
            passed = tuple(row for row in view.client_side.of(TcpState.FIN_WAIT2) if row.owners)
            before = [{(row.local, row.remote) for row in other.sockets} for other in case.history(view)[:-1]]
            lasting = sum((row.local, row.remote) in before[-1] for row in waiting) if before else 0
            yield ProxyHalves(view, waiting, passed if len(passed) >= MOST * len(waiting) else (), lasting)
