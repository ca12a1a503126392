"""Who took something of a pool and did not give it back, as the pool's own watch wrote it to a log."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from analyzer.evidence.log_events import Told, of_pool, site_of
from analyzer.model.message import plural, say
from parsers.records import Frame, LogKind

if TYPE_CHECKING:
    from analyzer.contention.leases import Shortage


class Leaker(msgspec.Struct, frozen=True):
    """The line of the watch, how many there are, and the application's frame that took what is missing."""

    told: Told
    lines: int
    site: Frame

    @property
    def words(self) -> str:
        """``c.e.Export.open(Export.java:67) took one and did not give it back, as the pool's own watch says in 3 lines``."""
        often = say(" in {lines}", lines=plural(self.lines, "line")) if self.lines > 1 else ""
        return say("{site} took one and did not give it back, as the pool's own watch says{often}", site=self.site, often=often)


@lru_cache(maxsize=16)  # the sentences, the actions and the culprit ask
def leaker_of(shortage: Shortage) -> Leaker | None:
    """Who a pool's own watch names, if no thread is seen to use what is lent."""
    if shortage.users or shortage.nested:
        return None
    told = of_pool(shortage.case.incident, shortage.lender.software, LogKind.LEAK)
    named = [(one, site) for one in told if (site := site_of(one.event, shortage.view.known)) is not None]
    if not named:
        return None
    site = max(named, key=lambda pair: sum(one.lines for one, other in named if other == pair[1]))[1]
    of_site = [one for one, other in named if other == site]
    return Leaker(of_site[0], sum(one.lines for one in of_site), site)
