"""Every connection of an HTTP client's pool is lent, and the threads wait for one to come back.

Looks for: threads that wait in the connection pool of Apache HttpClient 3, 4 or 5, and the connections of that pool in the socket table. When
nobody reads from them, the responses were never closed: the service closes its side meanwhile, so they stand in CLOSE_WAIT, as many
as the pool may have towards one route.

Why it matters: the pool never gets them back. Without a time limit for the lease every request that calls this service waits for ever,
although the service is well.

Do next: close every response in every path, also when its status is an error and its body is not wanted; set connectionRequestTimeout. If
threads do read over the pool, the service is slow: give it a read time limit.

Wrong when: the connections are idle members of a pool that lends them as soon as somebody asks (then nobody waits), or one dump caught a
burst. The default limits of two connections for a route (five in HttpClient 5) make short waits ordinary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.correlate.crowds import common_frame, judge, place
from analyzer.correlate.knowledge import HTTP
from analyzer.correlate.leases import Shortage, shortages
from analyzer.correlate.sockets import close_wait, states
from analyzer.correlate.witness import of_sockets, of_threads, plural
from analyzer.finding import Action, Confidence, Evidence, Finding, Heals, Missing, Outlook, Step, When

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.correlate import Case
    from analyzer.correlate.sockets import Connection

NEEDS: Final = ("threads",)
CONSEQUENCE_OF: Final = ("self-call-starvation", "mutual-call-starvation", "slow-backend", "java-deadlock")
OUTLOOK: Final = Outlook(Heals.RESTART, "Nobody gives the lent connections back; a time limit of the wait only turns it into an error.")
CLEAN: Final = "no pool of request threads waits for a connection of an HTTP client"


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pool that a crowd waits for."""
    for shortage in shortages(case, HTTP):
        if shortage.noteworthy:
            yield _finding(shortage)


def _finding(shortage: Shortage) -> Finding:
    lender, users = shortage.lender, shortage.users
    remote, rows = shortage.service, shortage.rows
    confidence, why = _judge(shortage, rows)
    frame = shortage.frame
    waiting = shortage.waiting
    return Finding(
        rule="http-pool-exhausted",
        severity=shortage.severity,
        confidence=confidence,
        headline=f"{shortage.count} wait for a connection of {lender.software}: {_holder(shortage, rows)}.",
        explanation=f"{shortage.count} wait for a connection of {lender.software}, called from {shortage.site}.{_where_they_are(shortage, rows)}{shortage.clients}",
        why_confident=why,
        evidence=(waiting, *_evidence(shortage, rows), *shortage.client_evidence),
        process=shortage.view.process,
        culprit=shortage.culprit(frame, remote=remote, library=lender.software),
        outlook=_outlook(shortage, rows),
        chain=(
            *shortage.before,
            Step(shortage.pool.name, "waits for a connection of", f"{shortage.count}, in {shortage.site}", (waiting,)),
            Step(f"the {lender.software} pool", "has none left", _holder(shortage, rows), _evidence(shortage, rows)),
        ),
        actions=_actions(shortage, str(remote) if remote is not None else "the service"),
        figures=(
            *shortage.figures,
            (f"{len(users):,}", "threads that read over the pool"),
            *(((f"{len(rows):,}", f"connections to {remote}"),) if rows else ()),
        ),
        missing=_missing(shortage, rows, confidence),
    )


def _judge(shortage: Shortage, rows: tuple[Connection, ...]) -> tuple[Confidence, str]:
    doubts = list(shortage.doubts)
    if shortage.users:
        if not rows:
            doubts.append("the socket table does not show which service the holders wait for")
        proof = "The stacks show who waits for a connection and who reads over one."
        if _own(shortage, rows):
            return judge(doubts, proof, other_cause="they read the server's own port: self-call-starvation may be what empties the pool")
        return judge(doubts, proof)
    if not rows:
        proof = "The stacks show the wait; nobody reads over the pool."
        if shortage.connections:
            return judge([*doubts, "the process is connected to several services, and which one the pool is full of is not clear"], proof)
        if shortage.view.sockets:
            return judge(doubts, proof, other_cause="no connection is open that could be lent")
        return judge([*doubts, "without a socket table the lent connections are not seen"], proof)
    if shortage.busy:
        count = len(shortage.busy)
        doubts.append(f"{plural(count, 'thread')} that {'does' if count == 1 else 'do'} something else may still work on a response")
    return judge(
        doubts,
        f"Two independent artifacts: the stacks show the wait and nobody who reads, the sockets {plural(len(rows), 'connection')} ({_states(rows)}) that an idle pool would have lent.",
    )


