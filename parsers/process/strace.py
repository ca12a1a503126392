"""System calls as ``strace -f -p PID`` shows them (strace 4.x to 6.x, also with ``-o``, ``-t``, ``-y``, ``-yy``): what each thread stood in at the end.

    strace: Process 30955 attached with 25 threads
    [pid 30980] epoll_wait(14,  <unfinished ...>
    [pid 30978] read(8,  <unfinished ...>
    [pid 30976] read(6<socket:[739942]>,  <unfinished ...>
    [pid 30974] restart_syscall(<... resuming interrupted read ...> <unfinished ...>
    [pid 30974] <... restart_syscall resumed>) = -1 ETIMEDOUT (Connection timed out)
    [pid 30974] poll([{fd=57, events=POLLIN}], 1, 10000 <detached ...>

Before 4.11 its own lines have no name in front: ``Process 6640 attached - interrupt to quit``. When strace attaches, every thread's present call is printed as unfinished. A call that is resumed has ended; what is still unfinished when the trace
ends is what the thread stands in. ``restart_syscall`` is a timed wait that a signal interrupted: the kernel does not say which call it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Descriptor, Inode, NativeId, Parsed, Pid, TaskSyscall
from parsers.records.shows import Shows
from parsers.records.task_records import DESCRIPTOR_FIRST
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

NAME: Final = "strace"
SHOWS: Final = frozenset({Shows.PROCESS})

_STAMP: Final = r"(?:(?:\d\d:\d\d:\d\d(?:\.\d{1,9})?|\d{9,11}\.\d{1,9}|\d{1,6}\.\d{6})\s+)?"
HEADER: Final = r"strace: Process \d+ attached with \d+ threads"
ROW_SHAPE: Final = rf"(?:\[pid +\d+\] +{_STAMP}|\d{{1,10}} +{_STAMP})(?:[a-z]\w*\((?!\)[ ]+[^=\s])|<\.\.\. \w+ resumed>)"

ROW = lazy(
    rf"(?:\[pid +(?P<pid>\d{{1,10}})\] +|(?P<tid>\d{{1,10}}) +)?{_STAMP}"
    r"(?:(?P<call>[a-z]\w*)\((?!\) +[^=\s])(?P<rest>.*)|<\.\.\. (?P<resumed>\w+) resumed>(?P<tail>.*)|(?P<event>(?:---|\+\+\+) .*))$"
)
_row = ROW.match
_note = lazy(r"(?:(?:/\S*)?strace: )?Process (?P<pid>\d{1,10}) (?:attached|detached)").match
_rest = lazy(r"\s*<(?:detached|unfinished) \.\.\.>\s*$").match
_open = lazy(r"(?: ?<(?:unfinished|detached) \.\.\.>|,? ?(?:\^C)?strace: Process \d+ detached)\s*$").search
_begun = lazy(r"[^=\n]{0,80},\s*(?:\^C)?$").match
_FIRST: Final = lazy(r"(?P<fd>\d{1,9})(?:<(?P<target>.*?)>(?=[,) ]|$))?(?=[,) ]|$)")
_POLLED: Final = lazy(r"\{fd=(?P<fd>\d{1,9})(?:<(?P<target>.*?)>(?=,))?,")
_SOCKET: Final = lazy(r"socket:\[(?P<inode>\d{1,18})\]")
_POLL: Final = frozenset({"poll", "ppoll"})
_EPOLL: Final = frozenset({"epoll_wait", "epoll_pwait", "epoll_pwait2"})


def sniff(head: Sequence[str]) -> bool:
    """True if strace's own first line, or a call of a numbered thread, is among the lines."""
    return any(_note(line) or ((match := _row(line)) and (match["pid"] or match["tid"]) and not match["event"]) for line in head)


def parse(section: Section) -> Parsed:
    """One record per thread that stands in a call at the end of the trace."""
    standing: dict[int, tuple[int, str, str]] = {}
    unread: list[tuple[int, str]] = []
    read = 0
    process: int | None = None
    last = max((index for index, line in section.rows() if _row(line)), default=-1)  # what somebody writes below is no call
    for index, line in section.rows():
        if note := _note(line):
            process = int(note["pid"]) if process is None else process
        elif match := _row(line):
            number = match["pid"] or match["tid"] or process
            if number is not None:
                _follow(standing, int(number), index, match, ended=index == last)
        elif not _rest(line):
            unread.append((index, "no line of strace"))
            continue
        read += 1
    pid = process if process is not None else min(standing, default=0)
    records = tuple(_record(section, Pid(pid), tid, *found) for tid, found in standing.items())
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _follow(standing: dict[int, tuple[int, str, str]], tid: int, index: int, match: re.Match[str], *, ended: bool) -> None:
    """Enter or leave a call. A thread that exits leaves all; a signal (HotSpot uses SIGSEGV) interrupts none.

    The last line of a terminal may be a call that has not returned: it ends with an argument.
    """
    rest = match["rest"]
    if rest is not None and (_open(rest) or (ended and (_begun(rest) or not any(mark in rest.rpartition('"')[2] for mark in ")=")))):
        standing[tid] = (index, match["call"], rest)
    elif match["tail"] is not None and _open(match["tail"]):
        pass
    elif match["event"] is None or match["event"].startswith("+++"):
        standing.pop(tid, None)


def _record(section: Section, pid: Pid, tid: int, index: int, call: str, rest: str) -> TaskSyscall:
    targets = tuple(_targets(call, rest))
    first = targets[0].number if targets and call not in _POLL else None
    return TaskSyscall(
        where=section.where(index),
        pid=pid,
        native_id=NativeId(tid),
        call=None if call == "restart_syscall" else call,
        descriptor=first,
        waits_for=targets if targets and call not in _EPOLL else None,
    )


def _targets(call: str, rest: str) -> Iterator[Descriptor]:
    """The descriptors that the call names."""
    if call in _POLL:
        found = list(_POLLED.finditer(rest))
    elif call in DESCRIPTOR_FIRST or call in _EPOLL:
        found = [match] if (match := _FIRST.match(rest)) else []
    else:
        return
    for match in found:
        inode = _SOCKET.fullmatch(match["target"] or "")
        # -yy prints addresses in place of the inode: then the lists of descriptors tell it.
        target = match["target"] if inode or (match["target"] or "").startswith(("/", "pipe:", "anon_inode")) else None
        yield Descriptor(int(match["fd"]), target, Inode(int(inode["inode"])) if inode else None)
