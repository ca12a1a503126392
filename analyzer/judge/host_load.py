"""What a host and its processes do as a whole: the processor that one uses, the memory that is left, a VM that gives no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.message import plural, say
from parsers.records import LogKind
from parsers.records.process_records import (
    HEAP_MOST,
    HEAP_USED,
    MEMORY_AVAILABLE,
    MEMORY_TOTAL,
    OLD_GENERATION,
    SWAP_USED,
    WHOLE_COLLECTIONS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.incident import Incident, Snapshot

BUSY: Final = 90.0
"""Percent of a processor from which on a process hardly waits."""
PLENTY: Final = 0.1
"""Share of the memory that is enough, where nothing is swapped."""
SCARCE: Final = 0.03
"""Share of the memory below which the kernel begins to take pages away from programs."""
_LEAST: Final = 128 * 1024**2
"""Bytes of memory below which a table was of another unit than it seems: no host has so little, and only shares are sure."""
GROWN: Final = 5
"""Percent by which the old generation may differ from one table to the next while it rests."""
ROOMY: Final = 70
"""Percent of the old generation up to which the heap has room: what is dead in it is counted as well."""
_GIBI: Final = 1024**3
_MEBI: Final = 1024**2


def of_host(incident: Incident, snapshot: Snapshot) -> Iterator[str]:
    """Sentences about a VM without an answer, the busiest process, and memory."""
    yield from _unanswered(snapshot)
    yield from _busiest(snapshot)
    yield from _memory(incident, snapshot)
    if not any(event.kind is LogKind.MEMORY for artifact in incident.artifacts for event in artifact.events):
        yield from _heap(incident, snapshot)


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


def _memory(incident: Incident, snapshot: Snapshot) -> Iterator[str]:
    counts = {counter.name: counter.value for counter in snapshot.counters}
    total, available, swapped = counts.get(MEMORY_TOTAL), counts.get(MEMORY_AVAILABLE), counts.get(SWAP_USED)
    if not total or available is None or len(_beside(incident, snapshot, MEMORY_TOTAL)) > 1:
        return
    share = (
        say("{percent:.0f} %", percent=100 * available / total)
        if total < _LEAST
        else say("{available} of {total} GiB", available=f"{available / _GIBI:,.1f}", total=f"{total / _GIBI:,.1f}")
    )
    if available >= PLENTY * total and not (swapped or 0) > PLENTY * total:
        yield say(
            "memory is not short: {share} of the host's are available; what files have in the page cache counts as used, and is given back when a program needs it. A container's own limit (memory.max) is another one",
            share=share,
        )
    elif available <= SCARCE * total:
        yield say("memory is short: {share} of the host's are available", share=share)


def _beside(incident: Incident, snapshot: Snapshot, name: str) -> list[int]:
    """The values of all such tables in the snapshot's file: of several nobody knows whether they are of one host, or process, and of which moment."""
    files = {counter.where.file for counter in snapshot.counters if counter.name == name}
    return [counter.value for one in incident.snapshots for counter in one.counters if counter.name == name and counter.where.file in files]


def _heap(incident: Incident, snapshot: Snapshot) -> Iterator[str]:
    counts = {counter.name: counter.value for counter in snapshot.counters}
    used, most = counts.get(HEAP_USED), counts.get(HEAP_MOST)
    if used is not None and most and len(_beside(incident, snapshot, HEAP_USED)) == 1:
        yield say(
            "the JVM's heap is {percent:.0f} % full: {used:,} of the {most:,} MiB that it may have at most, garbage that is not collected yet included",
            percent=100 * used / most,
            used=used // _MEBI,
            most=most // _MEBI,
        )
    old, collections = counts.get(OLD_GENERATION), counts.get(WHOLE_COLLECTIONS)
    olds = _beside(incident, snapshot, OLD_GENERATION)
    if old is not None and collections is not None and old <= ROOMY and max(olds) - min(olds) <= GROWN:
        yield say(
            "the old generation of the JVM's heap is {old} % full, after {collections} of the whole heap: as long as neither this nor its size (jstat -gc, OC) grows, memory of the process that grows is not the heap's",
            old=old,
            collections=plural(collections, "collection"),
        )
