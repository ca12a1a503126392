r"""Processes of an Erlang node: ``erl_crash.dump`` (``kill -USR1``, out of memory), and ``erlang:system_info(procs)``, which ends nothing.

    =erl_crash_dump:0.5
    =proc:<0.79.0>
    State: Waiting
    Name: tariff
    Spawned as: proc_lib:init_p/5
    Message queue length: 12
    Link list: [#Port<0.7>, {from,<0.81.0>,#Ref<0.674250224.2202271745.17363>}]
    Program counter: 0x00007ff98d01d7fc (prim_inet:recv0/3 + 220)
    =proc_stack:<0.79.0>
    0x00007ff957bd7b58:SReturn addr 0x8D397E30 (meter:handle_call/3 + 312)

A process is a thread here: none is shared, and there is no pool. Whoever calls another one (``gen:do_call``) watches it meanwhile: ``{to,<0.79.0>,…}`` of
its links is the process whose turn it waits for, which is told as a lock that the called one holds. Heaps, ports, tables and modules are passed over;
ports name no address. Captured from OTP 25 (``erts/emulator/beam/break.c``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import Frame, JavaState, LockVerb, LogEvent, LogKind, Parsed, Record, Runtime, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "erlang_crash_dump"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"=erl_crash_dump:\d[^\n]*+(?:\n(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}(?=\n))?"
"""With the time below it, which is what date prints."""
ROW_SHAPE: Final = r"=proc:<\d{1,9}\.\d"

_dumped = lazy(r"=erl_crash_dump:\d").match
_section = lazy(r"=(?P<kind>[a-z_]{2,40})(?::(?P<id>\S{1,200}))?\s*$").match
_frame = lazy(
    r"(?:Program counter: |0x[0-9a-fA-F]{1,16}:?\s{0,4}S?Return addr )0x[0-9a-fA-F]{1,16} \((?P<name>[^()]{1,300}) \+ \d{1,9}\)"
).match
_called = lazy(r"\{to,(?P<id><[\d.]{3,40}>),").findall
_day = lazy(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<month>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2}) (?P<clock>\d\d:\d\d:\d\d) (?P<year>\d{4})\s*$"
).match
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CALLS: Final = frozenset({"gen.do_call/4", "gen.do_for_proc/2"})
_RUNS: Final = ("Running", "Scheduled", "Garbing", "Exiting")
_MANY: Final = 1000
"""Messages before a process that are no ordinary load: more than a busy one takes in a moment."""
_DEEPEST: Final = 200
"""Frames of a process that are kept: recursion makes stacks of any depth."""


def sniff(head: Sequence[str]) -> bool:
    """True if a dump, or the list of processes, begins among the lines."""
    return any(_dumped(line) or line.startswith("=proc:<") for line in head)


def parse(section: Section) -> Parsed:
    """Read one node: every line of it belongs to some section of the dump."""
    reader = _Reader(section)
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        if reader.take(index, line):
            read += 1
        else:
            unread.append((index, "no line of a crash dump"))
    gaps, elisions = leftovers(section, unread)
    return Parsed((*reader.records(), *elisions), read + len(elisions), gaps)


class _Process:
    """What is known of a process so far."""

    def __init__(self, section: Section, index: int) -> None:
        self.stack = Stack(section, index)
        self.fields: dict[str, str] = {}
        self.queue_at = index


class _Reader:
    """One pass over a dump: the processes by their ids, and the section that is open."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.found: dict[str, _Process] = {}
        self.open: _Process | None = None
        self.kind = ""
        self.time: str | None = None
        self.complete: bool | None = None

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if no section is open that it could be of."""
        if line[0] == "=" and (match := _section(line)):
            self._begin(index, match["kind"], match["id"] or "")
            return True
        if self.kind == "erl_crash_dump" and self.time is None and (match := _day(line)):
            self.time = f"{match['year']}-{_MONTHS.index(match['month']) + 1:02}-{int(match['day']):02}T{match['clock']}"
        elif self.open is not None and self.kind in {"proc", "proc_stack"}:
            self._detail(index, line, self.open)
        return self.kind != ""

    def _begin(self, index: int, kind: str, name: str) -> None:
        self.kind = kind
        if kind == "erl_crash_dump":
            self.complete = False
        elif kind == "end":
            self.complete = True
        self.open = None
        if kind == "proc":
            self.open = self.found[name] = _Process(self.section, index)
        elif kind == "proc_stack":
            self.open = self.found.get(name)

    def _detail(self, index: int, line: str, process: _Process) -> None:
        match = _frame(line)
        if match is not None:
            if len(process.stack.frames) < _DEEPEST:
                process.stack.frame(_as_frame(match["name"]), index)
        elif self.kind == "proc":
            key, colon, value = line.partition(": ")
            if colon:
                process.fields[key] = value.strip()
                process.queue_at = index if key == "Message queue length" else process.queue_at
            process.stack.reach(index)

    def records(self) -> list[Record]:
        """The processes as one dump, and those before which many messages lie."""
        names = {number: process.fields.get("Name") or number for number, process in self.found.items()}
        called = {number: _callee(process) for number, process in self.found.items()}
        wanted = {callee for callee in called.values() if callee in self.found}
        threads: list[Thread] = []
        events: list[Record] = []
        for number, process in self.found.items():
            stack, fields = process.stack, process.fields
            callee = called[number]
            at = stack.first
            if callee in wanted:
                stack.lock(LockVerb.WAITING_TO_LOCK, callee, names[callee], at, depth=0)
            if number in wanted:
                stack.lock(LockVerb.LOCKED, number, names[number], at, depth=len(stack.frames))
            state = fields.get("State", "")
            threads.append(
                replace(
                    stack.thread(name=names[number], native_state=state or None, group=_group(fields, number)),
                    state=JavaState.RUNNABLE if state.startswith(_RUNS) else JavaState.WAITING,
                )
            )
            length = fields.get("Message queue length", "")
            if length.isdecimal() and int(length[:18]) >= _MANY:
                figures = (("messages", float(length[:18])),)
                where = self.section.where(process.queue_at)
                events.append(LogEvent(where=where, kind=LogKind.MAILBOX, source="Erlang", subject=names[number], figures=figures))
        if not threads:
            return events
        first = min(thread.where.first for thread in threads) - self.section.first
        last = max(thread.where.last for thread in threads) - self.section.first
        dump = ThreadDump(
            where=self.section.where(first, last),
            dialect=NAME,
            threads=tuple(threads),
            time=self.time,
            complete=self.complete,
            runtime=Runtime.ERLANG,
        )
        return [dump, *events]


def _group(fields: dict[str, str], number: str) -> str:
    """What processes of one kind share: the function that they began in; of a behaviour, which all begin alike, the name."""
    began = fields.get("Spawned as", "")
    return fields.get("Name") or (
        began if began and not began.startswith("proc_lib:") else f"process of {fields.get('Spawned by', number)}"
    )


def _callee(process: _Process) -> str:
    """The process whose answer this one waits for; empty if it waits for none."""
    if not process.stack.frames or process.stack.frames[0].full not in _CALLS:
        return ""
    found = _called(process.fields.get("Link list", ""))
    return found[-1] if found else ""


def _as_frame(name: str) -> Frame:
    """``gen:do_call/4``: module, and function with its arity."""
    module, _, function = name.rpartition(":")
    return Frame(module, function)
