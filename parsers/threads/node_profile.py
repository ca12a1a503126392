r"""What ``node --prof-process`` makes of V8's profile: where the only thread of JavaScript spent its time.

    Statistical profiling result from isolate-0x5cd8a70-1904-v8.log, (43187 ticks, 41 unaccounted, 0 excluded).

     [Bottom up (heavy) profile]:
       ticks parent  name
      42409   98.2%  RegExp: ^([a-z]+)+@
      42409  100.0%    LazyCompile: ~isEmail /srv/app/lib/validate.js:14:17
      42409  100.0%      LazyCompile: ~<anonymous> /srv/app/routes/signup.js:33:28

A tick is about a millisecond. The stack is that of the heaviest entry with the callers that made most of it; its share of all ticks is the thread's processor time. An entry with a
regular expression also tells the expression. Written after V8's ``tools/tickprocessor.js``, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Frame, JavaState, Parsed, Runtime, ThreadDump
from parsers.records.shows import Shows
from parsers.text.node_frames import node_frame
from parsers.text.one_pass import read_by
from parsers.text.patterns import lazy
from parsers.text.source import Section
from parsers.text.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.records import LogEvent, Record

NAME: Final = "node_profile"
SHOWS: Final = frozenset({Shows.THREADS})
HEADER: Final = r"[ ]{0,4}Statistical profiling result from [^\n]{1,300}, \(\d{1,12} ticks, \d{1,12} unaccounted, \d{1,12} excluded\)"
ROW_SHAPE: Final = r"[ ]{0,4}\[(?:Shared libraries|JavaScript|C\+\+|Summary|C\+\+ entry points|Bottom up \(heavy\) profile)\]:[ ]*$"
_header = lazy(
    r"\s*Statistical profiling result from [^\n]{1,300}, \((?P<ticks>\d{1,12}) ticks, \d{1,12} unaccounted, \d{1,12} excluded\)"
).match
_part = lazy(r"\s*\[(?P<name>[A-Z][\w +()]{2,40})\]:\s*$").match
_row = lazy(r"\s*(?P<ticks>\d{1,12})\s+(?P<share>\d{1,3}\.\d)%(?:\s+\d{1,3}\.\d%)?(?P<depth>\s{2,120})(?P<name>\S[^\n]{0,2000})$").match
_compiled = lazy(
    r"(?:LazyCompile|Function|Script|Eval|Builtin): [*~^+]?(?P<name>\S{0,200}) (?P<file>\S.{0,500}?):(?P<line>\d{1,7}):\d{1,7}\s*$"
).match
_expression = lazy(r"RegExp: (?P<pattern>\S[^\n]{0,1000}?)\s*$").match
_remark = lazy(r"\s*(?:ticks\s+(?:total|parent|cpp)|Note: percentage shows|amount of its parent calls|Callers occupying less)").match
_HEAVY: Final = "Bottom up (heavy) profile"
_SCRIPTS: Final = "JavaScript"
_MOST: Final = 50.0
"""Percent of an entry that a caller must have made to be told as its caller."""
_TICK: Final = 0.001


def sniff(head: Sequence[str]) -> bool:
    """True if the first line, or the heading of a part above a row of it, is among the lines."""
    parts = [index for index, line in enumerate(head) if _part(line)]
    return any(_header(line) for line in head) or any(_row(line) for index in parts for line in head[index + 1 : index + 4])


def parse(section: Section) -> Parsed:
    """The heaviest entry as the stack of the loop's thread."""
    return read_by(_Reader(section), section, "no line of a profile")


class _Reader:
    """One pass over a section: the part that is open, the heaviest entry of JavaScript, and the way up from the heaviest of all."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.part = ""
        self.ticks = 0
        self.heaviest: tuple[int, float, Frame] | None = None
        self.share = 0.0
        self.way: list[tuple[int, Frame]] = []
        self.depth = -1
        self.patterns: list[LogEvent] = []

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of a profile."""
        if (match := _header(line)) is not None:
            self.ticks = int(match["ticks"])
            return True
        if (match := _part(line)) is not None:
            self.part, self.depth = match["name"], -1
            return True
        match = _row(line)
        if match is None:
            return bool(_remark(line))
        frame = _frame(match["name"])
        if self.part == _HEAVY:
            self._climb(index, len(match["depth"]), float(match["share"]), frame)
        elif self.part == _SCRIPTS and frame is not None and (self.heaviest is None or float(match["share"]) > self.heaviest[1]):
            self.heaviest = index, float(match["share"]), frame
            self._pattern(index, match["name"])
        return True

    def _climb(self, index: int, depth: int, share: float, frame: Frame | None) -> None:
        """Follow the callers of the first entry, each of which is further to the right, as long as one made most of it."""
        if frame is None or self.depth < 0 < len(self.way):
            return
        if not self.way:
            self.way, self.depth, self.share = [(index, frame)], depth, share
        elif depth > self.depth and share >= _MOST:
            self.way.append((index, frame))
            self.depth = depth
        elif depth <= self.depth:
            self.depth = -1  # the next entry

    def _pattern(self, index: int, name: str) -> None:
        """The regular expression of an entry, where it has a repetition inside a repetition."""
        match = _expression(name)
        if match is not None:
            from parsers.logs import sizes  # noqa: PLC0415 - dozens of patterns, for this one line

            line = Section(self.section.file, self.section.first + index, [f"if (/{match['pattern']}/.test(text)) {{"])
            self.patterns += sizes.events_of(line)

    @property
    def records(self) -> Sequence[Record]:
        """The loop's thread in the heaviest entry, and the expression that it tries."""
        return (*self._dump(), *self.patterns)

    def end(self) -> None:
        """The way up is followed as it comes."""

    def _dump(self) -> tuple[ThreadDump, ...]:
        """The loop's thread in the heaviest entry; nothing where no entry of JavaScript is here."""
        way, share = self.way, self.share
        if not way and self.heaviest is not None:
            index, share, frame = self.heaviest
            way = [(index, frame)]
        if not way:
            return ()
        stack = Stack(self.section, way[0][0], way[-1][0])
        for index, frame in way:
            stack.frame(frame, index)
        elapsed = self.ticks * _TICK or None
        thread = stack.thread(
            name="event loop", state=JavaState.RUNNABLE, cpu=share / 100 * elapsed if elapsed is not None else None, elapsed=elapsed
        )
        return (ThreadDump(where=thread.where, dialect=NAME, threads=(thread,), runtime=Runtime.NODE, fragment=True),)


def _frame(name: str) -> Frame | None:
    """The function of an entry; None for a library."""
    if _expression(name) is not None:
        return Frame("RegExp", "exec", None)
    match = _compiled(name)
    if match is None:
        return None
    called = match["name"] if match["name"] not in {"", "(anonymous)"} else "<anonymous>"
    return node_frame(f"at {called} ({match['file']}:{match['line']}:1)")
