"""A statement runs long: threads wait for the database, and the database works.

Looks for: a session of this process that is active for seconds and waits for no lock, with a thread that waits for its answer.

Why it matters: the pool's connections are busy with it; others wait for them. More connections only add to the load.

Do next: look at the plan of the named statement, at the size of what it reads, and at the database's own load.

Wrong when: the list is of another moment than the dump: a second list shows whether the same statement still runs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_threads
from analyzer.evidence.sessions import of_session, server_of, session_in_words
from analyzer.join.far_side import RUNS
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from analyzer.software.blockers import application_frame
from parsers.records import SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.far_side import FarSide, Joined
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Session

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final = ("lock-held-by-idle-transaction", "cross-system-deadlock")
OUTLOOK: Final = Outlook(RecoversWhen.LOAD, say("Each thread goes on when its statement ends; the next such statement takes as long."))
CLEAN: Final = say("no session of the process has run a statement for long, as far as sessions were listed")
_LOCKS_ROWS: Final = re.compile(
    r"\A\s*(?:update|delete|insert|replace)\b|\bfor\s+(?:update|share)\b|\block\s+in\s+share\s+mode", re.IGNORECASE
)
LONG: Final = 5.0
"""Seconds from which on a statement of a service is long: its callers' patience is mostly between 5 and 60 seconds."""
TEXT: Final = Text(
    "slow-statement",
    headline=ByNumber(
        "threads_count",
        "{threads} waits for statements that {server} still runs, the oldest for {seconds:.0f} s.",
        "{threads} wait for statements that {server} still runs, the oldest for {seconds:.0f} s.",
    ),
    explanation="{server} works on {statements} of this process{no_lock}.{statement}",
    why=Either(
        "doubt",
        "The port ties the session to the thread's socket. But a process list shows a statement that waits for a row lock as one that runs: only InnoDB's lists of locks tell.",
        "The port ties the session to the thread's socket. One list cannot show whether the statement ends.",
    ),
    ask=(
        Ask(
            "InnoDB's lock waits, while the statement runs",
            "whether it waits for a row lock, and who holds it",
            "mysql -e 'SELECT * FROM sys.innodb_lock_waits\\G' > innodb_lock_waits.txt",
            on="doubt",
        ),
    ),
    do=(
        Do(When.NOW, "Look at the statement's plan and at the load of {server}."),
        Do(When.FIX, "Make the statement cheaper (an index, fewer rows), and give it a timeout (statement_timeout, max_execution_time)."),
    ),
    figures=(("{runs_for}", "the oldest statement runs"),),
    chain=(("{thread}", "waits for an answer of", ""), ("{server}", "runs a statement", "{oldest_statement}")),
    phrases={
        "running": "session {id} is active for {seconds:.0f} s{no_lock}",
        "no_lock": Either("doubt", "", " and waits for no lock"),
        "reading": ByNumber("threads_count", "{threads} waits for answers of {server}", "{threads} wait for answers of {server}"),
        "statement": Either("statement", " The oldest, of {session}: {text}."),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process and server."""
    for view in case.latest:
        far = case.far_side(view)
        slow = [
            one
            for one in far.joined
            if one.connection is not None
            and one.session.server in RUNS
            and one.session.state is SessionState.ACTIVE
            and (one.session.state_age or 0) >= LONG
            and (one.session.server, one.session.id) not in far.holders
        ]
        if far.waiting_on(slow):
            yield _finding(view, far, slow)


def _may_wait(far: FarSide, session: Session) -> bool:
    """True for a statement that takes row locks in a list that does not show waits for these, where no other list does."""
    if session.server != "mysql" or session.own_link is not None or far.holders:
        return False
    return session.statement is None or _LOCKS_ROWS.search(session.statement) is not None


def _finding(view: ProcessView, far: FarSide, slow: Sequence[Joined]) -> Finding:
    oldest = max(slow, key=lambda one: one.session.state_age or 0).session
    threads = far.waiting_on(slow)
    server, frame = server_of(oldest), application_frame(*threads[0])
    seconds = oldest.state_age or 0
    doubt = _may_wait(far, oldest)
    text = TEXT.filled(
        view.process,
        threads_count=len(threads),
        threads=plural(len(threads), "thread"),
        server=server,
        seconds=seconds,
        statements=plural(len(slow), "statement"),
        statement=oldest.statement,
        session=session_in_words(oldest),
        text=oldest.statement,
        runs_for=f"{seconds:.0f} s",
        thread=f"“{threads[0].thread.label}”",
        oldest_statement=oldest.statement or "",
        id=oldest.id,
        doubt=doubt,
    )
    reading = of_threads(threads, text["reading"])
    running = of_session(oldest, text["running"])
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED if doubt else Confidence.LIKELY,
        evidence=(reading, running),
        chain=text.steps((reading,), (running,)),
        culprit=Culprit(frame=str(frame) if frame else None, remote=str(slow[0].connection.remote) if slow[0].connection else None),
    )
