"""The process does not run at all: it is stopped, frozen, or stands in a debugger.

Looks for: state T (stopped) or t (traced) in /proc/PID/status or ps, of the process or of a child that works for it, or every thread of the process in state T in top -H; a thread dump that could
not be taken ("target process doesn't respond") confirms it, and so do connections that only the kernel has taken.

Why it matters: the kernel goes on accepting connections until the queue is full, so the port looks open. No thread runs, nothing is read, no
dump can be taken from inside.

Do next: find who stopped it (a terminal, a debugger, a frozen cgroup), then kill -CONT PID; it goes on where it stood.

Wrong when: the state was caught while a tool such as gcore or jstack -F held the process for a moment; a second look tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import client_evidence, client_figures, clients_in_words
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text
from parsers.records import ProcessStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.incident import Snapshot
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import AttachFailure, ThreadUsage

NEEDS: Final = (Need.THREADS_OR_SOCKETS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The process goes on at SIGCONT, or when whatever stopped it lets it."))
CLEAN: Final = say("nothing shows the process stopped")
STOPPED: Final = frozenset({"T", "t"})
FEWEST: Final = 2
"""Threads that top must list, all of them stopped: a Java process has dozens."""
TEXT: Final = Text(
    "process-stopped",
    headline="The process (pid {pid}{child_of}) does not run: it is {traced}{by}.",
    explanation="Process {pid} is {held_by}: no thread of it runs, whatever its stacks say.{a_thread}{clients_in_words} The kernel alone still takes connections. It goes on where it stood as soon as it is continued.",
    why=Either("agree", "The process' state, and independent signs of it.", "The state alone; it may have been caught in a moment."),
    do=(
        Do(When.NOW, "Find who holds it, then let it go on.", "grep -E 'State|TracerPid' /proc/{pid}/status; kill -CONT {pid}"),
        Do(When.PREVENT, "Look for who stopped it: a debugger left attached, Ctrl-Z, a cgroup freezer, a core dump being written."),
    ),
    figures=(("{state}", "state of the process"),),
    chain=(("process {pid}", "does not run", "state T"), ("its clients", "wait for", "nobody")),
    phrases={
        "child_of": Either("parent", ", a child of pid {parent}"),
        "traced": Either("traced", "traced", "stopped"),
        "held_by": Either("traced", "held by a debugger", "stopped (SIGSTOP, a terminal, or a frozen cgroup)"),
        "a_thread": Either("failures", " A thread dump could not be taken, for the same reason."),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process that the last snapshot shows stopped."""
    last: dict[str | None, Snapshot] = {snapshot.host: snapshot for snapshot in case.incident.snapshots}
    for snapshot in last.values():
        stopped = [one for one in snapshot.statuses if one.state in STOPPED and one.thread is None]
        stopped = stopped or _listed(case, snapshot)
        for status in stopped:
            yield _finding(case, snapshot, status.pid, status, ())
        usages = snapshot.usages
        if not stopped and len(usages) >= FEWEST and all(usage.state in STOPPED for usage in usages):
            yield _finding(case, snapshot, int(min(usage.native_id for usage in usages)), None, usages)


def _listed(case: Case, snapshot: Snapshot) -> list[ProcessStatus]:
    """Processes that ps shows stopped: of all those of a host only the ones that the rest of the evidence is about."""
    known = {view.pid for view in case.latest if view.snapshot.host == snapshot.host} | {
        failure.pid for failure in snapshot.attach_failures
    }
    stopped = {row.pid: row for row in reversed(snapshot.processes) if row.state in STOPPED}  # of its threads the first
    own = [row for row in stopped.values() if row.pid in known]
    # A pool of processes hands its tasks to children, which have no stacks here: one of them tells for all.
    children = [row for row in stopped.values() if row.parent is not None and row.parent in known]
    return [
        ProcessStatus(
            where=row.where, tool="ps", pid=row.pid, name=row.command.partition(" ")[0].rpartition("/")[2], state=row.state or "T"
        )
        for row in own or children[-1:]
    ]


def _finding(case: Case, snapshot: Snapshot, pid: int, status: ProcessStatus | None, usages: tuple[ThreadUsage, ...]) -> Finding:
    parent = next((row.parent for row in snapshot.processes if row.pid == pid), None)
    view = next((view for view in case.latest if view.pid == pid), None)
    of_child = next((view.process for view in case.latest if view.pid == parent), None) if view is None else None
    failures = [failure for failure in snapshot.attach_failures if failure.pid in {None, pid}]
    port = next(iter(view.listeners)) if view is not None and len(view.listeners) == 1 else None
    traced = status is not None and (status.state == "t" or bool(status.tracer))
    by = say(" by process {tracer}", tracer=status.tracer) if status is not None and status.tracer else ""
    usages = usages or tuple(usage for usage in snapshot.usages if usage.state in STOPPED)
    text = TEXT.filled(
        view.process if view is not None else of_child or Process(snapshot.host, pid, status.name if status else None),
        pid=pid,
        parent=of_child and parent,
        traced=traced,
        by=by,
        failures=failures,
        clients_in_words=clients_in_words(view, port) if view is not None and port is not None else "",
        agree=failures or (status and usages),
        state=status.state if status else "T",
    )
    return text.finding(
        severity=Severity.CRITICAL if of_child is None or _suffers(case, parent) else Severity.WARNING,
        confidence=Confidence.CERTAIN if status is not None and (failures or usages) else Confidence.LIKELY,
        evidence=tuple(_evidence(view, port, status, failures, usages)),
        figures=(*(client_figures(view, port) if view is not None else ()), *text.figures),
        culprit=Culprit(listener=f"*:{port}" if port is not None else None),
    )


def _suffers(case: Case, pid: int | None) -> bool:
    """True if clients of the process wait or gave up: a stopped child of another one may be anybody's."""
    return any(serving.view.pid == pid and serving.pressure.exists for serving in case.server_pools)


def _evidence(
    view: ProcessView | None, port: int | None, status: ProcessStatus | None, failures: list[AttachFailure], usages: tuple[ThreadUsage, ...]
) -> Iterator[Evidence]:
    if status is not None:
        yield Evidence(
            status.where,
            say("state {state}: stopped", state=status.state),
            ("State", status.state) if status.tool != "ps" else (status.state,),
        )
    if usages:
        yield Evidence(usages[0].where, say("{threads} in state T", threads=plural(len(usages), "thread")), (" T ",), len(usages) - 1)
    for failure in failures[:1]:
        yield Evidence(failure.where, say("the VM does not answer"), ("respond",))
    if view is not None and port is not None:
        yield from client_evidence(view, port)
