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

from analyzer.contention.blocked_group import common_frame, judge, place
from analyzer.contention.leases import Shortage, shortages
from analyzer.evidence.citations import of_sockets, of_threads
from analyzer.model.finding import Action, Confidence, Evidence, Finding, Missing, Outlook, RecoversWhen, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Either, Text
from analyzer.software.knowledge import JDBC
from analyzer.waits.targets import COUNT_TOLERANCE
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final = ("nested-connection-lease", "database-read-hang", "java-deadlock")
OUTLOOK: Final = Outlook(
    RecoversWhen.RESTART, say("Nobody gives the lent connections back; a timeout of the wait only turns it into an error.")
)
CLEAN: Final = say("no pool of request threads waits for a database connection")
TEXT: Final = Text(
    "jdbc-pool-exhausted",
    headline="{count} wait for a database connection: {holder}.",
    explanation="{count} wait for a connection of {software}, called from {site}.{where_they_are}{clients}{outlook}",
    figures=(("{users_count:,}", "threads that use a connection"),),
    chain=(("{pool_name}", "waits for a connection of", "{count}, in {site}"), ("the {software} pool", "has none left", "{holder}")),
    phrases={
        "outlook": Either(
            "outlook",
            " It heals when those statements end.",
            Either("rows", " It does not heal by itself; {patience} only turns the wait into an error."),
        )
    },
)


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
    text = TEXT.filled(
        shortage.view.process,
        count=shortage.count,
        holder=_holder(shortage, rows),
        software=lender.software,
        site=shortage.site,
        where_they_are=_where_they_are(shortage, rows),
        clients=shortage.clients,
        outlook=shortage.users,
        rows=rows,
        patience=shortage.lender.patience,
        users_count=len(users),
        pool_name=shortage.pool.name,
    )
    return text.finding(
        severity=shortage.severity,
        confidence=confidence,
        evidence=(waiting, *_evidence(shortage, rows), *shortage.written, *shortage.client_evidence),
        why_confident=why,
        actions=_actions(shortage),
        figures=(*shortage.figures, *text.figures, *(((f"{len(rows):,}", say("connections to {remote}", remote=remote)),) if rows else ())),
        missing=_missing(shortage, rows, confidence),
        chain=(*shortage.before, *text.steps((waiting,), _evidence(shortage, rows))),
        culprit=shortage.culprit(frame, remote=remote, library=lender.software),
        outlook=Outlook(RecoversWhen.CAUSE, say("A connection comes back when a statement ends.")) if shortage.users else None,
    )


def _matches(shortage: Shortage, rows: tuple[Connection, ...]) -> bool:
    """True if as many connections are open as threads use one."""
    users = len(shortage.users)
    return abs(len(rows) - users) <= max(1, COUNT_TOLERANCE * users)


def _judge(shortage: Shortage, rows: tuple[Connection, ...]) -> tuple[Confidence, str]:
    doubts = list(shortage.doubts)
    users = len(shortage.users)
    if users:
        proof = say(
            "The stacks show both who waits and who holds; {connections} to the database for {threads} in the driver.",
            connections=plural(len(rows), "connection"),
            threads=plural(users, "thread"),
        )
        if not _matches(shortage, rows):
            doubts.append(say("the socket table does not show as many connections as threads that use one"))
        return judge(doubts, proof)
    if shortage.nested:
        return judge([*doubts, say("that the waiters hold connections is a conclusion")], say("No other thread uses a connection."))
    if not rows:
        proof = say("The stacks show the wait; nobody is in the driver.")
        if shortage.view.sockets and (gaps := shortage.view.coverage.sockets):
            return judge(
                doubts, proof, other_cause=say("the connections to the database may be among those not shown: {reason}", reason=gaps[0])
            )
        if shortage.view.sockets:
            return judge(
                doubts, proof, other_cause=say("no connection to a database is open that could be lent: the pool may fail to make any")
            )
        return judge(doubts, proof, other_cause=say("without a socket table a pool that cannot connect at all looks the same"))
    if shortage.busy:
        doubts.append(
            say(
                "{threads} that {does} something else may hold some",
                threads=plural(len(shortage.busy), "thread"),
                does="does" if len(shortage.busy) == 1 else "do",
            )
        )
    return judge(
        doubts, say("The stacks show the wait, no thread uses a connection, and yet {iss} open.", iss=plural(len(rows), "is", "are"))
    )


def _holder(shortage: Shortage, rows: tuple[Connection, ...]) -> str:
    users = len(shortage.users)
    if users:
        return say(
            "{threads} in {place} {has} them",
            threads=plural(users, "thread"),
            place=place(common_frame(shortage.users)),
            has="has" if users == 1 else "have",
        )
    if shortage.nested:
        return say("{nested_count} of the waiters have them", nested_count=len(shortage.nested))
    if rows:
        return say("all {rows_count} are lent, and no thread uses any", rows_count=len(rows))
    return say("no thread uses one")


