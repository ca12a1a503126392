"""``manifest.txt`` of a collection that ``analyze collect`` made: what was run, how it ended, and why something is not there.

    closewait collection 1
    host: web-01
    kernel: Linux 6.1.0-18-amd64 x86_64
    process: 20065, uid 998 (tomcat), in its container 1
    ss: ss utility, iproute2-6.1.0
    FILE | BEGAN | TOOK | RESULT | COMMAND | REMARK
    round1/ss.txt | 2026-11-23T14:46:20Z | 0 s | exit 0 | ss -tanpoei | -
    round1/lsof.txt | 2026-11-23T14:46:20Z | - | skipped | lsof -nP -p 20065 | lsof is not installed
    ended: 2026-11-23T14:46:28Z

Host, kernel, process and collector make one record; settings and versions of the tools are for people. A row is one command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Collected, Collection, Parsed
from parsers.records.places import to_pid
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "collection"
SHOWS: Final = frozenset({Shows.PROCESS})

HEADER: Final = r"closewait collection \d+[ ]*$"
ROW_SHAPE: Final = r"(?:round\d/|capture)\S+ \| \d{4}-\d\d-\d\dT\S+ \| "

ROW = lazy(
    r"(?P<file>\S+) \| (?P<began>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) \| (?:(?P<took>\d{1,9}) s|-) \| (?:exit (?P<exit>\d{1,5})|skipped) \| "
    r"(?P<command>[^|]+?) \| (?P<remark>.*?)\s*$"
)
_row = ROW.match
_title = lazy(HEADER).match
_columns = lazy(r"FILE \| BEGAN \| TOOK \| RESULT \| COMMAND \| REMARK\s*$").match
_fact = lazy(r"(?P<name>[A-Za-z][\w. -]{1,40}):(?:\s+(?P<value>\S[^\n]{0,300}))?(?:\s|$)").match
_number = lazy(r"(?:uid )?(\d{1,9})\b").match


def sniff(head: Sequence[str]) -> bool:
    """True if the title, or a row, is among the lines."""
    return any(_title(line) or _row(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every row; lines with a name and a colon are understood and not kept."""
    records: list[Collected] = []
    told: dict[str, str] = {}
    head = 0
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        if match := _row(line):
            records.append(
                Collected(
                    where=section.where(index),
                    file=match["file"],
                    began=match["began"],
                    command=match["command"],
                    exit_code=int(match["exit"]) if match["exit"] else None,
                    remark=match["remark"] if match["remark"] not in {"", "-"} else None,
                )
            )
        elif fact := _fact(line):
            told.setdefault(fact["name"], (fact["value"] or "").strip())
        elif _title(line):
            head = index
        elif not _columns(line):
            unread.append((index, "no row of a manifest"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*_head(section, head, told), *records, *elisions), read + len(elisions), gaps)


def _head(section: Section, index: int, told: dict[str, str]) -> tuple[Collection, ...]:
    """What the lines above the table say; nothing if none of them says it."""
    pid, uid = (_number(told.get(name, "")) for name in ("process", "run by"))
    head = Collection(
        where=section.where(index),
        host=told.get("host") or None,
        kernel=told.get("kernel") or None,
        pid=to_pid(pid[1]) if pid else None,
        uid=int(uid[1]) if uid else None,
        java=told.get("java") or None,
    )
    return (head,) if any((head.host, head.kernel, head.pid)) else ()
