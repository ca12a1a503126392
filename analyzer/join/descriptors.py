"""How many descriptors a process holds, of what kind, and how many it may have."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.finding import Evidence
from analyzer.model.message import say
from parsers.records import Limit, TcpState, Where

if TYPE_CHECKING:
    from analyzer.join.process import ProcessView
    from parsers.records import Endpoint, OpenFile, SocketRow

_DIGITS = re.compile(r"[*\d]\d*")
_GONE: Final = "gone"
DELETED: Final = " (deleted)"
"""What lsof and /proc write behind the name of a file that has none any more."""
_COUNTED: Final = re.compile(r"[0-9a-f]{8,64}|\d{1,20}")
"""What differs in the names of files that are made one after the other."""
MOST_TO_ONE: Final = 10
"""Sockets to one place from which on they are a group of their own."""
USUAL_LIMITS: Final = (1024, 4096, 65536)
"""Soft limits that distributions and service managers set; used only where no limits file says."""


class Filler(msgspec.Struct, frozen=True):
    """What many descriptors point to."""

    what: str
    number: int
    where: Where
    remote: str | None = None
    """Where the sockets go to, if they all go to one place."""
    gone: bool = False
    """True for sockets whose connections are gone."""
    several: bool = False
    """True for files of several names that are alike, as a program may have many at work; deleted ones are not."""


class Usage(msgspec.Struct, frozen=True):
    """Descriptors in use, the row that states the limit (None: not in the evidence), what fills them most, and where they are listed."""

    used: int
    limit: Limit | None
    fillers: tuple[Filler, ...]
    listing: Where


@lru_cache(maxsize=64)  # the rule and the report's table ask for the same
def usage(view: ProcessView) -> Usage | None:
    """Descriptors of the process in its snapshot, from /proc/PID/fd or lsof -p; None if neither lists them."""
    pid, files = view.pid, _files(view)
    if not files:
        return None
    proc = files[0].tool == "proc_fd"
    sockets = (
        [] if proc else [row for row in view.snapshot.rows if row.tool == "lsof" and (row.owners[0].pid if row.owners else None) == pid]
    )
    limit = next((one for one in view.snapshot.limits if one.name == "Max open files"), None)
    first, last = files[0].where, max(file.where.last for file in files if file.where.file == files[0].where.file)
    return Usage(len(files) + len(sockets), limit, _fillers(files, sockets), Where(first.file, first.first, last))


def _files(view: ProcessView) -> list[OpenFile]:
    """The descriptors of the process that are no sockets with addresses, from the list that has all of them."""
    pid = view.pid
    listed = [file for file in view.snapshot.open_files if (file.pid == pid if file.pid is not None else _is_alone(view))]
    proc = [file for file in listed if file.tool == "proc_fd"]
    return proc or [file for file in listed if file.tool == "lsof" and _DIGITS.match(file.fd)]


def files_by_name(view: ProcessView) -> dict[str, list[OpenFile]]:
    """The descriptors of files, by what they are called: names that differ in numbers alone are one, deleted files of a folder, too."""
    found: dict[str, list[OpenFile]] = {}
    for file in _files(view):
        if file.target.startswith("/"):
            found.setdefault(_name(file), []).append(file)
    return found


def is_gone(file: OpenFile) -> bool:
    """True for a socket whose connection was reset or has ended: lsof finds no state of it, nor addresses."""
    return file.kind == "sock" and ("identify protocol" in file.target or "protocol: TCP" in file.target)


def _is_alone(view: ProcessView) -> bool:
    """True if a list without a pid is the process' own: the only one that lsof lists, that has a dump, or that listens."""
    named = {file.pid for file in view.snapshot.open_files if file.tool == "lsof" and file.pid is not None}
    if len(named) == 1:
        return view.pid in named
    if view.dump is not None:
        return True
    listening = {row.owners[0].pid for row in view.table.in_state(TcpState.LISTEN) if row.owners}
    return bool(view.listeners) and len(listening) <= 1


def _fillers(files: list[OpenFile], sockets: list[SocketRow]) -> tuple[Filler, ...]:
    """The kinds or files that take most descriptors, the most first. lsof lists sockets by their addresses, no two alike: they count as one kind."""
    remote = _main_remote(sockets)
    to_one = [row for row in sockets if row.remote == remote] if remote is not None else []
    # A list names the same files again and again: each name is looked at once.
    first = {file.target: file for file in reversed(files)}
    counts: Counter[str] = Counter()
    places: dict[str, Where] = {}
    several: set[str] = set()
    for target, number in Counter([file.target for file in files]).items():
        name = _name(first[target])
        counts[name] += number
        if places.setdefault(name, first[target].where) is not first[target].where:
            several.add(name)
    for name in ("", "sockets") if to_one and to_one[0] is sockets[0] else ("sockets", ""):
        if count := len(sockets) - len(to_one) if name else len(to_one):
            counts[name] += count
    return tuple(
        Filler(
            say("sockets of connections that are gone") if name == _GONE else name,
            count,
            places.get(name) or next(row.where for row in sockets if remote is None or row.remote != remote),
            gone=name == _GONE,
            several=name in several and "*" in name and not name.endswith(DELETED),
        )
        if name
        else Filler(say("sockets to {remote}", remote=remote), count, to_one[0].where, str(remote))
        for name, count in counts.most_common(3)
    )


def _name(file: OpenFile) -> str:
    if file.kind == "socket":
        return "sockets"
    if is_gone(file):
        return _GONE
    return _alike(file.target)


def _alike(target: str) -> str:
    """What files are called that differ in numbers alone, or that are deleted from one folder."""
    folder, slash, name = target.rpartition("/")
    if not folder or not slash or folder.startswith(("/dev", "/proc")):
        return target
    return f"{folder}/*{DELETED}" if name.endswith(DELETED) else f"{folder}/{_COUNTED.sub('*', name)}"


def _main_remote(sockets: list[SocketRow]) -> Endpoint | None:
    """Where most of the sockets go to; None if they go to many places, as those of clients do."""
    # What stands in more than half of the rows is what is left when unlike ones cancel each other: a million far ends are not kept for that.
    left: Endpoint | None = None
    more = 0
    for row in sockets:
        remote = row.remote
        if more == 0:
            left, more = remote, 1
        else:
            more += 1 if remote == left else -1
    count = sum(row.remote == left for row in sockets) if left is not None else 0
    return left if count * 2 > len(sockets) and count >= MOST_TO_ONE else None


def limit_evidence(limit: Limit) -> Evidence:
    """The row of the limits file."""
    return Evidence(
        limit.where,
        say("the process may have {soft:,} descriptors", soft=limit.soft) if limit.soft is not None else say("no limit"),
        (str(limit.soft),),
    )
