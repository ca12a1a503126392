"""Several threads of a process sleep in the kernel's calls to a file server, as its own rows or stacks say: no dump is needed to see that it does not answer."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from analyzer.evidence.log_events import of_this_moment
from analyzer.evidence.nouns import program_in_words
from analyzer.families.libuv_pool import SIZE
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import capitalized, plural, say
from analyzer.model.text import ByNumber, Do, Either, Text
from parsers.records import LogKind, Pid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.records import TaskSyscall

FEWEST: Final = 3
"""Threads in such a call at once: one or two may be in a short read."""
REMOTE: Final = ("rpc_wait", "nfs_wait", "nfs4_wait", "cifs_", "smb2_")
"""Functions of the kernel that wait for a file server."""
KILLABLE: Final = "_killable"
"""How the kernel ends the names of such waits in the state TASK_KILLABLE (Linux since 2.6.25), as in rpc_wait_bit_killable."""
_NODE: Final = "node"
TEXT: Final = Text(
    "disk-stall",
    headline="{threads} of {program} wait for a file server in the kernel ({channel}){whole}.",
    explanation="{signals}: the server of a mounted file system (NFS, SMB) does not answer, or answers slowly. Which mount it is, and which code asks for a file there, these lines do not show.{behind}",
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
        "signals": Either(
            "killable",
            "Of all signals only SIGKILL ends such a sleep",
            "A signal does not end such a sleep, and a kill may not end it either",
        ),
        "whole": Either("full", ", as many as libuv's pool has: names, files and compression wait behind them"),
        "behind": Either(
            "full",
            " libuv has four threads for files, look-ups of names, compression and encryption, unless UV_THREADPOOL_SIZE says otherwise: while they sleep, each such call waits in its queue, though the event loop is free and the network is well.",
        ),
        "larger": Either("full", " UV_THREADPOOL_SIZE only adds threads that would wait as well."),
        "shown": ByNumber("number", "{threads} waits in {channel}", "{threads} wait in {channel}"),
    },
)
SIBLINGS: Final = Text(
    "disk-stall",
    headline="{processes} of {program} wait for {server} in the kernel ({channel}){silent}.",
    explanation="{signals}. {said}Each that asks for a file there stands so, until the limit of workers is reached: a larger limit lets only more of them wait. They count as load, although they use no processor.",
    why=Either(
        "named",
        "The list of processes shows where they sleep, and the kernel's log names the server that does not answer.",
        "The list of processes shows where they sleep. Which server it is, and since when it does not answer, the kernel's log tells.",
    ),
    do=(
        Do(
            When.NOW,
            "Bring the file server or the way to it back: all go on at once. See which mount it is.",
            "mount -t nfs,nfs4,cifs; dmesg -T | grep -i 'not responding'; cat /proc/{pid}/stack",
        ),
        Do(
            When.FIX,
            "Keep what requests need off that mount, or mount it soft with a timeout where lost writes do no harm: a hard mount waits for ever.",
        ),
    ),
    figures=(("{count}", "processes in calls to a file server"),),
    chain=(("{program}", "waits for a file in", "{channel}"), ("{server}", "does not answer", "")),
    phrases={
        "signals": Either(
            "killable",
            "Of all signals only SIGKILL ends such a sleep",
            "A signal does not end such a sleep, and a kill may not end it either",
        ),
        "silent": Either("named", ", which does not answer"),
        "said": Either("named", "The kernel's log says so itself. "),
        "shown": "{processes} wait in {channel}",
    },
)
_OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The threads go on when the file server answers."))


def findings(case: Case) -> Iterator[Finding]:
    """One for each process with several such threads, and no dump that tells more of them."""
    for snapshot in case.incident.snapshots[-1:]:
        groups: dict[Pid, dict[int, TaskSyscall]] = defaultdict(dict)
        for task in snapshot.tasks:
            if (task.wait_channel or "").startswith(REMOTE):
                groups[task.pid][task.native_id or 0] = task
        names = {row.pid: row.command for row in snapshot.processes}
        yield from _siblings(case, snapshot.host, names, {pid: next(iter(tasks.values())) for pid, tasks in groups.items()})
        for pid, tasks in groups.items():
            if len(tasks) >= FEWEST:
                command = names.get(pid) or next((one.command for one in tasks.values() if one.command), None)
                yield _finding([*tasks.values()], Process(snapshot.host, pid, command))


def _siblings(case: Case, host: str | None, names: Mapping[Pid, str], tasks: Mapping[Pid, TaskSyscall]) -> Iterator[Finding]:
    """One for several processes of one program that sleep so, one thread each."""
    programs: dict[str, list[TaskSyscall]] = defaultdict(list)
    for pid, task in tasks.items():
        if pid in names:
            programs[names[pid].partition(" ")[0].rpartition("/")[2]].append(task)
    for program, group in programs.items():
        if len(group) >= FEWEST:
            yield _of_siblings(case, Process(host, None, program), group)


def _of_siblings(case: Case, process: Process, group: Sequence[TaskSyscall]) -> Finding:
    told = [one for one in of_this_moment(case.incident) if one.event.kind is LogKind.STORE]
    named = told[-1].event.subject if told else None
    channel = group[0].wait_channel or ""
    text = SIBLINGS.filled(
        process,
        processes=plural(len(group), "process", "processes"),
        program=process.command,
        server=say("the file server {name}", name=named) if named else say("a file server"),
        named=named,
        channel=channel,
        killable=channel.endswith(KILLABLE),
        count=len(group),
        pid=group[0].pid,
    )
    shown = Evidence(group[0].where, text["shown"], (channel,), len(group) - 1)
    logged = (told[-1].evidence,) if told else ()
    return text.finding(
        severity=Severity.CRITICAL if named else Severity.WARNING,
        confidence=Confidence.LIKELY if named else Confidence.SUSPECTED,
        evidence=(shown, *logged),
        chain=text.steps((shown,), logged),
        culprit=Culprit(),
        outlook=_OUTLOOK,
    )


def _finding(tasks: Sequence[TaskSyscall], process: Process) -> Finding:
    channel = tasks[0].wait_channel or ""
    # Threads of Node's pool have no name of their own: they are called as the program is.
    full = len(tasks) == SIZE and {one.command for one in tasks if one.command} == {_NODE}
    text = TEXT.filled(
        process,
        threads=capitalized(plural(len(tasks), "thread")),
        program=program_in_words(process.command, Pid(process.pid or 0)),
        channel=channel,
        killable=channel.endswith(KILLABLE),
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
