"""Threads wait for the end of a child process that itself stands in a write: nobody reads what it prints, and its pipe is full.

The child is seen by strace, by its wait channel in a list of processes, or both. Its descriptors, which would prove the pipe, are not here:
:mod:`analyzer.families.full_pipes` tells of those.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.chosen_threads import chosen
from analyzer.evidence.citations import of_threads
from analyzer.evidence.doing import caller
from analyzer.evidence.multiples import multiple, names_of, picked_in_words
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Do, Either, Text
from analyzer.software.blockers import blocking_frame
from analyzer.software.kinds import ActivityKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import ProcessRow, TaskSyscall

_WRITES: Final = frozenset({"write", "writev"})
_STANDARD: Final = {1: say("standard output"), 2: say("standard error")}
_WRITING: Final = frozenset({"pipe_write", "anon_pipe_write"})
"""Where the kernel keeps who writes to a full pipe (``fs/pipe.c``)."""
_KERNEL: Final = 2
"""The parent of the kernel's own threads."""
_EITHER: Final = "pipe_wait"
"""The same in kernels before 5.5, for readers as well."""
TEXT: Final = Text(
    "blocked-write",
    headline="{who} for the end of a child process in {place}{called}, and {child} {stands}: nobody reads what it prints.",
    explanation="A pipe takes some 64 KiB; then a write waits until somebody reads.{children} A parent that waits for the end before it reads never does: both wait for each other. With little output it works.",
    why=Either(
        "traced",
        "The stack waits for a child, and a process is seen in such a write. Its descriptors, which would prove the pipe, are not here.",
        "The stack waits for a child, and the child's wait channel is that of a pipe; whether it writes to it or reads, its system call would tell.",
    ),
    do=(
        Do(When.NOW, "See what the child does, and read its pipe once by hand: it goes on.", "{command}"),
        Do(
            When.FIX,
            "Read both outputs of the child while it runs, not after its end, or send what nobody needs to a file or to /dev/null: in {frame}.",
        ),
        Do(When.PREVENT, "Give the wait for a child a time limit, and end the child when it is over."),
    ),
    chain=(("{waiter}", "waits for the end of", "its child"), ("{child}", "waits until somebody reads", "{stream}")),
    phrases={
        "called": Either("frame", ", called from {frame}"),
        "stands": Either("traced", "stands in a write to its {stream}", "stands at a pipe ({channel})"),
        "shown": "{child} {stands}",
        "waits": "{threads} for the end of a child process",
        "children": Either("several", " {several} of the same command stand so."),
    },
)


class _Stuck(msgspec.Struct, frozen=True):
    """A child that stands at a pipe: its call or wait channel, its row in a list of processes, and how many rows stand so."""

    task: TaskSyscall
    row: ProcessRow | None
    alike: int

    @property
    def stream(self) -> str | None:
        """What it writes to, where its system call is seen; None where only the wait channel is."""
        number = self.task.descriptor
        return _STANDARD.get(number) if number is not None and self.task.call in _WRITES else None


def findings(case: Case) -> Iterator[Finding]:
    """One for each process whose threads wait for children, where a child is seen at a pipe."""
    for view in case.latest:
        waiting = _waiting(view)
        child = _child(view) if waiting else None
        if child is not None and (child.stream or _may_agree(case, view, child, waiting)):
            yield _finding(case, view, waiting, child)


def _waiting(view: ProcessView) -> Sequence[ThreadActivity]:
    """The largest group of threads that wait for a child in one place."""
    groups: dict[object, list[ThreadActivity]] = defaultdict(list)
    for pool in view.pools:
        for member in pool.members:
            if member.activity.kind is ActivityKind.PROCESS:
                groups[caller(member)].append(member)
    return max(groups.values(), key=len, default=())


