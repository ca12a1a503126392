"""Links between sockets and threads or pools, each with what it rests on. Unknown stays unknown: no link is better than a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.correlate.descriptor_links import descriptor_links
from analyzer.correlate.stalls import stalls
from analyzer.finding import Basis, Confidence, Link
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.correlate.process import ProcessView
    from analyzer.correlate.sockets import Connection
    from parsers.records import Thread


def links_of(view: ProcessView) -> Iterator[Link]:
    """Links of one process, the exact ones first. What the kernel shows of a socket replaces what was inferred of it."""
    exact = tuple(descriptor_links(view))
    yield from exact
    linked = {(link.local, link.remote) for link in exact}
    yield from (link for link in _inferred(view) if (link.local, link.remote) not in linked)


def _inferred(view: ProcessView) -> Iterator[Link]:
    """What its callers call over, and what its listeners' pools serve or leave queued."""
    for stall in stalls(view):
        for target in stall.targets:
            alone = len(target.connections) == len(stall.callers) == 1
            thread = stall.callers[0].thread if alone else None
            basis = Basis.UNIQUE if alone else target.basis
            # Equal numbers may prove the cause; which of the threads has which of the connections they do not prove.
            confidence = Confidence.LIKELY if target.confidence is Confidence.CERTAIN else target.confidence
            for connection in target.connections:
                yield _link(view, connection, "calls", stall.calling_pool.name, thread, basis, confidence)
        if stall.port is not None:
            for connection in view.server_side(stall.port):
                if connection.state in {TcpState.ESTABLISHED, TcpState.CLOSE_WAIT}:
                    queued = connection.unaccepted or (connection.recv_q or 0) > 1
                    yield _link(
                        view, connection, "queued" if queued else "serves", stall.pool.name, None, Basis.POOL_PORT, Confidence.LIKELY
                    )


def _link(
    view: ProcessView, connection: Connection, role: str, pool: str, thread: Thread | None, basis: Basis, confidence: Confidence
) -> Link:
    return Link(
        snapshot=view.snapshot.name,
        host=view.snapshot.host,
        pid=view.process.pid,
        role=role,
        local=str(connection.local),
        remote=str(connection.remote) if connection.remote else None,
        state=connection.state.value if connection.state else None,
        inode=connection.inode,
        thread=thread.name if thread else None,
        tid=thread.native_id if thread else None,
        pool=pool,
        basis=basis,
        confidence=confidence,
    )
