"""A database found a deadlock between transactions and ended one of them.

Looks for: the line that the server or its driver wrote then (PostgreSQL, InnoDB, Oracle, SQL Server), and the server's own details: who waited for whom, with which
statement, in which table.

Why it matters: the one that was ended has lost its work and must begin again; all others have waited until the server looked. Each transaction takes
rows that another one wants, in another order.

Do next: take rows in one order in every transaction (sort them by key before the first change), keep transactions short, and repeat the one that was ended.

Wrong when: it is taken for the cause of a hang. The database ended it; what still hangs waits for something else. A status keeps the last deadlock for weeks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.log_events import caller_in_words, of_this_moment, site_of
from analyzer.model.finding import Confidence, Culprit, Doubt, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.text import Ask, Do, Either, Text
from parsers.records import LogKind, SessionState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analyzer.evidence.log_events import Told
    from analyzer.model.need import Need
    from analyzer.waits.case import Case
    from parsers.records import DeadlockSide, Session

NEEDS: Final[tuple[Need, ...]] = ()
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The database has ended it already; the same transactions make the next one."))
CLEAN: Final = say("no line of a log says that a database ended a deadlock")
OF_LOGS: Final = "log-alone"
"""The code of the doubt of findings that rest on a log: what else the log tells stands beside them."""
SHORT: Final = 60
"""Lines of a log that somebody picked; in a longer one a few deadlocks are ordinary noise of a busy database."""
MANY: Final = 10
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
FRESH: Final = 300.0
"""Seconds after which a deadlock that a status keeps is history for whoever took the status."""
TEXT: Final = Text(
    "database-deadlock",
    headline="{server} ended a deadlock{between}{where}{often}{called}{before}.",
    explanation="Each of the transactions held a lock that another one wanted, and the database ended one of them: its work is rolled back, and the others go on.{edges} Mostly two transactions take the same rows in different orders; a shared lock that is made exclusive later, and locks on gaps of an index, close such a circle, too.",
    why=Either(
        "age",
        "The server's status keeps the last deadlock until it restarts. It is over: what waits in the same status waits for something else.",
        "The server wrote it itself. It is over: what still hangs now waits for something else.",
    ),
    do=(
        Do(When.NOW, "Repeat the transaction that was ended, from its beginning and a few times at most."),
        Do(
            When.FIX,
            "Change rows in one order in every transaction: sort them by key first, or lock them all at once in that order (SELECT … ORDER BY … FOR UPDATE).",
        ),
        Do(When.PREVENT, "Keep transactions short, and index what they search by: without an index more rows are locked than are changed."),
    ),
    ask=(Ask("the server's own report of the deadlock", "who waited for whom, with which statement", "{report}", on="unseen"),),
    figures=(("{lines_count:,}", "lines that tell of deadlocks"),),
    chain=(("{first}", "waits for rows of", "{first_statement}"), ("{second}", "waits for rows of the first", "{second_statement}")),
    phrases={
        "between": Either("sessions", " between sessions {sessions}"),
        "where": Either("table", " in table {table}"),
        "often": Either("repeated", ", in {lines}"),
        "before": Either(
            "over",
            ", {age} before its status was taken: it is over, and nothing of it is held any more",
            Either("age", ", {age} before its status was taken"),
        ),
    },
)
_REPORTS: Final = {
    "PostgreSQL": "grep -A8 'deadlock detected' postgresql.log",
    "MySQL": "mysql -e 'SHOW ENGINE INNODB STATUS\\G' > innodb_status.txt",
    "InnoDB": "mysql -e 'SHOW ENGINE INNODB STATUS\\G' > innodb_status.txt",
    "Oracle": "grep -l 'DEADLOCK DETECTED' trace/*.trc",
    "SQL Server": 'sqlcmd -Q "SELECT CAST(target_data AS xml) FROM sys.dm_xe_session_targets" > deadlocks.xml',
}


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding for each server whose log tells of it: the lines with the most details."""
    told = [one for one in of_this_moment(case.incident) if one.event.kind is LogKind.DEADLOCK]
    best: dict[str, Told] = {}
    for one in sorted(told, key=lambda one: -len(one.event.sides)):
        best.setdefault({"InnoDB": "MySQL"}.get(one.event.source, one.event.source), one)
    for server, one in best.items():
        yield _finding(case, server, one)


def _finding(case: Case, server: str, told: Told) -> Finding:
    event, sides = told.event, told.event.sides
    file = event.where.file
    lines = sum(log.lines for artifact in case.incident.artifacts if artifact.file == file for log in artifact.logs)
    # Beside threads or sockets it is no reason why these hang: the database has ended it.
    age = event.figure("age")
    old = age is not None and (age > FRESH or any(_waits(snapshot.sessions) for snapshot in case.incident.snapshots))
    loud = not old and not (case.incident.has_threads or case.incident.has_sockets) and (lines <= SHORT or told.lines >= MANY)
    site = site_of(event, case.known)
    tables = list(dict.fromkeys(side.table for side in sides if side.table))
    text = TEXT.filled(
        None,
        server=server,
        sessions=joined(say(" and "), (side.session for side in sides)) if sides else None,
        table=", ".join(tables) or None,
        lines=plural(told.lines, "line"),
        repeated=told.lines > 1,
        age=_age(age) if age is not None else None,
        over=age is not None and age > _HOUR,
        called=caller_in_words(event, case.known),
        edges="".join(map(_edge, sides)),
        report=_REPORTS.get(event.source),
        unseen=not sides,
        lines_count=told.lines,
        first=_named(sides, 0),
        second=_named(sides, 1),
        first_statement=(sides[0].statement or "") if sides else "",
        second_statement=(sides[1].statement or "") if len(sides) > 1 else "",
    )
    doubt = Doubt(OF_LOGS, say("a line is what a program met once, and not that it lasts"), Confidence.CERTAIN)
    return text.finding(
        severity=Severity.WARNING if loud else Severity.INFO,
        confidence=Confidence.CERTAIN,
        evidence=(told.evidence,),
        chain=text.steps((told.evidence,)),
        culprit=Culprit(frame=str(site) if site is not None else None, lock=tables[0] if tables else None),
        loop=True,
        doubts=(doubt,),
    )


def _age(seconds: float) -> str:
    if seconds >= 2 * _HOUR:
        return say("{hours:.0f} hours", hours=seconds / _HOUR)
    return say("{seconds:.0f} s", seconds=seconds) if seconds < 2 * _MINUTE else say("{minutes:.0f} min", minutes=seconds / _MINUTE)


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
