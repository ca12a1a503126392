"""Progress between two dumps: which threads stand on the same stack still, and whether they worked in between.

Equal stacks alone prove no standstill: a busy pool serves one request after the other in the same place. The CPU time in the thread's header
(JDK 11 and later) tells: a thread that used none has not finished anything.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeGuard

import msgspec

from analyzer.evidence.growth import seconds_apart, seconds_between
from analyzer.model.message import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.join.process import ProcessView
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ServerPool
    from parsers.records import Thread

NO_CPU: Final = 0.001
"""Seconds of CPU that count as none: taking the dump itself costs a thread some microseconds."""
MOST: Final = 0.8
"""Share of the threads that must stand still for a sentence about them."""


class Standing(msgspec.Struct, frozen=True):
    """Of ``of`` threads, ``same`` stood on the same stack in the dump ``before``; ``idle`` of these used no CPU since, None if no header tells.

    ``served``: those that stood there for another request, by its address. They are none of the same.
    """

    before: ProcessView
    same: int
    of: int
    idle: int | None
    seconds: float | None
    served: int = 0


def stand(thread: Thread) -> tuple[object, ...]:
    """A thread and where it stands. Native ids are used again after a thread ends; with the name and the stack that is no matter."""
    return thread.name, thread.native_id, tuple(frame.full for frame in thread.frames)


def standing(case: Case, view: ProcessView, members: Sequence[ThreadActivity]) -> Standing | None:
    """The members compared with the last dump before; None if there is none."""
    history = case.history(view)
    earlier = [other for other in history[: history.index(view)] if other.dump is not None]
    if not earlier or earlier[-1].dump is None:
        return None
    then = _stands(earlier[-1])
    met = [(then[key], member.thread) for member in members if (key := stand(member.thread)) in then]
    pairs = [(before, now) for before, now in met if now.request == before.request or None in {now.request, before.request}]
    used = [now.cpu - before.cpu for before, now in pairs if now.cpu is not None and before.cpu is not None]
    idle = sum(one <= NO_CPU for one in used) if used else None
    return Standing(earlier[-1], len(pairs), len(members), idle, _seconds_since(earlier[-1], view), len(met) - len(pairs))


def _seconds_since(before: ProcessView, view: ProcessView) -> float | None:
    """Seconds between two dumps by their own times, else by their snapshots': a snapshot may have an artifact of another day, too."""
    apart = seconds_apart(before.dump.time if before.dump else None, view.dump.time if view.dump else None)
    return seconds_between(before.snapshot, view.snapshot) if apart is None else apart


@lru_cache(maxsize=64)  # every pool of a process is compared with the same dump
def _stands(view: ProcessView) -> dict[tuple[object, ...], Thread]:
    """The threads of a dump by where they stand."""
    return {stand(thread): thread for thread in view.dump.threads} if view.dump else {}


def has_stood(found: Standing | None) -> TypeGuard[Standing]:
    """True if most of the threads stood in the same place in the dump before, and did not work in between."""
    return found is not None and found.same >= MOST * found.of and (found.idle is None or found.idle >= MOST * found.same)


def progress_text(found: Standing | None) -> str:
    """One sentence, empty if the threads have not stood since the dump before."""
    if not has_stood(found):
        return ""
    who = say("All of them") if found.same == found.of else say("{same} of them", same=found.same)
    when = say(", {seconds:.0f} seconds earlier", seconds=found.seconds) if found.seconds else ""
    cpu = ""
    if found.idle is not None:
        used = say("have used no CPU since") if found.idle == found.same else say("{idle} have used no CPU since", idle=found.idle)
        cpu = say("{comma} and {used}", comma="," if when else "", used=used)
    return say(" {who} stood on the same stack in the dump before{when}{cpu}.", who=who, when=when, cpu=cpu)


def moved_on(found: Standing | None) -> bool:
    """True if most of the threads worked since the dump before, or serve other requests than then: the pool is slow rather than stuck."""
    if found is not None and found.served and found.served >= MOST * found.of:
        return True
    return found is not None and found.idle is not None and found.same > 0 and found.idle < (1 - MOST) * found.same


def only_busy(case: Case, serving: ServerPool) -> bool:
    """True if nobody suffers and the threads have worked since the dump before: one request after the other, in the same place."""
    return not serving.pressure.exists and moved_on(standing(case, serving.view, (*serving.waiters, *serving.direct)))


def all_still(members: Iterable[ThreadActivity], earlier: Iterable[ProcessView]) -> int:
    """How many members stood in the same place in any of the earlier dumps, and used no CPU since, where headers tell."""
    then = [_stands(view) for view in earlier]
    return sum(
        any((one := stands.get(stand(member.thread))) is not None and not _worked(one, member.thread) for stands in then)
        for member in members
    )


def all_worked(members: Iterable[ThreadActivity], earlier: Sequence[ProcessView]) -> int:
    """How many members stand in the same place as in the dump before, and used CPU in between."""
    stands = _stands(earlier[-1]) if earlier else {}
    return sum((one := stands.get(stand(member.thread))) is not None and _worked(one, member.thread) for member in members)


def _worked(before: Thread, now: Thread) -> bool:
    return now.cpu is not None and before.cpu is not None and now.cpu - before.cpu > NO_CPU
