"""A thread that hands out work and waits until a worker of its pool is free: none of them is, and nothing more is started meanwhile.

org.quartz.simpl.SimpleThreadPool.blockForAvailableThreads
org.apache.tomcat.util.threads.ThreadPool.findControlRunnable
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from analyzer.evidence.citations import of_threads
from analyzer.model.message import say
from analyzer.software.kinds import ActivityKind
from analyzer.software.named_waits import worker_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.model.finding import Evidence
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import ProcessView
    from parsers.records import Frame


class Dispatcher(msgspec.Struct, frozen=True):
    """The thread and the frame whose name says what it waits for."""

    member: ThreadActivity
    frame: Frame

    @property
    def evidence(self) -> Evidence:
        """Its stack."""
        return of_threads((self.member,), say("it waits for a free worker"))


def dispatcher_of(view: ProcessView, workers: Sequence[ThreadActivity]) -> Dispatcher | None:
    """The thread that waits for one of these workers to be free: the only one that waits so, and code of its package runs theirs."""
    found = [
        Dispatcher(member, frame)
        for pool in view.pools
        for member in pool.members
        if (frame := worker_frame(member.thread.frames)) is not None
    ]
    if len(found) != 1 or not workers or _of_another(found[0].member.thread.name, workers[0].thread.name):
        return None
    package = found[0].frame.cls.rpartition(".")[0]
    idle = (member for pool in view.pools for member in pool.members if member.activity.kind is ActivityKind.IDLE)
    if any(member.thread is not found[0].member.thread and _runs(member, package) for member in idle):
        return None  # a worker of it is free
    return found[0] if _runs(workers[0], package) else None


def _runs(member: ThreadActivity, package: str) -> bool:
    """True if code of that package runs the thread."""
    return any(frame.cls.startswith(package) for frame in member.thread.frames)


def _of_another(dispatcher: str | None, worker: str | None) -> bool:
    """True for names that begin with two pools' own: ``night_Scheduler`` and ``day_Worker-7``."""
    one, other = ((name or "").partition("_") for name in (dispatcher, worker))
    return bool(one[1]) and bool(other[1]) and one[0] != other[0]
