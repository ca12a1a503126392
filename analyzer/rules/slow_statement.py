"""A statement runs long: threads wait for the database, and the database works.

Looks for: a session of this process that is active for seconds and waits for no lock, with a thread that waits for its answer.

Why it matters: the pool's connections are busy with it; others wait for them. More connections only add to the load.

Do next: look at the plan of the named statement, at the size of what it reads, and at the database's own load.

Wrong when: the list is of another moment than the dump: a second list shows whether the same statement still runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import blamed, of_threads, quoted
from analyzer.evidence.far_sessions import Slow, slow_statements
from analyzer.evidence.sessions import of_session, server_of, session_in_words
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, ByNumber, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final = ("lock-held-by-idle-transaction", "cross-system-deadlock")
OUTLOOK: Final = Outlook(RecoversWhen.LOAD, say("Each thread goes on when its statement ends; the next such statement takes as long."))
CLEAN: Final = say("no session of the process has run a statement for long, as far as sessions were listed")
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
    return map(_finding, slow_statements(case))


def _finding(slow: Slow) -> Finding:
    oldest, seconds = slow.oldest, slow.oldest.state_age or 0
    text = TEXT.filled(
        slow.view.process,
        threads_count=len(slow.threads),
        threads=plural(len(slow.threads), "thread"),
        server=server_of(oldest),
        seconds=seconds,
        statements=plural(len(slow.sessions), "statement"),
        statement=oldest.statement,
        session=session_in_words(oldest),
        text=oldest.statement,
        runs_for=f"{seconds:.0f} s",
        thread=quoted(slow.threads[0]),
        oldest_statement=oldest.statement or "",
        id=oldest.id,
        doubt=slow.may_wait,
    )
    reading = of_threads(slow.threads, text["reading"])
    running = of_session(oldest, text["running"])
    called = slow.sessions[0].connection
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED if slow.may_wait else Confidence.LIKELY,
        evidence=(reading, running),
        chain=text.steps((reading,), (running,)),
        culprit=Culprit(frame=blamed(slow.threads), remote=str(called.remote) if called else None),
    )
