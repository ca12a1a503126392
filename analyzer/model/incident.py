"""The incident: every fact of every artifact, ordered into snapshots of hosts.

A snapshot is what was saved at about the same moment on one host. Records are kept as the parsers made them; what they mean together is
the business of ``join``.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar, cast

import msgspec

from parsers import formats_showing
from parsers.records import (
    AttachFailure,
    Counter,
    FarCount,
    FileLock,
    FileSystem,
    HostFact,
    Limit,
    LogEvent,
    LogLines,
    LoopHandle,
    OpenFile,
    Pid,
    ProcessRow,
    ProcessStatus,
    ProxyLoad,
    Session,
    SessionBlock,
    SessionCount,
    SessionState,
    Setting,
    SocketRow,
    Tally,
    TaskSyscall,
    ThreadDump,
    ThreadUsage,
)
from parsers.records.shows import Shows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from parsers.capture.facts import Capture
    from parsers.records import Collected, Collection, Parsed, Record, Unread, Where

_Kind = TypeVar("_Kind")

TABLES: Final = formats_showing(Shows.SOCKETS)
"""Formats of socket tables."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The facts of one moment on one host. ``index`` counts from 0 in order of time; ``name`` is what reports call it."""

    host: str | None
    index: int
    name: str
    rows: tuple[SocketRow, ...] = ()
    dumps: tuple[ThreadDump, ...] = ()
    open_files: tuple[OpenFile, ...] = ()
    limits: tuple[Limit, ...] = ()
    file_locks: tuple[FileLock, ...] = ()
    file_systems: tuple[FileSystem, ...] = ()
    counters: tuple[Counter, ...] = ()
    far_counts: tuple[FarCount, ...] = ()
    loads: tuple[ProxyLoad, ...] = ()
    tallies: tuple[Tally, ...] = ()
    settings: tuple[Setting, ...] = ()
    usages: tuple[ThreadUsage, ...] = ()
    tasks: tuple[TaskSyscall, ...] = ()
    handles: tuple[LoopHandle, ...] = ()
    statuses: tuple[ProcessStatus, ...] = ()
    processes: tuple[ProcessRow, ...] = ()
    attach_failures: tuple[AttachFailure, ...] = ()
    facts: tuple[HostFact, ...] = ()
    sessions: tuple[Session, ...] = ()
    blocks: tuple[SessionBlock, ...] = ()
    session_counts: tuple[SessionCount, ...] = ()
    empty_tables: tuple[str, ...] = ()
    """Files with the heading of a socket table and no row below it: at that moment there was no socket."""

    @cached_property
    def tables(self) -> frozenset[tuple[str, str]]:
        """Tool and file of its rows. Nearly always all are of one tool or of one file: then no pair is made of a row."""
        tools, files = {row.tool for row in self.rows}, {row.where.file for row in self.rows}
        if len(tools) > 1 and len(files) > 1:
            return frozenset({(row.tool, row.where.file) for row in self.rows})
        return frozenset({(tool, file) for tool in tools for file in files})

    @property
    def has_table(self) -> bool:
        """True if a socket table of this moment was read, an empty one included."""
        return bool(self.rows) or bool(self.empty_tables)

    @property
    def time(self) -> str | None:
        """The earliest time that a dump of this snapshot states, else that ``date`` printed; None if nothing does."""
        printed = (fact.time for fact in self.facts if fact.time)
        return min((dump.time for dump in self.dumps if dump.time), default=min(printed, default=None))


class ArtifactPart(msgspec.Struct, frozen=True, kw_only=True):
    """One command's output in a file: its format (None: nobody knew it), the command line above it, and how many lines were understood.

    ``headed``: it begins with the heading that the tool prints; a filter behind the tool takes that away. ``cut``: the file ends inside a row.
    ``says_all``: its heading says that it leaves no state out. ``records``: how many facts it gave; a heading without rows gives none and says that there is nothing.
    """

    file: str
    format: str | None
    prompt: str | None
    read: int
    unread: int
    records: int
    headed: bool
    cut: bool
    says_all: bool = False
    looks_like: str | None = None
    """For a text of no known format: "a log", "a table", None for prose."""


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was read: what it is, how much of it was understood, what was not."""

    file: str
    formats: tuple[str, ...]
    records: int
    unread: tuple[Unread, ...]
    sha256: str
    """Of the bytes as read; empty where only ``sha256_head`` was taken."""
    size: int
    snapshot: str | None
    sha256_head: str | None = None
    """SHA-256 of the first 64 MiB of a capture that is larger and was not hashed whole."""
    elisions: tuple[Where, ...] = ()
    note: str | None = None
    parts: tuple[ArtifactPart, ...] = ()
    logs: tuple[LogLines, ...] = ()
    events: tuple[LogEvent, ...] = ()
    """What lines of its logs prove."""


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """All snapshots of all hosts, in order, the packet captures, which span moments of their own, and the files behind them."""

    name: str
    snapshots: tuple[Snapshot, ...]
    artifacts: tuple[Artifact, ...]
    captures: tuple[Capture, ...] = ()
    collections: tuple[Collection, ...] = ()
    """What the manifests of the collector say."""
    collected: tuple[Collected, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of the hosts that are known, in order."""
        return tuple(sorted({snapshot.host for snapshot in self.snapshots if snapshot.host}))

    @property
    def has_sockets(self) -> bool:
        """True if any socket table was read."""
        return any(snapshot.rows for snapshot in self.snapshots)

    @property
    def has_packets(self) -> bool:
        """True if any packet of a capture was read."""
        return any(capture.packets for capture in self.captures)

    @property
    def has_threads(self) -> bool:
        """True if any thread dump was read."""
        return any(snapshot.dumps for snapshot in self.snapshots)


