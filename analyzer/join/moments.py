"""The moments of an incident: records of each host and snapshot become processes with sockets, dumps, captures and peers."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from analyzer.join.assembly import drafts
from analyzer.join.captures import packets_of
from analyzer.join.dump_basis import DumpBasis
from analyzer.join.dump_merge import same_threads
from analyzer.join.farewells import with_farewells
from analyzer.join.process import Inference, Moment, ProcessView
from analyzer.join.roles import with_roles
from analyzer.join.socket_rows import connections
from analyzer.join.socket_table import SocketTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.process_draft import ProcessDraft
    from analyzer.model.incident import Incident, Snapshot
    from analyzer.software.knowledge import Knowledge


def moments(incident: Incident, known: Knowledge) -> tuple[Moment, ...]:
    """One moment for each snapshot, in their order."""
    parts = tuple(part for artifact in incident.artifacts for part in artifact.parts)
    elided = frozenset(artifact.file for artifact in incident.artifacts if artifact.elisions)
    inference = Inference(with_roles, parts, elided)
    packets = {snapshot.host: packets_of(incident, snapshot.host) for snapshot in incident.snapshots}
    tables = [
        SocketTable(with_farewells(connections(snapshot.rows), snapshot.dumps, packets[snapshot.host], known))
        for snapshot in incident.snapshots
    ]
    made = [(snapshot, table, drafts(snapshot, table, known)) for snapshot, table in zip(incident.snapshots, tables, strict=True)]
    _recognise([(snapshot, draft) for snapshot, _, found in made for draft in found])
    by_host: dict[str | None, dict[int, Moment]] = defaultdict(dict)

    def beside(moment: Moment) -> Iterator[ProcessView]:
        """The processes of each host at the same moment, or the last before."""
        for of_host in by_host.values():
            yield from _at(of_host, moment.snapshot.index).processes

    for snapshot, table, found in made:
        by_host[snapshot.host][snapshot.index] = Moment(snapshot, packets[snapshot.host], table, found, inference, beside)
    return tuple(by_host[snapshot.host][snapshot.index] for snapshot in incident.snapshots)


def views(incident: Incident, known: Knowledge) -> tuple[ProcessView, ...]:
    """Every process of every snapshot, in order of snapshot and pid."""
    return tuple(view for moment in moments(incident, known) for view in moment.processes)


def _recognise(found: Sequence[tuple[Snapshot, ProcessDraft]]) -> None:
    """Give dumps that name no process the pid of the one whose dump of another moment has the same threads: mostly only one table is saved."""
    named = [(snapshot.host, draft) for snapshot, draft in found if draft.pid is not None and draft.dump is not None]
    for snapshot, draft in found:
        if draft.pid is None and draft.dump is not None and not draft.sockets:
            same = {one.pid for host, one in named if host == snapshot.host and same_threads(one.dump, draft.dump)}
            if len(same) == 1:
                draft.pid = same.pop()
                draft.dump_basis = DumpBasis.SAME_THREADS


def _at(of_host: dict[int, Moment], index: int) -> Moment:
    earlier = [moment for moment in of_host if moment <= index]
    return of_host[max(earlier)] if earlier else of_host[min(of_host)]
