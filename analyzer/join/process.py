"""A process at one moment: its sockets, its thread dump, its listeners; and the moment, with the processes at its far ends.

Two rows with the same two ends, turned round, are the two halves of one connection, on whatever hosts they were saved. Loopback addresses
and cut ones identify nothing across hosts, and a table that a proxy or an address translation stands between has no such row: then the far
end stays unknown.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.join.connections import NO_SOCKETS, Connection, Sockets
from analyzer.join.coverage import Coverage
from analyzer.join.socket_table import listening_ports
from analyzer.model.finding import Process
from analyzer.software.kinds import PoolRole
from analyzer.software.pools import Pool, pools
from parsers.records import Endpoint, TcpState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from analyzer.join.captures import Packets
    from analyzer.join.process_draft import ProcessDraft
    from analyzer.join.socket_table import SocketTable
    from analyzer.model.incident import ArtifactPart, Snapshot


class OwnCall(msgspec.Struct, frozen=True):
    """A connection of a process to its own listener. ``far`` is the server's half, None if the table has no row of it.

    ``proven``: both halves show the same pid, or the near half's pid owns the listener.
    """

    near: Connection
    far: Connection | None
    proven: bool

    @property
    def pending(self) -> bool:
        """True if the server has not read the request, or not even accepted the connection."""
        if self.near.state is TcpState.SYN_SENT:
            return True
        return self.far is not None and (self.far.unaccepted or bool(self.far.recv_q))


class ProcessView:
    """One process at one moment. It is complete when it is made, and never changes.

    Attributes:
        moment: when and where it was seen, and what was seen beside it.
        snapshot: the artifacts of that moment.
        table: every connection of the snapshot by (local, remote), for looking up peers.
        packets: the captures that may show its connections.
        pid: None when no artifact names it; the first of a pre-fork server's workers.
        pids: of all workers.
        command: the command as the socket tables print it.
        sockets: its connections and listeners, with those in its accept queues.
        known: what is known of software.
        dump: its thread dump, None if there is none.
        dump_basis: why the dump is taken for this process's, None without a dump or a reason.
        names_differ: the dump's and the tables' files are named as those of two machines or programs are.
        torn: the name of a thread whose stack ran on into another one's, None if none did.
    """

    def __init__(self, moment: Moment, draft: ProcessDraft, inference: Inference) -> None:
        """The process that ``draft`` has become."""
        self.moment: Final = moment
        self.snapshot: Final = moment.snapshot
        self.table: Final = moment.table
        self.packets: Final = moment.packets
        self.pid: Final = draft.pid
        self.pids: Final = draft.pids
        self.command: Final = draft.command
        self.sockets: Final = draft.sockets
        self.known: Final = draft.known
        self.dump: Final = draft.dump
        self.dump_basis: Final = draft.dump_basis
        self.names_differ: Final = draft.names_differ
        self.torn: Final = draft.torn
        self._inference: Final = inference
        self._others: Final[dict[int, Sockets]] = {}

    @property
    def peers(self) -> Peers:
        """The processes beside it, on this host and on others."""
        return self.moment.peers

    @cached_property
    def coverage(self) -> Coverage:
        """What the artifacts leave out; nothing may be concluded from its absence."""
        return Coverage(self.snapshot, self.dump, self._inference.parts, self._inference.elided)

    @property
    def process(self) -> Process:
        """The process as findings name it."""
        pid = self.pid if self.pid is not None else self.dump.pid if self.dump else None
        return Process(self.snapshot.host, pid, self.command)

    @cached_property
    def named_pools(self) -> tuple[Pool, ...]:
        """Pools of the dump with the roles that names and stacks tell; none without a dump."""
        return pools(self.dump.threads, self.known, picked=self.dump.fragment) if self.dump else ()

    @cached_property
    def pools(self) -> tuple[Pool, ...]:
        """Pools of the dump with the roles that everything together tells; none without a dump."""
        return self._inference.roles(self)

    @cached_property
    def listeners(self) -> dict[int, Connection | None]:
        """Port → LISTEN row, None where the port is inferred from many remotes or a pool's name."""
        ports = listening_ports(self.sockets)
        for pool in self.named_pools:
            if pool.port is not None and pool.port in self.by_port:
                ports.setdefault(pool.port, None)
        return ports

    @property
    def by_port(self) -> dict[int | None, Sockets]:
        """The sockets by their local port, listeners among them: every rule asks for a port's, of tables of a million rows too."""
        return self.sockets.by_port

    def server_side(self, port: int) -> Sockets:
        """Connections that clients opened to ``port``."""
        return self.sockets.by_port.get(port, NO_SOCKETS).opened

    @cached_property
    def client_side(self) -> Sockets:
        """Connections that this process opened."""
        listeners = self.listeners
        if self.by_port.keys() <= listeners.keys():
            return NO_SOCKETS
        return Sockets([socket for socket in self.sockets if socket.remote is not None and socket.local.port not in listeners])

    @cached_property
    def pairs(self) -> tuple[OwnCall, ...]:
        """Connections of this process to its own listeners (root-causes: the pair must be the same pid, not only the same host)."""
        found = []
        for near in self.client_side:
            remote = near.remote
            if remote is None or remote.port not in self.listeners or near.state not in {TcpState.ESTABLISHED, TcpState.SYN_SENT}:
                continue
            far = self.table.get(remote, near.local)
            if self._is_own(far, remote):
                found.append(OwnCall(near, far, self.pid is not None))
        return tuple(found)

    @cached_property
    def _halves(self) -> tuple[frozenset[Connection], frozenset[Connection]]:
        """Both ends of the calls of the process to itself, by identity."""
        pairs = self.pairs
        return frozenset(pair.near for pair in pairs), frozenset(pair.far for pair in pairs if pair.far is not None)

    def calls_itself(self, connection: Connection) -> bool:
        """True for a connection that the process opened to its own listener."""
        return connection in self._halves[0]

    def clients_of(self, port: int) -> Sockets:
        """Connections that others opened to ``port``."""
        if port not in self._others:
            served, own = self.server_side(port), self._halves[1]
            self._others[port] = Sockets([socket for socket in served if socket not in own]) if own else served
        return self._others[port]

    @cached_property
    def _named_ports(self) -> frozenset[int]:
        """Ports in the names of the dump's pools; none unless those of the request threads have one.

        A table without owners holds the listeners of every process of the host: then these names tell which are this one's.
        """
        if not any(pool.role == PoolRole.SERVER and pool.port is not None for pool in self.named_pools):
            return frozenset()
        return frozenset(pool.port for pool in self.named_pools if pool.port is not None)

    def _is_own(self, far: Connection | None, remote: Endpoint) -> bool:
        """True if the far end of a connection is this process."""
        if far is not None and far.owners:
            return any(owner.pid in self.pids for owner in far.owners)
        if self.pid is None and self._named_ports and remote.port not in self._named_ports:
            return False
        listener = self.listeners[remote.port or 0]
        bound = listener is None or listener.local.is_wildcard or listener.local.host == remote.host
        return bound and (remote.host in self.table.local_hosts or remote.is_loopback)


