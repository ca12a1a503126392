"""Whom callers wait for: connections joined with the threads that may stand behind them, by system calls or by numbers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.join.descriptor_links import exact_sockets
from analyzer.model.finding import Basis, Confidence
from analyzer.software.blockers import OUTBOUND
from analyzer.software.kinds import ActivityKind, PoolRole
from parsers.records import Endpoint, TcpState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.process import ProcessView
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.server_pools import ServerPool

MAJORITY: Final = 0.5
"""Share of the callers that a target must explain to be the cause; below it the calls are victims of something else."""
COUNT_TOLERANCE: Final = 0.2
"""Tables and dumps are not taken at one instant: counts of threads and sockets may differ by this share."""
FEW_CLIENTS: Final = 3
"""Clients that wait or gave up, from which on a server is seen to make somebody wait."""


class Target(NamedTuple):
    """A service that callers wait for.

    ``share``: how much of the callers its connections explain. ``own``: it is the process' own listener, or a proxy of the same host that
    leads back to it. ``back`` has the connections over which the far process, proxy or not, calls this process back in vain.
    """

    remote: Endpoint
    own: bool
    connections: tuple[Connection, ...]
    share: float
    basis: Basis
    confidence: Confidence
    back: tuple[Connection, ...] = ()

    def at_most(self, limit: Confidence) -> Target:
        """The same, not surer than the limit."""
        return self._replace(confidence=max(self.confidence, limit, key=lambda one: one.rank))

    @property
    def connecting(self) -> bool:
        """True if several connections to it are being made: where a service takes them, that is over in an instant."""
        return len(self.connections) >= FEW_CLIENTS and all(row.state is TcpState.SYN_SENT for row in self.connections)


def targets(view: ProcessView, callers: Sequence[ThreadActivity]) -> tuple[Target, ...]:
    """Whom the callers wait for, by counting.

    A connection to the own listener whose request lies unread is an outstanding call for sure; the callers that these leave
    over are compared with the open connections to each service, the own listener among them (its connections may be idle, or their
    requests read by an I/O thread and queued). Where several services could explain them, none is named.
    """
    if not callers:
        return ()
    if exact := _exact_targets(view, callers):
        return exact
    own = _own_target(view, len(callers) - _in_drivers(view, callers), len(callers))
    if own is not None and own.confidence is Confidence.SUSPECTED and (elsewhere := _exactly(_remote_targets(view, callers, len(callers)))):
        return elsewhere  # nobody is seen to own the own calls' near ends; these connections alone explain every caller
    rest = len(callers) - (round(own.share * len(callers)) if own else 0)
    found = [own] if own else []
    if rest > COUNT_TOLERANCE * len(callers):
        found += _remote_targets(view, callers, rest)
    return tuple(sorted(found, key=lambda target: (-target.share, target.remote)))


def only_target(view: ProcessView, caller: ThreadActivity) -> Target | None:
    """The one service that a thread in a call can only be waiting for; None if it may be another, or a client's connection that it reads."""
    found = targets(view, (caller,)) if caller.activity.kind in OUTBOUND else ()
    return found[0] if len(found) == 1 else None


