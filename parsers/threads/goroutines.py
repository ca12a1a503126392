r"""Goroutines of a Go program: ``kill -QUIT``, a panic, ``/debug/pprof/goroutine?debug=2`` and ``?debug=1``.

    goroutine 7 gp=0x1369efc921e0 m=nil [sync.Mutex.Lock, 2 minutes]:
    internal/sync.(*Mutex).lockSlow(0xae9310)
            /usr/local/go/src/internal/sync/mutex.go:149 +0x15a
    main.(*Catalog).Cached(0x10f4b6b0e098, {0x10f4b6abc14f, 0x1})
            /srv/app/src/main.go:51 +0x72
    created by net/http.(*Server).Serve in goroutine 1
            /usr/local/go/src/net/http/server.go:3604 +0x4fd

Frames are two lines here, and logs lose the tab of the second. ``?debug=1`` prints ``goroutine profile: total 17``, then groups: ``9 @ 0x48c18a 0x49a79a``, and a
line ``# 0x49a799 main.(*Catalog).Cached+0x47 /srv/app/src/main.go:51`` a frame: a count, no ids and no states. Frames of the runtime are left out there, their
addresses are not: a goroutine at a channel has two or three of them above the first function that is named. Go has no pools:
a goroutine's ``group`` is the function it began in. ``gp=`` and ``fp=`` come with signals. Captured from Go 1.19 and 1.27 (``runtime/traceback.go``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from parsers.records import Frame, JavaState, Lock, LockVerb, Parsed, Runtime, Thread, ThreadDump, Where
from parsers.records.shows import Shows
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "goroutines"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"SIGQUIT: quit[ ]*$|goroutine profile: total \d"
_GOROUTINE: Final = r"goroutine \d{1,18} (?:gp=\S{1,40} )?(?:m=\S{1,20} )?(?:mp=\S{1,40} )?\["
BELOW: Final = r"(?>(?:\n(?>(?:\t/[^\n]*+|[^\s(]++\([^\n]*+|created by [^\n]*+)?)(?=\n))*)"
"""Places, calls, and blank lines: what stands below a goroutine's header, and begins nothing."""
ROW_SHAPE: Final = rf"{_GOROUTINE}|\d{{1,9}} @ 0x[0-9a-f]"

_header = re.compile(
    r"goroutine (?P<id>\d{1,18}) (?:gp=\S{1,40} )?(?:m=\S{1,20} )?(?:mp=\S{1,40} )?\[(?P<status>[^\]]{1,200})\](?: \{.*\})?:\s*$"
).match
_call = re.compile(
    r"(?P<created>created by )?(?P<name>(?>(?:[^\s()]++|\(\*[^()\s]*+\))+))(?:\((?P<args>.*)\))?(?P<by> in goroutine \d{1,18})?\s*$"
).match
_place = re.compile(r"\s*(?P<file>(?:[/\w.<]|[A-Za-z]:)[^:]*):(?P<line>\d{1,9})(?: \+0x[0-9a-f]{1,16})?(?: fp=0x.*)?\s*$").match
_group = re.compile(r"(?P<count>\d{1,9}) @((?: 0x[0-9a-f]{1,16})+)\s*$").match
_row = re.compile(
    r"#\s+0x(?P<address>[0-9a-f]{1,16})\s+(?P<name>\S{1,1000})\+0x[0-9a-f]{1,16}\s+(?P<file>\S[^\n]*):(?P<line>\d{1,9})\s*$"
).match
_total = re.compile(r"goroutine profile: total (?P<total>\d{1,9})\s*$").match
_remark = re.compile(
    r"SIG[A-Z]+: |PC=0x|\.\.\.(?:\d{1,9} frames elided|additional frames elided)|\s*goroutine running on other thread; stack unavailable"
    r"|\[(?:signal|originating from goroutine|recovered)|panic: |fatal error: |exit status \d|runtime: |-----+\s*$|# labels: |rflags |[cfg]s +0x"
    r"|r(?:[a-d]x|[sd]i|[bs]p|ip|\d{1,2}) +0x[0-9a-f]{1,16}\s*$|(?:x|r)\d{1,2} +0x|(?:lr|sp|pc|fault) +0x"
).match
_minutes = re.compile(r", (?P<minutes>\d{1,9}) minutes").search
_generic: Final = re.compile(r"\[[^\[\]]*\]")
_pointer = re.compile(r"0x[0-9a-f]{4,16}(?=[,)]|$)").match
_LOCKS: Final = {
    "sync.(*Mutex).lockSlow": "sync.Mutex",
    "internal/sync.(*Mutex).lockSlow": "sync.Mutex",
    "sync.(*RWMutex).RLock": "sync.RWMutex",
    "sync.(*RWMutex).Lock": "sync.RWMutex",
}
"""Frames whose first argument is the address of the lock; one with ``?`` may be wrong (``runtime/traceback.go``)."""
_HIDDEN: Final = {2: "select", 3: "chan"}
"""Frames of the runtime above the function that waits: gopark and selectgo, or gopark and two of a channel's (``runtime/select.go``, ``chan.go``)."""
_RUNTIME: Final = ("runtime.", "internal/", "sync.", "time.Sleep", "syscall.", "os.")
_SERVES: Final = ("net/http.serverHandler.ServeHTTP(", "google.golang.org/grpc.(*Server).handleStream(")
"""Calls whose last argument is the request: a pointer to the heap, which stays what it is while the request lasts."""
_RUNS: Final = ("running", "runnable", "syscall", "preempted", "copystack")
_BOTTOM: Final = frozenset({"runtime.goexit", "runtime.main"})
"""What stands below every goroutine: a signal's dump prints it, a profile's does not. So with the wrapper around a ``go`` statement's call."""


