r"""Locks on files between processes: ``lslocks`` (also with ``-o +BLOCKER``), and the kernel's own list, ``/proc/locks``.

    COMMAND           PID  TYPE SIZE MODE   M START END PATH
    sorter           2207 POSIX   1B WRITE* 0     0   0 /srv/mill/sacks.lock
    packer           2190 POSIX   1B WRITE  0     0   0 /srv/mill/sacks.lock

    2: POSIX  ADVISORY  WRITE 2190 fe:00:1622047 0 EOF
    2: -> POSIX  ADVISORY  WRITE 2207 fe:00:1622047 0 EOF

A star behind the mode (lslocks), or an arrow (/proc/locks), is a process that waits; the lines of one number are one lock. The kernel names a file by device and
inode. lslocks prints ``/...`` where it finds no path, and a lock of an open file (OFDLCK) has no process: -1.
"""

from __future__ import annotations

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

HEADER: Final = r"COMMAND[ ]+PID[ ]+TYPE[ ]+(?:SIZE[ ]+)?MODE[ ]+M[ ]+START[ ]+END[ ]+PATH\b[^\n]{0,60}$"
_KIND: Final = r"(?:FLOCK|POSIX|OFDLCK|LEASE|DELEG|ACCESS)"
ROW_SHAPE: Final = rf"\d{{1,7}}:[ ](?:->[ ])?{_KIND}[ ]+[A-Z]{{4,12}}[ ]+[A-Z]{{2,5}}[ ]+-?\d{{1,10}}[ ][0-9a-f]{{2,5}}:[0-9a-f]{{2,5}}:\d"
_header = lazy(HEADER).match
_kernel = lazy(
    rf"\s*(?P<number>\d{{1,7}}):\s*(?P<waits>->)?\s*(?P<kind>{_KIND})\s+[A-Z]{{4,12}}\s+(?P<mode>[A-Z]{{2,5}})\s+(?P<pid>-?\d{{1,10}})"
    r"\s+(?P<place>[0-9a-f]{2,5}:[0-9a-f]{2,5}:\d{1,20})\s+\d{1,20}\s+(?:\d{1,20}|EOF)\s*$"
).match
_row = lazy(
    rf"(?P<command>\S[^\n]{{0,60}}?)\s+(?P<pid>-?\d{{1,10}})\s+(?P<kind>{_KIND})\s+(?:[\d.,]{{1,12}}[BKMGTPE]?\s+)?(?P<mode>[A-Z]{{2,5}})(?P<waits>\*)?"
    r"\s+[01]\s+\d{1,20}\s+\d{1,20}(?:\s+(?P<place>\S.*?))?\s*$"
).match
_blocker = lazy(r"(?P<place>/.*?)\s+(?P<blocker>\d{1,10})$").match


def sniff(head: Sequence[str]) -> bool:
    """True if the heading of lslocks, or a row of /proc/locks, is among the lines."""
    return any(_header(line) or _kernel(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every lock, held or wanted."""
    records: list[FileLock] = []
    unread: list[tuple[int, str]] = []
    read, names_blocker = 0, False
    for index, line in section.rows():
        if _header(line):
            names_blocker = line.rstrip().endswith("BLOCKER")
            read += 1
        elif (match := _kernel(line)) is not None:
            records.append(_lock(section, index, match, None, match["place"], match["number"], None))
            read += 1
        elif (match := _row(line)) is not None:
            place, blocker = match["place"] or "", None
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
