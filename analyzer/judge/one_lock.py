"""That threads which stand in different calls wait for one lock: each sentence about a call alone would hide it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.message import say
from analyzer.software.blockers import waited_lock
from parsers.records import LockVerb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from analyzer.software.pools import ThreadActivity

_MINUTE: Final = 60
_ENTERS: Final = frozenset({LockVerb.WAITING_TO_LOCK, LockVerb.RELOCKING})


def one_lock(groups: Mapping[object, Sequence[ThreadActivity]], who: Callable[[Sequence[ThreadActivity]], str]) -> Iterator[str]:
    """That threads which stand in different calls wait for one lock, and for how long."""
    by_lock: dict[str, list[Sequence[ThreadActivity]]] = {}
    for group in groups.values():
        lock = waited_lock(group[0].thread)
        if lock is not None and lock.verb in _ENTERS and lock.address:
            by_lock.setdefault(lock.address, []).append(group)
    for address, several in by_lock.items():
        members = [member for group in several for member in group]
        lock = waited_lock(members[0].thread)
        longest = max((member.thread.waited or 0.0 for member in members), default=0.0)
        if len(several) > 1 and lock is not None:
            yield say(
                "{who} wait for one lock, {lock} {address}{since}",
                who=who(members),
                lock=lock.cls or say("of a class that is not printed"),
                address=address,
                since=say(", the longest for {minutes:.0f} minutes", minutes=longest / _MINUTE) if longest >= _MINUTE else "",
            )
