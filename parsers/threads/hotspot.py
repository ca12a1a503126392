r"""Thread dumps of HotSpot, JDK 5 to 25: ``jstack``, ``jstack -l``, ``jcmd PID Thread.print``, ``kill -3`` inside a log.

    2026-11-23 12:27:08
    Full thread dump OpenJDK 64-Bit Server VM (17.0.15+6 mixed mode, sharing):

    "pool-1-thread-1" #25 prio=5 os_prio=0 cpu=10.73ms elapsed=5.76s tid=0x0000557bb7876c60 nid=0x619 runnable  [0x00007fa0bddaa000]
       java.lang.Thread.State: RUNNABLE
        at sun.nio.ch.SocketDispatcher.read0(java.base@17.0.15/Native Method)
        at com.example.Fetch.call(Fetch.java:13)

       Locked ownable synchronizers:
        - <0x00000000fa6e2390> (a java.util.concurrent.ThreadPoolExecutor$Worker)

    JNI global refs: 14, weak refs: 0

Header fields come from ``javaThread.cpp``, lock lines from ``vframe.cpp``. ``nid`` is hexadecimal up to JDK 20 and decimal later: only the
``0x`` tells. Lines that a log mixes in are unread, not lost. Names in the deadlock report are no threads.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

from parsers.records import Deadlock, JavaState, Parsed, Pid, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.source import LONGEST, Section, leftovers
from parsers.text.stack import with_holders
from parsers.threads.hotspot_deadlock import deadlock_at
from parsers.threads.hotspot_header import HINT, header_of, long_header
from parsers.threads.hotspot_thread import INSIDE, OpenThread, bare_frame, frames_of, line_fact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.records import Frame

NAME: Final = "hotspot"
SHOWS: Final = frozenset({Shows.THREADS})

# A dump begins with its header; in front of it may stand the pid (jcmd) and the time. In a log something stands before each. Every line of
# every file passes here: a line that is too long to hold only a time, or that does not end as one, is told before any search, and the search for
# the words goes from one F to the next.
HEADER: Final = (
    r"(?:\d+:[ ]*\n)?(?:(?=[^\n]{19,90}+(?<=[0-9 ])\n)[^\n]{0,60}?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[ ]*\n)?"
    r"(?!2XM)[^F\n]{0,120}+(?>(?:F(?!ull thread dump[ ])[^F\n]{0,120}+){0,8})Full thread dump[ ]"
)
# The agent (jhsdb) prints the same line above its own frames, and the VM's state below it; JRockit has id and idx in front of it.
ROW_SHAPE: Final = r"\"(?![^\n]{0,500}\"[ ](?:id=(?:\d+|\?)[ ]idx=0x|prio=\d+[ ]id=0x))[^\n]{0,1000}[ ]tid=(?:0x)?[0-9a-f]+(?![^\n]{0,200}\n[^\n]{0,200}\n[ ]*JavaThread state: _)"

DUMP_HEADER = re.compile(r"(?P<prefix>.*?)Full thread dump (?P<vm>.*\S)\s*$")
_TIME = re.compile(r".*?(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)\s*$")
_JCMD_PID = re.compile(r"(\d{1,10}):\s*$")
_PROMPT_PID = re.compile(r"\b(?:jstack|jcmd|kill)\b.*?\s(\d{1,10})\b")
_VERSION = re.compile(r"\((?:1\.)?(\d{1,9})")
_FIRST_WITH_END_MARK = 7  # JDK 5 and 6 do not always print "JNI global references"

# Dialects that have a line or two in common with HotSpot's: javacores and VisualVM print the header, jhsdb the threads' lines.
_other_dialect = re.compile(
    r'2XMFULLTHDDUMP|={3,} FULL THREAD DUMP|".{0,1000}" (?:- Thread t@\d+\s*$|(?:daemon )?(?:prio=\d{1,9} )?(?:[Ii]d[=:] ?\w|tid=0x\w{1,16} in ))|Attaching to |Deadlock Detection:|\s*JavaThread state: _|\s*- .{0,1000} @bci='
).match
_END_MARK = re.compile(r"JNI global ref(?:erence)?s")
_SMR = re.compile(r"Threads class SMR info:|_java_thread_list=|[\s{]*0x[0-9a-f]+(?:,|\s*$)|\}\s*$|\s*(?:_to_delete|_handshake)")
_HEAP = re.compile(r"Heap\s*$")  # kill -3 only; every collector describes its heap in its own indented lines
_MOUNTED = re.compile(r"\s+Mounted virtual thread #(\d{1,18})")
_EXCEPTION = re.compile(r"\w(?:Exception|Error|Throwable)\b|Caused by: ")
_HISTOGRAM = re.compile(
    r"\s*(?:num\s+#instances\s+#bytes\b|-{10,}\s*$|\d{1,9}:\s+\d+\s+\d+\s+\S|Total\s+\d+\s+\d+\s*$)"
)  # -XX:+PrintClassHistogram
_REPORT = re.compile(r"Java stack information for the threads listed above|=+\s*$|Found (?:a total of )?\d+ deadlocks?\.")
_waits_in_report = re.compile(r"\s*(?:in JNI, )?waiting (?:to lock (?:monitor |JVMTI |Monitor@)|for ownable synchronizer )").match
_NAME_LINES = 8  # a thread's name may hold line ends; more than this is no name


def sniff(head: Sequence[str]) -> bool:
    """True if a dump header or a thread header is among the lines."""
    if any(_other_dialect(line) for line in head):
        return False
    return any(
        "Full thread dump " in line
        or (line.startswith("Found ") and "Java-level deadlock" in line)
        or ('"' in line[:16] and (_waits_in_report(next_one) or header_of(line.lstrip(), next_one)))
        for line, next_one in zip(head, [*head[1:], ""], strict=False)
    )


def parse(section: Section) -> Parsed:
    """Read one dump (a section never holds two), or a piece of one without its header."""
    reader = _Reader(section)
    reader.run()
    gaps, elisions = leftovers(section, reader.unread)
    dump = reader.dump(elided=bool(elisions))
    return Parsed((dump, *elisions) if dump else elisions, reader.read + len(elisions), gaps)


class _Reader:
    """One pass over a section. Holds the dump so far and the thread that is open."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.lines = _without_prefix(section.lines)
        self.frames = frames_of(self.lines)
        """The frame on each line, None where there is another thing; a None more at the end."""
        self.read = 0
        self.unread: list[tuple[int, str]] = []
        self.threads: list[Thread] = []
        self.deadlocks: list[Deadlock] = []
        self.time: str | None = None
        self.vm: str | None = None
        self.pid: Pid | None = None
        self.ended = False
        self.open: OpenThread | None = None
        self.in_heap = False
        self.in_exception = False
        """True below an exception that a log mixed in: its frames are not the open thread's."""
        self.after_blank = False
        """True below a blank line, until a line of the open thread comes."""
        self.report_alone = False
        """True if the deadlock report is all there is of the dump: then its stacks are those of the threads."""

    def run(self) -> None:
        """Walk the lines; every non-blank one ends up in ``read`` or ``unread``."""
        index, lines, frames, printed = 0, self.lines, self.frames, self.section.lines
        while index < len(lines):
            line = lines[index]
            if frames[index] is not None and self.open is not None and not self.in_exception:
                # A run of frames, which is nearly all of a dump, is taken in one go.
                end = frames.index(None, index)
                self.open.take(cast("list[Frame]", frames[index:end]), self.section.first + index)
                self.read += end - index
                self.after_blank = False
                index = end
                continue
            if not line or line.isspace():
                # Blank behind a log's prefix: the line is not blank, and it was understood.
                if printed[index]:
                    self.read += self._nonblank(index, 1)
                self.in_exception = False
                self.after_blank = True
                index += 1
                continue
            taken = self._thread_line(index, line) or self._thread_header(index, line) or self._other(index, line)
            if taken:
                self.read += 1 if taken == 1 else self._nonblank(index, taken)
            else:
                self._stranger(line)
                self.unread.append((index, "not part of the thread dump" if self.ended or self.vm is None else "no line of a thread dump"))
            index += taken or 1
        self._close()

    def _stranger(self, line: str) -> None:
        """A line that is not understood. What may be the header of another thread ends the one above: its frames are not this one's."""
        if not line[0].isspace():
            self.in_exception = _EXCEPTION.search(line) is not None
        if self.open is not None and not self.in_exception and (self.after_blank or HINT.match(line)):
            self._close()

    def _nonblank(self, index: int, count: int) -> int:
        """How many of the lines as they stand in the file are not blank."""
        return sum(1 for text in self.section.lines[index : index + count] if text and not text.isspace())

    def dump(self, *, elided: bool) -> ThreadDump | None:
        """The dump, None if there was nothing of one."""
        if self.vm is None and not self.threads and not self.deadlocks:
            return None
        version = _VERSION.search(self.vm or "")
        prints_end = version is None or int(version[1]) >= _FIRST_WITH_END_MARK
        places = [thread.where for thread in self.threads]
        last = max((where.last for where in (*places, *(one.where for one in self.deadlocks))), default=self.section.first)
        pid = self.pid
        if pid is None and self.section.prompt and (match := _PROMPT_PID.search(self.section.prompt)):
            pid = Pid(int(match[1]))
        return ThreadDump(
            where=self.section.where(0, max(0, last - self.section.first)),
            dialect=NAME,
            threads=with_holders(self.threads),
            deadlocks=tuple(self.deadlocks),
            time=self.time,
            vm=self.vm,
            pid=pid,
            complete=False if elided else True if self.ended else False if self.vm is not None and prints_end else None,
            fragment=self.vm is None,
        )

    def _thread_line(self, index: int, line: str) -> int:
        """A line that belongs to the open thread: state, new frame, lock, synchronizer."""
        thread = self.open
        if thread is None or self.in_exception or not line.startswith(INSIDE):
            return 0
        if "Mounted" in line and (mounted := _MOUNTED.match(line)):
            # JDK 25 prints the virtual thread, which has no name, below the stack of the carrier that runs it.
            self._close()
            self.open = thread.mounted(int(mounted[1]), self.section.first + index)
            return 1
        known = line_fact(line)
        if known is None:
            return 0
        if isinstance(known, JavaState) and (thread.state is not None or thread.frames):
            # A second state is another thread's, whose header was lost: nobody knows whose frames follow.
            self._close()
            return 0
        thread.add(known, self.section.first + index)
        self.after_blank = False
        return 1

    def _thread_header(self, index: int, line: str) -> int:
        """A thread's header; its name may run over several lines."""
        text = line.lstrip()
        if not text.startswith('"'):
            return 0
        count = 1
        header = header_of(text, self.lines[index + 1] if index + 1 < len(self.lines) else "")
        if text is line:
            self.in_exception = self.in_heap = False
            # Only a name whose quote is still open runs on, and SAP's second line.
            runs_on = text.count('"') % 2 == 1 or (index + 1 < len(self.lines) and self.lines[index + 1].startswith("io="))
            while not header and runs_on and count < _NAME_LINES and index + count < len(self.lines) and "tid=" not in text:
                if header_of(self.lines[index + count]):
                    break  # a quoted line of a log, right above a thread
                text = f"{text}\n{self.lines[index + count]}"
                count += 1
                header = long_header(text) if "tid=" in text else None
        if not header:
            return 0
        self._close()
        self.in_exception = self.in_heap = self.after_blank = False
        self.open = OpenThread(self.section, self.section.first + index, self.section.first + index + count - 1, header)
        return count

    def _other(self, index: int, line: str) -> int:
        """Everything between threads: dump header, time, pid, SMR list, end mark, heap, deadlock report."""
        if "Full thread dump " in line and self.vm is None and (match := DUMP_HEADER.match(line)):
            self.vm = match["vm"].removesuffix(":")
            return 1
        if self.vm is None and not self.threads and self._above_header(line):
            return 1
        if (line.startswith("Found ") and "Java-level deadlock" in line) or self._report_without_title(index, line):
            self._close()
            self.report_alone = self.report_alone or not self.threads
            deadlocks, count = deadlock_at(self.section, self.lines, index, stacks=not self.report_alone)
            self.deadlocks.extend(deadlocks)
            return count
        if _REPORT.match(line):
            self._close()
            return 1
        if self.open is not None and not self.in_exception and (frame := bare_frame(line)):
            self.open.take((frame,), self.section.first + index)
            return 1
        if _END_MARK.match(line):
            self._close()
            self.ended = True
            return 1
        if _HEAP.match(line):
            self._close()
            self.in_heap = True
            return 1
        if self.in_heap and line[0] == " ":
            return 1
        return int(bool(_SMR.match(line) or _HISTOGRAM.match(line)))

    def _above_header(self, line: str) -> bool:
        """The pid, which jcmd prints, and the time."""
        if match := _JCMD_PID.match(line):
            self.pid = Pid(int(match[1]))
        elif match := _TIME.match(line):
            self.time = match[1].replace(" ", "T")
        else:
            return False
        return True

    def _report_without_title(self, index: int, line: str) -> bool:
        """True for the first thread of a deadlock report of which the line above it is lost."""
        return line[0] == '"' and index + 1 < len(self.lines) and _waits_in_report(self.lines[index + 1]) is not None

    def _close(self) -> None:
        if self.open is not None:
            self.threads.append(self.open.thread())
            self.open = None


def _without_prefix(lines: Sequence[str]) -> Sequence[str]:
    """The lines as the VM printed them, if a log put the same kind of prefix before each.

    The dump header tells the prefix: digits in it may change from line to line, the rest may not.
    """
    if max(map(len, lines), default=0) > LONGEST:
        lines = [line if len(line) <= LONGEST else "\N{REPLACEMENT CHARACTER}" for line in lines]
    header = next((match for line in lines[:4] if "Full thread dump " in line and (match := DUMP_HEADER.match(line))), None)
    if header is None or not header["prefix"]:
        return lines
    shape = re.compile(re.sub(r"\d+", r"\\d+", re.escape(header["prefix"])))
    # rsyslog writes a tab as #011.
    return [line[match.end() :].replace("#011", "\t", 1) if (match := shape.match(line)) else line for line in lines]
