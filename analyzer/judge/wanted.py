"""What would decide, and is not here: the artifacts to save next, with commands for the system and the runtime that the evidence comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from analyzer.evidence.calls import DUMP_MISSING, OWNERS_MISSING, REST_MISSING, SOCKETS_MISSING, STACKS_MISSING, command
from analyzer.judge.health import gaps_of_health
from analyzer.judge.platform import Commands, speaks_of_jvm
from analyzer.judge.symptoms import REASONS, suffering, wants_sockets
from analyzer.model.finding import Confidence, Severity, Status
from analyzer.software.runtimes import OF_LOGS, runtime_of_command, stacks_command
from parsers.records import BESIDE, Runtime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.model.finding import Finding, Missing, Verdict
    from analyzer.waits.case import Case, ProcessView


def missing_of(case: Case, findings: Sequence[Finding], verdict: Verdict) -> tuple[Missing, ...]:
    """What would decide, each artifact once: what findings ask for first, then the half of the join that is not here."""
    open_case = verdict.status is Status.INSUFFICIENT
    wanted = [missing for finding in findings if finding.severity is not Severity.INFO or open_case for missing in finding.missing]
    if verdict.status is Status.INSUFFICIENT and case.incident.has_sockets and case.incident.has_threads:
        wanted += [gap.missing for gap in gaps_of_health(case)[:REASONS]]
    if verdict.confidence is not Confidence.CERTAIN:
        view = next((view for view in case.latest if any(suffering(view))), None) or (case.latest[0] if len(case.latest) == 1 else None)
        if not case.incident.has_sockets:
            wanted += [_asked_of(SOCKETS_MISSING, view)] if wants_sockets(verdict.rule) else []
        elif open_case and all(row.owners is None for snapshot in case.incident.snapshots for row in snapshot.rows):
            wanted.append(OWNERS_MISSING)
        native = view is not None and _is_native(view)
        if native and any(task.pid == view.pid for snapshot in case.incident.snapshots for task in snapshot.tasks if view):
            pass  # a debugger's stacks, or strace's calls, are here
        elif not case.incident.has_threads:
            wanted.append(_stacks_of(view) if native and view is not None else _dump_of(case, view))
        elif (
            verdict.finding is None
            and not any(one.artifact == "whole thread dump" for one in wanted)
            and all(other.dump is None or other.dump.fragment for other in case.views)
        ):
            wanted.append(_asked_of(REST_MISSING, view))
    commands = Commands(case.incident)
    fit = {missing.artifact: commands.fitting(missing) for missing in reversed(wanted)}
    return tuple(fit.values())[::-1]


def _is_native(view: ProcessView) -> bool:
    """True for a command that is known and no JVM: jstack says nothing of it."""
    return view.command is not None and not view.command.lower().startswith(("java", "jsvc", "tomcat", "catalina"))


def _dump_of(case: Case, view: ProcessView | None) -> Missing:
    """A dump of the process, whose runtime only a log may tell."""
    wrote = (
        [event.source for artifact in case.incident.artifacts for event in artifact.events if event.kind not in BESIDE]
        if view is None
        else []
    )
    runtimes = {OF_LOGS.get(source) for source in wrote} or _of_tasks(case)
    runtime = runtimes.pop() if len(runtimes) == 1 else None
    if runtime is None and view is None and case.counts.all and not speaks_of_jvm(case.incident):
        return replace(STACKS_MISSING, command=f"{STACKS_MISSING.command}  # a JVM: {DUMP_MISSING.command}")
    return _asked_of(DUMP_MISSING, view) if runtime is None else replace(STACKS_MISSING, command=stacks_command(runtime))


def _of_tasks(case: Case) -> set[Runtime | None]:
    """The runtimes of the processes whose threads the kernel shows, by their names."""
    return {runtime_of_command(task.command) for snapshot in case.incident.snapshots for task in snapshot.tasks if task.command}


def _stacks_of(view: ProcessView) -> Missing:
    """Stacks of a process that is no JVM, by the tool of its runtime."""
    runtime = runtime_of_command(view.command)
    if runtime is None or runtime is Runtime.JVM:
        return _asked_of(STACKS_MISSING, view)
    pid = str(view.process.pid) if view.process.pid is not None else "PID"
    return replace(STACKS_MISSING, command=stacks_command(runtime, pid))


def _asked_of(missing: Missing, view: ProcessView | None) -> Missing:
    return command(missing, view) if view is not None else missing
