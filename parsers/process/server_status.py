r"""What web servers say of themselves: Apache's server-status with its scoreboard, nginx's stub_status.

    150 requests currently being processed, 0 idle workers

    WWWWWWWWWWWWWWWWWWWWWWWWWWWWRRWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW
    WWWWWWWWWWWWWWWWWWWWWW..........................................

A letter is a worker: W sends its answer (it serves a request), R reads a request, K keeps a connection open, _ is idle, a dot is a place without a worker. nginx
prints ``Reading: 0 Writing: 5012 Waiting: 108``: Writing counts the requests that are being served, Waiting the idle connections. Written after both manuals,
not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Counter, LogEvent, LogKind, Parsed
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "server_status"
SHOWS: Final = frozenset({Shows.PROCESS})
_SUMMARY: Final = r"[ ]*\d{1,7} requests currently being processed, \d{1,7} (?:idle )?workers"
_ACTIVE: Final = r"Active connections: \d{1,9}[ ]*$"
HEADER: Final = rf"Apache (?:Server )?Status for [^\n]{{1,200}}$|{_SUMMARY}|{_ACTIVE}"
ROW_SHAPE: Final = r"(?!)"
FEWEST: Final = 4
"""Workers below which a server that has none idle may be one of a small test."""
_summary = lazy(r"\s*(?P<busy>\d{1,7}) requests currently being processed, (?P<idle>\d{1,7}) (?:idle )?workers").match
_active = lazy(rf"\s*{_ACTIVE}").match
_score = lazy(r"\s*[_SRWKDCLGI.]{4,64}\s*$").match
_nginx = lazy(r"\s*Reading: (?P<reading>\d{1,9}) Writing: (?P<writing>\d{1,9}) Waiting: (?P<waiting>\d{1,9})\s*$").match
_other = lazy(
    r"\s*(?:Apache (?:Server )?Status for [^\n]*|Server (?:Version|MPM|Built|uptime|load|up)[^\n]*|(?:Current|Restart) Time: [^\n]*|Parent Server [^\n]*|Total accesses: [^\n]*|CPU Usage: [^\n]*|[\d.]+ requests/sec [^\n]*"
    r"|server accepts handled requests|\d{1,18} \d{1,18} \d{1,18}|Active connections: \d{1,9})\s*$"
).match


def sniff(head: Sequence[str]) -> bool:
    """True if one of the two summaries is among the lines."""
    return any(_summary(line) or _active(line) for line in head)


def parse(section: Section) -> Parsed:
    """How many workers serve and how many are idle; an event where none is idle."""
    records: list[Counter | LogEvent] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        where = section.where(index)
        if (match := _summary(line)) is not None:
            busy, idle = int(match["busy"]), int(match["idle"])
            records += [Counter(where, "Apache busy workers", busy), Counter(where, "Apache idle workers", idle)]
            if not idle and busy >= FEWEST:
                records.append(
                    LogEvent(where=where, kind=LogKind.THREADS, source="Apache httpd", figures=(("busy", float(busy)), ("idle", 0.0)))
                )
        elif (match := _nginx(line)) is not None:
            records += [
                Counter(where, "nginx requests being served", int(match["writing"])),
                Counter(where, "nginx idle connections", int(match["waiting"])),
            ]
        elif not (_other(line) or _score(line)):
            unread.append((index, "no line of a server's status"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)
