"""The only thread of a forked process waits for a lock of that process: who had it when the process was forked is in the parent, and never lets it go here.

``fork`` copies memory with its locks as they are, and of the threads only the one that calls it (POSIX, fork; Python's documentation of ``os.fork``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_threads
from analyzer.evidence.held_loops import taken_line
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind
from analyzer.software.pools import ThreadActivity, is_silent
from analyzer.waits.server_pools import pressure
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import ProcessRow, Thread

_OF_ONE_PROCESS: Final = ("threading", "logging", "importlib", "<frozen importlib")
"""Modules whose locks lie in the process' own memory: locks between processes are others' to let go."""
_FORKS: Final = ("multiprocessing.popen_fork", "billiard.popen_fork", "billiard.pool", "billiard.context", "gunicorn.arbiter", "uwsgi")
"""Modules below which a forked child runs."""
_FORKED: Final = frozenset({"socketserver.ForkingMixIn.process_request"})
"""Functions of a library that fork, and below which the child runs."""
_TAKES: Final = frozenset({"python.PyThread_acquire_lock_timed", "libpython3.PyThread_acquire_lock_timed", "PyThread_acquire_lock_timed"})
_FOR_EVER: Final = ("sem_wait", "pthread_cond_wait", "futex_abstimed_wait")
_INNERMOST: Final = 12
"""How the interpreter waits for one of its own locks (Python/thread_pthread.h), and among how many frames of C that shows."""
_FORK: Final = frozenset({"fork", "_launch", "spawn_worker", "_Popen", "_create_worker_process"})
TEXT: Final = Text(
    "lock-convoy",
    headline="“{name}”, the only thread of process {number}, waits for {lock} in {call}{called}: nobody in this process can let it go.",
    explanation="A fork copies locks as they are, and of the threads only the one that forks: a lock that another thread of the parent had at that moment stays locked in the child for ever.{beside}{more} The parent goes on, and sees nothing of it.",
    why="The dump shows that the process has no other thread. That the lock was taken before the fork is inferred.",
    do=(
        Do(When.NOW, "End process {number}: it never goes on, and its parent starts another."),
        Do(
            When.FIX,
            "Start threads after the fork, not before it; or make such locks anew in the child (os.register_at_fork), or start workers by spawn or forkserver.",
        ),
    ),
    chain=(("{who}", "waits for a lock that was held at the fork", "{call}"),),
    phrases={
        "called": Either("frame", ", called from {frame}"),
        "beside": Either("other", " “{other}” of process {parent} stands in the same code."),
        "more": Either("others", " The stacks of {others} of the same server are the same."),
        "waits": "“{name}” waits for a lock, and the process has no other thread",
        "forked": "process {number} has one thread, and its parent runs the same command",
        "stands": "“{other}” stands in the code that takes the lock",
    },
)


def suspicions(case: Case) -> Iterator[Finding]:
    """One for each forked process whose only thread waits for a lock of its own process."""
    for view in case.latest:
        if (stuck := _stuck(case, view)) is not None:
            yield _finding(case, view, stuck)
        elif (worker := _worker(view)) is not None:
            yield _finding(case, view, worker)


def _stuck(case: Case, view: ProcessView) -> ThreadActivity | None:
    """The only thread of a process, if it was forked and waits for a lock without a timeout."""
    members = [member for pool in view.pools for member in pool.members]
    if view.dump is None or view.dump.runtime is not Runtime.PYTHON or view.dump.pid is None or len(members) != 1:
        return None
    (member,) = members
    frames = member.thread.frames
    forked = any(frame.cls.startswith(_FORKS) and frame.method in _FORK for frame in frames) or _row(view) is not None
    if not forked:
        return None
    if member.activity.kind is ActivityKind.LOCK and not member.activity.timed:
        return member if frames[member.activity.frame].cls.startswith(_OF_ONE_PROCESS) else None
    # Python's own locks have no frame: the thread stands on the line that takes one.
    silent = is_silent(member) and taken_line(case, frames) is not None
    return ThreadActivity(member.thread, member.activity._replace(kind=ActivityKind.LOCK, frame=0)) if silent else None


def _worker(view: ProcessView) -> ThreadActivity | None:
    """A worker of a server that forks, or its only process, of which a debugger shows the wait for a lock of the interpreter, and no other thread."""
    for pool in view.pools:
        for member in pool.members:
            forked = any(frame.full in _FORKED for frame in member.thread.frames)
            if forked and is_silent(member) and _c_stack(view, member) is not None:
                return ThreadActivity(member.thread, member.activity._replace(kind=ActivityKind.LOCK, frame=0))
    return None


def _c_stack(view: ProcessView, member: ThreadActivity) -> Thread | None:
    """The thread as a debugger shows it: alone in its process, and in a wait without a time limit for a lock of the interpreter."""
    pid = member.thread.native_id
    dumps = [dump for dump in view.snapshot.dumps if pid is not None and dump.pid is not None and int(dump.pid) == int(pid)]
    alone = all(len(dump.threads) == 1 and not dump.fragment for dump in dumps)
    native = next((dump.threads[0] for dump in dumps if dump.runtime is Runtime.NATIVE and dump.threads), None)
    if native is None or not alone:
        return None
    names = [frame.full for frame in native.frames[:_INNERMOST]]
    taken = next((at for at, name in enumerate(names) if name in _TAKES), 0)
    waits = [name.rpartition(".")[2].lstrip("_") for name in names[:taken]]
    return native if any(name.startswith(_FOR_EVER) for name in waits) and not any("timedwait" in name for name in waits) else None


def _row(view: ProcessView) -> ProcessRow | None:
    """The row of ps that says that the process has one thread and was forked: its parent runs the same command, as no program does that was begun anew."""
    rows = {row.pid: row for row in view.snapshot.processes}
    pid = view.dump.pid if view.dump is not None else None
    row = rows.get(pid) if pid is not None else None
    parent = rows.get(row.parent) if row is not None and row.parent is not None else None
    alone = row is not None and row.threads == 1
    return row if alone and row is not None and parent is not None and parent.command == row.command else None


def _finding(case: Case, view: ProcessView, stuck: ThreadActivity) -> Finding:
    frame, line = application_frame(*stuck), taken_line(case, stuck.thread.frames)
    stands = stuck.thread.frames[stuck.activity.frame]
    beside = _in_same_code(case, view, stuck)
    members = [member for pool in view.pools for member in pool.members]
    alike = sum(member.thread.frames[:1] == stuck.thread.frames[:1] for member in members)
    unserved = alike == len(members) and any(pressure(view, port).exists for port in view.listeners)
    text = TEXT.filled(
        view.process,
        name=stuck.thread.label,
        who=say("“{name}”", name=stuck.thread.label),
        number=stuck.thread.native_id if len(view.pids) > 1 else view.pid if view.pid is not None else view.dump and view.dump.pid,
        lock=line.subject if line is not None else say("a lock"),
        call=str(stands) if stands == frame else stands.call,
        frame=frame if stands != frame else None,
        others=plural(alike - 1, "other process", "other processes") if alike > 1 else None,
        other=beside[1].thread.label if beside is not None else None,
        parent=beside[0].process.pid if beside is not None else None,
    )
    waits = of_threads((stuck,), text["waits"])
    in_c = _c_stack(view, stuck)
    row = _row(view)
    shown = (
        waits,
        *(
            (Evidence(line.where, say("line {line:g} takes {lock}", line=line.figure("line") or 0, lock=line.subject or "")),)
            if line
            else ()
        ),
        *((Evidence(in_c.where, say("the debugger shows the wait for a lock of the interpreter"), ()),) if in_c is not None else ()),
        *((of_threads((beside[1],), text["stands"]),) if beside is not None else ()),
        *((Evidence(row.where, text["forked"], (str(row.pid),)),) if row is not None else ()),
    )
    return text.finding(
        severity=Severity.CRITICAL if unserved and in_c is not None else Severity.WARNING,
        confidence=Confidence.SUSPECTED if view.coverage.threads and row is None and in_c is None else Confidence.LIKELY,
        outlook=Outlook(RecoversWhen.RESTART, say("No other thread of the process is there that could let the lock go.")),
        evidence=shown,
        chain=text.steps((waits,)),
        culprit=Culprit(thread=stuck.thread.label, frame=str(frame) if frame is not None else None),
    )


def _in_same_code(case: Case, view: ProcessView, stuck: ThreadActivity) -> tuple[ProcessView, ThreadActivity] | None:
    """The only thread of another process that is further on in a function that takes the lock."""
    end = stuck.activity.app if stuck.activity.app >= 0 else stuck.activity.frame + 2
    takes = {frame.full for frame in stuck.thread.frames[stuck.activity.frame + 1 : end]}
    found = [
        (other, member)
        for other in case.latest
        if other is not view and other.dump is not None and other.dump.runtime is Runtime.PYTHON
        for pool in other.pools
        for member in pool.members
        if member.activity.kind is not ActivityKind.LOCK and any(frame.full in takes for frame in member.thread.frames[1:])
    ]
    return found[0] if len(found) == 1 else None
