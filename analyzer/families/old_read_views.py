"""A transaction of InnoDB that is left open keeps an old view of all tables, and purge may remove nothing that is younger: undo logs grow.

The status prints the oldest number that purge has reached (``Purge done for trx's n:o``), how many transactions wait for it (``History list length``), and what a
transaction's view sees (MySQL's manual, “Purge Configuration”). Purge that stands at the view is kept back by it; purge that has not come so far is slow by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.sessions import kill_of, last_list, session_in_words
from analyzer.families.listed_sessions import LIST_ALONE
from analyzer.model.finding import Confidence, Culprit, Doubt, Evidence, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import capitalized, say
from analyzer.model.text import Ask, Do, Either, Text
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case

LONG: Final = 1800.0
"""Seconds that a view must be old: reports and backups of some minutes are ordinary."""
MANY: Final = 1_000_000
"""Transactions before purge from which on it lags behind, also where only one moment is known: a busy server has thousands."""
NEAR: Final = 1000
"""How far purge may stand before the view and be kept back by it: numbers of transactions and of their ends differ a little."""
TEXT: Final = Text(
    "lock-held-by-idle-transaction",
    headline="Purge of MySQL stands still behind an old read view: {session} has had a transaction open for {age} s, and {history:,} transactions wait to be purged.",
    explanation="{session_begins} sees the data as they were when it began, so InnoDB keeps every older version of every row that was changed since then. Undo logs grow, and reads of rows that change often pass many old versions.{grown} It holds no lock that others wait for.",
    why="The status names the view of the transaction, and purge has come exactly so far. That nothing else holds it back there, one list cannot show.",
    do=(
        Do(
            When.NOW,
            "Let the program behind {session} commit, or end the session: purge goes on at once. A restart is not needed, and more purge threads change nothing.",
            "{kill}",
        ),
        Do(When.FIX, "Let the program behind {session} end each transaction, also one that only reads: look for autocommit that is off."),
        Do(
            When.PREVENT,
            "Watch the age of the oldest transaction and the length of the history list. Undo tablespaces become smaller again only with innodb_undo_log_truncate.",
        ),
    ),
    figures=(("{history:,}", "transactions before purge"), ("{age} s", "age of the oldest view")),
    ask=(
        Ask(
            "the list of all transactions",
            "whether another one, or one of a replica or XA, is as old",
            "mysql -e 'SELECT * FROM information_schema.innodb_trx ORDER BY trx_started LIMIT 5\\G' > trx.txt",
        ),
    ),
    chain=(("purge", "waits for the end of", "{session}"),),
    phrases={
        "grown": Either("before", " Between two moments they grew from {before:,} to {history:,}, and purge did not move."),
        "view": "purge has come to {purge}, and the view of {session} begins there",
    },
)
_OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("Purge goes on when the transaction ends."))


def suspicions(case: Case) -> Iterator[Finding]:
    """One for the last status whose purge stands at the oldest view."""
    told = [event for artifact in case.incident.artifacts for event in artifact.events if event.kind is LogKind.HISTORY]
    last = next((one for one in reversed(told) if one.subject is not None), None)
    if last is None or last.subject is None:
        return
    history, age, purge, view = (int(last.figure(name) or 0) for name in ("history", "age", "purge", "view"))
    earlier = next(
        (one for one in told if one is not last and one.figure("purge") == purge and (one.figure("history") or 0) < history), None
    )
    if age < LONG or abs(view - purge) > NEAR or (history < MANY and earlier is None):
        return
    session = next((one for one in last_list(case.incident.snapshots)[1] if one.server == "mysql" and one.id == last.subject), None)
    name = session_in_words(session) if session is not None else say("session {id}{parts}", id=last.subject, parts="")
    text = TEXT.filled(
        None,
        session=name,
        session_begins=capitalized(name),
        age=age,
        history=history,
        purge=purge,
        before=int(earlier.figure("history") or 0) if earlier is not None else None,
        kill=kill_of(session) if session is not None else f"KILL {last.subject};",
    )
    shown = (Evidence(last.where, text["view"], (last.subject,)),)
    yield text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        evidence=shown,
        chain=text.steps(shown),
        culprit=Culprit(remote=str(session.client) if session is not None and session.client is not None else None),
        doubts=(Doubt(LIST_ALONE, say("no socket ties the sessions to a process"), Confidence.LIKELY),),
        outlook=_OUTLOOK,
    )
