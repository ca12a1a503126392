r"""Call trees of macOS' ``sample`` and of Activity Monitor: what each thread was doing in a few thousand looks at it.

    Analysis of sampling srv (pid 877) every 1 millisecond
    Call graph:
        2703 Thread_1201   DispatchQueue_1: com.apple.main-thread  (serial)
        + 2703 main  (in srv) + 120  [0x100003d10]  main.cpp:12
        +   2703 Cache::get(Key const&)  (in srv) + 60  [0x100003c11]  cache.cpp:41
        +     2703 __psynch_mutexwait  (in libsystem_kernel.dylib) + 10  [0x7ff81a5fa0ee]

The path that most looks share is the thread's stack: who stands in one call in all looks waits there. Written after the manual, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, Pid, Runtime, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.native_frames import native_frame
from parsers.text.one_pass import read_by
from parsers.text.patterns import lazy
from parsers.text.stack import Stack

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from parsers.text.source import Section

NAME: Final = "mac_sample"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"Analysis of sampling [^\n]{1,200} \(pid \d+\)"
ROW_SHAPE: Final = r"[ ]{0,8}\d{1,9} Thread_\w{1,20}\b"

_head = lazy(r"Analysis of sampling (?P<command>[^\n]{1,200}) \(pid (?P<pid>\d{1,10})\)").match
_thread = lazy(r"\s{0,8}(?P<count>\d{1,9}) Thread_(?P<id>\w{1,20})(?:[: ]\s*(?P<rest>\S.*?))?\s*$").match
_node = lazy(
    r"(?P<lead>[ +!:|]{1,400})(?P<count>\d{1,9}) (?P<name>\S[^\n]{0,800}?)  \(in (?P<lib>[^()\n]{1,200})\)(?: \+ [\d,.]{1,40})?(?:  \[0x[0-9a-f,x.]{1,60}\])?(?:  (?P<file>[^\s:]{1,300}):(?P<line>\d{1,9}))?\s*$"
).match
_unknown = lazy(r"(?P<lead>[ +!:|]{1,400})(?P<count>\d{1,9}) \?\?\?\s").match
_remark = lazy(
    r"\s*(?:Process|Path|Load Address|Identifier|Version|Code Type|Platform|Parent Process|Target Type|Date/Time|Launch Time|OS Version|Report Version|Analysis Tool|Physical footprint|Call graph|Total number in stack|Sort by top|Sampling process|Binary Images|-{4,})\b|\s*-{4,}\s*$"
).match
_QUEUE: Final = lazy(r"DispatchQueue_\w+: (?P<queue>\S+)")
_SHARE: Final = 0.5
"""Share of a thread's looks that a path must have to be its stack."""


def sniff(head: Sequence[str]) -> bool:
    """True if the tool's first line, or a thread with its tree, is among the lines."""
    return any(_head(line) for line in head) or (any(_thread(line) for line in head) and any(_node(line) for line in head))


def parse(section: Section) -> Parsed:
    """Read one sample."""
    return read_by(_Reader(section), section, "no line of a sample")


class _Reader:
    """One pass over a section: the threads so far, and the path of the open one."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.records: list[ThreadDump] = []
        self.threads: list[Thread] = []
        self.pid: Pid | None = None
        self.open: Stack | None = None
        self.name = ""
        self.looks = 0
        self.depth = -1
        self.path: list[tuple[int, str]] = []
        self.over = False

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of the sample."""
        if match := _head(line):
            self.pid = Pid(int(match["pid"]))
        elif match := _thread(line):
            self._start(index, match)
        elif (match := _node(line) or _unknown(line)) is not None:
            if self.open is not None:
                self._add(index, match)
        else:
            if _remark(line) is None:
                return False
            self.over = self.over or "Total number" in line or "Sort by" in line
            if self.over:
                self._close()
        return True

    def _start(self, index: int, match: re.Match[str]) -> None:
        self._close()
        queue = _QUEUE.search(match["rest"] or "")
        named = (match["rest"] or "").partition(":")[2].strip() if queue is None else queue["queue"]
        self.open, self.looks, self.depth, self.path = Stack(self.section, index), int(match["count"]), -1, []
        self.name = f"Thread_{match['id']}" + (f" {named}" if named else "")

    def _add(self, index: int, match: re.Match[str]) -> None:
        """The next call of the path; the lighter branches beside it are no part of it."""
        depth = len(match["lead"])
        if self.open is not None:
            self.open.reach(index)
        if depth <= self.depth or int(match["count"]) < _SHARE * self.looks:
            return
        self.depth = depth
        fields = match.groupdict()
        name = fields.get("name") or "??"
        place = f") at {fields['file']}:{fields['line']}" if fields.get("file") else f") from /{fields.get('lib') or ''}"
        self.path.append((index, f"{name.removesuffix(')') if '(' in name else f'{name} ('}{place}"))

    def _close(self) -> None:
        stack = self.open
        if stack is not None and self.path:
            for index, text in reversed(self.path):
                frame, _ = native_frame(text)
                if not (stack.frames and stack.frames[-1].full == frame.full and frame.cls == "libc"):
                    stack.frame(frame, index)
            self.threads.append(stack.thread(name=self.name))
        self.open = None

    def end(self) -> None:
        """The last thread ends with the text."""
        self._close()
        if self.threads:
            first, last = self.threads[0].where.first, self.threads[-1].where.last
            where = self.section.where(first - self.section.first, last - self.section.first)
            self.records.append(ThreadDump(where=where, dialect=NAME, threads=tuple(self.threads), pid=self.pid, runtime=Runtime.NATIVE))
