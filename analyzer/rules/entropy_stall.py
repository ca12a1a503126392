"""Random numbers run dry: threads wait for one that reads from the system's source of entropy.

Looks for: a thread in NativePRNG or a seed generator that reads /dev/random, and others BLOCKED behind its lock.

Why it matters: TLS handshakes, session ids and UUIDs need random numbers. On a small or virtual host a blocking source can take seconds to
minutes.

Do next: use the non-blocking source (securerandom.source=file:/dev/urandom, or -Djava.security.egd=file:/dev/./urandom on old JDKs), do not call
SecureRandom.getInstanceStrong or generateSeed on request threads.

Wrong when: many threads share one SecureRandom under load: then the owner computes, and the queue moves (lock-convoy).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.chosen_threads import chosen, few_threads
from analyzer.evidence.citations import of_threads
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import ByNumber, Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The threads go on when the kernel has enough randomness."))
CLEAN: Final = say("no thread waits for random numbers")
FEWEST: Final = 3
"""Threads that wait: one or two are seeding at start-up."""
_SEED: Final = ("sun.security.provider.NativePRNG", "sun.security.provider.SeedGenerator", "sun.security.provider.NativeSeedGenerator")
_READS: Final = frozenset({"readFully", "implGenerateSeed", "ensureBufferValid", "getSeedBytes", "readBytes", "fillBuffer"})
TEXT: Final = Text(
    "entropy-stall",
    headline="{thread_waits} for random numbers: the source of entropy does not deliver.",
    explanation="",
    why=Either(
        "lasting",
        "The same thread stood in the same read in the dump before.",
        "The stacks show the read and the queue; how long it takes needs a second dump.",
    ),
    do=(
        Do(
            When.NOW,
            "See how much there is, and what the source is: since Linux 5.6 the kernel's own does not block once it is seeded.",
            "uname -r; cat /proc/sys/kernel/random/entropy_avail; ls -l /dev/random",
        ),
        Do(
            When.FIX,
            "Use /dev/urandom (securerandom.source in java.security), and no SecureRandom.getInstanceStrong or generateSeed on request threads.",
        ),
    ),
    figures=(("{members_count}", "threads waiting for random numbers"),),
    chain=(("{threads}", ByNumber("waiters", "waits for", "wait for"), "{thread}"), ("{thread}", "waits for entropy", "")),
    phrases={"reading": "“{name}” reads from the source of entropy"},
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose threads wait for a seed."""
    for view in case.latest:
        if view.known.runtime is not Runtime.JVM:
            continue
        members = [
            member for pool in view.pools for member in pool.members if any(frame.cls.startswith(_SEED) for frame in member.thread.frames)
        ]
        readers = [member for member in members if _reads(member)]
        if readers and (len(members) >= FEWEST or chosen(case, view)):
            before = [other for other in case.history(view)[:-1] if other.dump is not None]
            stacks = (
                {(member.thread.name, member.thread.frames) for pool in before[-1].pools for member in pool.members} if before else set()
            )
            lasting = [one for one in readers if (one.thread.name, one.thread.frames) in stacks]
            whole = any(len(pool.members) >= FEWEST and all(member in members for member in pool.members) for pool in view.pools)
            yield _finding(view, lasting or readers, members, lasting=bool(lasting), whole=whole)


def _reads(member: ThreadActivity) -> bool:
    """True for a thread that reads the source itself: file input above a seed's frame."""
    frames = member.thread.frames
    return (
        bool(frames)
        and member.activity.kind in {ActivityKind.FILE_IO, ActivityKind.RUNNING}
        and any(frame.method in _READS for frame in frames[:6])
    )


def _finding(
    view: ProcessView, readers: Sequence[ThreadActivity], members: Sequence[ThreadActivity], *, lasting: bool, whole: bool
) -> Finding:
    behind = [member for member in members if member not in readers]
    frame = application_frame(*readers[0])
    text = TEXT.filled(
        view.process,
        thread_waits=plural(len(members), "thread waits", "threads wait"),
        lasting=lasting,
        members_count=len(members),
        threads=plural(len(behind), "thread"),
        waiters=len(behind),
        thread=f"“{readers[0].thread.label}”",
        name=readers[0].thread.label,
    )
    reading = of_threads(readers, text["reading"])
    evidence = [
        reading,
        *(
            [
                of_threads(
                    behind, say("{thread_waits} for the same source", thread_waits=plural(len(behind), "thread waits", "threads wait"))
                )
            ]
            if behind
            else []
        ),
    ]
    return text.finding(
        severity=Severity.CRITICAL if whole else Severity.WARNING,
        confidence=Confidence.CERTAIN if lasting else Confidence.LIKELY,
        doubts=() if lasting or len(members) >= FEWEST else (few_threads(),),
        evidence=tuple(evidence),
        explanation=say(
            "“{name}” reads a seed{called_from}{and_waits}. {all_go} on when the system has gathered enough entropy.",
            name=readers[0].thread.label,
            called_from=say(", called from {frame}", frame=frame) if frame else "",
            and_waits=say(", and {thread_waits} behind it", thread_waits=plural(len(behind), "thread waits", "threads wait"))
            if behind
            else "",
            all_go=say("All go") if behind else say("It goes"),
        ),
        chain=text.steps((), (reading,)),
        culprit=Culprit(thread=readers[0].thread.label, frame=str(frame) if frame else None),
    )
