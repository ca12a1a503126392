"""Evidence of the far side: a session's row, and a session in words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from analyzer.evidence.calm_sessions import calm_in_words, piled_in_words
from analyzer.join.session_waits import SessionWaits
from analyzer.model.finding import Evidence
from analyzer.model.message import Message, joined, plural, say
from parsers.records import SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.far_side import FarSide, Joined
    from analyzer.model.incident import Snapshot
    from parsers.records import Session, SessionBlock

DATABASE_CAUSES: Final = ("cross-system-deadlock", "lock-held-by-idle-transaction", "slow-statement")
"""Rules that say why a database does not answer: who waits for it suffers from what they found."""

_STATEMENT: Final = 60
"""Characters of a statement that a sentence quotes."""
MOST_NAMED: Final = 3
"""Sessions that a sentence names."""

SERVERS: Final = {
    "postgresql": "PostgreSQL",
    "mysql": "MySQL",
    "pgbouncer": "PgBouncer",
    "pgbouncer-server": "PgBouncer",
    "redis": "Redis",
    "haproxy": "HAProxy",
    "oracle": "Oracle",
    "sqlserver": "SQL Server",
    "mongodb": "MongoDB",
    "rabbitmq": "RabbitMQ",
    "zookeeper": "ZooKeeper",
    "memcached": "memcached",
}
"""What the software that lists sessions calls itself."""


def server_of(session: Session) -> str:
    """The software's own name."""
    return session.brand or SERVERS.get(session.server, session.server)


def drivers_of(session: Session) -> tuple[str, ...]:
    """How the drivers that talk to the server are called: those of MySQL and MariaDB talk to both."""
    return ("MySQL", "MariaDB") if session.server == "mysql" else (server_of(session),)


def kill_of(session: Session) -> str:
    """The command of the server that ends a session, and rolls its transaction back."""
    match session.server:
        case "postgresql":
            return f"SELECT pg_terminate_backend({session.id});"
        case "oracle":
            sid, _, instance = session.id.partition("@")
            return f"ALTER SYSTEM KILL SESSION '{sid},{session.serial or 'SERIAL#'}{f',@{instance}' if instance else ''}';"
        case "mongodb":
            return f"db.killOp({session.serial or session.id})"
        case _:
            return f"KILL {session.id};"


def of_session(session: Session, says: str, inferred: str | None = None) -> Evidence:
    """The row that lists a session."""
    return Evidence(session.where, says, (session.id,), inferred=inferred)


def session_in_words(session: Session) -> str:
    """``session 1792 (nightly, 10.0.0.7:50610)``."""
    parts = [part for part in (session.application or session.user, str(session.client) if session.client is not None else None) if part]
    return say("session {id}{parts}", id=session.id, parts=f" ({', '.join(parts)})" if parts else "")


def listed_in_words(sessions: Sequence[Session], blocks: Sequence[SessionBlock]) -> Iterator[str]:
    """What a list of sessions shows by itself, a sentence without its full stop for each server: who waits for a lock, and who is idle with one."""
    for server in dict.fromkeys(session.server for session in sessions):
        every = [session for session in sessions if session.server == server]
        # Processes of the server itself have no client, no user and no state.
        mine = [one for one in every if one.state is not SessionState.UNKNOWN or one.user or one.client or one.application] or every
        locked = [session for session in mine if session.state is SessionState.LOCKED]
        holders = {
            *(holder for session in mine for holder in session.blocked_by),
            *(holder for block in blocks if block.server == server for holder in block.holders),
        } - {session.id for session in locked}
        idle = [session for session in mine if session.state is SessionState.IN_TRANSACTION]
        if not locked and not idle:
            if (piled := piled_in_words(mine)) is not None:
                yield piled
            yield calm_in_words(mine) or _by_state(mine)
            continue
        said = (
            [
                say(
                    "{sessions} of {server} waiting for a lock{what}",
                    sessions=plural(len(locked), "session"),
                    server=server_of(mine[0]),
                    what=kinds_in_words(locked),
                )
            ]
            if locked
            else []
        )
        said += [longest_in_words(locked)] if locked and not holders else []
        said += [say("held up in the end by session {ids}", ids=", ".join(sorted(holders)))] if holders and locked else []
        said += [
            say("idle in a transaction: {session}{age}", session=session_in_words(one), age=age_in_words(one)) for one in idle[:MOST_NAMED]
        ]
        yield say("the list has {what}", what=joined("; ", said))


