r"""Kernel stacks of FreeBSD's ``procstat -kk`` (or ``-k``): where in the kernel each thread sleeps.

      PID    TID COMM                TDNAME              KSTACK
     2208 100531 gannet              -                   mi_switch+0xc1 sleepq_catch_signals+0x2e6 _sleep+0x1f2 soreceive_generic+0x3a1 sys_read+0xbc
     2208 100532 gannet              worker              mi_switch+0xc1 sleepq_timedwait+0x2f nfs_reconnect+0x11a sys_read+0xbc

The first function below the scheduler's is where the thread sleeps, the last one that begins with ``sys_`` is its system call. A sleep without
``sleepq_catch_signals`` or ``_sig`` ends by no signal. Written after ``procstat(1)`` and ``subr_sleepqueue.c``, not captured here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.records import NativeId, Parsed, Pid, TaskSyscall
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "procstat_stacks"
SHOWS: Final = frozenset({Shows.PROCESS})
HEADER: Final = r"[ ]*PID[ ]+TID[ ]+COMM[ ]+TDNAME[ ]+KSTACK"
ROW_SHAPE: Final = r"[ ]*\d{1,10}[ ]+\d{1,10}[ ]+\S[^\n]{0,60}?[ ]mi_switch(?:\+0x[0-9a-f]+)?[ ]"
_header = lazy(HEADER).match
_row = lazy(
    r"\s*(?P<pid>\d{1,10})\s+(?P<tid>\d{1,10})\s+(?P<command>\S{1,20})\s+(?P<name>\S[^\n]{0,40}?)\s+(?P<stack>mi_switch(?:\+0x[0-9a-f]+)?(?: [\w.]{1,60}(?:\+0x[0-9a-f]+)?){1,80})\s*$"
).match
_running = lazy(r"\s*\d{1,10}\s+\d{1,10}\s+\S{1,20}\s+\S[^\n]{0,40}?\s+(?:<running>|-)\s*$").match
_functions = re.compile(r"([A-Za-z_][\w.]*)(?:\+0x[0-9a-f]+)?").findall
_SCHEDULER: Final = (
    "mi_switch",
    "sleepq_",
    "_sleep",
    "msleep",
    "tsleep",
    "pause_sbt",
    "sched_switch",
    "turnstile_wait",
    "_cv_wait",
    "_cv_timedwait",
)
_SIGNALS: Final = ("sleepq_catch_signals", "sleepq_wait_sig", "sleepq_timedwait_sig", "_cv_wait_sig", "_cv_timedwait_sig")


def sniff(head: Sequence[str]) -> bool:
    """True if the heading or a thread's stack is among the lines."""
    return any(_header(line) or _row(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every thread that sleeps."""
    records: list[TaskSyscall] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        if match := _row(line):
            records.append(_task(section, index, match))
        elif not (_header(line) or _running(line)):
            unread.append((index, "no kernel stack of a thread"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _task(section: Section, index: int, match: re.Match[str]) -> TaskSyscall:
    functions = _functions(match["stack"])
    asleep = next((name for name in functions if not name.startswith(_SCHEDULER)), None)
    call = next((name.removeprefix("sys_") for name in reversed(functions) if name.startswith("sys_")), None)
    return TaskSyscall(
        where=section.where(index),
        pid=Pid(int(match["pid"])),
        native_id=NativeId(int(match["tid"])),
        call=call,
        wait_channel=asleep,
        command=match["command"],
        state="S" if any(name in _SIGNALS for name in functions) else "D",
    )
