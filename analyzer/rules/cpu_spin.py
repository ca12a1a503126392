"""A thread computes without end: it stands in the same code in every dump and uses a whole processor.

Looks for: RUNNABLE threads outside any waiting call, under the same application frame in all dumps, whose CPU time grows with the clock (cpu= in
the dump's header, or top -H for the same native id).

Why it matters: each such thread takes a processor and never gives its request back; a few of them stop a small server.

Do next: look at the named frame and its input: a regular expression that backtracks, a HashMap shared without lock, a loop without end.

Wrong when: the thread is simply busy with much work (its frame changes between dumps), or a native call reports RUNNABLE while it waits (such
frames are known and do not count).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_threads
from analyzer.families import hot_picked
from analyzer.families.shared_maps import rings
from analyzer.families.spinning import LONG, Spin, has_clients, in_request, spinning, suffers
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import PoolRole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.UNKNOWN, say("It ends when the computation ends; nothing outside can stop it."))
CLEAN: Final = say("no thread stands under one frame in all dumps and uses the processor")
TEXT: Final = Text(
    "cpu-spin",
    headline=Either(
        "known",
        "{threads} {compute} without end in {frame}.",
        "{threads} {compute} in {frame} in every dump: without end, or work that is meant to be long.",
    ),
    explanation="{threads} ({list}): under {frame} in all {dumps}, with {cpu}. {given}",
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
    phrases={
        "evidence": "{threads} RUNNABLE under {frame} in all {dumps}",
        "compute": Either("compute", "compute", "computes"),
        "given": Either(
            "known",
            "Neither the processor nor the request is given back.",
            "No client is seen to wait for them: a batch that computes looks the same.",
        ),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process with spinning threads."""
    for view in case.latest:
        if view.dump is None or view.snapshot is not case.incident.snapshots[-1]:
            continue
        dumps = [other for other in case.history(view) if other.dump is not None]
        spins = spinning(case, view, dumps)
        serves = any(in_request(view, spin) for spin in spins) or suffers(case, view)
        if not serves and not has_clients(view):
            spins = [spin for spin in spins if spin.seconds >= LONG]
        if spins:
            yield _finding(view, spins, len(dumps), serves=serves)
    found = tuple(rings(case))
    yield from found
    if not found:
        yield from hot_picked.suspicions(case)


def _finding(view: ProcessView, spins: Sequence[Spin], dumps: int, *, serves: bool) -> Finding:
    members = [spin.last for spin in spins]
    frame = application_frame(*members[0])
    long = max(spin.seconds for spin in spins) >= LONG
    known = serves or (long and has_clients(view))
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
        known=known,
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
        confidence=Confidence.SUSPECTED if not known else Confidence.CERTAIN if both else Confidence.LIKELY,
        evidence=tuple(evidence),
        figures=(*text.figures, *(((f"{min(rates):.0%}", say("of a processor each")),) if rates else ())),
        chain=text.steps((evidence[0],)),
        culprit=Culprit(pool=next(iter(pools), None), thread=members[0].thread.label, frame=str(frame) if frame else None),
    )
