r"""Queues as brokers list them: ``rabbitmqctl list_queues``, ``artemis queue stat``, ``activemq dstat``, and ``kafka-consumer-groups --describe``.

    name	messages	consumers
    orders	812311	0
    mail	12	4

Artemis prints ``|NAME |ADDRESS |CONSUMER_COUNT |MESSAGE_COUNT |`` between bars, ActiveMQ ``Name  Queue Size  Producer #  Consumer #`` in columns. Kafka prints ``GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID``; a partition that no member of the group reads has ``-`` instead
of a consumer. Columns as asked; tabs are blanks where a text was pasted. A queue with many messages and no consumer is told; how many messages lie unread is no trouble by itself. Written after the
manuals, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.logs.queues import is_laid_aside
from parsers.records import Counter, LogEvent, LogKind, Parsed
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME: Final = "queue_lists"
SHOWS: Final = frozenset({Shows.PROCESS})
_COLUMN: Final = r"(?:name|messages(?:_ready|_unacknowledged)?|consumers|state|type|durable|policy|memory|vhost)"
_RABBIT: Final = rf"(?=[^\n]{{0,200}}\b(?:messages|consumers)\b)(?:(?:name|messages|consumers)\t[a-z_\t]{{4,300}}|{_COLUMN}(?:[ \t]{{1,12}}{_COLUMN}){{1,8}}[ ]*)$"
_TABLE: Final = r"\|?[ ]*+(?i:name|queue(?: name)?|address)(?:[ ]{0,80}\||\t|[ ]{2})(?=[^\n]{0,300}(?i:consumer))(?=[^\n]{0,300}(?i:message|pending|queue size|ready|depth))[^\n]{4,300}$"
_KAFKA: Final = r"(?:GROUP[ ]+)?TOPIC[ ]+PARTITION[ ]+CURRENT-OFFSET[ ]+LOG-END-OFFSET[ ]+LAG\b[^\n]{0,120}$"
_LEAD: Final = r"(?:Timeout: [\d.]+ seconds? \.\.\.[ ]*\n)?(?:Listing queues[^\n]{0,120}\.\.\.[ ]*\n)?"
_COMMAND: Final = r"(?:sudo )?rabbitmqctl (?:-\S{1,60} (?:\S{1,60} )?){0,3}list_queues [^\n|]{4,200}$"
_BELOW: Final = r"(?:\n(?:Timeout: [\d.]+ seconds? \.\.\.|Listing queues[^\n]{0,120}\.\.\.)[ ]*){0,2}"
_LISTING: Final = r"(?:Timeout: [\d.]+ seconds? \.\.\.[ ]*\n)?Listing queues[^\n]{0,120}\.\.\.[ ]*\n(?=\S{1,200}[ \t]+\d)"
HEADER: Final = rf"{_LEAD}{_RABBIT}|{_TABLE}|{_KAFKA}|{_LISTING}|{_COMMAND}{_BELOW}"
ROW_SHAPE: Final = r"(?!)"
MANY: Final = 100
"""Messages that nobody takes from which on they are no moment between two consumers."""
_rabbit = lazy(rf"\s*{_RABBIT}").match
_command = lazy(r"[^\n]{0,80}?\brabbitmqctl\b[^\n|]{0,120}?\blist_queues\b(?P<columns>[^\n|]{4,200})$").match
_listing = lazy(r"\s*Listing queues\b").match
_named = lazy(rf"(?<![\w-]){_COLUMN}(?![\w/])").findall
_kafka = lazy(rf"\s*{_KAFKA}").match
_table = lazy(rf"\s*+{_TABLE}").match
_columns = lazy(r"\||\t|[ ]{2,}")
_number = lazy(r"\d{1,3}(?:,\d{3})+\Z|\d{1,12}\Z").match
_NAMES: Final = ("name", "queue", "queue name", "address")
_MESSAGES: Final = (
    "messages",
    "message_count",
    "number of pending messages",
    "pending messages",
    "queue size",
    "pending",
    "messages_ready",
    "messages ready",
    "ready",
    "depth",
)
_CONSUMERS: Final = ("consumers", "consumer_count", "number of consumers", "consumer #", "consumer count")
_remark = lazy(
    r"\s*(?:Listing queues\b[^\n]*|Timeout: [\d.]+ seconds? \.\.\.|\.\.\.done\.|Consumer group '[^'\n]{1,200}' has no active members\.)\s*$"
).match


def sniff(head: Sequence[str]) -> bool:
    """True if the heading of such a list is among the lines."""
    listed = any(map(_listing, head)) or (bool(head) and _columns_asked(head[0]) != [])
    return listed or any(_rabbit(line) or _kafka(line) or _heading(line) for line in head)


def parse(section: Section) -> Parsed:
    """How many messages lie unread in each queue, and an event for each queue that nobody reads."""
    records: list[Counter | LogEvent] = []
    unread: list[tuple[int, str]] = []
    columns: list[str] = []
    read, source = 0, ""
    if asked := _columns_asked(section.prompt or ""):
        source, columns = "RabbitMQ", asked
    for index, line in section.rows():
        if (found := _source(line)) is not None:
            source, columns = found
        elif source and (cells := _cells(line, columns, source)) is not None:
            records += _of_queue(section, index, cells, source)
        elif not _remark(line) and not (source and set(line) <= set("|-+ \t")):
            unread.append((index, "no row of a list of queues"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _source(line: str) -> tuple[str, list[str]] | None:
    """Whose heading a line is, and its columns; None for any other line. Before 3.7 the command alone names them."""
    if asked := _columns_asked(line):
        return "RabbitMQ", asked
    if _rabbit(line):
        return "RabbitMQ", line.split("\t") if "\t" in line else line.split()
    if _kafka(line):
        return "Kafka", line.split()
    return ("broker", _heading(line)) if _heading(line) else None


def _columns_asked(line: str) -> list[str]:
    """The columns that a command of RabbitMQ asks for."""
    match = _command(line)
    return list(_named(match["columns"])) if match is not None else []


def _heading(line: str) -> list[str]:
    """The columns of a broker's list of queues, in lower case; none for any other line."""
    if _table(line) is None:
        return []
    columns = [name.lower() for name in _split(line)]
    known = all(any(name in columns for name in names) for names in (_NAMES, _MESSAGES, _CONSUMERS))
    return columns if known else []


