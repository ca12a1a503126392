"""Lent connections of which only a number is here: as many as a service has closed and this side has not, beside picked threads that wait for one.

A pool that lends such a connection again would notice; that nobody reads from them, or that they are as many as the pool may lend, shows whose they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.contention.blocked_group import judge
from analyzer.evidence.log_events import near
from analyzer.evidence.multiples import looked_for
from analyzer.model.finding import Confidence, Evidence
from analyzer.model.message import plural, say
from parsers.records import Counted, LogKind, TcpState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.contention.leases import Shortage
    from parsers.records import Endpoint, Tally

FEWEST: Final = 2
"""Closed connections that may be all that a pool lends to one service: the default of HttpClient 4."""
MANY: Final = 10
"""Closed connections that are no chance, whatever the pool may lend."""
_READS: Final = ("socketRead", "SocketInputStream", "SocketDispatcher.read", "NioSocketImpl", "SocketChannelImpl.read")
"""What stands in the stack of a thread that reads from a service."""


class Closed(msgspec.Struct, frozen=True):
    """Connections to ``remote`` that the service has closed: those that are lent.

    ``limit``: as many as the pool may lend to one service; ``unread``: the count by which no thread reads.
    """

    number: int
    remote: Endpoint
    tally: Tally
    limit: bool
    unread: Tally | None

    @property
    def words(self) -> str:
        """``the lent ones are the 50 connections to pay:9000 in CLOSE_WAIT: …``."""
        return say(
            "the lent ones seem to be the {connections} to {remote} in CLOSE_WAIT, {limit}which the service has closed and this side has not: the responses were never closed",
            connections=plural(self.number, "connection"),
            remote=self.remote,
            limit=say("as many as the pool may lend, ") if self.limit else "",
        )

    @property
    def explained(self) -> str:
        """What the numbers say."""
        unread = (
            say(" No thread stands in {word} (0 were counted), so nobody reads from them.", word=looked_for(self.unread.command or ""))
            if self.unread is not None
            else ""
        )
        return say(
            " {connections} to {remote} in CLOSE_WAIT were counted.{unread} A path that leaves without closing the response (another status, an exception) keeps the connection for ever; the service is not what they wait for, and a larger pool only lasts longer.",
            connections=plural(self.number, "connection"),
            remote=self.remote,
            unread=unread,
        )

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The lines with the numbers."""
        says = say(
            "{connections} to {remote} are closed by the service alone", connections=plural(self.number, "connection"), remote=self.remote
        )
        found = [Evidence(self.tally.where, says, (str(self.tally.count),))]
        if self.unread is not None:
            found.append(Evidence(self.unread.where, say("no thread reads from a service"), (str(self.unread.count),)))
        return tuple(found)

    def judged(self, doubts: Sequence[str]) -> tuple[Confidence, str]:
        """How sure it is that these are the lent ones."""
        proof = say("The stacks show the wait, and numbers what the service has closed.")
        if not (self.limit or self.unread is not None):
            return judge(doubts, proof, other_cause=say("that these connections are the pool's rests on their number alone"))
        return judge([*doubts, say("numbers do not say which pool the connections are of")], proof)


def _reads(shortage: Shortage) -> list[Tally]:
    """How many threads of the dump read from a service, as commands counted."""
    lines = (*shortage.case.counts.of(Counted.LINES), *shortage.case.counts.of(Counted.THREADS))
    return [one.last for one in lines if any(word in (one.last.command or "") for word in _READS)]


def nobody_reads(shortage: Shortage) -> Tally | None:
    """The count by which no thread of the dump reads from a service, beside picked threads that wait for a connection; None where none was taken."""
    reads = _reads(shortage) if shortage.few and not shortage.users else []
    return reads[0] if reads and not any(one.count for one in reads) and looked_for(reads[0].command or "") else None


def of_reads(unread: Tally | None) -> tuple[Evidence, ...]:
    """That count as evidence."""
    return (Evidence(unread.where, say("no thread reads from a service"), (str(unread.count),)),) if unread is not None else ()


def closed_leases(shortage: Shortage) -> Closed | None:
    """The connections that were counted as closed by the only service of which such were; None where rows or threads tell more."""
    if not shortage.few or shortage.users or shortage.rows:
        return None
    counts = shortage.case.counts
    gone = [
        (one, end)
        for one in counts.of(Counted.SOCKETS, TcpState.CLOSE_WAIT)
        if (end := one.last.remote or (one.last.end if one.last.local is None else None)) is not None
        and end.port is not None
        and end.port not in shortage.view.listeners
    ]
    reads = _reads(shortage)
    if len({end for _, end in gone}) != 1 or any(one.count for one in reads):
        return None
    (one, remote), unread = gone[0], next((read for read in reads if looked_for(read.command or "")), None)
    sizes = {event.figure("route") for event in near(shortage.case.incident) if event.kind is LogKind.SIZE}
    lent = {count.last.count for count in counts.of(Counted.LENT)} | {int(size) for size in sizes if size}
    found = Closed(one.number, remote, one.last, one.number in lent, unread)
    return found if one.number >= (FEWEST if found.limit or unread is not None else MANY) else None
