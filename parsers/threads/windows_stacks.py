r"""Stacks of Windows' debuggers WinDbg and cdb: ``~*k`` in all its columns, with ``!locks``, ``!cs -l``, ``dt _RTL_CRITICAL_SECTION``, ``!handle``, ``!runaway`` and ``!analyze -hang``.

       4  Id: 2b8.1d3c Suspend: 1 Teb: 00000032`9c3f5000 Unfrozen "flusher"
     # Child-SP          RetAddr               Call Site
    00 00000032`9d2ff6a8 00007ffc`1f2a4d1e     ntdll!NtWaitForAlertByThreadId+0x14
    03 00000032`9d2ff780 00007ff7`02c41a93     ntdll!RtlEnterCriticalSection+0x42
    04 00000032`9d2ff7b0 00007ff7`02c41c10     ledger!Journal::Append+0x33 [d:\src\ledger\journal.cpp @ 77]
    CritSec ledger!g_journal+0 at 00007ff702c6a010
    OwningThread       11f8

The number behind the dot is the kernel's of the thread, in hexadecimal. Which critical section a thread waits for, its first argument tells, which 32-bit
stacks print (``kb``, ``kv``); on 64 bits an argument counts only where it is the address of a section that is printed. Else it is the only locked
section that the thread does not own, and the lock is marked as guessed. Windows runs DllMain, and the start and the end of every thread, under the loader
lock: its frames say who has it. Written after Microsoft's documentation, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import NativeId, Parsed, Pid, Runtime, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.one_pass import read_by
from parsers.text.patterns import lazy
from parsers.text.stack import Stack
from parsers.text.windows_frames import called, columns_of
from parsers.threads.critical_sections import Sections

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from parsers.text.source import Section

NAME: Final = "windows_stacks"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"(?!)"
_PLACE: Final = r"[0-9a-f]{8}(?:`?[0-9a-f]{8})?"
ROW_SHAPE: Final = (
    r"[.# ]{0,3}[ ]{0,4}\d{1,4}[ ]{1,4}Id: [0-9a-f]{1,8}\.[0-9a-f]{1,8} Suspend: "
    rf"|[ ]{{0,8}}(?:[0-9a-f]{{2,3}} )?(?:{_PLACE} {{1,8}}){{1,2}}(?::[^\n!]{{0,120}}: )?[A-Za-z][\w.]{{0,60}}![\w`?~<]"
    r"|CritSec \S{1,200} at [0-9a-f]{8,16}|DebugInfo {4,12}= 0x[0-9a-f`]{8,17}|\d{1,3}:\d{3}(?::x86)?> ?(?:~(?![^\n]{0,60}!(?:clrstack|dumpstack|eestack|syncblk|threads|pe\b))|k|!locks|!cs|!runaway|!analyze|!handle|!critsec|dt [^\n]{0,60}RTL_CRITICAL_SECTION)"
    r"|DERIVED_WAIT_CHAIN:"
)

_thread = lazy(
    r"[.# ]{0,3}\s{0,4}(?P<number>\d{1,4})\s{1,4}Id: (?P<pid>[0-9a-f]{1,8})\.(?P<tid>[0-9a-f]{1,8}) Suspend: -?\d{1,4} Teb: \S{1,20}(?: \w{1,20})?(?:\s{1,4}\"(?P<name>[^\"\n]{0,200})\")?"
).match
_prompt = lazy(r"\d{1,3}:(?P<thread>\d{3})(?::\w{1,6})?>\s{0,4}(?P<command>[^\n]*?)\s*$").match
_switch = lazy(r"~(?P<thread>\d{1,4})(?:s\b|\s{0,2}k|\s{0,2}e\b)").search
_stack = lazy(r"(?:^|[;\s~*\d])k[bcpPnvfL]{0,4}(?:\s|;|$)").search
_heading = lazy(
    r"\s*(?:#\s+)?(?:Memory\s+)?(?:Child-?SP\s+RetAddr|ChildEBP\s+RetAddr|RetAddr\s*:?\s+(?:Args to Child|Call Site)|Call Site\s*$|Child-?SP\b)"
).match
_cpu = lazy(
    r"\s*(?P<number>\d{1,4}):(?P<tid>[0-9a-f]{1,8})\s+(?P<days>\d{1,5}) days (?P<h>\d{1,2}):(?P<m>\d\d):(?P<s>\d\d(?:\.\d{1,6})?)\s*$"
).match
_mode = lazy(r"\s*(?P<mode>User Mode|Kernel Mode|Elapsed) Time\s*$").match
_remark = lazy(
    r"\s*(?:\w{2,4}=[0-9a-f]{4,16}\b|(?:[\w.]{1,60}![^\n]{1,200}|[\w.]{1,60}\+0x[0-9a-f]{1,8}):\s*$|[0-9a-f`]{8,17} [0-9a-f]{2,30} {1,20}[a-z]{2,8}\b|Thread\s+Time\s*$"
    r"|\*\*\* (?:WARNING|ERROR)|Loading |Symbol search path|Executable search path|WARNING: (?:Stack unwind|Frame IP)|Windows \d|Machine Name|System Uptime|Process Uptime"
    r"|[A-Z_]{6,40}:(?:\s|$)|-{3,}|\*{5,}|\d{1,6} critical sections? scanned|Scanned \d{1,6} critical sections|Dl Eid Cid|-- --- ---|iopl=|Total \d+\b|(?:cs|ds)=)"
).match


def sniff(head: Sequence[str]) -> bool:
    """True if a thread's header, a call with its module, a critical section or a chain of waits is among the lines."""
    return any(
        _thread(line) or _framed(line) or "CritSec " in line or "_WAIT_CHAIN" in line or "Critical section   =" in line for line in head
    )


