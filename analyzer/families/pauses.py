"""Pauses of a virtual machine that its log tells of, and the time limits that ran out because of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.log_events import near, time_of
from analyzer.model.finding import Evidence
from analyzer.model.message import plural, say
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.model.incident import Incident
    from parsers.records import LogEvent

_TEN: Final = 10.0
_CLOCKS: Final = timedelta(seconds=2)
"""What two clocks, and the writing of a line, may differ by."""
OF_ONE_TIME: Final = say(
    "The lines are of one time, and the limits no longer than the pause. That both are of one process, or of one that the other calls, they do not show."
)
FEW: Final = 3
"""Limits that ran out in one pause, from which on it is no accident; and most of those that are told of."""
LIMITED: Final = frozenset(
    {
        LogKind.READ_TIMEOUT,
        LogKind.POOL_EMPTY,
        LogKind.PROXY_GAVE_UP,
        LogKind.CLIENT_GAVE_UP,
        LogKind.QUEUE_GAVE_UP,
        LogKind.CONNECT_TIMEOUT,
    }
)
"""Lines about a time limit that was reached; those with a duration say how long it is."""


class Explained(msgspec.Struct, frozen=True):
    """A pause, and the lines about time limits that ran out while nothing could answer."""

    pause: LogEvent
    limits: tuple[LogEvent, ...]

    @property
    def seconds(self) -> float:
        """How long nothing ran."""
        return self.pause.figure("seconds") or 0.0

    @property
    def ran_out(self) -> str:
        """``9 time limits of up to 5.0 s ran out in that time``."""
        longest = max(event.figure("seconds") or 0.0 for event in self.limits)
        return say("{limits} of up to {longest:.1f} s ran out in that time", limits=plural(len(self.limits), "time limit"), longest=longest)

    @property
    def words(self) -> str:
        """What the lines say together."""
        return say("the virtual machine stood still for {pause:.1f} s, and {limits}", pause=self.seconds, limits=self.ran_out)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The line of the pause, and the last of those about limits."""
        stood = say("nothing ran for {seconds:.1f} s", seconds=self.seconds)
        ran_out = say("a time limit of {seconds:.1f} s ran out in that time", seconds=self.limits[-1].figure("seconds") or 0.0)
        return Evidence(self.pause.where, stood), Evidence(self.limits[-1].where, ran_out, (), len(self.limits) - 1)


def explained(incident: Incident, limits: Iterable[LogEvent] | None = None) -> Explained | None:
    """The pause that explains most of the limits, by default of all that lines of this moment tell of; None if none does.

    A pause explains a wait that is no longer than itself and that it overlaps. Without times on both nothing ties them.
    """
    events = tuple(near(incident))
    waits = tuple(event for event in (events if limits is None else limits) if event.kind in LIMITED and event.figure("seconds"))
    pauses = [event for event in events if event.kind is LogKind.PAUSE]
    found = [Explained(pause, tuple(wait for wait in waits if _covers(pause, wait))) for pause in _distinct(pauses)]
    return max(
        (one for one in found if len(one.limits) >= max(FEW, len(waits) / 2)), key=lambda one: (len(one.limits), one.seconds), default=None
    )


_QUARTER: Final = timedelta(minutes=15)
"""What the offsets of all zones are multiples of."""
_AS_LONG: Final = 1.0
"""Seconds by which a wait and a pause may differ that are told to be as long as each other."""


def run_out_in(incident: Incident, pauses: Sequence[LogEvent]) -> LogEvent | None:
    """The last line about a time limit of which one of the pauses is the whole wait: as long, and ended with it."""
    waits = [event for event in near(incident) if event.kind in LIMITED and event.figure("seconds")]
    found = [
        wait
        for wait in waits
        for pause in pauses
        if _ended_with(pause, wait) and abs((wait.figure("seconds") or 0.0) - (pause.figure("seconds") or 0.0)) <= _AS_LONG
    ]
    return found[-1] if found else None


def _ended_with(pause: LogEvent, wait: LogEvent) -> bool:
    """True if both lines are of one moment, or differ by whole quarters of an hour where only one of them names its zone."""
    end, late = time_of(pause.time), time_of(wait.time)
    if end is None or late is None:
        return False
    if (end.tzinfo is None) == (late.tzinfo is None):
        return abs(end - late) <= _CLOCKS
    apart = (end.replace(tzinfo=None) - late.replace(tzinfo=None)) % _QUARTER
    return min(apart, _QUARTER - apart) <= _CLOCKS


def _distinct(pauses: Sequence[LogEvent]) -> Iterable[LogEvent]:
    """One line for each pause: the collector and the safepoint tell of the same one."""
    return {(event.time, round(event.figure("seconds") or 0.0)): event for event in reversed(pauses)}.values()