def last_list(snapshots: Sequence[Snapshot]) -> tuple[int, tuple[Session, ...]]:
    """The number of the snapshot with the last list of sessions, -1 for none; and its sessions, with what later ones tell of some of them.

    Who has seen a list asks for one session of it again, with other columns: that list has no states, and is no later moment of all.
    """
    ends = [[end for block in one.blocks for end in block.ends] for one in snapshots]
    listed = [number for number, one in enumerate(snapshots) if one.sessions or ends[number]]
    if not listed:
        return -1, ()
    telling = [
        number for number in listed if ends[number] or any(one.state is not SessionState.UNKNOWN for one in snapshots[number].sessions)
    ]
    last = (telling or listed)[-1]
    sessions = snapshots[last].sessions or SessionWaits(ends[last], ()).sessions
    known = {(one.server, one.id) for one in sessions}
    more = [one for number in listed if number > last for one in snapshots[number].sessions if (one.server, one.id) in known]
    return last, SessionWaits((*sessions, *more), ()).sessions


def of_lists(snapshots: Sequence[Snapshot]) -> Iterator[str]:
    """The last list of sessions, with who waits for whom: one query after the other in a terminal is two moments, and the second names no session."""
    last, sessions = last_list(snapshots)
    if last < 0:
        return iter(())
    return listed_in_words(sessions, [block for snapshot in snapshots[last:] for block in snapshot.blocks])


def kinds_in_words(locked: Sequence[Session]) -> str:
    """`` (table metadata lock)``: the locks as the server calls them, empty where it has no name for them."""
    kinds = dict.fromkeys(kind for session in locked if (kind := (session.waits_on or "").removeprefix("Lock/")))
    return say(" ({kinds})", kinds=", ".join(list(kinds)[:MOST_NAMED])) if kinds else ""


def longest_in_words(locked: Sequence[Session]) -> Message:
    """Who waits for the longest, with its statement: the others often wait behind it."""
    oldest = max(locked, key=lambda session: session.state_age or 0.0)
    doing = say(" with “{statement}”", statement=oldest.statement[:_STATEMENT]) if oldest.statement else ""
    age = say(" for {seconds:.0f} s", seconds=oldest.state_age) if oldest.state_age is not None else ""
    return say("the longest of them is {session}{age}{doing}", session=session_in_words(oldest), age=age, doing=doing)


def _by_state(sessions: Sequence[Session]) -> str:
    """``the list has 2 sessions of Redis: 1 idle, 1 blocking``, and the one that is in its state for the longest."""
    # A state that is no database's is told as its server prints it: RabbitMQ's blocked connections.
    counts = Counter(
        (session.printed_state if session.state is SessionState.UNKNOWN else None) or session.state.value for session in sessions
    )
    # Who waits by its own wish may do so for days: who works is looked at first.
    oldest = max(sessions, key=lambda session: (session.state is not SessionState.WAITING, session.state_age or 0.0))
    doing = oldest.server == "mongodb" and oldest.state is SessionState.ACTIVE and oldest.statement
    longest = (
        say(
            "; the longest is {session}, {state}{age}{doing}",
            session=session_in_words(oldest),
            state=oldest.state.value,
            age=age_in_words(oldest),
            doing=say(" with “{statement}”", statement=(oldest.statement or "")[:_STATEMENT]) if doing else "",
        )
        if oldest.state_age
        else ""
    )
    rest = {session.state for session in sessions if not _lists(session)} == {SessionState.IDLE}
    return say(
        "the list has {sessions} of {server}: {states}{longest}{rest}",
        rest=say("; none of them waits or has a transaction open, as a pool keeps its connections while it has nothing to do")
        if rest and len(sessions) > 1
        else "",
        sessions=plural(len(sessions), "session"),
        server=server_of(sessions[0]),
        states=joined(", ", (say("{count:,} {state}", count=count, state=state) for state, count in counts.most_common())),
        longest=longest,
    )


_OWN_LISTS: Final = (
    "show processlist",
    "show full processlist",
    "pg_stat_activity",
    "v$session",
    "sp_who",
    "sys.processlist",
    "innodb_trx",
    # Columns that only a list of sessions has: of a long statement its table is often cut off.
    "usename",
    "backend_start",
    "state_change",
    "query_start",
)


def _lists(session: Session) -> bool:
    """True for the session that asked for the list."""
    said = (session.statement or "").lower()
    return session.state is SessionState.ACTIVE and any(word in said for word in _OWN_LISTS)


def age_in_words(session: Session) -> str:
    """`` for 12 s``, of its transaction if the list has that, else of its state; empty if it has neither."""
    age = session.transaction_age if session.transaction_age is not None else session.state_age
    return say(" for {seconds:.0f} s", seconds=age) if age is not None else ""


def seconds_in_words(session: Session) -> str:
    """The same age as a figure: ``12 s``, ``?`` if the list has none."""
    age = session.transaction_age if session.transaction_age is not None else session.state_age
    return say("{seconds:.0f} s", seconds=age) if age is not None else "?"


def of_block(far: FarSide, joined: Joined, root: Session) -> tuple[Evidence, ...]:
    """Where the server says who holds a session up, if not in the session's own row."""
    where = far.where_blocked(joined.session.server, joined.session.id)
    if where is None:
        return ()
    says = say("session {waiter} waits for session {holder}", waiter=joined.session.id, holder=root.id)
    return (Evidence(where, says, (joined.session.id, root.id)),)
