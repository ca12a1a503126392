"""One or two processes sleep in the kernel's calls to a file server, and something else says that it does not answer: the kernel's log, or a SYN without an answer.

Whoever waits for a lock of a directory in the kernel at that moment may stand behind such a call: one that opens a file keeps its directory locked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.log_events import of_this_moment
from analyzer.evidence.nouns import program_in_words
from analyzer.families.kernel_sleepers import KILLABLE, REMOTE
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import capitalized, joined, plural, say
from analyzer.model.text import ByNumber, Do, Either, Text
from parsers.records import LogKind, Pid, TcpState
from parsers.records.task_records import ASLEEP_IN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.evidence.log_events import Told
    from analyzer.model.finding import Finding
    from analyzer.model.incident import Snapshot
    from analyzer.waits.case import Case
    from parsers.records import Counter, SocketRow, TaskSyscall

_NFS: Final = 2049
_LOCKS: Final = ("rwsem_down_", "down_write", "down_read", "__mutex_lock", "mutex_lock")
"""Functions of the kernel that wait for a lock; those of directories are among them."""
_DIRECTORIES: Final = (
    "open_last_lookups",
    "path_openat",
    "do_last",
    "lookup_",
    "walk_component",
    "filename_create",
    "do_unlinkat",
    "do_rmdir",
    "do_renameat",
    "do_mkdirat",
    "iterate_dir",
)
"""Functions of the kernel that look a name up in a directory, or change one."""
_OF_NFS: Final = ("nfs", "rpc_", "__rpc_", "cifs_", "smb2_")
_MANY: Final = 3
"""Processes in state D from which on a service has more than one in trouble."""
_NAMED: Final = 3
TEXT: Final = Text(
    "disk-stall",
    headline=ByNumber(
        "tasks_count",
        "{who} waits in the kernel for an answer of {server}{silent} ({channel}).",
        "{who} wait in the kernel for an answer of {server}{silent} ({channel}).",
    ),
    explanation="{said}{syn}{many}{behind}{signals}, and no timeout of the program reaches it. Whether the server is down, or something on the way drops what is sent, these lines do not show.",
    why=Either(
        "named",
        "The kernel's stack shows the wait, and its log names the server that does not answer.",
        "The kernel's stack shows the wait, and a SYN to the port of NFS has no answer; that both are of one server and last, the lines do not show.",
    ),
    do=(
        Do(
            When.NOW,
            "See whether the server can be reached and serves. All go on at once when it answers; a restart of this host is not needed for that.",
            "rpcinfo -t {host} nfs; tcpdump -ni any host {host} and port 2049; mount -t nfs,nfs4",
        ),
        Do(When.NOW, "See what the other tasks in state D wait for.", "echo w > /proc/sysrq-trigger; dmesg -T | tail -200", on="locked"),
        Do(
            When.FIX,
            "Keep what requests need off that mount, or mount it soft with a timeout where lost writes do no harm: a hard mount waits for ever.",
        ),
    ),
    figures=(("{count}", "processes in state D"),),
    chain=(("{who}", "waits for a file in", "{channel}"), ("{server}", "does not answer", "")),
    phrases={
        "silent": Either("named", ", which does not respond"),
        "said": Either("named", "The kernel's log says of {named} that it does not respond. "),
        "syn": Either("far", "The connection to {far} is in SYN_SENT: its SYN has got no answer. "),
        "many": Either("listed", "In state D are {listed}, as they were counted. "),
        "behind": Either(
            "locked",
            ByNumber(
                "locked_count",
                "{locked} waits for a lock in the kernel ({function}) while a name is looked up in a directory: suspected to stand behind such a call, which keeps its directory locked; who holds the lock is not shown. ",
                "{locked} wait for a lock in the kernel ({function}) while a name is looked up in a directory: suspected to stand behind such a call, which keeps its directory locked; who holds the lock is not shown. ",
            ),
        ),
        "signals": Either(
            "killable",
            "Of all signals only SIGKILL ends a sleep in {channel}",
            "A signal does not end such a sleep, and a kill may not end it either",
        ),
        "shown": "a process waits in {channel}",
        "sent": "a SYN to {far} without an answer",
        "waits_for_lock": "a task waits for a lock in {function}",
    },
)
_OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("All go on when the file server answers."))


def findings(case: Case) -> Iterator[Finding]:
    """One where something beside the stacks says that the server does not answer; several processes are told of without that."""
    for snapshot in case.incident.snapshots[-1:]:
        tasks = {task.pid: task for task in snapshot.tasks if (task.wait_channel or "").startswith(REMOTE)}
        told = [one for one in of_this_moment(case.incident) if one.event.kind is LogKind.STORE]
        sent = [row for row in snapshot.rows if row.state is TcpState.SYN_SENT and row.remote is not None and row.remote.port == _NFS]
        if tasks and (told or sent):
            yield _finding(case, snapshot, [*tasks.values()], told, sent)


def _finding(case: Case, snapshot: Snapshot, tasks: Sequence[TaskSyscall], told: Sequence[Told], sent: Sequence[SocketRow]) -> Finding:
    names = {row.pid: row.command for row in snapshot.processes}
    first = tasks[0]
    command = names.get(first.pid) or first.command or _of_log(case, first.pid)
    process = Process(snapshot.host, first.pid if len(tasks) == 1 else None, command)
    named = told[-1].event.subject if told else None
    far = next((str(row.remote) for row in sent if row.remote is not None and named in {None, row.remote.host}), None)
    host = named or (far.rpartition(":")[0] if far is not None else None)
    counts = _asleep(snapshot)
    locked, function = _behind(case, frozenset(task.pid for task in tasks))
    channel = first.wait_channel or ""
    text = TEXT.filled(
        process,
        who=capitalized(program_in_words(command, first.pid))
        if len(tasks) == 1
        else capitalized(plural(len(tasks), "process", "processes")),
        tasks_count=len(tasks),
        server=say("the file server {name}", name=host) if host else say("a file server"),
        host=host or "SERVER",
        named=named,
        far=far,
        channel=channel,
        killable=channel.endswith(KILLABLE),
        listed=_listed(counts) if counts else None,
        count=str(sum(one.value for one in counts)) if counts else "",
        locked=joined(", ", locked) if locked else None,
        locked_count=len(locked),
        function=function,
    )
    shown = Evidence(first.where, text["shown"], (channel,), len(tasks) - 1)
    logged = (told[-1].evidence,) if told else ()
    syns = (Evidence(sent[0].where, text["sent"], (str(sent[0].remote),), len(sent) - 1),) if far else ()
    waiting = tuple(Evidence(one.event.where, text["waits_for_lock"]) for one in _waiting(case)[:1]) if locked else ()
    return text.finding(
        severity=Severity.CRITICAL if named and sum(one.value for one in counts) >= _MANY else Severity.WARNING,
        confidence=Confidence.LIKELY if named else Confidence.SUSPECTED,
        evidence=(shown, *logged, *syns, *waiting),
        chain=text.steps((shown,), logged or syns),
        culprit=Culprit(remote=host),
        outlook=_OUTLOOK,
    )


def _asleep(snapshot: Snapshot) -> list[Counter]:
    """Processes in state D, counted by name."""
    return [one for one in snapshot.counters if one.name.startswith(ASLEEP_IN)]


def _listed(counts: Sequence[Counter]) -> str:
    return joined(
        ", ",
        (
            say("{processes} of {name}", processes=plural(one.value, "process", "processes"), name=one.name.removeprefix(ASLEEP_IN))
            for one in counts[:_NAMED]
        ),
    )


def _of_log(case: Case, pid: Pid) -> str | None:
    """The name that the kernel's log has for a process."""
    subjects = (one.event.subject or "" for one in of_this_moment(case.incident) if one.event.kind is LogKind.STOOD)
    return next((name for subject in subjects for name, _, number in [subject.rpartition(":")] if name and number == str(pid)), None)


def _waiting(case: Case) -> list[Told]:
    """Tasks that the kernel reports, which wait for a lock while a name is looked up in a directory."""
    stood = [one for one in of_this_moment(case.incident) if one.event.kind is LogKind.STOOD]
    return [
        one
        for one in stood
        if (names := [frame.method for frame in one.event.frames])
        and names[0].startswith(_LOCKS)
        and any(name.startswith(_DIRECTORIES) for name in names)
        and not any(name.startswith(_OF_NFS) for name in names)
    ]


def _behind(case: Case, known: frozenset[Pid]) -> tuple[list[str], str | None]:
    """The names of such tasks, and the function in which the first of them waits; those that wait for the server themselves aside."""
    found = [one for one in _waiting(case) if not any((one.event.subject or "").endswith(f":{pid}") for pid in known)]
    return [one.event.subject or "" for one in found[:_NAMED]], found[0].event.frames[0].method if found else None
