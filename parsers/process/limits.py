"""``/proc/PID/limits``, and ``prlimit -p PID``.

    Limit                     Soft Limit           Hard Limit           Units
    Max cpu time              unlimited            unlimited            seconds
    Max open files            20000                20000                files
    Max nice priority         0                    0

Printed by ``proc_pid_limits`` (``fs/proc/base.c``). The soft limit of open files is where accept() and connect() begin to fail with EMFILE.
``ulimit -a`` is not read: it prints one of the two limits, and does not say of which process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Limit, Parsed
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "limits"
SHOWS: Final = frozenset({Shows.PROCESS})

HEADER: Final = r"Limit[ ]+Soft Limit[ ]+Hard Limit[ ]|RESOURCE[ ]+DESCRIPTION[ ]+SOFT[ ]+HARD[ ]"
ROW_SHAPE: Final = r"Max [a-z][a-z ]{5,20}[ ]{2,}(?:unlimited|\d+)[ ]+(?:unlimited|\d+)[ ]*[a-z]*[ ]*$"

ROW = lazy(r"\s*(?P<name>Max [a-z]+(?: [a-z]+)*)\s+(?P<soft>unlimited|\d{1,19})\s+(?P<hard>unlimited|\d{1,19})(?:\s+(?P<unit>[a-z]+))?\s*$")
PRLIMIT_ROW = lazy(r"\s*(?P<name>[A-Z]+) +\S.*?\s(?P<soft>unlimited|\d{1,19})\s+(?P<hard>unlimited|\d{1,19})(?: (?P<unit>[a-z]+))?\s*$")
_row = ROW.match
_prlimit_row = PRLIMIT_ROW.match
_header = lazy(r"\s*(?:Limit\s+Soft Limit\s+Hard Limit|RESOURCE\s+DESCRIPTION\s+SOFT\s+HARD)\b").match

_NAMES: Final = {
    "AS": "Max address space",
    "CORE": "Max core file size",
    "CPU": "Max cpu time",
    "DATA": "Max data size",
    "FSIZE": "Max file size",
    "LOCKS": "Max file locks",
    "MEMLOCK": "Max locked memory",
    "MSGQUEUE": "Max msgqueue size",
    "NICE": "Max nice priority",
    "NOFILE": "Max open files",
    "NPROC": "Max processes",
    "RSS": "Max resident set",
    "RTPRIO": "Max realtime priority",
    "RTTIME": "Max realtime timeout",
    "SIGPENDING": "Max pending signals",
    "STACK": "Max stack size",
}
"""prlimit's resource → the kernel's name."""


def sniff(head: Sequence[str]) -> bool:
    """True if the header of either form, or a row of /proc/PID/limits, is among the lines."""
    return any(_header(line) or _row(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every limit, under the name that the kernel gives it."""
    records: list[Limit] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        match = _row(line) or _prlimit_row(line)
        name = _NAMES.get(match["name"], match["name"]) if match else ""
        if match and name.startswith("Max "):
            records.append(Limit(section.where(index), name, _number(match["soft"]), _number(match["hard"]), match["unit"]))
            read += 1
        elif _header(line):
            read += 1
        else:
            unread.append((index, "no limit"))
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _number(text: str) -> int | None:
    return None if text == "unlimited" else int(text)
