"""Whether a service that threads wait for waits for this server in turn: by the evidence of both, or by this server's own alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.waits.targets import MAJORITY, callee_of
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case, ProcessView, ServerPool
    from analyzer.waits.targets import Target

FEWEST: Final = 3
"""Requests from the service's host that nobody has read: one or two are any client's."""


class CalledBack(msgspec.Struct, frozen=True):
    """A stalled pool and what it waits for: another process of the host, whose own calls to this one nobody reads.

    ``other`` is that process' pool, where its dump shows it waiting for this one.
    """

    serving: ServerPool
    target: Target
    far: ProcessView
    other: ServerPool | None


def called_back(case: Case) -> Iterator[CalledBack]:
    """Each pair of processes once, from the side that comes first."""
    told: set[ProcessView] = set()
    for serving in case.server_pools:
        target = serving.main_target
        if not serving.saturated or target is None or target.own or not target.back:
            continue
        far = callee_of(serving.view, target)
        if far is not None and far not in told:
            told |= {serving.view, far}
            yield CalledBack(serving, target, far, next((one for one in case.server_pools if _waits_for(one, far, serving)), None))


def _waits_for(other: ServerPool, far: ProcessView, serving: ServerPool) -> bool:
    """True if ``other`` is a stalled pool of ``far`` that waits for the process of ``serving``."""
    target = other.main_target
    return other.view is far and other.saturated and target is not None and callee_of(far, target) is serving.view


def unread_from(serving: ServerPool, target: Target) -> tuple[Connection, ...]:
    """Open connections from the target's host to the stalled server, each with a request that nobody has read.

    As many as most of the calls to it, else none: then the two may wait for each other. Which process of that host they belong to, and whether the host is
    a load balancer before and behind this server, its own table would tell; where that is in the evidence, ``Target.back`` is the answer and this is empty.
    """
    view, port = serving.view, serving.port
    if port is None or target.own or target.back or target.remote.is_loopback or target.remote.host in view.table.local_hosts:
        return ()
    if callee_of(view, target) is not None:
        return ()
    unread = tuple(
        row
        for row in view.server_side(port)
        if row.remote is not None and row.remote.host == target.remote.host and row.state is TcpState.ESTABLISHED and (row.recv_q or 0) > 0
    )
    return unread if len(unread) >= max(FEWEST, MAJORITY * len(target.connections)) else ()