def snapshot_of(host: str | None, index: int, outputs: Iterable[tuple[Parsed, Pid | None]], empty_tables: tuple[str, ...] = ()) -> Snapshot:
    """Sort the records of outputs into a snapshot. A pid beside an output (from the file's name) is used where a record has none."""
    known: dict[type[Record], Sequence[Record]] = {}
    for parsed, pid in outputs:
        for kind in parsed.kinds:
            records: Sequence[Record] = parsed.of(kind)
            if pid is not None and kind in _OF_A_PROCESS:
                records = [_with_pid(record, pid) for record in records]
            known[kind] = (*known[kind], *records) if kind in known else records
    dumps, blocks = _of(known, ThreadDump), _of(known, SessionBlock)
    return Snapshot(
        host=host,
        index=index,
        name=str(index + 1),
        rows=_of(known, SocketRow),
        # A sample of the busy threads says nothing that a dump of all does not.
        dumps=tuple(dump for dump in dumps if not dump.sampled or all(one.sampled for one in dumps)),
        open_files=_of(known, OpenFile),
        limits=_of(known, Limit),
        file_locks=_of(known, FileLock),
        file_systems=_of(known, FileSystem),
        counters=_of(known, Counter),
        far_counts=_of(known, FarCount),
        loads=_of(known, ProxyLoad),
        tallies=_of(known, Tally),
        settings=_of(known, Setting),
        usages=_of(known, ThreadUsage),
        tasks=_of(known, TaskSyscall),
        handles=_of(known, LoopHandle),
        statuses=_of(known, ProcessStatus),
        processes=_of(known, ProcessRow),
        attach_failures=_of(known, AttachFailure),
        facts=_of(known, HostFact),
        sessions=tuple(_with_clients(_of(known, Session), blocks)),
        blocks=blocks,
        session_counts=_of(known, SessionCount),
        empty_tables=empty_tables,
    )


def _with_clients(sessions: Sequence[Session], blocks: Sequence[SessionBlock]) -> Iterator[Session]:
    """The sessions of lists, with the client's end that a log names where the list does not. Of the log's others nothing is known but that they began."""
    named = {(one.server, one.id): one for one in sessions if one.client_from is not None}
    listed = [one for one in sessions if one.client_from is None]
    for session in listed:
        client = named.get((session.server, session.id)) if session.client is None else None
        yield msgspec.structs.replace(session, client=client.client, client_from=client.client_from) if client is not None else session
    told = {(one.server, one.id) for one in listed}
    for block in blocks if named else ():
        for number in (block.waiter, *block.holders):
            client = named.get((block.server, number))
            if client is not None and (block.server, number) not in told:
                told.add((block.server, number))
                waits = number == block.waiter and bool(block.holders)
                state = SessionState.LOCKED if waits else SessionState.UNKNOWN
                yield msgspec.structs.replace(client, where=block.where, state=state)


_OF_A_PROCESS: Final = frozenset({ThreadDump, OpenFile, AttachFailure})
"""Records that are of one process, which they may not name."""


def _with_pid(record: Record, pid: Pid) -> Record:
    if isinstance(record, ThreadDump | OpenFile | AttachFailure) and record.pid is None:
        return msgspec.structs.replace(record, pid=pid)
    return record


def _of(records: Mapping[type[Record], Sequence[Record]], kind: type[_Kind]) -> tuple[_Kind, ...]:
    return tuple(cast("Sequence[_Kind]", records.get(cast("type[Record]", kind), ())))
