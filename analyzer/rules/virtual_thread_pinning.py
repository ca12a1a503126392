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
from analyzer.evidence.citations import all_of, of_threads
from analyzer.families import pinned_pieces
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import activity, application_frame
from analyzer.software.pools import ThreadActivity, ThreadSet
from analyzer.waits.server_pools import pressure
from parsers.records import JavaState, LockVerb, Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Thread

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.CAUSE, say("It goes on when one of the pinned threads does; what they wait for may itself need a carrier.")
)
CLEAN: Final = say("no set of carriers is held by waiting virtual threads")
TEXT: Final = Text(
    "virtual-thread-pinning",
    headline="{all_of} carriers are pinned in {frame}: no other virtual thread can run.",
    explanation="{all_of} carrier threads carry a virtual thread that waits without being unmounted{under}.{queued_in_words}{clients_in_words} It goes on only when one of the pinned threads does, and what they wait for may itself need a carrier.",
    why=Either(
        "queued",
        "Carriers and their threads in the dump, threads that never ran, and clients that wait.",
        "The carriers show it; a dump file would show the threads that wait for them.",
    ),
    figures=(("{pinned_count} of {carriers}", "carriers pinned"), ("{queued:,}", "virtual threads that never ran")),
    ask=(
        Ask(
            "dump file with all virtual threads",
            "who waits for a carrier",
            "jcmd {pid} Thread.dump_to_file -format=json threads.json",
            on="undecided",
        ),
    ),
    do=(
        Do(When.NOW, "Save a dump file and restart.", "jcmd {pid} Thread.dump_to_file -format=json threads.json"),
        Do(
            When.FIX,
            "Take the blocking call out of {pins}: no synchronized (up to JDK 23), no class initializer, no native frame around it; ReentrantLock does not pin.",
        ),
        Do(
            When.PREVENT,
            "Watch the JFR event jdk.VirtualThreadPinned; raise jdk.virtualThreadScheduler.parallelism only as a stopgap.",
        ),
    ),
    chain=(("virtual threads", "wait for a free one of", "{carriers} carriers"), ("the carriers", "are pinned in", "{pinned_in}")),
    phrases={
        "evidence": "{mounted_virtual_thread} wait and do not let go of their carrier",
        "queued_in_words": Either("queued", " {virtual_thread_has} never run."),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose carriers are all held; a suspicion where only pieces of a dump show pinned threads."""
    for view in case.latest:
        threads = view.dump.threads if view.dump else ()
        carriers = [thread for thread in threads if thread.carrying is not None]
        pool = next((pool for pool in view.pools for member in pool.members if carriers and member.thread is carriers[0]), None)
        pinned = [
            ThreadActivity(thread, activity(thread, view.known))
            for thread in threads
            if thread.virtual and thread.native_id is not None and _waits(thread)
        ]
        # The runtime's own virtual threads that poll sockets have no frames either: only those count that are like the pinned ones.
        mounted = ThreadSet(pinned)
        homes = [home.members for home in view.pools if any(member in mounted for member in home.members)]
        queued = sum(1 for members in homes for member in members if member.thread.virtual and not member.thread.frames)
        suffers = any(pressure(view, port).exists for port in view.listeners)
        if carriers and pool is not None and len(carriers) == len(pool.members) and len(pinned) >= len(carriers) and (queued or suffers):
            yield _finding(view, pinned, len(carriers), queued)
    yield from pinned_pieces.suspicions(case)


def _waits(thread: Thread) -> bool:
    """True for a mounted virtual thread that waits: unless something pinned it, it would have been unmounted."""
    return (
        thread.state in {JavaState.BLOCKED, JavaState.WAITING, JavaState.TIMED_WAITING}
        or any(frame.method == "parkOnCarrierThread" for frame in thread.frames)
        or any(lock.verb in {LockVerb.CLASS_INIT, LockVerb.WAITING_TO_LOCK, LockVerb.WAITING_ON} for lock in thread.locks)
    )


def _finding(view: ProcessView, pinned: Sequence[ThreadActivity], carriers: int, queued: int) -> Finding:
    port = next(iter(view.listeners)) if len(view.listeners) == 1 else None
    # The one that others wait for stands in a call of its own; those in a class initializer's monitor are its victims.
    first = next((one for one in pinned if any(frame.method == "parkOnCarrierThread" for frame in one.thread.frames)), pinned[0])
    frame = next((frame for frame in first.thread.frames if frame.method == "<clinit>"), None) or application_frame(*first)
    ordered = [first, *(one for one in pinned if one is not first)]
    text = TEXT.filled(
        view.process,
        all_of=all_of(len(pinned), carriers),
        frame=frame or say("a waiting virtual thread"),
        pins=frame or say("what pins"),
        under=say(", under {frame}", frame=frame) if frame else "",
        queued=queued,
        virtual_thread_has=plural(queued, "virtual thread has", "virtual threads have"),
        clients_in_words=clients_in_words(view, port),
        pinned_count=len(pinned),
        carriers=carriers,
        undecided=not queued,
        pinned_in=str(frame) if frame is not None else say("a wait"),
        mounted_virtual_thread=plural(len(pinned), "mounted virtual thread"),
    )
    evidence = [of_threads(ordered, text["evidence"])]
    evidence += _initializer(first.thread)
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if queued and port is not None else Confidence.LIKELY,
        evidence=(*evidence, *client_evidence(view, port)),
        figures=(*client_figures(view, port), *text.figures),
        chain=text.steps((evidence[0],)),
        culprit=Culprit(
            pool="ForkJoinPool-1-worker", frame=str(frame) if frame else None, listener=f"*:{port}" if port is not None else None
        ),
    )


def _initializer(thread: Thread) -> Iterator[Evidence]:
    """The line of a class initializer on the stack."""
    for frame, line in zip(thread.frames, thread.frame_lines, strict=False):
        if frame.method == "<clinit>":
            who = say("“{name}”", name=thread.name) if thread.name else say("one of them")
            said = say("{who} runs the initializer of the class that the others wait for", who=who)
            yield Evidence(Where(thread.where.file, line, line), said, (frame.call,))
            return
