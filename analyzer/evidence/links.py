"""Links between sockets and threads or pools, each with what it rests on. Unknown stays unknown: no link is better than a guess."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from analyzer.join.connections import left_unread
from analyzer.join.descriptor_links import descriptor_links
from analyzer.join.name_links import name_links
from analyzer.model.finding import Basis, Confidence, Link
from analyzer.software.blockers import OUTBOUND
from analyzer.software.kinds import SocketSide
from analyzer.software.pools import ThreadSet
from analyzer.waits.server_pools import server_pools
from analyzer.waits.targets import targets
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.process import ProcessView
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.targets import Target
    from parsers.records import Thread


def links_of(view: ProcessView) -> Iterator[Link]:
    """Links of one process, the strongest first. A socket has the links of its strongest basis only."""
    linked: set[tuple[str, str | None]] = set()
    for links in (descriptor_links(view), _by_name(view), _inferred(view)):
        found = [link for link in links if (link.local, link.remote) not in linked]
        yield from found
        linked |= {(link.local, link.remote) for link in found}


def _by_name(view: ProcessView) -> Iterator[Link]:
    """Sockets whose addresses stand in a thread's name."""
    for member, socket, confidence, basis in name_links(view):
        pool = next(pool.name for pool in view.pools if any(one.thread is member.thread for one in pool.members))
        role = "serves" if socket.local.port in view.listeners else "calls"
        yield _link(view, socket, role, pool, member.thread, basis, confidence)


def _inferred(view: ProcessView) -> Iterator[Link]:
    """What its callers call over, and what its listeners' pools serve or leave queued."""
    for serving in server_pools(view):
        yield from _calls(view, serving.calling_pool.name, serving.callers, serving.targets)
        if serving.port is not None:
            for connection in view.server_side(serving.port):
                if connection.state in {TcpState.ESTABLISHED, TcpState.CLOSE_WAIT}:
                    queued = connection.unaccepted or (left_unread(connection) or 0) > 1
                    yield _link(
                        view, connection, "queued" if queued else "serves", serving.pool.name, None, Basis.POOL_PORT, Confidence.LIKELY
                    )
    for pool, drivers in _other_drivers(view):
        yield from _calls(view, pool, drivers, targets(view, drivers))


def _calls(view: ProcessView, pool: str, callers: Sequence[ThreadActivity], found: Sequence[Target]) -> Iterator[Link]:
    for target in found:
        alone = len(target.connections) == len(callers) == 1
        thread = callers[0].thread if alone else None
        basis = Basis.UNIQUE if alone else target.basis
        # Equal numbers may prove the cause; which of the threads has which of the connections they do not prove.
        confidence = Confidence.LIKELY if target.confidence is Confidence.CERTAIN else target.confidence
        for connection in target.connections:
            yield _link(view, connection, "calls", pool, thread, basis, confidence)


def _other_drivers(view: ProcessView) -> Iterator[tuple[str, tuple[ThreadActivity, ...]]]:
    """Callers that no stall counts, by the driver whose frames they stand in: only drivers with ports of their own, used by one pool alone."""
    counted = ThreadSet(caller for serving in server_pools(view) for caller in serving.callers)
    users: dict[str, list[tuple[str, ThreadActivity]]] = defaultdict(list)
    for pool in view.pools:
        for member in pool.busy:
            library = member.activity.library
            if library in view.known.drivers and member.activity.kind in OUTBOUND and member.activity.side == SocketSide.CLIENT:
                users[library].append((pool.name, member))
    for _, found in sorted(users.items()):
        if len({name for name, _ in found}) == 1 and not any(member in counted for _, member in found):
            yield found[0][0], tuple(member for _, member in found)


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
