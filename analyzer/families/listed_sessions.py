"""What a list of sessions alone tells: who holds others up, where no socket ties it to a process. A database names its own waits; whose they are ports would tell."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from analyzer.evidence.chosen_threads import FEW_THREADS
from analyzer.evidence.citations import blamed, of_threads
from analyzer.evidence.sessions import (
    drivers_of,
    kill_of,
    kinds_in_words,
    last_list,
    longest_in_words,
    of_session,
    seconds_in_words,
    server_of,
    session_in_words,
)
from analyzer.families import possible_holders
from analyzer.families.possible_holders import METADATA, age_of, doing
from analyzer.families.tied_sessions import of_others, tied, victim_of
from analyzer.join.session_waits import SessionWaits
from analyzer.model.finding import Confidence, Culprit, Doubt, Evidence, Severity, When
from analyzer.model.message import capitalized, plural, say
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from analyzer.software.blockers import OUTBOUND
from parsers.records import Session, SessionState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.model.text import Filled
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case

LIST_ALONE: Final = "list-alone"
"""The code of the doubt about a finding that rests on a list of sessions without a process beside it."""
LONG: Final = 10.0
"""Seconds from which on a wait for a lock, or a transaction that does nothing, is no ordinary moment of a busy database."""
_WHOLE: Final = "relation"
"""PostgreSQL's name of a lock on a table."""
_CANCEL: Final = {"postgresql": "SELECT pg_cancel_backend({id});", "mysql": "KILL {id};"}
"""What ends a statement of a session, without its transaction where the server can."""
_ALONE: Final = re.compile(
    r"\s*(?:ALTER|DROP|TRUNCATE|REINDEX|CLUSTER|LOCK|REFRESH\s+MATERIALIZED|VACUUM\s*\(?\s*FULL|CREATE\s+(?:UNIQUE\s+)?(?:INDEX|TRIGGER))\b",
    re.IGNORECASE,
).match
_TABLE: Final = re.compile(
    r"\b(?:TABLE|TRUNCATE|FROM|JOIN|INTO|UPDATE|ON)\s+(?:(?:IF\s+EXISTS|ONLY|TABLE)\s+)*(?:\"?\w{1,63}\"?\.)?\"?(\w{1,63})", re.IGNORECASE
).findall
_RESTS: Final = frozenset({SessionState.IN_TRANSACTION, SessionState.IDLE})
_OTHERS: Final = {
    "mysql": "mysql -e 'SELECT * FROM sys.schema_table_lock_waits\\G SELECT * FROM sys.innodb_lock_waits\\G' > lock_waits.txt",
    "postgresql": 'psql -c "SELECT pid, state, xact_start, client_addr, client_port, pg_blocking_pids(pid), query FROM pg_stat_activity" > sessions.txt',
}
"""What a server says of its lock waits, with the state of those who hold them."""
TEXT: Final = Text(
    "lock-held-by-idle-transaction",
    headline=Either(
        "told",
        ByNumber(
            "victims_count",
            "{victims} of {server} waits for a lock{kinds} that {session} holds: it {doing}.",
            "{victims} of {server} wait for a lock{kinds} that {session} holds: it {doing}.",
        ),
        ByNumber(
            "victims_count",
            "{victims} of {server} waits for a lock{kinds}. {session_begins} is suspected to keep it: it {doing}.",
            "{victims} of {server} wait for a lock{kinds}. {session_begins} is suspected to keep it: it {doing}.",
        ),
    ),
    explanation="{longest_begins}.{queue} {holder}{statement} A lock is kept until the transaction commits or rolls back, however well the database is.{threads}",
    why=Either(
        "told",
        "{server} itself says who waits for whom. Whose connections these are, the ports of a socket table would tell.",
        "The list shows who waits, but not for whom: that is inferred from who else has a transaction open.",
    ),
    do=(
        Do(When.NOW, "Ask the owner of {session}, or end it: its transaction is rolled back.", "{kill}"),
        Do(
            When.NOW,
            "Or cancel session {whole}: it has changed nothing yet, and those behind it go on at once. Let it ask again with a short limit for lock waits.",
            "{cancel}",
            on="whole",
        ),
        Do(When.FIX, "Let the program behind {session} commit before it waits for anything else.", on="rests"),
        Do(
            When.FIX,
            "Make the statement of {session} short: look at its plan, and commit in smaller pieces.",
            on="runs",
        ),
        Do(When.PREVENT, "Set a timeout on idle transactions and on lock waits."),
    ),
    figures=(("{victims_count:,}", "sessions waiting for the lock"), ("{held_for}", "the holder's transaction")),
    ask=(Ask("the database's own list of lock waits", "who holds the lock", "{other_list}", on="other_list"),),
    chain=(
        ("{waiter}", "waits for a lock held by", "{waiter_statement}"),
        ("{session}", "{doing}", "{holder_statement}"),
    ),
    phrases={
        "queue": Either(
            "behind",
            " {behind} of them queue behind {ahead}, which has nothing yet: who asks for the whole table lets nobody past.",
            Either(
                "metadata",
                " Whoever comes later for the same table queues behind that one, though it does nothing yet. A transaction keeps this lock of the whole table once it has read it: that it has locked no row says nothing.",
            ),
        ),
        "holder": Either(
            "told",
            "{server} names {session} as the one that holds them up in the end.",
            Either(
                "transaction",
                Either(
                    "asked",
                    "Who holds the lock the list does not say: {session} has had a transaction open since before, and asked the same table last.",
                    Either(
                        "exclusive",
                        "Who holds the lock the list does not say: {session} is the only other one that has a lock which keeps all others out.",
                        "Who holds the lock the list does not say: {session} has the oldest transaction that is open and waits for nobody.",
                    ),
                ),
                "Who holds the lock the list does not say: {session} is the oldest that waits for nobody, and whether it has a transaction open is not shown.",
            ),
        ),
        "statement": Either("holder_statement", " Its last statement: {holder_statement}."),
        "threads": Either(
            "thread",
            " Threads like “{thread}” wait for an answer of {server}{called}: which session is theirs these lines do not show.",
            Either(
                "callers",
                " {callers} for an answer of {server}{called}: their connections are lent meanwhile, and whoever needs one waits, too.",
            ),
        ),
        "called": Either("frame", ", called from {frame}"),
        "shown_wait": ByNumber("victims_count", "{victims} waits for a lock{kinds}", "{victims} wait for a lock{kinds}"),
        "shown_hold": "{session} {doing}",
    },
)


