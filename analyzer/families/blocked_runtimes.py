"""Workers of an asynchronous runtime that block on a future inside a task: nobody is left to drive what they wait for.

Rust's tokio and async-std, Kotlin's coroutines, Scala's and Akka's dispatchers, Reactor's parallel threads: a worker polls one task after the other. A task that blocks its worker (``block_on``, ``runBlocking``, ``Await``) until
another future ends takes away who would poll that one, or who waits for its socket. A thread that is made for blocking may do so (``spawn_blocking``,
``block_in_place``), and so does the main thread while the program lives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.evidence.citations import of_threads
from analyzer.evidence.movement import has_stood, standing
from analyzer.evidence.multiples import multiple, names_of, picked_in_words
from analyzer.model.finding import Confidence, Culprit, Doubt, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import IDLE
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.model.message import Message
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame

SMALLEST: Final = 2
"""Workers that block from which on it is no single task."""
_NAMES: Final = ("tokio-runtime-w", "tokio-rt-worker", "async-std/runti", "smol-", "actix-rt")
"""How the runtimes call their threads, as far as the kernel keeps a name."""
_WORKERS: Final = ("::worker", "current_thread", "async_executor", "async_std::rt", "async_global_executor", "actix_rt::arbiter")
"""Scopes of the loop that polls tasks in a worker."""
MAY_BLOCK: Final = ("tokio::runtime::blocking::pool", "blocking::Executor", "blocking::unblock")
_LEAVES: Final = "block_in_place"
"""The worker has given its tasks to another thread before it blocks."""
LIBRARIES: Final = (
    "libc",
    "std::",
    "core::",
    "alloc::",
    "futures_",
    "tokio::",
    "pollster",
    "async_",
    "smol",
    "parking_lot",
    "dashmap",
    "hashbrown",
    "??",
)
_PLATFORM: Final = ("java.", "jdk.", "sun.", "kotlin", "scala.", "akka.", "org.apache.pekko.", "reactor.")
TEXT: Final = Text(
    "sync-over-async",
    headline="{count} block in {blocks}, called from {site} in a task of the runtime: {nobody}.",
    explanation="{count} stand in {blocks}, called from {site}. A worker polls one task after the other, and the same workers wait for its sockets and timers; a task that blocks its worker until another future ends takes away who would drive that future. While all of them block so, nothing goes on, requests that need none of it among them, and it lasts for ever.{main} A service that does not answer what these futures ask for looks the same; awaited, it would keep no worker.",
    why=Either(
        "whole",
        "The stacks show that no worker that is here is free. What the futures wait for no stack shows.",
        "The stack shows who blocks inside a task; that all the workers do, and that these are not there for blocking, it does not.",
    ),
    do=(
        Do(When.NOW, "Save the stacks of all threads twice: are all workers of the runtime in {blocks}, in both?", "{again}"),
        Do(
            When.FIX,
            Either(
                "jvm",
                "In {site}: go on where the result comes (suspend, map, flatMap, pipeTo) instead of blocking, all the way up; where it must block, use threads that are there for it (Dispatchers.IO, a dispatcher of its own, boundedElastic).",
                "In {site}: await the future, all the way up to the handler; where the interface must be synchronous, call it by spawn_blocking, or within block_in_place.",
            ),
        ),
        Do(
            When.PREVENT,
            "Forbid blocking calls inside async code in review and by lints; more workers only move the number of requests at which it stops.",
        ),
    ),
    figures=(("{number:,}", "workers of the runtime that block"),),
    ask=(Ask("stacks of all threads", "whether a worker of the runtime is free", "{again}", on="piece"),),
    chain=(("the runtime's workers", "wait in {blocks} for", "{site}"), ("a future", "has no worker that drives it", "")),
    phrases={
        "nobody": Either(
            "whole", "no worker is left to drive what they wait for", "if all its workers do, none is left to drive what they wait for"
        ),
        "main": Either("driver", " That the main thread waits in block_on is normal."),
        "shown": "{threads} on a future inside a task of the runtime",
    },
)
_OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("Who would end the futures is who waits for them."))


class _Runtime(NamedTuple):
    """A runtime on the JVM: the calls that block on what it brings, the frames of its workers, names of threads that may block, and what else fits."""

    blocks: frozenset[str]
    workers: tuple[str, ...]
    may_block: tuple[str, ...]
    doubt: Message


_RUNTIMES: Final = (
    _Runtime(
        frozenset(
            {
                "kotlinx.coroutines.BlockingCoroutine.joinBlocking",
                "kotlinx.coroutines.BuildersKt.runBlocking",
                "kotlinx.coroutines.BuildersKt__BuildersKt.runBlocking",
                "kotlinx.coroutines.BuildersKt.runBlocking$default",
                "kotlinx.coroutines.BuildersKt__BuildersKt.runBlocking$default",
            }
        ),
        ("kotlinx.coroutines.scheduling.CoroutineScheduler$Worker",),
        ("main",),
        say("a thread of Dispatchers.IO has the same name and the same frames, and may block"),
    ),
    _Runtime(
        frozenset({"scala.concurrent.Await$.result", "scala.concurrent.Await$.ready"}),
        ("akka.dispatch.", "org.apache.pekko.dispatch.", "scala.concurrent.impl.ExecutionContextImpl"),
        ("main",),
        say(
            "a pool that makes more threads for such waits (scala.concurrent.blocking) goes on with these, and a dispatcher of its own may block"
        ),
    ),
    _Runtime(
        frozenset(
            {
                "reactor.core.publisher.Mono.block",
                "reactor.core.publisher.Flux.blockLast",
                "reactor.core.publisher.Flux.blockFirst",
                "reactor.core.publisher.BlockingSingleSubscriber.blockingGet",
            }
        ),
        ("reactor.core.scheduler.",),
        ("boundedElastic", "elastic", "main"),
        say("what it waits for may come from threads of others, as the answer of a client does"),
    ),
)


class Blocked(NamedTuple):
    """Workers that block inside a task, and whether others are free."""

    view: ProcessView
    members: tuple[ThreadActivity, ...]
    free: int
    blocks: Frame
    site: Frame
    driver: bool


def suspicions(case: Case) -> Iterator[Finding]:
    """One for each process whose workers block on futures, and none is free."""
    for view in case.latest:
        if (blocked := _of(view)) is not None and not blocked.free:
            yield _finding(case, blocked)


def _of(view: ProcessView) -> Blocked | None:
    if view.known.runtime not in {Runtime.NATIVE, Runtime.JVM}:
        return None
    jvm = view.known.runtime is Runtime.JVM
    places: dict[object, list[tuple[ThreadActivity, Frame, Frame]]] = {}
    free, driver = 0, False
    for pool in view.pools:
        of_pool = [(member, _in_runtime(member) if jvm else _in_rust(view, member)) for member in pool.members]
        for member, found in of_pool:
            if found is not None:
                places.setdefault(found[1].full, []).append((member, *found))
            elif jvm:
                free += any(other is not None for _, other in of_pool)  # another thread of the same pool
            else:
                free += _turns(member)
                driver = driver or any(frame.method == "block_on" for frame in member.thread.frames)
    if not places:
        return None
    most = max(places.values(), key=len)
    every = tuple(member for found in places.values() for member, _, _ in found)
    return Blocked(view, every, free, most[0][1], most[0][2], driver)


def _in_rust(view: ProcessView, member: ThreadActivity) -> tuple[Frame, Frame] | None:
    """The frame that blocks on a future, and the one of the application that called it, of a worker inside a task."""
    frames = member.thread.frames
    at = next((at for at, frame in enumerate(frames) if frame.method == "block_on"), None)
    if at is None or any(frame.method == _LEAVES for frame in frames) or not all(frame.cls.startswith(LIBRARIES) for frame in frames[:at]):
        return None
    below = frames[at + 1 :]
    site = next((frame for frame in below if frame.cls and view.known.is_application(frame.cls)), None)
    if site is None or not _inside_a_task(member, below):
        return None
    return frames[at], site


def _inside_a_task(member: ThreadActivity, below: Sequence[Frame]) -> bool:
    """True if a worker's loop polls this task; where the stack ends before that loop, if the future of one async function was polled by that of another."""
    loops = [frame for frame in below if any(scope in frame.cls for scope in _WORKERS)]
    if loops:
        return True
    if any(frame.cls.startswith(MAY_BLOCK) for frame in below) or not is_worker(member):
        return False
    polls = next((at for at, frame in enumerate(below) if frame.method == "poll"), len(below))
    return any(frame.cls and not frame.cls.startswith(LIBRARIES) and frame.method == "{{closure}}" for frame in below[polls:])