def parse(section: Section) -> Parsed:
    """Read the threads of one program."""
    return read_by(_Reader(section), section, "no line of WinDbg's")


def _framed(line: str) -> bool:
    found = columns_of(line)
    return found is not None and bool(found.columns) and "!" in found.rest


class _Reader:
    """One pass over a section: the threads so far, the one whose calls are read, and what is told of critical sections."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.records: list[ThreadDump] = []
        self.known: dict[int, tuple[NativeId, str]] = {}
        """Threads by the debugger's number: the kernel's number, and the name."""
        self.stacks: list[tuple[Stack, int | None]] = []
        self.open: Stack | None = None
        self.chosen: int | None = None
        self.pid: Pid | None = None
        self.listed: list[int] = []
        self.asked = False
        self.user_time = False
        self.cpu: dict[int, float] = {}
        self.sections = Sections(section)

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of WinDbg's."""
        if (match := _thread(line)) is not None:
            self._start(index, match)
        elif (match := _prompt(line)) is not None:
            self._ask(match)
        elif self.sections.take(index, line):
            self.open = None
        elif (match := _cpu(line)) is not None:
            if self.user_time:
                self.cpu[int(match["tid"], 16)] = ((int(match["days"]) * 24 + int(match["h"])) * 60 + int(match["m"])) * 60 + float(
                    match["s"]
                )
        elif (match := _mode(line)) is not None:
            self.user_time = match["mode"] == "User Mode"
        elif _heading(line) is not None:
            self.asked = True
            if self.open is not None and self.open.frames:
                self.open = None
        elif not self._call(index, line):
            return _remark(line) is not None
        return True

    def _start(self, index: int, match: re.Match[str]) -> None:
        number, tid = int(match["number"]), NativeId(int(match["tid"], 16))
        self.pid = Pid(int(match["pid"], 16))
        self.known[number] = tid, match["name"] or f"thread {number}"
        self.listed.append(number)
        self.chosen, self.open = number, Stack(self.section, index)
        self.stacks.append((self.open, number))

    def _ask(self, match: re.Match[str]) -> None:
        """Somebody asks the debugger, which is at a thread; another one may be named."""
        command = match["command"]
        named = _switch(command)
        self.open, self.user_time = None, False
        self.chosen = int(named["thread"]) if named is not None else int(match["thread"])
        self.asked = _stack(command) is not None
        self.sections.asked(command)

    def _call(self, index: int, line: str) -> bool:
        found = columns_of(line)
        if found is None or ("!" not in found.rest and "+0x" not in found.rest and not found.rest.startswith("0x")):
            return False
        if self.open is None and not (self.asked or found.columns):
            return False
        first = found.number is not None and int(found.number, 16) == 0
        if self.open is None or (first and self.open.frames):
            self.open = Stack(self.section, index)
            self.stacks.append((self.open, self.chosen))
        frame = called(found.rest)
        self.open.frame(frame, index)
        self.sections.call(self.open, frame, found, index)
        return True

    def end(self) -> None:
        """The program is whole: who waits for whom is known only now."""
        longest: dict[object, tuple[Stack, int | None]] = {}
        for at, (stack, number) in enumerate(self.stacks):
            key: object = number if number is not None else -1 - at
            if stack.frames and (key not in longest or len(stack.frames) > len(longest[key][0].frames)):
                longest[key] = stack, number
        waiting = {tid: stack for stack, number in longest.values() if (tid := self._tid(number)) is not None}
        alone = [stack for stack, number in longest.values() if self._tid(number) is None]
        numbered = {}
        for number, tid, line in self.sections.chained():
            waiting.setdefault(tid, Stack(self.section, line))
            numbered[tid] = f"thread {number}"
        self.sections.tie(waiting, alone)
        names = numbered | dict(self.known.values())
        threads: list[Thread] = []
        for tid, stack in waiting.items():
            threads.append(stack.thread(name=names[tid], native_id=tid, cpu=self.cpu.get(int(tid))))
        for at, stack in enumerate(alone):
            number = next((number for one, number in longest.values() if one is stack), None)
            threads.append(stack.thread(name=f"thread {number if number is not None else at}"))
        if not threads:
            return
        threads.sort(key=lambda thread: thread.where.first)
        first, last = threads[0].where.first, max(thread.where.last for thread in threads)
        where = self.section.where(first - self.section.first, last - self.section.first)
        whole = self.listed and sorted(set(self.listed)) == list(range(max(self.listed) + 1)) and len(waiting) >= len(set(self.listed))
        self.records.append(
            ThreadDump(where=where, dialect=NAME, threads=tuple(threads), pid=self.pid, runtime=Runtime.NATIVE, fragment=not whole)
        )

    def _tid(self, number: int | None) -> NativeId | None:
        return self.known[number][0] if number is not None and number in self.known else None