def _covers(pause: LogEvent, wait: LogEvent) -> bool:
    stood, waited = pause.figure("seconds") or 0.0, wait.figure("seconds") or 0.0
    end, late = time_of(pause.time), time_of(wait.time)
    if end is None or late is None or (end.tzinfo is None) != (late.tzinfo is None) or waited > stood + _CLOCKS.total_seconds():
        return False
    # Both lines are written at the end: what lasted from before the pause to after it, or ended in it.
    return end - timedelta(seconds=stood) - _CLOCKS <= late <= end + timedelta(seconds=waited) + _CLOCKS


def tenths(seconds: float) -> str:
    """Seconds with as many decimals as their size needs."""
    return f"{seconds:.0f}" if seconds >= _TEN else f"{seconds:.1f}".removesuffix(".0") if seconds >= 1 else f"{seconds:.3f}"


class Share(msgspec.Struct, frozen=True):
    """How much of the time the collector kept the program still, by its own log: the pauses, their sum, and the time from the first to the end of the last."""

    pauses: tuple[LogEvent, ...]
    stood: float
    of: float
    full: float | None = None
    """How full the heap is after the last of them, where they are collections of the whole heap that follow each other."""
    count: int = 0
    """How many collections there were, where one line sums them up. ``of`` is 0 where it does not say in what time."""
    brief: bool = False
    """True if the log shows a moment only, in which one followed the other."""

    @property
    def evidence(self) -> Evidence:
        """The last of the pauses, and how many there are."""
        number = self.count or len(self.pauses)
        says = say("{pauses}, {stood} s together", pauses=plural(number, "pause"), stood=tenths(self.stood))
        return Evidence(self.pauses[-1].where, says, (), len(self.pauses) - 1)


MUCH: Final = 0.3
"""Share of the time that pauses must take for the collector to be the trouble: a collector that keeps up takes some hundredths."""
_LEAST: Final = 5
"""Long pauses that make a rate."""
_STEADY: Final = 10.0
"""Seconds of pauses below which a burst at start-up looks the same."""


def heavy(incident: Incident) -> Share | None:
    """The last pauses of one log of a collector, if they take much of the time; None if none do."""
    logs: dict[str, list[LogEvent]] = {}
    for event in near(incident):
        if event.kind is LogKind.PAUSE and event.source == "garbage collector" and time_of(event.time) is not None:
            logs.setdefault(event.where.file, []).append(event)
    found = [share for events in logs.values() if (share := _share(events[-_MANY:])) is not None]
    return max(found, key=lambda share: share.stood, default=None)


_MANY: Final = 50


def _share(events: Sequence[LogEvent]) -> Share | None:
    times = [time for event in events if (time := time_of(event.time)) is not None]
    if len(events) < _LEAST or len({time.tzinfo is None for time in times}) > 1:
        return None
    stood = sum(event.figure("seconds") or 0.0 for event in events)
    of = (times[-1] - times[0]).total_seconds() + (events[0].figure("seconds") or 0.0)
    return Share(tuple(events), stood, of) if stood >= _STEADY and MUCH * of <= stood <= of * 1.2 else None


_SUMMED: Final = 0.5
"""Share of the time that a line must sum up for its last moment alone to tell: busy collectors take some hundredths."""
_LAST: Final = 2
"""Lines that are looked at, the last of a log."""
_AGAIN: Final = 2
"""Collections of the whole heap between two rows of figures, from which on they follow each other."""


def summed_up(incident: Incident) -> Share | None:
    """What the last line that sums up the collector's time says, if that is much: the rows of jstat, or a watch inside the program. None if none does."""
    sums = [event for event in near(incident) if event.kind is LogKind.PAUSE and (event.figure("of") or event.figure("collections"))]
    shares = [share for event in sums[-_LAST:] if (share := _of_sum(event)) is not None]
    # A watch writes how full the heap is in one line, and how long it took in the next.
    return max(shares, key=lambda share: (share.full is not None, share.pauses[-1].where), default=None)


def _of_sum(event: LogEvent) -> Share | None:
    stood, of = event.figure("seconds") or 0.0, event.figure("of") or 0.0
    count = int(event.figure("collections") or 1)
    percent = event.figure("percent")
    size = event.figure("size")
    full = percent / 100 if percent is not None else _filled(event) if size else None
    filled = full if full is not None and full >= _FULL else None
    if (of and stood >= _SUMMED * of) or (not of and count >= _AGAIN and filled is not None):
        return Share((event,), min(stood, of) if of else stood, of, filled, count)
    return None


_PAIR: Final = 2
"""Long collections of the whole heap that follow each other, in lines that somebody picked."""
_MOST_OF_IT: Final = 0.7
"""Share of the time that these must take."""
_LITTLE: Final = 0.15
"""Share of the heap that they may free at most."""


