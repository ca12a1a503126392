"""Why a server pool does not move: from its threads over futures and helper pools to the sockets they all wait for.

A thread dump shows that threads read from a socket, never from which. The socket table shows which connections are open, never who
waits. Joined by process, count and the state of both halves they decide what neither can: the same stacks mean a slow service or
a server that calls itself.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.join.connections import close_wait
from analyzer.join.descriptor_links import exact_sockets
from analyzer.join.process import Pair
from analyzer.model.finding import Basis, CloseWait, Confidence
from analyzer.software.blockers import FUTURES, OUTBOUND, application_frame
from analyzer.waits.waits import Hop, helper_of
from parsers.records import Endpoint, Frame, TcpState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.process import ProcessView
    from analyzer.software.pools import Busy, Pool

SATURATED: Final = 0.8
"""Share of a pool's workers that must be blocked: some may be serving the few requests that need no call."""
MAJORITY: Final = 0.5
"""Share of the callers that a target must explain to be the cause; below it the calls are victims of something else."""
COUNT_TOLERANCE: Final = 0.2
"""Tables and dumps are not taken at one instant: counts of threads and sockets may differ by this share."""
FEW_CLIENTS: Final = 3
"""Clients that wait or gave up, from which on a server is seen to make somebody wait."""
MOST_HOPS: Final = 4
"""Pools that wait for pools: deeper than this nobody builds, and a cycle must end."""


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


class Pressure(NamedTuple):
    """What the clients of a listener suffer: hung up without an answer, request not read, connection not accepted."""

    close_wait: CloseWait
    unread: int
    accept_queue: int

    @property
    def exists(self) -> bool:
        """True if so many wait or gave up that it is no moment: one or two requests lie unread for milliseconds on every busy server."""
        gave_up = self.close_wait.fin_only + self.close_wait.unread + self.close_wait.unaccepted
        return gave_up + self.unread + self.accept_queue >= FEW_CLIENTS


class Stall:
    """A server pool and what its threads wait for in the end.

    Attributes:
        view: the process.
        pool: the server pool.
        waiters: its threads that wait for another thread's result.
        direct: its threads that call a service themselves.
        hops: pool → helper pool, as far as the dump shows them.
        callers: the threads that stand in a call to a service, of the pool itself or of the last helper pool.
    """

    def __init__(self, view: ProcessView, pool: Pool) -> None:
        """Follow ``pool`` to its callers."""
        self.view = view
        self.pool = pool
        self.waiters = tuple(member for member in pool.busy if member.activity.kind in FUTURES)
        self.direct = _callers(pool)
        self.hops: tuple[Hop, ...] = ()
        self.callers = self.direct
        self.calling_pool = pool
        if len(self.waiters) > len(self.direct):
            self._follow()

    def _follow(self) -> None:
        """Walk over futures from pool to pool until one calls out."""
        hops: list[Hop] = []
        pool = self.pool
        while len(hops) < MOST_HOPS:
            hop = helper_of(self.view, pool)
            if hop is None or any(hop.helper is earlier.pool for earlier in hops):
                break
            hops.append(hop)
            pool = hop.helper
            if callers := _callers(pool):
                self.callers, self.calling_pool = callers, pool
                break
        else:
            self.callers = ()
        self.hops = tuple(hops)
        if self.calling_pool is self.pool and not self.direct:
            self.callers = ()

    @property
    def port(self) -> int | None:
        """The listener that the pool serves: from the threads' names, else the process' only one."""
        if self.pool.port is not None:
            return self.pool.port
        return next(iter(self.view.listeners)) if len(self.view.listeners) == 1 else None

    @property
    def workers(self) -> int:
        """How many threads of the pool could serve a request."""
        return len(self.pool.workers)

    @property
    def blocked(self) -> int:
        """How many of them wait in a call or for a result."""
        return len(self.waiters) + len(self.direct)

    @property
    def saturated(self) -> bool:
        """True if no worker is free and (nearly) all of them are blocked."""
        return self.workers > 0 and self.pool.idle == 0 and self.blocked >= SATURATED * self.workers

    @property
    def culprit(self) -> Frame | None:
        """The application frame that most of the blocked threads of the pool share."""
        frames = [frame for member in (*self.waiters, *self.direct) if (frame := application_frame(*member)) is not None]
        return max(sorted(set(frames), key=str), key=frames.count, default=None)

    @cached_property
    def pressure(self) -> Pressure:
        """What the listener's clients suffer."""
        return pressure(self.view, self.port)

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """Services that explain the callers, the most first; empty if the sockets do not tell."""
        return targets(self.view, self.callers)

    @property
    def main_target(self) -> Target | None:
        """The target that explains the majority of the callers."""
        return next((target for target in self.targets if target.share >= MAJORITY), None)

    def own_pairs(self, target: Target) -> tuple[Pair, ...]:
        """Both halves of the calls that come back to this process: its own, or those of the proxy that they go through."""
        if target.back:
            return tuple(Pair(one, self.view.table.get(one.remote, one.local) if one.remote else None, proven=True) for one in target.back)
        chosen = {id(one) for one in target.connections}
        return tuple(pair for pair in self.view.pairs if id(pair.near) in chosen)