def sniff(head: Sequence[str]) -> bool:
    """True if a goroutine's header, or a profile's total, is among the lines."""
    return any(_header(line) or _total(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read all goroutines of a section as one dump.

    A busy server has a hundred thousand goroutines on a few dozen stacks. So whole goroutines are looked at first: one whose stack has been read
    costs little more than its header. All others go line by line, and whatever is odd about them is found there.
    """
    reader = _Reader(section)
    rows: list[tuple[int, str]] = []
    for lines, start in section.blocks():
        heads = [at for at, line in enumerate(lines) if line.startswith("goroutine ")]
        rows += _not_blank(lines, 0, heads[0] if heads else len(lines), start)
        for at, until in pairwise([*heads, len(lines)]):
            reader.take_all(rows)
            whole = until < len(lines)  # the last one of a block may go on in the next
            rows = [] if whole and reader.take_known(lines, at, until, start) else _not_blank(lines, at, until, start)
    reader.take_all(rows)
    gaps, elisions = leftovers(section, reader.unread)
    dump = reader.dump()
    return Parsed((dump, *elisions) if dump else elisions, reader.read + len(elisions), gaps)


class _KnownStack(NamedTuple):
    """The stack of a goroutine that was read whole: frames, the line of the frame that waits for a lock, and of the one with the request; -1 for none."""

    frames: tuple[Frame, ...]
    began: str | None
    lock_at: int
    request_at: int


def _not_blank(lines: Sequence[str], at: int, until: int, start: int) -> list[tuple[int, str]]:
    """Index in the section and text of the lines from ``at`` to ``until`` that are not blank."""
    return [(start + index, line) for index, line in enumerate(lines[at:until], at) if line and not line.isspace()]


def _stack_key(calls: Sequence[str], places: Sequence[str]) -> tuple[str, ...]:
    """What two goroutines on one stack have in common: calls without arguments, and places."""
    return (*[line[: line.rfind("(")] if line[-1:] == ")" else line.partition(" in goroutine ")[0] for line in calls], *places)


def _key_to_learn(rows: Sequence[tuple[int, str]]) -> tuple[str, ...] | None:
    """The key of a goroutine with its header; None for lines that do not come in pairs of a call and its place."""
    places = [line for _, line in rows[2::2]]
    if len(rows) % 2 == 0 or rows[-1][0] - rows[0][0] != len(rows) - 1 or not all(line.startswith("\t/") for line in places):
        return None
    return _stack_key([line for _, line in rows[1::2]], places)


class _Reader:
    """One pass over a section: the goroutines so far, the open one, and the call that waits for its place."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.threads: list[Thread] = []
        self.open: Stack | None = None
        self.header: re.Match[str] | None = None
        self.count = 1
        self.call: tuple[int, re.Match[str]] | None = None
        self.request: str | None = None
        self.first: int | None = None
        self.last = 0
        self.total: int | None = None
        self.read = 0
        self.unread: list[tuple[int, str]] = []
        self.known: dict[tuple[str, ...], _KnownStack] = {}
        self.addresses: tuple[int, ...] = ()
        self.parked: str | None = None

    def take_all(self, rows: Sequence[tuple[int, str]]) -> None:
        """Take a goroutine with its header, or whatever stands above the first one."""
        key = _key_to_learn(rows) if len(rows) > 1 else None
        if key is not None and _header(rows[0][1]) is None:
            key = None
        before, missed = len(self.threads), len(self.unread)
        for index, line in rows:
            if self.take(index, line):
                self.read += 1
            else:
                self.unread.append((index, "no line of goroutines"))
        if key is None or len(self.unread) > missed:
            return
        self._close()
        if len(self.threads) - before in {1, 2}:  # the goroutine above may have been open still
            self._learn(key, self.threads[-1], len(rows))

    def _learn(self, key: tuple[str, ...], thread: Thread, lines: int) -> None:
        """Remember the stack of a goroutine if its frames stand on every second line, as they do unless something was left out."""
        pairs = lines // 2
        lock_at = thread.locks[0].line - thread.where.first if thread.locks else -1
        serves = next((at for at, call in enumerate(key[:pairs]) if f"{call}(" in _SERVES), -1)
        expected = tuple(range(thread.where.first + 1, thread.where.first + 2 * len(thread.frames), 2))
        if len(thread.frames) <= pairs and thread.frame_lines == expected and thread.where.last - thread.where.first == lines - 1:
            self.known[key] = _KnownStack(thread.frames, thread.group, lock_at, 2 * serves + 1 if serves >= 0 else -1)

    def take_known(self, lines: Sequence[str], at: int, until: int, start: int) -> bool:
        """Take the goroutine in ``lines[at:until]`` if its stack is known; ``start`` is the index of ``lines[0]`` in the section."""
        while until > at and (not lines[until - 1] or lines[until - 1].isspace()):
            until -= 1
        if (until - at) % 2 == 0:
            return False
        known = self.known.get(_stack_key(lines[at + 1 : until : 2], lines[at + 2 : until : 2]))
        header = _header(lines[at]) if known is not None else None
        if known is None or header is None:
            return False
        self._close()
        first = self.section.first + start + at
        status = header["status"].partition(",")[0]
        number = int(header["id"])
        locks: tuple[Lock, ...] = ()
        if known.lock_at >= 0:
            line = lines[at + known.lock_at]
            pointer = _pointer(line[line.rfind("(") + 1 :])
            call = _call(line)
            if pointer and call:
                locks = (Lock(LockVerb.WAITING_TO_LOCK, pointer[0], _LOCKS[call["name"]], 0, first + known.lock_at),)
        self.threads.append(
            Thread(
                where=Where(self.section.file, first, first + until - at - 1),
                name=f"goroutine {number}",
                java_id=number,
                state=JavaState.RUNNABLE if status.startswith(_RUNS) else JavaState.WAITING,
                native_state=status,
                waited=_waited(header["status"]),
                group=known.began,
                frames=known.frames,
                frame_lines=tuple(range(first + 1, first + 2 * len(known.frames), 2)),
                locks=locks,
                request=_request_of(lines[at + known.request_at]) if known.request_at >= 0 else None,
            )
        )
        self.read += until - at
        self.last = start + until - 1
        return True

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of a goroutine."""
        # Frames are most of a dump by far, and a place follows each call: what the first letter rules out is not tried.
        first = line[0]
        if first in "\t/" and self.call is not None:
            taken = self._frame(index, line) or _remark(line) is not None
        else:
            taken = (
                ((first == "g" or first.isdigit()) and self._begin(index, line)) or self._frame(index, line) or _remark(line) is not None
            )
        if taken:
            self.last = index
        return taken

    def _begin(self, index: int, line: str) -> bool:
        if match := _header(line):
            self._start(index, match, 1)
        elif match := _group(line):
            self._start(index, None, int(match["count"]))
            self.addresses = tuple(int(one, 16) for one in match[2].split())
        elif match := _total(line):
            self._close()
            self.total = int(match["total"])
        else:
            return False
        if self.first is None:
            self.first = index
        return True

    def _start(self, index: int, header: re.Match[str] | None, count: int) -> None:
        self._close()
        self.open, self.header, self.count, self.request = Stack(self.section, index), header, count, None
        self.addresses, self.parked = (), None

    def _frame(self, index: int, line: str) -> bool:
        stack = self.open
        if stack is None:
            return False
        if line[0] == "#" and (match := _row(line)):
            if not stack.frames and not match["name"].startswith(_RUNTIME):
                # A row shows the address of the call, the group's line that behind it.
                hidden = next((at for at, one in enumerate(self.addresses) if one - int(match["address"], 16) in {0, 1}), 0)
                self.parked = _HIDDEN.get(hidden)
            stack.frame(_as_frame(match["name"], match["file"], match["line"]), index)
            return True
        if self.call is not None and (match := _place(line)):
            at, call = self.call
            self.call = None
            stack.reach(index)
            if call["created"] is None:
                stack.frame(_as_frame(call["name"], match["file"], match["line"]), at)
                self._lock(stack, call, at)
            stack.reach(index)
            return True
        if self.header is not None and "." in line and (match := _call(line)) and (match["args"] is not None or match["created"]):
            self.call = index, match
            if line.startswith(_SERVES):
                self.request = _request_of(line)
            stack.reach(index)
            return True
        return False

    def _lock(self, stack: Stack, call: re.Match[str], at: int) -> None:
        cls = _LOCKS.get(call["name"])
        pointer = _pointer(call["args"] or "") if cls else None
        if pointer:
            stack.lock(LockVerb.WAITING_TO_LOCK, pointer[0], cls, at, depth=0)

    def _close(self) -> None:
        stack, self.open, self.call = self.open, None, None
        if stack is None:
            return
        while stack.frames and (stack.frames[-1].full in _BOTTOM or ".gowrap" in stack.frames[-1].full):
            stack.frames.pop()
            stack.frame_lines.pop()
        status = self.header["status"].partition(",")[0] if self.header is not None else self.parked
        waited = _waited(self.header["status"]) if self.header is not None else None
        began = stack.frames[-1].full if stack.frames else None
        number = int(self.header["id"]) if self.header is not None else None
        state = None if status is None else JavaState.RUNNABLE if status.startswith(_RUNS) else JavaState.WAITING
        for _ in range(min(self.count, (self.total or 0) - len(self.threads)) if self.header is None else 1):
            name = f"goroutine {number}" if number is not None else f"goroutine ({len(self.threads) + 1})"
            made = stack.thread(name=name, java_id=number, state=state, native_state=status, waited=waited, group=began or "goroutine")
            self.threads.append(replace(made, request=self.request) if self.request else made)

    def dump(self) -> ThreadDump | None:
        """The dump, None if there was no goroutine."""
        self._close()
        # Goroutine 0 of each thread is the scheduler's stack, not the program's.
        threads = tuple(thread for thread in self.threads if thread.java_id != 0)
        if not threads or self.first is None:
            return None
        return ThreadDump(
            where=self.section.where(self.first, self.last),
            dialect=NAME,
            threads=threads,
            complete=len(threads) == self.total if self.total is not None else None,
            total=self.total,
            runtime=Runtime.GO,
        )


def _waited(status: str) -> float | None:
    """``chan send, 12 minutes`` → seconds; None for less than a minute, of which Go says nothing."""
    minutes = _minutes(status) if "," in status else None
    return 60.0 * int(minutes["minutes"]) if minutes is not None else None


def _request_of(line: str) -> str | None:
    """The last argument of a call, None where the runtime doubts it (``?``)."""
    word = line[line.rfind(", ") + 2 : -1]
    return word if line[-1:] == ")" and word.startswith("0x") and word[-1] != "?" else None


@lru_cache(maxsize=65536)
def _as_frame(name: str, path: str, line: str) -> Frame:
    """``net/http.(*conn).serve`` at ``…/server.go:2157``: package and type, method, file without its folders."""
    plain = _generic.sub("", name) if "[" in name else name
    cls, _, method = plain.rpartition(".")
    return Frame(cls, method, f"{path.rpartition('/')[2]}:{line}")