def unseen_targets(serving: ServerPool) -> tuple[Target, ...]:
    """Whom threads wait for that show only a future: as many own calls lie unread, or as many connections to one service are open.

    Never certain: the numbers agree, no frame does. A service is named only where an asynchronous client's thread is in the dump, or the wait is that of
    a CompletableFuture: else nothing says that the threads wait for a call at all.
    """
    view, waiting = serving.view, len(serving.waiters)
    if not serving.unseen or waiting + len(serving.held_back) < MAJORITY * serving.workers:
        return ()
    own = _own_target(view, waiting, waiting)
    if own is not None and own.share >= MAJORITY:
        exact = own.share >= 1 - COUNT_TOLERANCE
        sure = exact and own.confidence is not Confidence.SUSPECTED
        return (own._replace(confidence=Confidence.LIKELY if sure else Confidence.SUSPECTED),)
    groups = _outstanding(view, ())
    tolerance = max(1, COUNT_TOLERANCE * waiting)
    matching = {remote: group for remote, group in groups.items() if abs(len(group) - waiting) <= tolerance}
    composed = sum(member.activity.kind == ActivityKind.COMPLETABLE_FUTURE for member in serving.waiters) >= MAJORITY * waiting
    if len(matching) != 1 or waiting < FEW_CLIENTS or not (composed or _has_asynchronous_client(view)):
        return _behind_a_cut(view, groups, waiting)
    ((remote, group),) = matching.items()
    confidence = Confidence.LIKELY if composed and len(groups) == 1 else Confidence.SUSPECTED
    share = min(1.0, len(group) / waiting)
    mine = {pair.near for pair in view.pairs if pair.proven}
    if all(connection in mine for connection in group):
        # A loop of the server has read the calls, and they wait for a thread inside the process.
        return (Target(remote, own=True, connections=tuple(group), share=share, basis=Basis.COUNT, confidence=confidence),)
    return (_somewhere(view, remote, group, share, Basis.COUNT, confidence),)


def _has_asynchronous_client(view: ProcessView) -> bool:
    return any(
        pool.role == PoolRole.CLIENT
        or (pool.role == PoolRole.EVENT_LOOP and any(member.activity.library is not None for member in pool.members))
        for pool in view.pools
    )


def _exact_targets(view: ProcessView, callers: Sequence[ThreadActivity]) -> tuple[Target, ...]:
    """Whom the callers wait for by their system calls; empty unless these show it of most of them. No count is needed then."""
    sockets = {thread: socket for thread, socket, alone in exact_sockets(view) if alone and socket.remote is not None}
    groups: dict[Endpoint, list[Connection]] = {}
    for caller in callers:
        socket = sockets.get(caller.thread)
        if socket is not None and socket.remote is not None:
            groups.setdefault(socket.remote, []).append(socket)
    known = sum(len(group) for group in groups.values())
    if known < MAJORITY * len(callers):
        return ()
    confidence = Confidence.CERTAIN if known >= (1 - COUNT_TOLERANCE) * len(callers) else Confidence.LIKELY
    found = []
    for remote, group in groups.items():
        share = len(group) / len(callers)
        if all(map(view.calls_itself, group)):
            found.append(Target(remote, own=True, connections=tuple(group), share=share, basis=Basis.DESCRIPTOR, confidence=confidence))
        else:
            found.append(_somewhere(view, remote, group, share, Basis.DESCRIPTOR, confidence))
    return tuple(sorted(found, key=lambda target: (-target.share, target.remote)))


def _behind_a_cut(view: ProcessView, groups: dict[Endpoint, list[Connection]], waiting: int) -> tuple[Target, ...]:
    """Of a dump that is cut: more may wait than it has, and who calls the only service may be among the threads that it lacks."""
    if view.dump is None or view.dump.complete is not False or len(groups) != 1 or waiting < FEW_CLIENTS:
        return ()
    ((remote, group),) = groups.items()
    return (_somewhere(view, remote, group, 1.0, Basis.COUNT, Confidence.SUSPECTED),) if len(group) >= waiting else ()


def _somewhere(
    view: ProcessView, remote: Endpoint, group: Sequence[Connection], share: float, basis: Basis, confidence: Confidence
) -> Target:
    """A target that is not this process: a service, or a proxy that leads back to it."""
    back = way_back(view, group)
    back = back if len(back) >= MAJORITY * len(group) else ()
    proxied = bool(back) and all(view.known.is_proxy(one.command) for one in back)
    return Target(remote, proxied, tuple(group), share, basis, confidence, back)


def _in_drivers(view: ProcessView, callers: Sequence[ThreadActivity]) -> int:
    """How many callers stand in the driver of a service to whose ports connections are open: these wait there, whatever own calls lie unread."""
    count = 0
    for library, threads in Counter(member.activity.library for member in callers).items():
        ports = view.known.ports_of({library}) - view.listeners.keys()
        if any(row.remote is not None and row.remote.port in ports and row.state is TcpState.ESTABLISHED for row in view.client_side):
            count += threads
    return count


