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

from analyzer.contention.leases import Shortage, shortages
from analyzer.evidence.multiples import looked_for
from analyzer.families import lent_connections
from analyzer.families.closed_leases import closed_leases, nobody_reads, of_reads
from analyzer.families.http_leases import is_own, judged, states_in_words
from analyzer.join.connections import close_wait
from analyzer.model.finding import Confidence, Finding, Outlook, RecoversWhen, When
from analyzer.model.message import say
from analyzer.model.need import Need
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from analyzer.software.knowledge import HTTP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final = ("self-call-starvation", "mutual-call-starvation", "slow-backend", "java-deadlock")
OUTLOOK: Final = Outlook(
    RecoversWhen.RESTART, say("Nobody gives the lent connections back; a timeout of the wait only turns it into an error.")
)
CLEAN: Final = say("no pool of request threads waits for a connection of an HTTP client")
TEXT: Final = Text(
    "http-pool-exhausted",
    headline="{count} wait for a connection of {software}{from_site}: {holder}.",
    explanation="{count} wait for a connection of {software}, called from {site}.{where_they_are}{clients}",
    do=(
        Do(When.NOW, "Look at {remote}: why does it not answer?", on="users"),
        Do(When.FIX, "Set connect and read timeouts (socketTimeout, responseTimeout) on the client that {place} uses.", on="users"),
        Do(
            When.NOW,
            "Restart: no lent connection comes back by itself. Before that save a heap dump: it shows who still refers to the responses.",
            "jcmd {pid} GC.heap_dump leases.hprof",
            on="unused",
        ),
        Do(
            When.FIX,
            "Close every response in every path (try-with-resources, or EntityUtils.consume), also for error statuses and unread bodies. Begin with {site} and whatever else calls {remote}: the frame that waits may be a victim.",
            on="unused",
        ),
        Do(
            When.PREVENT,
            "Set {patience}, so that a wait ends in an error that names the pool; size {limit} on purpose; evict idle and expired connections.",
        ),
    ),
    figures=(("{users_count:,}", "threads that read over the pool"),),
    ask=(
        Ask(
            "socket table with owners",
            "which connections are lent, and whether their services have closed them",
            "ss -tanpoei > ss.txt",
            on="unseen",
        ),
        Ask("larger pool, for a trial", "whether the own calls then hold every request thread", "{raise_limit}", on="trial"),
        Ask("lease log of the client", "who took a connection and did not give it back", "{switch_on}", on="unused"),
    ),
    chain=(("{pool_name}", "waits for a connection of", "{count}, in {site}"), ("the {software} pool", "has none left", "{holder}")),
    phrases={
        "holder": Either(
            "users",
            ByNumber(
                "users_count", "{threads} in {place} has them and waits for answers", "{threads} in {place} have them and wait for answers"
            ),
            Either(
                "gone",
                "{gone}",
                Either(
                    "unread",
                    "no thread of the dump reads from a service (0 in {read_in}), so whoever took the lent ones did not give them back",
                    Either("out_of_sight", "who has the lent ones is not among the threads that are here", "{unused_ones}"),
                ),
            ),
        ),
        "from_site": Either("gone", ", called from {site}"),
        "unused_ones": Either(
            "rows",
            ByNumber(
                "rows_count",
                "{connections} to {remote} is lent, and nobody uses it",
                "{connections} to {remote} are lent, and nobody uses them",
            ),
            "nobody uses the lent ones",
        ),
        "where_they_are": Either(
            "users",
            "{opened} {threads} read over the pool, called from {place}: {slow}.",
            Either("gone", "{explained} It does not heal by itself; {patience} only turns the wait into an error.", "{nobody_reads}"),
        ),
        "nobody_reads": Either(
            "unread",
            "{opened} No call is under way, so the service is not what they wait for. A path that leaves without closing the response (another status, an exception) keeps its connection for ever, and a larger pool only lasts longer.",
            Either(
                "out_of_sight",
                "{opened} Who has the connections is not among the threads that are here: calls without an answer, or responses that were never closed.",
                "{opened}{hung_up} No thread{that_is_here} reads over the pool: the responses were never closed, so nothing ever comes back to it. It does not heal by itself; {patience} only turns the wait into an error.",
            ),
        ),
        "opened": Either("rows", " {connections} to {remote} ({states})."),
        "hung_up": Either("closed", " The service has closed {closed} of them."),
        "slow": Either(
            "own",
            "this is the server's own port, where no thread is left to answer",
            "the service is slow, and it heals when it answers",
        ),
        "used": "{threads} read over the pool: these hold a connection each",
        "lent": "{connections} to {remote} ({states})",
        "inferred": "A socket table does not say which pool a connection belongs to. That it is this one rests on the absence of others.",
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pool that a crowd waits for."""
    for shortage in shortages(case, HTTP):
        yield _finding(shortage)


def _finding(shortage: Shortage) -> Finding:
    lender, users, rows = shortage.lender, shortage.users, shortage.rows
    gone, unread = closed_leases(shortage), nobody_reads(shortage)
    confidence, why = gone.judged(shortage.doubts) if gone is not None else judged(shortage, rows)
    outlook = lent_connections.answers_outlook(own=is_own(shortage, rows)) if users else None
    text = TEXT.filled(
        shortage.view.process,
        **lent_connections.words(shortage),
        **lent_connections.users(shortage),
        out_of_sight=shortage.few and close_wait(rows).total < max(1, len(rows)),  # what the service has closed nobody reads any more
        states=states_in_words(rows),
        closed=close_wait(rows).total,
        own=is_own(shortage, rows),
        gone=gone.words if gone is not None else None,
        unread=unread,
        read_in=looked_for(unread.command or "") if unread is not None else None,
        explained=gone.explained if gone is not None else None,
        unseen=not rows and confidence is not Confidence.CERTAIN,
        trial=users and confidence is Confidence.SUSPECTED,
        raise_limit=say("raise {limit}", limit=lender.limit),
        switch_on=say("switch on {watch}", watch=lender.watch),
    )
    held = tuple(lent_connections.shown(shortage, text, tuple(str(row.remote) for row in rows[:1]), text["inferred"]))
    return lent_connections.finding(
        shortage, text, (confidence, why), (*held, *(gone.evidence if gone else of_reads(unread))), shortage.frame, outlook
    )
