"""What speaks against a dump being of the process that it was joined with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.join.dump_basis import DumpBasis
from analyzer.model.message import say

if TYPE_CHECKING:
    from analyzer.join.process import ProcessView

FIRST_IDS: Final = 64
"""A container numbers its own processes from 1: a VM whose first thread has such a small id is counted in another namespace."""
FAR: Final = 1000
"""Ids that a busy host hands out while a VM starts. The launcher starts the first thread right after its own pid (HotSpot ``java_md.c``)."""


def strangers(view: ProcessView) -> str | None:
    """Why the dump's threads cannot be of the table's process, None if nothing says so.

    A VM's first threads get the ids just above its pid. Ids below it, or far above it, are of another VM, unless one of the two is counted
    in a namespace of its own, or the ids came round to the start (``pid_max``).
    """
    dump, pid = view.dump, view.pid
    if dump is None or pid is None or view.dump_basis is DumpBasis.PID:
        return None
    ids = [int(thread.native_id) for thread in dump.threads if thread.native_id is not None and not thread.virtual]
    if len(ids) < 2 or min(ids) <= FIRST_IDS or pid <= FIRST_IDS:  # noqa: PLR2004 - one thread may be any
        return None
    if any(status.nspid is not None and len(status.nspid) > 1 for status in view.snapshot.statuses):
        return None
    if pid < min(ids) <= pid + FAR:
        return None
    return say(
        "the native ids of the dump begin at {first}, and those of process {pid} would begin just above {pid}", first=min(ids), pid=pid
    )
