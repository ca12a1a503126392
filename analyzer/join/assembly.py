"""Sockets and thread dumps of a snapshot become processes: by owner, then each dump to the process that it was taken of."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from analyzer.join.connections import NO_SOCKETS, Connection, Sockets
from analyzer.join.dump_basis import DumpBasis
from analyzer.join.dump_merge import merged, same_threads
from analyzer.join.dump_owner import owner_of
from analyzer.join.forked_workers import forked
from analyzer.join.process_draft import ProcessDraft
from analyzer.join.same_stacks import seen_already, tells_more
from analyzer.join.socket_table import listening_ports
from analyzer.join.torn_stacks import mended
from analyzer.model.host_labels import at_odds
from parsers.records import Pid, Runtime, TcpState, ThreadDump

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzer.join.socket_table import SocketTable
    from analyzer.model.incident import Snapshot
    from analyzer.software.knowledge import Knowledge


def drafts(snapshot: Snapshot, table: SocketTable, known: Knowledge) -> list[ProcessDraft]:
    """The processes of a snapshot: owners of sockets, and dumps that no owner was found for; workers of a pre-fork server as one."""
    by_pid, unowned = _by_owner(table.connections)
    port_owner = _port_owners(by_pid) if unowned else {}
    nobody = []
    queued: dict[Pid, list[Connection]] = defaultdict(list)
    for connection in unowned:
        pid = port_owner.get(connection.local.port or -1)
        if pid is not None and connection.state is not TcpState.LISTEN:
            queued[pid].append(connection)
        else:
            nobody.append(connection)
    by_pid.update({pid: by_pid[pid].followed_by(more) for pid, more in queued.items()})
    found = [ProcessDraft(pid, sockets, known) for pid, sockets in sorted(by_pid.items())]
    if nobody and not found:
        found.append(ProcessDraft(None, Sockets(nobody), known))
    for dump in snapshot.dumps:
        _attach(found, dump, snapshot, known)
    found = forked(found, nobody)
    queued_up = _in_queues(nobody, found) if any(draft.pid is not None for draft in found) else []
    return [*found, ProcessDraft(None, Sockets(queued_up), known)] if queued_up else found


def _in_queues(nobody: Iterable[Connection], found: Iterable[ProcessDraft]) -> list[Connection]:
    """Connections that nobody has accepted at ports of which several processes may be the server, with the listeners of these ports."""
    ports = {row.local.port for row in nobody if row.unaccepted} - {None}
    if not ports:
        return []
    taken = {row for draft in found for row in draft.sockets}
    wanted = [row for row in nobody if row.local.port in ports and (row.unaccepted or row.state is TcpState.LISTEN) and row not in taken]
    return wanted if any(row.unaccepted for row in wanted) else []


def _by_owner(found: Sockets) -> tuple[dict[Pid, Sockets], list[Connection]]:
    """The connections of each process, and those of nobody."""
    by_pid: dict[Pid, Sockets] = defaultdict(Sockets)
    unowned = []
    for connection in found:
        owners = connection.owners
        for owner in owners:
            by_pid[owner.pid].append(connection)
        if not owners:
            unowned.append(connection)
    # What has been sorted out of the table need not be sorted out of its only process once more.
    return {pid: found if len(sockets) == len(found) else sockets for pid, sockets in by_pid.items()}, unowned


def _port_owners(by_pid: dict[Pid, Sockets]) -> dict[int, Pid]:
    """Listening port → pid, for ports that one process only serves."""
    owners: dict[int, set[Pid]] = defaultdict(set)
    for pid, sockets in by_pid.items():
        for port in listening_ports(sockets):
            owners[port].add(pid)
    return {port: next(iter(pids)) for port, pids in owners.items() if len(pids) == 1}


def _attach(found: list[ProcessDraft], dump: ThreadDump, snapshot: Snapshot, known: Knowledge) -> None:
    """Give a dump to the process it was taken of: by pid, else by a listener's port in a pool's name, else to the only candidate."""
    dump, torn = mended(dump) if dump.runtime is Runtime.JVM else (dump, None)
    known = known.of(dump.runtime)
    if dump.runtime is not Runtime.JVM and (seen := seen_already(found, dump, known)) is not None:
        if tells_more(dump, seen.dump):
            seen.dump, seen.known = dump, known
        return
    if (again := _same_process(found, dump)) is not None and again.dump is not None:
        again.dump = merged(again.dump, dump)
        return
    free = [view for view in found if view.dump is None]
    inner = {Pid(status.nspid[-1]): status.pid for status in snapshot.statuses if status.nspid and len(status.nspid) > 1}
    if (
        dump.runtime is not Runtime.JVM
        and dump.pid is None
        and any(view.dump is not None and view.dump.runtime is dump.runtime for view in found)
    ):
        free = []  # stacks of this runtime are here already: which of its processes these are of, nothing says
    view, basis = owner_of(free, dump, known, inner)
    if view is None:
        view = ProcessDraft(dump.pid, NO_SOCKETS, known)
        found.append(view)
        basis = DumpBasis.PID if dump.pid is not None else None
    view.dump, view.known, view.torn = dump, known, torn
    view.dump_basis = basis
    if view.sockets and basis is not None and at_odds(dump.where.file, view.sockets[0].where.file):
        view.names_differ = True


def _same_process(found: Iterable[ProcessDraft], dump: ThreadDump) -> ProcessDraft | None:
    """The view that has a dump of the same process already: most platform threads have equal names and ids."""
    return next((view for view in found if same_threads(view.dump, dump)), None)