class _Hold(msgspec.Struct, frozen=True):
    """Sessions that wait, who holds them up, and whether the server itself says so."""

    waiters: tuple[Session, ...]
    holder: Session
    told: bool
    ahead: Session | None = None
    behind: int = 0
    """The waiter that others queue behind, and how many."""


def suspicions(case: Case, found: Sequence[Finding]) -> Iterator[Finding]:
    """One for each server whose last list shows sessions that have waited for a lock; joined with the picked threads that wait for that server."""
    number, sessions = last_list(case.incident.snapshots)
    last = case.incident.snapshots[number] if number >= 0 else None
    if last is None:
        return
    victim = victim_of(case, found, (one for one in sessions if one.state is SessionState.LOCKED))
    if victim is None and of_others(case, sessions):
        return
    blocks = [block for snapshot in case.incident.snapshots[number:] for block in snapshot.blocks]
    waits = SessionWaits((*(end for block in last.blocks for end in block.ends), *sessions), blocks)
    for server in dict.fromkeys(session.server for session in waits.sessions):
        holds = [hold for hold in _holds(waits, server) if _lasts(hold)]
        if holds:
            hold = max(holds, key=lambda one: len(one.waiters))
            few = next((one for one in found if _of_server(one, drivers_of(hold.holder))), None)
            callers = _callers(case, drivers_of(hold.holder)) if few is None else ()
            told = _of_several(waits, hold) if few is None and not callers else None
            told = told or _finding(hold, few, callers)
            ours = victim is not None and victim is victim_of(case, found, hold.waiters)
            yield tied(case, told, victim, hold.waiters) if ours and victim is not None else told


def _of_several(waits: SessionWaits, hold: _Hold) -> Finding | None:
    """The finding for a table's lock that several sessions may hold; None where the server names the holder, or one alone may be it."""
    longest = max(hold.waiters, key=age_of)
    found = possible_holders.candidates(waits, longest) if not hold.told and METADATA in (longest.waits_on or "") else ()
    return possible_holders.finding(hold.waiters, found, cancel_of(longest) if _wants_whole(longest) else "") if len(found) > 1 else None


def _callers(case: Case, servers: Collection[str]) -> tuple[ThreadActivity, ...]:
    """The threads of whole dumps that wait for an answer through the driver of one of these servers."""
    return tuple(
        member
        for view in case.latest
        for pool in view.pools
        for member in pool.busy
        if member.activity.kind in OUTBOUND and (member.activity.library or "").startswith(tuple(servers))
    )


