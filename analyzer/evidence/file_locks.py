"""Locks on files between processes, as the system lists them: who holds what others wait for."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.doing import meanwhile
from analyzer.evidence.growth import seconds_apart
from analyzer.evidence.nouns import program_in_words
from analyzer.evidence.stalled_writes import unread_by
from analyzer.model.finding import Evidence
from analyzer.model.message import say
from analyzer.software.kinds import ActivityKind
from parsers.records import OpenFile, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analyzer.model.incident import Snapshot
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import FileLock, Pid

_OF: Final = {Runtime.JVM: "java", Runtime.PYTHON: "python", Runtime.PHP: "php", Runtime.RUBY: "ruby"}
"""How the commands of a runtime begin, where a dump names no process."""


_ONE_REQUEST: Final = 900.0
"""Seconds that one request may take which keeps others waiting."""
_WRITE_LOCK: Final = "W"
"""How lsof marks a lock of all of a file for writing, behind the descriptor and its mode."""
_SESSIONS: Final = "session_start"
_OF_SESSION: Final = "sess_"
"""How PHP names the file of a session."""
_FOR_FILES: Final = frozenset({ActivityKind.LOCK, ActivityKind.FILE_LOCK})
FEWEST: Final = 3
"""Processes that wait for one file from which on it is no job that waits for its turn."""


class HeldFile(msgspec.Struct, frozen=True):
    """A file that ``waiters`` want, and who holds it; ``commands`` has the names of processes as far as lists tell."""

    holder: FileLock
    waiters: tuple[FileLock, ...]
    commands: dict[Pid, str]

    @property
    def place(self) -> str:
        """The file, by its path where one is known."""
        return next((one.place for one in (*self.waiters, self.holder) if one.place), "?")

    @property
    def who(self) -> str:
        """Who holds it: ``packer (pid 2190)``."""
        return self.named(self.holder)

    def named(self, one: FileLock) -> str:
        """A process of the list."""
        if one.pid is None:
            return say("an open file of no process")
        return program_in_words(one.command or self.commands.get(one.pid), one.pid)

    @property
    def evidence(self) -> Evidence:
        """The row of the holder."""
        return Evidence(self.holder.where, say("{who} holds the lock on {place}", who=self.who, place=self.place), (str(self.holder.pid),))


def held_files(snapshot: Snapshot) -> Iterator[HeldFile]:
    """The files of a moment that processes wait for, each once: lists with paths before those without."""
    commands = {row.pid: row.command.partition(" ")[0].rpartition("/")[2] for row in snapshot.processes}
    commands |= {one.pid: one.command for one in snapshot.file_locks if one.pid is not None and one.command}
    told: set[tuple[Pid | None, Pid | None]] = set()
    for rows in sorted(_groups(snapshot.file_locks), key=lambda rows: rows[0].number is not None):
        waiters = [one for one in rows if one.waits]
        named = {one.blocker for one in waiters} - {None}
        holders = [one for one in rows if not one.waits and (not named or one.pid in named)]
        if len(holders) == 1 and (fresh := tuple(one for one in waiters if (holders[0].pid, one.pid) not in told)):
            told |= {(holders[0].pid, one.pid) for one in fresh}
            yield HeldFile(holders[0], fresh, commands)


def _groups(rows: Sequence[FileLock]) -> Iterable[list[FileLock]]:
    """The rows of one lock each: of one number in a list of the kernel, else of one file and kind."""
    groups: dict[object, list[FileLock]] = defaultdict(list)
    for one in rows:
        if one.number is not None:
            groups[one.where.file, one.number].append(one)
        elif one.place is not None:
            groups[one.place, one.kind].append(one)
    return groups.values()


def held_file(view: ProcessView, member: ThreadActivity) -> HeldFile | None:
    """The file that a thread waits for, if the lists tell of one alone that its process wants; a dump without a pid is that of the only such runtime."""
    if member.activity.kind is not ActivityKind.FILE_LOCK:
        return None
    begins = _OF.get(view.known.runtime, "")
    found = [
        held
        for held in held_files(view.snapshot)
        if any(
            one.pid == view.pid
            if view.pid is not None
            else begins and one.pid is not None and held.commands.get(one.pid, begins).startswith(begins)
            for one in held.waiters
        )
    ]
    return found[0] if len(found) == 1 else None


def locker_of(
    view: ProcessView, waiters: Sequence[ThreadActivity], beside: Sequence[ProcessView] = ()
) -> tuple[ThreadActivity, OpenFile] | None:
    """The worker that has the lock on the file which others wait for, as lsof marks it (``11uW``): the only one, where those who wait have no other file open.

    ``beside``: other processes; a slow log has the entry of the one that holds it from when its request began to be slow.
    """
    if (listed := _listed_locker(view, waiters)) is not None:
        return listed
    locked = [file for file in view.snapshot.open_files if file.fd.endswith(_WRITE_LOCK) and file.tool == "lsof"]
    ids = {int(member.thread.native_id) for member in waiters if member.thread.native_id is not None}
    wanted = {file.target for file in view.snapshot.open_files if file.pid is not None and int(file.pid) in ids and file not in locked}
    of_session = all(any(frame.method == _SESSIONS for frame in member.thread.frames) for member in waiters)
    found = [
        file
        for file in locked
        if file.pid is not None
        and int(file.pid) not in ids
        # A lock on another file stops nobody: they have this one open, or it is a session, and they wait for one.
        and (file.target in wanted or (not wanted and of_session and file.target.rpartition("/")[2].startswith(_OF_SESSION)))
    ]
    if len(found) != 1 or not all(member.activity.kind in _FOR_FILES for member in waiters):
        return None
    holder = int(found[0].pid or 0)
    near = (one for one in beside if one.known.runtime is view.known.runtime and _is_near(view, one))
    pools = (pool for one in (view, *near) for pool in one.pools)
    members = (member for pool in pools for member in pool.members if int(member.thread.native_id or 0) == holder)
    owner = next(members, None)
    return (owner, found[0]) if owner is not None else None


def _is_near(view: ProcessView, other: ProcessView) -> bool:
    """True if the stacks of both were printed within one request that is slow; of hours before they are of another one."""
    apart = seconds_apart(other.dump.time if other.dump else None, view.dump.time if view.dump else None)
    return apart is not None and abs(apart) <= _ONE_REQUEST


def _listed_locker(view: ProcessView, waiters: Sequence[ThreadActivity]) -> tuple[ThreadActivity, OpenFile] | None:
    """The worker that a list of locks names as the holder of what one of ``waiters`` waits for; the others stand in the same call."""
    workers = {
        int(member.thread.native_id): member for pool in view.pools for member in pool.members if member.thread.native_id is not None
    }
    ids = {int(member.thread.native_id) for member in waiters if member.thread.native_id is not None}
    for held in held_files(view.snapshot):
        holder = held.holder
        owner = workers.get(int(holder.pid)) if holder.pid is not None and int(holder.pid) not in ids else None
        if owner is not None and holder.place is not None and any(one.pid is not None and int(one.pid) in ids for one in held.waiters):
            return owner, OpenFile(
                where=holder.where, tool="lslocks", pid=holder.pid, command=holder.command, fd="", kind="REG", target=holder.place
            )
    return None


def meanwhile_of(view: ProcessView, owner: ThreadActivity) -> str:
    """What the owner of a lock does, and who keeps the file that it waits for, or does not read what it writes."""
    held, row = held_file(view, owner), unread_by(view, owner)
    if row is not None:
        return say("waits for {remote}, which does not read", remote=row.remote)
    return say("waits for a lock on {place} that {who} holds", place=held.place, who=held.who) if held is not None else meanwhile(owner)


def looked_at(view: ProcessView, owner: ThreadActivity | None) -> str:
    """What to look at so that the owner of a lock goes on."""
    held = held_file(view, owner) if owner is not None else None
    row = unread_by(view, owner)
    return held.who if held is not None else str(row.remote) if row is not None else say("what the owner does")


def holder_of(view: ProcessView, owner: ThreadActivity | None) -> Iterator[Evidence]:
    """The row of who keeps the file that the owner of a lock waits for."""
    held = held_file(view, owner) if owner is not None else None
    if held is not None:
        yield held.evidence


def crowds(case: Case) -> Iterator[tuple[Snapshot, HeldFile]]:
    """Files that several processes wait for, at the last moment that has a list."""
    last = next((one for one in reversed(case.incident.snapshots) if one.file_locks), None)
    if last is not None:
        yield from ((last, held) for held in held_files(last) if len({one.pid for one in held.waiters}) >= FEWEST)