def _child(view: ProcessView) -> _Stuck | None:
    """Another process that stands in a write to its standard output or error, or at a pipe; one whose call is seen comes first."""
    rows = {row.pid: row for row in view.snapshot.processes}
    found = [
        task
        for task in view.snapshot.tasks
        if task.pid != view.process.pid
        and (task.call is None or task.call in _WRITES)
        and ((task.call in _WRITES and task.descriptor in _STANDARD) or task.wait_channel in {*_WRITING, _EITHER})
        and _may_be_child(rows.get(task.pid), view)
    ]
    best = max(found, key=lambda task: (task.call in _WRITES, task.wait_channel in _WRITING), default=None)
    if best is None:
        return None
    channels = {task.pid for task in found if task.wait_channel is not None}
    program = _program(rows.get(best.pid))
    return _Stuck(best, rows.get(best.pid), len({pid for pid in channels if program is not None and _program(rows.get(pid)) == program}))


def _may_be_child(row: ProcessRow | None, view: ProcessView) -> bool:
    """False where a list of processes names another parent than the process at hand."""
    if row is None or row.parent is None:
        return True
    return row.parent != _KERNEL if view.process.pid is None else row.parent == view.process.pid


def _may_agree(case: Case, view: ProcessView, child: _Stuck, waiting: Sequence[ThreadActivity]) -> bool:
    """True for a child that only its wait channel tells of, if the list of processes speaks for it: a list of its program alone was asked for."""
    more = multiple(case, waiting)
    programs = {_program(row) for row in view.snapshot.processes if row.pid != view.process.pid}
    return _agrees(view, child, more.number if more else len(waiting)) or len(programs) == 1


def _agrees(view: ProcessView, child: _Stuck, waiting: int) -> bool:
    """True if the child is this process's own by the list of processes, or as many of its command stand at a pipe as threads wait."""
    parent = child.row.parent if child.row is not None else None
    return (parent is not None and parent == view.process.pid) or child.alike == waiting > 1


def _program(row: ProcessRow | None) -> str | None:
    return row.command.partition(" ")[0].rpartition("/")[2] if row is not None else None


def _finding(case: Case, view: ProcessView, group: Sequence[ThreadActivity], child: _Stuck) -> Finding:
    member, app, task = group[0], caller(group[0]), child.task
    frame = blocking_frame(*member) or member.thread.frames[0]
    more = multiple(case, group)
    picked = picked_in_words(names_of(group), len(group), more) if chosen(case, view) else None
    name = _program(child.row)
    stream = child.stream
    text = TEXT.filled(
        view.process,
        who=say("{threads} wait", threads=picked) if picked else plural(len(group), "thread waits", "threads wait"),
        waiter=say("“{name}”", name=member.thread.label),
        place=frame.call,
        frame=app if app is not None and app != frame else None,
        child=say("{command} (pid {pid})", command=name, pid=task.pid) if name else say("process {pid}", pid=task.pid),
        traced=stream,
        stream=stream or say("a pipe"),
        channel=task.wait_channel,
        several=f"{child.alike:,}" if child.alike > 1 else "",
        command=f"strace -f -y -p {task.pid}; ls -l /proc/{task.pid}/fd; timeout 1 cat /proc/{task.pid}/fd/{task.descriptor or 1}",
        threads=plural(len(group), "thread waits", "threads wait"),
    )
    shown = Evidence(task.where, text["shown"])
    listed = [Evidence(child.row.where, child.row.command)] if child.row is not None and child.row.where != task.where else []
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if stream and _agrees(view, child, more.number if more else len(group)) else Confidence.SUSPECTED,
        evidence=(of_threads(group, text["waits"]), shown, *listed, *([more.evidence] if more is not None else [])),
        chain=text.steps((), (shown,)),
        culprit=Culprit(thread=member.thread.label, frame=str(app) if app is not None else None),
        loop=True,
        outlook=Outlook(
            RecoversWhen.RESTART, say("Both wait for each other: the child goes on when somebody reads its pipe, and nobody does.")
        ),
    )
