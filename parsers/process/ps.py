"""Processes of ``ps aux``, ``ps -ef``, ``ps -eLf`` and ``ps -o …``: what a pid is, and what state it is in.

    USER       PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND
    root         1  0.3  0.0  43944 14320 ?        SLl  13:18   0:20 /sbin/init
    tomcat    9414  4.1 12.3 8996052 96992 ?       Tl   13:20   1:02 /usr/bin/java -Xmx512m -jar storefront.jar

The header names the columns; the last one is the command line and takes the rest. With ``-L`` every thread has a row: the one whose LWP is the pid
stands for the process. With ``m`` the threads stand below their process, with a dash for its pid. ``ps -ef`` prints no state. BusyBox has
PID, USER, TIME and COMMAND. ``lstart`` (STARTED) is a date of five words. Where a filter has taken the header away, the columns that the
command asks for name them: ``ps -eo pid,ppid,stat,etime,wchan:20,args | grep convert``. Of rows that ``uniq -c`` counted by state and name, those in D are read.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from parsers.records import Counter, NativeId, Parsed, Pid, ProcessRow, TaskSyscall
from parsers.records.shows import Shows
from parsers.records.task_records import ASLEEP_IN
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

NAME: Final = "ps"
SHOWS: Final = frozenset({Shows.PROCESS})

HEADER: Final = r"[ ]*(?:[A-Z%]{1,8}[ ]+){0,8}PID[ ](?![^\n]*TIME\+)[^\n]{0,120}\b(?:CMD|COMMAND|ARGS)[ ]*$"
ROW_SHAPE: Final = HEADER

_CELLS: Final = {
    "PID": r"(?:(?P<pid>\d{1,10})|-)",
    "PPID": r"(?P<parent>\d{1,10})",
    "STAT": r"(?:(?P<state>[A-Z])\S*|-)",
    "STARTED": r"(?:\S+ \S+ +\d{1,2} [\d:]{8} \d{4}|\S+)",
    "S": r"(?P<state>[A-Z])",
    "NLWP": r"(?P<threads>\d{1,10})",
    "THCNT": r"(?P<threads>\d{1,10})",
    "LWP": r"(?:(?P<lwp>\d{1,10})|-)",
    "RSS": r"(?:(?P<rss>\d{1,15})|-)",
    "WCHAN": r"(?:-|0|(?P<channel>[a-zA-Z_][\w.]{0,120}))",
}
_ASKED: Final = {
    "pid": "PID",
    "ppid": "PPID",
    "stat": "STAT",
    "state": "STAT",
    "s": "STAT",
    "lstart": "STARTED",
    "nlwp": "NLWP",
    "thcount": "THCNT",
    "lwp": "LWP",
    "tid": "LWP",
    "spid": "LWP",
    "rss": "RSS",
    "rssize": "RSS",
    "wchan": "WCHAN",
}
"""What ``-o`` calls the columns that are read."""
_COMMANDS: Final = frozenset({"args", "cmd", "command", "comm", "ucmd", "ucomm"})
_header = lazy(HEADER).match
_columns = lazy(
    r"(?:sudo )?ps (?:[^|\n]{0,60}?-)?[a-zA-Z]{0,6}o[ ]?(?P<columns>[\w%]{1,12}(?::\d{1,3})?(?:,[\w%]{1,12}(?::\d{1,3})?){1,20})(?: |$)"
).match
_channels = lazy(
    r"[ ]*PID[ ]+(?:TID|LWP|SPID|PPID)[ ]+(?:STAT|S)[ ]+WCHAN[ ]+(?:COMMAND|CMD|COMM)(?:[ ]+(?:COMMAND|CMD|ARGS))?[ ]*$"
).match  # a format of its own

_counts = lazy(r"[^|\n]{0,40}\bps [^\n]{0,200}\|\s*uniq -c\b").match
_asleep = lazy(r"\s*(?P<count>\d{1,7})\s+D[<NLsl+]{0,6}\s+(?:\[)?(?P<name>[\w./:@+-]{1,60})").match


@lru_cache(maxsize=64)
def row(columns: tuple[str, ...]) -> re.Pattern[str]:
    """The grammar of a row under these column headings."""
    cells = []
    seen: set[str] = set()
    for name in columns[:-1]:
        cell = _CELLS.get(name, r"\S+")
        group = cell.partition(">")[0]
        cells.append(cell if cell == r"\S+" or group not in seen else r"\S+")
        seen.add(group)
    return lazy(r"\s*" + r"\s+".join([*cells, r"(?P<command>\S.*?)\s*$"]))


ROW = row(("USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"))


def sniff(head: Sequence[str]) -> bool:
    """True if a header with PID that ends in a command column is among the lines."""
    return any(_header(line) and not _channels(line) for line in head)


def below(section: Section) -> Parsed | None:
    """What stands below a command that names its columns, and has no header; None for anything else, and where rows have other columns.

    The next command's line may stand among them, if nobody knows its prompt.
    """
    if _counts(section.prompt or "") is not None:
        return _counted(section)
    match = _columns(section.prompt or "")
    asked = [name.partition(":")[0] for name in match["columns"].split(",")] if match else []
    if "pid" not in asked or asked[-1] not in _COMMANDS or any(_header(line) for line in section.lines[:3]):
        return None
    columns = (*(_ASKED.get(name, name.upper()) for name in asked[:-1]), "COMMAND")
    parsed = parse(section, columns)
    return parsed if parsed.records and 2 * sum(gap.lines for gap in parsed.unread) <= parsed.read else None


def _counted(section: Section) -> Parsed | None:
    """Processes in uninterruptible sleep, counted by name: ``ps -eo stat,comm | grep ^D | sort | uniq -c``."""
    rows = {index: match for index, line in section.rows() if (match := _asleep(line)) is not None}
    if not rows:
        return None
    counts = [Counter(section.where(index), f"{ASLEEP_IN}{match['name']}", int(match["count"])) for index, match in rows.items()]
    gaps, elisions = leftovers(section, [(index, "no count of processes in state D") for index, _ in section.rows() if index not in rows])
    return Parsed((*counts, *elisions), len(counts) + len(elisions), gaps)


def parse(section: Section, columns: tuple[str, ...] = ()) -> Parsed:
    """Read every process below a header, or with these columns."""
    records: list[ProcessRow | TaskSyscall] = []
    unread: list[tuple[int, str]] = []
    read = 0
    match_row = row(columns).match if columns else None
    for index, line in section.rows():
        if _header(line):
            match_row = row(tuple(line.split())).match
        elif match_row is not None and (match := match_row(line)):
            records += _process(section, index, match.groupdict())
        else:
            unread.append((index, "no row of ps"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _process(section: Section, index: int, cells: dict[str, str | None]) -> Iterator[ProcessRow | TaskSyscall]:
    """The process, and where in the kernel it sleeps; nothing for a thread that is not its process's first."""
    pid, lwp, threads, rss = (cells.get(name) for name in ("pid", "lwp", "threads", "rss"))
    if pid is None or (lwp is not None and lwp != pid):
        return
    if channel := cells.get("channel"):
        yield TaskSyscall(
            where=section.where(index), pid=Pid(int(pid)), native_id=NativeId(int(pid)), wait_channel=channel, state=cells.get("state")
        )
    yield ProcessRow(
        where=section.where(index),
        pid=Pid(int(pid)),
        command=cells.get("command") or "",
        state=cells.get("state"),
        threads=int(threads) if threads else None,
        rss=int(rss) * 1024 if rss else None,
        parent=Pid(int(parent)) if (parent := cells.get("parent")) else None,
    )
