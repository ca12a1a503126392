"""A thread that stands in a write to one client whose window is closed, by its system call and its descriptor: whatever else it writes to waits as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets
from analyzer.evidence.stalled_writes import SEGMENT
from analyzer.families.counted_sockets import whose
from analyzer.model.finding import Confidence, Culprit, Evidence, Process, Severity, When
from analyzer.model.message import plural
from analyzer.model.text import ByNumber, Do, Either, Text
from parsers.records import TcpState, TimerKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import TaskSyscall

_WRITES: Final = frozenset({"write", "writev", "send", "sendto", "sendmsg", "sendmmsg", "putmsg"})
TEXT: Final = Text(
    "blocked-write",
    headline="Thread {thread} of {who} waits in {call} to one client that does not read: {remote} has closed its window, and {bytes:,} bytes wait for it{unchanged}.",
    explanation="{remote} is up, as its window is told, but the program there does not read, so the send buffer is full and the write cannot end (descriptor {descriptor}). The network is not the cause: on a line that loses packets the window stays open.{idle_others}",
    why=Either(
        "unchanged",
        "The call, its descriptor, and the same bytes in two tables agree.",
        "The call, its descriptor and the closed window agree; that it lasts, a second table would show.",
    ),
    do=(
        Do(When.NOW, "End the connection to {remote}, or restart the program there: the thread goes on."),
        Do(
            When.FIX,
            "Never wait in a write to one client: write without blocking, with a queue for each client and a limit at which it is dropped (or SO_SNDTIMEO).",
        ),
    ),
    figures=(("{bytes:,}", "bytes that one client does not take"), ("{others_said}", "other clients with nothing to send")),
    chain=(("thread {thread}", "waits in {call} to", "{remote}"), ("{remote}", "does not read", "")),
    phrases={
        "unchanged": Either("same", ", the same in two tables"),
        "idle_others": Either(
            "others",
            ByNumber(
                "others",
                " For {others_open} of port {port} nothing waits: if this thread writes to it, too, it gets nothing meanwhile.",
                " For {others_open} of port {port} nothing waits: if this thread writes to them, too, they get nothing meanwhile.",
            ),
        ),
        "others_said": Either("others", "{others}"),
        "closed": "{bytes:,} bytes wait, and the window of {remote} is closed",
        "stands": "thread {thread} stands in {call} on descriptor {descriptor}",
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One for each client with a closed window to which a thread stands in a write."""
    told: set[Connection] = set()
    for view in case.latest:
        for row in view.table.in_state(TcpState.ESTABLISHED):
            task = _writer(view, row)
            if task is not None and row not in told:
                told.add(row)
                yield _finding(case, view, row, task)


def _writer(view: ProcessView, row: Connection) -> TaskSyscall | None:
    """The thread that stands in a write to a connection whose window is closed."""
    closed = row.timer is not None and row.timer.kind is TimerKind.PROBE and (row.send_q or 0) > SEGMENT
    if not closed or row.remote is None:
        return None
    held = {(owner.pid, owner.fd) for owner in row.owners or ()}
    return next((one for one in view.snapshot.tasks if one.call in _WRITES and (one.pid, one.descriptor) in held), None)


def _finding(case: Case, view: ProcessView, row: Connection, task: TaskSyscall) -> Finding:
    owner = next(one for one in row.owners or () if one.pid == task.pid)
    process = Process(view.snapshot.host, task.pid, owner.command)
    earlier = [one for snapshot in case.incident.snapshots if snapshot is not view.snapshot for one in snapshot.rows]
    same = any((one.local, one.remote, one.send_q) == (row.local, row.remote, row.send_q) for one in earlier)
    open_ = [one for one in view.table.in_state(TcpState.ESTABLISHED) if one.local.port == row.local.port and one is not row]
    rest = [one for one in open_ if not one.send_q]
    others = len(rest) if len(rest) == len(open_) else 0
    text = TEXT.filled(
        process,
        who=whose(process),
        thread=task.native_id,
        call=task.call,
        remote=row.remote,
        bytes=row.send_q or 0,
        descriptor=task.descriptor,
        same=same,
        unchanged=same,
        others=others,
        others_open=plural(others, "other client"),
        port=str(row.local.port),
    )
    closed = of_sockets([row], text["closed"], (str(row.send_q),))
    stands = Evidence(task.where, text["stands"], (task.call or "",))
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if same else Confidence.SUSPECTED,
        evidence=(stands, closed),
        chain=text.steps((stands,), (closed,)),
        culprit=Culprit(remote=str(row.remote), listener=f"*:{row.local.port}"),
    )
