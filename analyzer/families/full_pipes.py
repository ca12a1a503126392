"""A process stands in a write to a pipe whose other end another process holds and does not read: the pipe is full, and the two wait for each other.

A pipe takes 64 KiB (Linux, pipe(7)); then write waits until somebody reads. A parent that waits for its child's end before it reads never does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.nouns import program_in_words
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import capitalized, say
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.model.incident import Snapshot
    from analyzer.waits.case import Case
    from parsers.records import OpenFile, Pid, TaskSyscall

_WRITES: Final = frozenset({"write", "writev"})
_WAITS: Final = frozenset({"wait4", "waitpid", "waitid", "_try_wait", "waitFor", "WaitForExit", "waitpid_nohang"})
_BARE: Final = "pipe"
"""What lsof prints for a pipe without a name."""
_STANDARD: Final = {1: say("standard output"), 2: say("standard error")}
TEXT: Final = Text(
    "blocked-write",
    headline="{writer_begins} stands in a write to {stream}, a pipe that {reader} holds and does not read{waits}: the pipe is full.",
    explanation="A pipe takes some 64 KiB; then write waits until somebody reads. {reader_begins} has the end to read from, as descriptor {fd}{and_waits}. Short outputs fit into the pipe: so it works with little, and by hand on a terminal.",
    why=Either(
        "waiting",
        "The call, the descriptors of both processes and the wait of the reader agree.",
        "The call and the descriptors of both processes agree; what the reader does instead is not here.",
    ),
    do=(
        Do(When.NOW, "Read the pipe once by hand: the writer goes on.", "timeout 1 cat /proc/{number}/fd/{fd} > output.txt"),
        Do(
            When.FIX,
            "Read both pipes while the child runs, not after its end (Python: communicate() instead of wait(); Java: a thread for each stream), or send what nobody needs to a file or to /dev/null.",
        ),
    ),
    chain=(("{writer}", "waits until somebody reads", "{stream}"), ("{reader}", "does not read", "{stream}")),
    phrases={
        "waits": Either("waiting", ", as it waits for that process to end"),
        "and_waits": Either("waiting", ", and waits for the end of {writer} before it reads: neither ever goes on"),
        "writes": "{writer} stands in a write to descriptor {own}",
        "holds": "{reader} has the other end of the pipe",
    },
)


class _Pipe(msgspec.Struct, frozen=True):
    """A write that does not return, the writer's end of the pipe, and the end that another process has to read from."""

    call: TaskSyscall
    near: OpenFile
    far: OpenFile
    waiting: bool


def findings(case: Case) -> Iterator[Finding]:
    """One for each write to a pipe of which another process has the other end."""
    for snapshot in case.incident.snapshots[-1:]:
        names = {row.pid: row.command for row in snapshot.processes}
        for found in _pipes(snapshot):
            yield _finding(found, snapshot.host, names)


def _pipes(snapshot: Snapshot) -> Iterator[_Pipe]:
    links = [(one, number) for one in snapshot.open_files if one.pid is not None and (number := pipe_number(one)) is not None]
    for call in snapshot.tasks:
        near = next(((one, number) for one, number in links if one.pid == call.pid and str(call.descriptor) == _number(one.fd)), None)
        if call.call not in _WRITES or near is None:
            continue
        far = [one for one, number in links if number == near[1] and one.pid != call.pid]
        if len({one.pid for one in far}) == 1:
            yield _Pipe(call, near[0], far[0], _waits_for(snapshot, far[0].pid, call.pid))


def pipe_number(file: OpenFile) -> str | None:
    """The inode of a pipe, by a link of /proc (``pipe:[90412]``) or by lsof's NODE of a FIFO without a name; None for anything else."""
    if file.target.startswith("pipe:["):
        return file.target.removeprefix("pipe:[").rstrip("]")
    return str(file.inode) if file.target == _BARE and file.inode is not None else None


def _number(fd: str) -> str:
    """The number of a descriptor without lsof's mode and lock."""
    return fd.rstrip("rwuRWUN -")


def _waits_for(snapshot: Snapshot, reader: Pid | None, writer: Pid) -> bool:
    """True if the reader waits for a child, and the writer is one of its children as far as a list of processes tells."""
    parents = {row.pid: row.parent for row in snapshot.processes}
    child = parents.get(writer) in {None, reader}
    dumps = (dump for dump in snapshot.dumps if dump.pid == reader)
    stands = any(frame.method in _WAITS for dump in dumps for thread in dump.threads for frame in thread.frames[:3])
    return child and (stands or any(task.pid == reader and task.call in _WAITS for task in snapshot.tasks))


def _finding(found: _Pipe, host: str | None, names: dict[Pid, str]) -> Finding:
    def named(pid: Pid | None) -> str:
        return program_in_words(names.get(pid) if pid is not None else None, pid)

    writer = found.call.pid
    text = TEXT.filled(
        Process(host, writer, names.get(writer)),
        writer=named(writer),
        writer_begins=capitalized(named(writer)),
        reader=named(found.far.pid),
        reader_begins=capitalized(named(found.far.pid)),
        stream=_STANDARD.get(int(_number(found.near.fd)), say("descriptor {fd}", fd=_number(found.near.fd))),
        waiting=found.waiting,
        fd=_number(found.far.fd),
        own=_number(found.near.fd),
        number=found.far.pid,
    )
    writes = Evidence(found.call.where, text["writes"])
    holds = Evidence(found.far.where, text["holds"], (found.far.target,))
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if found.waiting else Confidence.SUSPECTED,
        evidence=(writes, Evidence(found.near.where, found.near.target), holds),
        chain=text.steps((writes,), (holds,)),
        culprit=Culprit(),
        loop=found.waiting,
        outlook=Outlook(RecoversWhen.CAUSE, say("The writer goes on as soon as somebody reads the pipe.")),
    )
