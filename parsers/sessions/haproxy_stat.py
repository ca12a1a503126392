r"""HAProxy's statistics in commas: ``show stat`` of its socket, ``;csv`` of its page.

    # pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act
    shop,FRONTEND,,,96,120,2000,71022,91022000,880100200,0,0,12,,,,,OPEN,,
    carts,c1,31,77,20,20,20,30111,41022000,480100200,,0,,7,3,44,9,UP,100,1

``qcur`` waits for a place on the server now, ``scur`` of ``slim`` are on it. ``econ`` counts connections to it that failed since the proxy began. The heading
tells which columns there are, also as somebody's words in front of rows that awk or column has cut out; without it only rows in the usual order are
read. ``rtime`` and ``ctime`` are means of the last 1,024 requests, in milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, ProxyLoad
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "haproxy_stat"
SHOWS: Final = frozenset({Shows.PROCESS})
HEADER: Final = r"# pxname,svname,"
_ROW: Final = r"[\w.:@/+-]{1,120},(?:FRONTEND|BACKEND|[\w.:@/+-]{1,120}),\d{0,12},\d{0,12},\d{1,12},\d{1,12},\d{0,12},\d{1,18},"
ROW_SHAPE: Final = _ROW
_row = lazy(_ROW).match
_heading = lazy(r"#? ?pxname,svname,").match
_named = lazy(r"(?:^|[\s(:'\"`])#? ?(?P<names>pxname[, |]{1,4}svname(?:[, |]{1,4}[a-z_0-9]{2,20}){2,100})").search
_split = lazy(r"[,\s|]+").split
_MILLIS: Final = 1000.0
_USUAL: Final = {"pxname": 0, "svname": 1, "qcur": 2, "scur": 4, "slim": 6, "econ": 13, "status": 17}
_status = lazy(r"(?:UP|DOWN|MAINT|DRAIN|NOLB|OPEN|FULL|STOP|no check)(?: .{0,40})?$").match


def sniff(head: Sequence[str]) -> bool:
    """True if the heading, or a row with the status where it usually stands, is among the lines."""
    return any(_heading(line) or _named(line) or (_row(line) and _status(_cell(line.split(","), _USUAL["status"]))) for line in head)


def parse(section: Section) -> Parsed:
    """Read each line of a frontend, a backend or a server."""
    columns, blanks = _USUAL, False
    records: list[ProxyLoad] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        cells = line.strip().split(",")
        if blanks and "," not in line:
            cells = line.split()
        if _heading(line):
            columns = {name: at for at, name in enumerate(line.lstrip("# ").strip().split(","))}
        elif match := _named(line):
            columns, blanks = {name: at for at, name in enumerate(_split(match["names"]))}, True
        elif (blanks and len(cells) == len(columns) and _cell(cells, columns["svname"])) or (
            len(cells) > columns.get("svname", 1) + 1 and _row(line.strip())
        ):
            records.append(_load(section, index, cells, columns))
        else:
            unread.append((index, "no line of HAProxy's statistics"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _load(section: Section, index: int, cells: Sequence[str], columns: dict[str, int]) -> ProxyLoad:
    def value(name: str) -> str:
        return _cell(cells, columns.get(name, len(cells)))

    def number(name: str) -> int | None:
        text = value(name)
        return int(text) if text.isascii() and text.isdigit() else None

    def millis(name: str) -> float | None:
        found = number(name)
        return found / _MILLIS if found is not None else None

    return ProxyLoad(
        where=section.where(index),
        proxy=value("pxname"),
        server=value("svname"),
        queued=number("qcur"),
        current=number("scur"),
        limit=number("slim"),
        status=value("status") or None,
        failed=number("econ"),
        answers=millis("rtime"),
        connects=millis("ctime"),
    )


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at].strip() if at < len(cells) else ""
