"""Threads of ``top -H -b`` (procps 3.2 to 4.0), one or several rounds.

    top - 12:27:05 up 23 min,  0 user,  load average: 1.36, 1.83, 1.18
    Threads:  36 total,   0 running,  36 sleeping,   0 stopped,   0 zombie

      PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND
     1493 root      20   0 2683480 100524  22284 S   0.0   0.4   0:01.30 java
     1497 root      20   0 2683480 100524  22284 S   0.0   0.4   0:00.00 Reference+

With ``-H`` the PID column holds native thread ids. Without it a row is a whole process, whose CPU belongs to no single thread. The columns are the user's choice (``~/.toprc``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from parsers.records import NativeId, Parsed, Pid, ProcessRow, ThreadUsage
from parsers.records.shows import Shows
from parsers.text.grammar import decimal
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

NAME: Final = "top"
SHOWS: Final = frozenset({Shows.PROCESS})

HEADER: Final = r"top[ ]-[ ]\d\d:\d\d:\d\d[ ]up[ ]"
ROW_SHAPE: Final = r"[ ]*PID[ ]+USER[ ]+PR[ ]+NI[ ]"

_COLUMNS: Final = {
    "PID": r"(?P<pid>\d{1,10})",
    "USER": r"(?P<user>\S+)",
    "S": r"(?P<state>[A-Za-z])",
    "%CPU": r"(?P<cpu>\d{1,6}(?:[.,]\d+)?)",
    "VIRT": r"(?P<virt>\S+)",
    "RES": r"(?P<res>\S+)",
    "COMMAND": r"(?P<command>\S(?:.*\S)?)",
}


@lru_cache(maxsize=64)
def row(columns: tuple[str, ...]) -> re.Pattern[str]:
    """The grammar of a row under these column headings."""
    cells = [_COLUMNS.get(name, r"\S+") if columns.index(name) == at else r"\S+" for at, name in enumerate(columns)]
    # A thread may have no name: then the last cell is blank.
    last = rf"(?:\s++{cells.pop()})?" if columns[-1] == "COMMAND" else ""
    return lazy(r"\s*" + r"\s+".join(cells) + last + r"\s*$")


ROW = row(("PID", "USER", "PR", "NI", "VIRT", "RES", "SHR", "S", "%CPU", "%MEM", "TIME+", "COMMAND"))

_heading = lazy(r"\s*PID\s+(?:\S+\s+)*?(?:%CPU|PR\s+NI|S)\s").match
_banner = lazy(HEADER).match
_summary = lazy(r"top - |Threads:|Tasks:|%?Cpu(?:\(s\)|\d+)|(?:[KMGTPE]iB )?(?:Mem|Swap)\s*:").match
_asked_threads = lazy(r"\btop\s+(?:\S+\s+)*?-[a-zA-Z]*H").search
_LIKELY_THREADS: Final = 3
"""Rows with equal VIRT and RES that make a list one of threads when the summary does not say so: two can be a coincidence."""


def sniff(head: Sequence[str]) -> bool:
    """True if top's first line or its column headings are among the lines."""
    return any(_banner(line) or (_heading(line) and "USER" in line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every row that has a state and a CPU share; narrow terminals cut both off."""
    rows: list[tuple[int, re.Match[str]]] = []
    unread: list[tuple[int, str]] = []
    read = 0
    match_row = ROW.match
    for index, line in section.rows():
        if _heading(line):
            match_row = row(tuple(line.split())).match
        elif match := match_row(line):
            rows.append((index, match))
        elif not _summary(line.lstrip()):
            unread.append((index, "no row of top"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    one = _usage if _lists_threads(section, rows) else _process
    records = [record for index, match in rows if (record := one(section, index, match)) is not None]
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _lists_threads(section: Section, rows: list[tuple[int, re.Match[str]]]) -> bool:
    """True for ``-H``. procps 3.2 calls threads ``Tasks:`` too; there the threads of one process are known by their equal memory."""
    if any(line.startswith("Threads:") for line in section.lines) or _asked_threads(section.prompt or ""):
        return True
    seen: dict[tuple[str, str], int] = {}
    for _, match in rows:
        cells = match.groupdict()
        memory = cells.get("virt") or "0", cells.get("res") or "0"
        if memory[0] != "0":
            seen[memory] = seen.get(memory, 0) + 1
    return max(seen.values(), default=0) >= _LIKELY_THREADS


def _usage(section: Section, index: int, match: re.Match[str]) -> ThreadUsage | None:
    cells = match.groupdict()
    cpu = decimal(cells.get("cpu"))
    if cpu is None or not cells.get("pid"):
        return None
    return ThreadUsage(
        where=section.where(index),
        native_id=NativeId(int(cells["pid"])),
        user=cells.get("user"),
        state=cells.get("state") or "",
        cpu_percent=cpu,
        command=cells.get("command") or "",
    )


def _process(section: Section, index: int, match: re.Match[str]) -> ProcessRow | None:
    cells = match.groupdict()
    cpu = decimal(cells.get("cpu"))
    if cpu is None or not cells.get("pid"):
        return None
    return ProcessRow(
        where=section.where(index),
        pid=Pid(int(cells["pid"])),
        command=cells.get("command") or "",
        state=cells.get("state"),
        cpu_percent=cpu,
    )
