"""What the times of a snapshot's artifacts say of each other.

A dump of the VM has the local time of the JVM, a thread file (``Thread.dump_to_file``) has UTC, ``date`` the zone of the host's shell. Two of them
that are a whole number of quarter hours apart, as zones are, were taken together; a rest of more than some seconds is real.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.message import duration, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.incident import Snapshot

FAR_APART: Final = 60
"""Seconds between artifacts of one snapshot from which counts of threads and of sockets cannot be compared."""
_QUARTER: Final = 15 * 60
_SMALLEST_OFFSET: Final = 59 * 60
"""No zone in use lies less than an hour from UTC; a minute for the commands to be typed."""
_LARGEST_OFFSET: Final = 26 * 3600
"""From UTC-12 to UTC+14: two clocks cannot be further apart because of their zones."""


class _Stated(msgspec.Struct, frozen=True):
    """A time as an artifact states it."""

    where: str
    printed: str
    clock: str
    time: datetime


def clock_notes(snapshot: Snapshot) -> Iterator[str]:
    """Sentences on artifacts of one snapshot that were not taken together, or whose clocks show different zones."""
    stated = sorted(_stated(snapshot), key=lambda one: (one.time, one.where))
    if len(stated) < 2:  # noqa: PLR2004 - a pair
        return
    first, last = stated[0], stated[-1]
    span = (last.time - first.time).total_seconds()
    if span <= FAR_APART:
        return
    rest = min(span % _QUARTER, _QUARTER - span % _QUARTER)
    if _zones_apart(first, last):
        yield (
            say(
                "The clocks of snapshot {name} differ by {hours} ({where} says {printed}, {where2} says {printed2}), as those of two time zones do: taken as one moment. If both are of one zone, they are far apart.",
                name=snapshot.name,
                hours=_hours(span - rest if span % _QUARTER == rest else span + rest),
                where=first.where,
                printed=first.printed,
                where2=last.where,
                printed2=last.printed,
            )
        )
    else:
        yield (
            say(
                "Artifacts of snapshot {name} were taken {span} apart ({printed} and {printed2}): counts of threads and sockets need not agree.",
                name=snapshot.name,
                span=duration(span),
                printed=first.printed,
                printed2=last.printed,
            )
        )


def far_apart(snapshot: Snapshot) -> bool:
    """True if artifacts of the snapshot were taken so far apart that threads and sockets need not agree; two zones are no distance."""
    stated = sorted(_stated(snapshot), key=lambda one: (one.time, one.where))
    if len(stated) < 2:  # noqa: PLR2004 - a pair
        return False
    return (stated[-1].time - stated[0].time).total_seconds() > FAR_APART and not _zones_apart(stated[0], stated[-1])


def _zones_apart(first: _Stated, last: _Stated) -> bool:
    """True if two clocks differ as those of two time zones do."""
    span = (last.time - first.time).total_seconds()
    rest = min(span % _QUARTER, _QUARTER - span % _QUARTER)
    return rest <= FAR_APART and _SMALLEST_OFFSET <= span <= _LARGEST_OFFSET and first.clock != last.clock


def _stated(snapshot: Snapshot) -> Iterator[_Stated]:
    """The times, each with the clock it was read from: that of the VM, UTC, or that of the shell."""
    times = [(dump.where.file, dump.time, "vm") for dump in snapshot.dumps if dump.time]
    for fact in snapshot.facts:
        if fact.time is not None:
            offset = "+00:00" if fact.zone in {"UTC", "GMT"} else fact.zone if fact.zone and fact.zone[0] in "+-" else ""
            times.append((fact.where.file, fact.time + offset, "shell"))
    for file, printed, clock in times:
        try:
            time = datetime.fromisoformat(printed)
        except ValueError:
            continue
        if time.tzinfo is None:
            yield _Stated(file, printed, clock, time)
        else:
            yield _Stated(file, printed, "utc", time.astimezone(UTC).replace(tzinfo=None))


def _hours(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return say("{hours} h {minutes} min", hours=hours, minutes=minutes) if minutes else f"{hours} h"
