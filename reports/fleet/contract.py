"""The JSON of many incidents, ``fleet/1``: what scripts rely on. Fields may be added within version 1, never changed.

Each row has the fields of its verdict as ``diagnosis/1`` has them. Rows stand in the order of their groups: those with one fingerprint
together, the largest group first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from analyzer.model.finding import Confidence, Severity, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzer.model.finding import Diagnosis, Finding

SCHEMA: Final = "fleet/1"
_STATUSES: Final = (Status.PROBLEM, Status.INSUFFICIENT, Status.HEALTHY)


class Seen(msgspec.Struct, frozen=True):
    """A finding of an incident, as far as a history counts it."""

    rule: str
    severity: Severity
    confidence: Confidence
    frame: str | None
    consequence: bool


class Row(msgspec.Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """One incident. ``error`` says why it could not be analysed; then the verdict's fields are null. ``report`` is the file of its own report."""

    path: str
    name: str
    host: str | None = None
    pid: int | None = None
    command: str | None = None
    service: str | None = None
    version: str | None = None
    first: str | None = None
    last: str | None = None
    status: Status | None = None
    finding: str | None = None
    rule: str | None = None
    severity: Severity | None = None
    confidence: Confidence | None = None
    headline: str | None = None
    summary: str | None = None
    frame: str | None = None
    fingerprint: str | None = None
    known: str | None = None
    """Against the history, if one is kept: "new", "known" or "returned"."""
    error: str | None = None
    report: str | None = None
    findings: tuple[Seen, ...] = ()
    counts: dict[str, int] = {}

    @property
    def worst(self) -> Severity | None:
        """The severity of the worst finding, as ``--fail-on`` asks for it."""
        return min((finding.severity for finding in self.findings), key=lambda severity: severity.rank, default=None)


class Group(msgspec.Struct, frozen=True, kw_only=True, rename={"first": "from", "last": "to"}):
    """Incidents with one fingerprint: one cause in one place of the code."""

    fingerprint: str | None
    incidents: int
    status: Status | None
    rule: str | None
    severity: Severity | None
    headline: str | None
    frame: str | None
    services: tuple[str, ...]
    first: str | None
    last: str | None
    known: str | None = None


class Together(msgspec.Struct, frozen=True):
    """Incidents that look like one outage of several hosts, and why."""

    paths: tuple[str, ...]
    why: str


class Tool(msgspec.Struct, frozen=True):
    """What made the table."""

    name: str
    version: str


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """The table. ``passed``: folders with files of which none is of a kind that the tool knows. ``together``: what may be one outage."""

    schema: Literal["fleet/1"]
    tool: Tool
    incidents: tuple[Row, ...]
    groups: tuple[Group, ...]
    passed: tuple[str, ...] = ()
    together: tuple[Together, ...] = ()


def row_of(path: str, diagnosis: Diagnosis, service: str | None, version: str | None) -> Row:
    """The row of a diagnosis."""
    verdict, primary = diagnosis.verdict, diagnosis.primary
    process = primary.process if primary is not None else None
    hosts = diagnosis.incident.hosts
    return Row(
        path=path,
        name=diagnosis.incident.name,
        host=(process.host if process is not None else None) or (", ".join(hosts) or None),
        pid=process.pid if process is not None else None,
        command=process.command if process is not None else None,
        service=service,
        version=version,
        first=diagnosis.incident.first,
        last=diagnosis.incident.last,
        status=verdict.status,
        finding=verdict.finding,
        rule=verdict.rule,
        severity=verdict.severity,
        confidence=verdict.confidence,
        headline=str(verdict.headline),
        summary=str(verdict.summary),
        frame=culprit_of(primary),
        fingerprint=verdict.fingerprint,
        findings=tuple(
            Seen(one.rule, one.severity, one.confidence, culprit_of(one), one.consequence_of is not None) for one in diagnosis.findings
        ),
        counts=_counts(diagnosis),
    )


def culprit_of(finding: Finding | None) -> str | None:
    """The frame to blame; where there is none, the lock, the far end or the library."""
    if finding is None:
        return None
    culprit = finding.culprit
    return culprit.frame or culprit.lock or culprit.remote or culprit.library or culprit.pool


def _counts(diagnosis: Diagnosis) -> dict[str, int]:
    """Numbers of the last moment that a history follows: sockets by state, threads that are busy."""
    last = max((table.snapshot for table in diagnosis.sockets), key=lambda name: (len(name), name), default=None)
    states: dict[str, int] = {}
    for table in diagnosis.sockets:
        if table.snapshot == last:
            for state, number in table.states.items():
                states[state] = states.get(state, 0) + number
    last = max((pool.snapshot for pool in diagnosis.pools), key=lambda name: (len(name), name), default=None)
    serving = [pool for pool in diagnosis.pools if pool.snapshot == last and pool.role == "server"]
    threads = {"threads serving": sum(pool.size for pool in serving), "threads busy": sum(pool.busy for pool in serving)} if serving else {}
    return dict(sorted({**states, **threads}.items()))


def fleet_of(rows: Sequence[Row], version: str, passed: Sequence[str] = (), together: Sequence[Together] = ()) -> Fleet:
    """The table: rows by group, the largest group first, problems before the rest, broken ones last."""
    members: dict[tuple[str | None, bool], list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.path):
        members.setdefault((row.fingerprint, row.error is not None), []).append(row)
    groups = [_group(rows) for rows in members.values()]
    order = sorted(range(len(groups)), key=lambda number: _rank(groups[number]))
    made = list(members.values())
    return Fleet(
        schema=SCHEMA,
        tool=Tool("closewait", version),
        incidents=tuple(row for number in order for row in made[number]),
        groups=tuple(groups[number] for number in order),
        passed=tuple(passed),
        together=tuple(together),
    )


def _group(rows: Sequence[Row]) -> Group:
    head = min(rows, key=lambda row: (row.severity.rank if row.severity else 9, row.confidence.rank if row.confidence else 9, row.path))
    return Group(
        fingerprint=head.fingerprint,
        incidents=len(rows),
        status=head.status,
        rule=head.rule,
        severity=head.severity,
        headline=head.headline if head.error is None else None,
        frame=head.frame,
        services=tuple(sorted({row.service for row in rows if row.service})),
        first=min((row.first for row in rows if row.first), default=None),
        last=max((row.last for row in rows if row.last), default=None),
        known=next((row.known for row in rows if row.known), None),
    )


def _rank(group: Group) -> tuple[bool, int, int, int, str, str]:
    status = _STATUSES.index(group.status) if group.status in _STATUSES else len(_STATUSES)
    severity = group.severity.rank if group.severity is not None else len(Severity)
    return group.status is None, -group.incidents, status, severity, group.rule or "", group.fingerprint or ""


def json(fleet: Fleet) -> str:
    """The whole table, keys in the contract's order, without a raw character that a terminal would act on."""
    from reports.contract.json_v1 import encode  # noqa: PLC0415 - loads the contract of single reports

    return msgspec.json.format(encode(fleet), indent=2) + "\n"


def with_history(row: Row, known: Mapping[str, str]) -> Row:
    """The row with what the history says of its fingerprint."""
    said = known.get(row.fingerprint or "")
    return row if said is None else msgspec.structs.replace(row, known=said)
