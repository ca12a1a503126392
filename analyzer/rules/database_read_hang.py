"""The request threads wait for a database, or another service with a driver of its own, that does not answer.

Looks for: a server pool without a free thread whose threads stand in a driver's socket read (JDBC, Redis, MongoDB, LDAP …), and as many open
connections to one service as threads wait, with nothing left to read on them.

Why it matters: without a socket time limit a statement that never ends, a lock in the database, or a peer that vanished without a word
holds the thread for ever.

Do next: look at the database: what do these sessions execute, who blocks them? Then set the driver's socketTimeout, a statement time limit, and
TCP keepalive.

Wrong when: the threads wait for a connection from the pool (jdbc-pool-exhausted: then only the holders read), or one dump caught short
statements. A connection with unsent bytes and a running retransmission timer means that the peer is gone, not slow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import SOCKETS_MISSING, chain_of, kind_in_words
from analyzer.evidence.citations import all_of
from analyzer.evidence.sessions import DATABASE_CAUSES
from analyzer.families import chosen_calls, standing_calls
from analyzer.families import remote_service as remote
from analyzer.model.finding import Action, Confidence, Culprit, Finding, Missing, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import say
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case, ServerPool
    from analyzer.waits.targets import Target

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final = DATABASE_CAUSES
SMALLEST_POOL: Final = 4
"""Request threads below which all of them may be in a statement for a moment: one dump then says nothing."""
OUTLOOK: Final = Outlook(
    RecoversWhen.CAUSE,
    say("The threads are free when the database answers; without a socket timeout a lost answer holds its thread for ever."),
)
_SETTINGS: Final = {
    "PostgreSQL driver": "socketTimeout",
    "MySQL driver": "socketTimeout",
    "MariaDB driver": "socketTimeout",
    "SQL Server driver": "socketTimeout",
    "Oracle driver": "oracle.jdbc.ReadTimeout",
    "DB2 driver": "blockingReadConnectionTimeout",
}
"""What each driver calls its socket timeout."""
CLEAN: Final = say("the request threads are not all in a driver's read")
TEXT: Final = Text(
    "database-read-hang",
    headline="{who} wait for the {library}, and no request thread of {name} is free: a database that does not answer, or a busy moment.",
    explanation="{who} are in {kind_in_words} of the {library}{called_from}. One dump does not show whether they move, and no socket table shows the connections. A database that hangs, slow statements, and a busy moment look the same.",
    why="The stacks name the driver; a second dump would tell a hang from a moment, the socket table the service.",
    do=(
        Do(When.NOW, "Take a second dump ten seconds later, and the socket table.", "jstack -l {pid} > jstack-2.txt"),
        Do(When.FIX, "Set a socket timeout for the {library}{setting} and a timeout for its statements."),
    ),
    figures=(("{blocked:,} of {workers:,}", "threads of {name} waiting"),),
    chain=(("the service of the {library}", "does not answer yet", "its address is not in the evidence"),),
    phrases={"called_from": Either("called_from", ", called from {culprit}")},
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per server pool that waits in a driver."""
    for serving, target in remote.waiting(case, driver=True):
        yield remote.finding(case, serving, target, WORDS)
    for serving in case.server_pools:
        if serving.saturated and serving.workers >= SMALLEST_POOL and not serving.targets and remote.is_driver(serving):
            yield _from_threads(serving)
    yield from chosen_calls.suspicions(case, "database-read-hang", driver=True)
    yield from standing_calls.suspicions(case, "database-read-hang", driver=True)


def _from_threads(serving: ServerPool) -> Finding:
    """No socket tells which connections these are: the stacks show the driver, not whether it is a hang or a busy moment."""
    pool, library = serving.pool, serving.callers[0].activity.library or say("a driver")
    pid = serving.view.process.pid
    who = say(
        "{all_of} threads of {name}", all_of=all_of(len(serving.callers), len(serving.calling_pool.workers)), name=serving.calling_pool.name
    )
    text = TEXT.filled(
        serving.view.process,
        who=who,
        library=library,
        name=pool.name,
        kind_in_words=kind_in_words(serving.callers),
        called_from=serving.culprit,
        culprit=serving.culprit,
        setting=_setting(library),
        blocked=serving.blocked,
        workers=serving.workers,
    )
    return text.finding(
        severity=Severity.CRITICAL if serving.pressure.exists else Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        evidence=tuple(evidence for step in chain_of(serving, None) for evidence in step.evidence),
        missing=(
            Missing(
                say("second thread dump, ten seconds later"),
                say("whether the same threads are still in the same reads"),
                f"jstack -l {(pid if pid is not None else 'PID')} > jstack-2.txt",
            ),
            SOCKETS_MISSING,
        ),
        chain=chain_of(serving, *text.steps()),
        culprit=Culprit(pool=pool.name, frame=str(serving.culprit) if serving.culprit else None, library=library),
    )


def _setting(library: str) -> str:
    """What a driver calls its socket timeout; nothing where that is not known."""
    name = _SETTINGS.get(library)
    return say(" ({name})", name=name) if name else ""


def _actions(serving: ServerPool, target: Target) -> tuple[Action, ...]:
    library = serving.callers[0].activity.library or say("the driver")
    frame = say(" in {culprit}", culprit=serving.culprit) if serving.culprit else ""
    return (
        Action(
            When.NOW,
            say(
                "Look at {remote}: which statements run there, who blocks them, is the host there at all? Ending those sessions frees the threads.",
                remote=target.remote,
            ),
        ),
        Action(
            When.FIX,
            say(
                "Set a socket timeout for the {library}{setting} and a timeout for the statement{frame}.",
                library=library,
                setting=_setting(library),
                frame=frame,
            ),
        ),
        Action(
            When.PREVENT,
            say("Switch on TCP keepalive for these connections, and bound how many request threads may wait for the database at once."),
        ),
    )


WORDS: Final = remote.ServiceText("database-read-hang", say("database or service"), _actions)
