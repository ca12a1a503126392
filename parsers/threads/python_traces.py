r"""Stacks of Python as gdb's ``py-bt`` prints them, and as programs print ``sys._current_frames()`` themselves.

    Traceback (most recent call first):
      File "/usr/lib64/python2.7/ssl.py", line 641, in read
        v = self._sslobj.read(len)
      File "/opt/app/rates.py", line 41, in fetch
        r = conn.getresponse()

    # Thread: worker-3(140208173135616)
    File: "/usr/lib/python2.7/threading.py", line 783, in __bootstrap
      self.__bootstrap_inner()
    File: "/opt/app/worker.py", line 55, in run
      self.lock.acquire()

    Process Process-1:
    Traceback (most recent call last):
      File "/usr/lib/python3.9/multiprocessing/queues.py", line 201, in _finalize_join
        thread.join()
    KeyboardInterrupt

The first has the innermost call first, the others last. None says what other threads there are: all are pieces. The traceback of an exception says
"most recent call last", too, and is none of these, but for that of Ctrl-C: it shows where the program stood when somebody lost patience.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import Parsed, Runtime, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.one_pass import read_by
from parsers.text.patterns import lazy
from parsers.text.python_frames import python_frame
from parsers.text.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.text.source import Section

NAME: Final = "python_traces"
SHOWS: Final = frozenset({Shows.THREADS})
HEADER: Final = r"(?!)"
_FRAME: Final = r"[ ]*File:?[ ]\"[^\"\n]{1,500}\", line \d"
_INTERRUPTED: Final = r"(?:Process [\w-]{1,80}:[ ]*\n)?(?:\^C)?Traceback \(most recent call last\):[ ]*\n(?=(?>(?:[ ]+[^\n]*+\n){2,90})KeyboardInterrupt[ ]*(?:\n|$))"
ROW_SHAPE: Final = rf"Traceback \(most recent call first\):[ ]*\n{_FRAME}|# ?Thread(?:ID)?:[ ]?[^\n]{{1,200}}\n{_FRAME}|{_INTERRUPTED}"
_first = lazy(r"\s*Traceback \(most recent call first\):\s*$").match
_stopped = lazy(r"\s*(?:\^C)?Traceback \(most recent call last\):\s*$").match
_process = lazy(r"\s*Process (?P<name>[\w-]{1,80}):\s*$").match
_interrupt = lazy(r"\s*KeyboardInterrupt\s*$").match
_headed = lazy(r"\s*# ?Thread(?:ID)?: ?(?P<name>[^\n(]{0,160}?)(?:\((?P<id>\d{1,20})\))?\s*$").match
_frame = lazy(r"\s*File:? \"(?P<file>[^\"\n]{1,500})\", line (?P<line>\d{1,9})(?:, in (?P<name>\S.{0,200}?))?\s*$").match
_code = lazy(r"\s+\S").match
_remark = lazy(
    r"\(gdb\) (?:py-bt|bt)|\[Thread debugging|0x[0-9a-f]{1,16} in |Using host libthread_db|\s*\(frame information optimized out\)"
).match


def sniff(head: Sequence[str]) -> bool:
    """True if a heading of either kind stands above a frame."""
    pairs = list(zip(head, head[1:], strict=False))  # noqa: RUF007 - as elsewhere
    if any((_first(one) or _headed(one)) and _frame(two) for one, two in pairs):
        return True
    return any(_stopped(one) and _frame(two) for one, two in pairs) and any(map(_interrupt, head))


def parse(section: Section) -> Parsed:
    """A piece of a dump with the threads that are printed."""
    return read_by(_Reader(section), section, "no line of a Python stack")


class _Reader:
    """One pass over a section: the threads so far, and the one whose frames are read."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.threads: list[Thread] = []
        self.records: list[ThreadDump] = []
        self.open: Stack | None = None
        self.name = ""
        self.innermost_first = True
        self.interrupted: bool | None = None
        """Whether Ctrl-C has ended the open traceback of an exception; None for stacks that are none."""
        self.process = ""

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of a stack, which ends there."""
        if _first(line) is not None:
            self._begin(index, "", innermost_first=True)
        elif (match := _headed(line)) is not None:
            self._begin(index, match["name"].strip() or match["id"] or "", innermost_first=False)
        elif (match := _process(line)) is not None:
            self._close()
            self.process = match["name"]
        elif _stopped(line) is not None:
            self._begin(index, self.process or "MainThread", innermost_first=False)
            self.interrupted, self.process = False, ""
        elif _interrupt(line) is not None:
            self.interrupted = True if self.interrupted is not None else None
            self._close()
        elif self.open is not None and (match := _frame(line)) is not None:
            self.open.frame(python_frame(match["file"], match["line"], match["name"] or "?"), index)
        elif self.open is None or not self.open.frames or _code(line) is None:
            self._close()
            return _remark(line) is not None
        else:
            self.open.reach(index)
        return True

    def _begin(self, index: int, name: str, *, innermost_first: bool) -> None:
        self._close()
        self.open, self.name, self.innermost_first, self.interrupted = Stack(self.section, index), name, innermost_first, None

    def _close(self) -> None:
        if self.open is not None and self.open.frames and self.interrupted is not False:
            thread = self.open.thread(name=self.name or f"thread {len(self.threads) + 1}")
            if not self.innermost_first:
                thread = replace(thread, frames=thread.frames[::-1], frame_lines=thread.frame_lines[::-1])
            self.threads.append(thread)
        self.open = None

    def end(self) -> None:
        """The last thread is whole: they are one piece of a dump."""
        self._close()
        if self.threads:
            first, last = self.threads[0].where.first, self.threads[-1].where.last
            where = self.section.where(first - self.section.first, last - self.section.first)
            self.records.append(ThreadDump(where=where, dialect=NAME, threads=tuple(self.threads), fragment=True, runtime=Runtime.PYTHON))
