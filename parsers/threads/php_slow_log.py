r"""PHP-FPM's slow log: the stack of each request that took longer than ``request_slowlog_timeout``, at the moment the limit passed.

    [28-Nov-2026 15:10:48]  [pool www] pid 6512
    script_filename = /srv/app/price.php
    [0x00007fc78ce151b0] fgets() /srv/app/price.php:6
    [0x00007fc78ce150e0] fetch_price() /srv/app/price.php:10

It is no snapshot: of each process the last entry counts. One dump a process, for a child serves one request at a time. PHP's own functions stand at their caller's line. Addresses
repeat from child to child. The place behind a function is where it was called: ``fetch_price`` stood at line 6. Captured from PHP-FPM 8.2 (``sapi/fpm/fpm/fpm_php_trace.c``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from parsers.records import MAIN, Frame, NativeId, Parsed, Pid, Runtime, ThreadDump
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

NAME: Final = "php_slow_log"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"(?!)"
ROW_SHAPE: Final = r"\[\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d[^\]\n]{0,20}\][ ]{1,4}\[pool [^\]\n]{1,200}\] pid \d"

_entry = lazy(
    r"\[(?P<time>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d)[^\]]{0,20}\] {1,4}\[pool (?P<pool>[^\]]{1,200})\] pid (?P<pid>\d{1,10})\s*$"
).match
_script = lazy(r"script_filename = (?P<script>[^\n]{0,1000})").match
_frame = lazy(r"\[0x[0-9a-f]{1,16}\] (?P<name>\S[^()]*)\(\) (?P<file>\S.*?):(?P<line>\d{1,9})\s*$").match


_of_library = lazy(r"/(?P<library>vendor/[\w.-]{1,60}/[\w.-]{1,60}|wp-includes|wp-admin)/").search


def sniff(head: Sequence[str]) -> bool:
    """True if the head of an entry is among the lines."""
    return any(_entry(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read the last entry of each process."""
    dumps: dict[Pid, ThreadDump] = {}
    unread: list[tuple[int, str]] = []
    read = 0
    header: re.Match[str] | None = None
    stack: _Entry | None = None
    for index, line in section.rows():
        if match := _entry(line):
            _keep(dumps, header, stack)
            header, stack = match, _Entry(section, index)
        elif stack is not None and (match := _frame(line)):
            stack.call(match, index)
        elif stack is not None and (match := _script(line)):
            stack.script = match["script"].strip()
            stack.reach(index)
        else:
            unread.append((index, "no line of a slow log"))
            continue
        read += 1
    _keep(dumps, header, stack)
    gaps, elisions = leftovers(section, unread)
    return Parsed((*dumps.values(), *elisions), read + len(elisions), gaps)


class _Entry(Stack):
    """The stack of one request. Each line has a function and where it was called, which is the place of the function below."""

    def __init__(self, section: Section, index: int) -> None:
        """No frames."""
        super().__init__(section, index)
        self.script = ""
        self._called = ""

    def call(self, match: re.Match[str], index: int) -> None:
        """Add a function, at the place where the one above it was called; the innermost one is PHP's own, or its place is not printed."""
        scope, _, method = match["name"].replace("->", "::").rpartition("::")
        self.frame(Frame(scope or _library(self._called), method, _short(self._called)), index)
        self._called = f"{match['file']}:{match['line']}"

    def close(self) -> None:
        """The script itself, or whoever called the outermost function that is here."""
        if self._called:
            of_script = self._called.rpartition(":")[0] == self.script
            file = self._called.rpartition(":")[0].rpartition("/")[2].partition(".")[0]
            self.frame(Frame("", MAIN if of_script else file or "?", _short(self._called)), self.last)


def _library(place: str) -> str:
    """The library that a function without a class lies in, by its file: what Composer installs, and WordPress' own."""
    match = _of_library(place)
    return match["library"] if match is not None else ""


def _short(place: str) -> str:
    return place.rpartition("/")[2]


def _keep(dumps: dict[Pid, ThreadDump], header: re.Match[str] | None, stack: _Entry | None) -> None:
    if header is None or stack is None:
        return
    stack.close()
    pid, pool = Pid(int(header["pid"])), header["pool"]
    thread = stack.thread(name=f"{pool} {pid}", native_id=NativeId(int(pid)), group=pool)
    dumps.pop(pid, None)
    dumps[pid] = ThreadDump(where=thread.where, dialect=NAME, threads=(thread,), pid=pid, runtime=Runtime.PHP, time=_time(header["time"]))


def _time(text: str) -> str | None:
    try:
        return datetime.strptime(text, "%d-%b-%Y %H:%M:%S").replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return None
