"""A process that blocks itself over its own pool of connections: one connection's transaction keeps what another one wants, and no thread is left to end it.

A thread that changes a row in its transaction and asks for that row over a second connection waits for itself. The database sees two sessions, of which the
holder waits for nothing there; the process sees a thread in a read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.cross_system import OwnHold, own_hold
from analyzer.evidence.citations import blamed, of_sockets, of_threads, quoted
from analyzer.evidence.sessions import age_in_words, kill_of, of_block, of_session, seconds_in_words, server_of, session_in_words
from analyzer.model.finding import Confidence, Culprit, Kind, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView

LASTING: Final = 2.0
"""Seconds without a statement in a transaction from which on its thread is no more on the way to the next one."""
TEXT: Final = Text(
    "cross-system-deadlock",
    headline="The process blocks itself in {server}: {waiters} for locks that its own idle transactions hold, and no thread is left to end these.",
    explanation="{victims} for a lock. It is held by {connections} of this same process, idle in a transaction: {session} on {local}{age} holds up session {id}. Every thread that could end such a transaction waits itself.{others} {how} Neither {server} nor the process can see this loop.",
    why=Either(
        "outsiders",
        "The ports tie the sessions to the process' sockets. Not certain, because {outsiders} runs other code and might own an idle connection.",
        Either(
            "sure",
            "The ports tie the sessions to the process' sockets, each thread in the driver has a session that waits, and no thread is left that could end a transaction.",
            "The ports tie the sessions to the process' sockets. That these threads read from {server}, and do so for long, is inferred: as many read as sessions wait.",
        ),
    ),
    do=(
        Do(
            When.NOW,
            Either(
                "several",
                "End the idle sessions, such as {session}: their transactions are rolled back, and the others go on.",
                "End the idle session: its transaction is rolled back, and the others go on.",
            ),
            "{kill}",
        ),
        Do(
            When.FIX,
            "Use the connection of the transaction in {frame}, or commit before a second connection is taken.",
            on="frame",
        ),
        Do(When.PREVENT, "Set a timeout on idle transactions (idle_in_transaction_session_timeout) and on lock waits (lock_timeout)."),
    ),
    figures=(("{victims_count:,}", "connections waiting for the lock"), ("{idle_for}", "the transaction is idle")),
    chain=(
        ("{each}", "waits for the answer of", ""),
        ("session {id}", "waits for a lock held by", "{waiting_statement}"),
        ("session {holder_id}", "waits for its client to go on", "{idle_statement}"),
    ),
    phrases={
        "others": Either("others", " {others_wait} for one of them, or for a connection."),
        "how": Either(
            "one_by_one",
            "Each of them holds up one other: most likely a thread changed a row in its transaction, and now wants it over a second connection.",
            "Most likely a thread changed a row in its transaction, and now wants it over a second connection; or it ended without a commit.",
        ),
        "reading": "{waiters} for answers of sessions that wait for a lock",
        "waiting": "session {id} waits for a lock ({event})",
        "idle": "session {holder_id} is idle in a transaction{age}",
        "own": "{local} is a socket of this process",
    },
)


def findings(case: Case, view: ProcessView) -> Iterator[Finding]:
    """One for a process that holds itself up."""
    found = own_hold(case, view)
    if found is not None:
        yield _finding(case, view, found)


def _finding(case: Case, view: ProcessView, found: OwnHold) -> Finding:
    far, victim = case.far_side(view), found.victims[0]
    root = far.root_of(victim.session)
    holder = next(one for one in found.holders if one.session is root)
    driver = {member.activity.library for member in found.readers}
    lasting = all((one.session.state_age or one.session.transaction_age or 0) >= LASTING for one in found.holders)
    sure = lasting and driver <= view.known.databases
    text = TEXT.filled(
        view.process,
        server=server_of(holder.session),
        waiters=plural(len(found.readers), "thread waits", "threads wait"),
        each=say("each of {threads}", threads=plural(len(found.readers), "thread")) if len(found.readers) > 1 else quoted(found.readers[0]),
        several=len(found.holders) > 1,
        victims=plural(len(found.victims), "connection waits", "connections wait"),
        victims_count=len(found.victims),
        connections=plural(len(found.holders), "connection"),
        one_by_one=found.one_by_one,
        session=session_in_words(holder.session),
        local=str(holder.connection.local) if holder.connection is not None else "",
        age=age_in_words(holder.session),
        idle_for=seconds_in_words(holder.session),
        id=victim.session.id,
        event=victim.session.waits_on or "?",
        waiting_statement=victim.session.statement or "",
        holder_id=holder.session.id,
        idle_statement=holder.session.statement or "",
        kill=kill_of(holder.session),
        frame=blamed(found.readers),
        sure=sure,
        others=found.others,
        others_wait=plural(len(found.others), "more thread waits", "more threads wait"),
        outsiders=joined(", ", (say("“{name}”", name=member.thread.label) for member in found.outsiders[:3])) if found.outsiders else "",
    )
    reading, waiting = of_threads(found.readers, text["reading"]), of_session(victim.session, text["waiting"])
    idle = of_session(holder.session, text["idle"])
    own = [of_sockets([holder.connection], text["own"], (str(holder.connection.local),))] if holder.connection is not None else []
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if sure and not found.outsiders else Confidence.LIKELY,
        evidence=(reading, waiting, *of_block(far, victim, holder.session), idle, *own),
        chain=text.steps((reading,), (waiting,), (idle,)),
        absent=(Kind.THREADS,),
        culprit=Culprit(frame=blamed(found.readers), remote=str(holder.connection.remote) if holder.connection is not None else None),
        loop=True,
    )
