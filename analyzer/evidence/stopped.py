"""Processes that do not run: stopped by a signal, by a debugger, by a frozen cgroup, as their state and what else shows it tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.calls import client_evidence
from analyzer.model.finding import Evidence, Process
from analyzer.model.message import plural, say
from parsers.records import ProcessStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.incident import Snapshot
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import AttachFailure, ThreadUsage

STOPPED: Final = frozenset({"T", "t"})
"""States of a stopped and of a traced process (``fs/proc/array.c``)."""
FEWEST: Final = 2
"""Threads that top must list, all of them stopped: a Java process has dozens."""


class Stopped(msgspec.Struct, frozen=True):
    """A stopped process. ``view`` is what else is known of it, ``parent`` the process of the evidence whose child it is.

    ``usages``: its threads in state T; ``failures``: tools that could not attach.
    """

    snapshot: Snapshot
    pid: int
    status: ProcessStatus | None
    view: ProcessView | None
    parent: ProcessView | None
    usages: tuple[ThreadUsage, ...]
    failures: tuple[AttachFailure, ...]

    @property
    def process(self) -> Process:
        """Whom a finding is about: of a child without stacks its parent."""
        of = self.view or self.parent
        return of.process if of is not None else Process(self.snapshot.host, self.pid, self.status.name if self.status else None)

    @property
    def traced(self) -> bool:
        """True if a debugger holds it."""
        return self.status is not None and (self.status.state == "t" or bool(self.status.tracer))

    @property
    def port(self) -> int | None:
        """Its listener, if it has one only."""
        return next(iter(self.view.listeners)) if self.view is not None and len(self.view.listeners) == 1 else None

    def shown(self) -> Iterator[Evidence]:
        """The state, and the independent signs of it."""
        if (status := self.status) is not None:
            said = say("state {state}: stopped", state=status.state)
            yield Evidence(status.where, said, ("State", status.state) if status.tool != "ps" else (status.state,))
        if self.usages:
            said = say("{threads} in state T", threads=plural(len(self.usages), "thread"))
            yield Evidence(self.usages[0].where, said, (" T ",), len(self.usages) - 1)
        for failure in self.failures[:1]:
            yield Evidence(failure.where, say("the VM does not answer"), ("respond",))
        if self.view is not None and self.port is not None:
            yield from client_evidence(self.view, self.port)


def stopped(case: Case) -> Iterator[Stopped]:
    """The processes that the last snapshot of each host shows stopped."""
    last: dict[str | None, Snapshot] = {snapshot.host: snapshot for snapshot in case.incident.snapshots}
    for snapshot in last.values():
        statuses = [one for one in snapshot.statuses if one.state in STOPPED and one.thread is None] or _listed(case, snapshot)
        usages = tuple(usage for usage in snapshot.usages if usage.state in STOPPED)
        for status in statuses:
            yield _of(case, snapshot, status.pid, status, usages)
        if not statuses and FEWEST <= len(usages) == len(snapshot.usages):
            yield _of(case, snapshot, int(min(usage.native_id for usage in usages)), None, usages)


def _of(case: Case, snapshot: Snapshot, pid: int, status: ProcessStatus | None, usages: tuple[ThreadUsage, ...]) -> Stopped:
    listed = next((row.parent for row in snapshot.processes if row.pid == pid), None)
    view = next((view for view in case.latest if view.pid == pid), None)
    parent = next((view for view in case.latest if view.pid == listed), None) if view is None else None
    failures = tuple(failure for failure in snapshot.attach_failures if failure.pid in {None, pid})
    return Stopped(snapshot, pid, status, view, parent, usages, failures)


def _listed(case: Case, snapshot: Snapshot) -> list[ProcessStatus]:
    """Processes that ps shows stopped: of all those of a host only the ones that the rest of the evidence is about."""
    known = {view.pid for view in case.latest if view.snapshot.host == snapshot.host} | {
        failure.pid for failure in snapshot.attach_failures
    }
    found = {row.pid: row for row in reversed(snapshot.processes) if row.state in STOPPED}  # of its threads the first
    own = [row for row in found.values() if row.pid in known]
    # A pool of processes hands its tasks to children, which have no stacks here: one of them tells for all.
    children = [row for row in found.values() if row.parent is not None and row.parent in known]
    return [
        ProcessStatus(
            where=row.where, tool="ps", pid=row.pid, name=row.command.partition(" ")[0].rpartition("/")[2], state=row.state or "T"
        )
        for row in own or children[-1:]
    ]
