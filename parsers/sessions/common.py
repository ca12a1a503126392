"""What the session formats share: records of a grid's rows, ends of clients, ages from printed times."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

from parsers.records import Endpoint, Parsed
from parsers.text.endpoint import normal_host
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.tables import Row, grid_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from parsers.records import Record

_TIME: Final = lazy(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d{1,9})?(?: ?(Z|UTC|[+-]\d\d(?::?\d\d)?))?")
_INTERVAL: Final = lazy(r"(?:(\d+) days? )?(-?)(\d+):(\d\d):(\d\d(?:\.\d+)?)\Z")


def parse_rows(section: Section, make: Callable[[Row], Record | None]) -> Parsed:
    """One record a row; rows that ``make`` refuses, and lines outside the table, are unread."""
    grid = grid_of(section)
    if grid is None:
        gaps, elisions = leftovers(section, [(index, "no table") for index, _ in section.rows()])
        return Parsed((*elisions,), len(elisions), gaps)
    lines = dict(section.rows())
    unread = [(index, lines[index]) for index in grid.unread]
    records: list[Record] = []
    for row in grid.rows:
        cut = row is grid.rows[-1] and len(row.cells) < len(grid.rows[0].cells)  # one line a cell, and the last record is not whole
        record = None if cut else make(row)
        if record is None:
            unread += [(index, lines[index]) for index in range(row.first, row.last + 1) if index in lines]
        else:
            records.append(record)
    gaps, elisions = leftovers(section, sorted((index, "no row of the table") for index, _ in unread))
    return Parsed((*records, *elisions), section.nonblank - sum(gap.lines for gap in gaps), gaps)


def client_end(address: str, port: str) -> Endpoint | None:
    """The client's end; None for a local socket (port -1) and where the server does not say."""
    if not address or not port.isdigit():
        return None
    return Endpoint(normal_host(address.strip("[]").partition("/")[0]), int(port))


def seconds_of(text: str) -> float | None:
    """A printed time as seconds, only for differences inside one table; None if it is none. Zones count, where they are printed."""
    match = _TIME.match(text)
    if match is None:
        return None
    zone = {"Z": "+00:00", "UTC": "+00:00", None: ""}.get(match[4], match[4])
    zone = f"{zone}:00" if zone and len(zone) == 3 else zone  # noqa: PLR2004 - +09
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}{(match[3] or '')[:7].ljust(7, '0') if match[3] else ''}{zone}")
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else (moment - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001


def age_of(interval: str) -> float | None:
    """An interval (``00:00:07.07``, ``1 day 02:03:04``) or a number, in seconds."""
    if re.fullmatch(r"-?\d+(?:\.\d+)?", interval):
        return float(interval)
    match = _INTERVAL.match(interval)
    if match is None:
        return None
    value = int(match[1] or 0) * 86_400 + int(match[3]) * 3_600 + int(match[4]) * 60 + float(match[5])
    return -value if match[2] else value


def latest(values: Iterable[str]) -> float | None:
    """The latest of the printed times: when the table was taken, within the age of its youngest statement."""
    times = [time for value in values if (time := seconds_of(value)) is not None]
    return max(times, default=None)
