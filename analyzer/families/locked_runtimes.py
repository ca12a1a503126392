"""Workers of an asynchronous runtime that all wait for one blocking lock inside tasks: who has it may be a task that nobody is left to poll.

A guard of such a lock that is kept over an ``.await`` stays taken while its task is put aside; whoever wants the lock meanwhile blocks a worker, until the
last one is gone. No thread has the lock then, and no stack shows its owner. A thread that works under the lock is another story, told by the queue behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.evidence.citations import of_threads
from analyzer.families.blocked_runtimes import LIBRARIES, MAY_BLOCK, SMALLEST, is_worker
from analyzer.model.finding import Confidence, Culprit, Doubt, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import IDLE, blocking_frame
from analyzer.software.kinds import ActivityKind
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame

SURE: Final = 3
"""Workers from which on it is no moment in which one hands the lock to the other."""
TEXT: Final = Text(
    "lock-convoy",
    headline="All {workers} of the async runtime that are here wait for a lock in {site}; its owner is not printed, and may be a task that was put aside at an .await.",
    explanation="All {workers} that are here stand in {blocks}, called from {site}. Such a lock blocks its thread, and with it all tasks that the worker polls. Its owner is not printed, and no other thread that is here is at work in the program. The usual reason is a guard that is kept over an .await: the task that has it was put aside, and all who could poll it again wait for it, for ever. A thread that has the lock and was left out here looks the same.",
    why=Either(
        "whole",
        "The stacks show who waits, and that none that is here works under the lock. That a task which was put aside has it is inferred.",
        "The stacks show who waits. Threads that are not here may have the lock.",
    ),
    do=(
        Do(
            When.NOW,
            "Save the stacks of all threads twice: do the same workers stand in {blocks} in both, and is no thread below {site}?",
            "gdb -p {pid} -batch -ex 'thread apply all bt' > stacks-2.txt",
        ),
        Do(
            When.FIX,
            "In {site}, and wherever else this lock is taken: let the guard go before each .await (an inner block, or drop), or use a lock of the runtime (tokio::sync::Mutex), whose lock() is awaited.",
        ),
        Do(
            When.PREVENT,
            "Turn on clippy's await_holding_lock, and do not silence the compiler where it says that a future is not Send: a guard in it is why.",
        ),
    ),
    figures=(("{number:,}", "workers of the runtime that wait for a lock"),),
    ask=(
        Ask(
            "stacks of all threads",
            "whether a thread works while it has the lock",
            "gdb -p {pid} -batch -ex 'thread apply all bt' > stacks-2.txt",
        ),
    ),
    chain=(
        ("the runtime's workers", "wait for a lock in", "{site}"),
        ("who has the lock", "is not among the threads that are here", ""),
    ),
    phrases={"shown": "{threads} for a lock inside tasks of the runtime"},
)
_OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("If a task that was put aside has the lock, who would poll it waits for it."))


class Locked(NamedTuple):
    """Workers that wait for one lock: the frame of the lock, the application's below it (several of one type), and whether other threads are here and do nothing."""

    view: ProcessView
    members: tuple[ThreadActivity, ...]
    blocks: Frame
    sites: tuple[Frame, ...]
    whole: bool


def locked_runtimes(case: Case) -> tuple[Locked, ...]:
    """One for each process whose workers all wait so."""
    return tuple(found for view in case.latest if view.known.runtime is Runtime.NATIVE and (found := _of(view)) is not None)


def findings(locked: Sequence[Locked]) -> Iterator[Finding]:
    """One for each."""
    yield from map(_finding, locked)


def _of(view: ProcessView) -> Locked | None:
    """The workers of a process if all whose stacks are here wait so; a mere row of a debugger's list shows the innermost frame, and not where its thread stands."""
    members = [member for pool in view.pools for member in pool.members]
    listed = [member for member in members if is_worker(member) and len(member.thread.frames) == 1]
    workers = [
        member
        for member in members
        if is_worker(member) and member not in listed and not any(frame.cls.startswith(MAY_BLOCK) for frame in member.thread.frames)
    ]
    found = [_waits(view, member) for member in workers]
    first = found[0] if found else None
    if len(found) < SMALLEST or first is None or any(one is None or not _same(one[1], first[1]) for one in found):
        return None
    tops = {member.thread.frames[0].full for member in (*workers, *listed)}
    others = [member for member in members if member not in workers and member not in listed]
    if listed and len(tops) > 1:
        return None  # one of the rows waits for the network: its worker polls
    if not all(_does_nothing(view, member) for member in others):
        return None
    sites = tuple({one[1].full: one[1] for one in found if one is not None}.values())
    return Locked(view, tuple(workers), first[0], sites, whole=bool(others) and not listed and len(workers) >= SURE)


def _same(one: Frame, other: Frame) -> bool:
    """True for one function, and for two of one type: these take what guards it. What an ``async fn`` runs is a closure below its name."""
    return one.full == other.full or (_type_of(one) == _type_of(other) and _type_of(one).rpartition("::")[2][:1].isupper())


def _type_of(frame: Frame) -> str:
    return frame.cls.rpartition("::")[0] if frame.method.startswith("{{closure}}") else frame.cls


def _waits(view: ProcessView, member: ThreadActivity) -> tuple[Frame, Frame] | None:
    """The lock's frame and the application's that took it, of a worker that stands before a lock that blocks its thread."""
    blocks = blocking_frame(member.thread, member.activity)
    if member.activity.kind is not ActivityKind.LOCK or blocks is None or blocks.cls == "libc":
        return None
    site = next((frame for frame in member.thread.frames if frame.cls and view.known.is_application(frame.cls)), None)
    return (blocks, site) if site is not None and not site.cls.startswith(LIBRARIES) else None


def _does_nothing(view: ProcessView, member: ThreadActivity) -> bool:
    """True for a thread that cannot have the lock for long: it is idle, drives the program's first future, or has no code of the program on it."""
    frames = member.thread.frames
    if member.activity.kind in IDLE or any(frame.method == "block_on" for frame in frames):
        return True
    return not any(frame.cls and view.known.is_application(frame.cls) for frame in frames)


def _finding(locked: Locked) -> Finding:
    view, members = locked.view, locked.members
    text = TEXT.filled(
        view.process,
        workers=plural(len(members), "worker", "workers"),
        blocks=locked.blocks.call,
        site=joined(say(" and "), [frame.call for frame in locked.sites]),
        whole=locked.whole,
        number=len(members),
        threads=plural(len(members), "thread waits", "threads wait"),
    )
    shown = of_threads(members, text["shown"])
    doubt = Doubt("few-workers", say("a thread that is not here may have the lock and work"), Confidence.SUSPECTED)
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if locked.whole else Confidence.SUSPECTED,
        outlook=_OUTLOOK,
        evidence=(shown,),
        chain=text.steps((shown,)),
        culprit=Culprit(thread=members[0].thread.label, frame=str(locked.sites[0])),
        doubts=() if locked.whole else (doubt,),
    )
