"""What a host and its processes do as a whole: the processor that one uses, the memory that is left, a VM that gives no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.message import plural, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.incident import Snapshot

BUSY: Final = 90.0
"""Percent of a processor from which on a process hardly waits."""
PLENTY: Final = 0.1
"""Share of the memory that is enough, where nothing is swapped."""
SCARCE: Final = 0.03
"""Share of the memory below which the kernel begins to take pages away from programs."""
_TOTAL: Final = "memory of the host, bytes"
_AVAILABLE: Final = "memory that is available, bytes"
_SWAPPED: Final = "swap in use, bytes"
_OLD: Final = "old generation in use, percent"
_COLLECTIONS: Final = "collections of the whole heap"
ROOMY: Final = 70
"""Percent of the old generation up to which the heap has room: what is dead in it is counted as well."""
_GIBI: Final = 1024**3


def of_host(snapshot: Snapshot) -> Iterator[str]:
    """Sentences about a VM without an answer, the busiest process, and memory."""
    yield from _unanswered(snapshot)
    yield from _busiest(snapshot)
    yield from _memory(snapshot)
    yield from _heap(snapshot)


def _unanswered(snapshot: Snapshot) -> Iterator[str]:
    for failure in snapshot.attach_failures[:1]:
        yield say(
            "the VM{pid} gave no answer to a tool that asked for its threads: it reaches no safepoint, is stopped, collects its heap, or was asked as another user or in another container",
            pid=say(" of process {pid}", pid=failure.pid) if failure.pid is not None else "",
        )


def _busiest(snapshot: Snapshot) -> Iterator[str]:
    busy = [row for row in snapshot.processes if row.cpu_percent is not None and row.cpu_percent >= BUSY]
    for row in sorted(busy, key=lambda one: -(one.cpu_percent or 0))[:1]:
        yield say(
            "{command} (pid {pid}) uses {percent:.0f} % of a processor, as top shows; which of its threads, top -H tells",
            command=row.command.partition(" ")[0],
            pid=row.pid,
            percent=row.cpu_percent,
        )


def _memory(snapshot: Snapshot) -> Iterator[str]:
    counts = {counter.name: counter.value for counter in snapshot.counters}
    total, available, swapped = counts.get(_TOTAL), counts.get(_AVAILABLE), counts.get(_SWAPPED)
    if not total or available is None:
        return
    values = {"available": f"{available / _GIBI:,.1f}", "total": f"{total / _GIBI:,.1f}"}
    if available >= PLENTY * total and not (swapped or 0) > PLENTY * total:
        yield say(
            "memory is not short: {available} of {total} GiB are available; what files have in the page cache counts as used, and is given back when a program needs it",
            **values,
        )
    elif available <= SCARCE * total:
        yield say("memory is short: {available} of {total} GiB are available", **values)


def _heap(snapshot: Snapshot) -> Iterator[str]:
    counts = {counter.name: counter.value for counter in snapshot.counters}
    old, collections = counts.get(_OLD), counts.get(_COLLECTIONS)
    if old is not None and collections is not None and old <= ROOMY:
        yield say(
            "the old generation of the JVM's heap is {old} % full, after {collections} of the whole heap: where memory of the process grows, it is not the heap that grows",
            old=old,
            collections=plural(collections, "collection"),
        )
