"""System calls that threads stand in: the collector's table, and ``grep . /proc/PID/task/*/syscall``.

    System calls of the threads of process 20065, x86_64, 2026-11-23T14:46:20Z
    TID | IN CONTAINER | WCHAN | SYSCALL | DESCRIPTORS | COMM
    20067 | - | futex_do_wait | 202 0x7f15ec01a178 0x89 0x0 0x7f15f35fe630 0x0 0xffffffff 0x7f15f35fe520 0x7f15f4b1ff16 | - | java
    20093 | - | do_epoll_wait | 232 0xb 0x7f15ec3ba200 0x400 0x3e8 0x0 0x3e8 0x7f15c859c680 0x7f15f4ba2f36 | 11=anon_inode:[eventpoll],12=anon_inode:[eventfd] | http-nio-28085-
    20138 | - | wait_woken | 0 0x1f 0x7f15bc006e00 0x2000 0xc 0x0 0x69e737cc0 0x7f15c839be10 0x7f15f4b922ec | 31=socket:[448458] | pool-1-thread-1

TID is the thread's number on the host (HotSpot's nid, unless the JVM runs in a container: then IN CONTAINER is). SYSCALL is the kernel's line
(``fs/proc/base.c``, ``proc_pid_syscall``): number, six arguments, stack pointer, program counter; ``running``; or ``-1`` for a thread blocked
outside a call. DESCRIPTORS are those that the call waits for: its first argument; for poll the array behind its pointer; for epoll the
instance itself and what it watches; ``...`` where there are more, ``moved`` where the thread went on while they were looked up. Each
with the target of its link. Loops that people type print the number before the kernel's line (``20138 0 0x1f …``), or in a line above it
(``== 20138 pool-1-thread-1``, or ``==> /proc/20065/task/20138/syscall <==`` as tail and head do). Raw lines do not say what a poll waits for, nor the machine: the stack pointer shows x86-64, else no call is named.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import Descriptor, Inode, NativeId, Parsed, Pid, TaskSyscall
from parsers.records.shows import Shows
from parsers.records.task_records import DESCRIPTOR_FIRST
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

NAME: Final = "proc_task"
SHOWS: Final = frozenset({Shows.PROCESS})

HEADER: Final = r"System calls of the threads of process \d+, "
ROW_SHAPE: Final = r"/proc/\d+/task/\d+/syscall:|(?:==> )/proc/\d+/task/\d+/syscall(?: <==)|\d{1,10} \d{1,4}(?: 0x[0-9a-f]{1,16}){8}[ ]*$|[=#-]{1,8} ?\d{1,10}\b[^\n]{0,80}\n(?:running|-1 0x|\d{1,4} 0x)"

_CALL: Final = r"(?P<call>running|-1(?: 0x[0-9a-f]{1,16}){2}|\d{1,4}(?: 0x[0-9a-f]{1,16}){8})"
ROW = lazy(
    rf"(?P<tid>\d{{1,10}}) \| (?P<inner>\d{{1,10}}|-) \| (?P<wchan>\S{{1,200}}) \| (?:{_CALL}|-) \| (?P<targets>\S{{1,4000}}) \| (?P<comm>.*?)\s*$"
)
RAW_ROW = lazy(rf"\s*/proc/(?P<pid>\d{{1,10}})/task/(?P<tid>\d{{1,10}})/syscall:{_CALL}\s*$")
_row = ROW.match
_raw_row = RAW_ROW.match
_bare_row = lazy(rf"\s*{_CALL}\s*$").match
_numbered_row = lazy(rf"\s*(?P<tid>\d{{1,10}})[: ]\s*{_CALL}\s*$").match
_heading = lazy(
    r"\s*(?:==> |#+ ?|=+ ?|-+ ?)?(?:/proc/(?P<pid>\d{1,10})/task/)?(?P<tid>\d{1,10})(?:/syscall)?(?: <==|:)?(?:\s+(?P<comm>\S.{0,40}?))?(?: [=#-]+)?\s*$"
).match
_title = lazy(r"System calls of the threads of process (?P<pid>\d{1,10}), (?P<machine>[\w-]+), (?P<time>\S+)\s*$").match
_columns = lazy(r"TID \| IN CONTAINER \| WCHAN \| SYSCALL \| DESCRIPTORS \| COMM\s*$").match
_target = lazy(r"(?P<fd>\d{1,9})=(?P<target>(?:socket:\[(?P<inode>\d{1,18})\])?.*)").fullmatch

_CALLS: Final = {
    "x86_64": {
        0: "read", 1: "write", 3: "close", 7: "poll", 19: "readv", 20: "writev", 23: "select", 40: "sendfile", 42: "connect", 43: "accept",
        44: "sendto", 45: "recvfrom", 46: "sendmsg", 47: "recvmsg", 202: "futex", 232: "epoll_wait", 271: "ppoll", 281: "epoll_pwait",
        288: "accept4", 299: "recvmmsg", 307: "sendmmsg", 441: "epoll_pwait2",
    },
    "aarch64": {
        22: "epoll_pwait", 57: "close", 63: "read", 64: "write", 65: "readv", 66: "writev", 71: "sendfile", 73: "ppoll", 98: "futex",
        202: "accept", 203: "connect", 206: "sendto", 207: "recvfrom", 211: "sendmsg", 212: "recvmsg", 242: "accept4", 243: "recvmmsg",
        269: "sendmmsg", 441: "epoll_pwait2",
    },
}  # fmt: skip
"""``arch/x86/entry/syscalls/syscall_64.tbl`` and ``include/uapi/asm-generic/unistd.h``: the calls that tell what a thread waits for."""
_TELLING: Final = {"x86_64": frozenset({0, 7, 23, 43, 232, 271}), "aarch64": frozenset({22, 63, 73, 98})}
"""Numbers of calls in which threads stand on one machine, and which on the other one are calls that do not wait."""
_UNKNOWN: Final = Pid(0)
"""No process has it: stands for the pid that a loop over threads does not print, until all of its lines are read."""
_EPOLL: Final = frozenset({"epoll_wait", "epoll_pwait", "epoll_pwait2"})
_X86_STACK: Final = range(1 << 46, 1 << 47)
_ARM_STACK: Final = range(0xFFFF << 32, 1 << 48)
"""Where x86-64 puts stacks: the upper half of the 47 bits that a user has. ARM has 39 or 48."""
_STACK_POINTER: Final = 7


def sniff(head: Sequence[str]) -> bool:
    """True if the collector's title or a raw line with a thread's number is among the lines."""
    pairs = itertools.pairwise((*head, ""))
    return any(_title(line) or _raw_row(line) or _numbered_row(line) or (_heading(line) and _bare_row(below)) for line, below in pairs)


def parse(section: Section) -> Parsed:
    """Read every thread."""
    records: list[TaskSyscall] = []
    unread: list[tuple[int, str]] = []
    read = 0
    pid: Pid | None = None
    machine = ""
    above: re.Match[str] | None = None
    raw: list[tuple[int, re.Match[str], re.Match[str] | None]] = []
    for index, line in section.rows():
        if title := _title(line):
            pid, machine = Pid(int(title["pid"])), title["machine"]
        elif pid is not None and (match := _row(line)):
            records.append(_of_table(section, index, match, pid, machine))
        elif (match := _raw_row(line)) or (match := _numbered_row(line)):
            raw.append((index, match, None))
        elif above is not None and (match := _bare_row(line)):
            raw.append((index, match, above))
            above = None
        elif heading := _heading(line):
            above = heading
        elif not _columns(line):
            unread.append((index, "no thread's system call"))
            continue
        read += 1
    table = _machine_of([match["call"] for _, match, _ in raw])
    records += [_of_raw_line(section, index, match, heading, table) for index, match, heading in raw]
    gaps, elisions = leftovers(section, unread)
    return Parsed((*_of_one_process(records), *elisions), read + len(elisions), gaps)


def _machine_of(calls: list[str]) -> str | None:
    """The machine that the numbers of all threads' calls fit, None if they do not tell: some calls never block on one of the two.

    A stack in aarch64's half of the addresses is none of x86-64, whatever the numbers are.
    """
    words = [call.split() for call in calls if call[0].isdigit()]
    numbers = {int(word[0]) for word in words}
    arm = any(int(word[_STACK_POINTER], 0) in _ARM_STACK for word in words if len(word) > _STACK_POINTER)
    fits = [machine for machine, only in _TELLING.items() if numbers & only and not (arm and machine == "x86_64")]
    return fits[0] if len(fits) == 1 else None


def _of_one_process(records: list[TaskSyscall]) -> list[TaskSyscall]:
    """Records with the pid filled in where a loop printed the threads' numbers alone: a process is numbered like its first thread."""
    numbers = [record.native_id for record in records if record.pid == _UNKNOWN]
    first = Pid(min(numbers)) if numbers else _UNKNOWN
    return [replace(record, pid=first) if record.pid == _UNKNOWN else record for record in records]