def _where_they_are(shortage: Shortage, rows: tuple[Connection, ...]) -> str:
    users = len(shortage.users)
    opened = (
        say(
            " {connections} to {remote} {is_} open.",
            connections=plural(len(rows), "connection"),
            remote=rows[0].remote,
            is_="is" if len(rows) == 1 else "are",
        )
        if rows
        else ""
    )
    if users:
        return say(
            " {threads} hold theirs: they are in the {library}, called from {place}.{opened}",
            threads=plural(users, "thread"),
            library=shortage.users[0].activity.library,
            place=place(common_frame(shortage.users)),
            opened=opened,
        )
    if shortage.nested:
        return say(
            "{opened} No thread is in the driver: {nested_count} of the waiters hold a connection already.",
            opened=opened,
            nested_count=len(shortage.nested),
        )
    if rows and shortage.busy:
        doing = say("{threads} in {place}", threads=plural(len(shortage.busy), "thread"), place=place(common_frame(shortage.busy)))
        return say(
            "{opened} No thread is in the driver. {doing} may keep a connection meanwhile (a transaction around a call); if not, they were not given back.",
            opened=opened,
            doing=doing,
        )
    if rows:
        return say(
            "{opened} No thread is in the driver: the connections were not given back. The frame that waits is a victim.", opened=opened
        )
    if shortage.view.sockets and not shortage.view.coverage.sockets:
        return say(" No connection to a database is open at all: the pool may have lost them and fail to make new ones.")
    return say(" No thread is in the driver: the connections were not given back, or the pool cannot make any.")


def _evidence(shortage: Shortage, rows: tuple[Connection, ...]) -> tuple[Evidence, ...]:
    found = []
    if shortage.users:
        found.append(
            of_threads(
                shortage.users, say("{threads} in the driver: these hold a connection each", threads=plural(len(shortage.users), "thread"))
            )
        )
    if rows:
        established = sum(one.state is TcpState.ESTABLISHED for one in rows)
        found.append(
            of_sockets(
                rows,
                say(
                    "{connections} to the database, {established} of them established",
                    connections=plural(len(rows), "connection"),
                    established=established,
                ),
            )
        )
    if shortage.busy and not shortage.users and not shortage.nested:
        found.append(
            of_threads(
                shortage.busy,
                say(
                    "{threads} {does} something else and may hold a connection",
                    threads=plural(len(shortage.busy), "thread"),
                    does="does" if len(shortage.busy) == 1 else "do",
                ),
            )
        )
    return tuple(found)


def _actions(shortage: Shortage) -> tuple[Action, ...]:
    lender = shortage.lender
    frame = place(common_frame(shortage.users) or shortage.frame)
    if shortage.users:
        now = Action(
            When.NOW,
            say(
                "Look in the database what the sessions of {frame} wait for (a lock, a plan, the disk); ending them frees the pool.",
                frame=frame,
            ),
        )
        fix = Action(
            When.FIX,
            say("Make the statement in {frame} short, and give it a timeout (setQueryTimeout, the driver's socketTimeout).", frame=frame),
        )
    else:
        now = Action(
            When.NOW,
            say("Restart, or evict the pool's connections; before that save a heap dump: it shows who still refers to them."),
            f"jcmd {shortage.pid} GC.heap_dump leases.hprof",
        )
        fix = Action(
            When.FIX,
            say(
                "Switch on {watch}: it names who took a connection and kept it. Close connections in every path (try-with-resources).",
                watch=lender.watch,
            ),
        )
    return (
        now,
        fix,
        Action(
            When.PREVENT,
            say(
                "Set {patience} to a few seconds, so that a wait ends in an error that names the pool; size {limit} by what the database can serve, not by the number of request threads.",
                patience=lender.patience,
                limit=lender.limit,
            ),
        ),
    )


def _missing(shortage: Shortage, rows: tuple[Connection, ...], confidence: Confidence) -> tuple[Missing, ...]:
    found = []
    if not rows and confidence is not Confidence.CERTAIN:
        found.append(
            Missing(say("socket table with owners"), say("how many connections to the database are open, if any"), "ss -tanpoei > ss.txt")
        )
    if not shortage.users and not shortage.nested:
        found.append(
            Missing(
                say("leak report of the pool"),
                say("who took a connection and did not give it back"),
                say("set {watch}", watch=shortage.lender.watch),
            )
        )
    return (*found, *shortage.second_dump)
