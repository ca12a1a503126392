r"""Where in the kernel threads wait: ``ps -eL -o pid,tid,stat,wchan:32,comm``, with its heading or without, as behind a filter.

        PID     TID STAT WCHAN                            COMMAND
       4410    4433 Dsl  rpc_wait_bit_killable            sorterd
       4410    4434 Ssl  futex_wait_queue                 sorterd

The files of /proc themselves, as a loop of the shell prints them, have one line for each thread: ``/proc/4410/task/4433 rpc_wait_bit_killable``, or below a command
that names the process ``4433 sorterd rpc_wait_bit_killable``. Such lines have no state: the functions of disks and NFS tell it. With PPID in the second column each row is a process, or one of its threads, and its parent: nobody prints the thread's number then.

A file called ``wchan`` has one word: the function in which the thread waits that its folder, its name (``wchan-4433.txt``) or the command above names.

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


_asked_one = lazy(r"(?:sudo\s+)?cat\s+/proc/(?P<pid>\d{1,10})/(?:task/(?P<tid>\d{1,10})/)?wchan\s*(?:$|[;&|])").match
_called_so = lazy(
    r"(?:^|/)(?:(?P<pid>\d{1,10})/(?:task/(?P<tid>\d{1,10})/)?wchan(?:\.txt)?|wchan[-_.](?P<of>\d{1,10})(?:\.\w{1,4})?)$"
).search
_word = lazy(r"\s*(?P<channel>-|0|[a-z_][\w.]{1,120})\s*$").match


def is_one(section: Section) -> bool:
    """True for one word that is the wait channel of the thread that the command above, or the name of the file, names."""
    lines = section.head(2)
    return len(lines) == 1 and _word(lines[0]) is not None and _named(section) is not None


def _named(section: Section) -> tuple[int, int] | None:
    """The process and the thread that a file is of."""
    match = _asked_one(section.prompt) if section.prompt is not None else _called_so(section.file)
    if match is None:
        return None
    pid = int(match["pid"] or match["of"]) if section.prompt is None else int(match["pid"])
    return pid, int(match["tid"] or pid)


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
    named = _named(section) if is_one(section) else None
    for index, line in section.rows():
        match = _row(line)
        if named is not None and (match := _word(line)) is not None:
            records.append(_waiting(section, index, Pid(named[0]), NativeId(named[1]), match["channel"], None))
        elif match is not None and of_parents:
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
    return _waiting(section, index, Pid(pid), NativeId(int(match["tid"])), match["channel"], match.groupdict().get("command"))


def _waiting(section: Section, index: int, pid: Pid, thread: NativeId, word: str, command: str | None) -> TaskSyscall:
    channel = word if word not in {"-", "0"} else None
    return TaskSyscall(
        where=section.where(index),
        pid=pid,
        native_id=thread,
        wait_channel=channel,
        command=command,
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
