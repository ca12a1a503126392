"""Deadlocks between transactions that a database ended, as its log, its status or its driver tells: who waited for whom, when, and whether that matters now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.log_events import Told, of_this_moment
from analyzer.model.message import duration, say
from parsers.records import LogKind, SessionState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analyzer.model.incident import Incident
    from analyzer.waits.case import Case
    from parsers.records import DeadlockSide, Session

SHORT: Final = 60
"""Lines of a log that somebody picked; in a longer one a few deadlocks are ordinary noise of a busy database."""
MANY: Final = 10
FRESH: Final = 300.0
"""Seconds after which a deadlock that a status keeps is history for whoever took the status …"""
_OVER: Final = 3600.0
"""… and of which nothing can be held any more."""
_REPORTS: Final = {
    "PostgreSQL": "grep -A8 'deadlock detected' postgresql.log",
    "MySQL": "mysql -e 'SHOW ENGINE INNODB STATUS\\G' > innodb_status.txt",
    "InnoDB": "mysql -e 'SHOW ENGINE INNODB STATUS\\G' > innodb_status.txt",
    "Oracle": "grep -l 'DEADLOCK DETECTED' trace/*.trc",
    "SQL Server": 'sqlcmd -Q "SELECT CAST(target_data AS xml) FROM sys.dm_xe_session_targets" > deadlocks.xml',
}
"""The command that gets a server's own report of a deadlock."""


class LoggedDeadlock(msgspec.Struct, frozen=True):
    """The lines of one server with the most details. ``loud``: they are more than ordinary noise, of this moment, and all that there is."""

    server: str
    told: Told
    loud: bool

    @property
    def sides(self) -> tuple[DeadlockSide, ...]:
        """The transactions, as far as the lines name them."""
        return self.told.event.sides

    @property
    def tables(self) -> list[str]:
        """The tables in which they wanted rows."""
        return list(dict.fromkeys(side.table for side in self.sides if side.table))

    @property
    def age(self) -> float | None:
        """Seconds from the deadlock to the status that keeps it."""
        return self.told.event.figure("age")

    @property
    def age_in_words(self) -> str | None:
        """The same, in words."""
        return duration(self.age) if self.age is not None else None

    @property
    def over(self) -> bool:
        """True if it is so long ago that nothing of it can be held any more."""
        return self.age is not None and self.age > _OVER

    @property
    def edges(self) -> str:
        """Who waited for whom, a sentence each."""
        return "".join(map(_edge, self.sides))

    @property
    def report(self) -> str | None:
        """The command for the server's own report."""
        return _REPORTS.get(self.told.event.source)

    def named(self, at: int) -> str:
        """A transaction, by its session if the lines name that."""
        return _named(self.sides, at)

    def statement(self, at: int) -> str:
        """What a transaction did when it waited; empty if the lines do not say."""
        return (self.sides[at].statement or "") if at < len(self.sides) else ""


def logged_deadlocks(case: Case) -> Iterator[LoggedDeadlock]:
    """One for each server whose log tells of it."""
    told = [one for one in of_this_moment(case.incident) if one.event.kind is LogKind.DEADLOCK]
    best: dict[str, Told] = {}
    for one in sorted(told, key=lambda one: -len(one.event.sides)):
        best.setdefault({"InnoDB": "MySQL"}.get(one.event.source, one.event.source), one)
    for server, one in best.items():
        yield LoggedDeadlock(server, one, _is_loud(case.incident, one))


def _is_loud(incident: Incident, told: Told) -> bool:
    """False beside threads or sockets: it is no reason why these hang, for the database has ended it. So of one that is history by now."""
    lines = sum(log.lines for artifact in incident.artifacts if artifact.file == told.event.where.file for log in artifact.logs)
    age = told.event.figure("age")
    old = age is not None and (age > FRESH or any(_waits(snapshot.sessions) for snapshot in incident.snapshots))
    return not old and not (incident.has_threads or incident.has_sockets) and (lines <= SHORT or told.lines >= MANY)


def _waits(sessions: Iterable[Session]) -> bool:
    """True if a session waits for a lock now: not for the deadlock, which is over."""
    return any(session.state is SessionState.LOCKED for session in sessions)


def _named(sides: tuple[DeadlockSide, ...], at: int) -> str:
    return say("session {id}", id=sides[at].session) if at < len(sides) else say("a transaction") if not at else say("another one")


def _edge(side: DeadlockSide) -> str:
    doing = say(" with “{statement}”", statement=side.statement) if side.statement else ""
    if side.holder is None:
        return say(" Session {id} waited{doing}.", id=side.session, doing=doing)
    return say(" Session {id} waited for session {holder}{doing}.", id=side.session, holder=side.holder, doing=doing)
