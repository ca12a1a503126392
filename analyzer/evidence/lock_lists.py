"""Threads of which a debugger's list shows the innermost frame alone: that they wait for a lock, and neither which one nor who has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.doing import caller
from analyzer.evidence.multiples import names_of
from analyzer.model.message import joined, plural, say
from analyzer.software.blockers import waited_lock
from analyzer.software.kinds import ActivityKind
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.model.message import Message
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import ProcessView

FEWEST: Final = 2
_NAMED: Final = 2
"""Places in code that a sentence holds."""


def listed(view: ProcessView) -> tuple[Sequence[ThreadActivity], Message] | None:
    """The threads of a debugger's list that wait for locks which nothing here names, and what is known of them; None where each has its whole stack."""
    if view.dump is None or view.dump.runtime is not Runtime.NATIVE:
        return None
    waiting = [
        member
        for pool in view.pools
        for member in pool.members
        if member.activity.kind is ActivityKind.LOCK and waited_lock(member.thread) is None
    ]
    bare = [member for member in waiting if len(member.thread.frames) == 1]
    if len(waiting) < FEWEST or not bare:
        return None
    told = [member for member in waiting if len(member.thread.frames) > 1 and caller(member) is not None]
    places = [say("{name} in {frame}", name=names_of([member]), frame=caller(member)) for member in told[:_NAMED]]
    return waiting, say(
        "{threads} ({names}) wait, without a timeout, for a lock{places}; who holds it, and whether it is one lock for all of them, is not here. The lock's owner (p mutex.__data.__owner) and the stacks of all threads (thread apply all bt) tell",
        threads=plural(len(waiting), "thread"),
        names=names_of(waiting),
        places=say(", {list}", list=joined(", ", places)) if places else "",
    )
