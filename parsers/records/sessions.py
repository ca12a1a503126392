"""Sessions as the far side lists them: a database's, a pooler's, a proxy's view of the connections that clients opened to it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from parsers.records import Endpoint
    from parsers.records.places import Where


class SessionState(StrEnum):
    """What a session does, whatever its server calls it.

    ``ACTIVE`` runs a statement, ``LOCKED`` waits for a lock, ``IDLE`` waits for its client, ``IN_TRANSACTION`` waits for its client inside an
    open transaction and keeps its locks, ``WAITING`` waits by its own design (a blocking pop), ``QUEUED`` has not reached the server.
    """

    ACTIVE = "active"
    LOCKED = "waits for a lock"
    IDLE = "idle"
    IN_TRANSACTION = "idle in transaction"
    WAITING = "waits for an event"
    QUEUED = "queued"
    UNKNOWN = "unknown"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One session. ``server`` is the software that lists it, ``id`` its number there.

    ``client``: the far end as the server sees it, which is the local end of the client's socket unless something passes it on. Times in seconds
    before the list was taken: ``state_age`` since the state or statement began, ``transaction_age`` since the transaction began. ``statement`` has no
    literals. ``onward``: where a pooler or proxy passes it on from or to; ``link``: the number of the partner inside it.
    """

    where: Where
    server: str
    id: str
    client: Endpoint | None = None
    user: str | None = None
    database: str | None = None
    application: str | None = None
    state: SessionState = SessionState.UNKNOWN
    printed_state: str = ""
    waits_on: str | None = None
    blocked_by: tuple[str, ...] = ()
    statement: str | None = None
    state_age: float | None = None
    transaction_age: float | None = None
    onward: Endpoint | None = None
    onward_name: str | None = None
    link: str | None = None
    serial: str | None = None
    """What the server needs beside the id to end it, or the number of what it runs."""
    own_link: str | None = None
    brand: str | None = None
    """What the server calls itself, where that is not what all of its kind are called."""
    machines: tuple[str, ...] = ()
    """Names of hosts in its row, and of a user there: no rule asks for them, and what is anonymised must not show them."""
    system_user: str | None = None
    client_from: Where | None = None
    """The line of a log that names the client's end, where the list does not."""
    age: float | None = None
    """Seconds since the client has connected, where the list says so."""
    unread: int | None = None
    """Bytes that the server keeps for the client: of answers that it has not read, or of a command that is not whole."""


class SessionBlock(msgspec.Struct, frozen=True, kw_only=True):
    """Who waits for whom inside a server: ``waiter`` is held up by ``holders``, by the sessions' ids. Holders may wait themselves.

    ``ends``: what the row tells of the two sessions beside their ids.
    """

    where: Where
    server: str
    waiter: str
    holders: tuple[str, ...]
    ends: tuple[Session, ...] = ()


class SessionCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions of a server are alike, as a query counted them: in one state, waiting for one kind of event.

    ``state`` is UNKNOWN where the query did not group by it. ``waits_on`` is the event as the server calls it. ``longest``: seconds, where the query asked
    for the longest time in that state. ``client``: the client's address, where the query grouped by it; no sentence names it. ``told``: no query counted them, the text
    says so.
    """

    where: Where
    server: str
    count: int
    state: SessionState = SessionState.UNKNOWN
    printed_state: str = ""
    waits_on: str | None = None
    longest: float | None = None
    told: bool = False
    client: str | None = None
