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

from analyzer.evidence.sessions import DATABASE_CAUSES
from analyzer.families import chosen_calls, driver_reads, standing_calls
from analyzer.families import remote_service as remote
from analyzer.families.driver_reads import setting_of
from analyzer.model.finding import Action, Finding, Outlook, RecoversWhen, When
from analyzer.model.message import say
from analyzer.model.need import Need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case, ServerPool
    from analyzer.waits.targets import Target

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final = ("virtual-thread-pinning", *DATABASE_CAUSES)
OUTLOOK: Final = Outlook(
    RecoversWhen.CAUSE,
    say("The threads are free when the database answers; without a socket timeout a lost answer holds its thread for ever."),
)
CLEAN: Final = say("the request threads are not all in a driver's read")


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per server pool that waits in a driver."""
    for serving, target in remote.waiting(case, driver=True):
        yield remote.finding(case, serving, target, WORDS)
    yield from driver_reads.suspicions(case)
    yield from chosen_calls.suspicions(case, "database-read-hang", driver=True)
    yield from standing_calls.suspicions(case, "database-read-hang", driver=True)


def _actions(serving: ServerPool, target: Target) -> tuple[Action, ...]:
    library = serving.callers[0].activity.library or say("the driver")
    frame = say(" in {culprit}", culprit=serving.culprit) if serving.culprit else ""
    if serving.callers[0].activity.library not in serving.view.known.databases:
        limits = serving.view.known.limits_of(library)
        return _of_service(target, say("{library} ({limits})", library=library, limits=limits) if limits else library, frame)
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
                setting=setting_of(library),
                frame=frame,
            ),
        ),
        Action(
            When.PREVENT,
            say("Switch on TCP keepalive for these connections, and bound how many request threads may wait for the database at once."),
        ),
    )


def _of_service(target: Target, library: str, frame: str) -> tuple[Action, ...]:
    """What to do about a service with a client of its own that runs no statements: a directory, a broker."""
    return (
        Action(
            When.NOW,
            say("Look at {remote}: is it there, does it know these connections, and what does it do for them?", remote=target.remote),
        ),
        Action(
            When.FIX,
            say("Set a connect and a read timeout for {library}{frame}.", library=library, frame=frame),
        ),
        Action(
            When.PREVENT,
            say(
                "Bound how many request threads may wait for {remote} at once, and drop connections that rest for longer than a firewall on the way keeps them.",
                remote=target.remote,
            ),
        ),
    )


WORDS: Final = remote.ServiceText("database-read-hang", say("database or service"), _actions)