def _split(line: str) -> list[str]:
    return [cell for cell in map(str.strip, _columns.split(line.strip().strip("|"))) if cell]


def _cells(line: str, columns: Sequence[str], source: str) -> dict[str, str] | None:
    values = _split(line) if source == "broker" else line.split("\t") if "\t" in line and source == "RabbitMQ" else line.split()
    fits = (
        len(columns) - 3 <= len(values) <= len(columns) + 1
        if source == "Kafka"
        else len(columns) <= len(values) <= len(columns) + (source == "broker")
    )
    cells = dict(zip((name.strip() for name in columns), (value.strip() for value in values), strict=False)) if fits else {}
    if source == "broker":
        cells = {
            key: next((cells[name] for name in names if name in cells), "")
            for key, names in (("name", _NAMES), ("messages", _MESSAGES), ("consumers", _CONSUMERS))
        }
        cells = {key: value.replace(",", "") if _number(value) else value for key, value in cells.items()}
    told = cells.get("messages") or cells.get("consumers") or cells.get("LAG") or ""
    return cells if told.lstrip("-").isdigit() or cells.get("LAG") == "-" else None


def _of_queue(section: Section, index: int, cells: dict[str, str], source: str) -> Iterator[Counter | LogEvent]:
    text = cells.get("messages") or cells.get("messages_ready") or cells.get("LAG") or ""
    name = cells.get("name") or f"{cells.get('GROUP', '')} {cells.get('TOPIC', '?')}-{cells.get('PARTITION', '?')}".strip()
    if not text.isdigit():
        return
    unread, consumers = int(text), cells.get("CONSUMER-ID") if source == "Kafka" else cells.get("consumers")
    yield Counter(section.where(index), f"{source} {name} unread", unread)
    if unread >= MANY and consumers in {"0", "-"} and not is_laid_aside(name):
        figures = (("messages", float(unread)),)
        yield LogEvent(where=section.where(index), kind=LogKind.UNREAD, source=source, subject=name, figures=figures)