def _turns(member: ThreadActivity) -> bool:
    """True for a worker that waits for work, or polls a task that does not block: it drives what others wait for, of whichever runtime it is."""
    loops = any(scope in frame.cls for frame in member.thread.frames for scope in _WORKERS)
    return loops or (is_worker(member) and member.activity.kind in IDLE)


def is_worker(member: ThreadActivity) -> bool:
    """True for a thread that has the name of a worker of such a runtime."""
    return (member.thread.name or "").startswith(_NAMES)


def _in_runtime(member: ThreadActivity) -> tuple[Frame, Frame] | None:
    """The frame that blocks, and the one of the application that called it, of a thread of the JVM that such a runtime works with."""
    frames = member.thread.frames
    for one in _RUNTIMES:
        at = next((at for at, frame in enumerate(frames) if frame.full in one.blocks), None)
        if at is None or (member.thread.name or "").startswith(one.may_block):
            continue
        below = next((place for place in range(at, len(frames)) if not frames[place].cls.startswith(_PLATFORM)), None)
        if below is not None and any(frame.cls.startswith(one.workers) for frame in frames[below:]):
            last = next((frame for frame in reversed(frames[at:below]) if frame.full in one.blocks), frames[at])
            return last, frames[below]
    return None


def _doubt_of(blocks: Frame) -> Message:
    """Why threads of the JVM that block so may do no harm."""
    return next(
        (one.doubt for one in _RUNTIMES if blocks.full in one.blocks),
        say("a worker may block for a moment while others, which are not here, go on"),
    )


