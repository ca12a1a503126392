"""A process at one moment: its sockets, its thread dump, its listeners, and how sure it is that they belong together."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from analyzer.join.captures import Packets, attach_captures
from analyzer.join.connections import Connection, connections, listening_ports
from analyzer.join.coverage import Coverage
from analyzer.join.dump_basis import DumpBasis
from analyzer.join.forked_workers import forked
from analyzer.join.peers import Peers, attach_peers
from analyzer.join.roles import with_roles
from analyzer.join.same_stacks import only_candidate, seen_already, tells_more
from analyzer.join.torn_stacks import mended
from analyzer.model.finding import Process
from analyzer.model.host_labels import at_odds
from analyzer.software.kinds import PoolRole
from analyzer.software.pools import Pool, pools
from parsers.records import Endpoint, Pid, Runtime, TcpState, ThreadDump

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyzer.model.incident import Incident, Snapshot
    from analyzer.software.knowledge import Knowledge

NEAREST_IDS: Final = 16
"""How far the VM's first thread id may lie behind its pid: a busy host hands out a few ids in between."""


class OwnCall(NamedTuple):
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
    """One process in one snapshot.

    Attributes:
        snapshot: where it comes from.
        pid: None when no artifact names it; the first of a pre-fork server's workers.
        pids: of all workers.
        sockets: its connections and listeners, with those in its accept queues.
        dump: its thread dump, None if there is none.
        dump_basis: why the dump is taken for this process's, None without a dump or a reason.
        names_differ: the dump's and the tables' files are named as those of two machines or programs are.
        coverage: what the artifacts leave out; nothing may be concluded from its absence.
        torn: the name of a thread whose stack ran on into another one's, None if none did.
        table: every connection of the snapshot by (local, remote), for looking up peers.
        known: what is known of software.
        packets: the captures that may show its connections.
        peers: the processes beside it, on this host and on others.
    """

    def __init__(self, snapshot: Snapshot, pid: Pid | None, sockets: tuple[Connection, ...], table: SocketTable, known: Knowledge) -> None:
        """A view without a dump yet."""
        self.snapshot = snapshot
        self.pid = pid
        self.sockets = sockets
        self.table = table
        self.known = known
        self.pids = frozenset(() if pid is None else (pid,))
        self.peers = Peers(())
        self.packets = Packets(())
        self.dump: ThreadDump | None = None
        self.dump_basis: DumpBasis | None = None
        self.names_differ = False
        self.torn: str | None = None
        self.coverage = Coverage(self, (), frozenset())
        self._served: dict[int, tuple[Connection, ...]] = {}

    @cached_property
    def command(self) -> str | None:
        """The command as the socket tables print it."""
        return next((owner.command for socket in self.sockets for owner in socket.owners if owner.pid == self.pid and owner.command), None)

    @property
    def process(self) -> Process:
        """The process as findings name it."""
        pid = self.pid if self.pid is not None else self.dump.pid if self.dump else None
        return Process(self.snapshot.host, pid, self.command)

    @cached_property
    def named_pools(self) -> tuple[Pool, ...]:
        """Pools of the dump with the roles that names and stacks tell; none without a dump."""
        return pools(self.dump.threads, self.known) if self.dump else ()

    @cached_property
    def pools(self) -> tuple[Pool, ...]:
        """Pools of the dump with the roles that everything together tells; none without a dump."""
        return with_roles(self)

    @cached_property
    def listeners(self) -> dict[int, Connection | None]:
        """Port → LISTEN row, None where the port is inferred from many remotes or a pool's name."""
        ports = listening_ports(self.sockets)
        for pool in self.named_pools:
            if pool.port is not None and pool.port in self.by_port:
                ports.setdefault(pool.port, None)
        return ports

    @cached_property
    def by_port(self) -> dict[int | None, tuple[Connection, ...]]:
        """The sockets by their local port, listeners among them: every rule asks for a port's, of tables of a million rows too."""
        found: dict[int | None, list[Connection]] = defaultdict(list)
        for socket in self.sockets:
            found[socket.local.port].append(socket)
        return {port: tuple(sockets) for port, sockets in found.items()}

    def server_side(self, port: int) -> tuple[Connection, ...]:
        """Connections that clients opened to ``port``."""
        if port not in self._served:
            listen = TcpState.LISTEN
            self._served[port] = tuple([socket for socket in self.by_port.get(port, ()) if socket.state is not listen])
        return self._served[port]

    @cached_property
    def client_side(self) -> tuple[Connection, ...]:
        """Connections that this process opened."""
        listeners = self.listeners
        if self.by_port.keys() <= listeners.keys():
            return ()
        return tuple([socket for socket in self.sockets if socket.remote is not None and socket.local.port not in listeners])

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


