"""Threads wait for the database because somebody keeps a lock: a transaction that is open and does nothing, or runs on and on.

Looks for: sessions of this process that wait for a lock, and the one session that holds them all up in the end: another program's, or one of the process'
own that is idle in a transaction or runs a long statement.

Why it matters: the database is well and cannot help. Each lock wait keeps a connection of the pool; when all are taken, the whole service stands.

Do next: find the owner of the named session: its program, its host, since when. End it if nobody answers; its transaction is rolled back.

Wrong when: the lists are older than the dump. A waiter ahead in the queue is no holder: only sessions that wait for nobody count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.cross_system import loops, own_hold
from analyzer.evidence.citations import blamed, of_threads, quoted
from analyzer.evidence.far_sessions import HeldUp, client_of, held_up
from analyzer.evidence.sessions import age_in_words, kill_of, of_block, of_session, seconds_in_words, server_of, session_in_words
from analyzer.families.listed_sessions import ahead_of, cancel_of
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import ByNumber, Do, Either, Text
from parsers.records import SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.SOCKETS,)
CONSEQUENCE_OF: Final = ("cross-system-deadlock",)
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The waiters go on when the holder commits, rolls back, or its session ends."))
CLEAN: Final = say("no session of the process waits for a lock in a database")
TEXT: Final = Text(
    "lock-held-by-idle-transaction",
    headline=ByNumber(
        "victims_count",
        "{victims} of the process waits for a lock in {server} that {session} holds: it {doing}.",
        "{victims} of the process wait for a lock in {server} that {session} holds: it {doing}.",
    ),
    explanation=ByNumber(
        "victims_count",
        "{victims} to {server} waits for a lock. The session that holds them all up is {session}, {who}; it {doing}.{statement}",
        "{victims} to {server} wait for a lock. The session that holds them all up is {session}, {who}; it {doing}.{statement}",
    ),
    why=Either(
        "told",
        "{server} says who waits for whom, and the ports tie the sessions to the process' sockets.",
        "The list of transactions has one other transaction with locks; it does not say who waits for it.",
    ),
    do=(
        Do(When.NOW, "Ask the owner of {session}, or end it: its transaction is rolled back.", "{kill}"),
        Do(
            When.NOW,
            "Or cancel session {whole}: it has changed nothing yet, and those behind it go on at once. Let it ask again with a short limit for lock waits.",
            "{cancel}",
            on="whole",
        ),
        Do(
            When.FIX,
            Either(
                "ours",
                "Commit or roll back before anything slow: no remote call, no waiting, inside a transaction.",
                Either(
                    "idle",
                    "Let the program behind {session} commit before it waits for anything else.",
                    "Make the statement of {session} short: look at its plan, and commit in smaller pieces.",
                ),
            ),
        ),
        Do(When.PREVENT, "Set a timeout on idle transactions and on lock waits."),
    ),
    figures=(("{victims_count:,}", "connections waiting for the lock"), ("{idle_for}", "the holder's transaction")),
    chain=(
        ("{first}", "waits for the answer of", "{readers}"),
        ("session {id}", "waits for a lock held by", "{waiting_statement}"),
        ("{session}", "{doing}", "{holding_statement}"),
    ),
    phrases={
        "who": Either("ours", "of this process, on {local}", Either("client", "of {client} on this host", "not of this process")),
        "doing": Either("idle", "is idle in a transaction{age}", "runs a statement{age}"),
        "statement": Either("holding_statement", " Its last statement: {holding_statement}."),
        "reading": ByNumber(
            "threads_count", "{threads} waits for sessions that wait for a lock", "{threads} wait for sessions that wait for a lock"
        ),
        "readers": Either("threads_count", "{threads}"),
        "waits": "session {id} waits for a lock ({event})",
        "holds": "{session} {doing}",
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process and holder. That of a loop is told there: it is more than a holder that may go on."""
    for found in held_up(case):
        own = own_hold(case, found.view)
        looped = (*(loop.holder for loop in loops(case, found.view)), *(one.session for one in (own.holders if own else ())))
        if all(holder.id != found.holder.id for holder in looped):
            yield _finding(found)


def _finding(found: HeldUp) -> Finding:
    holder, victim, threads = found.holder, found.sessions[0].session, found.threads
    ours, ahead = found.far.joined_of(holder).connection, ahead_of(found.far, [one.session for one in found.sessions])
    text = TEXT.filled(
        found.view.process,
        victims=plural(len(found.sessions), "connection"),
        victims_count=len(found.sessions),
        server=server_of(holder),
        session=session_in_words(holder),
        idle=holder.state in {SessionState.IN_TRANSACTION, SessionState.IDLE},
        age=age_in_words(holder),
        idle_for=seconds_in_words(holder),
        holding_statement=holder.statement or "",
        kill=kill_of(holder),
        ours=ours,
        whole=ahead.id if ahead is not None and cancel_of(ahead) else None,
        cancel=cancel_of(ahead) if ahead is not None else "",
        local=ours.local if ours is not None else "",
        client=client_of(found),
        told=found.told,
        id=victim.id,
        event=victim.waits_on or "?",
        waiting_statement=victim.statement or "",
        threads=plural(len(threads), "thread"),
        threads_count=len(threads),
        first=quoted(threads[0]) if threads else say("this process"),
    )
    others = tuple(one.session.where for one in found.sessions[1:])
    waits = Evidence(victim.where, text["waits"], (victim.id,), len(others), None, others)
    holds = of_session(holder, text["holds"])
    reading = [of_threads(threads, text["reading"])] if threads else []
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if found.told else Confidence.LIKELY,
        evidence=(*reading, waits, *of_block(found.far, found.sessions[0], holder), holds),
        chain=text.steps((), (waits,), (holds,)),
        culprit=Culprit(
            frame=blamed(threads), remote=str(holder.client) if holder.client is not None and ours is None else None, lock=victim.waits_on
        ),
    )