def _of_table(section: Section, index: int, match: re.Match[str], pid: Pid, machine: str) -> TaskSyscall:
    call, _ = _call(match["call"], machine)
    parts = match["targets"].split(",")
    targets = tuple(
        Descriptor(int(found["fd"]), found["target"] or None, Inode(int(found["inode"])) if found["inode"] else None)
        for part in parts
        if (found := _target(part))
    )
    own = bool(targets) and (call in _EPOLL or call in DESCRIPTOR_FIRST)
    waits = targets[1:] if call in _EPOLL else targets
    return TaskSyscall(
        where=section.where(index),
        pid=pid,
        native_id=NativeId(int(match["tid"])),
        inner_id=NativeId(int(match["inner"])) if match["inner"] != "-" else None,
        call=call,
        descriptor=targets[0].number if own else None,
        waits_for=None if not targets or "..." in parts or "moved" in parts else waits,
        wait_channel=match["wchan"] if match["wchan"] != "-" else None,
        command=match["comm"] or None,
    )


def _of_raw_line(section: Section, index: int, match: re.Match[str], above: re.Match[str] | None, machine: str | None) -> TaskSyscall:
    """A kernel's line; the thread's number stands before it, or in the line ``above``."""
    named = {**(above.groupdict() if above is not None else {}), **match.groupdict()}
    call, numbers = _call(match["call"], machine)
    descriptor = numbers[1] if call in DESCRIPTOR_FIRST or call in _EPOLL else None
    return TaskSyscall(
        where=section.where(index),
        pid=Pid(int(named["pid"])) if named.get("pid") else _UNKNOWN,
        native_id=NativeId(int(named["tid"])),
        call=call,
        command=named.get("comm") or None,
        descriptor=descriptor,
        waits_for=(Descriptor(descriptor),) if descriptor is not None and call in DESCRIPTOR_FIRST else None,
    )


def _call(text: str | None, machine: str | None) -> tuple[str | None, tuple[int, ...]]:
    """Name of the call (None if it is in no table or the thread in no call) and the numbers of the line."""
    if text is None or not text[0].isdigit():
        return None, ()
    numbers = tuple(int(word, 0) for word in text.split())
    if machine is None:
        machine = "x86_64" if numbers[_STACK_POINTER] in _X86_STACK else ""
    return _CALLS.get(machine, {}).get(numbers[0]), numbers
