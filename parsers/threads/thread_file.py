r"""Thread files of ``jcmd PID Thread.dump_to_file``, JDK 21 to 27, as text and as JSON (``-format=json``, see :mod:`parsers.threads.thread_file_json`).

    4125
    2026-11-23T14:14:04.338278458Z
    25.0.2+10-LTS

    #12 "Finalizer" WAITING 2026-11-23T14:14:04.351099534Z
        at java.base/java.lang.Object.wait0(Native Method)
        - waiting on <java.lang.ref.ReferenceQueue$Lock@4df631ca>
        at java.base/java.lang.ref.ReferenceQueue.remove(Unknown Source)
        - locked <java.lang.ref.ReferenceQueue$Lock@4df631ca>

    #25 "" virtual WAITING 2026-11-23T14:14:04.355910893Z
        at java.base/jdk.internal.misc.Unsafe.park(Native Method)
        - parking to wait for <java.util.concurrent.locks.ReentrantLock$NonfairSync@1936f0f5>, owner #34

The one dump that has virtual threads which are not mounted. Written by Java code (``jdk.internal.vm.ThreadDumper``) while the threads run
on: no moment in common, no native ids, no CPU; objects are named by their identity hash. JDK 21 to 24 print neither states nor locks, and
frames without ``at``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.records import LockVerb, Parsed, Pid, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.grammar import JAVA_STATES, LOCK_VERBS
from parsers.text.patterns import lazy
from parsers.text.source import LONGEST, Section, leftovers
from parsers.text.stack import NAME_LINES, Stack, frame_of, identity, iso_time, joined, with_holders
from parsers.threads.thread_file_json import is_json, json_dump

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "thread_file"
SHOWS: Final = frozenset({Shows.THREADS})

_INSTANT: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z"
HEADER: Final = rf"\d{{1,10}}[ ]*\n{_INSTANT}[ ]*\n\d[^\n]*\n(?:[ ]*\n)*(?:Thread )?#\d|\{{\s{{0,20}}\"threadDump\"[ ]?:"
ROW_SHAPE: Final = (
    r"(?:Thread )?#\d{1,18}[ ]\"[^\n]{0,1000}\"(?:[ ](?:virtual|VIRTUAL))?(?:[ ][A-Z_]{3,13})?(?:[ ]\d{4}-\d\d-[^\n]{1,30})?[ ]*$"
)

THREAD = lazy(
    r'(?:Thread )?#(?P<tid>\d{1,18}) "(?P<name>.*)"(?P<virtual> virtual| VIRTUAL)?(?: (?P<state>[A-Z_]{3,13}))?'
    rf"(?: {_INSTANT})?\s*$",
    flags=re.DOTALL,
)
LOCK = lazy(
    r"\s+- (?:(?P<verb>locked|waiting on|waiting to lock|parking to wait for) <(?P<object>[^>]*)>(?:, owner #(?P<owner>\d{1,18}))?"
    r"|(?P<eliminated>lock is eliminated))\s*$"
)
_thread = THREAD.match
_lock = LOCK.match
_begins_thread = lazy(r'(?:Thread )?#\d{1,18} "').match
_version = lazy(r"\d[\w.+-]*\s*$").match


def sniff(head: Sequence[str]) -> bool:
    """True if a thread's line, or the beginning of the JSON form, is among the lines."""
    return any(_begins_thread(line) and _thread(line) for line in head) or is_json(head)


def parse(section: Section) -> Parsed:
    """Read one dump in either form."""
    if is_json([line for _, line in zip(range(3), section.lines, strict=False)]):
        return json_dump(section, NAME)
    reader = _Reader(section)
    for index, line in section.rows():
        if index >= reader.next:
            reader.take(index, line)
    gaps, elisions = leftovers(section, reader.unread)
    dump = reader.dump(elided=bool(elisions))
    return Parsed((dump, *elisions) if dump else elisions, reader.read + len(elisions), gaps)


class _Reader:
    """One pass over the text form. ``next`` is the first line that is not taken yet."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.lines = section.lines
        self.next = self.read = 0
        self.unread: list[tuple[int, str]] = []
        self.threads: list[Thread] = []
        self.open: Stack | None = None
        self.header: re.Match[str] | None = None
        self.pid: Pid | None = None
        self.time: str | None = None
        self.vm: str | None = None

    def take(self, index: int, line: str) -> None:
        """Take a line, with the ones that belong to a name of several lines."""
        count = self._inside(index, line) or self._thread(index, line) or self._preamble(line)
        self.next = index + max(count, 1)
        if count:
            self.read += sum(1 for text in self.lines[index : index + count] if text and not text.isspace())
        else:
            self.unread.append((index, "no line of a thread file"))

    def _inside(self, index: int, line: str) -> int:
        """A frame or a lock of the open thread."""
        stack = self.open
        if stack is None or not line[0].isspace():
            return 0
        if match := _lock(line):
            if match["eliminated"]:
                stack.lock(LockVerb.ELIMINATED, None, None, index)
            else:
                owner = match["owner"]
                stack.lock(LOCK_VERBS[match["verb"]], *identity(match["object"]), index, owner=int(owner) if owner else None)
            return 1
        frame = frame_of(line)
        if frame is None:
            return 0
        stack.frame(frame, index)
        return 1

    def _thread(self, index: int, line: str) -> int:
        """A thread's line; its name may run over several lines."""
        if not _begins_thread(line):
            return 0
        for count in range(1, min(NAME_LINES, len(self.lines) - index) + 1):
            text = joined(self.lines, index, count)
            if len(text) > LONGEST:
                break
            match = _thread(text)
            if not match and count > 1 and _begins_thread(self.lines[index + count - 1]):
                break  # the next thread; this one's line has something that is not known
            if match:
                self._close()
                self.open, self.header = Stack(self.section, index, index + count - 1), match
                return count
        return 0

    def _preamble(self, line: str) -> int:
        """Pid, time and version, which stand above the first thread."""
        if self.threads or self.open:
            return 0
        text = line.strip()
        if self.pid is None and text.isascii() and text.isdigit() and len(text) <= len(str(2**22)):
            self.pid = Pid(int(text))
        elif self.time is None and re.fullmatch(_INSTANT, text):
            self.time = iso_time(text)
        elif self.time and self.vm is None and _version(text):
            self.vm = text
        else:
            return 0
        return 1

    def _close(self) -> None:
        header = self.header
        if self.open is None or header is None:
            return
        self.threads.append(
            self.open.thread(
                name=header["name"],
                java_id=int(header["tid"]),
                virtual=header["virtual"] is not None,
                state=JAVA_STATES.get(header["state"] or ""),
            )
        )

    def dump(self, *, elided: bool) -> ThreadDump | None:
        """The dump, None if there was nothing of one."""
        self._close()
        if not self.threads and self.vm is None:
            return None
        last = self.threads[-1].where.last - self.section.first if self.threads else 0
        return ThreadDump(
            where=self.section.where(0, last),
            dialect=NAME,
            threads=with_holders(self.threads),
            time=self.time,
            vm=self.vm,
            pid=self.pid,
            complete=False if elided else None,
            fragment=self.vm is None,
        )
