"""Who took something of a pool and did not give it back, as the pool's own watch wrote it to a log."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from analyzer.evidence.log_events import Told, of_pool, of_this_moment, site_of
from analyzer.model.message import plural, say
from parsers.records import Frame, LogKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzer.contention.leases import Shortage
    from analyzer.software.knowledge import Knowledge, Lender
    from parsers.records import LogEvent


class Leaker(msgspec.Struct, frozen=True):
    """The line of the watch, how many there are, the application's frame that took what is missing, and the one between that all others take it by."""

    told: Told
    lines: int
    site: Frame
    through: Frame | None = None

    @property
    def words(self) -> str:
        """``c.e.Export.open(Export.java:67) took one and did not give it back, as the pool's own watch says in 3 lines``."""
        often = say(" in {lines}", lines=plural(self.lines, "line")) if self.lines > 1 else ""
        through = say(" through {frame}", frame=self.through.call) if self.through is not None else ""
        return say(
            "{site} took one{through} and did not give it back, as the pool's own watch says{often}",
            site=self.site,
            through=through,
            often=often,
        )


@lru_cache(maxsize=16)  # the sentences, the actions and the culprit ask
def leaker_of(shortage: Shortage) -> Leaker | None:
    """Who a pool's own watch names, if no thread is seen to use what is lent."""
    if shortage.users or shortage.nested:
        return None
    known = shortage.view.known
    common = _common(member.thread.frames for member in shortage.members)
    told = _leaks(shortage)
    named = [(one, site) for one in told if (site := _site(one.event, known, common)) is not None]
    if not named:
        return None
    site = max(named, key=lambda pair: sum(one.lines for one, other in named if other == pair[1]))[1]
    of_site = [one for one, other in named if other == site]
    first = site_of(of_site[0].event, known)
    return Leaker(of_site[0], sum(one.lines for one in of_site), site, first if first != site else None)


def _leaks(shortage: Shortage) -> tuple[Told, ...]:
    """The lines of the lender's own watch, and those whose stacks take from it: a pool is built on another's, which writes the line."""
    named = of_pool(shortage.case.incident, shortage.lender.software, LogKind.LEAK)
    others = (one for one in of_this_moment(shortage.case.incident) if one.event.kind is LogKind.LEAK and one not in named)
    return (*named, *(one for one in others if _takes_from(one.event, shortage.lender)))


def _takes_from(event: LogEvent, lender: Lender) -> bool:
    return any(frame.full in lender.frames for frame in event.frames) and (
        not lender.through or any(frame.cls.startswith(lender.through) for frame in event.frames)
    )


def _common(stacks: Iterable[tuple[Frame, ...]]) -> frozenset[str]:
    """The methods that stand on all of the stacks: by them everybody takes what the pool lends."""
    calls = [frozenset(frame.full for frame in frames) for frames in stacks]
    return frozenset.intersection(*calls) if calls else frozenset()


def _site(event: LogEvent, known: Knowledge, common: frozenset[str]) -> Frame | None:
    """The first frame of the application that is no method by which the waiters take, too; where all are, the first."""
    first = site_of(event, known)
    if first is None or not known.is_application(first.cls):
        return first
    own = (frame for frame in event.frames if known.is_application(frame.cls) and frame.full not in common)
    return next(own, first)