def is_open(finding: Finding) -> bool:
    """True for a suspicion that all threads of a pool wait for a database, whose address nothing tells: why it does not answer its own list may say."""
    return finding.rule == "database-read-hang" and finding.confidence is Confidence.SUSPECTED and finding.culprit.remote is None


def absorbed(finding: Finding, by: Sequence[Finding]) -> bool:
    """True for a suspicion about threads that wait for a server of which one of these tells why."""
    return any(
        one.has_doubt(LIST_ALONE)
        and (
            (one.culprit.thread is not None and finding.has_doubt(FEW_THREADS) and one.culprit.thread == finding.culprit.thread)
            or (is_open(finding) and one.culprit.library is not None and one.culprit.library == finding.culprit.library)
        )
        for one in by
    )


def _of_server(finding: Finding, drivers: tuple[str, ...]) -> bool:
    return finding.has_doubt(FEW_THREADS) and (finding.culprit.library or "").startswith(drivers)


def _holds(waits: SessionWaits, server: str) -> list[_Hold]:
    """Waiters by who holds them up in the end: as the server says, else by who else has a transaction open."""
    groups: dict[tuple[str, bool], list[Session]] = {}
    holders: dict[str, Session] = {}
    for session in waits.sessions:
        if session.server != server:
            continue
        ids = waits.holders.get((server, session.id), frozenset())
        if ids:
            holder = waits.root_of(session) or _named(waits, session, ids)
        elif session.state is SessionState.LOCKED:
            holder = waits.root_of(session) or _suspect(waits, session)
        else:
            continue
        if holder is not None:
            holders[holder.id] = holder
            groups.setdefault((holder.id, bool(ids)), []).append(session)
    return [_Hold(tuple(waiters), holders[number], told, *_ahead(waits, waiters)) for (number, told), waiters in groups.items()]


def _ahead(waits: SessionWaits, waiters: Sequence[Session]) -> tuple[Session | None, int]:
    """The waiter that asks for a lock of a whole table and that most others name as what they wait for, and how many do."""
    named = [holder for one in waiters for holder in waits.direct.get((one.server, one.id), ())]
    asks = [one for one in waiters if _WHOLE in (one.waits_on or "") and named.count(one.id)]
    first = max(asks, key=lambda one: named.count(one.id), default=None)
    return first, named.count(first.id) if first is not None else 0


def ahead_of(waits: SessionWaits, waiters: Sequence[Session]) -> Session | None:
    """The session that wants a whole table for itself and waits, too, while these or others wait behind it: it has nothing yet."""
    server = waiters[0].server
    named = Counter(holder for (where, _), holders in waits.direct.items() if where == server for holder in holders)
    asks = [one for one in waits.sessions if one.server == server and one.state is SessionState.LOCKED and _wants_whole(one)]
    return max((one for one in asks if named[one.id]), key=lambda one: named[one.id], default=None)


def cancel_of(session: Session) -> str:
    """The statement that ends what a session does; empty where its server has none that this tool knows."""
    return _CANCEL.get(session.server, "").format(id=session.id)


def _named(waits: SessionWaits, waiter: Session, ids: frozenset[str]) -> Session | None:
    """The only one of several holders that rests in its transaction; a single one that is named and not listed, of which only the number is known."""
    known = [one for one in waits.sessions if one.server == waiter.server and one.id in ids]
    resting = [one for one in known if one.state in _RESTS]
    if len(ids) == 1 and not known:
        return Session(where=waiter.where, server=waiter.server, id=next(iter(ids)))
    return resting[0] if len(resting) == 1 else None


def _suspect(waits: SessionWaits, waiter: Session) -> Session | None:
    """Who may hold a lock on a table: the oldest open transaction that waits for nobody, else the oldest statement or sleeping session from before the wait.

    Row locks are held by whoever changed the row: of these nothing can be told by age.
    """
    if METADATA in (waiter.waits_on or ""):
        found = possible_holders.candidates(waits, waiter)
        return max((one for one in found if one.state is found[0].state or one.own_link is not None), key=age_of, default=None)
    return _on_table(waits, waiter) if (waiter.waits_on or "").endswith(_WHOLE) else None


def _on_table(waits: SessionWaits, waiter: Session) -> Session | None:
    """Who may hold the table that a statement wants for itself: of the transactions from before its wait one that asked that table last, else the oldest."""
    locked = [one for one in waits.sessions if one.state is SessionState.LOCKED and one.server == waiter.server]
    first = next((one for one in sorted(locked, key=age_of, reverse=True) if _wants_whole(one)), None)
    if first is None:
        return None
    rests = SessionState.IN_TRANSACTION
    open_ones = [
        one
        for one in waits.sessions
        if one.server == waiter.server and one.state in {rests, SessionState.ACTIVE} and age_of(one) >= age_of(first) > 0
    ]
    asked = [one for one in open_ones if _tables(one) & _tables(first)]
    return max(asked or [one for one in open_ones if one.state is rests], key=age_of, default=None)


