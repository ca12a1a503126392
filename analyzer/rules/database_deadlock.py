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

from analyzer.evidence.log_events import caller_in_words, site_of
from analyzer.evidence.logged_deadlocks import LoggedDeadlock, logged_deadlocks
from analyzer.model.finding import Confidence, Culprit, Doubt, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.text import Ask, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.need import Need
    from analyzer.waits.case import Case

NEEDS: Final[tuple[Need, ...]] = ()
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The database has ended it already; the same transactions make the next one."))
CLEAN: Final = say("no line of a log says that a database ended a deadlock")
OF_LOGS: Final = "log-alone"
"""The code of the doubt of findings that rest on a log: what else the log tells stands beside them."""
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


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding for each server whose log tells of it: the lines with the most details."""
    for found in logged_deadlocks(case):
        yield _finding(case, found)


def _finding(case: Case, found: LoggedDeadlock) -> Finding:
    told, sides, tables = found.told, found.sides, found.tables
    site = site_of(told.event, case.known)
    text = TEXT.filled(
        None,
        server=found.server,
        sessions=joined(say(" and "), (side.session for side in sides)) if sides else None,
        table=", ".join(tables) or None,
        lines=plural(told.lines, "line"),
        repeated=told.lines > 1,
        age=found.age_in_words,
        over=found.over,
        called=caller_in_words(told.event, case.known),
        edges=found.edges,
        report=found.report,
        unseen=not sides,
        lines_count=told.lines,
        first=found.named(0),
        second=found.named(1),
        first_statement=found.statement(0),
        second_statement=found.statement(1),
    )
    doubt = Doubt(OF_LOGS, say("a line is what a program met once, and not that it lasts"), Confidence.CERTAIN)
    return text.finding(
        severity=Severity.WARNING if found.loud else Severity.INFO,
        confidence=Confidence.CERTAIN,
        evidence=(told.evidence,),
        chain=text.steps((told.evidence,)),
        culprit=Culprit(frame=str(site) if site is not None else None, lock=tables[0] if tables else None),
        loop=True,
        doubts=(doubt,),
    )
