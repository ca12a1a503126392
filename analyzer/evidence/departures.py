"""Clients that have closed, from table to table: those of a server that closes its side come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsers.records import TcpState

if TYPE_CHECKING:
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint


def before(case: Case, view: ProcessView) -> ProcessView | None:
    """The process in the table before, None if there is none."""
    history = case.history(view)
    return next((one for one in reversed(history[: history.index(view)]) if one.sockets), None)


def came_and_went(port: int, view: ProcessView, earlier: ProcessView | None) -> bool:
    """True if a few clients left, and as many that had left in the table before are gone: the server closes its side."""
    now, then = left(port, view), left(port, earlier) if earlier is not None else set()
    return len(then) >= len(now) and now.isdisjoint(then)


def left(port: int, view: ProcessView) -> set[tuple[Endpoint, Endpoint | None]]:
    """The connections of a port whose client has closed, and the server has not."""
    return {(row.local, row.remote) for row in view.server_side(port).of(TcpState.CLOSE_WAIT)}
