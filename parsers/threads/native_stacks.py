r"""Stacks of native threads: gdb's ``thread apply all bt``, ``pstack``, ``gstack``, ``eu-stack``, and ``info threads``.

    Thread 7 (Thread 0x7f31f4b386c0 (LWP 9312) "worker-5"):
    #0  __libc_recv (flags=<optimized out>, len=4096, buf=0x7f31f4b35df0, fd=17) at ../sysdeps/unix/sysv/linux/recv.c:28
    #2  0x000055f9c1fa03c7 in read_reply (backend_fd=17) at orderd.cpp:20
    [Inferior 1 (process 9305) detached]

eu-stack writes ``PID 9305 - process``, ``TID 9307:`` and frames without arguments; ``info threads`` a table with the top frame of each. The kernel's number
of a thread is its LWP or TID. A frame of the C library with ``fd=`` tells which descriptor the thread waits for: a record of its own. Functions
get the library they are of as class: that behind ``from``, the C library for its own and for reserved names (two underscores), else none. Captured from gdb 13 and elfutils 0.188.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import Descriptor, Frame, Lock, LockVerb, NativeId, Parsed, Pid, Record, Runtime, TaskSyscall, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.native_frames import INNERMOST, call_of, native_frame
from parsers.text.one_pass import read_by
from parsers.text.patterns import lazy
from parsers.text.stack import Stack, with_holders
from parsers.text.told_threads import stands_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.records import Where
    from parsers.text.source import Section

NAME: Final = "native_stacks"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"PID \d{1,10} - (?:process|core)"
ROW_SHAPE: Final = (
    r"Thread \d{1,7} \((?:Thread|LWP|process) |TID \d{1,10}:[ ]*$|\[New (?:LWP|Thread) |\[Thread debugging using |\[Switching to thread \d|[ ]{2}Id +Target Id +Frame"
    r"|#\d{1,4} {1,3}(?:0x[0-9a-f]{6,16}(?: in)? |[\w:~]+ \()"
    r"|[* ]{0,4}\d{1,7} {1,4}Thread (?:0x)?[0-9a-f]{4,16} \(LWP \d{1,10}\)[ \"]"
)

_thread = lazy(
    r'(?:\[Switching to thread \d{1,7} \(|Thread \d{1,7} \()(?:(?:Thread (?:0x)?[0-9a-f]{1,16} )?\(?(?:LWP|process) (?P<lwp>\d{1,10})(?:/[^()"]{1,40})?(?: of process \d{1,10})?\)?|Thread 0x[0-9a-f]{1,16})'
    r'(?: "(?P<name>[^"]*)")?\)\]?:?\s*$'
).match
_alike = lazy(
    r"Thread \d{1,7} \((?:Thread 0x[0-9a-f]{1,16} \()?LWP (?P<lwp>\d{1,10})\)?(?: \"(?P<name>[^\"]*)\")?\)?:?[\s,.(\[-]{1,8}(?:the |exactly ){0,2}(?:same|identical|ditto|as above)\b(?P<words>[^\n]{0,160})$",
    flags=re.IGNORECASE,
).match
"""A header with words in place of a stack: ``Thread 5 (LWP 29):  same as thread 6``."""
_several = lazy(
    r"Threads? (?P<numbers>\d{1,7}(?:(?:,| and|, and| ?&) (?:Thread )?\d{1,7}){0,63})[\s:,.(\[-]{1,8}(?:the |exactly |are |all |stand |look ){0,3}(?:same|identical|ditto|as above)\b(?P<words>[^\n]{0,160})$",
    flags=re.IGNORECASE,
).match
"""The same for several, of which nobody kept the header: ``Thread 3, Thread 2: same as Thread 4``."""
_each = lazy(r"\d{1,7}").findall
_debuggers = lazy(r"Thread (?P<number>\d{1,7}) ").match
_meant = lazy(r"(?:[^\d#]{0,30}\bthread |\s{0,3}(?:as|to|of) #?(?=\d{1,7}[\s.)\],]{0,4}$))(?P<number>\d{1,7})\b").match
_tid = lazy(r"TID (?P<lwp>\d{1,10}):\s*$").match
_pid = lazy(
    r"(?:PID (?P<eu>\d{1,10}) - (?:process|core)|\[Inferior \d{1,4} \(process (?P<inferior>\d{1,10})\) (?P<end>detached|exited)|Attaching to process (?P<attach>\d{1,10}))"
).match
_frame = lazy(r"#(?P<number>\d{1,4}) {1,3}(?:0x(?P<pc>[0-9a-f]{1,16})(?: in)?(?: +- 1)?)?\s*(?P<rest>.*?)\s*$").match
_top = lazy(r"#0  (?:[\w:~@]{1,200}|<signal handler called>)(?: \([^\n]*\)(?: (?:at|from) \S+)?)?\s*$").match
_called_from = lazy(r"#1  (?:0x[0-9a-f]{6,16} in \S|[\w:~@]{1,200} \([^\n]*\) at \S+:\d{1,7}\s*$)").match
"""One stack without a header: the innermost function, which gdb prints without an address where it stands at a line, and who called it.

