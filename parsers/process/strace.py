"""System calls as ``strace -f -p PID`` shows them (strace 4.x to 6.x, also with ``-o``, ``-t``, ``-y``, ``-yy``): what each thread stood in at the end.

    strace: Process 30955 attached with 25 threads
    [pid 30980] epoll_wait(14,  <unfinished ...>
    [pid 30978] read(8,  <unfinished ...>
    [pid 30976] read(6<socket:[739942]>,  <unfinished ...>
    [pid 30974] restart_syscall(<... resuming interrupted read ...> <unfinished ...>
    [pid 30974] <... restart_syscall resumed>) = -1 ETIMEDOUT (Connection timed out)
    [pid 30974] poll([{fd=57, events=POLLIN}], 1, 10000 <detached ...>

Before 4.11 its own lines have no name in front: ``Process 6640 attached - interrupt to quit``. When strace attaches, every thread's present call is printed as unfinished. A call that is resumed has ended; what is still unfinished when the trace
ends is what the thread stands in. With ``-T`` each call ends with the seconds that it took: a sync of a file that took long is a record of its own, with
the longest write to the same file meanwhile. ``restart_syscall`` is a timed wait that a signal interrupted: the kernel does not say which call it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.records import Descriptor, Inode, LogEvent, LogKind, NativeId, Parsed, Pid, TaskSyscall
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
_BEGINS: Final = lazy(r"(?P<fd>\d{1,9})\b").match
_POLLED: Final = lazy(r"\{fd=(?P<fd>\d{1,9})(?:<(?P<target>.*?)>(?=,))?,")
_SOCKET: Final = lazy(r"socket:\[(?P<inode>\d{1,18})\]")
_POLL: Final = frozenset({"poll", "ppoll"})
_EPOLL: Final = frozenset({"epoll_wait", "epoll_pwait", "epoll_pwait2"})


_took = lazy(r"= (?:-1 E\w{2,20}|-?\d{1,18}|0x[0-9a-f]{1,16})[^=\n]{0,200}<(?P<s>\d{1,7}\.\d{1,9})>\s*$").search
_SYNCS: Final = frozenset({"fsync", "fdatasync", "sync_file_range", "msync"})
_WRITES: Final = frozenset({"write", "writev", "pwrite64", "pwritev", "pwritev2"})
SLOW: Final = 1.0
"""Seconds from which on a sync of a file is one that others notice."""


def sniff(head: Sequence[str]) -> bool:
    """True if strace's own first line, or a call of a numbered thread, is among the lines."""
    return any(_note(line) or ((match := _row(line)) and (match["pid"] or match["tid"]) and not match["event"]) for line in head)


def parse(section: Section) -> Parsed:
    """One record per thread that stands in a call at the end of the trace."""
    standing: dict[int, tuple[int, str, str]] = {}
    unread: list[tuple[int, str]] = []
    read = 0
    process: int | None = None
    taken: list[_Taken] = []
    last = max((index for index, line in section.rows() if _row(line)), default=-1)  # what somebody writes below is no call
    for index, line in section.rows():
        if note := _note(line):
            process = int(note["pid"]) if process is None else process
        elif match := _row(line):
            number = match["pid"] or match["tid"] or process
            if number is not None:
                taken += _ended(standing, int(number), index, match)
                _follow(standing, int(number), index, match, ended=index == last)
        elif not _rest(line):
            unread.append((index, "no line of strace"))
            continue
        read += 1
    pid = process if process is not None else min(standing, default=0)
    records = tuple(_record(section, Pid(pid), tid, *found) for tid, found in standing.items())
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *_syncs(section, taken), *elisions), read + len(elisions), gaps)


class _Taken(NamedTuple):
    """A call that ended: where, its name, the descriptor with its file if -y prints it, and how long it took."""

    at: int
    call: str
    descriptor: str
    seconds: float


def _ended(standing: dict[int, tuple[int, str, str]], tid: int, index: int, match: re.Match[str]) -> Iterator[_Taken]:
    """The call that a line ends, where it says how long it took."""
    took = _took(match["rest"] or match["tail"] or "")
    if took is None:
        return
    _, call, rest = standing.get(tid, (0, "", "")) if match["resumed"] else (0, match["call"], match["rest"])
    found = _FIRST.match(rest) or _BEGINS(rest)
    if found is not None:
        target = found.groupdict().get("target")
        yield _Taken(index, call, f"{found['fd']} ({target})" if target else found["fd"], float(took["s"]))


def _syncs(section: Section, taken: Sequence[_Taken]) -> Iterator[LogEvent]:
    """The longest sync of each file that took long, and the longest write to the same file."""
    syncs = [one for one in taken if one.call in _SYNCS and one.seconds >= SLOW]
    for descriptor in dict.fromkeys(one.descriptor for one in syncs):
        longest = max((one for one in syncs if one.descriptor == descriptor), key=lambda one: one.seconds)
        write = max((one.seconds for one in taken if one.call in _WRITES and one.descriptor == descriptor), default=0.0)
        yield LogEvent(
            where=section.where(longest.at),
            kind=LogKind.DISK,
            source="strace",
            subject=f"{longest.call} of descriptor {descriptor}",
            figures=(("seconds", longest.seconds), *((("longest write", write),) if write >= SLOW else ())),
        )


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
