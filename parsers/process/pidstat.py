r"""Threads of ``pidstat -t`` (sysstat): processor time of each thread over an interval.

    10:00:01      UID      TGID       TID    %usr %system  %guest   %wait    %CPU   CPU  Command
    10:00:02     1001      4410         -   99.00    1.00    0.00    0.00  100.00     2  java
    10:00:02     1001         -      4433   98.00    1.00    0.00    0.00   99.00     2  |__java

A row with a TID is a thread, one with a TGID the process of the rows below. Columns vary with the version: the heading names them. Written after
``pidstat(1)``, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import NativeId, Parsed, ThreadUsage
from parsers.records.shows import Shows
from parsers.text.grammar import decimal
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "pidstat"
SHOWS: Final = frozenset({Shows.PROCESS})
_TIME: Final = r"(?:Average:|(?:\d\d:\d\d:\d\d(?:[ ][AP]M)?)|#[ ]*Time|\d{9,11})"
_COLUMNS: Final = rf"{_TIME}[ ]+(?:UID[ ]+)?TGID[ ]+TID[ ]+[^\n]{{0,120}}%CPU"
HEADER: Final = rf"(?:Linux [^\n]{{1,120}}CPU\)\n\n?)?{_COLUMNS}"
ROW_SHAPE: Final = _COLUMNS
_heading = lazy(rf"\s*{_COLUMNS}").match
_banner = lazy(r"Linux \S[^\n]{0,160}CPU\)\s*$").match
_begins = lazy(rf"\s*{_TIME}\s").match


def sniff(head: Sequence[str]) -> bool:
    """True if the heading with TGID and TID is among the lines."""
    return any(_heading(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read the row of every thread; of several rounds each thread's highest."""
    usages: dict[NativeId, ThreadUsage] = {}
    unread: list[tuple[int, str]] = []
    columns: list[str] = []
    read = 0
    for index, line in section.rows():
        if _heading(line):
            columns = _cells(line)
        elif columns and _begins(line) and len(_cells(line)) >= len(columns):
            usage = _usage(section, index, dict(zip(columns, _cells(line), strict=False)))
            known = usages.get(usage.native_id) if usage is not None else None
            if usage is not None and (known is None or known.cpu_percent < usage.cpu_percent):
                usages[usage.native_id] = usage
        elif not _banner(line):
            unread.append((index, "no row of pidstat"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*usages.values(), *elisions), read + len(elisions), gaps)


def _cells(line: str) -> list[str]:
    """The cells without the time, which some locales print in two words."""
    cells = line.split()
    skip = 2 if len(cells) > 1 and cells[1] in {"AM", "PM", "Time"} else 1
    return cells[skip:]


def _usage(section: Section, index: int, cells: dict[str, str]) -> ThreadUsage | None:
    cpu = decimal(cells.get("%CPU"))
    if cpu is None or not cells.get("TID", "-").isdigit():
        return None
    return ThreadUsage(
        where=section.where(index),
        native_id=NativeId(int(cells["TID"])),
        user=cells.get("UID"),
        state="",
        cpu_percent=cpu,
        command=cells.get("Command", "").removeprefix("|__"),
    )