def _own(shortage: Shortage, rows: tuple[Connection, ...]) -> bool:
    """True if the connections lead back to this process."""
    return any(pair.near in rows for pair in shortage.view.pairs)


def _states(rows: tuple[Connection, ...]) -> str:
    return ", ".join(f"{count} {state}" for state, count in states(rows).items())


def _holder(shortage: Shortage, rows: tuple[Connection, ...]) -> str:
    users = len(shortage.users)
    if users:
        return f"{plural(users, 'thread')} in {place(common_frame(shortage.users))} {'has' if users == 1 else 'have'} them and {'waits' if users == 1 else 'wait'} for answers"
    if rows:
        return f"{plural(len(rows), 'connection')} to {rows[0].remote} {'is' if len(rows) == 1 else 'are'} lent, and nobody uses {'it' if len(rows) == 1 else 'them'}"
    return "nobody uses the lent ones"


def _where_they_are(shortage: Shortage, rows: tuple[Connection, ...]) -> str:
    users = len(shortage.users)
    opened = f" {plural(len(rows), 'connection')} to {rows[0].remote} ({_states(rows)})." if rows else ""
    if users:
        own = _own(shortage, rows)
        slow = (
            "this is the server's own port, where no thread is left to answer"
            if own
            else "the service is slow, and it heals when it answers"
        )
        return f"{opened} {plural(users, 'thread')} read over the pool, called from {place(common_frame(shortage.users))}: {slow}."
    closed = close_wait(rows).total
    hung_up = f" The service has closed {closed} of them." if closed else ""
    return (
        f"{opened}{hung_up} No thread reads over the pool: the responses were never closed, so nothing ever comes back to it. It does not"
        f" heal by itself; {shortage.lender.patience} only turns the wait into an error."
    )


def _outlook(shortage: Shortage, rows: tuple[Connection, ...]) -> Outlook | None:
    """None: what the rule says, for connections that nobody uses."""
    if not shortage.users:
        return None
    if _own(shortage, rows):
        return Outlook(
            Heals.UNKNOWN,
            "The calls that hold the connections wait for a thread of this server: only a time limit of theirs would end it, or a restart.",
        )
    return Outlook(Heals.CAUSE, "A connection comes back with each answer of the service.")


def _evidence(shortage: Shortage, rows: tuple[Connection, ...]) -> tuple[Evidence, ...]:
    found = []
    if shortage.users:
        found.append(
            of_threads(shortage.users, f"{plural(len(shortage.users), 'thread')} read over the pool: these hold a connection each")
        )
    if rows:
        inferred = "A socket table does not say which pool a connection belongs to. That it is this one rests on the absence of others."
        found.append(
            of_sockets(rows, f"{plural(len(rows), 'connection')} to {rows[0].remote} ({_states(rows)})", (str(rows[0].remote),), inferred)
        )
    return tuple(found)


def _actions(shortage: Shortage, remote: str) -> tuple[Action, ...]:
    lender = shortage.lender
    prevent = Action(
        When.PREVENT,
        f"Set {lender.patience}, so that a wait ends in an error that names the pool; size {lender.limit} on purpose; evict idle and expired connections.",
    )
    if shortage.users:
        return (
            Action(When.NOW, f"Look at {remote}: why does it not answer?"),
            Action(
                When.FIX,
                f"Set connect and read time limits (socketTimeout, responseTimeout) on the client that {place(common_frame(shortage.users))} uses.",
            ),
            prevent,
        )
    return (
        Action(When.NOW, "Restart: no lent connection comes back by itself. Before that save a heap dump: it shows who still refers to the responses.", f"jcmd {shortage.pid} GC.heap_dump leases.hprof"),
        Action(When.FIX, f"Close every response in every path (try-with-resources, or EntityUtils.consume), also for error statuses and unread bodies. Begin with {shortage.site} and whatever else calls {remote}: the frame that waits may be a victim."),
        prevent,
    )  # fmt: skip


def _missing(shortage: Shortage, rows: tuple[Connection, ...], confidence: Confidence) -> tuple[Missing, ...]:
    found = []
    if not rows and confidence is not Confidence.CERTAIN:
        found.append(
            Missing(
                "socket table with owners",
                "which connections are lent, and whether their services have closed them",
                "ss -tanpoei > ss.txt",
            )
        )
    if confidence is Confidence.SUSPECTED and shortage.users:
        found.append(
            Missing("larger pool, for a trial", "whether the own calls then hold every request thread", f"raise {shortage.lender.limit}")
        )
    if not shortage.users:
        found.append(
            Missing("lease log of the client", "who took a connection and did not give it back", f"switch on {shortage.lender.watch}")
        )
    return (*found, *shortage.second_dump)
