"""Lines of a dump that a command counted, of a frame that is only reached with a connection in hand: how many threads hold one and want a second."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.log_events import of_this_moment
from analyzer.model.finding import Evidence
from analyzer.model.message import plural, say
from parsers.records import Counted, LogKind

if TYPE_CHECKING:
    from analyzer.software.knowledge import Knowledge
    from analyzer.waits.case import Case
    from parsers.records import LogEvent, Tally

_GREP: Final = re.compile(r"\b[efz]?grep\b[^|]{0,200}")


class CountedHolders(msgspec.Struct, frozen=True):
    """Threads that were counted to hold a connection and to want a second one, and what the pool says of its connections: none that others hold is left."""

    tally: Tally
    method: str
    pool: LogEvent

    @property
    def words(self) -> str:
        """``10 lines of the dump have handleExistingTransaction, which …``."""
        waiting = self.pool.figure("waiting")
        return say(
            "{lines} of the dump have {method}, where a thread has a connection already: that is every one of the {total:,.0f} that the pool says it has, all lent{waiting}",
            lines=plural(self.tally.count, "line"),
            method=self.method,
            total=self.pool.figure("total") or 0,
            waiting=say(", with {threads} waiting", threads=plural(int(waiting), "thread")) if waiting else "",
        )

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The count and the pool's own line."""
        return (
            Evidence(self.tally.where, say("lines of {method}", method=self.method), (str(self.tally.count),)),
            Evidence(self.pool.where, say("all connections of the pool are lent"), ("active",)),
        )


def counted_holders(case: Case, software: str, known: Knowledge) -> CountedHolders | None:
    """The counted threads, if they are as many as the pool has connections."""
    methods = {frame.rpartition(".")[2] for frame in known.tables.held.anywhere}
    pools = [one.event for one in of_this_moment(case.incident) if one.event.kind is LogKind.POOL_EMPTY and one.event.source == software]
    pool = next((one for one in pools if one.figure("total") and one.figure("active") == one.figure("total")), None)
    lines = [one for snapshot in case.incident.snapshots for one in snapshot.tallies if one.what is Counted.LINES and one.command]
    for tally in lines if pool is not None else ():
        grep = _GREP.search(tally.command or "")
        method = next((one for one in sorted(methods) if grep is not None and one in grep[0]), None)
        if pool is not None and method is not None and tally.count >= (pool.figure("total") or 0):
            return CountedHolders(tally, method, pool)
    return None
