"""Threads wait for the database because somebody keeps a lock: a transaction that is open and does nothing, or runs on and on.

Looks for: sessions of this process that wait for a lock, and the one session that holds them all up in the end: another program's, or one of the process'
own that is idle in a transaction or runs a long statement.

Why it matters: the database is well and cannot help. Each lock wait keeps a connection of the pool; when all are taken, the whole service stands.

Do next: find the owner of the named session: its program, its host, since when. End it if nobody answers; its transaction is rolled back.

Wrong when: the lists are older than the dump. A waiter ahead in the queue is no holder: only sessions that wait for nobody count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.cross_system import loops
from analyzer.evidence.citations import of_threads
from analyzer.evidence.sessions import age_in_words, kill_of, of_block, of_session, seconds_in_words, server_of, session_in_words
from analyzer.model.finding import Action, Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, Step, When
from analyzer.model.message import plural, say, say_of
from analyzer.model.need import Need
from analyzer.model.text import ByNumber, Either, Text
from analyzer.software.blockers import application_frame
from parsers.records import SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.far_side import FarSide, Joined
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Session

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
    figures=(("{victims_count:,}", "connections waiting for the lock"), ("{idle_for}", "the holder's transaction")),
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process and holder."""
    for view in case.latest:
        far = case.far_side(view)
        groups: dict[str, tuple[Session, list[Joined]]] = {}
        told = {loop.holder.id for loop in loops(case, view)}  # a loop is more than a holder that may go on
        for joined in far.joined:
            if joined.connection is None or joined.session.state is not SessionState.LOCKED:
                continue
            if (root := far.root_of(joined.session)) is not None and root.id not in told:
                groups.setdefault(root.id, (root, []))[1].append(joined)
        for _, (root, victims) in sorted(groups.items()):
            yield _finding(view, far, root, victims)


def _finding(view: ProcessView, far: FarSide, root: Session, victims: Sequence[Joined]) -> Finding:
    threads = far.waiting_on(victims)
    ours = far.joined_of(root).connection
    doing = _doing(root)
    waits = of_session(
        victims[0].session,
        say("session {id} waits for a lock ({event})", id=victims[0].session.id, event=victims[0].session.waits_on or "?"),
    )
    holds = of_session(root, say("{session} {doing}", session=session_in_words(root), doing=doing))
    told = far.holders.get((victims[0].session.server, victims[0].session.id))
    evidence: list[Evidence] = [waits, *of_block(far, victims[0], root), holds]
    if threads:
        evidence.insert(
            0,
            of_threads(
                threads,
                say_of(
                    len(threads),
                    "{threads} waits for sessions that wait for a lock",
                    "{threads} wait for sessions that wait for a lock",
                    threads=plural(len(threads), "thread"),
                ),
            ),
        )
    frame = application_frame(*threads[0]) if threads else None
    who = say("of this process, on {local}", local=ours.local) if ours is not None else say("not of this process")
    text = TEXT.filled(
        view.process,
        victims=plural(len(victims), "connection"),
        server=server_of(root),
        session=session_in_words(root),
        doing=doing,
        who=who,
        statement=say(" Its last statement: {statement}.", statement=root.statement) if root.statement else "",
        told=told,
        victims_count=len(victims),
        idle_for=seconds_in_words(root),
    )
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if told else Confidence.LIKELY,
        evidence=tuple(evidence),
        actions=_actions(root, ours=ours is not None),
        chain=_chain(victims, root, threads, (waits, holds)),
        culprit=Culprit(
            frame=str(frame) if frame else None,
            remote=str(root.client) if root.client is not None and ours is None else None,
            lock=victims[0].session.waits_on,
        ),
    )


def _doing(root: Session) -> str:
    if root.state in {SessionState.IN_TRANSACTION, SessionState.IDLE}:
        return say("is idle in a transaction{age}", age=age_in_words(root))
    return say("runs a statement{age}", age=age_in_words(root))


def _chain(
    victims: Sequence[Joined], root: Session, threads: Sequence[ThreadActivity], evidence: tuple[Evidence, Evidence]
) -> tuple[Step, ...]:
    first = say("“{name}”", name=threads[0].thread.label) if threads else say("this process")
    return (
        Step(first, say("waits for the answer of"), plural(len(threads), "thread") if threads else ""),
        Step(
            say("session {id}", id=victims[0].session.id), say("waits for a lock held by"), victims[0].session.statement or "", evidence[:1]
        ),
        Step(session_in_words(root), _doing(root), root.statement or "", evidence[1:]),
    )


def _actions(root: Session, *, ours: bool) -> tuple[Action, ...]:
    kill = kill_of(root)
    fix = (
        say("Commit or roll back before anything slow: no remote call, no waiting, inside a transaction.")
        if ours
        else say("Let the program behind {session} commit before it waits, or give it rows of its own.", session=session_in_words(root))
    )
    return (
        Action(
            When.NOW, say("Ask the owner of {session}, or end it: its transaction is rolled back.", session=session_in_words(root)), kill
        ),
        Action(When.FIX, fix),
        Action(When.PREVENT, say("Set a timeout on idle transactions and on lock waits.")),
    )
