"""How many descriptors a process holds, of what kind, and how many it may have."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.model.finding import Evidence
from analyzer.model.message import say
from parsers.records import Limit, Where

if TYPE_CHECKING:
    from analyzer.join.process import ProcessView
    from parsers.records import OpenFile

_DIGITS = re.compile(r"[*\d]\d*")
USUAL_LIMITS: Final = (1024, 4096, 65536)
"""Soft limits that distributions and service managers set; used only where no limits file says."""


class Filler(NamedTuple):
    """What many descriptors point to."""

    what: str
    number: int
    where: Where


class Usage(NamedTuple):
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
        0 if proc else sum(1 for row in view.snapshot.rows if row.tool == "lsof" and (row.owners[0].pid if row.owners else None) == pid)
    )
    limit = next((one for one in view.snapshot.limits if one.name == "Max open files"), None)
    first, last = files[0].where, max(file.where.last for file in files if file.where.file == files[0].where.file)
    return Usage(len(files) + sockets, limit, _fillers(files), Where(first.file, first.first, last))


def _is_alone(view: ProcessView) -> bool:
    """A list without a pid is the process' own if it is the only one that has a dump or listens."""
    return view.dump is not None or bool(view.listeners)


def _fillers(files: list[OpenFile]) -> tuple[Filler, ...]:
    """The kinds or files that take most descriptors, the most first."""
    names = [("sockets" if file.kind == "socket" else file.target) for file in files]
    return tuple(Filler(name, count, files[names.index(name)].where) for name, count in Counter(names).most_common(3))


def limit_evidence(limit: Limit) -> Evidence:
    """The row of the limits file."""
    return Evidence(
        limit.where,
        say("the process may have {soft:,} descriptors", soft=limit.soft) if limit.soft is not None else say("no limit"),
        (str(limit.soft),),
    )
