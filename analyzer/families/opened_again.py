"""Descriptors that ran out while the rows of lsof show the same few files open again and again: whatever opens them does not close them.

A list that somebody cut shows only a part of them; a count of the lines that have the file's name, and the highest number, tell the rest: a new descriptor gets
the lowest free number.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.families.counted_limits import told_of
from analyzer.families.counted_sockets import shown, whose
from analyzer.join.coverage import is_filtered
from analyzer.model.finding import Confidence, Evidence, Process, Severity, When
from analyzer.model.message import capitalized, joined, plural, say
from analyzer.model.text import Do, Either, Text
from parsers.records import Counted, LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.evidence.log_events import Told
    from analyzer.join.counts import Count
    from analyzer.model.finding import Finding
    from analyzer.model.incident import Snapshot
    from analyzer.waits.case import Case
    from parsers.records import OpenFile, Pid, Where

FEWEST: Final = 10
"""Rows of files that are open several times, below which a program may have its reasons."""
_SHARE: Final = 0.5
"""Share of the listed descriptors that these rows must be."""
_EACH: Final = 3
"""How often each of the files must be open, on average."""
_SPARE: Final = 3
"""How far the highest number may lie below the limit: numbers are given back and given again."""
_HIGH: Final = 200
"""The highest number from which on descriptors may have run out, where no limit is known: 256 is the least that systems set."""
_FEW: Final = 0.25
"""Share of the listed descriptors up to which sockets are not what fills the table."""
_MOST: Final = 2
"""Files that are named."""
_WORD: Final = re.compile(r"\bgrep (?:-\w{1,9} ){0,4}[\"']?([^\s|\"']{3,80})")
"""What somebody looked for in the rows."""
_NUMBER: Final = re.compile(r"(\d{1,9})[rwu]?")
TEXT: Final = Text(
    "fd-exhaustion",
    headline="{who} has no descriptor left: it opens {files} again and again and does not close them ({share}).",
    explanation="{rows:,} of the {listed:,} descriptors that are listed are of {names}.{counted_too}{numbers}{connections}{lines} Nothing that is opened once is open so often: whatever opens it does not close it.",
    why="The list, the numbers and the limit agree; which code opens the files, the list does not show.",
    do=(
        Do(When.NOW, "Save the whole list of descriptors before a restart.", "ls -l /proc/{pid}/fd > fd.txt"),
        Do(When.FIX, "Find what opens {names}: close it in every path, after an error too, or open it once and use that for all calls."),
        Do(
            When.PREVENT,
            "A higher limit (ulimit -n, LimitNOFILE; macOS: launchctl limit maxfiles) and a library that waits and tries again only delay it.",
        ),
    ),
    figures=(("{share}", "descriptors of {files}"),),
    chain=(("{who}", "opens and does not close", "{names}"), ("the process", "has no descriptor left", "")),
    phrases={
        "share": Either(
            "counted",
            Either("limit", "{counted:,} of at most {limit:,}", "{counted:,} were counted"),
            "{rows:,} of the {listed:,} that are listed",
        ),
        "counted_too": Either("counted", " The session counted {counted:,} lines of them."),
        "numbers": Either(
            "last", " A new descriptor gets the lowest free number, and they run up to {last:,}{of_limit}: so many are open."
        ),
        "of_limit": Either("limit", ", where {limit:,} are allowed"),
        "connections": Either("few", " {sockets_said} among them: connections are not what fills the table."),
        "lines": Either(
            "lines_count",
            " The {lines_count:,} lines of “{lines_command}” are no number of descriptors: lsof prints a heading, the working directory, the program and its mapped files, too.",
        ),
        "of_files": "{rows:,} descriptors are of {names}",
    },
)


class Again(msgspec.Struct, frozen=True):
    """Rows of one process that are of files which are open several times, ``listed`` so many numbered ones in all, ``sockets`` of them connections."""

    host: str | None
    pid: Pid
    command: str | None
    rows: tuple[OpenFile, ...]
    listed: int
    sockets: int
    last: int

    @property
    def names(self) -> list[str]:
        """The files, the one that is open most often first."""
        return [name for name, _ in Counter(row.target for row in self.rows).most_common()]


class _Limit(msgspec.Struct, frozen=True):
    most: int
    where: Where


def findings(case: Case) -> Iterator[Finding]:
    """One for each process whose rows show it, where the log says that none was left, or the numbers reach the limit."""
    failed = told_of(case, LogKind.DESCRIPTORS)
    limit = _limit(case)
    for snapshot in case.incident.snapshots[-1:]:
        found = list(opened_again(snapshot))
        for again in found:
            full = limit is not None and limit.most - _SPARE <= again.last + 1 <= limit.most
            # Whose descriptors ran out the log need not say: without the limit only one process with many can be meant.
            if full or (failed is not None and len(found) == 1 and again.last >= _HIGH):
                yield _finding(case, again, limit, failed, full=full)


def opened_again(snapshot: Snapshot) -> Iterator[Again]:
    """The processes of which most listed descriptors are of a few files."""
    numbered: dict[Pid, dict[str, OpenFile]] = {}
    for one in snapshot.open_files:
        if one.tool == "lsof" and one.pid is not None and _NUMBER.fullmatch(one.fd):
            numbered.setdefault(one.pid, {})[one.fd] = one  # with threads listed, each row stands there again
    for pid, files in numbered.items():
        times = Counter(one.target for one in files.values() if one.kind == "REG")
        rows = tuple(one for one in files.values() if one.kind == "REG" and times[one.target] > 1)
        owned = {owner.fd for row in snapshot.rows if row.tool == "lsof" for owner in row.owners or () if owner.pid == pid}
        listed = len(files) + len(owned)
        if len(rows) >= max(FEWEST, _SHARE * listed) and len(rows) >= _EACH * len({one.target for one in rows}):
            last = max(int(match[1]) for fd in files if (match := _NUMBER.fullmatch(fd)) is not None)
            yield Again(snapshot.host, pid, rows[0].command, rows, listed, len(owned), last)


def _limit(case: Case) -> _Limit | None:
    """The limit of the process, else that of the shell that asked."""
    row = case.counts.limit()
    if row is not None and row.soft is not None:
        return _Limit(row.soft, row.where)
    setting = case.counts.setting("ulimit -n")
    return _Limit(setting.values[0], setting.where) if setting is not None else None


def _counted(case: Case, again: Again) -> Count | None:
    """Lines of lsof that have a word which all of the files have in their names."""
    found = [
        one
        for one in case.counts.all
        if "lsof" in (one.last.command or "")
        and (word := _WORD.search(one.last.command or "")) is not None
        and all(word[1].replace("\\", "") in name for name in again.names)
        and one.last.pid in {None, again.pid}
        and one.number >= len(again.rows)
    ]
    return found[0] if found else None


def _finding(case: Case, again: Again, limit: _Limit | None, failed: Told | None, *, full: bool) -> Finding:
    counted = _counted(case, again)
    process = Process(again.host, again.pid, again.command)
    lines = next((one for one in case.counts.of(Counted.DESCRIPTORS) if counts_lines(one)), None)
    several = len(again.names) > 1
    text = TEXT.filled(
        process,
        who=capitalized(whose(process)),
        files=say("the same {count} files", count=len(again.names)) if several else again.names[0],
        names=joined(", ", again.names[:_MOST]),
        rows=len(again.rows),
        listed=again.listed,
        counted=counted.number if counted is not None else None,
        limit=limit.most if limit is not None and again.last < limit.most else None,
        last=again.last,
        few=again.sockets <= _FEW * again.listed and not is_filtered(case.incident, again.rows[0].where.file),
        sockets_said=plural(again.sockets, "socket is", "sockets are") if again.sockets else say("No socket is"),
        lines_count=lines.number if lines is not None else None,
        lines_command=lines.last.command if lines is not None else None,
    )
    listed = Evidence(again.rows[0].where, text["of_files"], tuple(again.names[:_MOST]), len(again.rows) - 1)
    allowed = (
        (Evidence(limit.where, say("{limit:,} descriptors are allowed", limit=limit.most), (str(limit.most),)),) if full and limit else ()
    )
    told = (failed.evidence,) if failed is not None else ()
    return text.finding(
        severity=Severity.CRITICAL if failed is not None else Severity.WARNING,
        confidence=Confidence.CERTAIN if full and failed is not None else Confidence.LIKELY,
        evidence=(listed, *((shown(counted.last.where, counted, counted.number),) if counted is not None else ()), *allowed, *told),
        chain=text.steps((listed,), (*allowed, *told)),
    )


def counts_lines(count: Count) -> bool:
    """True for a number that ``lsof … | wc -l`` printed: lines, of which not each is a descriptor."""
    command = count.last.command or ""
    return "lsof" in command and "wc -l" in command and count.last.name is None and not _chosen(command)


def _chosen(command: str) -> Sequence[str]:
    """What picks rows by their descriptors, or sockets alone."""
    return re.findall(r"\s-i\b|\s-d\b|\bgrep\b|\bawk\b|\bsed\b|\begrep\b", command)
