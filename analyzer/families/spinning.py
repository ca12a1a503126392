"""Threads that compute under one frame in dump after dump, and whether anybody waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind, PoolRole
from analyzer.waits.targets import FEW_CLIENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import NativeId, ThreadUsage

BUSY_SHARE: Final = 0.2
"""CPU per second of clock between dumps: several spinning threads share few processors, and a waiting thread uses none at all."""
CROWD_SHARE: Final = 0.02
"""The same where every thread of a pool computes and clients suffer, if they use a processor together: a collection leaves them less."""
WHOLE: Final = 0.4
"""… together of one processor, on a machine that does other work besides."""
BUSY_PERCENT: Final = 20.0
"""top's figure for a thread, for the same reason; its first round shows the average since the thread began."""
LONG: Final = 10.0
"""Seconds from the first dump to the last: for less a report or a batch computes without anything being wrong."""


class Spin(msgspec.Struct, frozen=True):
    """A thread in the first dump and in the last; ``share``: of a processor between them, ``usage``: its row of top."""

    first: ThreadActivity
    last: ThreadActivity
    share: float | None
    usage: ThreadUsage | None

    @property
    def seconds(self) -> float:
        """From the first dump to the last, by the thread's own clock."""
        return (self.last.thread.elapsed or 0) - (self.first.thread.elapsed or 0)


class Spinning(msgspec.Struct, frozen=True):
    """The spinning threads of a process, seen in so many ``dumps``. ``serves``: a request or the clients of a loop wait for them."""

    view: ProcessView
    spins: tuple[Spin, ...]
    dumps: int
    serves: bool

    @property
    def members(self) -> tuple[ThreadActivity, ...]:
        """The threads in the last dump."""
        return tuple(spin.last for spin in self.spins)

    @property
    def long(self) -> bool:
        """True if a thread has computed for longer than a report takes."""
        return max(spin.seconds for spin in self.spins) >= LONG

    @property
    def known(self) -> bool:
        """True if somebody waits for them: else it may be work that is meant to be long."""
        return self.serves or (self.long and has_clients(self.view))

    @property
    def shares(self) -> list[float]:
        """What each used of a processor between the dumps, where their headers tell."""
        return [spin.share for spin in self.spins if spin.share is not None]

    @property
    def usages(self) -> list[ThreadUsage]:
        """Their rows of top."""
        return [spin.usage for spin in self.spins if spin.usage is not None]

    @property
    def both(self) -> bool:
        """True if dumps and top agree, over more than a report takes."""
        return self.long and any(spin.share is not None and spin.usage is not None for spin in self.spins)

    @property
    def pools(self) -> dict[str, Pool]:
        """Their pools by name."""
        return {pool.name: pool for pool in self.view.pools for member in pool.members if member in self.members}

    @property
    def fills_a_server(self) -> bool:
        """True if no worker of a server's pool does anything else."""
        servers = [pool for pool in self.pools.values() if pool.role == PoolRole.SERVER]
        return any(all(member in self.members for member in pool.workers) for pool in servers)


def spinning_of(case: Case) -> Iterator[Spinning]:
    """One per process of the last snapshot with spinning threads. Where nobody waits for them only those count that compute for long."""
    for view in case.latest:
        if view.dump is None or view.snapshot is not case.incident.snapshots[-1]:
            continue
        dumps = [other for other in case.history(view) if other.dump is not None]
        spins = spinning(case, view, dumps)
        serves = any(in_request(view, spin) for spin in spins) or suffers(case, view)
        if not serves and not has_clients(view):
            spins = [spin for spin in spins if spin.seconds >= LONG]
        if spins:
            yield Spinning(view, tuple(spins), len(dumps), serves)


def spinning(case: Case, view: ProcessView, dumps: Sequence[ProcessView]) -> list[Spin]:
    """The threads of the last dump that stand under one frame of the application in all dumps, and use the processor."""
    running = [_running(other) for other in dumps]
    usages = {usage.native_id: usage for usage in reversed(dumps[-1].snapshot.usages)}
    least = CROWD_SHARE if _is_crowded(case, view) else BUSY_SHARE
    spins = [spin for member in _running(view).values() if (spin := _judge(member, running, usages, least)) is not None]
    if sum(spin.share or 0 for spin in spins) < WHOLE:
        return [spin for spin in spins if spin.share is None or spin.share >= BUSY_SHARE]
    return spins


def in_request(view: ProcessView, spin: Spin) -> bool:
    """True if the thread serves a request, or events of many: nobody should wait for its end. What no client asked for may compute as long as it likes."""
    roles = {pool.role for pool in view.pools for member in pool.members if member.thread is spin.last.thread}
    return spin.last.activity.serving is not None or not roles.isdisjoint({PoolRole.SERVER, PoolRole.EVENT_LOOP, PoolRole.ACCEPTOR})


def has_clients(view: ProcessView) -> bool:
    """True if a thread of the process accepts, or waits for events: a program without clients computes because it is meant to."""
    return any(member.activity.kind in {ActivityKind.ACCEPT, ActivityKind.SELECT} for pool in view.pools for member in pool.members)


def suffers(case: Case, view: ProcessView) -> bool:
    """True if clients of any pool of the process wait or have given up."""
    return any(serving.view is view and serving.pressure.exists for serving in case.server_pools)


def _is_crowded(case: Case, view: ProcessView) -> bool:
    """True if a whole pool computes while its clients give up: many threads on few processors get little each."""
    pools = [
        serving
        for serving in case.server_pools
        if serving.view is view and (serving.pressure.exists or serving.pressure.unknown >= FEW_CLIENTS)
    ]
    return any({member.activity.kind for member in serving.pool.workers} == {ActivityKind.RUNNING} for serving in pools)


def _running(view: ProcessView) -> dict[object, ThreadActivity]:
    return {
        _key(member): member
        for pool in view.pools
        if pool.role != PoolRole.JVM
        for member in pool.members
        if member.activity.kind == ActivityKind.RUNNING and member.activity.app >= 0
    }


def _key(member: ThreadActivity) -> object:
    """What tells a thread from others in every dump: names repeat."""
    return member.thread.label, member.thread.native_id


def _judge(
    member: ThreadActivity, dumps: Sequence[Mapping[object, ThreadActivity]], usages: Mapping[NativeId, ThreadUsage], least: float
) -> Spin | None:
    """The thread if it spins: same application frame in every dump, and CPU to prove it."""
    frame = application_frame(*member)
    earlier = [running.get(_key(member)) for running in dumps]
    same = [
        before
        for before in earlier
        if before is not None and frame is not None and getattr(application_frame(*before), "full", None) == frame.full
    ]
    if len(same) < len(dumps):
        return None
    usage = None if member.thread.native_id is None else usages.get(member.thread.native_id)
    hot = usage is not None and usage.cpu_percent >= BUSY_PERCENT
    share = _share(same)
    if share is not None and share >= least:
        return Spin(same[0], member, share, usage if hot else None)
    return Spin(same[0], member, share, usage) if hot and len(dumps) > 1 and share is None else None


def _share(same: Sequence[ThreadActivity]) -> float | None:
    """CPU seconds per second of clock from the first to the last dump, None if the headers do not say."""
    first, last = same[0].thread, same[-1].thread
    if len(same) < 2 or None in {first.cpu, last.cpu, first.elapsed, last.elapsed}:  # noqa: PLR2004 - a rate needs two
        return None
    clock = (last.elapsed or 0) - (first.elapsed or 0)
    return ((last.cpu or 0) - (first.cpu or 0)) / clock if clock > 0 else None
