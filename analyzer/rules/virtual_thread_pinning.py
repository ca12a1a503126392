"""All carriers are pinned: virtual threads that wait hold the few platform threads that all others need.

Looks for: carriers (ForkJoinPool-1-worker) that all carry a virtual thread which waits without letting go (parkOnCarrierThread, a monitor, a
class initializer, native code on the stack), while other virtual threads have never run or clients wait.

Why it matters: a handful of pinned threads stops every virtual thread of the process. The classic dump looks idle, and a service that
answers at once seems slow, because nobody is told of its answer.

Do next: find what pins in the named frame: synchronized blocks around blocking calls (up to JDK 23), class initializers and native frames (all
versions). Use ReentrantLock, initialise earlier, or run this work on platform threads.

Wrong when: the carriers carry threads that compute; these are busy, not pinned. A dump file (jcmd PID Thread.dump_to_file) shows the threads that
wait for a carrier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import client_evidence, client_figures, clients_in_words
from analyzer.evidence.carriers import Pinned, pinned_carriers
from analyzer.evidence.citations import all_of, of_threads
from analyzer.evidence.doing import meanwhile
from analyzer.families import pinned_pieces
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.waits.server_pools import pressure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.CAUSE, say("It goes on when one of the pinned threads does; what they wait for may itself need a carrier.")
)
CLEAN: Final = say("no set of carriers is held by waiting virtual threads")
DUMP_FILE: Final = "jcmd {pid} Thread.dump_to_file -format=json threads.json"
TEXT: Final = Text(
    "virtual-thread-pinning",
    headline="{all_of} carriers are pinned in {frame}: no other virtual thread can run.",
    explanation="{all_of} carrier threads carry a virtual thread that waits without being unmounted{under}.{does}{queued_in_words}{clients_in_words} It goes on only when one of the pinned threads does, and what they wait for may itself need a carrier.",
    why=Either(
        "queued",
        "Carriers and their threads in the dump, threads that never ran, and clients that wait.",
        "The carriers show it; a dump file would show the threads that wait for them.",
    ),
    figures=(("{pinned_count} of {carriers}", "carriers pinned"), ("{queued:,}", "virtual threads that never ran")),
    ask=(Ask("dump file with all virtual threads", "who waits for a carrier", DUMP_FILE, on="undecided"),),
    do=(
        Do(When.NOW, "Save a dump file and restart.", DUMP_FILE),
        Do(
            When.FIX,
            "Take the blocking call out of {pins}: no synchronized (up to JDK 23), no class initializer, no native frame around it; ReentrantLock does not pin.",
        ),
        Do(When.PREVENT, "Watch the JFR event jdk.VirtualThreadPinned; raise jdk.virtualThreadScheduler.parallelism only as a stopgap."),
    ),
    chain=(("virtual threads", "wait for a free one of", "{carriers} carriers"), ("the carriers", "are pinned in", "{pinned_in}")),
    phrases={
        "evidence": "{mounted_virtual_thread} wait and do not let go of their carrier",
        "does": Either("doing", " One of them {doing}."),
        "under": Either("pinner", ", under {pinner}"),
        "queued_in_words": Either("queued", " {virtual_thread_has} never run."),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose carriers are all held; a suspicion where only pieces of a dump show pinned threads."""
    for found in pinned_carriers(case):
        if found.queued or any(pressure(found.view, port).exists for port in found.view.listeners):
            yield _finding(found)
    yield from pinned_pieces.suspicions(case)


def _finding(found: Pinned) -> Finding:
    view, frame = found.view, found.frame
    port = next(iter(view.listeners)) if len(view.listeners) == 1 else None
    text = TEXT.filled(
        view.process,
        all_of=all_of(len(found.threads), found.carriers),
        frame=frame or say("a waiting virtual thread"),
        pins=frame or say("what pins"),
        pinner=frame,
        doing=meanwhile(found.threads[0]) if found.threads[0].activity.frame >= 0 else None,
        queued=found.queued,
        virtual_thread_has=plural(found.queued, "virtual thread has", "virtual threads have"),
        clients_in_words=clients_in_words(view, port),
        pinned_count=len(found.threads),
        carriers=found.carriers,
        undecided=not found.queued,
        pinned_in=frame or say("a wait"),
        mounted_virtual_thread=plural(len(found.threads), "mounted virtual thread"),
    )
    waits = of_threads(found.threads, text["evidence"])
    listener = f"*:{port}" if port is not None else None
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if found.queued and port is not None else Confidence.LIKELY,
        evidence=(waits, *found.initializer(), *client_evidence(view, port)),
        figures=(*client_figures(view, port), *text.figures),
        chain=text.steps((waits,)),
        culprit=Culprit(pool="ForkJoinPool-1-worker", frame=str(frame) if frame else None, listener=listener),
    )
