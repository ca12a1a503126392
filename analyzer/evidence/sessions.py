"""Evidence of the far side: a session's row, and a session in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.finding import Evidence
from analyzer.model.message import say

if TYPE_CHECKING:
    from analyzer.join.far_side import FarSide, Joined
    from parsers.records import Session

SERVERS: Final = {
    "postgresql": "PostgreSQL",
    "mysql": "MySQL",
    "pgbouncer": "PgBouncer",
    "pgbouncer-server": "PgBouncer",
    "redis": "Redis",
    "haproxy": "HAProxy",
}
"""What the software that lists sessions calls itself."""


def server_of(session: Session) -> str:
    """The software's own name."""
    return SERVERS.get(session.server, session.server)


def of_session(session: Session, says: str, inferred: str | None = None) -> Evidence:
    """The row that lists a session."""
    return Evidence(session.where, says, (session.id,), inferred=inferred)


def session_in_words(session: Session) -> str:
    """``session 1792 (nightly, 10.0.0.7:50610)``."""
    parts = [part for part in (session.application or session.user, str(session.client) if session.client is not None else None) if part]
    return say("session {id}{parts}", id=session.id, parts=f" ({', '.join(parts)})" if parts else "")


def age_in_words(session: Session) -> str:
    """`` for 12 s``, of its transaction if the list has that, else of its state; empty if it has neither."""
    age = session.transaction_age if session.transaction_age is not None else session.state_age
    return say(" for {seconds:.0f} s", seconds=age) if age is not None else ""


def of_block(far: FarSide, joined: Joined, root: Session) -> tuple[Evidence, ...]:
    """Where the server says who holds a session up, if not in the session's own row."""
    where = far.where_blocked(joined.session.server, joined.session.id)
    if where is None:
        return ()
    says = say("session {waiter} waits for session {holder}", waiter=joined.session.id, holder=root.id)
    return (Evidence(where, says, (joined.session.id, root.id)),)
