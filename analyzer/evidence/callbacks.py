"""Whether a service that threads wait for may wait for this server in turn, where only this server's own evidence is here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.waits.targets import MAJORITY, callee_of
from parsers.records import TcpState

if TYPE_CHECKING:
    from analyzer.join.connections import Connection
    from analyzer.waits.case import ServerPool
    from analyzer.waits.targets import Target

FEWEST: Final = 3
"""Requests from the service's host that nobody has read: one or two are any client's."""


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
