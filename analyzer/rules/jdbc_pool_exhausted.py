"""Every connection of a JDBC pool is lent, and the threads wait for one to come back.

Looks for: threads that wait in a connection pool (HikariCP, DBCP, Tomcat JDBC, c3p0, Druid, IronJacamar, WebLogic), who has the connections
meanwhile, and how many are open to the database. Threads in the driver hold theirs: the statements are slow. If no thread uses any,
they were not given back, or are kept during something else.

Why it matters: requests that need no more than one short statement wait behind whatever keeps the connections, and the server looks dead
while its database is idle.

Do next: if threads stand in the driver, look at what their statements wait for in the database. If none does, switch on the pool's leak detection:
who leaked is in no dump. A larger pool only moves the moment.

Wrong when: the pool has no connection at all because the database cannot be reached (then nothing is open), the waiters themselves hold
connections (nested-connection-lease), or one dump caught a burst that the pool was about to serve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.correlate.crowds import common_frame, judge, place
from analyzer.correlate.knowledge import JDBC
from analyzer.correlate.leases import Shortage, shortages
from analyzer.correlate.stalls import COUNT_TOLERANCE
from analyzer.correlate.witness import of_sockets, of_threads, plural
from analyzer.finding import Action, Confidence, Evidence, Finding, Heals, Missing, Outlook, Step, When
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.correlate import Case
    from analyzer.correlate.sockets import Connection

NEEDS: Final = ("threads",)
CONSEQUENCE_OF: Final = ("nested-connection-lease", "database-read-hang", "java-deadlock")
OUTLOOK: Final = Outlook(Heals.RESTART, "Nobody gives the lent connections back; a time limit of the wait only turns it into an error.")
CLEAN: Final = "no pool of request threads waits for a database connection"


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pool that a crowd waits for."""
    for shortage in shortages(case, JDBC):
        if shortage.noteworthy:
            yield _finding(shortage)


def _finding(shortage: Shortage) -> Finding:
    lender, users = shortage.lender, shortage.users
    remote, rows = shortage.service, shortage.rows
    confidence, why = _judge(shortage, rows)
    frame = common_frame(users) or shortage.frame
    waiting = shortage.waiting
    return Finding(
        rule="jdbc-pool-exhausted",
        severity=shortage.severity,
        confidence=confidence,
        headline=f"{shortage.count} wait for a database connection: {_holder(shortage, rows)}.",
        explanation=f"{shortage.count} wait for a connection of {lender.software}, called from {shortage.site}.{_where_they_are(shortage, rows)}{shortage.clients}{_outlook(shortage, rows)}",
        why_confident=why,
        evidence=(waiting, *_evidence(shortage, rows), *shortage.client_evidence),
        process=shortage.view.process,
        culprit=shortage.culprit(frame, remote=remote, library=lender.software),
        outlook=Outlook(Heals.CAUSE, "A connection comes back when a statement ends.") if shortage.users else None,
        chain=(
            *shortage.before,
            Step(shortage.pool.name, "waits for a connection of", f"{shortage.count}, in {shortage.site}", (waiting,)),
            Step(f"the {lender.software} pool", "has none left", _holder(shortage, rows), _evidence(shortage, rows)),
        ),
        actions=_actions(shortage),
        figures=(
            *shortage.figures,
            (f"{len(users):,}", "threads that use a connection"),
            *(((f"{len(rows):,}", f"connections to {remote}"),) if rows else ()),
        ),
        missing=_missing(shortage, rows, confidence),
    )


def _matches(shortage: Shortage, rows: tuple[Connection, ...]) -> bool:
    """True if as many connections are open as threads use one."""
    users = len(shortage.users)
    return abs(len(rows) - users) <= max(1, COUNT_TOLERANCE * users)


def _judge(shortage: Shortage, rows: tuple[Connection, ...]) -> tuple[Confidence, str]:
    doubts = list(shortage.doubts)
    users = len(shortage.users)
    if users:
        proof = f"The stacks show both who waits and who holds; {plural(len(rows), 'connection')} to the database for {plural(users, 'thread')} in the driver."
        if not _matches(shortage, rows):
            doubts.append("the socket table does not show as many connections as threads that use one")
        return judge(doubts, proof)
    if shortage.nested:
        return judge([*doubts, "that the waiters hold connections is a conclusion"], "No other thread uses a connection.")
    if not rows:
        proof = "The stacks show the wait; nobody stands in the driver."
        if shortage.view.sockets:
            return judge(doubts, proof, other_cause="no connection to a database is open that could be lent: the pool may fail to make any")
        return judge(doubts, proof, other_cause="without a socket table a pool that cannot connect at all looks the same")
    if shortage.busy:
        doubts.append(
            f"{plural(len(shortage.busy), 'thread')} that {'does' if len(shortage.busy) == 1 else 'do'} something else may hold some"
        )
    return judge(doubts, f"The stacks show the wait, no thread uses a connection, and yet {plural(len(rows), 'is', 'are')} open.")


