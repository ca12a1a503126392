r"""Load of disks as sysstat's ``iostat -x`` prints it: which device is busy all the time and slow to answer.

    Device            r/s     w/s     rkB/s     wkB/s   r_await w_await aqu-sz  %util
    nvme1n1          0.00  812.00      0.00 100464.64      0.00  912.40 741.20 100.00

Columns vary with the version: the heading names them. ``await`` is in milliseconds. The first report is the mean since the boot. A device is told as slow
where it was busy all the time and each request waited long. Written after ``iostat(1)``, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import LogEvent, LogKind, Parsed
from parsers.records.shows import Shows
from parsers.text.grammar import decimal
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME: Final = "iostat"
SHOWS: Final = frozenset({Shows.PROCESS})
_DEVICES: Final = r"Device:?[ ]+(?:[\w%/-]+[ ]+){3,30}%util[ ]*$"
_BANNER: Final = r"Linux \S[^\n]{0,160}CPU\)[ ]*"
_CPU: Final = r"avg-cpu:[ ]+%user[ ]"
HEADER: Final = rf"(?:{_BANNER}\n\n?)?(?:{_CPU}[^\n]{{1,120}}$|{_DEVICES})"
ROW_SHAPE: Final = rf"{_CPU}|{_DEVICES}"
BUSY: Final = 95.0
"""Percent of the time that a device worked, from which on it had no rest."""
SLOW: Final = 100.0
"""Milliseconds that a request to a device takes, from which on whoever waits for it stands: spinning disks at rest take ten."""
_devices = lazy(rf"\s*{_DEVICES}").match
_cpu = lazy(rf"\s*{_CPU}").match
_banner = lazy(rf"\s*{_BANNER}$").match
_date = lazy(r"\s*\d\d[/.-]\d\d[/.-]\d{2,4}\s+\d\d:\d\d:\d\d(?:\s+[AP]M)?\s*$").match
_shares = lazy(r"\s*+\d{1,9}[.,]\d{1,6}(?:\s+\d{1,9}[.,]\d{1,6}){3,7}\s*$").match
_named = lazy(r"\s*+[A-Za-z][\w!:./-]{0,60}(?:\s+\d{1,15}(?:[.,]\d{1,6})?){4,30}\s*$").match


def sniff(head: Sequence[str]) -> bool:
    """True if the heading of the devices is among the lines."""
    return any(_devices(line) for line in head)


def parse(section: Section) -> Parsed:
    """An event for each row of a device that was busy and slow."""
    records: list[LogEvent] = []
    unread: list[tuple[int, str]] = []
    columns: list[str] = []
    read = 0
    for index, line in section.rows():
        if _devices(line):
            columns = line.replace("Device:", "Device").split()
        elif columns and _named(line) and len(line.split()) == len(columns):
            records += _of_device(section, index, dict(zip(columns, line.split(), strict=True)))
        elif not (_cpu(line) or _banner(line) or _date(line) or _shares(line)):
            unread.append((index, "no row of iostat"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _number(cells: dict[str, str], *names: str) -> float:
    texts = (cells[name] for name in names if name in cells)
    return max((decimal(text) or 0.0 for text in texts if text[:1].isdigit()), default=0.0)


def _of_device(section: Section, index: int, cells: dict[str, str]) -> Iterator[LogEvent]:
    busy, slow = _number(cells, "%util"), _number(cells, "r_await", "w_await", "await")
    if busy >= BUSY and slow >= SLOW:
        figures = (("percent busy", busy), ("milliseconds a request", slow), ("waiting", _number(cells, "aqu-sz", "avgqu-sz")))
        yield LogEvent(where=section.where(index), kind=LogKind.DISK, source="iostat", subject=cells["Device"], figures=figures)
