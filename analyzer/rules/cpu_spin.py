"""A thread computes without end: it stands in the same code in every dump and uses a whole processor.

Looks for: RUNNABLE threads outside any waiting call, under the same application frame in all dumps, whose CPU time grows with the clock (cpu= in
the dump's header, or top -H for the same native id).

Why it matters: each such thread takes a processor and never gives its request back; a few of them stop a small server.

Do next: look at the named frame and its input: a regular expression that backtracks, a HashMap shared without lock, a loop without end.

Wrong when: the thread is simply busy with much work (its frame changes between dumps), or a native call reports RUNNABLE while it waits (such
frames are known and do not count).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.evidence.citations import of_threads
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind, PoolRole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import NativeId, ThreadUsage

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.UNKNOWN, say("It ends when the computation ends; nothing outside can stop it."))
CLEAN: Final = say("no thread stands under one frame in all dumps and uses the processor")
BUSY_SHARE: Final = 0.2
"""CPU per second of clock between dumps: several spinning threads share few processors, and a waiting thread uses none at all."""
CROWD_SHARE: Final = 0.02
"""The same where every thread of a pool computes and clients suffer, if they use a processor together: a collection leaves them less."""
WHOLE: Final = 0.7
BUSY_PERCENT: Final = 20.0
"""top's figure for a thread, for the same reason; its first round shows the average since the thread began."""


LONG: Final = 10.0
"""Seconds from the first dump to the last: for less a report or a batch computes without anything being wrong."""
TEXT: Final = Text(
    "cpu-spin",
    headline="{threads} {compute} without end in {frame}.",
    explanation="{threads} ({list}): under {frame} in all {dumps}, with {cpu}. Neither the processor nor the request is given back.",
    why=Either(
        "both",
        "The dumps and top agree.",
        Either(
            "rates", "The CPU time in the dumps' headers grows with the clock.", "top shows the CPU; the dumps' headers have no CPU time."
        ),
    ),
    do=(
        Do(When.NOW, "Restart; a thread that computes cannot be stopped from outside."),
        Do(
            When.FIX,
            "Look at {frame} and its input: a regular expression that backtracks, an unshared collection that is shared, a loop whose end never comes. Bound the input or the time.",
        ),
    ),
    figures=(("{members_count}", "spinning threads"),),
    ask=(Ask("top -H beside the dumps", "which native ids use the processor", "top -H -b -n 2 -p {pid} > top.txt", on="undecided"),),
    chain=(("{thread}", "computes without end in", "{frame}"),),
    phrases={"evidence": "{threads} RUNNABLE under {frame} in all {dumps}", "compute": Either("compute", "compute", "computes")},
)


class _Spin(NamedTuple):
    first: ThreadActivity
    last: ThreadActivity
    share: float | None
    usage: ThreadUsage | None


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process with spinning threads."""
    for view in case.latest:
        if view.dump is None or view.snapshot is not case.incident.snapshots[-1]:
            continue
        dumps = [other for other in case.history(view) if other.dump is not None]
        running = [_running(other) for other in dumps]
        usages = {usage.native_id: usage for usage in reversed(dumps[-1].snapshot.usages)}
        least = CROWD_SHARE if _is_crowded(case, view) else BUSY_SHARE
        spins = [spin for member in _running(view).values() if (spin := _judge(member, running, usages, least)) is not None]
        if sum(spin.share or 0 for spin in spins) < WHOLE:
            spins = [spin for spin in spins if spin.share is None or spin.share >= BUSY_SHARE]
        if spins:
            yield _finding(view, spins, len(dumps))


def _is_crowded(case: Case, view: ProcessView) -> bool:
    """True if a whole pool computes while its clients give up: many threads on few processors get little each."""
    pools = [serving for serving in case.server_pools if serving.view is view and serving.pressure.exists]
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
) -> _Spin | None:
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
        return _Spin(same[0], member, share, usage if hot else None)
    return _Spin(same[0], member, share, usage) if hot and len(dumps) > 1 and share is None else None


def _share(same: Sequence[ThreadActivity]) -> float | None:
    """CPU seconds per second of clock from the first to the last dump, None if the headers do not say."""
    first, last = same[0].thread, same[-1].thread
    if len(same) < 2 or None in {first.cpu, last.cpu, first.elapsed, last.elapsed}:  # noqa: PLR2004 - a rate needs two
        return None
    clock = (last.elapsed or 0) - (first.elapsed or 0)
    return ((last.cpu or 0) - (first.cpu or 0)) / clock if clock > 0 else None


def _finding(view: ProcessView, spins: Sequence[_Spin], dumps: int) -> Finding:
    members = [spin.last for spin in spins]
    frame = application_frame(*members[0])
    long = max((spin.last.thread.elapsed or 0) - (spin.first.thread.elapsed or 0) for spin in spins) >= LONG
    both = long and any(spin.share is not None and spin.usage is not None for spin in spins)
    rates = [spin.share for spin in spins if spin.share is not None]
    cpu = (
        say("{min:.0%} of a processor each between the dumps", min=min(rates))
        if rates
        else say("{cpu_percent:.0f} % in top", cpu_percent=spins[0].usage.cpu_percent)
        if spins[0].usage
        else ""
    )
    used = [spin.usage for spin in spins if spin.usage is not None]
    pools = {pool.name: pool for pool in view.pools for member in pool.members if member in members}
    full = [pool for pool in pools.values() if pool.role == PoolRole.SERVER and all(member in members for member in pool.workers)]
    text = TEXT.filled(
        view.process,
        threads=plural(len(members), "thread"),
        compute=len(members) > 1,
        frame=frame,
        list=joined(", ", (say("“{name}”", name=member.thread.label) for member in members[:3])),
        dumps=plural(dumps, "dump"),
        cpu=cpu,
        both=both,
        rates=rates,
        members_count=len(members),
        undecided=not (both or used),
        thread=f"“{members[0].thread.label}”",
    )
    evidence = [of_threads(members, text["evidence"])]
    if used:
        evidence.append(
            Evidence(
                used[0].where,
                say("top shows {cpu_percent:g} % for native id {native_id}", cpu_percent=used[0].cpu_percent, native_id=used[0].native_id),
                (f"{used[0].cpu_percent:g}",),
                len(used) - 1,
            )
        )
    return text.finding(
        severity=Severity.CRITICAL if full else Severity.WARNING,
        confidence=Confidence.CERTAIN if both else Confidence.LIKELY,
        evidence=tuple(evidence),
        figures=(*text.figures, *(((f"{min(rates):.0%}", say("of a processor each")),) if rates else ())),
        chain=text.steps((evidence[0],)),
        culprit=Culprit(pool=next(iter(pools), None), thread=members[0].thread.label, frame=str(frame) if frame else None),
    )
