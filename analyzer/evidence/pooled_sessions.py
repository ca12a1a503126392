"""Idle sessions that a query counted and that pools of connections keep open: many who see them fear a leak."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from analyzer.evidence.log_events import near, of_this_moment
from analyzer.evidence.sessions import SERVERS
from analyzer.model.message import plural, say
from parsers.records import LogKind, SessionState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.evidence.log_events import Told
    from analyzer.waits.case import Case
    from parsers.records import SessionCount

_SEVERAL: Final = 2
_WELL: Final = 0.8
"""Share of the places of a server up to which nobody is near its limit."""


def kept_by_pools(case: Case, server: str, counts: Sequence[SessionCount]) -> str | None:
    """That all idle sessions are those that pools keep open; None where a session waits, has an open transaction, or a pool says that others are lent."""
    if any(one.state not in {SessionState.IDLE, SessionState.ACTIVE} for one in counts):
        return None
    idle = [one for one in counts if one.state is SessionState.IDLE]
    number = sum(one.count for one in idle)
    each = Counter[str]()
    for one in idle:
        each[one.client or ""] += one.count
    told = [
        one
        for one in of_this_moment(case.incident)
        if one.event.kind in {LogKind.POOL_FREE, LogKind.POOL_EMPTY, LogKind.SLOTS, LogKind.LEAK}
    ]
    free = next((one for one in told if one.event.kind is LogKind.POOL_FREE), None)
    equal = len(each) >= _SEVERAL and "" not in each and len(set(each.values())) == 1
    if number < _SEVERAL or any(one.event.kind is not LogKind.POOL_FREE for one in told):
        return None
    if free is not None and not _fits(free, each):
        return None
    places = _places(case, sum(one.count for one in counts))
    if places is None or (free is None and not equal and not places):
        return None
    return say(
        "{sessions} of {server} are idle{outside}{each}: {pool}{places}",
        sessions=plural(number, "session"),
        server=SERVERS.get(server, server),
        outside=say(", outside of a transaction") if server == "postgresql" else "",
        each=say(", {number} for each of {clients}", number=max(each.values()), clients=plural(len(each), "client")) if equal else "",
        pool=_of_pool(free),
        places=places,
    )


def _fits(free: Told, each: Counter[str]) -> bool:
    """True if no client has more sessions than its pool has, and the pool has lent none that rests."""
    total, active = free.event.figure("total"), free.event.figure("active")
    return total is not None and active == 0 and (max(each.values()) <= total or "" in each)


def _of_pool(free: Told | None) -> str:
    if free is None:
        return say(
            "so look connections that pools keep open for their next calls; a leak would show in the numbers of the pool itself (active, idle)"
        )
    return say(
        "those are the connections that pools keep open for their next calls; {pool} itself says that {idle:,.0f} of its {total:,.0f} are idle and none is lent: no leak is seen in it",
        pool=" ".join(filter(None, (free.event.source, free.event.subject))),
        idle=free.event.figure("idle") or 0,
        total=free.event.figure("total") or 0,
    )


def _places(case: Case, number: int) -> str | None:
    """How far all sessions together are from the server's limit, where the text shows it; None where they are near."""
    limits = [places for event in near(case.incident) if event.kind is LogKind.SIZE and (places := event.figure("places"))]
    if len(set(limits)) != 1:
        return ""
    if number > _WELL * limits[0]:
        return None
    return say(", and the server has places for {limit:,.0f}", limit=limits[0])
