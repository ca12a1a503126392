"""HotSpot's own deadlock report at the end of a dump (``threadService.cpp``, ``DeadlockCycle::print_on_with``).

Found one Java-level deadlock:
=============================
"left":
  waiting to lock monitor 0x00007f0c (object 0x000000062, a java.lang.Object),
  which is held by "right"
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.records import Deadlock, DeadlockEntry
from parsers.text.grammar import FRAME, LOCK_LINE, STATE_LINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.text.source import Section

_THREAD: Final = re.compile(r'"(?P<name>.*)":\s*$', re.DOTALL)
_THREAD_END = re.compile(r'":\s*$')
_HOLDER_BEGIN = re.compile(r'\s*(?:in JNI, )?which is held by "')
_HOLDER_END = re.compile(r'"\s*$')
_NAME_LINES: Final = 8
"""As in the headers: a name that runs over more lines is no name."""
_FOUND = re.compile(r"Found (?:one|a|\d+) Java-level deadlock")
_TOTAL = re.compile(r"Found (?:a total of )?\d+ deadlocks?\.")
_STACKS = re.compile(r"Java stack information for the threads listed above")
_RULER = re.compile(r"=+\s*$")


def deadlock_at(section: Section, lines: Sequence[str], start: int, *, stacks: bool = True) -> tuple[list[Deadlock], int]:
    """Read the report that begins at index ``start``; returns the deadlocks and how many lines the report takes (at least one).

    Without ``stacks`` it ends above the stacks of its threads: where no dump stands in front of it, these are all there is of them.
    """
    report = _Report(section, start)
    index = start
    while index < len(lines):
        line, count = _whole(lines, index)
        if _TOTAL.match(line) and index > start:
            report.end = index
            break
        if not stacks and _STACKS.match(line):
            break
        if line and not line.isspace():
            if not report.take(index, line) and index > start:
                break
            report.end = index + count - 1
        index += count
    report.finish()
    return report.deadlocks, report.end - start + 1


class _Report:
    """The report so far: finished cycles, the entries of the open one, and the thread whose lines are being read."""

    def __init__(self, section: Section, start: int) -> None:
        from parsers.threads import deadlock_grammar  # noqa: PLC0415 - loaded for the dumps that have a report

        self.grammar = deadlock_grammar
        self.section = section
        self.first = self.end = start
        self.deadlocks: list[Deadlock] = []
        self.entries: list[DeadlockEntry] = []
        self.name: str | None = None
        self.wait: tuple[str | None, str | None] = (None, None)
        self.in_stacks = False

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it does not belong to the report."""
        if _FOUND.match(line):
            self.finish()
            self.first, self.in_stacks = index, False
        elif _STACKS.match(line):
            self.finish()
            self.in_stacks = True
        elif match := _THREAD.match(line):
            self.name = match["name"]
        elif self.in_stacks:
            return bool(FRAME.match(line) or LOCK_LINE.match(line) or STATE_LINE.match(line) or _RULER.match(line))
        elif "waiting " in line:
            self.wait = self.grammar.wait_of(line)
        elif "which is held by" in line:
            if self.name is not None:
                self.entries.append(DeadlockEntry(self.name, *self.wait, self.grammar.holder_of(line)))
            self.name, self.wait = None, (None, None)
        else:
            return _RULER.match(line) is not None
        return True

    def finish(self) -> None:
        """Close the cycle that is open, if there is one."""
        if self.entries:
            self.deadlocks.append(Deadlock(self.section.where(self.first, self.end), tuple(self.entries)))
            self.entries.clear()


def _whole(lines: Sequence[str], index: int) -> tuple[str, int]:
    """The line at ``index``, continued as long as a thread's name with line ends in it is open; and how many lines that takes."""
    line = lines[index]
    closed = _THREAD_END if line.startswith('"') else _HOLDER_END if _HOLDER_BEGIN.match(line) else None
    if closed is None or closed.search(line):
        return line, 1
    for count in range(2, min(_NAME_LINES, len(lines) - index) + 1):
        whole = "\n".join(lines[index : index + count])
        if closed.search(whole):
            return whole, count
    return line, 1
