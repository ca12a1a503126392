r"""Load of disks as sysstat's ``iostat -x`` prints it, and of the host as ``vmstat`` does: which device is busy all the time and slow to answer.

    Device            r/s     w/s     rkB/s     wkB/s   r_await w_await aqu-sz  %util
    nvme1n1          0.00  812.00      0.00 100464.64      0.00  912.40 741.20 100.00

    procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----
     r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st
     2 31      0 812000  91000 402000    0    0    12 99120  812 1201  2  1 12 85  0

Columns vary with the version: the heading names them. ``await`` is in milliseconds. The first row of vmstat, and the first report of iostat, are means since
the boot. A device is told as slow where it was busy all the time and each request waited long. Written after ``iostat(1)`` and ``vmstat(8)``; rows of both
tools were captured on a host at rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Counter, LogEvent, LogKind, Parsed
from parsers.records.shows import Shows
from parsers.text.grammar import decimal
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME: Final = "iostat"
SHOWS: Final = frozenset({Shows.PROCESS})
_DEVICES: Final = r"Device:?[ ]+(?:[\w%/-]+[ ]+){3,30}%util[ ]*$"
_PROCS: Final = r"[ ]*r[ ]+b[ ]+swpd[ ]+free[ ]+\w+[ ]+\w+[ ]+si[ ]+so[ ]+bi[ ]+bo[ ]+in[ ]+cs[ ]+us[ ]+sy[ ]+id[ ]+wa\b[^\n]{0,40}$"
_BANNER: Final = r"Linux \S[^\n]{0,160}CPU\)[ ]*"
_CPU: Final = r"avg-cpu:[ ]+%user[ ]"
HEADER: Final = rf"(?:{_BANNER}\n\n?)?(?:{_CPU}[^\n]{{1,120}}$|{_DEVICES})|procs[ ]-+(?:memory|[ ]*memory)-+[^\n]{{1,120}}$|{_PROCS}"
ROW_SHAPE: Final = rf"{_CPU}|{_DEVICES}|{_PROCS}"
BUSY: Final = 95.0
"""Percent of the time that a device worked, from which on it had no rest."""
SLOW: Final = 100.0
"""Milliseconds that a request to a device takes, from which on whoever waits for it stands: spinning disks at rest take ten."""
WAITING: Final = 40.0
"""Percent of the time that processors had nothing to do but wait for disks, from which on most that happens waits."""
BLOCKED: Final = 4
"""Tasks that wait for a disk at once."""
_devices = lazy(rf"\s*{_DEVICES}").match
_procs = lazy(rf"\s*{_PROCS}").match
_cpu = lazy(rf"\s*{_CPU}").match
_groups = lazy(r"\s*procs\s-+").match
_banner = lazy(rf"\s*{_BANNER}$").match
_date = lazy(r"\s*\d\d[/.-]\d\d[/.-]\d{2,4}\s+\d\d:\d\d:\d\d(?:\s+[AP]M)?\s*$").match
_numbers = lazy(r"\s*(?:-?\d+(?:[.,]\d+)?\s*){4,24}$").match
_named = lazy(r"\s*[A-Za-z][\w!:./-]{0,60}\s+(?:\d+(?:[.,]\d+)?\s*){4,30}$").match


def sniff(head: Sequence[str]) -> bool:
    """True if a heading of one of the two is among the lines."""
    return any(_devices(line) or _procs(line) for line in head)


def parse(section: Section) -> Parsed:
    """An event for each row of a device that was busy and slow, and one for each row of a host that waited for disks; how many tasks wait now."""
    records: list[Counter | LogEvent] = []
    unread: list[tuple[int, str]] = []
    columns: list[str] = []
    read = rows = 0
    for index, line in section.rows():
        if _devices(line) or _procs(line):
            columns, rows = line.replace("Device:", "Device").split(), 0
        elif columns and (_named(line) if columns[0] == "Device" else _numbers(line)) and len(line.split()) == len(columns):
            rows += 1
            cells = dict(zip(columns, line.split(), strict=True))
            records += _of_device(section, index, cells) if "Device" in cells else _of_host(section, index, cells, first=rows == 1)
        elif not (_cpu(line) or _banner(line) or _groups(line) or _date(line) or _numbers(line)):
            unread.append((index, "no row of iostat or vmstat"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _number(cells: dict[str, str], *names: str) -> float:
    texts = (cells[name].replace(",", ".") for name in names if name in cells)
    return max((decimal(text) or 0.0 for text in texts if text[:1].isdigit()), default=0.0)


def _of_device(section: Section, index: int, cells: dict[str, str]) -> Iterator[LogEvent]:
    busy, slow = _number(cells, "%util"), _number(cells, "r_await", "w_await", "await")
    if busy >= BUSY and slow >= SLOW:
        figures = (("percent busy", busy), ("milliseconds a request", slow), ("waiting", _number(cells, "aqu-sz", "avgqu-sz")))
        yield LogEvent(where=section.where(index), kind=LogKind.DISK, source="iostat", subject=cells["Device"], figures=figures)


def _of_host(section: Section, index: int, cells: dict[str, str], *, first: bool) -> Iterator[Counter | LogEvent]:
    blocked, waiting = _number(cells, "b"), _number(cells, "wa")
    if first:
        return  # the mean since the boot
    yield Counter(section.where(index), "tasks that wait for a disk", int(blocked))
    if waiting >= WAITING and blocked >= BLOCKED:
        figures = (("percent of the time", waiting), ("tasks", blocked))
        yield LogEvent(where=section.where(index), kind=LogKind.DISK, source="vmstat", figures=figures)
