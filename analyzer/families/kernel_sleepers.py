"""Several threads of a process sleep in the kernel's calls to a file server, as its own rows or stacks say: no dump is needed to see that it does not answer."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from analyzer.evidence.nouns import program_in_words
from analyzer.families.libuv_pool import SIZE
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import capitalized, plural, say
from analyzer.model.text import ByNumber, Do, Either, Text
from parsers.records import Pid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.records import TaskSyscall

FEWEST: Final = 3
"""Threads in such a call at once: one or two may be in a short read."""
_REMOTE: Final = ("rpc_wait", "nfs_wait", "nfs4_wait", "cifs_", "smb2_")
"""Functions of the kernel that wait for a file server."""
_NODE: Final = "node"
TEXT: Final = Text(
    "disk-stall",
    headline="{threads} of {program} wait for a file server in the kernel ({channel}){whole}.",
    explanation="No signal ends such a sleep, and no kill does: the server of a mounted file system (NFS, SMB) does not answer, or answers slowly. Which mount it is, and which code asks for a file there, these lines do not show.{behind}",
    why="The kernel's own function tells what the threads wait for; one moment of a busy mount shows the same.",
    do=(
        Do(
            When.NOW,
            "See which mount does not answer, which file is asked for, and whether the same threads stand there a minute later.",
            "mount -t nfs,nfs4,cifs; dmesg -T | tail -20; cat /proc/{pid}/task/{tid}/stack; ls -l /proc/{pid}/fd",
        ),
        Do(
            When.FIX,
            "Mend the server or its network. Keep such files off the path of requests; mount NFS soft, with a timeout, where lost writes do no harm.{larger}",
        ),
    ),
    figures=(("{count}", "threads in calls to a file server"),),
    chain=(("{program}", "waits for a file server in", "{channel}"), ("the file server", "does not answer", "")),
    phrases={
        "whole": Either("full", ", as many as libuv's pool has: names, files and compression wait behind them"),
        "behind": Either(
            "full",
            " libuv has four threads for files, look-ups of names, compression and encryption, unless UV_THREADPOOL_SIZE says otherwise: while they sleep, each such call waits in its queue, though the event loop is free and the network is well.",
        ),
        "larger": Either("full", " UV_THREADPOOL_SIZE only adds threads that would wait as well."),
        "shown": ByNumber("number", "{threads} waits in {channel}", "{threads} wait in {channel}"),
    },
)
_OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The threads go on when the file server answers."))


def findings(case: Case) -> Iterator[Finding]:
    """One for each process with several such threads, and no dump that tells more of them."""
    for snapshot in case.incident.snapshots[-1:]:
        groups: dict[Pid, dict[int, TaskSyscall]] = defaultdict(dict)
        for task in snapshot.tasks:
            if (task.wait_channel or "").startswith(_REMOTE):
                groups[task.pid][task.native_id or 0] = task
        names = {row.pid: row.command for row in snapshot.processes}
        for pid, tasks in groups.items():
            if len(tasks) >= FEWEST:
                command = names.get(pid) or next((one.command for one in tasks.values() if one.command), None)
                yield _finding([*tasks.values()], Process(snapshot.host, pid, command))


def _finding(tasks: Sequence[TaskSyscall], process: Process) -> Finding:
    channel = tasks[0].wait_channel or ""
    # Threads of Node's pool have no name of their own: they are called as the program is.
    full = len(tasks) == SIZE and {one.command for one in tasks if one.command} == {_NODE}
    text = TEXT.filled(
        process,
        threads=capitalized(plural(len(tasks), "thread")),
        program=program_in_words(process.command, Pid(process.pid or 0)),
        channel=channel,
        full=full,
        count=str(len(tasks)),
        number=len(tasks),
        pid=process.pid,
        tid=tasks[0].native_id,
    )
    shown = Evidence(tasks[0].where, text["shown"], (channel,), len(tasks) - 1)
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        evidence=(shown,),
        chain=text.steps((shown,)),
        culprit=Culprit(),
        outlook=_OUTLOOK,
    )
