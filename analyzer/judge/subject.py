"""The process that a collection was made of: what is said of it comes first, and what else stands on its host is told apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from analyzer.model.finding import Severity
from analyzer.model.message import joined, plural, say
from parsers.records import Collection, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from analyzer.model.finding import Finding
    from analyzer.model.incident import Incident

SMALLEST_PID: Final = 100
"""Smaller numbers in the name of a file count dumps."""


def owner_of(finding: Finding) -> tuple[str | None, int | None]:
    """Host and pid of a finding's process; all findings without a process belong together."""
    return (finding.process.host, finding.process.pid) if finding.process is not None else ("", None)


def subjects(incident: Incident) -> tuple[Collection, ...]:
    """The collections that name the process which they were made of; without one, the only process whose pid names the file of a dump."""
    made = tuple(collection for collection in incident.collections if collection.pid is not None)
    return made or _named(incident)


def _named(incident: Incident) -> tuple[Collection, ...]:
    """``jstack-27836.txt``: somebody thought this process worth a dump. Numbers of a series are no pids, and several pids are several subjects."""
    found = {
        dump.pid: Collection(where=dump.where, host=snapshot.host, pid=dump.pid)
        for snapshot in incident.snapshots
        for dump in snapshot.dumps
        if dump.pid is not None and dump.pid >= SMALLEST_PID and re.search(rf"(?<!\d){dump.pid}(?!\d)", dump.where.file.rpartition("/")[2])
    }
    others = {dump.pid for snapshot in incident.snapshots for dump in snapshot.dumps} - found.keys()
    return tuple(found.values()) if len(found) == 1 and not others else ()


def is_beside(incident: Incident, finding: Finding) -> bool:
    """True for a finding of another process than those that were collected; False where nothing was, or nothing names the process.

    A server that forks is one: its master was collected, and its workers answer the port that it listens on.
    """
    process = finding.process
    if not subjects(incident) or process is None or process.pid is None:
        return False
    if any(
        collection.pid == process.pid and (process.host in {None, collection.host} or collection.host is None)
        for collection in subjects(incident)
    ):
        return False
    port = (finding.culprit.listener or "").rpartition(":")[2]
    return not port.isdecimal() or int(port) not in _listened(incident)


def _listened(incident: Incident) -> set[int | None]:
    """The ports that the collected processes listen on."""
    pids = {collection.pid for collection in subjects(incident)}
    return {
        row.local.port
        for snapshot in incident.snapshots
        for row in snapshot.rows
        if row.state is TcpState.LISTEN and any(owner.pid in pids for owner in row.owners or ())
    }


def primary_of(incident: Incident, findings: Sequence[Finding]) -> Finding | None:
    """The finding that the verdict rests on, ``findings`` in their order: the first that follows from no other.

    Of a collection it is the first one of its process, or what that follows from, wherever it lies.
    """
    causes = [finding for finding in findings if finding.severity is not Severity.INFO]
    if not subjects(incident):
        return next((finding for finding in causes if finding.consequence_of is None), None)
    by_id = {finding.id: finding for finding in findings}
    roots = (_root(finding, by_id) for finding in causes)
    return next((root for root in roots if root is not None and root.severity is not Severity.INFO), None)


def _root(finding: Finding, by_id: Mapping[str, Finding]) -> Finding | None:
    """What a finding follows from in the end; None where findings follow from each other."""
    seen: set[str] = set()
    root = finding
    while root.consequence_of is not None:
        if root.id in seen:
            return None
        seen.add(root.id)
        root = by_id[root.consequence_of]
    return root


def nothing_of_subject(incident: Incident, findings: Sequence[Finding]) -> str:
    """What stands in front of the verdict where nothing is known against the collected process itself; else empty."""
    if not subjects(incident) or any(finding.severity is not Severity.INFO and not is_beside(incident, finding) for finding in findings):
        return ""
    pids = sorted({collection.pid for collection in subjects(incident) if collection.pid is not None})
    return say("Nothing was found against process {pids}, which was collected. Beside it: ", pids=joined(", ", (f"{pid}" for pid in pids)))


def besides(incident: Incident, findings: Sequence[Finding]) -> Iterator[str]:
    """A sentence about the findings of other processes of the host."""
    others = [finding for finding in findings if is_beside(incident, finding) and finding.severity is not Severity.INFO]
    if others:
        yield say(
            "Also on this host, of other processes than the one that was collected: {findings} ({list}).",
            findings=plural(len(others), "finding"),
            list=joined(", ", (say("{id}, {rule}", id=finding.id, rule=finding.rule) for finding in others[:6])),
        )
