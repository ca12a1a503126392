"""A deadlock of which one half is in the process and the other half in the database: neither side sees it.

Looks for: a thread that waits for the answer of a session which waits for a lock; the session that holds this lock is another connection of the same
process, idle inside a transaction; and every thread that could own that connection waits for the first thread, over a lock or for a connection of the
same pool, or is that thread itself, which wants over a second connection what its first one keeps.

Why it matters: the database reports no deadlock because its holder waits for nothing there. The VM reports none because its waiter stands in a read. No
time limit ends it unless one is set on the statement or on idle transactions.

Do next: end the idle session in the database, which rolls its transaction back. Then take no lock of the process, and no second connection, inside a
transaction.

Wrong when: the list of sessions is older than the dump, or the holder's thread is one that the dump does not show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.contention.cross_system import Loop, loops
from analyzer.evidence.citations import blamed, of_sockets, of_threads
from analyzer.evidence.sessions import age_in_words, kill_of, of_block, of_session, seconds_in_words, server_of, session_in_words
from analyzer.families import own_holds
from analyzer.model.finding import Confidence, Culprit, Finding, Kind, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import capitalized, joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text

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
    why=Either(
        "exact",
        Either(
            "outsiders",
            "The port ties each session to its socket. Not certain, because {outsiders} runs other code and might own the idle connection.",
            "The port ties each session to its socket, and no thread is left that could end the transaction.",
        ),
        "The port ties each session to its socket. Which thread waits on which socket is inferred: only one reads.",
    ),
    do=(
        Do(When.NOW, "End the idle session: its transaction is rolled back, and the others go on.", "{kill}"),
        Do(
            When.FIX,
            "Take no lock of the process and no second connection inside a transaction; or take the lock before the transaction begins.",
        ),
        Do(When.PREVENT, "Set a timeout on idle transactions (idle_in_transaction_session_timeout) and on lock waits (lock_timeout)."),
    ),
    figures=(("{idle_for}", "the transaction is idle"),),
    chain=(
        ("“{name}”", "waits for the answer of", ""),
        ("session {id}", "waits for a lock held by", "{waiting_statement}"),
        ("session {holder_id}", "waits for its client to go on", "{idle_statement}"),
        ("{holding_thread}", "waits for a lock held by", ""),
    ),
    phrases={
        "probably": Either("one", " It is probably that of “{owner}”: the others wait in a method in which “{name}” is further on."),
        "own": "{local} is a socket of this process",
        "waiting": "session {id} waits for a lock ({event})",
        "reading": "“{name}” waits for the answer of session {id}",
        "idle": "session {holder_id} is idle in a transaction{age}",
        "could": "{owning} could own it, and all wait for “{name}”",
        "holding_thread": Either("probable", Either("several", "one of {probable}", "“{owner}”"), "nobody"),
        "owners": Either(
            "owners",
            "{threads} could own it and go on, and all wait for “{name}”.{probably}",
            "No thread of the process is left that could go on with it.",
        ),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process: the first loop, which holds all the others, or what its own transactions hold up."""
    for view in case.latest:
        loop = next(loops(case, view), None) if view.dump is not None else None
        if loop is not None:
            yield _finding(case, view, loop)
        else:
            yield from own_holds.findings(case, view)


def _finding(case: Case, view: ProcessView, loop: Loop) -> Finding:
    far, waiter, holder, probable = case.far_side(view), loop.waiter.session, loop.holder, loop.probable
    held = str(loop.connection.local)
    exact = loop.waiter.connection is not None and far.is_exact(loop.waiter.connection)
    text = TEXT.filled(
        view.process,
        name=loop.reader.thread.label,
        server=server_of(holder),
        waiter=waiter.id,
        id=waiter.id,
        event=waiter.waits_on or "?",
        waiting_statement=waiter.statement or "",
        holder=session_in_words(holder),
        holder_id=holder.id,
        idle_statement=holder.statement or "",
        idle_for=seconds_in_words(holder),
        age=age_in_words(holder),
        kill=kill_of(holder),
        local=held,
        exact=exact,
        outsiders=joined(", ", (f"“{member.thread.label}”" for member in loop.outsiders[:3])) if loop.outsiders else "",
        owners=loop.owners,
        owning=plural(len(loop.owners), "thread"),
        threads=capitalized(plural(len(loop.owners), "thread")),
        one=len(probable) == 1 < len(loop.owners),
        owner=probable[0].thread.label if probable else "",
        probable=plural(len(probable), "thread") if probable else "",
        several=len(probable) > 1,
    )
    reading, waiting = of_threads([loop.reader], text["reading"]), of_session(waiter, text["waiting"])
    idle, own = of_session(holder, text["idle"]), of_sockets([loop.connection], text["own"], (held,))
    could = [of_threads(loop.owners, text["could"])] if loop.owners else []
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if exact and not loop.outsiders else Confidence.LIKELY,
        evidence=(reading, waiting, *of_block(far, loop.waiter, holder), idle, own, *could),
        chain=text.steps((reading,), (waiting,), (idle,), tuple(could or [own])),
        absent=(Kind.THREADS,),
        culprit=Culprit(
            thread=probable[0].thread.label if len(probable) == 1 else None, frame=blamed(probable), remote=str(loop.connection.remote)
        ),
        loop=True,
    )
