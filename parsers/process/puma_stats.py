r"""Puma's own figures, ``pumactl stats`` or ``GET /stats`` of its control server: threads of each worker, and what waits for one.

    {"started_at":"2026-05-02T01:11:12Z","workers":2,"phase":0,"booted_workers":2,"old_workers":0,"worker_status":[{"started_at":"2026-05-02T01:11:12Z","pid":21,
      "index":0,"phase":0,"booted":true,"last_checkin":"2026-05-02T09:01:11Z","last_status":{"backlog":14,"running":5,"pool_capacity":0,"max_threads":5}}]}

A server without workers prints the figures alone. ``backlog``: connections that were accepted and that no thread has taken; ``pool_capacity``: how many requests
could be taken now. Puma 6.4 and later write ``busy_threads`` besides. The lines that Puma writes when it starts may stand above. Written after Puma's
``docs/stats.md``, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Counter, LogEvent, LogKind, Parsed
from parsers.records.shows import Shows
from parsers.text.json_lines import Document, JsonObject
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME: Final = "puma_stats"
SHOWS: Final = frozenset({Shows.PROCESS})
HEADER: Final = (
    r"\{\s{0,8}\"started_at\"\s{0,4}:\s{0,4}\"[^\"\n]{4,40}\"\s{0,4},\s{0,8}\"(?:workers|backlog)\"\s{0,4}:"
    r"|\{\s{0,8}\"backlog\"\s{0,4}:\s{0,4}\d+\s{0,4},\s{0,8}\"running\"\s{0,4}:"
)
ROW_SHAPE: Final = r"(?!)"
_begins = lazy(HEADER).match
_HEADING: Final = 6
"""Lines that the beginning takes where each value has one of its own."""


def sniff(head: Sequence[str]) -> bool:
    """True if the lines begin with the names that Puma's figures have."""
    return _begins("\n".join(head[:_HEADING])) is not None


def parse(section: Section) -> Parsed:
    """A count for each worker, and an event for each that has no thread to give while as many requests wait as it has threads."""
    document = Document(section.lines)
    odd = [(index, "no JSON") for index in document.odd if section.lines[index] and not section.lines[index].isspace()]
    gaps, elisions = leftovers(section, odd)
    root = document.root if isinstance(document.root, JsonObject) else JsonObject()
    records = [record for name, values in _workers(root) for record in _records(section, name, values)]
    return Parsed((*records, *elisions), section.nonblank - len(odd) + len(elisions), gaps)


def _workers(root: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    workers = root.get("worker_status")
    if not isinstance(workers, list):
        yield "", root
        return
    for worker in workers:
        if isinstance(worker, JsonObject):
            yield f"worker {worker.get('pid') or worker.get('index')}", worker.inner("last_status")


def _records(section: Section, name: str, values: JsonObject) -> Iterator[Counter | LogEvent]:
    waiting, capacity, most = number(values.get("backlog")), number(values.get("pool_capacity")), number(values.get("max_threads"))
    if waiting is None or most is None:
        return
    where = section.where(values.first, values.last)
    yield Counter(where, f"Puma {name} backlog".replace("  ", " "), waiting)
    if capacity == 0 and waiting >= most > 0:
        figures = (("threads", float(most)), ("waiting", float(waiting)))
        yield LogEvent(where=where, kind=LogKind.THREADS, source="Puma", subject=name or None, figures=figures)
