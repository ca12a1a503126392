r"""``date``, ``uptime`` and ``uname -a`` between other outputs: when it was, which host, since when it runs, how loaded.

    Mon Nov 23 15:52:19 UTC 2026
    Linux app01 6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01) x86_64 GNU/Linux
     15:52:19 up 12 days,  3:22,  2 users,  load average: 2.07, 2.42, 2.14

``date`` prints the zone's abbreviation, which names no offset for certain (CST has three): the time is kept as printed and the zone beside it.
Read are the forms of coreutils and BSD in English, ``date -R``, ``date -Is``, and the Korean, Japanese and German ones of coreutils.
``date '+%F %T %z'`` and /proc/loadavg are read as well. A time without a zone (``date '+%F %T'``) begins a thread dump and much else: it is read below the command that asked
for it, or alone in a file that is called so, as is a bare host name. Such a name tells nothing by itself: it is read below a prompt that asked for it (``uname -n``, ``hostname``), and alone in a file
that is called so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.records import HostFact, Parsed
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import iso_time

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "host_facts"
SHOWS: Final = frozenset({Shows.PROCESS})

_DAY: Final = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH: Final = rf"(?P<month>{'|'.join(_MONTHS)})"
_CLOCK: Final = r"(?P<hour>\d{1,2}):(?P<minute>\d\d):(?P<second>\d\d)(?:[ ](?P<half>[AP]M))?"
_ZONE: Final = r"(?P<zone>[A-Z]{2,5}|[+-]\d\d(?::?\d\d)?)"

DATE = lazy(rf"{_DAY}[ ]{_MONTH}[ ]{{1,2}}(?P<day>\d{{1,2}})[ ]{_CLOCK}(?:[ ]{_ZONE})?[ ](?P<year>\d{{4}})[ ]*$")
"""``Mon Nov 23 15:52:19 UTC 2026``; in the locale en_US ``Mon Nov 23 03:52:19 PM KST 2026``."""
DATE_R = lazy(rf"{_DAY},?[ ](?P<day>\d{{1,2}})[ ]{_MONTH}[ ](?P<year>\d{{4}})[ ]{_CLOCK}[ ]{_ZONE}[ ]*$")
"""``Mon, 23 Nov 2026 15:52:19 +0900`` (``-R``, RFC 5322) and en_GB's ``Mon 23 Nov 2026 15:52:19 GMT``."""
DATE_I = lazy(r"(?P<stamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?P<zone>[+-]\d\d:\d\d))[ ]*$")
"""``2026-11-23T15:52:19+09:00`` (``-Is``). A thread file prints Z and fractions."""
DATE_NUMBERS = lazy(
    rf"(?P<year>\d{{4}})(?:\.[ ]|年[ ]?)(?P<number>\d{{1,2}})(?:\.[ ]|月[ ]?)(?P<day>\d{{1,2}})(?:\.|日)[ ]?\(?[^\d\s]{{1,3}}\)?[ ]{_CLOCK}[ ]{_ZONE}[ ]*$"
)
"""``2026. 11. 23. (월) 15:52:19 KST`` and ``2026年 11月 23日 月曜日 15:52:19 JST``."""
DATE_F = lazy(r"(?P<day>\d{4}-\d\d-\d\d)[ ](?P<clock>\d\d:\d\d:\d\d)(?:[ ](?P<zone>[+-]\d\d:?\d\d))?[ ]*$")
"""``2026-11-23 15:52:19 +0900`` (``'+%F %T %z'``)."""
LOADAVG = lazy(r"(?P<load>\d{1,6}\.\d\d \d{1,6}\.\d\d \d{1,6}\.\d\d) \d{1,7}/\d{1,8} \d{1,10}[ ]*$")
"""``0.42 0.30 0.25 1/234 5151`` (/proc/loadavg): the load, tasks that run of all, the last pid."""
UPTIME = lazy(
    r"[ ]?\d\d?:\d\d(?::\d\d)?(?:[AP]M)?[ ]+up[ ]+(?:(?P<days>\d{1,6})[ ]days?,?[ ]*)?(?:(?P<hours>\d{1,2}):(?P<minutes>\d\d)|(?P<min>\d{1,2})[ ]mins?|(?P<hrs>\d{1,2})[ ]hrs?)?"
    r",?[ ]+(?:\d+[ ]users?,[ ]+)?load averages?: (?P<load>\d+[.,]\d\d,? \d+[.,]\d\d,? \d+[.,]\d\d)[ ]*$"
)
UNAME = lazy(
    r"(?P<system>Linux|SunOS|AIX|HP-UX|Darwin|FreeBSD|NetBSD|OpenBSD)[ ](?P<host>[\w.-]{1,64})[ ](?P<kernel>[\w.]*\d[\w.+~-]*)[ ]\S.*$"
)