def one_after_the_other(incident: Incident) -> Share | None:
    """The last long collections of the whole heap, if hardly anything ran between them and each freed little; None if there are none."""
    events = [event for event in near(incident) if event.kind is LogKind.PAUSE and _of_all(event)]
    events = [event for event in events if event.where.file == events[-1].where.file][-_MANY:]
    clocks = [_clock(event) for event in events]
    first = len(events) - 1
    while first > 0:
        here, before = clocks[first], clocks[first - 1]
        apart = here - before if here is not None and before is not None else 0.0
        if apart <= 0 or (events[first].figure("seconds") or 0.0) < _MOST_OF_IT * apart:
            break
        first -= 1
    row = events[first:]
    if len(row) < _PAIR or any(_filled(event) < _FULL or _freed(event) > _LITTLE for event in row):
        return None
    stood = sum(event.figure("seconds") or 0.0 for event in row)
    of = (clocks[-1] or 0.0) - (clocks[first] or 0.0) + (row[0].figure("seconds") or 0.0)
    return Share(tuple(row), min(stood, of), of, _filled(row[-1])) if stood >= _STEADY else None


_WHOLE: Final = ("Full", "ConcurrentMarkSweep", "MarkSweep", "PS MarkSweep", "G1 Old")
"""How collections of the old generation are called, by the collector itself and by programs that watch it."""


def _of_all(event: LogEvent) -> bool:
    """True for a collection of the whole heap, or of its old generation, of which the line says how full it was and is."""
    return (event.subject or "").strip().startswith(_WHOLE) and bool(
        event.figure("size") or (event.figure("before") and event.figure("after"))
    )


def _freed(event: LogEvent) -> float:
    before = event.figure("before") or 0.0
    return (before - (event.figure("after") or 0.0)) / (event.figure("size") or before or 1.0)


_IN_A_ROW: Final = 10
"""Collections of the whole heap from which on they follow each other: one or two are made on demand."""
_WHILE: Final = 5.0
"""Seconds that they must last: the start of a program may collect as much."""
_HALF: Final = 0.5
"""Share of the time that they must take."""
_BRIEF: Final = 3
"""Collections at the end of a piece of a log that tell, where each frees nothing at all and the next begins as it ends …"""
_NOTHING: Final = 0.01
_ALL_OF_IT: Final = 0.8
"""… which is this share of the time in pauses."""
_FULL: Final = 0.8
"""How full the heap must be behind most of them."""
_LINES: Final = 400
"""Lines behind the last of them that the log may have: detailed logs write thirty about each. More, and it is over."""


def in_a_row(incident: Incident) -> Share | None:
    """The collections of the whole heap at the end of a log that follow each other, if they free little and take half of the time; None if there are none."""
    found = []
    for artifact in incident.artifacts:
        events = [event for event in artifact.events if event.kind is LogKind.COLLECTED]
        ends = [log.where.last for log in artifact.logs]
        if len(events) >= _BRIEF and (not ends or ends[-1] - events[-1].where.last <= _LINES) and (share := _row(events)) is not None:
            found.append(share)
    return max(found, key=lambda share: share.stood, default=None)


def _row(events: Sequence[LogEvent]) -> Share | None:
    """The longest row that ends with the last event."""
    clocks = [_clock(event) for event in events]
    stood, best = 0.0, None
    for first in range(len(events) - 1, -1, -1):
        stood += events[first].figure("seconds") or 0.0
        begun, end = clocks[first], clocks[-1]
        if begun is None or end is None:
            break
        of = end - begun + (events[first].figure("seconds") or 0.0)
        if len(events) - first >= _IN_A_ROW and of >= _WHILE and stood >= _HALF * of:
            best = first, stood, of
    if best is None:
        return _moment(events, clocks)
    first, stood, of = best
    fills = sorted(_filled(event) for event in events[first:])
    if fills[len(fills) // 2] < _FULL:
        return None
    return Share(tuple(events[first:]), min(stood, of), of, _filled(events[-1]))


def _moment(events: Sequence[LogEvent], clocks: Sequence[float | None]) -> Share | None:
    """The last few collections, where all of them free nothing and leave no time between them: so it looks on the way to the end, or for a moment."""
    last, times = events[-_BRIEF:], clocks[-_BRIEF:]
    stood = sum(event.figure("seconds") or 0.0 for event in last)
    begun, end = times[0], times[-1]
    if len(last) < _BRIEF or begun is None or end is None or any(_filled(one) < _FULL or _freed(one) > _NOTHING for one in last):
        return None
    of = end - begun + (last[0].figure("seconds") or 0.0)
    return Share(tuple(last), min(stood, of), of, _filled(last[-1]), brief=True) if stood >= _ALL_OF_IT * of else None


def _clock(event: LogEvent) -> float | None:
    """Seconds of some clock: how long the program ran, or the time of day."""
    if (at := event.figure("at")) is not None:
        return at
    time = time_of(event.time)
    return time.timestamp() if time is not None else None


def _filled(event: LogEvent) -> float:
    return (event.figure("after") or 0.0) / (event.figure("size") or event.figure("before") or 1.0)