class SocketTable:
    """All connections of a snapshot, indexed."""

    def __init__(self, found: Sequence[Connection]) -> None:
        """Index ``found`` by 4-tuple and collect the host's own addresses."""
        self.connections = tuple(found)
        # Rows of a table share their local ends: each is looked at once.
        ends = {id(one.local): one.local for one in found}.values()
        self.local_hosts = frozenset(end.host for end in ends if not end.is_wildcard and not end.truncated)

    @cached_property
    def _by_tuple(self) -> dict[tuple[Endpoint, Endpoint], Connection]:
        return {(one.local, one.remote): one for one in self.connections if one.remote is not None}

    @cached_property
    def _by_state(self) -> dict[TcpState | None, list[Connection]]:
        found: dict[TcpState | None, list[Connection]] = defaultdict(list)
        for one in self.connections:
            found[one.state].append(one)
        return dict(found)

    def in_state(self, state: TcpState) -> Sequence[Connection]:
        """The connections in this state."""
        return self._by_state.get(state, ())

    def get(self, local: Endpoint, remote: Endpoint) -> Connection | None:
        """The row with this local and remote end."""
        return self._by_tuple.get((local, remote))

    def listener(self, endpoint: Endpoint) -> Connection | None:
        """The LISTEN row that connections to ``endpoint`` reach."""
        if endpoint.host not in self.local_hosts and not endpoint.is_loopback:
            return None
        rows = [one for one in self.in_state(TcpState.LISTEN) if one.local.port == endpoint.port]
        return next((one for one in rows if one.local.host == endpoint.host), None) or next(
            (one for one in rows if one.local.is_wildcard), None
        )


def views(incident: Incident, known: Knowledge) -> tuple[ProcessView, ...]:
    """Every process of every snapshot, in order of snapshot and pid; dumps without sockets have views of their own."""
    found = tuple(view for snapshot in incident.snapshots for view in _of_snapshot(snapshot, known))
    parts = tuple(part for artifact in incident.artifacts for part in artifact.parts)
    elided = frozenset(artifact.file for artifact in incident.artifacts if artifact.elisions)
    for view in found:
        view.coverage = Coverage(view, parts, elided)
    _recognise(found)
    attach_peers(found)
    attach_captures(incident, found)
    return found


def _recognise(found: Sequence[ProcessView]) -> None:
    """Give dumps that name no process the pid of the one whose dump of another moment has the same threads: mostly only one table is saved."""
    named = [view for view in found if view.pid is not None and view.dump is not None]
    for view in found:
        if view.pid is None and view.dump is not None and not view.sockets:
            same = {one.pid for one in named if one.snapshot.host == view.snapshot.host and _same_threads(one.dump, view.dump)}
            if len(same) == 1:
                view.pid = same.pop()
                view.dump_basis = DumpBasis.SAME_THREADS


