"""The heading of the table that a quoted row stands in: without it few readers know which column is Recv-Q."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from parsers.records import Where

_HEAD: Final = re.compile(
    r"\s*(?:Proto\s+Recv-Q|(?:Netid\s+)?State\s+Recv-Q|COMMAND\s+PID|sl\s+local_address|Active\s+Connections|PID\s+USER|(?:USER|UID)\s+PID)\b"
)
_ROW: Final = re.compile(
    r"\s*(?:(?:tcp|udp)[46]*\s|(?:ESTAB|LISTEN|CLOSE-WAIT|SYN-SENT|FIN-WAIT|TIME-WAIT|LAST-ACK)|\d+:\s[0-9A-F]{8}|\S+\s+\d+\s+\S+\s+\d+[rwu])"
)
"""Rows of netstat, ss, /proc/net/tcp and lsof: other lines have no columns."""
_TOP: Final = 10
"""Lines at the beginning of a file that are looked at first: most tables begin there."""
_BLOCK: Final = 5
"""Lines that ``excerpt`` gives at most."""
_BLOCKS: Final = 60


def column_heads(places: Iterable[Where], excerpt: Callable[[Where], tuple[str, ...]]) -> dict[Where, str]:
    """The heading of each place that is a row of a table; none where it is not found near by."""
    tops: dict[str, str | None] = {}
    made: dict[Where, str] = {}
    for where in sorted(places):
        if where.unit is not Unit.LINE or not any(map(_ROW.match, excerpt(where)[:1])):
            continue
        head = _above(where, excerpt)
        if head is None:
            if where.file not in tops:
                tops[where.file] = _first(
                    excerpt(replace(where, first=1, last=_BLOCK)) + excerpt(replace(where, first=_BLOCK + 1, last=_TOP))
                )
            head = tops[where.file]
        if head is not None:
            made[where] = head
    return made


def _above(where: Where, excerpt: Callable[[Where], tuple[str, ...]]) -> str | None:
    """The nearest heading above the row."""
    last = where.first - 1
    for _ in range(_BLOCKS):
        if last < 1:
            return None
        head = _first(excerpt(replace(where, first=max(1, last - _BLOCK + 1), last=last))[::-1])
        if head is not None:
            return head
        last -= _BLOCK
    return None


def _first(lines: Iterable[str]) -> str | None:
    return next((line for line in lines if _HEAD.match(line)), None)
