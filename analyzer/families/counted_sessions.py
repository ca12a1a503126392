"""Sessions that a query counted by their state: who waits for a lock, and who may hold it. Counts name no session, so that the holder stays a suspicion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.pooled_sessions import kept_by_pools
from analyzer.evidence.pooled_transactions import SERVER, idle_behind, last_counts
from analyzer.evidence.sessions import MOST_NAMED, SERVERS
from analyzer.families.listed_sessions import LIST_ALONE
from analyzer.model.finding import Confidence, Culprit, Doubt, Evidence, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from parsers.records import SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case
    from parsers.records import SessionCount

FEWEST: Final = 3
"""Sessions from which on a wait for a lock, or an idle transaction, is no ordinary moment of a busy database."""
_LISTS: Final = {
    "postgresql": 'psql -c "SELECT pid, state, xact_start, client_addr, client_port, pg_blocking_pids(pid), query FROM pg_stat_activity" > sessions.txt',
    "mysql": "mysql -e 'SHOW FULL PROCESSLIST; SELECT * FROM sys.innodb_lock_waits\\G SELECT * FROM sys.schema_table_lock_waits\\G' > sessions.txt",
}
TEXT: Final = Text(
    "lock-held-by-idle-transaction",
    headline=Either(
        "locked",
        ByNumber(
            "locked",
            "{sessions} of {server} waits for a lock{kinds}{holder}.",
            "{sessions} of {server} wait for a lock{kinds}{holder}.",
        ),
        ByNumber(
            "resting",
            "{idle} of {server} is idle in a transaction: whoever opened it does something else, or has forgotten it.",
            "{idle} of {server} are idle in a transaction: whoever opened them does something else, or has forgotten them.",
        ),
    ),
    explanation="The query counted {list}. {reason} Which sessions these are, and for whom each waits, counts do not say.",
    why="The numbers are the server's own; who holds what is inferred from the states.",
    do=(
        Do(
            When.NOW,
            "List the sessions with who blocks them, and end the one that holds all up, if nobody can ask its owner.",
            "{list_command}",
        ),
        Do(When.FIX, "Commit or roll back before anything slow: no remote call, no waiting, inside a transaction."),
        Do(When.PREVENT, "Set a timeout on idle transactions and on lock waits."),
    ),
    figures=(("{locked_or_none}", "sessions waiting for a lock"), ("{resting_or_none}", "sessions idle in a transaction")),
    ask=(Ask("the database's own list of sessions", "who holds the lock, and whose session it is", "{list_command}"),),
    chain=(
        (Either("locked", "{sessions}", "{idle}"), Either("locked", "wait for a lock", "keep what they locked"), "{waits}"),
        (
            Either("locked", Either("resting", "{idle}", "another session"), "who needs the same rows, or a connection"),
            Either("locked", "may hold it", "waits"),
            "",
        ),
    ),
    phrases={
        "holder": Either(
            "resting",
            ": {idle} in an idle transaction may hold it",
            Either("running", ": who runs a statement meanwhile may hold it"),
        ),
        "reason": Either(
            "locked",
            Either(
                "resting",
                "A transaction that is idle keeps its locks until its client goes on, however well the database is.",
                "No session is idle in a transaction: whoever holds the lock runs a statement, or waits for a lock itself.",
            ),
            "Such a session keeps its locks and a connection of its pool until its client goes on.",
        ),
    },
)


_NESTED: Final = "nested-connection-lease"


def counted_in_words(case: Case) -> Iterator[str]:
    """``a query counted the sessions of PostgreSQL: 87 active (Lock/transactionid), 1 idle in transaction``: one for each server, of the last count."""
    for server, counts in last_counts(case).items():
        yield kept_by_pools(case, server, counts) or say(
            "a query counted the sessions of {server}: {list}", server=SERVERS.get(server, server), list=_listed(counts)
        )


def suspicions(case: Case, found: Sequence[Finding]) -> Iterator[Finding]:
    """One for each server of the last count, where sessions wait for a lock, or most of them are idle in a transaction.

    Threads that keep a connection while they wait for a second one leave such sessions: these are no cause of their own.
    """
    nested = any(one.rule == _NESTED for one in found)
    if any(snapshot.sessions for snapshot in case.incident.snapshots):
        return  # the list itself tells more
    behind = idle_behind(case)
    for server, counts in last_counts(case).items():
        locked = _number(counts, SessionState.LOCKED)
        resting = _number(counts, SessionState.IN_TRANSACTION)
        others = sum(one.count for one in counts) - resting
        if behind is not None and server == SERVER and locked < FEWEST:
            continue  # told with the pool that they fill
        if locked >= FEWEST or (resting >= FEWEST and resting >= others and not nested):
            yield _finding(server, counts, locked, resting)


def _finding(server: str, counts: Sequence[SessionCount], locked: int, resting: int) -> Finding:
    running = _number(counts, SessionState.ACTIVE)
    waits = [one for one in counts if one.state is SessionState.LOCKED]
    kinds = [name for one in waits[:MOST_NAMED] if (name := (one.waits_on or "").removeprefix("Lock/"))]
    text = TEXT.filled(
        None,
        sessions=plural(locked, "session"),
        idle=plural(resting, "session"),
        locked=locked,
        resting=resting,
        running=running,
        locked_or_none=f"{locked:,}" if locked else "",
        resting_or_none=f"{resting:,}" if resting else "",
        server=SERVERS.get(server, server),
        kinds=say(" ({kinds})", kinds=", ".join(dict.fromkeys(kinds))) if kinds else "",
        list=_listed(counts),
        waits=", ".join(dict.fromkeys(kinds)),
        list_command=_LISTS[server],
    )
    told = [one for one in counts if one.state in {SessionState.LOCKED, SessionState.IN_TRANSACTION}]
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        evidence=tuple(Evidence(one.where, _row_in_words(one), (str(one.count),)) for one in told[:MOST_NAMED]),
        rule=TEXT.rule if resting or not running else "slow-statement",
        culprit=Culprit(library=SERVERS.get(server, server), lock=waits[0].waits_on if waits else None),
        doubts=(Doubt(LIST_ALONE, say("no socket ties the sessions to a process"), Confidence.SUSPECTED),),
    )


def _number(counts: Sequence[SessionCount], state: SessionState) -> int:
    return sum(one.count for one in counts if one.state is state)


def _listed(counts: Sequence[SessionCount]) -> str:
    return joined(", ", (_row_in_words(one) for one in counts[: MOST_NAMED + 1]))


def _row_in_words(one: SessionCount) -> str:
    waits = say(" ({event})", event=one.waits_on) if one.waits_on else ""
    longest = say(", for up to {seconds:,.0f} s", seconds=one.longest) if one.longest else ""
    state = one.printed_state or say("without a state")
    return say("{count:,} {state}{waits}{longest}", count=one.count, state=state, waits=waits, longest=longest)
