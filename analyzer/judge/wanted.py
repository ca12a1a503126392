"""What would decide, and is not here: the artifacts to save next, with commands for the system and the runtime that the evidence comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.evidence.calls import DUMP_MISSING, OWNERS_MISSING, REST_MISSING, SOCKETS_MISSING, STACKS_MISSING, command
from analyzer.judge.calm import WHILE_IT_HANGS
from analyzer.judge.health import gaps_of_health
from analyzer.judge.platform import Commands, speaks_of_jvm
from analyzer.judge.symptoms import REASONS, suffering
from analyzer.model.finding import Confidence, Missing, Severity, Status
from analyzer.model.message import say
from analyzer.software.runtimes import runtime_of_command, stacks_command
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.judge.origin import Origin
    from analyzer.model.finding import Finding, Verdict
    from analyzer.waits.case import Case, ProcessView

NEXT_HANG: Final = Missing(
    say("dump and socket table of the next hang"),
    say("what it stands for: what is here was saved after the restart, and shows a fresh process"),
    "jstack -l PID > jstack.txt; ss -tanpoei > ss.txt  # twice, before the restart",
)

_OF_ITSELF: Final = frozenset(
    {
        "class-init-deadlock",
        "common-pool-starvation",
        "cpu-spin",
        "database-deadlock",
        "disk-full",
        "disk-stall",
        "entropy-stall",
        "finalizer-stuck",
        "gc-thrash",
        "java-deadlock",
        "lock-held-by-idle-transaction",
        "lock-order-inversion",
        "logging-stall",
        "nested-connection-lease",
        "nested-task-starvation",
        "recursive-read-lock",
        "sync-over-async",
        "thread-leak",
    }
)
"""Causes inside a process, which a table of sockets would not make surer."""
_IN_KERNEL: Final = frozenset({"disk-stall"})
"""Causes that hold threads inside the kernel: a debugger that stops the process would hang as well."""


def missing_of(case: Case, findings: Sequence[Finding], verdict: Verdict, origin: Origin) -> tuple[Missing, ...]:
    """What would decide, each artifact once: what findings ask for first, then the half of the join that is not here."""
    open_case = verdict.status is Status.INSUFFICIENT
    wanted = [missing for finding in findings if finding.severity is not Severity.INFO or open_case for missing in finding.missing]
    if open_case and case.incident.has_sockets and case.incident.has_threads:
        wanted += [gap.missing for gap in gaps_of_health(case)[:REASONS]]
    if verdict.confidence is not Confidence.CERTAIN:
        view = next((view for view in case.latest if any(suffering(view))), None) or (case.latest[0] if len(case.latest) == 1 else None)
        wanted += [*_of_sockets(case, verdict, view), *_of_threads(case, verdict, view, origin, wanted)]
    if any(row.owners for snapshot in case.incident.snapshots for row in snapshot.rows):
        wanted = [one for one in wanted if one.artifact != SOCKETS_MISSING.artifact]
    if origin.restarted and verdict.finding is None:
        wanted = [NEXT_HANG]
    if verdict.calm:
        wanted = [WHILE_IT_HANGS] if case.incident.has_threads else []
    commands = Commands(case.incident, origin)
    fit = {missing.artifact: commands.fitting(missing, verdict.pid) for missing in reversed(wanted)}
    return tuple(fit.values())[::-1]


def _of_sockets(case: Case, verdict: Verdict, view: ProcessView | None) -> Iterator[Missing]:
    """A socket table, where none is here and the cause may be in one; owners for a table without."""
    if not case.incident.has_sockets:
        if _wants_sockets(verdict.rule):
            yield _asked_of(SOCKETS_MISSING, view)
    elif verdict.status is Status.INSUFFICIENT and all(row.owners is None for snapshot in case.incident.snapshots for row in snapshot.rows):
        yield OWNERS_MISSING


def _of_threads(case: Case, verdict: Verdict, view: ProcessView | None, origin: Origin, wanted: Sequence[Missing]) -> Iterator[Missing]:
    """Stacks, where none are here, or the rest of those that are."""
    native = view is not None and _is_native(view)
    if native and any(task.pid == view.pid for snapshot in case.incident.snapshots for task in snapshot.tasks if view):
        return  # a debugger's stacks, or strace's calls, are here
    if not case.incident.has_threads:
        if verdict.rule not in _IN_KERNEL:
            yield _stacks_of(view) if native and view is not None else _dump_of(case, view, origin)
    elif (
        verdict.finding is None
        and not any(one.artifact == "whole thread dump" for one in wanted)
        and all(other.dump is None or other.dump.fragment for other in case.views)
    ):
        yield _asked_of(REST_MISSING, view)


def _is_native(view: ProcessView) -> bool:
    """True for a command that is known and no JVM: jstack says nothing of it."""
    return view.command is not None and runtime_of_command(view.command) is not Runtime.JVM


def _dump_of(case: Case, view: ProcessView | None, origin: Origin) -> Missing:
    """A dump of the process, by the tool of its runtime; where that is not known, by those of several."""
    runtime = origin.runtime
    if runtime is not None and runtime is not Runtime.JVM and (view is None or view.command is None):
        return replace(STACKS_MISSING, command=stacks_command(runtime))
    if runtime is None and (view is None or view.command is None) and not speaks_of_jvm(case.incident):
        return replace(DUMP_MISSING, command=f"{STACKS_MISSING.command}  # a JVM: jstack -l PID, Python: py-spy")
    return _asked_of(DUMP_MISSING, view)


def _stacks_of(view: ProcessView) -> Missing:
    """Stacks of a process that is no JVM, by the tool of its runtime."""
    runtime = runtime_of_command(view.command)
    if runtime is None or runtime is Runtime.JVM:
        return _asked_of(STACKS_MISSING, view)
    pid = str(view.process.pid) if view.process.pid is not None else "PID"
    return replace(STACKS_MISSING, command=stacks_command(runtime, pid))


def _asked_of(missing: Missing, view: ProcessView | None) -> Missing:
    return command(missing, view) if view is not None else missing


def _wants_sockets(rule: str | None) -> bool:
    """True unless the cause is one that no socket is part of."""
    return rule not in _OF_ITSELF
