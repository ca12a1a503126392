"""``/proc/PID/limits``, and ``prlimit -p PID``.

    Limit                     Soft Limit           Hard Limit           Units
    Max cpu time              unlimited            unlimited            seconds
    Max open files            20000                20000                files
    Max nice priority         0                    0

Printed by ``proc_pid_limits`` (``fs/proc/base.c``). The soft limit of open files is where accept() and connect() begin to fail with EMFILE.
``ulimit -a`` is not read: it prints one of the two limits, and does not say of which process. People copy ``"userLimits": {`` out of a diagnostic report of
Node.js (``PrintSystemInformation`` in ``src/node_report.cc``), where each limit has lines of its own: ``"open_files": {``, ``"soft": 4096,``, ``"hard": 4096``.
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

_report = lazy(r'\s*+(?:\{\s*+)?"userLimits"\s*+:\s*+\{\s*+$').match
_named = lazy(r'\s*"(?P<name>[a-z_]{3,40})"\s*:\s*\{\s*$').match
_value = lazy(r'\s*"(?P<kind>soft|hard)"\s*:\s*(?:"unlimited"|(?P<number>\d{1,19}))\s*,?\s*$').match
_end = lazy(r"\s*[}\]],?\s*$").match
_OF_REPORT: Final = {"open_files": "Max open files", "max_user_processes": "Max processes"}
"""A report's name of a limit → the kernel's, of those that are ever reached by a server."""
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
    """True if the header of either form, or a row of /proc/PID/limits, is among the lines, or if they begin as the part of a report does."""
    return (bool(head) and _report(head[0]) is not None) or any(_header(line) or _row(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every limit, under the name that the kernel gives it."""
    if any(_report(line) for line in section.head(1)):
        return _of_report(section)
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


def _of_report(section: Section) -> Parsed:
    """The limits of a report of Node.js, each on lines of its own."""
    found: dict[str, tuple[int, dict[str, int | None]]] = {}
    unread: list[tuple[int, str]] = []
    name, read = "", 0
    for index, line in section.rows():
        if (match := _value(line)) is not None:
            found.setdefault(name, (index, {}))[1][match["kind"]] = int(match["number"]) if match["number"] else None
        elif (match := _named(line)) is not None:
            name = match["name"]
        elif not (_report(line) or _end(line)):
            unread.append((index, "no limit"))
            continue
        read += 1
    records = [
        Limit(section.where(first), _OF_REPORT[name], values.get("soft"), values.get("hard"), None)
        for name, (first, values) in found.items()
        if name in _OF_REPORT
    ]
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _number(text: str) -> int | None:
    return None if text == "unlimited" else int(text)