@lru_cache(maxsize=64)  # rules, links and waits of a process ask for the same
def stalls(view: ProcessView) -> tuple[Stall, ...]:
    """One per server pool of the process."""
    return tuple(Stall(view, pool) for pool in view.pools if pool.role == "server")


def _callers(pool: Pool) -> tuple[Busy, ...]:
    return tuple(member for member in pool.busy if member.activity.kind in OUTBOUND and member.activity.side != "server")


@lru_cache(maxsize=256)  # as above, once for each port
def pressure(view: ProcessView, port: int | None) -> Pressure:
    """What the clients of a port suffer; own calls do not count as clients."""
    if port is None:
        return Pressure(CloseWait(), 0, 0)
    own = {id(pair.far) for pair in view.pairs if pair.far is not None}
    clients = [one for one in view.server_side(port) if id(one) not in own] if own else view.server_side(port)
    unread = len([one for one in clients if one.recv_q and one.state is TcpState.ESTABLISHED and not one.unaccepted])
    listener = view.listeners.get(port)
    queued = listener.recv_q if listener is not None and listener.recv_q else sum(1 for one in clients if one.unaccepted)
    return Pressure(close_wait(clients), unread, queued)


def targets(view: ProcessView, callers: Sequence[Busy]) -> tuple[Target, ...]:
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
    rest = len(callers) - (round(own.share * len(callers)) if own else 0)
    found = [own] if own else []
    if rest > COUNT_TOLERANCE * len(callers):
        found += _remote_targets(view, callers, rest)
    return tuple(sorted(found, key=lambda target: (-target.share, target.remote)))


def _exact_targets(view: ProcessView, callers: Sequence[Busy]) -> tuple[Target, ...]:
    """Whom the callers wait for by their system calls; empty unless these show it of most of them. No count is needed then."""
    sockets = {id(thread): socket for thread, socket, alone in exact_sockets(view) if alone and socket.remote is not None}
    groups: dict[Endpoint, list[Connection]] = {}
    for caller in callers:
        socket = sockets.get(id(caller.thread))
        if socket is not None and socket.remote is not None:
            groups.setdefault(socket.remote, []).append(socket)
    known = sum(len(group) for group in groups.values())
    if known < MAJORITY * len(callers):
        return ()
    confidence = Confidence.CERTAIN if known >= (1 - COUNT_TOLERANCE) * len(callers) else Confidence.LIKELY
    mine = {id(pair.near) for pair in view.pairs}
    found = []
    for remote, group in groups.items():
        share = len(group) / len(callers)
        if all(id(one) in mine for one in group):
            found.append(Target(remote, own=True, connections=tuple(group), share=share, basis=Basis.DESCRIPTOR, confidence=confidence))
        else:
            found.append(_somewhere(view, remote, group, share, Basis.DESCRIPTOR, confidence))
    return tuple(sorted(found, key=lambda target: (-target.share, target.remote)))


def _somewhere(
    view: ProcessView, remote: Endpoint, group: Sequence[Connection], share: float, basis: Basis, confidence: Confidence
) -> Target:
    """A target that is not this process: a service, or a proxy that leads back to it."""
    back = _way_back(view, group)
    back = back if len(back) >= MAJORITY * len(group) else ()
    proxied = bool(back) and all(view.known.is_proxy(one.command) for one in back)
    return Target(remote, proxied, tuple(group), share, basis, confidence, back)