def _holder(shortage: Shortage, rows: tuple[Connection, ...]) -> str:
    users = len(shortage.users)
    if users:
        return f"{plural(users, 'thread')} in {place(common_frame(shortage.users))} {'has' if users == 1 else 'have'} them"
    if shortage.nested:
        return f"{len(shortage.nested)} of the waiters have them"
    if rows:
        return f"all {len(rows)} are lent, and no thread uses any"
    return "no thread uses one"


def _where_they_are(shortage: Shortage, rows: tuple[Connection, ...]) -> str:
    users = len(shortage.users)
    opened = f" {plural(len(rows), 'connection')} to {rows[0].remote} {'is' if len(rows) == 1 else 'are'} open." if rows else ""
    if users:
        return f" {plural(users, 'thread')} hold theirs: they stand in the {shortage.users[0].activity.library}, called from {place(common_frame(shortage.users))}.{opened}"
    if shortage.nested:
        return f"{opened} No thread is in the driver: {len(shortage.nested)} of the waiters hold a connection already."
    if rows and shortage.busy:
        doing = f"{plural(len(shortage.busy), 'thread')} in {place(common_frame(shortage.busy))}"
        return f"{opened} No thread is in the driver. {doing} may keep a connection meanwhile (a transaction around a call); if not, they were not given back."
    if rows:
        return f"{opened} No thread is in the driver: the connections were not given back. The frame that waits is a victim."
    if shortage.view.sockets:
        return " No connection to a database is open at all: the pool may have lost them and fail to make new ones."
    return " No thread is in the driver: the connections were not given back, or the pool cannot make any."


def _outlook(shortage: Shortage, rows: tuple[Connection, ...]) -> str:
    if shortage.users:
        return " It heals when those statements end."
    return f" It does not heal by itself; {shortage.lender.patience} only turns the wait into an error." if rows else ""


def _evidence(shortage: Shortage, rows: tuple[Connection, ...]) -> tuple[Evidence, ...]:
    found = []
    if shortage.users:
        found.append(of_threads(shortage.users, f"{plural(len(shortage.users), 'thread')} in the driver: these hold a connection each"))
    if rows:
        established = sum(one.state is TcpState.ESTABLISHED for one in rows)
        found.append(of_sockets(rows, f"{plural(len(rows), 'connection')} to the database, {established} of them established"))
    if shortage.busy and not shortage.users and not shortage.nested:
        found.append(
            of_threads(
                shortage.busy,
                f"{plural(len(shortage.busy), 'thread')} {'does' if len(shortage.busy) == 1 else 'do'} something else and may hold a connection",
            )
        )
    return tuple(found)


def _actions(shortage: Shortage) -> tuple[Action, ...]:
    lender = shortage.lender
    frame = place(common_frame(shortage.users) or shortage.frame)
    if shortage.users:
        now = Action(
            When.NOW, f"Look in the database what the sessions of {frame} wait for (a lock, a plan, the disk); ending them frees the pool."
        )
        fix = Action(
            When.FIX, f"Make the statement in {frame} short, and give it a time limit (setQueryTimeout, the driver's socketTimeout)."
        )
    else:
        now = Action(
            When.NOW,
            "Restart, or evict the pool's connections; before that save a heap dump: it shows who still refers to them.",
            f"jcmd {shortage.pid} GC.heap_dump leases.hprof",
        )
        fix = Action(
            When.FIX,
            f"Switch on {lender.watch}: it names who took a connection and kept it. Close connections in every path (try-with-resources).",
        )
    return (
        now,
        fix,
        Action(When.PREVENT, f"Set {lender.patience} to a few seconds, so that a wait ends in an error that names the pool; size {lender.limit} by what the database can serve, not by the number of request threads."),
    )  # fmt: skip


def _missing(shortage: Shortage, rows: tuple[Connection, ...], confidence: Confidence) -> tuple[Missing, ...]:
    found = []
    if not rows and confidence is not Confidence.CERTAIN:
        found.append(Missing("socket table with owners", "how many connections to the database are open, if any", "ss -tanpoei > ss.txt"))
    if not shortage.users and not shortage.nested:
        found.append(Missing("leak report of the pool", "who took a connection and did not give it back", f"set {shortage.lender.watch}"))
    return (*found, *shortage.second_dump)
