r"""Kernel stacks of Linux: ``cat /proc/PID/stack``, ``/proc/PID/task/TID/stack``, below the command or with the file's name above.

    ==> /proc/4410/task/4433/stack <==
    [<ffffffff8113a1b4>] wait_on_page_bit+0x84/0xb0
    [<ffffffffa0451d2e>] nfs_wait_on_request+0x2e/0x40 [nfs]
    [<0>] ksys_write+0x5f/0xe0

The first function below the scheduler's is where the thread sleeps. Only a thread that sleeps in the kernel has such a stack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import NativeId, Parsed, Pid, TaskSyscall
from parsers.records.shows import Shows
from parsers.text.kernel_waits import DEAF
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "kernel_stacks"
SHOWS: Final = frozenset({Shows.PROCESS})
HEADER: Final = r"(?:==>[ ])?/proc/\d{1,10}/(?:task/\d{1,10}/)?stack(?:[ ]<==|:)?[ ]*$"
ROW_SHAPE: Final = r"[ ]*\[<[0-9a-f]{1,16}>\][ ][A-Za-z_][\w.]{1,100}\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8}(?:[ ]\[\w+\])?[ ]*$"
_row = lazy(r"\s*\[<[0-9a-f]{1,16}>\] (?P<name>[A-Za-z_][\w.]{1,100})\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8}(?: \[\w+\])?\s*$").match
_end = lazy(r"\s*\[<[0-9a-f]{1,16}>\] 0x[0-9a-f]{1,16}\s*$").match
_asked = lazy(r"/proc/(?P<pid>\d{1,10})/(?:task/(?P<tid>\d{1,10})/)?stack\b").search
_SCHEDULER: Final = (
    "__schedule",
    "schedule",
    "wait_woken",
    "io_schedule",
    "__wait_on_",
    "out_of_line_wait",
    "bit_wait",
    "wait_on_bit",
    "prepare_to_wait",
)


def sniff(head: Sequence[str]) -> bool:
    """True if a function with an address of the kernel is among the lines."""
    return any(_row(line) for line in head)


def parse(section: Section) -> Parsed:
    """One thread for each run of functions of which the command, or the line above, names the process."""
    records: list[TaskSyscall] = []
    unread: list[tuple[int, str]] = []
    named = _asked(section.prompt or "")
    run: list[str] = []
    first = 0

    def close() -> None:
        if run and named is not None:
            records.append(_task(section, first, run, int(named["pid"]), int(named["tid"] or named["pid"])))
        run.clear()

    for index, line in section.rows():
        if (match := _row(line)) is not None:
            first = first if run else index
            run.append(match["name"])
        elif (above := _asked(line)) is not None:
            close()
            named = above
        elif _end(line) is None:
            close()
            unread.append((index, "no function of the kernel"))
    close()
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), section.nonblank - len(unread) + len(elisions), gaps)


def _task(section: Section, index: int, functions: Sequence[str], pid: int, tid: int) -> TaskSyscall:
    asleep = next((name for name in functions if not name.startswith(_SCHEDULER)), functions[0])
    deaf = any(name.startswith(DEAF) for name in functions)
    return TaskSyscall(where=section.where(index), pid=Pid(pid), native_id=NativeId(tid), wait_channel=asleep, state="D" if deaf else None)
