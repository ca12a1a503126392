"""Threads inside a transaction, or a block that has a connection, while they wait for something else: they keep what others wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.contention.leases import lender_of
from analyzer.software.blockers import IDLE
from analyzer.software.kinds import ActivityKind, PoolRole
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.software.knowledge import Knowledge
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import ProcessView
    from parsers.records import Frame


def scope_of(member: ThreadActivity, known: Knowledge) -> Frame | None:
    """The frame of the transaction or block around what a thread of the application waits for; None where it waits for nothing, or for the database itself."""
    found = member.activity
    if found.app < 0 or found.kind in IDLE | {ActivityKind.RUNNING, ActivityKind.NONE} or found.library in known.databases:
        return None
    if lender_of(member, known) is not None:
        return None
    scopes = frozenset(known.tables.held.scope)
    return next((frame for frame in member.thread.frames[found.app :] if frame.full in scopes), None)


def keepers(view: ProcessView) -> tuple[ThreadActivity, ...]:
    """The threads of a process that keep a connection so."""
    return tuple(
        member
        for pool in view.pools
        if pool.role is not PoolRole.JVM
        for member in pool.members
        if scope_of(member, view.known) is not None
    )


def past_line(waiters: Sequence[ThreadActivity], owner: ThreadActivity) -> bool:
    """True if a thread is in the same method of the application as those that wait, at a later line: it has passed what they wait for."""
    for member in waiters:
        app = member.thread.frames[member.activity.app] if member.activity.app >= 0 else None
        if app is None or app.line is None:
            return False
        if not any(frame.full == app.full and (frame.line or 0) > app.line for frame in owner.thread.frames):
            return False
    return True


def waits_itself(view: ProcessView, owner: ThreadActivity) -> bool:
    """True if a thread stands still in code of Python that calls nothing which the stack shows: it takes a lock, maybe one that it has."""
    return view.known.runtime is Runtime.PYTHON and owner.activity.kind == ActivityKind.WAITING and owner.activity.app == 0
