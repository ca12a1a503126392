r"""Locks on files between processes: ``lslocks`` (also with ``-o +BLOCKER``), and the kernel's own list, ``/proc/locks``.

    COMMAND           PID  TYPE SIZE MODE   M START END PATH
    sorter           2207 POSIX   1B WRITE* 0     0   0 /srv/mill/sacks.lock
    packer           2190 POSIX   1B WRITE  0     0   0 /srv/mill/sacks.lock

    2: POSIX  ADVISORY  WRITE 2190 fe:00:1622047 0 EOF
    2: -> POSIX  ADVISORY  WRITE 2207 fe:00:1622047 0 EOF

Behind a filter lslocks has no heading.

A star behind the mode (lslocks), or an arrow (/proc/locks), is a process that waits; the lines of one number are one lock. The kernel names a file by device and
inode. lslocks prints ``/...`` where it finds no path, and a lock of an open file (OFDLCK) has no process: -1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from parsers.records import FileLock, Parsed, Pid
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

NAME: Final = "file_locks"
SHOWS: Final = frozenset({Shows.PROCESS})

HEADER: Final = r"COMMAND[ ]+PID[ ]+TYPE[ ]+(?:SIZE[ ]+)?MODE[ ]+(?:M[ ]+)?(?:START[ ]+END[ ]+)?(?:BLOCKER[ ]+)?PATH\b[^\n]{0,60}$"
_KIND: Final = r"(?:FLOCK|POSIX|OFDLCK|LEASE|DELEG|ACCESS)"
ROW_SHAPE: Final = (
    rf"\d{{1,7}}:[ ](?:->[ ])?{_KIND}[ ]+[A-Z]{{4,12}}[ ]+[A-Z]{{2,5}}[ ]+-?\d{{1,10}}[ ][0-9a-f]{{2,5}}:[0-9a-f]{{2,5}}:\d"
    rf"|\S[^\n\s]{{0,60}}[ ]+\d{{1,10}}[ ]+{_KIND}[ ]+(?:[\d.,]{{1,12}}[BKMGTPE]?[ ]+)?(?:READ|WRITE)\*?[ ]+[01][ ]+\d{{1,20}}[ ]+\d{{1,20}}[ ]+/"
)
_header = lazy(HEADER).match
_kernel = lazy(
    rf"\s*(?P<number>\d{{1,7}}):\s*(?P<waits>->)?\s*(?P<kind>{_KIND})\s+[A-Z]{{4,12}}\s+(?P<mode>[A-Z]{{2,5}})\s+(?P<pid>-?\d{{1,10}})"
    r"\s+(?P<place>[0-9a-f]{2,5}:[0-9a-f]{2,5}:\d{1,20})\s+\d{1,20}\s+(?:\d{1,20}|EOF)\s*$"
).match
_row = lazy(
    rf"(?P<command>\S[^\n]{{0,60}}?)\s+(?P<pid>-?\d{{1,10}})\s+(?P<kind>{_KIND})\s+(?:[\d.,]{{1,12}}[BKMGTPE]?\s+)?(?P<mode>[A-Z]{{2,5}})(?P<waits>\*)?"
    r"\s+[01]\s+\d{1,20}\s+\d{1,20}(?:\s+(?P<place>\S.*?))?\s*$"
).match
_CELLS: Final = {
    "COMMAND": r"(?P<command>\S[^\n]{0,60}?)",
    "PID": r"\s+(?P<pid>-?\d{1,10})",
    "TYPE": rf"\s+(?P<kind>{_KIND})",
    "SIZE": r"(?:\s+[\d.,]{1,12}[BKMGTPE]?)?",
    "MODE": r"\s+(?P<mode>[A-Z]{2,5})(?P<waits>\*)?",
    "M": r"\s+[01]",
    "START": r"\s+\d{1,20}",
    "END": r"\s+\d{1,20}",
    "BLOCKER": r"(?:\s+(?P<blocker>\d{1,10})(?=\s))?",
    "PATH": r"(?:\s+(?P<place>\S.*?))?",
}
"""Columns of lslocks that ``-o`` may have put in another order, or left out."""
_blocker = lazy(r"(?P<place>/.*?)\s+(?P<blocker>\d{1,10})$").match


@lru_cache(maxsize=16)
def _columns(columns: tuple[str, ...]) -> re.Pattern[str]:
    """The grammar of a row under these headings."""
    return lazy("".join(_CELLS.get(name, r"\s+\S+") for name in columns) + r"\s*$")


def sniff(head: Sequence[str]) -> bool:
    """True if the heading of lslocks, a row of it with a file, or one of /proc/locks is among the lines."""
    return any(_header(line) or _kernel(line) or ((match := _row(line)) and (match["place"] or "").startswith("/")) for line in head)


def parse(section: Section) -> Parsed:
    """Read every lock, held or wanted."""
    records: list[FileLock] = []
    unread: list[tuple[int, str]] = []
    read, names_blocker = 0, False
    row = _row
    for index, line in section.rows():
        if _header(line):
            names_blocker = line.rstrip().endswith("BLOCKER")
            columns = tuple(line.split())
            row = _columns(columns).match if columns[-1] == "PATH" and "START" not in columns else _row
            read += 1
        elif (match := _kernel(line)) is not None:
            records.append(_lock(section, index, match, None, match["place"], match["number"], None))
            read += 1
        elif (match := row(line)) is not None:
            place, named_by = match["place"] or "", match.groupdict().get("blocker")
            blocker = Pid(int(named_by)) if named_by else None
            if names_blocker and (named := _blocker(place)) is not None:
                place, blocker = named["place"], Pid(int(named["blocker"]))
            records.append(_lock(section, index, match, match["command"], place, None, blocker))
            read += 1
        else:
            unread.append((index, "no lock"))
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _lock(
    section: Section, index: int, match: re.Match[str], command: str | None, place: str, number: str | None, blocker: Pid | None
) -> FileLock:
    pid = int(match["pid"])
    return FileLock(
        where=section.where(index),
        pid=Pid(pid) if pid > 0 else None,
        command=command if command not in {"(unknown)", "(undefined)"} else None,
        kind=match["kind"],
        mode=match["mode"],
        waits=match["waits"] is not None,
        place=place if place and not place.endswith("...") else None,
        number=int(number) if number is not None else None,
        blocker=blocker,
    )
