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

from analyzer.evidence.calls import client_figures, clients_in_words
from analyzer.evidence.stopped import Stopped, stopped
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import say
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS_OR_SOCKETS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The process goes on at SIGCONT, or when whatever stopped it lets it."))
CLEAN: Final = say("nothing shows the process stopped")
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
        "by": Either("tracer", " by process {tracer}"),
        "held_by": Either("traced", "held by a debugger", "stopped (SIGSTOP, a terminal, or a frozen cgroup)"),
        "a_thread": Either("failures", " A thread dump could not be taken, for the same reason."),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process that the last snapshot shows stopped."""
    for found in stopped(case):
        yield _finding(case, found)


def _finding(case: Case, found: Stopped) -> Finding:
    view, port, status = found.view, found.port, found.status
    agree = found.failures or (status and found.usages)
    text = TEXT.filled(
        found.process,
        pid=found.pid,
        parent=found.parent and found.parent.pid,
        traced=found.traced,
        tracer=status.tracer if status else None,
        failures=found.failures,
        clients_in_words=clients_in_words(view, port) if view is not None and port is not None else "",
        agree=agree,
        state=status.state if status else "T",
    )
    return text.finding(
        severity=Severity.CRITICAL if found.parent is None or _suffers(case, found.parent.pid) else Severity.WARNING,
        confidence=Confidence.CERTAIN if status is not None and agree else Confidence.LIKELY,
        evidence=tuple(found.shown()),
        figures=(*(client_figures(view, port) if view is not None else ()), *text.figures),
        culprit=Culprit(listener=f"*:{port}" if port is not None else None),
    )


def _suffers(case: Case, pid: int | None) -> bool:
    """True if clients of the process wait or gave up: a stopped child of another one may be anybody's."""
    return any(serving.view.pid == pid and serving.pressure.exists for serving in case.server_pools)
