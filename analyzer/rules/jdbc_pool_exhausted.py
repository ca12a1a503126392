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
from analyzer.evidence.citations import of_threads
from analyzer.evidence.sessions import DATABASE_CAUSES
from analyzer.families import lent_connections
from analyzer.model.finding import Confidence, Evidence, Finding, Outlook, RecoversWhen, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from analyzer.software.knowledge import JDBC
from analyzer.waits.targets import COUNT_TOLERANCE
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.model.text import Filled
    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final = ("nested-connection-lease", "virtual-thread-pinning", *DATABASE_CAUSES, "database-read-hang", "java-deadlock")
OUTLOOK: Final = Outlook(
    RecoversWhen.RESTART, say("Nobody gives the lent connections back; a timeout of the wait only turns it into an error.")
)
CLEAN: Final = say("no pool of request threads waits for a database connection")
KEPT: Final = Outlook(RecoversWhen.CAUSE, say("A connection comes back when whoever keeps it goes on."))
TEXT: Final = Text(
    "jdbc-pool-exhausted",
    headline="{count} wait{unlimited} for a database connection{since}: {holder}.",
    explanation="{count} wait for a connection of {software}, called from {site}.{where_they_are}{clients}{outlook}",
    do=(
        Do(
            When.NOW,
            "Look in the database what the sessions of {frame} wait for (a lock, a plan, the disk); ending them frees the pool.",
            on="users",
        ),
        Do(
            When.FIX,
            "Make the statement in {frame} short, and give it a timeout (setQueryTimeout, the driver's socketTimeout).",
            on="users",
        ),
        Do(
            When.NOW,
            "Restart, or evict the pool's connections; before that save a heap dump: it shows who still refers to them.",
            "jcmd {pid} GC.heap_dump leases.hprof",
            on="unused_jvm",
        ),
        Do(
            When.FIX,
            "Do what takes long in {kept_at} before the transaction begins or after it has ended, and give it a timeout; a larger pool only moves the moment.",
            on="kept",
        ),
        Do(
            When.FIX,
            "Switch on {watch}: it names who took a connection and kept it. Close connections in every path (try-with-resources).",
            on="unused_jvm",
        ),
        *lent_connections.ELSEWHERE,
        Do(
            When.PREVENT,
            "Set {patience} to a few seconds, so that a wait ends in an error that names the pool; size {limit} by what the database can serve, not by the number of request threads.",
        ),
    ),
    figures=(("{users_count:,}", "threads that use a connection"),),
    ask=(
        Ask("socket table with owners", "how many connections to the database are open, if any", "ss -tanpoei > ss.txt", on="unseen"),
        Ask("leak report of the pool", "who took a connection and did not give it back", "{set_watch}", on="lost"),
    ),
    chain=(("{pool_name}", "waits for a connection of", "{count}, in {site}"), ("the {software} pool", "has none left", "{holder}")),
    phrases={
        **lent_connections.PHRASES,
        "holder": Either(
            "users",
            ByNumber("users_count", "{threads} in {place} has them", "{threads} in {place} have them"),
            Either(
                "nested",
                "{nested_count} of the waiters have them",
                Either(
                    "keeping",
                    "{keeping}",
                    Either("few", "{elsewhere}", Either("rows", "all {rows_count} are lent, and no thread uses any", "no thread uses one")),
                ),
            ),
        ),
        "where_they_are": Either(
            "users",
            " {threads} hold theirs: they are in the {library}, called from {place}.{opened}",
            Either(
                "nested",
                "{opened} No thread is in the driver: {nested_count} of the waiters hold a connection already.",
                Either("few", "{opened} {not_here}", Either("rows", "{not_given_back}", "{none_is_open}")),
            ),
        ),
        "outlook": Either(
            "users",
            " It heals when those statements end.",
            Either(
                "keeping",
                " It heals when they go on.",
                Either("rows", " It does not heal by itself; {patience} only turns the wait into an error."),
            ),
        ),
        "used": "{threads} in the driver: these hold a connection each",
        "doing": "{keepers} in {kept_in}",
        "may_hold": "{may_keep} something else and may hold a connection",
        "lent": "{connections} to the database, {established} of them established",
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pool that a crowd waits for."""
    for shortage in shortages(case, JDBC):
        yield _finding(shortage)


def _finding(shortage: Shortage) -> Finding:
    lender, users, rows, busy = shortage.lender, shortage.users, shortage.rows, shortage.busy
    confidence, why = _judge(shortage, rows)
    frame = common_frame(users) or common_frame(shortage.keeping) or shortage.frame
    text = TEXT.filled(
        shortage.view.process,
        **lent_connections.words(shortage),
        **lent_connections.users(shortage),
        frame=place(frame),
        library=users[0].activity.library if users else None,
        nested=shortage.nested,
        nested_count=len(shortage.nested),
        established=sum(row.state is TcpState.ESTABLISHED for row in rows),
        busy=busy,
        keepers=plural(len(busy), "thread"),
        kept_in=place(common_frame(busy)),
        may_keep=plural(len(busy), "thread does", "threads do"),
        whole_table=shortage.view.sockets and not shortage.view.coverage.sockets,
        unseen=not rows and confidence is not Confidence.CERTAIN,
        lost=not users and not shortage.nested and not shortage.keeping,
        set_watch=say("set {watch}", watch=lender.watch),
    )
    outlook = (
        Outlook(RecoversWhen.CAUSE, say("A connection comes back when a statement ends."))
        if users
        else KEPT
        if shortage.keeping
        else lent_connections.open_outlook(shortage)
    )
    return lent_connections.finding(shortage, text, (confidence, why), _evidence(shortage, text), frame, outlook)


def _evidence(shortage: Shortage, text: Filled) -> tuple[Evidence, ...]:
    busy = () if shortage.users or shortage.nested else shortage.busy
    return (*lent_connections.shown(shortage, text), *((of_threads(busy, text["may_hold"]),) if busy else ()))


def _judge(shortage: Shortage, rows: tuple[Connection, ...]) -> tuple[Confidence, str]:
    doubts = list(shortage.doubts)
    users = len(shortage.users)
    if users:
        proof = say(
            "The stacks show both who waits and who holds; {connections} to the database for {threads} in the driver.",
            connections=plural(len(rows), "connection"),
            threads=plural(users, "thread"),
        )
        if abs(len(rows) - users) > max(1, COUNT_TOLERANCE * users):
            doubts.append(say("the socket table does not show as many connections as threads that use one"))
        return judge(doubts, proof)
    if shortage.nested:
        return judge([*doubts, say("that the waiters hold connections is a conclusion")], say("No other thread uses a connection."))
    if not rows:
        return judge(doubts, say("The stacks show the wait; nobody is in the driver."), other_cause=lent_connections.why_none(shortage))
    if shortage.keeping:
        return judge(
            [*doubts, say("that they have one each is inferred")], say("As many threads are past the wait as connections are open.")
        )
    if shortage.busy:
        keepers = plural(len(shortage.busy), "thread that does something else", "threads that do something else")
        doubts.append(say("{keepers} may hold some", keepers=keepers))
    return judge(
        doubts, say("The stacks show the wait, no thread uses a connection, and yet {iss} open.", iss=plural(len(rows), "is", "are"))
    )
