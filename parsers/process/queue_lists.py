r"""Queues as brokers list them: ``rabbitmqctl list_queues``, and ``kafka-consumer-groups --describe``.

    name	messages	consumers
    orders	812311	0
    mail	12	4

Kafka prints ``GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID``; a partition that no member of the group reads has ``-`` instead
of a consumer. Columns as asked. A queue with many messages and no consumer is told; how many messages lie unread is no trouble by itself. Written after the
manuals, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Counter, LogEvent, LogKind, Parsed
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME: Final = "queue_lists"
SHOWS: Final = frozenset({Shows.PROCESS})
_RABBIT: Final = r"(?:name|messages|consumers)\t(?=[^\n]{0,200}\bmessages\b|[^\n]{0,200}\bconsumers\b)[a-z_\t]{4,300}$"
_KAFKA: Final = r"(?:GROUP[ ]+)?TOPIC[ ]+PARTITION[ ]+CURRENT-OFFSET[ ]+LOG-END-OFFSET[ ]+LAG\b[^\n]{0,120}$"
_LEAD: Final = r"(?:Timeout: [\d.]+ seconds? \.\.\.[ ]*\n)?(?:Listing queues[^\n]{0,120}\.\.\.[ ]*\n)?"
HEADER: Final = rf"{_LEAD}{_RABBIT}|{_KAFKA}"
ROW_SHAPE: Final = r"(?!)"
MANY: Final = 100
"""Messages that nobody takes from which on they are no moment between two consumers."""
_rabbit = lazy(rf"\s*{_RABBIT}").match
_kafka = lazy(rf"\s*{_KAFKA}").match
_remark = lazy(
    r"\s*(?:Listing queues\b[^\n]*|Timeout: [\d.]+ seconds? \.\.\.|\.\.\.done\.|Consumer group '[^'\n]{1,200}' has no active members\.)\s*$"
).match


def sniff(head: Sequence[str]) -> bool:
    """True if the heading of such a list is among the lines."""
    return any(_rabbit(line) or _kafka(line) for line in head)


def parse(section: Section) -> Parsed:
    """How many messages lie unread in each queue, and an event for each queue that nobody reads."""
    records: list[Counter | LogEvent] = []
    unread: list[tuple[int, str]] = []
    columns: list[str] = []
    read, source = 0, ""
    for index, line in section.rows():
        if _rabbit(line) or _kafka(line):
            source = "RabbitMQ" if _rabbit(line) else "Kafka"
            columns = line.split("\t") if source == "RabbitMQ" else line.split()
        elif source and (cells := _cells(line, columns, source)) is not None:
            records += _of_queue(section, index, cells, source)
        elif not _remark(line):
            unread.append((index, "no row of a list of queues"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _cells(line: str, columns: Sequence[str], source: str) -> dict[str, str] | None:
    values = line.rstrip().split("\t") if source == "RabbitMQ" else line.split()
    fits = len(values) == len(columns) if source == "RabbitMQ" else len(columns) - 3 <= len(values) <= len(columns) + 1
    cells = dict(zip((name.strip() for name in columns), (value.strip() for value in values), strict=False)) if fits else {}
    return (
        cells
        if (cells.get("messages") or cells.get("consumers") or cells.get("LAG") or "").lstrip("-").isdigit() or cells.get("LAG") == "-"
        else None
    )


def _of_queue(section: Section, index: int, cells: dict[str, str], source: str) -> Iterator[Counter | LogEvent]:
    text = cells.get("messages") or cells.get("LAG") or ""
    name = cells.get("name") or f"{cells.get('GROUP', '')} {cells.get('TOPIC', '?')}-{cells.get('PARTITION', '?')}".strip()
    if not text.isdigit():
        return
    unread, consumers = int(text), cells.get("consumers") if source == "RabbitMQ" else cells.get("CONSUMER-ID")
    yield Counter(section.where(index), f"{source} {name} unread", unread)
    if unread >= MANY and consumers in {"0", "-"}:
        figures = (("messages", float(unread)),)
        yield LogEvent(where=section.where(index), kind=LogKind.UNREAD, source=source, subject=name, figures=figures)