def _own_target(view: ProcessView, callers: int, all_callers: int) -> Target | None:
    """The own listener, for those ``callers`` of ``all_callers`` that may call it."""
    pending = [pair for pair in view.pairs if pair.pending]
    if not pending or callers <= 0:
        return None
    proven = all(pair.proven for pair in pending)
    exact = abs(len(pending) - callers) <= max(1, COUNT_TOLERANCE * callers)
    # Without an owner the near end is anybody's: a proxy of the host, a health check.
    confidence = Confidence.SUSPECTED if not proven else Confidence.CERTAIN if exact else Confidence.LIKELY
    remote = pending[0].near.remote
    assert remote is not None
    share = min(len(pending), callers) / all_callers
    return Target(remote, own=True, connections=tuple(pair.near for pair in pending), share=share, basis=Basis.COUNT, confidence=confidence)


def _exactly(found: Sequence[Target]) -> tuple[Target, ...]:
    """A single service with as many connections as callers; empty if there is none."""
    if len(found) != 1 or found[0].share < 1 - COUNT_TOLERANCE:
        return ()
    return (found[0]._replace(confidence=Confidence.LIKELY),)


def _remote_targets(view: ProcessView, callers: Sequence[ThreadActivity], rest: int) -> list[Target]:
    groups = _outstanding(view, callers)
    if not groups:
        return []
    mine = {pair.near.remote for pair in view.pairs}
    ports = view.known.ports_of({member.activity.library for member in callers})
    basis = Basis.FRAME_PORT if all(remote.port in ports for remote in groups) else Basis.COUNT
    total = sum(len(group) for group in groups.values())
    tolerance = max(1, COUNT_TOLERANCE * rest)
    matching = {remote: group for remote, group in groups.items() if abs(len(group) - rest) <= tolerance}
    shared = sum(member.activity.kind == ActivityKind.CALL for member in callers) > MAJORITY * len(callers)
    if shared and len(groups) > 1:
        return []  # many calls may share one connection (gRPC, HTTP/2, message brokers): numbers of connections say nothing
    if len(groups) == 1 or abs(total - rest) <= tolerance:
        chosen = groups
    elif len(matching) == 1:
        chosen = matching
    else:
        return []
    result = []
    for remote, group in chosen.items():
        share = (rest if shared else min(rest, len(group))) / len(callers)
        exact = abs(min(total, len(group)) - rest) <= tolerance or abs(total - rest) <= tolerance
        confidence = Confidence.CERTAIN if exact and len(groups) == 1 and not shared else Confidence.LIKELY
        if remote in mine and not _answered_by_others(view, remote, callers):
            result.append(Target(remote, own=True, connections=tuple(group), share=share, basis=basis, confidence=Confidence.LIKELY))
            continue
        result.append(_somewhere(view, remote, group, share, basis, confidence))
    return result


def _answered_by_others(view: ProcessView, remote: Endpoint, callers: Sequence[ThreadActivity]) -> bool:
    """True if another process of the host is likely to answer at a listener that a table without owners shows.

    Its calls were read, nobody else calls it, and the clients of one other listener account for the callers: who would read the calls here?
    """
    calls = [pair for pair in view.pairs if pair.near.remote == remote]
    if any(pair.proven or pair.pending for pair in calls) or remote.port is None or view.clients_of(remote.port):
        return False
    clients = (len(view.server_side(port)) for port in view.listeners if port != remote.port)
    return max(clients, default=0) >= (1 - COUNT_TOLERANCE) * len(callers)


def way_back(view: ProcessView, group: Sequence[Connection]) -> tuple[Connection, ...]:
    """Connections to the process' own listeners, with a request nobody has read, of the process at the far end of ``group``.

    The evidence has both halves of its connections: it is a proxy of the same host, or a service, here or on another host, that calls back.
    """
    return tuple(one for one in _calls_back(view, group) if _unread_by(view, one))


