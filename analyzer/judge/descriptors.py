"""What descriptors of a process show where that is all that is known of it."""

from __future__ import annotations

import re
from collections import Counter as Counts
from typing import TYPE_CHECKING, Final

from analyzer.model.message import joined, plural, say, say_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.incident import Snapshot

STANDARD: Final = 3
"""Descriptors that every process has: input, output and errors."""
_DELETED: Final = "(deleted)"
_FILES: Final = 2
_NO_DISK: Final = re.compile(r"/(?:dev|memfd:|SYSV|run/shm|anon)")
"""What has no place on a disk: deleted files of memory are how processes share it."""


def of_descriptors(snapshot: Snapshot) -> Iterator[str]:
    """How many descriptors a process has, where that is all that is known of it."""
    if snapshot.rows:
        return
    yield from _of_deleted(snapshot)
    # lsof also lists the directory, the program and mapped files, and some of its versions repeat every row for each thread.
    numbered = {(file.pid, file.fd): file for file in snapshot.open_files if file.pid is not None and file.fd[:1].isdigit()}
    counts = Counts((file.pid, file.command) for file in numbered.values())
    sockets = Counts(file.pid for file in snapshot.open_files if file.kind in {"socket", "sock"})
    unknown = Counts(file.pid for file in snapshot.open_files if file.kind == "sock")
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
