"""Several reports side by side: which findings came and went, how fast CLOSE_WAIT grew, which stacks stayed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.finding import Confidence, Severity
from reports.view.wording import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reports.compare.report_v1 import Finding, Incident, Side

_OF_A_RUN: Final = re.compile(r"(?<=\$\$Lambda)[$/0-9a-fx]+|(?<=GeneratedMethodAccessor)\d+|@[0-9a-f]+\b|0x[0-9a-f]{6,}")
"""What the VM numbers anew in each run: hidden classes, generated accessors, addresses."""
_INIT: Final = 1
"""The first process of a container; in each container another one has this id."""


class Seen(msgspec.Struct, frozen=True):
    """A finding in one of the reports. ``severity`` is null where it is absent; ``why`` says what hides it there, if something does."""

    severity: Severity | None
    confidence: Confidence | None
    why: str = ""


class Course(msgspec.Struct, frozen=True):
    """A finding through all reports; ``headline`` is that of the last report that has it."""

    rule: str
    headline: str
    seen: tuple[Seen, ...]


class StayedStack(msgspec.Struct, frozen=True):
    """Equal stacks that all reports have, with the number of threads in each. ``frame``: the application's first, else the first of all."""

    doing: str
    frame: str
    frames: tuple[str, ...]
    threads: tuple[int, ...]


def courses(sides: Sequence[Side], hidden: Callable[[Finding, Side, Side], str]) -> tuple[Course, ...]:
    """Findings that hurt in at least one report, the worst first. ``hidden`` says why a report cannot show a finding of another one."""
    rows: list[list[Finding | None]] = []
    for at, side in enumerate(sides):
        left = list(side.findings)
        for by in ("key", "rule"):
            for row in rows:
                known = next(finding for finding in reversed(row) if finding is not None)
                match = None if len(row) > at else next((finding for finding in left if getattr(finding, by) == getattr(known, by)), None)
                if match is not None:
                    left.remove(match)
                    row.append(match)
        for row in rows:
            row.extend([None] * (at + 1 - len(row)))
        rows += [[*[None] * at, finding] for finding in left]
    hurting = [row for row in rows if any(finding is not None and finding.severity is not Severity.INFO for finding in row)]
    return tuple(sorted((_course(row, sides, hidden) for row in hurting), key=_rank))


def _course(row: Sequence[Finding | None], sides: Sequence[Side], hidden: Callable[[Finding, Side, Side], str]) -> Course:
    at, last = [(at, finding) for at, finding in enumerate(row) if finding is not None][-1]
    seen = (
        Seen(None, None, hidden(last, sides[at], side)) if finding is None else Seen(finding.severity, finding.confidence)
        for finding, side in zip(row, sides, strict=True)
    )
    return Course(last.rule, last.headline, tuple(seen))


def _rank(course: Course) -> tuple[int, int, str]:
    """Worst first; of equal ones those that are there last."""
    worst = min(seen.severity.rank for seen in course.seen if seen.severity is not None)
    return worst, course.seen[-1].severity is None, course.rule


def rates(sides: Sequence[Side]) -> tuple[float | None, ...]:
    """Sockets in CLOSE_WAIT that came each minute: from the first table of a report to its last, else since the report before, of the same process."""
    made = []
    for at, side in enumerate(sides):
        within = _within(side)
        made.append(within if within is not None or not at else _between(sides[at - 1], side))
    return tuple(made)


def _within(side: Side) -> float | None:
    points = _points(side)
    return _rate(points[0], points[-1]) if len(points) > 1 else None


def _between(before: Side, after: Side) -> float | None:
    """None unless both are of one process that ran on: the same host and pid, and no younger."""
    first, second = ({(table.host, table.pid) for table in side.sockets if table.close_wait.total} for side in (before, after))
    if first != second or len(first) != 1 or next(iter(first))[1] in {None, _INIT}:
        return None
    if _younger(before.incident, after.incident):
        return None
    points, later = _points(before), _points(after)
    return _rate(points[-1], later[-1]) if points and later else None


def _younger(before: Incident, after: Incident) -> bool:
    return before.uptime is not None and after.uptime is not None and after.uptime < before.uptime


def _points(side: Side) -> list[tuple[str, int]]:
    """Time and sockets in CLOSE_WAIT of each table; nothing where several hosts have clocks of their own."""
    if len({table.host for table in side.sockets}) > 1:
        return []
    times = {taken.snapshot: taken.time for taken in side.moments}
    sums: dict[str, int] = {}
    for table in side.sockets:
        sums[table.snapshot] = sums.get(table.snapshot, 0) + table.close_wait.total
    return sorted((times[snapshot], many) for snapshot, many in sums.items() if snapshot in times)


def _rate(first: tuple[str, int], last: tuple[str, int]) -> float | None:
    start, end = instant(first[0]), instant(last[0])
    if start is None or end is None or (start.tzinfo is None) != (end.tzinfo is None):
        return None
    minutes = (end - start).total_seconds() / 60
    return round((last[1] - first[1]) / minutes, 1) if minutes > 0 else None


def stayed(sides: Sequence[Side]) -> tuple[StayedStack, ...]:
    """Stacks of working or waiting threads that the last dump of every report has, the most threads first."""
    groups = [_groups(side) for side in sides]
    common = set(groups[0]).intersection(*groups[1:])
    rows = []
    for key in common:
        frame, doing, frames, _ = groups[-1][key]
        rows.append(StayedStack(doing, frame, frames, tuple(those[key][3] for those in groups)))
    return tuple(sorted(rows, key=lambda row: (-min(row.threads), row.frames)))


def _groups(side: Side) -> dict[tuple[str, ...], tuple[str, str, tuple[str, ...], int]]:
    """Stack without what a run numbers → frame, what it does, frames, threads."""
    groups: dict[tuple[str, ...], tuple[str, str, tuple[str, ...], int]] = {}
    for stack in side.stacks:
        if stack.idle or stack.gone or not stack.frames or stack.snapshot not in side.last(side.stacks):
            continue
        key = tuple(_OF_A_RUN.sub("", frame) for frame in stack.frames)
        threads = groups[key][3] if key in groups else 0
        groups[key] = (stack.application_frame or stack.frames[0], stack.doing, stack.frames, threads + stack.count)
    return groups
