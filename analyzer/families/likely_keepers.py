"""Just as many threads stand in one call as the pool has connections: very likely each keeps one meanwhile.

No stack shows who has a connection. A pool that leaks, or sessions that others took, look the same where the numbers agree by chance.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.doing import doing
from analyzer.evidence.log_events import of_pool
from analyzer.evidence.multiples import multiple
from analyzer.evidence.settings_beside import lent_at_most, small_pool
from analyzer.model.message import plural, say
from analyzer.software.blockers import application_frame, blocking_frame
from analyzer.software.kinds import ActivityKind
from parsers.records import Counted

if TYPE_CHECKING:
    from analyzer.contention.leases import Shortage
    from analyzer.software.pools import ThreadActivity
    from parsers.records import Frame

_FEWEST: Final = 3
"""Connections of a pool from which on an equal number is no accident."""
_AT_WORK: Final = frozenset({ActivityKind.NONE, ActivityKind.RUNNING, ActivityKind.LEASE})


class Keepers(msgspec.Struct, frozen=True):
    """Threads in one call, how many they are with those that the text counts, and the size of the pool, which is the same."""

    members: tuple[ThreadActivity, ...]
    size: int

    @property
    def site(self) -> Frame | None:
        """The application's function that makes the call."""
        return application_frame(*self.members[0])

    @property
    def words(self) -> str:
        """``just 5 threads wait for an answer in …, called from …, and the pool has 5 connections: most likely these have them``."""
        first, site = self.members[0], self.site
        frame = blocking_frame(*first) or first.thread.frames[0]
        return say(
            "just {threads} {what}{called}, and the pool has {connections}: most likely these have them meanwhile",
            threads=plural(self.size, "thread"),
            what=doing(first, frame, several=True) or say("are in {frame}", frame=frame.call),
            called=say(", called from {frame}", frame=site) if site is not None and site != frame else "",
            connections=plural(self.size, "connection"),
        )


def as_many_as_lent(shortage: Shortage) -> Keepers | None:
    """The only group of threads in one call that is as large as the pool, where nobody is seen to use a connection."""
    size = _size(shortage)
    if size is None or size < _FEWEST or shortage.users:
        return None
    groups: dict[Frame, list[ThreadActivity]] = defaultdict(list)
    for member in shortage.busy:
        site = application_frame(*member)
        if site is not None and member.activity.kind not in _AT_WORK:
            groups[site].append(member)
    found = [group for group in groups.values() if _number(shortage, group) == size]
    return Keepers(tuple(found[0]), size) if len(found) == 1 else None


def _number(shortage: Shortage, group: list[ThreadActivity]) -> int:
    more = multiple(shortage.case, group)
    return more.number if more is not None else len(group)


def _size(shortage: Shortage) -> int | None:
    """How many connections the pool has: by its own line, by the settings beside the threads, or as the text says."""
    own = [lent_at_most(told.event) for told in of_pool(shortage.case.incident, shortage.lender.software)]
    sizes = small_pool(shortage.case.incident, None)
    told = {int(one) for one in own if one} or {one.last.count for one in shortage.case.counts.of(Counted.LENT)}
    if sizes is not None:
        told.add(sizes.pool)
    return told.pop() if len(told) == 1 else None