def one_sided_calls_back(view: ProcessView, group: Sequence[Connection]) -> tuple[Connection, ...]:
    """Open connections of the process at the far end of ``group`` to the process' own listeners, whose receive queue here no table shows.

    A whole table has both ends of what is open within a host. Where the end here is missing, or only a tool without queues shows it, nobody can
    say whether a request lies unread in it.
    """
    found = (
        (one, view.table.get(one.remote, one.local))
        for one in _calls_back(view, group)
        if one.state is TcpState.ESTABLISHED and one.remote is not None
    )
    return tuple(one for one, end in found if end is None or end.recv_q is None)


def _calls_back(view: ProcessView, group: Sequence[Connection]) -> tuple[Connection, ...]:
    """Connections to the process' own listeners of the process at the far end of ``group``."""
    ends = [far.view for one in group if (far := view.peers.far(view, one)) is not None]
    callees = {end for end in ends if end is not None and end is not view}
    return tuple(one for callee, one in view.peers.connections_of(callees) if _reaches(view, callee, one))


def _reaches(view: ProcessView, callee: ProcessView, row: Connection) -> bool:
    """True if a connection of ``callee`` goes to a listener of this process: by port, on an address of this host."""
    remote = row.remote
    if remote is None or remote.port not in view.listeners:
        return False
    if remote.is_loopback:
        return callee.snapshot.host == view.snapshot.host
    return remote.host in view.table.local_hosts


def callee_of(view: ProcessView, target: Target) -> ProcessView | None:
    """The process at the far end of most of a target's connections; None if the evidence does not show it."""
    ends = Counter(far.view for row in target.connections if (far := view.peers.far(view, row)) is not None and far.view is not None)
    most = ends.most_common(1)
    if not most or most[0][0] is view:
        return None
    # Several processes of one program may share a port; that they call back makes the first of them the one to name.
    return most[0][0] if target.back or most[0][1] >= MAJORITY * len(target.connections) else None


def _unread_by(view: ProcessView, near: Connection) -> bool:
    """True if this process has not accepted ``near`` or not read what came over it."""
    if near.remote is None or near.state not in {TcpState.ESTABLISHED, TcpState.SYN_SENT}:
        return False
    far = view.table.get(near.remote, near.local)
    # A table without owners is the whole host's: the row is of this listener, whoever it belongs to.
    unowned = view.pid is None and far is not None and not far.owners
    mine = far is not None and (far.unaccepted or unowned or any(owner.pid == view.pid for owner in far.owners))
    return near.state is TcpState.SYN_SENT or (mine and far is not None and (far.unaccepted or bool(far.recv_q)))


def _outstanding(view: ProcessView, callers: Sequence[ThreadActivity]) -> dict[Endpoint, list[Connection]]:
    """Connections to services over which a call may be outstanding: open, nothing left to read. By service.

    A driver's callers are compared with connections to its port first; an HTTP client's callers not with a database's port.
    """
    connecting = sum(1 for member in callers if member.activity.kind == ActivityKind.SOCKET_CONNECT)
    # A client with selectors of its own connects there: its callers stand in the same frame, connected or not.
    hidden = all(member.activity.kind != ActivityKind.SOCKET_READ for member in callers)
    found = _open_to(view, TcpState.SYN_SENT if connecting > len(callers) / 2 else TcpState.ESTABLISHED)
    groups = _open_to(view, TcpState.SYN_SENT) if hidden and not found else found
    ports = view.known.ports_of({member.activity.library for member in callers})
    preferred = {remote: group for remote, group in groups.items() if remote.port in ports}
    if not preferred and not ports:
        preferred = {remote: group for remote, group in groups.items() if remote.port not in view.known.service_ports}
    return preferred or groups


def _open_to(view: ProcessView, state: TcpState) -> dict[Endpoint, list[Connection]]:
    """Connections of the process in a state, with nothing left to read, by service."""
    told = any(pair.pending for pair in view.pairs)  # then the own target speaks for them
    groups: dict[Endpoint, list[Connection]] = {}
    for connection in view.client_side:
        if (
            connection.state is state
            and not connection.recv_q
            and connection.remote is not None
            and not (told and view.calls_itself(connection))
        ):
            groups.setdefault(connection.remote, []).append(connection)
    return groups