def _of_snapshot(snapshot: Snapshot, known: Knowledge) -> list[ProcessView]:
    table = SocketTable(connections(snapshot.rows))
    by_pid: dict[Pid, list[Connection]] = defaultdict(list)
    unowned = []
    for connection in table.connections:
        for owner in connection.owners:
            by_pid[owner.pid].append(connection)
        if not connection.owners:
            unowned.append(connection)
    port_owner = _port_owners(by_pid)
    nobody = []
    for connection in unowned:
        pid = port_owner.get(connection.local.port or -1)
        if pid is not None and connection.state is not TcpState.LISTEN:
            by_pid[pid].append(connection)
        else:
            nobody.append(connection)
    found = [ProcessView(snapshot, pid, tuple(sockets), table, known) for pid, sockets in sorted(by_pid.items())]
    if nobody and not found:
        found.append(ProcessView(snapshot, None, tuple(nobody), table, known))
    for dump in snapshot.dumps:
        _attach(found, dump, snapshot, table, known)
    return forked(found)


def _port_owners(by_pid: dict[Pid, list[Connection]]) -> dict[int, Pid]:
    """Listening port → pid, for ports that one process only serves."""
    owners: dict[int, set[Pid]] = defaultdict(set)
    for pid, sockets in by_pid.items():
        for port in listening_ports(sockets):
            owners[port].add(pid)
    return {port: next(iter(pids)) for port, pids in owners.items() if len(pids) == 1}


def _attach(found: list[ProcessView], dump: ThreadDump, snapshot: Snapshot, table: SocketTable, known: Knowledge) -> None:
    """Give a dump to the process it was taken of: by pid, else by a listener's port in a pool's name, else to the only candidate."""
    dump, torn = mended(dump) if dump.runtime is Runtime.JVM else (dump, None)
    known = known.of(dump.runtime)
    if dump.runtime is not Runtime.JVM and (seen := seen_already(found, dump, known)) is not None:
        if tells_more(dump, seen.dump):
            seen.dump, seen.known = dump, known
        return
    if (again := _same_process(found, dump)) is not None and again.dump is not None:
        again.dump = _merged(again.dump, dump)
        return
    free = [view for view in found if view.dump is None]
    inner = {Pid(status.nspid[-1]): status.pid for status in snapshot.statuses if status.nspid and len(status.nspid) > 1}
    if (
        dump.runtime is not Runtime.JVM
        and dump.pid is None
        and any(view.dump is not None and view.dump.runtime is dump.runtime for view in found)
    ):
        free = []  # stacks of this runtime are here already: which of its processes these are of, nothing says
    view, basis = _owner_of(free, dump, known, inner)
    if view is None:
        view = ProcessView(snapshot, dump.pid, (), table, known)
        found.append(view)
        basis = DumpBasis.PID if dump.pid is not None else None
    view.dump, view.known, view.torn = dump, known, torn
    view.dump_basis = basis
    if view.sockets and basis is not None and at_odds(dump.where.file, view.sockets[0].where.file):
        view.names_differ = True


def _same_process(found: Iterable[ProcessView], dump: ThreadDump) -> ProcessView | None:
    """The view that has a dump of the same process already: most platform threads have equal names and ids."""
    return next((view for view in found if _same_threads(view.dump, dump)), None)


def _same_threads(one: ThreadDump | None, other: ThreadDump | None) -> bool:
    """True if most platform threads of the smaller dump are in the other one, and nothing speaks against it."""
    if one is None or other is None:
        return False
    first, second = (
        {(thread.name, thread.java_id or thread.native_id) for thread in dump.threads if not thread.virtual} for dump in (one, other)
    )
    return len(first & second) * 2 > min(len(first), len(second)) and _agree(one, other)


def _agree(one: ThreadDump, other: ThreadDump) -> bool:
    """False if the two dumps name different pids, or their equal threads have different native ids."""
    if one.pid is not None and other.pid is not None and one.pid != other.pid:
        return False
    ids = {thread.name: thread.native_id for thread in one.threads if thread.native_id is not None and not thread.virtual}
    both = [thread for thread in other.threads if thread.native_id is not None and thread.name in ids]
    return sum(ids[thread.name] == thread.native_id for thread in both) * 2 >= len(both)


