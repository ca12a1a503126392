"""Stacks of native threads: ``gdb -p PID -batch -ex 'thread apply all bt'``, gstack, pstack.

    Thread 2 (Thread 0x7f90fc02b700 (LWP 78)):
    #0  0x00007f90fb3286d3 in recvfrom () at ../sysdeps/unix/syscall-template.S:84
    #1  0x00007f90fb9697ad in tls_accept (s=0x1) at src/tls.c:164

    Thread 1 (Thread 0x7f90fc0f37c0 (LWP 77)):
    #0  0x00007f90fb328693 in select () at ../sysdeps/unix/syscall-template.S:84

Of each thread the innermost function is kept that is a system call, and who called it; the main thread, number 1, has the process' id.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pyparsing as pp

from parsers.records import NativeId, Parsed, Pid, TaskSyscall
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "native_stacks"

HEADER: Final = r"(?!)"
ROW_SHAPE: Final = r"\[New LWP \d{1,10}\]|Thread \d{1,9} \((?:Thread 0x[0-9a-f]{1,16} )?\(?LWP \d{1,10}\)"
THREAD = pp.Regex(r"Thread (?P<number>\d{1,9}) \((?:Thread 0x[0-9a-f]{1,16} )?\(?LWP (?P<lwp>\d{1,10})\)")
FRAME = pp.Regex(r"\s*#(?P<depth>\d{1,5})\s+(?:0x[0-9a-f]{1,16} in )?(?P<function>[^\s(]{1,300})(?:\s|\(|$)")
_thread, _frame = THREAD.re.match, FRAME.re.match
_remark = re.compile(
    r"\[New |\[Thread debugging|Using host libthread_db|\[Inferior|warning: |0x[0-9a-f]{6,16} in |\d+\s+in |\d+\t|No locals|\[Switching|Download failed"
).match
_CALLS: Final = {
    **{name: name for name in ("recvfrom", "recvmsg", "read", "readv", "accept", "accept4", "connect", "write", "writev", "sendto", "sendmsg")},
    **{name: name for name in ("poll", "ppoll", "select", "pselect", "epoll_wait", "epoll_pwait", "nanosleep", "clock_nanosleep", "futex", "wait4", "waitpid", "flock")},
    "recv": "recvfrom",
    "send": "sendto",
    "pthread_cond_wait": "futex",
    "pthread_cond_timedwait": "futex",
    "pthread_mutex_lock": "futex",
    "lll_lock_wait": "futex",
    "futex_wait": "futex",
    "futex_abstimed_wait_cancelable": "futex",
    "sem_wait": "futex",
}  # fmt: skip
_affixes = re.compile(r"^_*+(?:GI_++)?(?:libc_)?(?P<name>[a-z]\w*?)(?:_nocancel|_cancel|_time64|64)?(?:@.*)?$").match


def sniff(head: Sequence[str]) -> bool:
    """True if the line above a native thread's stack is among the lines."""
    return any(_thread(line) for line in head)


def parse(section: Section) -> Parsed:
    """One record for each thread."""
    stacks: list[tuple[int, int, int, list[str]]] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        if match := _thread(line):
            stacks.append((index, int(match["number"]), int(match["lwp"]), []))
        elif stacks and (match := _frame(line)):
            stacks[-1][3].append(match["function"])
        elif not _remark(line):
            unread.append((index, "no line of a native stack"))
            continue
        read += 1
    main = next((lwp for _, number, lwp, _ in stacks if number == 1), min((lwp for _, _, lwp, _ in stacks), default=0))
    records = tuple(_record(section, index, main, lwp, functions) for index, _, lwp, functions in stacks)
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _record(section: Section, index: int, main: int, lwp: int, functions: Sequence[str]) -> TaskSyscall:
    at = next((at for at, function in enumerate(functions[:6]) if _call(function)), None)
    caller = (
        next((name for name in functions[at + 1 :] if _call(name) is None and not name.startswith(("_", "?"))), None)
        if at is not None
        else None
    )
    return TaskSyscall(
        where=section.where(index),
        pid=Pid(main),
        native_id=NativeId(lwp),
        call=_call(functions[at]) if at is not None else None,
        caller=caller,
    )


def _call(function: str) -> str | None:
    """The system call that a function of the C library makes."""
    match = _affixes(function)
    return _CALLS.get(match["name"]) if match else None
