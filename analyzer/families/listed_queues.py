"""What the statistics of a proxy or a pooler tell alone: clients wait for a place, and all places are taken. Why they are not given back, the list does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.evidence.pooled_transactions import POOLER, idle_behind, is_full_pool
from analyzer.evidence.queues import name_of, queue_in_words
from analyzer.families.listed_sessions import LIST_ALONE
from analyzer.model.finding import Confidence, Culprit, Doubt, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Ask, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.evidence.pooled_transactions import Behind
    from analyzer.waits.case import Case
    from parsers.records import ProxyLoad

SLOW, QUICK = 1.0, 0.05
"""Seconds for an answer from which on a server is slow, and to make a connection up to which the network is not."""
LONG: Final = 10.0
"""Seconds from which on no short transactions of others are waited for."""
TEXT: Final = Text(
    "queued-at-proxy",
    headline=Either(
        "pool",
        Either(
            "resting",
            "{clients} wait at PgBouncer for a connection of {name}{longest}: it has given away all {current:,}, and {resting:,} sessions of the database are idle in a transaction, which are most likely these.",
            "{clients} wait at PgBouncer for a connection of {name}{longest}: all {current:,} that it has are given to other clients.",
        ),
        "{requests} wait in HAProxy's queue of {name}: all of {whose} {limit:,} places are taken{slow}.",
    ),
    explanation=Either(
        "pool",
        Either(
            "resting",
            "A connection comes back when its transaction ends. In {resting:,} the client has begun one and sends nothing: it does something else meanwhile, as a call to another service, or has forgotten it. The full pool is what follows from that. Sessions that came past the pooler are counted alike; their addresses tell.",
            Either(
                "session",
                "In session mode a client keeps its connection until it leaves, even while it does nothing: {current:,} clients that stay, as the pools of applications do, keep all others out, and the database may be idle meanwhile. Long statements look the same: the list of the database's sessions tells.",
                "A connection comes back at the end of a transaction: long statements, transactions that are kept open, and a pool that is too small for its clients look the same. The list of the database's sessions tells.",
            ),
        ),
        "The proxy lets only so many requests through at once. Servers that answer slowly, and a limit that is too low, fill the queue alike.",
    ),
    why=Either(
        "lasts",
        "The list says so itself: the oldest has waited for long, and no connection is free.",
        "The list is of one moment: a burst looks the same.",
    ),
    do=(
        Do(When.NOW, "See what the sessions behind the pool do: idle, a long statement, or an open transaction?", "{look}", on="unknown"),
        Do(
            When.NOW,
            "See whose transactions these are: since when, from which address, and the last statement of each.",
            "{look}",
            on="resting",
        ),
        Do(
            When.FIX,
            "Commit or roll back before anything slow: no call to another service, and no waiting, inside a transaction. A larger pool would only fill as well.",
            on="resting",
        ),
        Do(When.PREVENT, "Set a timeout on idle transactions (idle_in_transaction_session_timeout).", on="resting"),
        Do(When.NOW, "Look how long the servers take for the requests that they serve, and what their threads wait for.", on="proxy"),
        Do(
            When.FIX,
            "Where the application can bear it use transaction mode; else let the pools of all applications together have no more connections than pool_size.",
            on="session",
        ),
        Do(When.FIX, "End what keeps the connections; only then weigh a larger pool_size against what the database can bear.", on="shared"),
        Do(When.FIX, "Make what is slow behind the proxy fast; more places only help if the servers can bear more.", on="proxy"),
    ),
    figures=(("{queued:,}", "waiting in the queue"), ("{current:,}", "places taken")),
    ask=(Ask("the database's list of sessions", "what the sessions behind the pool do", "{look}", on="pool"),),
    chain=(("{who}", "waits for a place at", "{name}"), ("{name}", "has none left", "")),
    phrases={
        "longest": Either("seconds", ", the longest for {seconds:.0f} s"),
        "whose": Either("several", "its {several} servers'", "its"),
        "slow": Either("answers", ", and an answer takes {answers:.1f} s{connected}"),
        "connected": Either("quick", " while a connection to the servers is made at once"),
    },
)
_CLIENTS: Final = Outlook(RecoversWhen.CAUSE, say("The queue moves when the clients end their transactions."))
_LOOK: Final = 'psql -c "SELECT pid, state, xact_start, state_change, client_addr, client_port, query FROM pg_stat_activity" > sessions.txt'


def suspicions(case: Case) -> Iterator[Finding]:
    """One for the longest queue that all places are taken for."""
    last = next((one for one in reversed(case.incident.snapshots) if one.loads), None)
    full = [load for load in last.loads if _is_full(load)] if last is not None else []
    if full:
        most = max(full, key=lambda load: load.queued or 0)
        servers = [load for load in full if load.proxy == most.proxy and load.software == most.software != "PgBouncer"]
        behind = idle_behind(case)
        yield _finding(most, servers, behind if behind is not None and behind.load is most else None)


def _is_full(load: ProxyLoad) -> bool:
    """True if somebody waits though no place is left; of a pooler only for longer than a burst."""
    if not load.queued or not load.current:
        return False
    if load.software == POOLER:
        return is_full_pool(load)
    return load.server not in {"FRONTEND", "BACKEND"} and bool(load.limit) and load.current >= (load.limit or 0)


def _finding(load: ProxyLoad, servers: Sequence[ProxyLoad], behind: Behind | None) -> Finding:
    pool, session = load.software == POOLER, load.mode == "session"
    queued = sum(one.queued or 0 for one in servers) or load.queued or 0
    lasts = pool and (load.waits or 0.0) >= LONG
    text = TEXT.filled(
        None,
        pool=pool,
        proxy=not pool,
        session=pool and session and behind is None,
        shared=pool and not session and behind is None,
        unknown=pool and behind is None,
        resting=behind.number if behind is not None else 0,
        lasts=lasts,
        clients=plural(load.queued or 0, "client"),
        requests=plural(queued, "request"),
        queued=queued,
        current=sum(one.current or 0 for one in servers) or load.current or 0,
        limit=sum(one.limit or 0 for one in servers),
        several=len(servers) if len(servers) > 1 else "",
        answers=load.answers if (load.answers or 0.0) >= SLOW else None,
        quick=load.connects is not None and load.connects <= QUICK,
        name=load.proxy if len(servers) > 1 else name_of(load),
        seconds=load.waits,
        who=say("the clients of {software}", software=load.software),
        look=_LOOK,
    )
    sure = Confidence.LIKELY if lasts else Confidence.SUSPECTED
    shown = (
        Evidence(load.where, queue_in_words(load), (str(load.queued),)),
        *(
            (Evidence(behind.row.where, say("{sessions} idle in a transaction", sessions=plural(behind.row.count, "session")), ()),)
            if behind is not None
            else ()
        ),
    )
    made = text.finding(
        severity=Severity.WARNING,
        confidence=sure,
        evidence=shown,
        chain=text.steps(shown, ()),
        culprit=Culprit(library=load.software),
        doubts=(Doubt(LIST_ALONE, say("no socket ties the sessions to a process"), sure),),
    )
    return replace(made, outlook=_CLIENTS) if behind is not None else made
