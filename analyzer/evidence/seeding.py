"""Threads of a JVM that wait for random numbers: one reads the source of entropy, others wait behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.chosen_threads import chosen
from analyzer.evidence.doing import reported
from analyzer.software.kinds import ActivityKind
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Setting

FEWEST: Final = 3
"""Threads that wait: one or two are seeding at start-up."""
ENOUGH: Final = 128
"""Bits of entropy: /dev/random of kernels before 5.6 keeps its readers waiting at half of this (``read_wakeup_threshold``); later ones always tell 256 or more."""
_SEED: Final = ("sun.security.provider.NativePRNG", "sun.security.provider.SeedGenerator", "sun.security.provider.NativeSeedGenerator")
_READS: Final = frozenset({"readFully", "implGenerateSeed", "ensureBufferValid", "getSeedBytes", "readBytes", "fillBuffer"})


class Seeding(msgspec.Struct, frozen=True):
    """Threads of a process that wait for a seed: ``readers`` read the source, ``behind`` wait for them.

    ``pool``: how much entropy the kernel has, if that was asked and is little. ``lasting``: the readers are those that stood there in the dump before. ``whole``: all threads of some pool wait.
    """

    view: ProcessView
    readers: tuple[ThreadActivity, ...]
    behind: tuple[ThreadActivity, ...]
    waiting: int
    lasting: bool
    whole: bool
    pool: Setting | None = None

    @property
    def few(self) -> bool:
        """True if they are too few to be more than seeding at start-up, and nothing else says that it takes long."""
        return self.waiting < FEWEST and self.pool is None and not any(map(reported, self.readers))


def seeding(case: Case) -> Iterator[Seeding]:
    """One per process with enough such threads, or with some that somebody picked out of a dump."""
    for view in case.latest:
        if view.known.runtime is not Runtime.JVM:
            continue
        everyone = [member for pool in view.pools for member in pool.members]
        members = [member for member in everyone if any(frame.cls.startswith(_SEED) for frame in member.thread.frames)]
        readers = [member for member in members if _reads(member)]
        if readers and (len(members) >= FEWEST or chosen(case, view)):
            stood = _stood_before(case, view)
            lasting = [one for one in readers if (one.thread.name, one.thread.frames) in stood]
            shown = tuple(lasting or readers)
            behind = tuple(member for member in members if member not in shown)
            whole = any(len(pool.members) >= FEWEST and all(member in members for member in pool.members) for pool in view.pools)
            yield Seeding(view, shown, behind, len(members), bool(lasting), whole, _short(case))


def _short(case: Case) -> Setting | None:
    """The kernel's own count of its entropy, if it is below what it wakes readers at."""
    found = case.counts.setting("kernel.random.entropy_avail")
    return found if found is not None and found.values[0] < ENOUGH else None


def _stood_before(case: Case, view: ProcessView) -> set[tuple[object, ...]]:
    """Names and stacks of the dump before."""
    before = [other for other in case.history(view)[:-1] if other.dump is not None]
    return {(member.thread.name, member.thread.frames) for pool in before[-1].pools for member in pool.members} if before else set()


def _reads(member: ThreadActivity) -> bool:
    """True for a thread that reads the source itself: file input above a seed's frame."""
    reading = member.activity.kind in {ActivityKind.FILE_IO, ActivityKind.RUNNING}
    return reading and any(frame.method in _READS for frame in member.thread.frames[:6])
