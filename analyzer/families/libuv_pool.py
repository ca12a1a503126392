"""The pool of threads that libuv keeps for what it cannot do without waiting: look-ups of names, files, and whatever a runtime or an addon gives it.

It has four threads by default (``UV_THREADPOOL_SIZE``), whatever they are for: four slow look-ups keep every file from being read, though the loop is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.evidence.citations import of_threads
from analyzer.evidence.movement import has_stood, standing
from analyzer.evidence.multiples import multiple
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import say
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import IDLE
from analyzer.software.kinds import ActivityKind
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

SIZE: Final = 4
"""Threads of the pool by default (``threadpool.c``)."""
_WORK: Final = ("uv__getaddrinfo_work", "uv__getnameinfo_work", "uv__fs_work", "uv__queue_work", "uv__random_work")
"""What libuv's own code runs in the pool."""
TEXT: Final = Text(
    "disk-stall",
    headline="All {count} threads of libuv's pool are in calls of files, in {waiting}: look-ups of names, other files and compression wait in its queue.",
    explanation="libuv does with {count} threads what it cannot do without waiting. All of them stand in {waiting}, and whatever else needs the pool waits behind them, though the event loop is free. A volume that does not answer, a slow network file system and a pipe that nobody fills look the same.{moment}",
    why=Either(
        "stood",
        "The same threads stand there in two dumps.",
        "One dump is a moment: that the files do not answer, a second one or state D of these threads would show.",
    ),
    do=(
        Do(
            When.NOW,
            "See which files they are, and whether the threads are in state D.",
            "ls -l /proc/{pid}/fd; ps -Lo tid,stat,wchan:32 -p {pid}; cat /proc/mounts",
        ),
        Do(
            When.FIX,
            "Take such files off the path of requests, and give the mount timeouts (soft, timeo); UV_THREADPOOL_SIZE only adds threads that would wait as well.",
        ),
    ),
    figures=(("{count}", "threads of libuv's pool in calls of files"),),
    ask=(Ask("second stacks of the threads", "whether the same threads stand there still", "jstack -l {pid} > jstack-2.txt", on="once"),),
    chain=(("libuv's pool", "waits for files in", "{waiting}"), ("what else needs the pool", "waits in its queue", "")),
    phrases={"moment": Either("once", " A busy moment does, too."), "shown": "{count} threads of libuv's pool in calls of files"},
)
_OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("The queue moves on when the calls of files return."))


class UvPool(NamedTuple):
    """The pool's threads that are here, and how many it has as far as is known."""

    members: tuple[ThreadActivity, ...]
    size: int
    idle: int

    @property
    def full(self) -> bool:
        """True if as many are at work as the pool has, and none is free."""
        return not self.idle and self.size >= SIZE


def uv_pool(case: Case, view: ProcessView) -> UvPool:
    """The pool of a process; without members where none of its threads is here."""
    if view.known.runtime is not Runtime.NATIVE:
        return UvPool((), 0, 0)
    members = [member for pool in view.pools for member in pool.members if _is_worker(member)]
    busy = tuple(member for member in members if member.activity.kind not in IDLE)
    more = multiple(case, busy) if busy else None
    return UvPool(busy, more.number if more is not None else len(busy), len(members) - len(busy))


def _is_worker(member: ThreadActivity) -> bool:
    frames = member.thread.frames
    return any(frame.cls == "libuv" and frame.method in {"worker", *_WORK} for frame in frames) or any(
        above.full == "libuv.uv_cond_wait" and below.method == "worker"
        for above, below in zip(frames, frames[1:], strict=False)  # noqa: RUF007 - pairwise would read the same
    )


def behind_lookups(case: Case, view: ProcessView, asking: Sequence[ThreadActivity]) -> tuple[str, str]:
    """What waits behind look-ups in libuv's pool, for a headline and as a sentence; empty where these are none of its threads, or a thread is free."""
    pool = uv_pool(case, view)
    inside = {id(member.thread) for member in pool.members}
    mine = [member for member in asking if id(member.thread) in inside]
    if not mine or pool.idle or len(mine) < len(pool.members):
        return "", ""
    if not pool.full:
        return "", say(
            " They are threads of libuv's pool, which has four unless UV_THREADPOOL_SIZE says otherwise: if all of them ask for names, files, compression and encryption wait behind them."
        )
    return (
        say("; files, compression and encryption wait behind them in libuv's pool"),
        say(
            " These are all {count} threads of libuv's pool (UV_THREADPOOL_SIZE). It also reads files, compresses and encrypts: such calls wait in its queue, though loop and disk are free. Names that are kept (a cache, connections that stay open) or asked for without the pool (dns.resolve) need none of its threads.",
            count=pool.size,
        ),
    )


def in_files(case: Case) -> Iterator[Finding]:
    """One for each process whose pool is full of calls of files."""
    for view in case.latest:
        pool = uv_pool(case, view)
        if not pool.full or not all(member.activity.kind is ActivityKind.FILE_IO for member in pool.members):
            continue
        still = standing(case, view, pool.members)
        stood = has_stood(still)
        first = pool.members[0].thread.frames
        text = TEXT.filled(
            view.process,
            count=pool.size,
            waiting=next((one for one in first if one.cls == "libc"), first[0]).call,
            stood=stood,
            once=not stood,
        )
        shown = of_threads(pool.members, text["shown"])
        yield text.finding(
            severity=Severity.WARNING,
            confidence=Confidence.LIKELY if stood else Confidence.SUSPECTED,
            outlook=_OUTLOOK,
            evidence=(shown,),
            chain=text.steps((shown,)),
            culprit=Culprit(thread=pool.members[0].thread.label),
        )
