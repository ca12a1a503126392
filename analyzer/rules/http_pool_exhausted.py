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

from analyzer.contention.blocked_group import common_frame, judge, place
from analyzer.contention.leases import Shortage, shortages
from analyzer.evidence.citations import of_sockets, of_threads
from analyzer.join.connections import close_wait, states
from analyzer.model.finding import Action, Confidence, Evidence, Finding, Missing, Outlook, RecoversWhen, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Text
from analyzer.software.knowledge import HTTP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final = ("self-call-starvation", "mutual-call-starvation", "slow-backend", "java-deadlock")
OUTLOOK: Final = Outlook(
    RecoversWhen.RESTART, say("Nobody gives the lent connections back; a timeout of the wait only turns it into an error.")
)
CLEAN: Final = say("no pool of request threads waits for a connection of an HTTP client")
TEXT: Final = Text(
    "http-pool-exhausted",
    headline="{count} wait for a connection of {software}: {holder}.",
    explanation="{count} wait for a connection of {software}, called from {site}.{where_they_are}{clients}",
    figures=(("{users_count:,}", "threads that read over the pool"),),
    chain=(("{pool_name}", "waits for a connection of", "{count}, in {site}"), ("the {software} pool", "has none left", "{holder}")),
)


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
    text = TEXT.filled(
        shortage.view.process,
        count=shortage.count,
        software=lender.software,
        holder=_holder(shortage, rows),
        site=shortage.site,
        where_they_are=_where_they_are(shortage, rows),
        clients=shortage.clients,
        users_count=len(users),
        pool_name=shortage.pool.name,
    )
    return text.finding(
        severity=shortage.severity,
        confidence=confidence,
        evidence=(waiting, *_evidence(shortage, rows), *shortage.written, *shortage.client_evidence),
        why_confident=why,
        actions=_actions(shortage, str(remote) if remote is not None else say("the service")),
        figures=(*shortage.figures, *text.figures, *(((f"{len(rows):,}", say("connections to {remote}", remote=remote)),) if rows else ())),
        missing=_missing(shortage, rows, confidence),
        chain=(*shortage.before, *text.steps((waiting,), _evidence(shortage, rows))),
        culprit=shortage.culprit(frame, remote=remote, library=lender.software),
        outlook=_outlook(shortage, rows),
    )


def _judge(shortage: Shortage, rows: tuple[Connection, ...]) -> tuple[Confidence, str]:
    doubts = list(shortage.doubts)
    if shortage.users:
        if not rows:
            doubts.append(say("the socket table does not show which service the holders wait for"))
        proof = say("The stacks show who waits for a connection and who reads over one.")
        if _own(shortage, rows):
            return judge(
                doubts, proof, other_cause=say("they read the server's own port: self-call-starvation may be what empties the pool")
            )
        return judge(doubts, proof)
    if not rows:
        proof = say("The stacks show the wait; nobody reads over the pool.")
        if shortage.connections:
            return judge(
                [*doubts, say("the process is connected to several services, and which one the pool is full of is not clear")], proof
            )
        if shortage.view.sockets and not shortage.view.coverage.sockets:
            return judge(doubts, proof, other_cause=say("no connection is open that could be lent"))
        return judge([*doubts, say("without a socket table the lent connections are not seen")], proof)
    if shortage.busy:
        count = len(shortage.busy)
        doubts.append(
            say(
                "{threads} that {does} something else may still work on a response",
                threads=plural(count, "thread"),
                does="does" if count == 1 else "do",
            )
        )
    return judge(
        doubts,
        say(
            "Two independent artifacts: the stacks show the wait and nobody who reads, the sockets {connections} ({states}) that an idle pool would have lent.",
            connections=plural(len(rows), "connection"),
            states=_states(rows),
        ),
    )


def _own(shortage: Shortage, rows: tuple[Connection, ...]) -> bool:
    """True if the connections lead back to this process."""
    return any(pair.near in rows for pair in shortage.view.pairs)


def _states(rows: tuple[Connection, ...]) -> str:
    return joined(", ", (say("{count} {state}", count=count, state=state) for state, count in states(rows).items()))


def _holder(shortage: Shortage, rows: tuple[Connection, ...]) -> str:
    users = len(shortage.users)
    if users:
        return say(
            "{threads} in {place} {has} them and {waits} for answers",
            threads=plural(users, "thread"),
            place=place(common_frame(shortage.users)),
            has="has" if users == 1 else "have",
            waits=say("waits") if users == 1 else say("wait"),
        )
    if rows:
        return say(
            "{connections} to {remote} {is_} lent, and nobody uses {it}",
            connections=plural(len(rows), "connection"),
            remote=rows[0].remote,
            is_="is" if len(rows) == 1 else "are",
            it="it" if len(rows) == 1 else "them",
        )
    return say("nobody uses the lent ones")


