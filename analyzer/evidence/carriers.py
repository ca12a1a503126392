"""Carrier threads of a JVM that pinned virtual threads hold: each waits without letting go of its carrier (JEP 444)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.finding import Evidence
from analyzer.model.message import say
from analyzer.software.blockers import activity, application_frame
from analyzer.software.pools import ThreadActivity, ThreadSet
from parsers.records import JavaState, LockVerb, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame, Thread


_RUNS: Final = "VirtualThread.runContinuation"


class Pinned(msgspec.Struct, frozen=True):
    """Virtual threads of a process that hold all of its carriers, first the one that the others wait for; ``queued`` others have never run."""

    view: ProcessView
    threads: tuple[ThreadActivity, ...]
    carriers: int
    queued: int

    @property
    def frame(self) -> Frame | None:
        """What pins: a class initializer, or the application's frame that waits."""
        first = self.threads[0]
        return next((frame for frame in first.thread.frames if frame.method == "<clinit>"), None) or application_frame(*first)

    def initializer(self) -> Iterator[Evidence]:
        """The line of a class initializer on the first stack."""
        thread = self.threads[0].thread
        for frame, line in zip(thread.frames, thread.frame_lines, strict=False):
            if frame.method == "<clinit>":
                who = say("“{name}”", name=thread.name) if thread.name else say("one of them")
                said = say("{who} runs the initializer of the class that the others wait for", who=who)
                yield Evidence(Where(thread.where.file, line, line), said, (frame.call,))
                return


def pinned_carriers(case: Case) -> Iterator[Pinned]:
    """One per process whose dump shows every carrier, and a waiting virtual thread for each."""
    for view in case.latest:
        threads = view.dump.threads if view.dump else ()
        carriers = [thread for thread in threads if _carries(thread)]
        pool = next((pool for pool in view.pools for member in pool.members if carriers and member.thread is carriers[0]), None)
        mounted = [thread for thread in threads if thread.virtual and (_parks(thread) or (thread.native_id is not None and _waits(thread)))]
        if pool is not None and len(carriers) == len(pool.members) and len(mounted) >= len(carriers):
            pinned = [ThreadActivity(thread, activity(thread, view.known)) for thread in mounted]
            # The one that others wait for stands in a call of its own; those in a class initializer's monitor are its victims.
            pinned.sort(key=lambda one: not _parks(one.thread))
            yield Pinned(view, tuple(pinned), len(carriers), _never_ran(view, pinned))


def _never_ran(view: ProcessView, pinned: list[ThreadActivity]) -> int:
    """Virtual threads without frames. The runtime's own ones that poll sockets have none either: only those count that are like the pinned ones."""
    known = ThreadSet(pinned)
    homes = [home.members for home in view.pools if any(member in known for member in home.members)]
    threads = (member.thread for members in homes for member in members if not member.thread.frames)
    # A dump file does not say which threads are virtual: stacks do, and these have none. A platform thread has a number of the system.
    return sum(1 for thread in threads if thread.virtual or thread.native_id is None)


def _carries(thread: Thread) -> bool:
    """True for a carrier with a virtual thread on it: jstack says so, a dump file shows the frame that runs it."""
    return thread.carrying is not None or (not thread.virtual and any(frame.call == _RUNS for frame in thread.frames[:4]))


def _parks(thread: Thread) -> bool:
    return any(frame.method == "parkOnCarrierThread" for frame in thread.frames)


def _waits(thread: Thread) -> bool:
    """True for a mounted virtual thread that waits: unless something pinned it, it would have been unmounted."""
    return (
        thread.state in {JavaState.BLOCKED, JavaState.WAITING, JavaState.TIMED_WAITING}
        or _parks(thread)
        or any(lock.verb in {LockVerb.CLASS_INIT, LockVerb.WAITING_TO_LOCK, LockVerb.WAITING_ON} for lock in thread.locks)
    )
