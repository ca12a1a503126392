"""The times at the beginning of log lines, as the common loggers, servers and wrappers print them.

    2026-11-28 15:12:20,123 ERROR …          2026-11-28T15:12:20.123456789Z stdout F …       2026/11/28 15:05:38 [error] …
    28-Nov-2026 15:12:20.123 SEVERE …        [28/Nov/2026:15:05:38 +0000]                    Sat Nov 28 15:12:20 2026 …
    2026-11-29 00:00:59.010 KST [12008] …    <134>Nov 28 15:04:46 host haproxy[1]: …         [3.123s][info][gc] …

An abbreviation of a zone names no offset for certain: it is left out. A syslog line names no year, a bare clock no day: both tell nothing here.
"""

from __future__ import annotations

import re
from typing import Final

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK: Final = r"(?P<clock>[012]\d:[0-5]\d:[0-6]\d)(?:[.,]\d{1,9})?"
_OFFSET: Final = r"(?:[ ]?(?P<zone>Z|[+-]\d\d:?\d\d)(?!\d))?"
_BEFORE: Final = r"(?:[^\n]{0,80}?[^\w./:-])?"
# Above all the forms that begin with digits; in front may stand what wraps a line: a container's name, a priority, a thread, a bracket.
_NUMBERS: Final = re.compile(rf"{_BEFORE}(?P<year>(?:19|20)\d\d)[-/.](?P<month>[01]\d)[-/.](?P<day>[0-3]\d)[T ,:_-]{_CLOCK}{_OFFSET}")
_NAMED: Final = re.compile(
    rf"{_BEFORE}(?P<day>[0-3]?\d)[-/ ](?P<name>[A-Z][a-z]{{2}})[-/ ](?P<year>(?:19|20)\d\d)[: ,]{{1,2}}{_CLOCK}{_OFFSET}"
)
_ENGLISH: Final = re.compile(
    rf"{_BEFORE}(?P<name>[A-Z][a-z]{{2}}) {{1,2}}(?P<day>[0-3]?\d),? (?:(?P<early>(?:19|20)\d\d),? )?{_CLOCK}(?: (?P<year>(?:19|20)\d\d))?"
)

_BEGINS: Final = re.compile(
    r"\s{0,8}(?:<\d{1,3}>)?\W{0,3}(?:"
    r"(?:19|20)\d\d[-/.][01]\d[-/.][0-3]\d[T ,:_-][012]\d:[0-5]\d"
    r"|[0-3]?\d[-/ ][A-Z][a-z]{2}[-/ ](?:19|20)\d\d[: ]"
    r"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}[0-3]?\d,? [012]?\d:[0-5]\d"
    r"|[012]\d:[0-5]\d:[0-6]\d[.,]\d{3}"
    r"|(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|SEVERE|FATAL|CRITICAL|FINE|CONFIG)\b"
    r"|\d{1,10}:[A-Z] [0-3]?\d [A-Z][a-z]{2} (?:(?:19|20)\d\d )?[012]\d:"  # Redis: pid and role
    r"|[0-9a-fA-F.:]{3,45} (?:\S{1,60} \S{1,60} )?\[[0-3]\d/"
    r"|\d{1,9}[.,]\d{3}s\]|\d{1,9}[.,]\d{3}: \["
    r"|[\w./-]{1,60} \| )"
)


def stamp(line: str) -> str | None:
    """The first full time near the beginning of a line, in ISO 8601; None if there is none."""
    head = line[:200]
    for pattern in (_NUMBERS, _NAMED, _ENGLISH):
        if match := pattern.match(head):
            return _iso(match)
    return None


def begins_entry(line: str) -> bool:
    """True for a line that begins an entry of a log: a time, a level, an address with a time behind it."""
    return _BEGINS.match(line[:200]) is not None


def _iso(match: re.Match[str]) -> str | None:
    fields = match.groupdict()
    name = (fields.get("name") or "").lower()
    if name and name not in _MONTHS:
        return None
    month = _MONTHS.index(name) + 1 if name else int(fields["month"] or 0)
    year = fields.get("year") or fields.get("early")
    day = int(fields["day"] or 0)
    if not year or not 1 <= month <= 12 or not 1 <= day <= 31:  # noqa: PLR2004 - of a calendar
        return None
    zone = fields.get("zone") or ""
    zone = "+00:00" if zone == "Z" else f"{zone[:3]}:{zone[3:]}" if len(zone) == 5 else zone  # noqa: PLR2004 - +0900
    return f"{year}-{month:02}-{day:02}T{fields['clock']}{zone}"
