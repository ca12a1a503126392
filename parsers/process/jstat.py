r"""What a JVM's collector did between the rows of ``jstat -gcutil``, ``-gccause`` and ``-gc``.

      S0     S1     E      O      M     CCS    YGC     YGCT    FGC    FGCT     CGC    CGCT     GCT
      0.00   0.00 100.00  99.98  94.12  91.33   8123  212.311   912 3841.220     -        -  4053.531
      0.00   0.00 100.00 100.00  94.12  91.33   8123  212.311   914 3850.002     -        -  4062.313

Columns vary with the version and the option: the heading names them. ``-gcutil`` has percents, ``-gc`` sizes and uses in kB. Times are sums in seconds since the
start, ``Timestamp`` (``-t``) too. Without it the interval is that of the command, where that stands above. Captured from JDK 8 to 25.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from parsers.records import Counter, LogEvent, LogKind, Parsed
from parsers.records.process_records import OLD_GENERATION, WHOLE_COLLECTIONS
from parsers.records.shows import Shows
from parsers.text.grammar import decimal
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "jstat"
SHOWS: Final = frozenset({Shows.PROCESS})
_COLUMNS: Final = r"[ ]*(?:Timestamp[ ]+)?S0C?[ ]+S1C?[ ]+(?:\w+[ ]+){2,14}YGC[ ]+YGCT[ ]+FGC[ ]+FGCT[ ]+(?:\w+[ ]*){1,5}$"
_ORDER: Final = r"(?:sudo[ ])?(?:/\S{1,60}/)?jstat[ ](?:-\S{1,20}[ ]){1,4}\d{1,10}[ ](\d{1,9})(ms|s)?(?:[ ]\d{1,9})?[ ]*"
HEADER: Final = rf"(?:[>$#][ ]+)?(?:sudo[ ])?(?:/\S{{1,60}}/)?jstat[ ]-[^\n]{{1,80}}\n{_COLUMNS}|{_COLUMNS}"
ROW_SHAPE: Final = r"(?!)"
_columns = lazy(_COLUMNS).match
_row = lazy(r"\s*(?:(?:\d[\d.,]*|-)\s+){9,20}(?:(?:\d[\d.,]*|-)\s*|[A-Z][\w .()]{2,40}\s+[A-Z][\w .()]{2,40}\s*)$").match
_command = lazy(rf"[^\n]{{0,80}}?{_ORDER}$").match
FULL: Final = 90.0
"""Percent of the old generation that are in use behind a collection of the whole heap, from which on it freed next to nothing."""


GROWN: Final = 5.0
"""Percent of the old generation by which it grows between the first row and the last, from which on it is no rest."""


class _Row(msgspec.Struct, frozen=True):
    """A row: where it stands, and what it says in seconds, counts and percents; None for what it does not say."""

    index: int
    clock: float | None
    full_collections: int
    seconds: float
    old: float | None


def sniff(head: Sequence[str]) -> bool:
    """True if the heading is among the lines."""
    return any(_columns(line) for line in head)


def parse(section: Section) -> Parsed:
    """An event for what the collector did from the first row of a heading to the last one, where it collected the whole heap meanwhile."""
    events: list[LogEvent] = []
    unread: list[tuple[int, str]] = []
    columns: list[str] = []
    rows: list[_Row] = []
    read = 0
    for index, line in section.rows():
        if _columns(line):
            columns = line.split()
        elif columns and _row(line) and (row := _of(index, columns, line)) is not None:
            rows.append(row)
        elif not _command(line):
            unread.append((index, "no row of jstat"))
            continue
        read += 1
    events += _events(section, rows, _interval(section))
    # Where it grows from row to row, the last one alone would say too little.
    grows = len(rows) > 1 and (rows[-1].old or 0) > (rows[0].old or 0) + GROWN
    counts = [Counter(section.where(row.index), OLD_GENERATION, int(row.old)) for row in rows[-1:] if row.old is not None and not grows]
    counts += [Counter(section.where(row.index), WHOLE_COLLECTIONS, row.full_collections) for row in rows[-1:]]
    gaps, elisions = leftovers(section, unread)
    return Parsed((*events, *counts, *elisions), read + len(elisions), gaps)


def _interval(section: Section) -> float | None:
    """Seconds between two rows, as the command above says."""
    lines = (section.prompt or "", *(line for _, line in section.rows()))
    match = next((found for line in lines if (found := _command(line)) is not None), None)
    return int(match[1]) / (1 if match[2] == "s" else 1000) if match is not None else None


def _of(index: int, columns: Sequence[str], line: str) -> _Row | None:
    cells = dict(zip(columns, re.split(r"\s+", line.strip()), strict=False))
    # GCT also has what a concurrent collector does beside the program, which goes on meanwhile.
    young, whole, count = _number(cells, "YGCT"), _number(cells, "FGCT"), _number(cells, "FGC")
    if young is None or whole is None or count is None:
        return None
    seconds = young + whole
    used, size = _number(cells, "OU"), _number(cells, "OC")
    old = 100 * used / size if used is not None and size else _number(cells, "O")
    return _Row(index, _number(cells, "Timestamp"), int(count), seconds, old)


def _number(cells: dict[str, str], name: str) -> float | None:
    text = cells.get(name, "").replace(",", ".")
    return decimal(text) if text[:1].isdigit() else None


def _events(section: Section, rows: Sequence[_Row], interval: float | None) -> list[LogEvent]:
    if len(rows) < 2:  # noqa: PLR2004 - a difference needs two
        return []
    first, last = rows[0], rows[-1]
    collections, seconds = last.full_collections - first.full_collections, last.seconds - first.seconds
    if collections <= 0 or seconds <= 0 or last.old is None:
        return []
    clock = last.clock - first.clock if last.clock is not None and first.clock is not None else None
    of = clock or (interval * (len(rows) - 1) if interval else None)
    figures = [("seconds", round(seconds, 3)), ("collections", float(collections)), ("percent", last.old)]
    if of:
        figures.append(("of", of))
    where = section.where(first.index, last.index)
    return [LogEvent(where=where, kind=LogKind.PAUSE, source="jstat", figures=tuple(figures))]
