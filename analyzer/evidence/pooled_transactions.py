"""A pooler that has lent all its connections, and as many sessions of the database that are idle in a transaction: these are the lent ones.

The pool is full because of them, and no cause of its own. Sessions that came past the pooler are counted alike: so the numbers must agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from parsers.records import SessionState

if TYPE_CHECKING:
    from analyzer.waits.case import Case
    from parsers.records import ProxyLoad, SessionCount

POOLER: Final = "PgBouncer"
SERVER: Final = "postgresql"
"""The server that this pooler is made for."""
LASTING: Final = 2.0
"""Seconds in the queue from which on it is no burst."""
_MOST: Final = 0.8
"""Share of the lent connections that must be idle in a transaction where the other sessions may be of anybody."""
_HALF: Final = 0.5
"""The same where just as many sessions were counted as are lent."""
_FEWEST: Final = 3


class Behind(msgspec.Struct, frozen=True):
    """A full pool, the row that counts idle transactions, and how many there are."""

    load: ProxyLoad
    row: SessionCount
    number: int


def is_full_pool(load: ProxyLoad) -> bool:
    """True for a pooler's pool that has nothing left, and lets somebody wait for longer than a burst."""
    return load.software == POOLER and bool(load.queued and load.current) and load.idle == 0 and (load.waits or 0.0) >= LASTING


def last_counts(case: Case) -> dict[str, list[SessionCount]]:
    """By server, the rows of the last query: two queries are two moments."""
    counts = [one for snapshot in case.incident.snapshots for one in snapshot.session_counts if not one.told]
    found: dict[str, list[SessionCount]] = {}
    for one in counts:
        rows = found.setdefault(one.server, [])
        if rows and (rows[-1].where.file != one.where.file or rows[-1].where.last + 1 != one.where.first):
            rows.clear()
        rows.append(one)
    return found


def idle_behind(case: Case) -> Behind | None:
    """The only full pool of the last list whose lent connections are, by the numbers, the sessions that are idle in a transaction."""
    last = next((one for one in reversed(case.incident.snapshots) if one.loads), None)
    full = [load for load in last.loads if is_full_pool(load)] if last is not None else []
    rows = last_counts(case).get(SERVER, [])
    idle = [one for one in rows if one.state is SessionState.IN_TRANSACTION]
    number, lent = sum(one.count for one in idle), full[0].current or 0 if len(full) == 1 else 0
    share = _HALF if sum(one.count for one in rows) == lent else _MOST
    return Behind(full[0], idle[0], number) if lent and _FEWEST <= number <= lent and number >= share * lent else None
