r"""Where in the kernel threads wait: ``ps -eL -o pid,tid,stat,wchan:32,comm``, with its heading or without, as behind a filter.

        PID     TID STAT WCHAN                            COMMAND
       4410    4433 Dsl  rpc_wait_bit_killable            sorterd
       4410    4434 Ssl  futex_wait_queue                 sorterd

The files of /proc themselves, as a loop of the shell prints them, have one line for each thread: ``/proc/4410/task/4433 rpc_wait_bit_killable``, or below a command
that names the process ``4433 sorterd rpc_wait_bit_killable``. Such lines have no state: the functions of disks and NFS tell it. With PPID in the second column each row is a process, or one of its threads, and its parent: nobody prints the thread's number then.

State D is a sleep that no signal ends. The wait channel is the kernel's function that sleeps, ``-`` for a thread that runs or where none is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import NativeId, Parsed, Pid, ProcessRow, TaskSyscall
from parsers.records.shows import Shows
from parsers.text.kernel_waits import DEAF
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence


NAME: Final = "wait_channels"
SHOWS: Final = frozenset({Shows.PROCESS})

HEADER: Final = r"[ ]*PID[ ]+(?:TID|LWP|SPID|PPID)[ ]+(?:STAT|S)[ ]+WCHAN[ ]+(?:COMMAND|CMD|COMM)(?:[ ]+(?:COMMAND|CMD|ARGS))?[ ]*$"
_STATE: Final = r"[DSRTtZXI][<NLsl+]{0,6}"
_FILE: Final = r"/proc/(?P<pid>\d{1,10})/task/(?P<tid>\d{1,10})(?:/wchan)?[ \t:]{1,8}"
_CHANNEL: Final = r"(?P<channel>-|0|[a-zA-Z_][\w.]{0,120})"
ROW_SHAPE: Final = (
    rf"[ ]*\d{{1,10}}[ ]+\d{{1,10}}[ ]+{_STATE}[ ]+[a-z][a-z0-9]{{0,40}}_[\w.]{{1,80}}[ ]+(?![\d-]{{1,8}}:\d)\S"
    r"|/proc/\d{1,10}/task/\d{1,10}(?:/wchan)?[ :]{1,8}(?:0|[a-z_][\w.]{0,120})[ ]*$"
)
_header = lazy(HEADER).match
_row = lazy(
    rf"\s*(?P<pid>\d{{1,10}})\s+(?P<tid>\d{{1,10}})\s+(?P<state>{_STATE})\s+(?P<channel>-|0|[a-zA-Z_][\w.]{{0,120}})\s+(?P<command>\S.{{0,200}}?)\s*$"
).match
_sleeps = lazy(ROW_SHAPE).match
_file = lazy(rf"\s*{_FILE}{_CHANNEL}\s*$").match
_of_loop = lazy(rf"\s*(?:/proc/\d{{1,10}}/task/)?(?P<tid>\d{{1,10}})(?:/wchan)?:?\s+(?:(?P<command>\S.{{0,15}}?)\s+)?{_CHANNEL}\s*$").match
_asked = lazy(r"/proc/(?P<pid>\d{1,10})/task/[^|]{0,200}?\bwchan\b").search


def sniff(head: Sequence[str]) -> bool:
    """True if the heading, or a row with a function of the kernel in its fourth column, is among the lines; a thread's number is no smaller than its process's."""
    rows = [match for line in head if _sleeps(line) and (match := _row(line) or _file(line))]
    return any(_header(line) for line in head) or (bool(rows) and all(int(row["pid"]) <= int(row["tid"]) for row in rows))


def below(section: Section) -> Parsed | None:
    """The lines that a loop over the files of one process printed, None below any other command."""
    asked = _asked(section.prompt or "")
    rows = [(index, match) for index, line in section.rows() if (match := _of_loop(line)) is not None] if asked is not None else []
    if asked is None or not rows:
        return None
    known = {index for index, _ in rows}
    gaps, elisions = leftovers(section, [(index, "no row of a thread's wait channel") for index, _ in section.rows() if index not in known])
    tasks = (_task(section, index, int(asked["pid"]), match) for index, match in rows)
    return Parsed((*tasks, *elisions), len(rows) + len(elisions), gaps)


def parse(section: Section) -> Parsed:
    """Read every thread."""
    records: list[ProcessRow | TaskSyscall] = []
    unread: list[tuple[int, str]] = []
    read = 0
    of_parents = False
    for index, line in section.rows():
        match = _row(line)
        if match is not None and of_parents:
            records.append(_process(section, index, match))
        elif match is not None:
            here = section.where(index)
            pid, state = Pid(int(match["pid"])), match["state"][0]
            if match["pid"] == match["tid"]:
                records.append(ProcessRow(where=here, pid=pid, command=match["command"], state=state))
            records.append(
                TaskSyscall(
                    where=here,
                    pid=pid,
                    native_id=NativeId(int(match["tid"])),
                    wait_channel=match["channel"] if match["channel"] not in {"-", "0"} else None,
                    command=match["command"],
                    state=state,
                )
            )
        elif (match := _file(line)) is not None:
            records.append(_task(section, index, int(match["pid"]), match))
        elif _header(line) is not None:
            of_parents = "PPID" in line
        else:
            unread.append((index, "no row of a thread's wait channel"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _task(section: Section, index: int, pid: int, match: re.Match[str]) -> TaskSyscall:
    """A thread of which a file of /proc tells the function alone."""
    channel = match["channel"] if match["channel"] not in {"-", "0"} else None
    return TaskSyscall(
        where=section.where(index),
        pid=Pid(pid),
        native_id=NativeId(int(match["tid"])),
        wait_channel=channel,
        command=match.groupdict().get("command"),
        state="D" if channel is not None and channel.startswith(DEAF) else None,
    )


def _process(section: Section, index: int, match: re.Match[str]) -> ProcessRow:
    """A process, whose parent stands in the second column."""
    return ProcessRow(
        where=section.where(index),
        pid=Pid(int(match["pid"])),
        command=match["command"],
        state=match["state"][0],
        parent=Pid(int(match["tid"])),
    )