def _in_drivers(view: ProcessView, callers: Sequence[Busy]) -> int:
    """How many callers stand in the driver of a service to whose ports connections are open: these wait there, whatever own calls lie unread."""
    count = 0
    for library, threads in Counter(member.activity.library for member in callers).items():
        ports = view.known.ports_of({library}) - view.listeners.keys()
        if any(one.remote is not None and one.remote.port in ports and one.state is TcpState.ESTABLISHED for one in view.client_side):
            count += threads
    return count


def _own_target(view: ProcessView, callers: int, all_callers: int) -> Target | None:
    """The own listener, for those ``callers`` of ``all_callers`` that may call it."""
    pending = [pair for pair in view.pairs if pair.pending]
    if not pending or callers <= 0:
        return None
    proven = all(pair.proven for pair in pending)
    exact = abs(len(pending) - callers) <= max(1, COUNT_TOLERANCE * callers)
    confidence = Confidence.CERTAIN if proven and exact else Confidence.LIKELY if proven or exact else Confidence.SUSPECTED
    remote = pending[0].near.remote
    assert remote is not None
    share = min(len(pending), callers) / all_callers
    return Target(remote, own=True, connections=tuple(pair.near for pair in pending), share=share, basis=Basis.COUNT, confidence=confidence)


def _remote_targets(view: ProcessView, callers: Sequence[Busy], rest: int) -> list[Target]:
    groups = _outstanding(view, callers)
    if not groups:
        return []
    mine = {pair.near.remote for pair in view.pairs}
    ports = view.known.ports_of({member.activity.library for member in callers})
    basis = Basis.FRAME_PORT if all(remote.port in ports for remote in groups) else Basis.COUNT
    total = sum(len(group) for group in groups.values())
    tolerance = max(1, COUNT_TOLERANCE * rest)
    matching = {remote: group for remote, group in groups.items() if abs(len(group) - rest) <= tolerance}
    shared = sum(member.activity.kind == "call" for member in callers) > MAJORITY * len(callers)
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
        if remote in mine:
            result.append(Target(remote, own=True, connections=tuple(group), share=share, basis=basis, confidence=Confidence.LIKELY))
            continue
        result.append(_somewhere(view, remote, group, share, basis, confidence))
    return result


def _way_back(view: ProcessView, group: Sequence[Connection]) -> tuple[Connection, ...]:
    """Connections to the process' own listeners, with a request nobody has read, of the process at the far end of ``group``.

    The evidence has both halves of its connections: it is a proxy of the same host, or a service, here or on another host, that calls back.
    """
    ends = [far.view for one in group if (far := view.peers.far(view, one)) is not None]
    callees = {end for end in ends if end is not None and end is not view}
    return tuple(one for callee, one in view.peers.connections_of(callees) if _reaches(view, callee, one) and _unread_by(view, one))


def _reaches(view: ProcessView, callee: ProcessView, one: Connection) -> bool:
    """True if a connection of ``callee`` goes to a listener of this process: by port, on an address of this host."""
    remote = one.remote
    if remote is None or remote.port not in view.listeners:
        return False
    if remote.is_loopback:
        return callee.snapshot.host == view.snapshot.host
    return remote.host in view.table.local_hosts


def callee_of(view: ProcessView, target: Target) -> ProcessView | None:
    """The process at the far end of most of a target's connections; None if the evidence does not show it."""
    ends = Counter(far.view for one in target.connections if (far := view.peers.far(view, one)) is not None and far.view is not None)
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


def _outstanding(view: ProcessView, callers: Sequence[Busy]) -> dict[Endpoint, list[Connection]]:
    """Connections to services over which a call may be outstanding: open, nothing left to read. By service.

    A driver's callers are compared with connections to its port first; an HTTP client's callers not with a database's port.
    """
    connecting = sum(1 for member in callers if member.activity.kind == "socket-connect")
    state = TcpState.SYN_SENT if connecting > len(callers) / 2 else TcpState.ESTABLISHED
    told = any(pair.pending for pair in view.pairs)  # then the own target speaks for them
    own = {id(pair.near) for pair in view.pairs} if told else set()
    groups: dict[Endpoint, list[Connection]] = {}
    for connection in view.client_side:
        if connection.state is state and not connection.recv_q and connection.remote is not None and id(connection) not in own:
            groups.setdefault(connection.remote, []).append(connection)
    ports = view.known.ports_of({member.activity.library for member in callers})
    preferred = {remote: group for remote, group in groups.items() if remote.port in ports}
    if not preferred and not ports:
        preferred = {remote: group for remote, group in groups.items() if remote.port not in view.known.service_ports}
    return preferred or groups
