"""Sessions of a database that all run one slow statement while a pool has no connection left: what is lent is in use, by runs that begin faster than they end."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.sessions import server_of
from analyzer.join.far_side import LISTS
from analyzer.model.finding import Evidence
from analyzer.model.message import joined, plural, say
from parsers.records import Counted, Session, SessionState, Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.waits.case import Case
    from parsers.records import LogEvent

SLOW: Final = 30.0
"""Seconds from which on a statement that others run as well is slow for a pool whose clients wait that long for a connection."""
_ALIKE: Final = 60
"""Letters of a statement by which two are one: a list cuts them."""
_SHOWN: Final = 50
_STEADY: Final = 0.1
"""Share by which the times between the runs of a schedule differ."""
_FEWEST: Final = 2
_NEARLY: Final = 0.8
"""Share of what a pool has lent that must be seen in one statement, to say that this is why none is left."""
_SCHEDULED: Final = 3
"""Runs whose beginnings tell an interval."""
_NAMED: Final = 2


class Busy(msgspec.Struct, frozen=True):
    """Listed sessions that run the same statement, the oldest first, and the tables that its plan reads as a whole."""

    sessions: tuple[Session, ...]
    scans: tuple[Tally, ...]

    @property
    def words(self) -> str:
        """``3 listed sessions of MySQL run “SELECT …”, for 61 to 1,834 s, one more every 60 s``."""
        ages = [one.state_age or 0.0 for one in self.sessions]
        every = _interval(ages)
        statement = self.sessions[0].statement or ""
        return say(
            "{sessions} of {server} run the same statement (“{statement}”) for {least:,.0f} to {most:,.0f} s{every}{scans}",
            sessions=plural(len(self.sessions), "listed session"),
            server=server_of(self.sessions[0]),
            statement=statement if len(statement) <= _SHOWN else statement[:_SHOWN].rstrip() + "…",
            least=min(ages),
            most=max(ages),
            every=say(", and one more begins every {seconds:,.0f} s", seconds=every) if every is not None else "",
            scans=self._scans,
        )

    @property
    def _scans(self) -> str:
        tables = joined(", ", (say("{table}: {rows:,} rows", table=one.name, rows=one.count) for one in self.scans[:_NAMED]))
        return say("; a plan that is here reads whole tables ({tables})", tables=tables) if self.scans else ""

    def explains(self, told: LogEvent) -> bool:
        """True if nearly all that a pool has lent runs the statement: as many sessions are listed, or the pool's own line counts them."""
        active = told.figure("active") or told.figure("busy")
        return active is not None and max(len(self.sessions), told.figure("runningsqlcount") or 0) >= _NEARLY * active

    @property
    def evidence(self) -> Evidence:
        """The oldest row, and how many are like it."""
        return Evidence(self.sessions[0].where, self.words, (self.sessions[0].id,), len(self.sessions) - 1)


def busy(case: Case) -> Busy | None:
    """The largest group of listed sessions that run one statement for long; None where others rest, or wait for a lock: these tell something else."""
    last = next((one for one in reversed(case.incident.snapshots) if one.sessions), None)
    listed = [one for one in last.sessions if one.server in LISTS] if last is not None else []
    if any(one.state is SessionState.LOCKED for one in listed):
        return None
    groups: dict[object, list[Session]] = defaultdict(list)
    for one in listed:
        if one.state is SessionState.ACTIVE and one.statement and (one.state_age or 0.0) >= SLOW:
            groups[one.server, one.statement[:_ALIKE]].append(one)
    most = max(groups.values(), key=len, default=[])
    if len(most) < _FEWEST or 2 * len(most) < len(listed):
        return None
    scans = [one for snapshot in case.incident.snapshots for one in snapshot.tallies if one.what is Counted.SCANNED]
    ordered = sorted(most, key=lambda one: -(one.state_age or 0.0))
    return Busy(tuple(ordered), tuple(sorted(scans, key=lambda one: -one.count)))


def _interval(ages: Sequence[float]) -> float | None:
    """The seconds between the beginnings of runs, if they are equal: then a schedule begins them."""
    apart = [first - second for first, second in pairwise(sorted(ages, reverse=True))]
    if len(ages) < _SCHEDULED or min(apart) < 1 or max(apart) - min(apart) > max(1.0, _STEADY * max(apart)):
        return None
    return sum(apart) / len(apart)