def _finding(case: Case, blocked: Blocked) -> Finding:
    view, members = blocked.view, blocked.members
    more = multiple(case, members)
    number = more.number if more is not None else len(members)
    jvm = view.known.runtime is Runtime.JVM
    stood = has_stood(standing(case, view, members))
    beside = view.dump is not None and len(view.dump.threads) > len(members)
    whole = number >= SMALLEST and (beside or more is not None) and not jvm
    pid = view.process.pid if view.process.pid is not None else "PID"
    text = TEXT.filled(
        view.process,
        count=picked_in_words(names_of(members), len(members), more)
        if more is not None or not whole
        else say("All {workers}", workers=plural(number, "worker that is here", "workers that are here")),
        blocks=blocked.blocks.call,
        site=blocked.site,
        whole=whole,
        jvm=jvm,
        piece=not whole,
        driver=blocked.driver,
        number=number,
        threads=plural(len(members), "thread blocks", "threads block"),
        again=f"jstack -l {pid} > jstack-2.txt" if jvm else f"gdb -p {pid} -batch -ex 'thread apply all bt' > stacks-2.txt",
    )
    shown = of_threads(members, text["shown"])
    reason = _doubt_of(blocked.blocks) if jvm else say("a worker may block for a moment while others, which are not here, go on")
    doubt = Doubt("few-workers", reason, Confidence.SUSPECTED)
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if whole else Confidence.SUSPECTED,
        outlook=_OUTLOOK if stood or whole else None,
        evidence=(shown, *((more.evidence,) if more is not None else ())),
        chain=text.steps((shown,)),
        culprit=Culprit(thread=members[0].thread.label, frame=str(blocked.site)),
        doubts=() if whole else (doubt,),
        loop=whole,
    )
