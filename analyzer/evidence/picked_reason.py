"""What the one thread waits for that somebody picked to go with a table: it was picked because it shows the trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from analyzer.evidence.chosen_threads import chosen
from analyzer.evidence.citations import of_threads
from analyzer.evidence.doing import doing
from analyzer.model.message import say
from analyzer.software.blockers import IDLE, application_frame, blocking_frame
from analyzer.software.kinds import ActivityKind

if TYPE_CHECKING:
    from analyzer.model.finding import Evidence
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case
    from parsers.records import Frame


class PickedReason(msgspec.Struct, frozen=True):
    """The thread, in words what it does, where in the application, and its stack."""

    member: ThreadActivity
    words: str
    frame: Frame
    evidence: Evidence


def picked_reason(case: Case) -> PickedReason | None:
    """The only thread at hand, if it was picked and waits in code of the application; None where more are shown, or a whole dump."""
    members = [member for view in case.latest if view.dump is not None for pool in view.pools for member in pool.members]
    views = [view for view in case.latest if view.dump is not None]
    if len(members) != 1 or not chosen(case, views[0]) or members[0].activity.kind in IDLE | {ActivityKind.RUNNING}:
        return None
    (member,) = members
    frame, call = application_frame(*member), blocking_frame(*member)
    words = doing(member, call, several=False) if call is not None else None
    if frame is None or words is None:
        return None
    says = say("“{name}” {does}, called from {frame}", name=member.thread.label, does=words, frame=frame)
    return PickedReason(member, says, frame, of_threads((member,), says))