HEADER: Final = r"(?!)"
ROW_SHAPE: Final = (
    rf"{_DAY},?[ ](?:{'|'.join(_MONTHS)}|\d{{1,2}})[ ]{{1,2}}(?:\d{{1,2}}|{'|'.join(_MONTHS)})[ ][^\n]{{4,30}}$"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d[ ]*$|\d{4}-\d\d-\d\d[ ]\d\d:\d\d:\d\d[ ][+-]\d\d:?\d\d[ ]*$"
    r"|\d{1,6}\.\d\d[ ]\d{1,6}\.\d\d[ ]\d{1,6}\.\d\d[ ]\d{1,7}/\d{1,8}[ ]\d{1,10}[ ]*$|\d{4}(?:\. |年 ?)\d{1,2}(?:\. |月 ?)\d{1,2}[.日][^\n]{4,30}$"
    r"|[ ]?\d\d?:\d\d(?::\d\d)?(?:[AP]M)?[ ]+up[ ][^\n]{1,60}load average|(?:Linux|SunOS|AIX|HP-UX|Darwin|FreeBSD)[ ][\w.-]+[ ][\w.]*\d[\w.+~-]*[ ]"
)
_dates = tuple(one.match for one in (DATE, DATE_R, DATE_NUMBERS))
_iso, _uptime, _uname, _plain, _loadavg = DATE_I.match, UPTIME.match, UNAME.match, DATE_F.match, LOADAVG.match
_load = lazy(r"(?<!\d)\d+[.,]\d\d").findall
_NOON: Final = 12


_name = lazy(r"(?=[^\s]*[A-Za-z])(?=\S{1,253}$)[A-Za-z0-9](?:[\w-]{0,62})(?:\.[A-Za-z0-9][\w-]{0,62})*\.?$").match
_asked_name = lazy(r"(?:sudo\s+)?(?:\S*/)?(?:hostname(?:\s+-[a-z]+|\s+--\w+)?|uname\s+(?:-n|--nodename))\s*(?:$|[;&|>])").match
_called_so = lazy(r"(?:.*/)?(?:uname|hostname)(?:[-_]n)?(?:\.\w{1,4})?$", re.IGNORECASE).match
_asked_date = lazy(r"(?:sudo\s+)?(?:\S*/)?date\b").match
_called_date = lazy(r"(?:.*/)?date(?:[-_.]\w{1,20})?(?:\.\w{1,4})?$").match
_SYSTEMS: Final = frozenset({"Linux", "SunOS", "AIX", "HP-UX", "Darwin", "FreeBSD", "NetBSD", "OpenBSD"})


def is_bare_name(section: Section) -> bool:
    """True for one line that is a host's name (RFC 1123), below the command that prints it, or alone in a file that is named after it.

    ``uname`` without an option prints the system, which looks the same.
    """
    lines = section.head(2)
    if len(lines) != 1 or not _name(lines[0].strip()) or lines[0].strip() in _SYSTEMS:
        return False
    return _asked_name(section.prompt) is not None if section.prompt is not None else _called_so(section.file) is not None


def is_bare_date(section: Section) -> bool:
    """True for one line that is a time without a zone, below the command that prints it, or alone in a file that is named after it."""
    lines = section.head(2)
    if len(lines) != 1 or _plain(lines[0]) is None:
        return False
    return _asked_date(section.prompt) is not None if section.prompt is not None else _called_date(section.file) is not None


def sniff(head: Sequence[str]) -> bool:
    """True if a line of one of these commands stands first: they are short, and stand between other outputs."""
    return bool(head) and _fact(Section("", 1, head[:1]), 0, head[0]) is not None


def parse(section: Section) -> Parsed:
    """Read every line."""
    records: list[HostFact] = []
    unread: list[tuple[int, str]] = []
    bare, zoneless = is_bare_name(section), is_bare_date(section)
    for index, line in section.rows():
        fact = (
            HostFact(where=section.where(index), host=line.strip().rstrip(".")) if bare else _fact(section, index, line, zoneless=zoneless)
        )
        if fact is None:
            unread.append((index, "no line of date, uptime or uname"))
        else:
            records.append(fact)
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), len(records) + len(elisions), gaps)


def _fact(section: Section, index: int, line: str, *, zoneless: bool = False) -> HostFact | None:
    where = section.where(index)
    if match := _uname(line):
        return HostFact(where=where, host=match["host"], kernel=f"{match['system']} {match['kernel']}")
    if match := _uptime(line):
        days, hours, minutes = (int(match[name] or 0) for name in ("days", "hours", "minutes"))
        hours, minutes = hours + int(match["hrs"] or 0), minutes + int(match["min"] or 0)
        loads = [float(one.replace(",", ".")) for one in _load(match["load"])]
        return HostFact(where=where, uptime=((days * 24 + hours) * 60 + minutes) * 60, load=(loads[0], loads[1], loads[2]))
    if match := _iso(line):
        time = iso_time(match["stamp"])
        return None if time is None else HostFact(where=where, time=time[: -len(match["zone"])], zone=match["zone"])
    if (match := _loadavg(line)) is not None:
        loads = [float(one) for one in match["load"].split()]
        return HostFact(where=where, load=(loads[0], loads[1], loads[2]))
    if (match := _plain(line)) is not None and (zoneless or match["zone"] is not None):
        time = iso_time(f"{match['day']}T{match['clock']}")
        return None if time is None else HostFact(where=where, time=time, zone=match["zone"])
    for date in _dates:
        if match := date(line):
            time = _time(match)
            return None if time is None else HostFact(where=where, time=time, zone=match["zone"])
    return None


def _time(match: re.Match[str]) -> str | None:
    """The time in ISO 8601; None for a 34th of November."""
    found = match.groupdict()
    month = int(found["number"]) if found.get("number") else _MONTHS.index(found["month"] or "") + 1
    hour = int(found["hour"] or 0)
    if found["half"]:
        hour = hour % _NOON + (_NOON if found["half"] == "PM" else 0)
    return iso_time(f"{found['year']}-{month:02}-{int(found['day'] or 0):02}T{hour:02}:{found['minute']}:{found['second']}")