def _wants_whole(session: Session) -> bool:
    """True for a statement that takes its table for itself alone."""
    return _ALONE(session.statement or "") is not None


def _tables(session: Session) -> set[str]:
    """The tables that a statement names, without their schema."""
    return {match.lower() for match in _TABLE(session.statement or "")}


def _lasts(hold: _Hold) -> bool:
    """True if somebody has waited for long, or if the list has no times: then it is for the reader to say."""
    ages = [age for one in hold.waiters for age in (one.state_age, one.transaction_age) if age is not None]
    return not ages or max(ages) >= LONG


def _finding(hold: _Hold, few: Finding | None, callers: Sequence[ThreadActivity]) -> Finding:
    holder, waiters = hold.holder, hold.waiters
    rests, runs = holder.state in _RESTS, holder.state is SessionState.ACTIVE
    timed = age_of(holder) >= LONG or any(age_of(one) >= LONG for one in waiters)
    longest = max(waiters, key=age_of)
    text = TEXT.filled(
        few.process if few is not None else None,
        told=hold.told,
        victims=plural(len(waiters), "session"),
        server=server_of(holder),
        kinds=kinds_in_words(waiters),
        session=session_in_words(holder),
        session_begins=capitalized(session_in_words(holder)),
        doing=doing(holder),
        longest_begins=capitalized(longest_in_words(waiters)),
        behind=hold.behind,
        ahead=session_in_words(hold.ahead) if hold.ahead is not None else None,
        metadata=(METADATA in (longest.waits_on or "") or (not hold.told and _wants_whole(longest))) and len(waiters) > 1,
        whole=longest.id if longest.server in _CANCEL and _wants_whole(longest) and len(waiters) > 1 else None,
        cancel=cancel_of(longest),
        asked=not hold.told and bool(_tables(holder) & _tables(longest)),
        transaction=holder.own_link is not None or holder.state is SessionState.IN_TRANSACTION,
        exclusive=holder.server == "mongodb",
        holder_statement=holder.statement or "",
        waiter=session_in_words(longest),
        waiter_statement=longest.statement or "",
        kill=kill_of(holder),
        rests=not runs,
        runs=runs,
        victims_count=len(waiters),
        held_for=seconds_in_words(holder),
        other_list=None if hold.told and rests else _OTHERS.get(holder.server),
        thread=few.culprit.thread if few is not None else None,
        frame=few.culprit.frame if few is not None else blamed(callers) if callers else None,
        callers=plural(len(callers), "thread waits", "threads wait") if callers else None,
    )
    sure = Confidence.LIKELY if hold.told and rests and timed else Confidence.SUSPECTED
    beside = (
        (
            of_threads(
                callers,
                say(
                    "{threads} for an answer of {server}",
                    threads=plural(len(callers), "thread waits", "threads wait"),
                    server=server_of(holder),
                ),
            ),
        )
        if callers
        else ()
    )
    shown = (of_session(longest, text["shown_wait"]), of_session(holder, text["shown_hold"]), *beside)
    found = _judged(text, hold, shown, sure, few, rule="slow-statement" if runs else TEXT.rule)
    library = callers[0].activity.library if callers else None
    return (
        replace(found, culprit=replace(found.culprit, library=library, frame=str(blamed(callers) or ""))) if library is not None else found
    )


def _judged(text: Filled, hold: _Hold, shown: tuple[Evidence, ...], sure: Confidence, few: Finding | None, rule: str) -> Finding:
    holder = hold.holder
    culprit = Culprit(remote=str(holder.client) if holder.client is not None else None, lock=hold.waiters[0].waits_on)
    before = few.chain[:1] if few is not None else ()
    if few is not None:
        culprit = replace(few.culprit, remote=culprit.remote, lock=culprit.lock)
    return text.finding(
        severity=Severity.WARNING,
        confidence=sure,
        evidence=(*(few.evidence if few is not None else ()), *shown),
        rule=rule,
        chain=(*before, *text.steps((shown[0],), (shown[1],))),
        culprit=culprit,
        doubts=(Doubt(LIST_ALONE, say("no socket ties the sessions to a process"), sure),),
    )