def _where_they_are(shortage: Shortage, rows: tuple[Connection, ...]) -> str:
    users = len(shortage.users)
    opened = (
        say(
            " {connections} to {remote} ({states}).",
            connections=plural(len(rows), "connection"),
            remote=rows[0].remote,
            states=_states(rows),
        )
        if rows
        else ""
    )
    if users:
        own = _own(shortage, rows)
        slow = (
            say("this is the server's own port, where no thread is left to answer")
            if own
            else say("the service is slow, and it heals when it answers")
        )
        return say(
            "{opened} {threads} read over the pool, called from {place}: {slow}.",
            opened=opened,
            threads=plural(users, "thread"),
            place=place(common_frame(shortage.users)),
            slow=slow,
        )
    closed = close_wait(rows).total
    hung_up = say(" The service has closed {closed} of them.", closed=closed) if closed else ""
    return say(
        "{opened}{hung_up} No thread reads over the pool: the responses were never closed, so nothing ever comes back to it. It does not heal by itself; {patience} only turns the wait into an error.",
        opened=opened,
        hung_up=hung_up,
        patience=shortage.lender.patience,
    )


def _outlook(shortage: Shortage, rows: tuple[Connection, ...]) -> Outlook | None:
    """None: what the rule says, for connections that nobody uses."""
    if not shortage.users:
        return None
    if _own(shortage, rows):
        return Outlook(
            RecoversWhen.UNKNOWN,
            say(
                "The calls that hold the connections wait for a thread of this server: only a timeout of theirs would end it, or a restart."
            ),
        )
    return Outlook(RecoversWhen.CAUSE, say("A connection comes back with each answer of the service."))


def _evidence(shortage: Shortage, rows: tuple[Connection, ...]) -> tuple[Evidence, ...]:
    found = []
    if shortage.users:
        found.append(
            of_threads(
                shortage.users,
                say("{threads} read over the pool: these hold a connection each", threads=plural(len(shortage.users), "thread")),
            )
        )
    if rows:
        inferred = say(
            "A socket table does not say which pool a connection belongs to. That it is this one rests on the absence of others."
        )
        found.append(
            of_sockets(
                rows,
                say(
                    "{connections} to {remote} ({states})",
                    connections=plural(len(rows), "connection"),
                    remote=rows[0].remote,
                    states=_states(rows),
                ),
                (str(rows[0].remote),),
                inferred,
            )
        )
    return tuple(found)


def _actions(shortage: Shortage, remote: str) -> tuple[Action, ...]:
    lender = shortage.lender
    prevent = Action(
        When.PREVENT,
        say(
            "Set {patience}, so that a wait ends in an error that names the pool; size {limit} on purpose; evict idle and expired connections.",
            patience=lender.patience,
            limit=lender.limit,
        ),
    )
    if shortage.users:
        return (
            Action(When.NOW, say("Look at {remote}: why does it not answer?", remote=remote)),
            Action(
                When.FIX,
                say(
                    "Set connect and read timeouts (socketTimeout, responseTimeout) on the client that {place} uses.",
                    place=place(common_frame(shortage.users)),
                ),
            ),
            prevent,
        )
    return (
        Action(
            When.NOW,
            say(
                "Restart: no lent connection comes back by itself. Before that save a heap dump: it shows who still refers to the responses."
            ),
            f"jcmd {shortage.pid} GC.heap_dump leases.hprof",
        ),
        Action(
            When.FIX,
            say(
                "Close every response in every path (try-with-resources, or EntityUtils.consume), also for error statuses and unread bodies. Begin with {site} and whatever else calls {remote}: the frame that waits may be a victim.",
                site=shortage.site,
                remote=remote,
            ),
        ),
        prevent,
    )


def _missing(shortage: Shortage, rows: tuple[Connection, ...], confidence: Confidence) -> tuple[Missing, ...]:
    found = []
    if not rows and confidence is not Confidence.CERTAIN:
        found.append(
            Missing(
                say("socket table with owners"),
                say("which connections are lent, and whether their services have closed them"),
                "ss -tanpoei > ss.txt",
            )
        )
    if confidence is Confidence.SUSPECTED and shortage.users:
        found.append(
            Missing(
                say("larger pool, for a trial"),
                say("whether the own calls then hold every request thread"),
                say("raise {limit}", limit=shortage.lender.limit),
            )
        )
    if not shortage.users:
        found.append(
            Missing(
                say("lease log of the client"),
                say("who took a connection and did not give it back"),
                say("switch on {watch}", watch=shortage.lender.watch),
            )
        )
    return (*found, *shortage.second_dump)
