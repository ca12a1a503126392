"""Who waits for whom among the sessions of one server, as its own lists tell: no socket and no process is needed for it."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec.structs import replace

from parsers.records import SessionState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from parsers.records import Session, SessionBlock, Where


class SessionWaits:
    """Sessions, each once, and the waits that their servers state."""

    def __init__(self, sessions: Sequence[Session], blocks: Sequence[SessionBlock]) -> None:
        """``blocks`` are waits that a list of its own states; a session's own row may name who holds it up, too."""
        self._blocks = blocks
        self.sessions = _merged(sessions)

    @cached_property
    def direct(self) -> dict[tuple[str, str], set[str]]:
        """(server, session) → the sessions that the lists name as those it waits for, waiters ahead in the queue among them."""
        direct: dict[tuple[str, str], set[str]] = defaultdict(set)
        for block in self._blocks:
            direct[block.server, block.waiter] |= set(block.holders)
        for session in self.sessions:
            direct[session.server, session.id] |= set(session.blocked_by)
        return direct

    @cached_property
    def holders(self) -> dict[tuple[str, str], frozenset[str]]:
        """(server, session) → the sessions that it waits for and that wait for nobody themselves: lists name waiters ahead in the queue, too."""
        direct = self.direct
        waits = {key for key, ids in direct.items() if ids} | {
            (one.server, one.id) for one in self.sessions if one.state is SessionState.LOCKED
        }
        return {key: frozenset(_roots(key, direct, waits)) for key in waits if direct.get(key)}

    def where_blocked(self, server: str, waiter: str) -> Where | None:
        """The line that says who holds a session up, None if its own row does."""
        return next((one.where for one in self._blocks if (one.server, one.waiter) == (server, waiter) and one.holders), None)

    def root_of(self, session: Session) -> Session | None:
        """The one session that holds it up in the end; None if it is not told, or there are several."""
        ids = self.holders.get((session.server, session.id), frozenset())
        known = [one for one in self.sessions if one.server == session.server and one.id in ids]
        if len(known) == 1:
            return known[0]
        return self._only_transaction(session) if not ids and session.state is SessionState.LOCKED else None

    def _only_transaction(self, waiter: Session) -> Session | None:
        """InnoDB's status names no holder: with one other transaction that has locks and does not wait, it is that one."""
        others = [
            session
            for session in self.sessions
            if session.server == waiter.server
            and session.id != waiter.id
            and session.state is not SessionState.LOCKED
            and session.own_link not in {None, "0"}
        ]
        return others[0] if len(others) == 1 and waiter.own_link is not None else None


def _roots(key: tuple[str, str], direct: dict[tuple[str, str], set[str]], waits: set[tuple[str, str]]) -> Iterable[str]:
    """Who does not wait, at the ends of all ways from a waiter."""
    server = key[0]
    todo, seen = list(direct[key]), set[str]()
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        if (server, one) in waits:
            todo += direct.get((server, one), ())
        else:
            yield one


def _merged(sessions: Sequence[Session]) -> tuple[Session, ...]:
    """One session a server and id: a list of sessions has the client, the list of transactions the locks, a long list more than a short one."""
    found: dict[tuple[str, str], Session] = {}
    for session in sessions:
        key = session.server, session.id
        known = found.get(key)
        found[key] = session if known is None else _both(known, session)
    brands = {session.server: session.brand for session in found.values() if session.brand is not None}
    return tuple(replace(one, brand=brands[one.server]) if one.server in brands else one for one in found.values())


def _both(one: Session, other: Session) -> Session:
    listed, transaction = (one, other) if one.client is not None else (other, one)
    state = transaction.state if transaction.state in {SessionState.LOCKED, SessionState.IN_TRANSACTION} else listed.state
    if state is SessionState.UNKNOWN:
        state = transaction.state
    if state is SessionState.IDLE and transaction.own_link is not None:  # it sleeps, and is in the list of transactions
        state = SessionState.IN_TRANSACTION
    return replace(
        listed,
        state=state,
        waits_on=listed.waits_on or transaction.waits_on,
        transaction_age=listed.transaction_age if listed.transaction_age is not None else transaction.transaction_age,
        statement=listed.statement or transaction.statement,
        own_link=transaction.own_link or listed.own_link,
        blocked_by=listed.blocked_by or transaction.blocked_by,
        onward=listed.onward or transaction.onward,
        onward_name=listed.onward_name or transaction.onward_name,
    )
