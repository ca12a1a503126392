r"""Statistics of Elasticsearch's and OpenSearch's nodes, ``GET _nodes/stats``: their pools of threads and what waits for them.

    {"_nodes": {"total": 1, "successful": 1, "failed": 0}, "cluster_name": "shop", "nodes": {
      "Qk3nsMaUSu26wb8m1fNA": {"timestamp": 1795449181231, "name": "es-1", "thread_pool": {
        "search": {"threads": 7, "queue": 981, "active": 7, "rejected": 22817, "largest": 7, "completed": 812211}}}}}

A pool of which many tasks wait has no thread to give. What was rejected since the start says nothing of now. Written after Elasticsearch's manual, not captured here.
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

NAME: Final = "node_stats"
SHOWS: Final = frozenset({Shows.PROCESS})
HEADER: Final = (
    r"\{\s*\"_nodes\"\s*:\s*\{[^{}]{0,200}\}\s*,\s*\"cluster_name\"\s*:\s*\"[^\"\n]{0,200}\"\s*,\s*\"nodes\"\s*:\s*\{\s*\"[\w-]{1,40}\"\s*:"
    r"\s*\{\s*\"timestamp\"\s*:"
)
ROW_SHAPE: Final = r"(?!)"
_begins = lazy(HEADER).match
_HEADING: Final = 16
"""Lines that the beginning takes where each value has one of its own."""
_MANY: Final = 100
"""Tasks that wait from which on they are no moment of a busy server."""


def sniff(head: Sequence[str]) -> bool:
    """True if the lines begin with the count of nodes and the first node's time."""
    return _begins("\n".join(head[:_HEADING])) is not None


def parse(section: Section) -> Parsed:
    """A count for each pool, and an event for each whose tasks wait."""
    document = Document(section.lines)
    odd = [(index, "no JSON") for index in document.odd if section.lines[index] and not section.lines[index].isspace()]
    gaps, elisions = leftovers(section, odd)
    root = document.root if isinstance(document.root, JsonObject) else JsonObject()
    records = [record for pool, values in _pools(root) for record in _records(section, pool, values)]
    return Parsed((*records, *elisions), section.nonblank - len(odd) + len(elisions), gaps)


def _pools(root: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    for node in root.inner("nodes").values():
        if isinstance(node, JsonObject):
            pools = node.inner("thread_pool")
            yield from ((name, pools.inner(name)) for name in pools)


def _records(section: Section, pool: str, values: JsonObject) -> Iterator[Counter | LogEvent]:
    active, pending = number(values.get("active")), number(values.get("queue"))
    if active is None or pending is None:
        return
    where = section.where(values.first, values.last)
    yield Counter(where, f"Elasticsearch {pool} pending", pending)
    if active and pending >= _MANY:
        figures = (("active", float(active)), ("pending", float(pending)))
        yield LogEvent(where=where, kind=LogKind.THREADS, source="Elasticsearch", subject=pool, figures=figures)
