r"""Stacks as lldb prints them: ``bt all`` of a native program, and ``v8 bt`` of the plugin llnode for Node.

    * thread #1, name = 'srv', queue = 'com.apple.main-thread', stop reason = signal SIGSTOP
      * frame #0: 0x00007ff81a5fa0ee libsystem_kernel.dylib`__psynch_mutexwait + 10
        frame #3: 0x0000000100003c11 srv`Cache::get(this=0x0000600000c04000) at cache.cpp:41:5
      thread #2
        frame #0: 0x00007ff81a5f8c3a libsystem_kernel.dylib`__recvfrom + 10
     * thread #1: tid = 22140, 0x00007f1b3a7e1ad7 libc.so.6`__GI___poll + 87, name = 'node', stop reason = signal SIGABRT
        frame #5: 0x00001f2d5a1124f0 renderPdf(this=0x000011aa:<undefined>) at /srv/app/pdf.js:44:10 fn=0x00002b12

A frame of JavaScript has no module. A thread with such frames is Node's event loop, told by them alone. Written after lldb's and llnode's documentation, not
captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Frame, LockVerb, NativeId, Parsed, Runtime, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.native_frames import native_frame
from parsers.text.node_frames import node_frame
from parsers.text.one_pass import read_by
from parsers.text.patterns import lazy
from parsers.text.stack import Stack

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from parsers.text.source import Section

NAME: Final = "lldb_stacks"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"(?!)"
ROW_SHAPE: Final = r"[ *]{0,4}thread #\d{1,6}(?:[:,]|[ ]*$)|[ *]{1,8}frame #\d{1,5}: 0x"

_thread = lazy(r"[ *]{0,4}thread #(?P<number>\d{1,6})(?P<rest>[:,][^\n]{0,600})?\s*$").match
_tid = lazy(r"\btid = (?P<tid>0x[0-9a-fA-F]{1,16}|\d{1,12})").search
_name = lazy(r"\bname = '(?P<name>[^'\n]{1,200})'").search
_frame = lazy(r"[ *]{1,8}frame #(?P<number>\d{1,5}): 0x[0-9a-f]{1,16}[: ] ?(?:(?P<module>[^\s`(]{1,200})`)?(?P<rest>\S.*?)\s*$").match
_source = lazy(
    r"(?<=[\w)>]) at (?P<file>[^\s():]{1,500}):(?P<line>\d{1,9})(?::\d{1,9})?(?: \[opt(?:imized)?\])?(?: \[inlined\])?(?: fn=0x[0-9a-f]{1,16})?$"
).search
_offset = lazy(r" \+ \d{1,9}(?: \[[\w ]+\])?$")
_remark = lazy(
    r"\((?:lldb|llnode)\)|\s*(?:Process \d+ (?:stopped|resuming)|Target \d|Executable module|Architecture set|->\s+0x|0x[0-9a-f]{6,16} <\+)"
).match
_lock = lazy(r"\((?:mutex|rwlock|m)=(?P<address>0x[0-9a-f]{1,16})").search
_LOCKS: Final = {
    "pthread_mutex_lock": "pthread_mutex_t",
    "pthread_rwlock_rdlock": "pthread_rwlock_t",
    "pthread_rwlock_wrlock": "pthread_rwlock_t",
}
_FEWEST: Final = 2


def sniff(head: Sequence[str]) -> bool:
    """True if a thread's header or several frames of lldb's are among the lines."""
    return sum(_frame(line) is not None for line in head) >= _FEWEST


def parse(section: Section) -> Parsed:
    """Read the threads of one program."""
    return read_by(_Reader(section), section, "no line of lldb's")


class _Reader:
    """One pass over a section: the threads so far, and the one whose frames are read."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.records: list[ThreadDump] = []
        self.threads: list[Thread] = []
        self.open: Stack | None = None
        self.name = ""
        self.tid: NativeId | None = None
        self.script: list[tuple[Frame, int]] = []
        """Frames of JavaScript of the open thread."""
        self.of_node = False

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of lldb's."""
        if match := _thread(line):
            self._start(index, match)
        elif match := _frame(line):
            if self.open is None or (match["number"] == "0" and self.open.frames):
                self._close()
                self.open, self.name, self.tid, self.script = Stack(self.section, index), "", None, []
            self._add(index, match)
        else:
            return _remark(line) is not None
        return True

    def _start(self, index: int, match: re.Match[str]) -> None:
        self._close()
        rest = match["rest"] or ""
        name, tid = _name(rest), _tid(rest)
        self.open, self.script = Stack(self.section, index), []
        self.tid = NativeId(int(tid["tid"], 0)) if tid is not None else None
        self.name = f"{name['name']} #{match['number']}" if name is not None else f"thread #{match['number']}"

    def _add(self, index: int, match: re.Match[str]) -> None:
        stack, rest = self.open, match["rest"]
        if stack is None:
            return
        stack.reach(index)
        if match["module"] is None:
            frame = _of_script(rest)
            if frame is not None:
                self.script.append((frame, index))
            return
        module = match["module"]
        place = _source(rest)
        symbol = _offset.sub("", rest) if place is None else rest[: place.start()]
        where = f") at {place['file']}:{place['line']}" if place is not None else f") from /{module}"
        frame, arguments = native_frame(f"{symbol.removesuffix(')')}{'' if '(' in symbol else ' ('}{where}")
        if stack.frames and stack.frames[-1].full == frame.full and frame.cls == "libc":
            return
        stack.frame(frame, index)
        if frame.cls == "libc" and frame.method in _LOCKS and not stack.locks and (held := _lock(arguments)):
            stack.lock(LockVerb.WAITING_TO_LOCK, held["address"], _LOCKS[frame.method], index, depth=0)

    def _close(self) -> None:
        stack = self.open
        if stack is not None and self.script:
            self.of_node = True
            told = Stack(self.section, stack.first, stack.last)
            for frame, index in self.script:
                told.frame(frame, index)
            self.threads.append(told.thread(name="event loop", native_id=self.tid))
        elif stack is not None and stack.frames:
            self.threads.append(stack.thread(name=self.name or f"thread #{len(self.threads) + 1}", native_id=self.tid))
        self.open = None

    def end(self) -> None:
        """The program is whole: with frames of JavaScript only its loop is told."""
        self._close()
        threads = [one for one in self.threads if not self.of_node or one.name == "event loop"]
        if threads:
            first, last = threads[0].where.first, threads[-1].where.last
            where = self.section.where(first - self.section.first, last - self.section.first)
            runtime = Runtime.NODE if self.of_node else Runtime.NATIVE
            self.records.append(ThreadDump(where=where, dialect=NAME, threads=tuple(threads), runtime=runtime))


def _of_script(rest: str) -> Frame | None:
    """``renderPdf(this=…) at /srv/app/pdf.js:44:10 fn=0x…``; None for the VM's own frames, ``<builtin>`` and ``<exit>``."""
    place = _source(rest)
    name = rest.partition("(")[0].strip()
    if place is None or rest.startswith("<"):
        return None
    return node_frame(f"at {name or '<anonymous>'} ({place['file']}:{place['line']}:1)")