class PeerSocket(msgspec.Struct, frozen=True):
    """The half of a connection at its far end. ``view``: the process that owns it, None if its table does not say."""

    half: Connection
    view: ProcessView | None


class Peers:
    """The processes of all hosts at one moment."""

    def __init__(self, views: Sequence[ProcessView]) -> None:
        """``views`` of one moment, those of several hosts side by side."""
        self.views = tuple(views)
        self._of = {(view.snapshot.host, pid): view for view in views for pid in view.pids or (view.pid,)}
        self._tables = {view.snapshot.host: view.table for view in views}

    def far(self, view: ProcessView, row: Connection) -> PeerSocket | None:
        """The other half of ``one``, a connection of ``view``; None if no table has it."""
        if row.remote is None or row.remote.truncated or row.local.truncated:
            return None
        near = view.snapshot.host
        if (half := view.table.get(row.remote, row.local)) is not None:
            return self._owned(near, half)
        if row.remote.is_loopback or row.remote.is_wildcard:
            return None
        for host, table in self._tables.items():
            if host != near and (half := table.get(row.remote, row.local)) is not None:
                return self._owned(host, half)
        return None

    def _owned(self, host: str | None, half: Connection) -> PeerSocket:
        return PeerSocket(half, self._of.get((host, half.pid)) if half.pid is not None else None)

    def connections_of(self, views: Iterable[ProcessView]) -> Iterator[tuple[ProcessView, Connection]]:
        """The connections that the given processes own."""
        for view in sorted(views, key=lambda one: (one.snapshot.host or "", one.pid or 0)):
            yield from ((view, row) for row in view.sockets if row.pid in view.pids or row.pid == view.pid)


class Inference(msgspec.Struct, frozen=True):
    """What a process is told to infer from.

    Attributes:
        roles: the roles of its pools. It looks at the whole process, so it stands above this module and is given to it.
        parts: the parts of all files.
        elided: files that somebody left lines out of.
    """

    roles: Callable[[ProcessView], tuple[Pool, ...]]
    parts: tuple[ArtifactPart, ...]
    elided: frozenset[str]


class Moment:
    """One host at one moment: its socket table, its captures and its processes.

    Attributes:
        snapshot: the artifacts that were saved then and there.
        table: the connections of all its processes, and of nobody.
        packets: the captures that may show them.
        processes: in order of pid; dumps without sockets have processes of their own.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        packets: Packets,
        table: SocketTable,
        drafts: Iterable[ProcessDraft],
        inference: Inference,
        beside: Callable[[Moment], Iterable[ProcessView]],
    ) -> None:
        """Make processes of ``drafts``. ``beside`` gives the processes of all hosts at about this moment, once all moments are made."""
        self.snapshot: Final = snapshot
        self.packets: Final = packets
        self.table: Final = table
        self.processes: Final = tuple(ProcessView(self, draft, inference) for draft in drafts)
        self._beside: Final = beside

    @cached_property
    def peers(self) -> Peers:
        """The processes of this host and of each other host at the same moment, or the last before."""
        return Peers(tuple(self._beside(self)))
