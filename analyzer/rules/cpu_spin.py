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

from analyzer.evidence.citations import blamed, of_threads, quoted
from analyzer.families import computing_pools, hot_picked, interpreter_locks
from analyzer.families.shared_maps import rings
from analyzer.families.spinning import Spinning, spinning_of
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

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
    figures=(("{members_count}", "spinning threads"), ("{share}", "of a processor each")),
    ask=(Ask("top -H beside the dumps", "which native ids use the processor", "top -H -b -n 2 -p {pid} > top.txt", on="undecided"),),
    chain=(("{thread}", "computes without end in", "{frame}"),),
    phrases={
        "evidence": "{threads} RUNNABLE under {frame} in all {dumps}",
        "cpu": Either("rates", "{min:.0%} of a processor each between the dumps", Either("used", "{cpu_percent:.0f} % in top")),
        "share": Either("rates", "{min:.0%}"),
        "row": "top shows {cpu_percent:g} % for native id {native_id}",
        "compute": Either("several", "compute", "computes"),
        "given": Either(
            "known",
            "Neither the processor nor the request is given back.",
            "No client is seen to wait for them: a batch that computes looks the same.",
        ),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process with spinning threads."""
    yield from interpreter_locks.beside(case, map(_finding, spinning_of(case)))
    yield from tuple(rings(case)) or tuple(hot_picked.suspicions(case)) or computing_pools.suspicions(case)


def _finding(found: Spinning) -> Finding:
    members, shares, used = found.members, found.shares, found.usages[:1]
    text = TEXT.filled(
        found.view.process,
        threads=plural(len(members), "thread"),
        several=len(members) > 1,
        frame=blamed(members),
        list=joined(", ", (say("“{name}”", name=member.thread.label) for member in members[:3])),
        dumps=plural(found.dumps, "dump"),
        known=found.known,
        both=found.both,
        rates=shares,
        min=min(shares, default=0),
        used=used,
        cpu_percent=used[0].cpu_percent if used else 0,
        native_id=used[0].native_id if used else 0,
        members_count=len(members),
        undecided=not (found.both or used),
        thread=quoted(members[0]),
    )
    stands = of_threads(members, text["evidence"])
    rows = [Evidence(row.where, text["row"], (f"{row.cpu_percent:g}",), len(found.usages) - 1) for row in used]
    return text.finding(
        severity=Severity.CRITICAL if found.fills_a_server else Severity.WARNING,
        confidence=Confidence.SUSPECTED if not found.known else Confidence.CERTAIN if found.both else Confidence.LIKELY,
        evidence=(stands, *rows),
        chain=text.steps((stands,)),
        culprit=Culprit(pool=next(iter(found.pools), None), thread=members[0].thread.label, frame=blamed(members)),
    )
