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

from analyzer.evidence.chosen_threads import few_threads
from analyzer.evidence.citations import blamed, of_threads, quoted
from analyzer.evidence.seeding import Seeding, seeding
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import ByNumber, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The threads go on when the kernel has enough randomness."))
CLEAN: Final = say("no thread waits for random numbers")
TEXT: Final = Text(
    "entropy-stall",
    headline=Either(
        "alone",
        "“{name}” waits for random numbers: the source of entropy does not deliver.",
        "{thread_waits} for random numbers: the source of entropy does not deliver.",
    ),
    explanation="“{name}” reads a seed{called_from}{and_waits}.{kernel} {all_go} on when the system has gathered enough entropy.",
    why=Either(
        "lasting",
        "The same thread stood in the same read in the dump before.",
        Either(
            "pool",
            "The stack shows the read, and the kernel's own count that there is nothing to read.",
            "The stacks show the read and the queue; how long it takes needs a second dump.",
        ),
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
        Do(When.PREVENT, "Give a virtual machine a source of entropy (virtio-rng), or run rngd or haveged on it."),
    ),
    figures=(("{members_count}", "threads waiting for random numbers"),),
    chain=(("{threads}", ByNumber("waiters", "waits for", "wait for"), "{thread}"), ("{thread}", "waits for entropy", "")),
    phrases={
        "reading": "“{name}” reads from the source of entropy",
        "queue": "{behind_waits} for the same source",
        "kernel": Either("pool", " The kernel has {bits} bits of entropy."),
        "counted": "the kernel has {bits} bits of entropy",
        "called_from": Either("frame", ", called from {frame}"),
        "and_waits": Either("waiters", ", and {behind_waits} behind it"),
        "all_go": Either("waiters", "All go", "It goes"),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose threads wait for a seed."""
    return map(_finding, seeding(case))


def _finding(found: Seeding) -> Finding:
    behind, reader = found.behind, found.readers[0]
    text = TEXT.filled(
        found.view.process,
        thread_waits=plural(found.waiting, "thread waits", "threads wait"),
        behind_waits=plural(len(behind), "thread waits", "threads wait"),
        lasting=found.lasting,
        members_count=found.waiting,
        alone=found.waiting == 1,
        threads=plural(len(behind), "thread"),
        waiters=len(behind),
        thread=quoted(reader),
        name=reader.thread.label,
        frame=blamed(found.readers),
        pool=found.pool,
        bits=found.pool.values[0] if found.pool is not None else 0,
    )
    reading = of_threads(found.readers, text["reading"])
    kernel = [Evidence(found.pool.where, text["counted"])] if found.pool is not None else []
    return text.finding(
        severity=Severity.CRITICAL if found.whole else Severity.WARNING,
        confidence=Confidence.CERTAIN if found.lasting else Confidence.LIKELY,
        doubts=(few_threads(),) if found.few and not found.lasting else (),
        evidence=(reading, *([of_threads(behind, text["queue"])] if behind else []), *kernel),
        chain=text.steps((), (reading,))[0 if behind else 1 :],
        culprit=Culprit(thread=reader.thread.label, frame=blamed(found.readers)),
    )
