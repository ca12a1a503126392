"""The tables that stand beside the findings: sockets by process and port, pools, files, and warnings about the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.join.clocks import clock_notes
from analyzer.join.connections import close_wait, states
from analyzer.judge.counted import counted_beyond, lines_beyond
from analyzer.model.finding import PoolTable, SessionFact, SocketTable
from analyzer.model.inputs import Input, UnreadLine
from analyzer.model.message import capitalized, joined, say
from analyzer.software.kinds import PoolRole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.model.incident import Artifact
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Endpoint, Pid, ThreadDump


def socket_tables(views: Iterable[ProcessView]) -> Iterator[SocketTable]:
    """Connections of each process: one table per listening port, one per service it calls."""
    for view in views:
        for port in sorted(view.listeners):
            yield _socket_table(view, view.by_port.get(port, ()), port, "server", None)
        services: dict[Endpoint, list[Connection]] = {}
        for row in view.client_side:
            if row.remote is not None:
                services.setdefault(row.remote, []).append(row)
        for remote, group in sorted(services.items()):
            yield _socket_table(view, group, None, "client", str(remote))


def _socket_table(view: ProcessView, found: Sequence[Connection], port: int | None, side: str, remote: str | None) -> SocketTable:
    return SocketTable(
        snapshot=view.snapshot.name,
        host=view.snapshot.host,
        pid=view.pid,
        command=view.command,
        local_port=port,
        side=side,
        remote=remote,
        states=states(found),
        close_wait=close_wait(found),
    )


def pool_tables(views: Iterable[ProcessView]) -> Iterator[PoolTable]:
    """The pools of each dump, without the VM's own threads."""
    for view in views:
        for pool in view.pools:
            if pool.role != PoolRole.JVM:
                yield PoolTable(
                    snapshot=view.snapshot.name,
                    host=view.snapshot.host,
                    pid=view.process.pid,
                    name=pool.name,
                    role=pool.role.value,
                    size=len(pool.members),
                    busy=len(pool.busy),
                    idle=pool.idle,
                    listener=f"*:{pool.port}" if pool.port is not None else None,
                    doing={kind.value: count for kind, count in pool.doing().items()},
                )


def input_of(artifact: Artifact) -> Input:
    """A file as the report lists it."""
    return Input(
        file=artifact.file,
        format=" + ".join(artifact.formats) or None,
        records=artifact.records,
        unread=tuple(UnreadLine(gap.where.first, gap.lines, gap.why) for gap in artifact.unread),
        sha256=artifact.sha256,
        sha256_head=artifact.sha256_head,
        bytes=artifact.size,
        snapshot=artifact.snapshot,
        elided=len(artifact.elisions),
        note=artifact.note,
    )


def session_facts(case: Case) -> Iterator[SessionFact]:
    """The sessions of the far side, each once, with our socket and thread where they are known."""
    told = set[tuple[str, str]]()
    views = sorted((view for view in case.latest if view.client_side), key=lambda view: view.dump is None)
    for view in views:
        far = case.far_side(view)
        for end in far.joined:
            session, mine = end.session, end.connection
            if (session.server, session.id) in told or (mine is None and view is not views[-1]):
                continue
            told.add((session.server, session.id))
            thread = far.threads.get(mine) if mine is not None else None
            yield SessionFact(
                server=session.server,
                id=session.id,
                client=str(session.client) if session.client is not None else None,
                local=str(mine.local) if mine is not None else None,
                thread=thread.thread.name if thread is not None else None,
                state=session.state.value,
                since=session.state_age if session.state_age is not None else session.transaction_age,
                waits_on=session.waits_on,
                blocked_by=tuple(sorted(far.holders.get((session.server, session.id), ()))),
                statement=session.statement,
            )


def notes_of(case: Case) -> Iterator[str]:
    """What a reader must know before trusting the join: far apart in time, pids that differ, dumps cut off, lines left out."""
    for snapshot in case.incident.snapshots:
        yield from clock_notes(snapshot)
    for view in case.views:
        if view.dump is not None:
            yield from _of_dump(case, view, view.dump)
    yield from _of_moment(case)
    yield from (say("{counted}: what is shown of them may be only a part.", counted=capitalized(line)) for line in lines_beyond(case))
    for snapshot in case.incident.snapshots:
        yield from (say("{counted}.", counted=capitalized(line)) for line in counted_beyond(snapshot, case))
    elided = [artifact.file for artifact in case.incident.artifacts if artifact.elisions]
    if elided:
        yield say("Lines were left out of {list} (“...”): counts are lower bounds.", list=joined(", ", elided))


def _of_dump(case: Case, view: ProcessView, dump: ThreadDump) -> Iterator[str]:
    """A dump that is cut off, or whose process is not the sockets'."""
    if dump.complete is False and not dump.fragment:
        yield (
            say("{file}: the thread dump is cut off; threads are missing from it.", file=dump.where.file)
            if view.torn is None
            else say(
                "{file}: lines are missing inside the thread dump: the stack of “{name}” runs on into another one's.",
                file=dump.where.file,
                name=view.torn,
            )
        )
    if view.dump_basis is not None and not view.dump_basis.agrees:
        yield (
            say(
                "{file} names pid {pid}, the listener's owner is pid {pid2}: a container's own numbering or a restarted process. They are joined by the port in the pools' names; thread ids are not compared.",
                file=dump.where.file,
                pid=dump.pid,
                pid2=view.pid,
            )
        )
    elif dump.pid is None and not view.sockets and view.snapshot.rows:
        yield say(
            "{file}: which process of the table this dump is of cannot be told; a name like jstack-PID.txt would. Threads and sockets are not joined.",
            file=dump.where.file,
        )
    elif dump.pid is not None and not view.sockets and case.incident.has_sockets and not _owns_sockets(case, dump.pid):
        yield say(
            "{file} is of pid {pid}, which owns no socket in the tables: threads and sockets are not joined.",
            file=dump.where.file,
            pid=dump.pid,
        )


def _owns_sockets(case: Case, pid: Pid) -> bool:
    """True if the tables of another moment show sockets of the process."""
    return any(view.sockets and pid in {view.process.pid, *view.pids} for view in case.views)


def _of_moment(case: Case) -> Iterator[str]:
    """Processes of which the last snapshot has only one half: what is said of them is of an earlier one."""
    last = {snapshot.host: snapshot for snapshot in case.incident.snapshots}
    for view in case.latest:
        if view.dump is not None and view.sockets and view.snapshot is not last[view.snapshot.host]:
            yield (
                say(
                    "Only snapshot {name} has both threads and sockets of pid {pid}: what is said of it is of that moment, not of snapshot {name2}.",
                    name=view.snapshot.name,
                    pid=view.process.pid,
                    name2=last[view.snapshot.host].name,
                )
            )
