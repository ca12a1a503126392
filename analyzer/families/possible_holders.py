"""Sessions that wait for the lock of a table in MySQL, and several that are from before and may hold it: the list of sessions shows no locks.

A statement that has run since before, a transaction that is open, and a session that sleeps in one look alike there. So nobody is named as the holder, and the
server's own list of locks is asked before a session is ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.sessions import (
    age_in_words,
    kinds_in_words,
    longest_in_words,
    of_session,
    server_of,
    session_in_words,
)
from analyzer.model.finding import Confidence, Culprit, Doubt, Severity, When
from analyzer.model.message import capitalized, joined, plural, say
from analyzer.model.text import Ask, ByNumber, Do, Text
from parsers.records import Session, SessionState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.session_waits import SessionWaits
    from analyzer.model.finding import Finding

METADATA: Final = "metadata lock"
_RESTS: Final = frozenset({SessionState.IN_TRANSACTION, SessionState.IDLE})
_NAMED: Final = 3
"""Candidates that a sentence names."""
_LOCKS: Final = (
    "mysql -e \"SELECT l.OBJECT_NAME, l.LOCK_TYPE, l.LOCK_STATUS, t.PROCESSLIST_ID FROM performance_schema.metadata_locks l JOIN performance_schema.threads t ON t.THREAD_ID = l.OWNER_THREAD_ID WHERE l.OBJECT_TYPE = 'TABLE'; "
    'SELECT * FROM sys.schema_table_lock_waits\\G" > lock_waits.txt'
)
TEXT: Final = Text(
    "lock-held-by-idle-transaction",
    headline=ByNumber(
        "victims_count",
        "{victims} of {server} waits for a lock{kinds}. Who holds it this list does not show: it may be any of {count}, {candidates}.",
        "{victims} of {server} wait for a lock{kinds}. Who holds it this list does not show: it may be any of {count}, {candidates}.",
    ),
    explanation="{longest_begins}. Whoever comes later for the same table queues behind that one, though it does nothing yet. A transaction keeps this lock of the whole table once it has read it, until it commits or rolls back. The named sessions are from before that wait. Neither which tables they have read nor whether they have a transaction open is shown; a view reads tables that its statement does not name. A session whose last statement is young may have an old transaction as well.",
    why="The list shows who waits, and who was there before. Which of these has the lock, the server's list of locks tells.",
    do=(
        Do(When.NOW, "Ask the server who holds the lock before you end anything: GRANTED is the holder, PENDING waits.", "{locks}"),
        Do(
            When.NOW,
            "Or cancel session {whole}: it has changed nothing yet, and those behind it go on at once. Let it ask again with a short limit for lock waits.",
            "{cancel}",
            on="whole",
        ),
        Do(When.NOW, "Then ask the owner of the session that has it, or end that one: its transaction is rolled back."),
        Do(When.FIX, "Let whoever has it commit before it waits for anything else, and long statements run in smaller pieces."),
        Do(When.PREVENT, "Set a timeout on idle transactions and on lock waits."),
    ),
    figures=(("{victims_count:,}", "sessions waiting for the lock"),),
    ask=(Ask("the database's own list of lock waits", "who holds the lock", "{locks}"),),
    chain=(
        ("{waiter}", "waits for a lock held by", "{waiter_statement}"),
        ("one of {count}", "may hold it", "{candidates}"),
    ),
    phrases={
        "shown_wait": ByNumber("victims_count", "{victims} waits for a lock{kinds}", "{victims} wait for a lock{kinds}"),
    },
)


def age_of(session: Session) -> float:
    """For how long a session has been in its state, or its transaction open."""
    return max(session.transaction_age or 0.0, session.state_age or 0.0)


def doing(holder: Session) -> str:
    """``runs a statement for 1790 s``."""
    if holder.state in _RESTS:
        in_one = holder.state is SessionState.IN_TRANSACTION or holder.own_link is not None
        return say("is idle in a transaction{age}" if in_one else "is idle{age}", age=age_in_words(holder))
    if holder.state is SessionState.ACTIVE:
        return say("runs a statement{age}", age=age_in_words(holder))
    return say("is in a state that the list does not show")


def candidates(waits: SessionWaits, waiter: Session) -> tuple[Session, ...]:
    """Who may hold the lock of a table, the likeliest first: open transactions; else statements, then sleeping sessions, from before the longest wait."""
    locked = (one for one in waits.sessions if one.state is SessionState.LOCKED and one.server == waiter.server)
    first = max(map(age_of, locked), default=0.0)
    others = [one for one in waits.sessions if one.server == waiter.server and one.state is not SessionState.LOCKED]
    transactions = [one for one in others if one.own_link is not None or one.state is SessionState.IN_TRANSACTION]
    older = [one for one in others if one.state in {SessionState.ACTIVE, SessionState.IDLE} and age_of(one) >= first > 0]
    before = [one for one in transactions if not age_of(one) or age_of(one) >= first] or transactions
    return tuple(sorted(before or older, key=lambda one: (one.state is not SessionState.ACTIVE, -age_of(one))))


def finding(waiters: Sequence[Session], holders: Sequence[Session], cancel: str) -> Finding:
    """The sessions that wait, and all that may hold what they wait for. ``cancel``: what ends the statement that wants the whole table, empty where none does."""
    longest = max(waiters, key=age_of)
    named = [say("{session}, which {doing}", session=session_in_words(one), doing=doing(one)) for one in holders[:_NAMED]]
    rest = len(holders) - len(named)
    text = TEXT.filled(
        None,
        victims=plural(len(waiters), "session"),
        victims_count=len(waiters),
        server=server_of(longest),
        kinds=kinds_in_words(waiters),
        count=plural(len(holders), "session"),
        candidates=joined("; ", [*named, *([say("{number} others", number=rest)] if rest else [])]),
        longest_begins=capitalized(longest_in_words(waiters)),
        whole=longest.id if cancel and len(waiters) > 1 else None,
        cancel=cancel,
        locks=_LOCKS,
        waiter=session_in_words(longest),
        waiter_statement=longest.statement or "",
    )
    shown = (of_session(longest, text["shown_wait"]), *(of_session(one, doing(one)) for one in holders[:_NAMED]))
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        evidence=shown,
        chain=text.steps((shown[0],), shown[1:]),
        culprit=Culprit(lock=waiters[0].waits_on),
        doubts=(Doubt("list-alone", say("no socket ties the sessions to a process"), Confidence.SUSPECTED),),
    )
