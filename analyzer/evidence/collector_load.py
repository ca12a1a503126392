"""Processor time of a JVM's garbage collector beside that of all other threads, from dump to dump."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Thread, ThreadUsage

BUSY: Final = 0.5
"""Processors that the collectors must use between the dumps: half of one, for all of them together."""
LEAD: Final = 2.0
"""How many times the application's own CPU that is: a server under load also collects, but works more."""
_COLLECTOR: Final = re.compile(
    r"GC Thread|ParGC|GC task thread|Gang worker|G1 (?:Main|Conc|Refine|Young)|ZWorker|ZDriver|XWorker|Concurrent Mark-Sweep|Shenandoah|VM Thread$"
)


class CollectorLoad(msgspec.Struct, frozen=True):
    """Processors that the collector's ``threads`` use, and those of all others; ``hot``: top's rows of these threads."""

    view: ProcessView
    collectors: float
    application: float
    threads: tuple[Thread, ...]
    hot: tuple[ThreadUsage, ...]


def collector_loads(case: Case) -> Iterator[CollectorLoad]:
    """One per process whose collectors outrun it."""
    for view in case.latest:
        load = _load(view, [other for other in case.history(view) if other.dump is not None])
        if load is not None and load.collectors >= BUSY and load.collectors >= LEAD * load.application:
            yield load


def _load(view: ProcessView, dumps: Sequence[ProcessView]) -> CollectorLoad | None:
    """CPU per second of clock from the first to the last dump, of collectors and of all others; None if the dumps do not say."""
    if len(dumps) < 2 or dumps[0].dump is None or dumps[-1].dump is None:  # noqa: PLR2004 - a rate needs two
        return None
    before = {(thread.name, thread.native_id): thread for thread in dumps[0].dump.threads}
    collectors = application = 0.0
    found = []
    for thread in dumps[-1].dump.threads:
        earlier = before.get((thread.name, thread.native_id))
        if earlier is None or None in {thread.cpu, thread.elapsed, earlier.cpu, earlier.elapsed}:
            continue
        clock = (thread.elapsed or 0) - (earlier.elapsed or 0)
        share = ((thread.cpu or 0) - (earlier.cpu or 0)) / clock if clock > 0 else 0.0
        if _COLLECTOR.match(thread.name):
            collectors += share
            found.append(thread)
        else:
            application += share
    return CollectorLoad(view, collectors, application, tuple(found), _hot(dumps, found)) if found else None


def _hot(dumps: Sequence[ProcessView], threads: Sequence[Thread]) -> tuple[ThreadUsage, ...]:
    """Top's rows of the collectors, those that use something."""
    ids = {thread.native_id for thread in threads}
    found = sorted(
        (usage for view in dumps for usage in view.snapshot.usages if usage.native_id in ids and usage.cpu_percent > 0),
        key=lambda one: -one.cpu_percent,
    )
    return tuple(found)
