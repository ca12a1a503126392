"""Growth: how fast something grows from snapshot to snapshot, and when it meets the limit of descriptors.

The rate needs the times of two snapshots, which dumps, ``date`` lines and the collector state. The limit is a row of the limits file; without one
the next usual soft limit above what is in use is taken, and said to be an assumption.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.join.descriptors import USUAL_LIMITS, usage
from analyzer.model.message import duration, say
from analyzer.model.timeline import DescriptorLimit, Moment, Turnover
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.process import ProcessView
    from analyzer.model.incident import Snapshot
    from analyzer.waits.case import Case

SHORTEST: Final = 1.0
"""Seconds between two snapshots below which a rate is noise: the tables themselves take that long."""
_MINUTE: Final = 60.0
"""Up to so many of a unit are told in the smaller one: 100 minutes rather than 1.7 hours."""


class Growth(msgspec.Struct, frozen=True):
    """``per_minute`` more; ``seconds_left`` until the limit, None if no limit can be said."""

    per_minute: float
    ceiling: DescriptorLimit | None
    seconds_left: float | None


def growth(history: Sequence[ProcessView], counts: Sequence[int], *, descriptors: bool = True) -> Growth | None:
    """How fast ``counts`` (one per view of ``history``) grow, each a descriptor or not; None if they do not, or the times are not known."""
    more = counts[-1] - counts[0] if counts else 0
    seconds = seconds_between(history[0].snapshot, history[-1].snapshot) if len(history) > 1 else None
    if more <= 0 or seconds is None or seconds < SHORTEST:
        return None
    ceiling = limit_of(history[-1]) if descriptors else None
    left = None if ceiling is None else max(0.0, (ceiling.limit - ceiling.used) * seconds / more)
    return Growth(more * _MINUTE / seconds, ceiling, left)


def seconds_between(first: Snapshot, last: Snapshot) -> float | None:
    """Seconds from one snapshot to the other; None unless both state a time, both with a zone or both without."""
    return seconds_apart(first.time, last.time)


def seconds_apart(first: str | None, last: str | None) -> float | None:
    """Seconds from one time to the other; None unless both are known, both with a zone or both without."""
    if first is None or last is None:
        return None
    begin, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
    if (begin.tzinfo is None) is not (end.tzinfo is None):
        return None
    return (end - begin).total_seconds()


def limit_of(view: ProcessView) -> DescriptorLimit | None:
    """Descriptors in use and the limit; what is in use is at least the process' sockets where no list of descriptors is here."""
    found = usage(view)
    used = found.used if found is not None else len(view.sockets)
    row = found.limit if found is not None else next((limit for limit in view.snapshot.limits if limit.name == "Max open files"), None)
    process = view.process
    if row is not None:
        return None if row.soft is None else DescriptorLimit(process.host, process.pid, used, row.soft, assumed=False)
    usual = next((limit for limit in USUAL_LIMITS if used <= limit), None)
    return None if usual is None else DescriptorLimit(process.host, process.pid, used, usual, assumed=True)


def growth_text(found: Growth | None) -> str:
    """One or two sentences after a list of counts; empty without a rate."""
    if found is None:
        return ""
    rate = say(" That is {number} a minute.", number=_number(found.per_minute))
    if found.ceiling is None or found.seconds_left is None:
        return rate
    limit = say("{limit:,} descriptors, of which {used:,} are in use,", limit=found.ceiling.limit, used=found.ceiling.used)
    if found.ceiling.assumed:
        limit = say("{limit:,} descriptors (assumed: a usual one; no limits file is here)", limit=found.ceiling.limit)
    return say(
        "{rate} At that rate the limit of {limit} is reached in about {duration}.",
        rate=rate,
        limit=limit,
        duration=duration(found.seconds_left),
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"  # noqa: PLR2004 - two digits say enough


def moments(case: Case) -> tuple[Moment, ...]:
    """When each snapshot was taken, as far as its artifacts say."""
    return tuple(Moment(snapshot.host, snapshot.name, snapshot.time) for snapshot in case.incident.snapshots if snapshot.time is not None)


def turnover(case: Case) -> tuple[Turnover, ...]:
    """What became of the CLOSE_WAIT sockets of each process that more than one table shows."""
    found = []
    for view in case.latest:
        history = [other for other in case.history(view) if other.sockets]
        if len(history) > 1:
            first, last = _waiting(history[0]), _waiting(history[-1])
            stayed = sum(ends in last and (not inode or last[ends] in {None, inode}) for ends, inode in first.items())
            process = view.process
            found.append(Turnover(process.host, process.pid, stayed, len(last) - stayed, len(first) - stayed))
    return tuple(one for one in found if one.stayed or one.came or one.went)


def _waiting(view: ProcessView) -> dict[tuple[object, ...], int | None]:
    """Both ends → inode. The same ends with another inode are another connection; a table without inodes is compared by the ends alone."""
    return {(row.local, row.remote): row.inode or None for row in view.sockets.of(TcpState.CLOSE_WAIT)}


def limits(case: Case) -> tuple[DescriptorLimit, ...]:
    """The limit of descriptors of each process that the evidence has sockets of."""
    found = [limit_of(view) for view in case.latest if view.sockets and view.pid is not None]
    return tuple(one for one in found if one is not None)
