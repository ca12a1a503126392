"""A deadlock of which one half is in the process and the other half in the database: neither side sees it.

Looks for: a thread that waits for the answer of a session which waits for a lock; the session that holds this lock is another connection of the same
process, idle inside a transaction; and every thread that could own that connection waits for the first thread, over a lock or for a connection of the
same pool.

Why it matters: the database reports no deadlock because its holder waits for nothing there. The VM reports none because its waiter stands in a read. No
time limit ends it unless one is set on the statement or on idle transactions.

Do next: end the idle session in the database, which rolls its transaction back. Then take no lock of the process, and no second connection, inside a
transaction.

Wrong when: the list of sessions is older than the dump, or the holder's thread is one that the dump does not show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.cross_system import Loop, loops
from analyzer.evidence.citations import of_sockets, of_threads
from analyzer.evidence.sessions import age_in_words, kill_of, of_block, of_session, seconds_in_words, server_of, session_in_words
from analyzer.model.finding import Action, Confidence, Culprit, Finding, Kind, Outlook, RecoversWhen, Severity, Step, When
from analyzer.model.message import capitalized, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Either, Text
from analyzer.software.blockers import application_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.RESTART,
    say("Each half waits for the other, in two systems that cannot see it: it ends when the idle session or the process is ended."),
)
CLEAN: Final = say("no session that waits for a lock is held up by another connection of the same process")
TEXT: Final = Text(
    "cross-system-deadlock",
    headline="“{name}” waits for a lock in {server} that another connection of the same process holds, and every thread that could end it waits for “{name}”.",
    explanation="“{name}” waits for session {waiter}, which waits for {holder}. That is the connection on {local} of this same process, idle in a transaction{age}. {owners} Neither {server} nor the process can see this loop.",
    figures=(("{idle_for}", "the transaction is idle"),),
    phrases={
        "probably": Either("one", " It is probably that of “{owner}”: the others wait in a method in which “{name}” is further on."),
        "own": "{local} is a socket of this process",
        "waiting": "session {id} waits for a lock ({event})",
        "reading": "“{name}” waits for the answer of session {id}",
        "owners": Either(
            "owners",
            "{threads} could own it and go on, and all wait for “{name}”.{probably}",
            "No thread of the process is left that could go on with it.",
        ),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process: the first loop, which holds all the others."""
    for view in case.latest:
        loop = next(loops(case, view), None) if view.dump is not None else None
        if loop is not None:
            yield _finding(case, view, loop)


def _finding(case: Case, view: ProcessView, loop: Loop) -> Finding:
    far = case.far_side(view)
    server, name, held = server_of(loop.holder), loop.reader.thread.label, str(loop.connection.local)
    text = TEXT.filled(
        view.process,
        name=name,
        server=server,
        waiter=loop.waiter.session.id,
        holder=session_in_words(loop.holder),
        local=held,
        age=age_in_words(loop.holder),
        owners=loop.owners,
        threads=capitalized(plural(len(loop.owners), "thread")),
        one=len(loop.probable) == 1 < len(loop.owners),
        owner=loop.probable[0].thread.label if loop.probable else "",
        idle_for=seconds_in_words(loop.holder),
        id=loop.waiter.session.id,
        event=loop.waiter.session.waits_on or "?",
    )
    exact = loop.waiter.connection is not None and far.is_exact(loop.waiter.connection)
    reading = of_threads([loop.reader], text["reading"])
    waiting = of_session(loop.waiter.session, text["waiting"])
    idle = of_session(loop.holder, say("session {id} is idle in a transaction{age}", id=loop.holder.id, age=age_in_words(loop.holder)))
    own = of_sockets([loop.connection], text["own"], (held,))
    evidence = [reading, waiting, *of_block(far, loop.waiter, loop.holder), idle, own]
    frame = application_frame(*loop.probable[0]) if loop.probable else None
    if loop.owners:
        evidence.append(
            of_threads(
                loop.owners, say("{threads} could own it, and all wait for “{name}”", threads=plural(len(loop.owners), "thread"), name=name)
            )
        )
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if exact and not loop.outsiders else Confidence.LIKELY,
        evidence=tuple(evidence),
        why_confident=_why(loop)
        if exact
        else say("The port ties each session to its socket. Which thread waits on which socket is inferred: only one reads."),
        actions=_actions(loop),
        chain=(
            Step(f"“{name}”", say("waits for the answer of"), "", (reading,)),
            Step(
                say("session {id}", id=loop.waiter.session.id),
                say("waits for a lock held by"),
                loop.waiter.session.statement or "",
                (waiting,),
            ),
            Step(say("session {id}", id=loop.holder.id), say("waits for its client to go on"), loop.holder.statement or "", (idle,)),
            Step(
                _holder_in_words(loop),
                say("waits for a lock held by"),
                "",
                tuple(evidence[-1:]),
            ),
        ),
        absent=(Kind.THREADS,),
        culprit=Culprit(
            thread=loop.probable[0].thread.label if len(loop.probable) == 1 else None,
            frame=str(frame) if frame else None,
            remote=str(loop.connection.remote),
        ),
        loop=True,
    )


def _holder_in_words(loop: Loop) -> str:
    """Whose connection it is, as far as it is told."""
    if not loop.probable:
        return say("nobody")
    if len(loop.probable) > 1:
        return say("one of {threads}", threads=plural(len(loop.probable), "thread"))
    return say("“{name}”", name=loop.probable[0].thread.label)


def _why(loop: Loop) -> str:
    if not loop.outsiders:
        return say("The port ties each session to its socket, and no thread is left that could end the transaction.")
    names = ", ".join(f"“{member.thread.label}”" for member in loop.outsiders[:3])
    return say(
        "The port ties each session to its socket. Not certain, because {names} runs other code and might own the idle connection.",
        names=names,
    )


def _actions(loop: Loop) -> tuple[Action, ...]:
    kill = kill_of(loop.holder)
    return (
        Action(When.NOW, say("End the idle session: its transaction is rolled back, and the others go on."), kill),
        Action(
            When.FIX,
            say(
                "Take no lock of the process and no second connection inside a transaction; or take the lock before the transaction begins."
            ),
        ),
        Action(
            When.PREVENT,
            say("Set a timeout on idle transactions (idle_in_transaction_session_timeout) and on lock waits (lock_timeout)."),
        ),
    )
