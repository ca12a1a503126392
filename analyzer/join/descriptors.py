"""How many descriptors a process holds, of what kind, and how many it may have."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.finding import Evidence
from analyzer.model.message import say
from parsers.records import Limit, Where

if TYPE_CHECKING:
    from analyzer.join.process import ProcessView
    from parsers.records import Endpoint, OpenFile, SocketRow

_DIGITS = re.compile(r"[*\d]\d*")
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


class Usage(msgspec.Struct, frozen=True):
    """Descriptors in use, the row that states the limit (None: not in the evidence), what fills them most, and where they are listed."""

    used: int
    limit: Limit | None
    fillers: tuple[Filler, ...]
    listing: Where


@lru_cache(maxsize=64)  # the rule and the report's table ask for the same
def usage(view: ProcessView) -> Usage | None:
    """Descriptors of the process in its snapshot, from /proc/PID/fd or lsof -p; None if neither lists them."""
    pid = view.pid
    listed = [file for file in view.snapshot.open_files if (file.pid == pid if file.pid is not None else _is_alone(view))]
    proc = [file for file in listed if file.tool == "proc_fd"]
    lsof = [file for file in listed if file.tool == "lsof" and _DIGITS.match(file.fd)]
    files = proc or lsof
    if not files:
        return None
    sockets = (
        [] if proc else [row for row in view.snapshot.rows if row.tool == "lsof" and (row.owners[0].pid if row.owners else None) == pid]
    )
    limit = next((one for one in view.snapshot.limits if one.name == "Max open files"), None)
    first, last = files[0].where, max(file.where.last for file in files if file.where.file == files[0].where.file)
    return Usage(len(files) + len(sockets), limit, _fillers(files, sockets), Where(first.file, first.first, last))


def _is_alone(view: ProcessView) -> bool:
    """A list without a pid is the process' own if it is the only one that has a dump or listens."""
    return view.dump is not None or bool(view.listeners)


def _fillers(files: list[OpenFile], sockets: list[SocketRow]) -> tuple[Filler, ...]:
    """The kinds or files that take most descriptors, the most first. lsof lists sockets by their addresses, no two alike: they count as one kind."""
    remote = _main_remote(sockets)
    listed = [("sockets" if file.kind == "socket" else file.target, file.where) for file in files]
    listed += [("" if remote is not None and row.remote == remote else "sockets", row.where) for row in sockets]
    first = dict(reversed(listed))
    common = Counter(name for name, _ in listed).most_common(3)
    return tuple(
        Filler(name, count, first[name]) if name else Filler(say("sockets to {remote}", remote=remote), count, first[name], str(remote))
        for name, count in common
    )


def _main_remote(sockets: list[SocketRow]) -> Endpoint | None:
    """Where most of the sockets go to; None if they go to many places, as those of clients do."""
    found = Counter(row.remote for row in sockets if row.remote is not None).most_common(1)
    return found[0][0] if found and found[0][1] * 2 > len(sockets) and found[0][1] >= MOST_TO_ONE else None


def limit_evidence(limit: Limit) -> Evidence:
    """The row of the limits file."""
    return Evidence(
        limit.where,
        say("the process may have {soft:,} descriptors", soft=limit.soft) if limit.soft is not None else say("no limit"),
        (str(limit.soft),),
    )
