"""Sessions that wait by their own wish: blocking pops and subscribers of Redis, awaited commands of MongoDB. Their age is no trouble.

A driver of MongoDB asks for changes of the server with a ``hello`` that waits up to ten seconds, and a secondary reads the operations of the primary with a
tailable cursor, which scans no collection and comes back by design (MongoDB's manual, “Server Discovery and Monitoring”, “Replica Set Oplog”).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from analyzer.model.message import joined, plural, say, say_of
from parsers.records import SessionState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.records import Session

_SUBSCRIBES: Final = "cmd=subscribe", "cmd=psubscribe", "cmd=ssubscribe"
UNREAD: Final = 1_000_000
"""Bytes that a server keeps for one client, from which on the client does not read what it asked for, or asks for too much at once."""
PATIENCE: Final = 900.0
"""Seconds after which a blocking command may be of a client that is gone: usual limits are seconds."""
AWAITED: Final = 60.0
"""Seconds after which an awaited command of MongoDB is later than its own limit, which is ten at most."""
OF_ONE: Final = 50
"""Idle connections of one host from which on they may be made and never closed."""


def calm_in_words(sessions: Sequence[Session]) -> str | None:
    """What rests in the list and why that is normal; None where anything else may be, or nobody waits by its own wish."""
    server = sessions[0].server if sessions else ""
    if server not in _WORDS or not any(one.state is SessionState.WAITING for one in sessions):
        return None
    if not all(_is_calm(one) for one in sessions):
        return None
    idle = [str(one.client.host) for one in sessions if one.state is SessionState.IDLE and one.client is not None]
    if any(idle.count(host) > OF_ONE for host in set(idle)):
        return None
    return _WORDS[server](sessions)


def _is_calm(session: Session) -> bool:
    """True for a session that waits by its own wish, has nothing to do, or asked for the list; nothing piles up for it."""
    if session.unread is not None and session.unread >= UNREAD:
        return False
    if session.server == "redis":
        if session.state is SessionState.WAITING and not subscribes(session):
            return (session.state_age or 0.0) < PATIENCE
        return session.state in {SessionState.WAITING, SessionState.IDLE} and "cmd=NULL" not in session.printed_state
    return session.state is SessionState.WAITING and (session.state_age or 0.0) < AWAITED


def piled_in_words(sessions: Sequence[Session]) -> str | None:
    """For whom a server of Redis keeps most, and which host has opened connections that never sent a command; None where neither stands out."""
    most = max(sessions, key=lambda one: one.unread or 0, default=None)
    unused = Counter(str(one.client.host) for one in sessions if one.client is not None and "cmd=NULL" in one.printed_state)
    host, count = next(iter(unused.most_common(1)), ("", 0))
    parts = []
    if most is not None and (most.unread or 0) >= UNREAD:
        parts.append(
            say(
                "Redis keeps {bytes:,} bytes for session {id} ({client}), which it does not read or has not sent whole",
                bytes=most.unread,
                id=most.id,
                client=most.client,
            )
        )
    if count >= OF_ONE:
        parts.append(
            say("{count:,} connections of {host} never sent a command to Redis: they were opened and left", count=count, host=host)
        )
    return joined("; ", parts) if parts else None


def subscribes(session: Session) -> bool:
    """True for a client of Redis that receives what others publish: it sends nothing itself."""
    return session.printed_state.endswith(_SUBSCRIBES)


def _of_redis(sessions: Sequence[Session]) -> str:
    receive = sum(subscribes(one) for one in sessions)
    blocked = sum(one.state is SessionState.WAITING for one in sessions) - receive
    idle = len(sessions) - receive - blocked
    parts = [say_of(receive, "{n} has subscribed and only receives", "{n} have subscribed and only receive", n=receive)] if receive else []
    parts += [
        say_of(
            blocked,
            "{n} waits in a blocking command until an element comes",
            "{n} wait in a blocking command until an element comes",
            n=blocked,
        )
    ] * bool(blocked)
    parts += [say_of(idle, "{n} is idle", "{n} are idle", n=idle)] * bool(idle)
    return say_of(
        len(sessions),
        "the list has {sessions} of Redis, which rests by its own wish: {parts}. No answer piles up for it, so its idle time shows no leak; whether their number grows, a second list tells",
        "the list has {sessions} of Redis, which rest by their own wish: {parts}. No answer piles up for any, so their idle time shows no leak; whether their number grows, a second list tells",
        sessions=plural(len(sessions), "session"),
        parts=joined(", ", parts),
    )


def _of_mongodb(sessions: Sequence[Session]) -> str:
    tails = sum("getmore" in (one.statement or "").lower() for one in sessions)
    watch = len(sessions) - tails
    parts = [
        say_of(watch, "{n} is a driver's hello that waits for changes", "{n} are drivers' hellos that wait for changes", n=watch)
    ] * bool(watch)
    parts += [
        say_of(
            tails,
            "{n} is a tailable cursor that waits for new entries, as a secondary reads the oplog",
            "{n} are tailable cursors that wait for new entries, as secondaries read the oplog",
            n=tails,
        )
    ] * bool(tails)
    return say_of(
        len(sessions),
        "the list has {operations} of MongoDB that waits by design: {parts}. It comes back at once when it is killed, and a COLLSCAN of such a cursor is no missing index",
        "the list has {operations} of MongoDB that wait by design: {parts}. They come back at once when they are killed, and a COLLSCAN of such a cursor is no missing index",
        operations=plural(len(sessions), "operation"),
        parts=joined(", ", parts),
    )


_WORDS: Final = {"redis": _of_redis, "mongodb": _of_mongodb}
