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

from analyzer.correlate import remote
from analyzer.finding import Action, When

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.correlate import Case, Stall
    from analyzer.correlate.stalls import Target
    from analyzer.finding import Finding

NEEDS: Final = ("threads", "sockets")
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
CLEAN: Final = "the request threads do not all stand in a driver's read"


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per server pool that waits in a driver."""
    for stall, target in remote.waiting(case, driver=True):
        yield remote.finding(stall, target, WORDS)


def _actions(stall: Stall, target: Target) -> tuple[Action, ...]:
    library = stall.callers[0].activity.library or "the driver"
    frame = f" in {stall.culprit}" if stall.culprit else ""
    return (
        Action(
            When.NOW,
            f"Look at {target.remote}: which statements run there, who blocks them, is the host there at all? Ending those sessions frees the threads.",
        ),
        Action(
            When.FIX,
            f"Set a socket time limit for the {library} (socketTimeout, oracle.jdbc.ReadTimeout) and a time limit for the statement{frame}.",
        ),
        Action(
            When.PREVENT,
            "Switch on TCP keepalive for these connections, and bound how many request threads may wait for the database at once.",
        ),
    )


WORDS: Final = remote.Words("database-read-hang", "database or service", _actions)