Where the innermost function was inlined, its caller has no address either, but a source line.
"""
_info = lazy(
    r'[* ]{0,4}(?P<number>\d{1,7}) +(?:Thread (?:0x)?[0-9a-f]{1,16} \()?LWP (?P<lwp>\d{1,10})(?:/[^()"]{1,40})?(?: of process \d{1,10})?\)?(?: "(?P<name>[^"]*)")? +(?:0x[0-9a-f]{1,16} in )?(?P<rest>\S.*?)\s*$'
).match
_prompt = lazy(r"\(gdb\)\s*(?P<command>.*?)\s*$").match
_chosen = lazy(r"t(?:hr(?:ead)?)? (?P<number>\d{1,7})$").match
_backtrace = lazy(r"(?:bt|backtrace|where)(?: (?:full|-?\d{1,4}))?$").match
_printed = lazy(r"(?:p|print|output|x)(?:/\w+)? +(?P<expression>\S.{0,200}?)\s*$").match
_owner = lazy(r"\b(?:__owner|m_owner) = (?P<owner>-?\d{1,10})\b").search
_value = lazy(r"\$\d{1,5} = (?P<owner>-?\d{1,10})\s*$").match
_shown_thread = lazy(
    r"Thread \d{1,7} has target id |\$\d{1,5} = |[ {}]*__(?:data|size|align|lock|count|owner|nusers|kind|spins|elision|list|prev)\b|\s{0,8}\}"
).match
_word = lazy(r"[A-Za-z_]\w*|0x[0-9a-f]{1,16}").findall
_CONTESTED: Final = 0x7FFFFFFF
"""FreeBSD marks a lock that others wait for in the highest bit of its owner."""
_columns = lazy(r"\s*Id +Target Id +Frame").match
_remark = lazy(
    r"\[(?:New |Thread debugging|Switching|Current thread)|Using host libthread_db|0x[0-9a-f]{1,16} in \S|\d{1,7}\t|Backtrace stopped|\(More stack frames|warning: "
    r"|__\w+ \(|\s+(?:No locals|[A-Za-z_]\w* = )|Reading symbols|GNU gdb|Core was generated|Program terminated|\$1 = |Quit\b|A debugging session|Inferior 1|Detaching from program"
).match
_number = lazy(r"(?<![\w])(?:\w*fd|sock|socket|s)=(?P<fd>\d{1,9})\b")
_LOCKS: Final = {
    "pthread_mutex_lock": "pthread_mutex_t",
    "pthread_mutex_timedlock": "pthread_mutex_t",
    "pthread_rwlock_rdlock": "pthread_rwlock_t",
    "pthread_rwlock_wrlock": "pthread_rwlock_t",
}
"""Functions that wait for a lock, whose first argument it is (with glibc's debug symbols), and the lock's type."""
_lock = lazy(r"^\((?:mutex|rwlock)=(?:\w+@entry=)?(?P<address>0x[0-9a-f]{1,16})(?: <(?P<name>[^<>]{1,200})>)?")
_mutex = lazy(r"(?:\b__mutex=|^\(this=)(?P<address>0x[0-9a-f]{1,16})\b").search
"""The mutex as the C++ library hands it down to a libc without debug symbols."""
_object = lazy(r"^\((?:this|self|\w{1,40})=(?:\w+@entry=)?(?P<address>0x[0-9a-f]{1,16})\b").search
"""The object whose method takes a lock: its first argument."""
_TAKES: Final = frozenset({"__gthread_mutex_lock", "__gthread_recursive_mutex_lock", "lock", "??"})


def sniff(head: Sequence[str]) -> bool:
    """True if a thread's header, a list of threads or a frame with an address is among the lines."""
    return any(
        _thread(line)
        or _tid(line)
        or (_columns(line) and "Target Id" in line)
        or _info(line)
        or ((match := _frame(line)) and match["pc"] and match["number"] == "0" and match["rest"])
        for line in head
    ) or (any(map(_top, head)) and any(map(_called_from, head)))


def parse(section: Section) -> Parsed:
    """Read every process of a section: gdb may be run for several, one after the other."""
    return read_by(_Reader(section), section, "no line of a native stack")


class _Reader:
    """One pass over a section: the processes so far, and the open thread of the open process."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.records: list[Record] = []
        self._reset()

    def _reset(self) -> None:
        self.threads: list[Thread] = []
        self.calls: list[tuple[Where, NativeId, str | None, int | None, str | None]] = []
        self.number: int | None = None
        self.pid: Pid | None = None
        self.open: Stack | None = None
        self.lwp: NativeId | None = None
        self.name = ""
        self.last = 0
        self.numbers: dict[str, str] = {}
        """The debugger's own number of each listed thread, and the kernel's."""
        self.header, self.stands = "", False
        """The line that the open thread began with, and whether words stand in place of its stack."""
        self.stacks: dict[str, Thread] = {}
        """Threads by the debugger's own number."""
        self.chosen: str | None = None
        """The thread that somebody switched to, where the debugger's answer is not here."""
        self.starred: tuple[str, Frame] | None = None
        """The thread that the list marks as the debugger's own, and where it stood: a stack without a header is its."""
        self.expression = ""
        """What somebody asked the debugger to print last."""
        self.objects: dict[int, str] = {}
        """The line of a thread that waits for a lock of which no address is printed, and the object whose method takes it."""
        self.owners: list[tuple[NativeId, str, str]] = []
        """Owners of locks that the debugger printed: who, by which expression, and the address of the lock that its thread waited for."""

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of a stack."""
        if (begins := self._begin(index, line)) is not None:
            if not begins:
                return False
        elif (match := _info(line)) is not None:
            self._list(index, match, marked=line.lstrip().startswith("*"))
        elif (match := _frame(line)) and (match["pc"] or match["rest"]):
            if self.open is not None and match["number"] == "0" and len(self.open.frames) == 1:
                # "thread 2" shows the innermost frame, and "bt" shows it again.
                self.open.frames.clear()
                self.open.frame_lines.clear()
            if self.open is None or (match["number"] == "0" and self.open.frames):
                self._start(index, self.chosen or self._marked(match["rest"]), None)
            self._add(index, match["rest"])
        elif match := _prompt(line):
            self._ask(match["command"])
        elif (owner := _owner(line) or (_value(line) if self.expression.endswith("owner") else None)) is not None:
            self._owned(int(owner["owner"]) & _CONTESTED)
        elif not _remark(line) and not _columns(line) and not _shown_thread(line):
            return False
        self.last = index
        return True

    def _begin(self, index: int, line: str) -> bool | None:
        """True for the header of a thread or a process, False for words that stand for the stack of the open one; None for any other line."""
        if match := _thread(line) or _tid(line):
            self._start(index, match["lwp"], match.groupdict().get("name"))
            self.header = match[0]
        elif match := _pid(line):
            self._process(match)
        elif match := _alike(line):
            self._copy(index, match["lwp"], match["name"], match)
        elif match := _several(line):
            for number in _each(match["numbers"]):
                if number not in self.stacks:
                    self._copy(index, self.numbers.get(number), None, match)
        elif self.open is not None and not self.open.frames and stands_for(line) is not None:
            self.open.reach(index)
            self.stands = True
            return False  # whose stack is meant, the whole text tells
        else:
            return None
        return True

    def _copy(self, index: int, lwp: str | None, name: str | None, match: re.Match[str]) -> None:
        """A thread of which words say that its stack is another's: the one that the words name, else the one above."""
        self._close()
        meant = _meant(match["words"])
        source = self.stacks.get(meant["number"]) if meant is not None else next(iter(reversed(self.stacks.values())), None)
        self._start(index, lwp, name or (source.name if source is not None else None))
        self.header = match[0]
        if source is not None and self.open is not None:
            for frame in source.frames:
                self.open.frame(frame, index)
        self._close()

    def _list(self, index: int, match: re.Match[str], *, marked: bool) -> None:
        """A row of the list of threads, which shows where each stands."""
        self.numbers[match["number"]] = match["lwp"]
        self._start(index, match["lwp"], match["name"] or _nameless(int(match["number"])))
        self._add(index, match["rest"])
        if marked and self.open is not None and self.open.frames:
            self.starred = match["lwp"], self.open.frames[0]
        self._close()

    def _ask(self, command: str) -> None:
        """Somebody asked the debugger for something."""
        asked = _printed(command)
        self.expression = asked["expression"] if asked is not None else ""
        chosen = _chosen(command)
        self.chosen = self.numbers.get(chosen["number"]) if chosen is not None else self.chosen
        if self.starred is not None and self.chosen is None and _backtrace(command):
            self.chosen = self.starred[0]

    def _process(self, match: re.Match[str]) -> None:
        if match["eu"] or match["attach"]:
            self.end()
        self.pid = Pid(int(match["eu"] or match["inferior"] or match["attach"]))
        if match["end"]:
            self.end()

    def _start(self, index: int, lwp: str | None, name: str | None) -> None:
        self._close()
        self.open = Stack(self.section, index)
        self.lwp, self.name, self.number = NativeId(int(lwp)) if lwp else None, name or "", None

    def _add(self, index: int, rest: str) -> None:
        stack = self.open
        if stack is None:
            return
        frame, arguments = native_frame(rest)
        if frame.method == "??" and not stack.frames and (frame.source or "").startswith("libthr"):
            return  # FreeBSD's own wait, without a name
        if (
            frame.cls == "libc"
            and self.number is None
            and all(one.cls == "libc" for one in stack.frames)
            and (match := _number.search(arguments))
        ):
            self.number = int(match["fd"])
        # gdb prints a wrapper twice where it was inlined into itself.
        if not (stack.frames and stack.frames[-1].full == frame.full and frame.cls == "libc"):
            stack.frame(frame, index)
        if frame.cls == "libc" and frame.method in _LOCKS and not stack.locks and (held := _lock.search(arguments)):
            stack.lock(LockVerb.WAITING_TO_LOCK, held["address"], held["name"] or _LOCKS[frame.method], index, depth=0)
        elif not stack.locks and frame.method in _TAKES and _waits_for_lock(stack) and (held := _mutex(arguments or rest)):
            stack.lock(LockVerb.WAITING_TO_LOCK, held["address"], "pthread_mutex_t", index, depth=0)
        elif (
            not stack.locks
            and frame.cls != "libc"
            and all(one.cls == "libc" for one in stack.frames[:-1])
            and _waits_for_lock(stack)
            and (held := _object(arguments))
        ):
            self.objects[self.section.where(stack.first).first] = held["address"]
        stack.reach(index)

    def _marked(self, rest: str) -> str | None:
        """The thread that the list marks, for a stack without a header that begins where that thread stood; only the first such stack is sure to be its."""
        starred, self.starred = self.starred, None
        return starred[0] if starred is not None and native_frame(rest)[0].full == starred[1].full else None

    def _owned(self, lwp: int) -> None:
        """The debugger printed a lock's owner: of the lock that is named, else of the one that the thread at hand waits for."""
        waits = next((lock.address for lock in self.open.locks if lock.address), None) if self.open is not None else None
        if lwp:
            self.owners.append((NativeId(lwp), self.expression, waits or ""))

    def _with_owners(self) -> tuple[Thread, ...]:
        """Each thread once, with the longest of its stacks; and those that wait for a lock with its owner, as the debugger printed it."""
        longest: dict[object, Thread] = {}
        for at, thread in enumerate(self.threads):
            key = thread.native_id if thread.native_id is not None else at
            known = longest.get(key)
            if known is None or len(thread.frames) > len(known.frames):
                longest[key] = thread
        named = {one.native_id: one.name for one in self.threads if one.native_id is not None and one.name != _nameless(one.native_id)}
        threads = [
            replace(one, name=named[one.native_id]) if one.native_id in named and one.name == _nameless(one.native_id) else one
            for one in longest.values()
        ]
        if self.owners:
            threads = _told_apart(threads)
        names = {thread.native_id: thread.name for thread in threads if thread.native_id is not None}
        for owner, expression, waits in self.owners:
            words = set(_word(expression)) - set(_LOCKS.values())
            told = any(lock.address in words for thread in threads for lock in thread.locks)
            places = words if told else words | {waits}
            if not told and not waits and self._printed_of(words) == 1:
                self._take_from_object(threads, words, expression)
                places.add(expression)
            for at, thread in enumerate(threads):
                locks = tuple(
                    replace(lock, holder=names.get(owner, f"LWP {owner}"))
                    if lock.address in places or (lock.cls in words and lock.cls)
                    else lock
                    for lock in thread.locks
                )
                threads[at] = replace(thread, locks=locks)
        return with_holders(threads) if self.owners else tuple(threads)

    def _printed_of(self, words: set[str]) -> int:
        """Of how many locks of the same object the owner was printed."""
        addresses = {word for word in words if word.startswith("0x")}
        return len({other for _, other, _ in self.owners if addresses & set(_word(other))})

    def _take_from_object(self, threads: list[Thread], words: set[str], expression: str) -> None:
        """Threads that wait in a method of the object whose only printed lock this is wait for that lock."""
        for at, thread in enumerate(threads):
            if not thread.locks and self.objects.get(thread.where.first) in words:
                lock = Lock(LockVerb.WAITING_TO_LOCK, expression, "pthread_mutex_t", 0, thread.where.first)
                threads[at] = replace(thread, locks=(lock,))

    def _close(self) -> None:
        if self.open is not None and (self.open.frames or self.stands):
            name = self.name or _nameless(self.lwp if self.lwp is not None else len(self.threads) + 1)
            self.threads.append(self.open.thread(name=name, native_id=self.lwp))
            if self.lwp is not None:
                where = self.section.where(self.open.first)
                self.calls.append((where, self.lwp, *call_of(self.open.frames, self.number)))
            if self.open.frames and (number := _debuggers(self.header)) is not None:
                self.stacks[number["number"]] = self.threads[-1]
        self.open, self.stands, self.header = None, False, ""

    def end(self) -> None:
        """Close the process that is open."""
        self._close()
        if self.threads:
            lwps = [thread.native_id for thread in self.threads if thread.native_id is not None]
            pid = self.pid if self.pid is not None else Pid(min(lwps)) if lwps else None
            first = self.threads[0].where.first - self.section.first
            self.records.append(
                ThreadDump(
                    where=self.section.where(first, max(first, self.last)),
                    dialect=NAME,
                    threads=self._with_owners(),
                    pid=pid,
                    runtime=Runtime.NATIVE,
                )
            )
            for place, lwp, call, number, caller in self.calls if pid is not None else ():
                waits = (Descriptor(number),) if number is not None else None
                self.records.append(
                    TaskSyscall(where=place, pid=pid or Pid(0), native_id=lwp, call=call, descriptor=number, waits_for=waits, caller=caller)
                )
        self._reset()


def _nameless(number: int) -> str:
    return f"thread {number}"


def _told_apart(threads: Sequence[Thread]) -> list[Thread]:
    """The threads, those of equal names with the kernel's number: a lock's owner is one of them."""
    counts = Counter(thread.name for thread in threads)
    return [
        replace(one, name=f"{one.name}, LWP {one.native_id}") if counts[one.name] > 1 and one.native_id is not None else one
        for one in threads
    ]


def _waits_for_lock(stack: Stack) -> bool:
    """True if the frames above are those of the C library's mutex, and of what the compiler made of it."""
    return any(frame.method in _LOCKS or frame.method.startswith("lll_lock") for frame in stack.frames[:INNERMOST])
