"""Settings and measured batches that a text shows beside a line of a log: how large the pool is, how many share it, how long a batch takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.log_events import near
from analyzer.model.finding import Evidence
from analyzer.model.message import plural, say
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.model.incident import Incident
    from parsers.records import LogEvent

POLL_INTERVAL: Final = 300.0
"""Seconds that a consumer of Kafka may be away between two polls where nothing else is set (max.poll.interval.ms)."""


class Sizes(msgspec.Struct, frozen=True):
    """A pool that is smaller than the number of threads that share it, as the settings say.

    ``variable``: the variable of the environment without which the pool has that size; ``unset``: the text says that it is not set. ``working``: how many
    threads run a statement, where they are as many as the pool has connections.
    """

    pool: int
    users: int
    evidence: tuple[Evidence, ...]
    variable: str | None = None
    unset: bool = False
    noun: str = "thread"
    working: int = 0

    @property
    def words(self) -> str:
        """``25 threads share a pool of 5 connections (as DB_POOL is not set)``."""
        why = ""
        if self.variable is not None:
            why = say(" (as {name} is not set)", name=self.variable) if self.unset else say(" (if {name} is not set)", name=self.variable)
        return say(
            "{threads} share a pool of {connections}{why}{working}",
            threads=self.threads,
            connections=plural(self.pool, "connection"),
            why=why,
            working=say(
                ", and {threads} run a statement: all that it has is in use, and none was lost", threads=plural(self.working, "thread")
            )
            if self.working
            else "",
        )

    @property
    def threads(self) -> str:
        """``25 threads``."""
        return plural(self.users, "request") if self.noun == "request" else plural(self.users, "thread")

    @property
    def sure(self) -> bool:
        """False for a size that a variable may have changed, and for requests that somebody counted: not all of them need a connection."""
        return self.noun == "thread" and (self.variable is None or self.unset)


class Batch(msgspec.Struct, frozen=True):
    """A batch that took longer than the limit between two polls."""

    took: float
    limit: float
    records: int
    each: float | None
    is_set: bool
    evidence: Evidence

    @property
    def words(self) -> str:
        """``a batch of 500 took about 499 s (998 ms each), and max.poll.interval.ms allows 300 s``."""
        each = say(" ({each:g} ms each)", each=self.each) if self.each is not None else ""
        default = "" if self.is_set else say(" where nothing else is set")
        return say(
            "a batch of {records:,} took about {took:,.0f} s{each}, and max.poll.interval.ms allows {limit:,.0f} s{default}",
            records=self.records,
            took=self.took,
            each=each,
            limit=self.limit,
            default=default,
        )


def small_pool(incident: Incident, lent: float | None, figure: str = "pool") -> Sizes | None:
    """The pool that the settings make smaller than its threads; None where they do not, or where the pool's own figure ``lent`` is another one.

    ``figure``: "route" for the connections that a client of HTTP has for each service.
    """
    settings = [event for event in near(incident) if event.kind is LogKind.SIZE]
    pools = [event for event in settings if event.figure(figure) is not None]
    users = [event for event in settings if event.figure("users") is not None]
    if len({_size(event, figure) for event in pools}) > 1 or not users or not (pools or lent):
        return None
    most = max(users, key=lambda event: event.figure("users") or 0)
    size = _size(pools[0], figure) if pools else int(lent or 0)
    number = int(most.figure("users") or 0)
    if number <= size or (lent and pools and int(lent) != size):
        return None
    variable = pools[0].subject if pools else None
    unset = any(event.subject == variable and not event.figures for event in settings)
    shown = [*([(pools[0], say("the pool has {connections}", connections=plural(size, "connection")))] if pools else [])]
    sizes = Sizes(size, number, (), variable, unset, most.subject or "thread")
    shown.append((most, say("{threads} share it", threads=sizes.threads)))
    return msgspec.structs.replace(sizes, evidence=tuple(Evidence(event.where, says, ()) for event, says in shown))


def lent_at_most(event: LogEvent) -> float | None:
    """How many connections a pool has at most, as its own line says."""
    total = event.figure("total")
    return total + (event.figure("overflow") or 0) if total is not None else None


def _size(event: LogEvent, figure: str) -> int:
    return int((event.figure(figure) or 0) + (event.figure("overflow") or 0))


def _by_settings(told: Sequence[LogEvent], limits: Sequence[float]) -> Batch | None:
    """A batch by how many records come at once and how long each takes, where the text says both."""
    at_once = next((event for event in told if event.figure("records") is not None), None)
    each = next((event for event in told if event.figure("each") is not None), None)
    if at_once is None or each is None:
        return None
    records, one, limit = at_once.figure("records") or 0, each.figure("each") or 0, limits[-1] if limits else POLL_INTERVAL
    took = records * one / 1000
    if took <= limit:
        return None
    says = say("a batch of {records:,} takes {took:,.0f} s", records=int(records), took=took)
    return Batch(took, limit, int(records), one, bool(limits), Evidence(each.where, says, ()))


def long_batch(incident: Incident) -> Batch | None:
    """The batch that took longest, where that is longer than a consumer may be away."""
    told = [event for event in near(incident) if event.kind is LogKind.BATCH]
    limits = [limit for event in told if (limit := event.figure("limit"))]
    longest = max((event for event in told if event.figure("took")), key=lambda event: event.figure("took") or 0, default=None)
    if longest is None:
        return _by_settings(told, limits)
    took, records, limit = longest.figure("took") or 0, int(longest.figure("records") or 0), limits[-1] if limits else POLL_INTERVAL
    if took <= limit:
        return None
    says = say("a batch of {records:,} took about {took:,.0f} s", records=records, took=took)
    return Batch(took, limit, records, longest.figure("each"), bool(limits), Evidence(longest.where, says, ()))
