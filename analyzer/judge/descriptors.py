"""What descriptors of a process show where that is all that is known of it."""

from __future__ import annotations

import re
from collections import Counter as Counts
from typing import TYPE_CHECKING, Final

from analyzer.model.message import joined, plural, say, say_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from analyzer.model.incident import Snapshot
    from parsers.records import OpenFile

STANDARD: Final = 3
"""Descriptors that every process has: input, output and errors."""
_DELETED: Final = "(deleted)"
_FILES: Final = 2
_NO_DISK: Final = re.compile(r"/(?:dev|memfd:|SYSV|run/shm|anon)")
"""What has no place on a disk: deleted files of memory are how processes share it."""


def of_descriptors(snapshot: Snapshot, elided: Collection[str] = ()) -> Iterator[str]:
    """How many descriptors a process has, where that is all that is known of it. Of files with lines left out (``elided``) no list is whole."""
    if snapshot.rows:
        return
    yield from _of_deleted(snapshot)
    files = _numbered(file for file in snapshot.open_files if file.where.file not in elided)
    counts = Counts((file.pid, file.command) for file in files if file.pid is not None)
    sockets = Counts(file.pid for file in files if file.kind in {"socket", "sock"})
    unknown = Counts(file.pid for file in files if file.kind == "sock")
    whole = [(key, count) for key, count in counts.most_common(2) if count >= STANDARD]  # of fewer somebody chose a line or two
    for (pid, command), count in whole:
        yield say(
            "{descriptors} of {command} (pid {pid}) are open, {sockets:,} of them sockets{unconnected}",
            command=command or say("a process"),
            pid=pid,
            descriptors=plural(count, "descriptor"),
            sockets=sockets[pid],
            unconnected=say(
                ", which lsof finds no connection for: they are closed, were never connected, or are of another network namespace"
            )
            if unknown[pid] == sockets[pid] > 0
            else "",
        )


def _numbered(files: Iterable[OpenFile]) -> list[OpenFile]:
    """Those that are descriptors, each once: lsof lists the working directory and mapped files, too, and each row again for every thread.

    Where no number is printed (busybox), each row is one.
    """
    found: dict[tuple[object, ...], OpenFile] = {}
    for file in files:
        if not file.fd:
            found[file.where,] = file
        elif file.fd[0] == "*" or file.fd[0].isdecimal():
            found[file.pid, file.fd, file.target if file.fd[0] == "*" else ""] = file
    return list(found.values())


def repeats_for_threads(snapshot: Snapshot) -> bool:
    """True if a process has its working directory or a descriptor twice among the rows of lsof: they stand there again for each thread."""
    seen = Counts(
        (file.pid, file.fd, file.target) for file in snapshot.open_files if file.tool == "lsof" and file.fd[:1] not in {"*", "m", "D"}
    )
    return any(count > 1 for count in seen.values())


def _of_deleted(snapshot: Snapshot) -> Iterator[str]:
    """Files that were deleted and are still open: ``df`` counts them and ``du`` does not."""
    deleted = [one for one in snapshot.open_files if one.kind == "REG" and one.target.endswith(_DELETED) and not _NO_DISK.match(one.target)]
    for pid, command in dict.fromkeys((one.pid, one.command) for one in deleted):
        mine = [one for one in deleted if one.pid == pid]
        names = list(dict.fromkeys(one.target.removesuffix(_DELETED).strip() for one in mine))
        yield say_of(
            len(mine),
            "{descriptors} of {command} (pid {pid}) is of a deleted file ({files}): its space comes back when the process closes it or ends",
            "{descriptors} of {command} (pid {pid}) are of deleted files ({files}): their space comes back when the process closes them or ends",
            descriptors=plural(len(mine), "descriptor"),
            command=command or say("a process"),
            pid=pid if pid is not None else "?",
            files=joined(", ", names[:_FILES]),
        )
