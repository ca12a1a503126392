r"""What a host does, second by second, as procps' ``vmstat`` prints it: tasks that wait for disks, and the time that processors wait for them.

    procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----
     r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st
     2 31      0 812000  91000 402000    0    0    12 99120  812 1201  2  1 12 85  0
     1 28      0 812000  91000 402000    0    0     8 91204  790 1188  1  1 18 80  0

The first row below a heading is the mean since the boot, unless headings repeat. Captured from procps 4.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Counter, LogEvent, LogKind, Parsed
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME: Final = "vmstat"
SHOWS: Final = frozenset({Shows.PROCESS})
_COLUMNS: Final = r"[ ]*r[ ]+b[ ]+swpd[ ]+free[ ]+\w+[ ]+\w+[ ]+si[ ]+so[ ]+bi[ ]+bo[ ]+in[ ]+cs[ ]+us[ ]+sy[ ]+id[ ]+wa\b[^\n]{0,40}$"
_GROUPS: Final = r"procs[ ]-+[ ]*memory[ ]*-+[^\n]{1,120}$"
HEADER: Final = rf"(?:{_GROUPS.removesuffix('$')}\n)?{_COLUMNS}"
ROW_SHAPE: Final = _COLUMNS
WAITING: Final = 40
"""Percent of the time that processors had nothing to do but wait for disks, from which on most that happens waits."""
BLOCKED: Final = 4
"""Tasks that wait for a disk at once."""
_columns = lazy(rf"\s*+{_COLUMNS}").match
_groups = lazy(rf"\s*{_GROUPS}").match
_row = lazy(r"\s*+\d{1,18}(?:\s+\d{1,18}){15,18}\s*$").match


def sniff(head: Sequence[str]) -> bool:
    """True if the heading of the columns is among the lines."""
    return any(_columns(line) for line in head)


def parse(section: Section) -> Parsed:
    """How many tasks wait for a disk in each row but the first, and an event for each in which the processors wait, too."""
    records: list[Counter | LogEvent] = []
    unread: list[tuple[int, str]] = []
    columns: list[str] = []
    read = rows = 0
    for index, line in section.rows():
        cells = line.split()
        if _columns(line):
            columns = cells
        elif columns and _row(line) and len(cells) >= len(columns) - 1:
            rows += 1
            if rows > 1:  # the first is the mean since the boot
                records += _of_host(section, index, dict(zip(columns, map(int, cells), strict=False)))
        elif not _groups(line):
            unread.append((index, "no row of vmstat"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _of_host(section: Section, index: int, cells: dict[str, int]) -> Iterator[Counter | LogEvent]:
    blocked, waiting = cells.get("b", 0), cells.get("wa", 0)
    yield Counter(section.where(index), "tasks that wait for a disk", blocked)
    if waiting >= WAITING and blocked >= BLOCKED:
        figures = (("percent of the time", float(waiting)), ("tasks", float(blocked)))
        yield LogEvent(where=section.where(index), kind=LogKind.DISK, source="vmstat", figures=figures)
