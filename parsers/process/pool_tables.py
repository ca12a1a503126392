r"""Tables of thread pools that servers print of themselves: ``nodetool tpstats`` of Cassandra and Scylla, ``_cat/thread_pool`` of Elasticsearch.

    Pool Name                         Active   Pending      Completed   Blocked  All time blocked
    ReadStage                             32      4112       91823123         0                 0
    Message type           Dropped
    READ                      3112

Elasticsearch prints ``node_name name active queue rejected``, and ``es-data-3 search 13 1000 90211`` below. A pool of which many tasks wait has no thread to give. What was counted since the start says nothing of now. Written after the manuals, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Counter, LogEvent, LogKind, Parsed
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "pool_tables"
SHOWS: Final = frozenset({Shows.PROCESS})

HEADER: Final = r"Pool Name[ ]+Active[ ]+Pending|(?:node_name[ ]+)?(?:name[ ]+)?active[ ]+queue\b(?=[^\n]{0,80}\b(?:rejected|completed|largest|size|type)\b)"
ROW_SHAPE: Final = r"(?!)"

_cassandra = lazy(r"\s*Pool Name\s+Active\s+Pending").match
_elastic = lazy(r"\s*(?:node_name\s+)?(?:name\s+)?active\s+queue\b").match
_stage = lazy(
    r"\s*(?P<name>[A-Za-z][\w:.-]{2,60})\s+(?P<active>\d{1,9})\s+(?P<pending>\d{1,9})\s+\d{1,18}(?:\s+(?P<blocked>\d{1,9})\s+\d{1,18})?\s*$"
).match
_pool = lazy(
    r"\s*(?:(?P<node>\S{1,80})\s+)?(?P<name>[a-z][\w.]{1,60})\s+(?P<active>\d{1,9})\s+(?P<pending>\d{1,9})(?:\s+\d{1,18}){0,4}\s*$"
).match
_node = lazy(r"\s*(?P<name>\S{1,80})\s+(?P<active>\d{1,9})\s+(?P<pending>\d{1,9})(?:\s+\d{1,18}){0,4}\s*$").match
"""A row of one pool, where only the nodes were asked for."""
_other = lazy(r"\s*(?:Message type\s+Dropped|[A-Z_]{3,30}\s+\d{1,15}(?:\s+\S{1,20}){0,6}\s*$|Meters\b|Latencies waiting)").match
_MANY: Final = 100
"""Tasks that wait from which on they are no moment of a busy server."""


def sniff(head: Sequence[str]) -> bool:
    """True if the heading of such a table is among the lines."""
    return any(_cassandra(line) or _elastic(line) for line in head)


def parse(section: Section) -> Parsed:
    """An event for each pool whose tasks wait."""
    events: list[LogEvent] = []
    counts: list[Counter] = []
    unread: list[tuple[int, str]] = []
    read, row, source = 0, _stage, "Cassandra"
    for index, line in section.rows():
        if _cassandra(line):
            row, source = _stage, "Cassandra"
        elif _elastic(line):
            row, source = (_pool if "name" in line.replace("node_name", "").split() else _node), "Elasticsearch"
        elif (match := row(line)) is not None:
            active, pending, blocked = int(match["active"]), int(match["pending"]), int(match.groupdict().get("blocked") or 0)
            counts.append(Counter(section.where(index), f"{source} {match['name']} pending", pending))
            if active and (pending >= _MANY or blocked):
                figures = (("active", float(active)), ("pending", float(pending)), *((("blocked", float(blocked)),) if blocked else ()))
                events.append(
                    LogEvent(where=section.where(index), kind=LogKind.THREADS, source=source, subject=match["name"], figures=figures)
                )
        elif not _other(line):
            unread.append((index, "no row of a table of pools"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*counts, *events, *elisions), read + len(elisions), gaps)