def _merged(one: ThreadDump, other: ThreadDump) -> ThreadDump:
    """Two dumps of one process in one snapshot as one: the later whole one of the VM, and the virtual threads that only a dump file has.

    jstack and kill -3 into the log are the same picture twice; Thread.dump_to_file adds unmounted virtual threads, without locks' addresses.
    """
    main, extra = sorted(
        (one, other), key=lambda dump: (dump.dialect == "hotspot", dump.complete is not False, dump.time or ""), reverse=True
    )
    known = {thread.java_id for thread in main.threads}
    added = tuple(thread for thread in extra.threads if thread.virtual and thread.java_id not in known)
    return replace(main, threads=(*main.threads, *added), pid=main.pid if main.pid is not None else extra.pid)


def _owner_of(
    free: Iterable[ProcessView], dump: ThreadDump, known: Knowledge, inner: Mapping[Pid, Pid]
) -> tuple[ProcessView | None, DumpBasis | None]:
    """The process and why it is the one. ``inner``: a container's own number of a process → its pid on the host."""
    candidates = list(free)
    if dump.pid is not None and (same := [view for view in candidates if view.pid == inner.get(dump.pid, dump.pid)]):
        # A container's JVM is its pid 1, and so is the init of the host, which listens too: the port in the pools' names decides.
        by_port = _with_port(candidates, dump, known)
        if by_port is None or by_port is same[0] or dump.pid in inner:
            return same[0], DumpBasis.PID
        return by_port, DumpBasis.PORT_AGAINST_PID
    if dump.pid is not None and any(view.pid is not None for view in candidates):
        # Another pid: a container's own numbering, a restarted process, another host. The port may still tell, but it is said.
        by_port = _with_port(candidates, dump, known)
        return (by_port, DumpBasis.PORT_AGAINST_PID) if by_port else (None, None)
    if by_port := _with_port(candidates, dump, known):
        return by_port, DumpBasis.PORT
    if by_ids := _with_native_ids(candidates, dump):
        return by_ids, DumpBasis.NATIVE_IDS
    ports = _ports_in_names(dump, known)
    candidates = [view for view in candidates if not _listens_elsewhere(view, ports)]
    possible = [view for view in candidates if view.command is None or "java" in view.command.lower()]
    if dump.runtime is not Runtime.JVM:
        return only_candidate(candidates, dump.runtime, known)
    possible = possible or [view for view in candidates if not known.is_proxy(view.command)]  # a proxy is no JVM
    return (possible[0], DumpBasis.ONLY) if len(possible) == 1 and possible[0].sockets else (None, None)


def _ports_in_names(dump: ThreadDump, known: Knowledge) -> set[int]:
    """The ports that the dump's pools are named after."""
    return {pool.port for pool in pools(dump.threads, known) if pool.port is not None}


def _listens_elsewhere(view: ProcessView, ports: set[int]) -> bool:
    """True if the process has listeners, and neither one nor a connection of it has a port that the dump names: it is another VM."""
    listens = any(socket.state is TcpState.LISTEN for socket in view.sockets)
    return bool(ports) and listens and not ports & view.by_port.keys()


def _with_port(candidates: Iterable[ProcessView], dump: ThreadDump, known: Knowledge) -> ProcessView | None:
    """The one process that listens on a port which a pool of the dump is named after."""
    ports = _ports_in_names(dump, known)
    if not ports:
        return None
    matching = [view for view in candidates if ports & listening_ports(view.sockets).keys()]
    return matching[0] if len(matching) == 1 else None


def _with_native_ids(candidates: Iterable[ProcessView], dump: ThreadDump) -> ProcessView | None:
    """The one process whose pid comes right before the dump's lowest thread id.

    The launcher starts the VM's first threads at once (``java.c``, ``ContinueInNewThread``), so their kernel ids follow the pid. A container
    numbers its own ids from 1: these follow no pid of the host's table.
    """
    ids = [thread.native_id for thread in dump.threads if thread.native_id is not None]
    if not ids:
        return None
    near = [view for view in candidates if view.pid is not None and 0 < min(ids) - view.pid <= NEAREST_IDS]
    return near[0] if len(near) == 1 else None
