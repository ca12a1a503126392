"""Threads that wait by design: for work, for events, for connections, for a signal to end. A piece of a dump with nothing else shows nobody who is stuck."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from analyzer.model.message import Message, joined, plural, say, say_of
from analyzer.software.blockers import application_frame, blocking_frame
from analyzer.software.kinds import ActivityKind, PoolRole
from parsers.records import LockVerb, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import ProcessView
    from parsers.records import Thread

_WAITS: Final = {
    ActivityKind.IDLE: say_of(1, "{count} waits for work{where}", "{count} wait for work{where}"),
    ActivityKind.RESERVED: say_of(1, "{count} waits for the next request{where}", "{count} wait for the next request{where}"),
    ActivityKind.SELECT: say_of(1, "{count} waits for events{where}", "{count} wait for events{where}"),
    ActivityKind.ACCEPT: say_of(1, "{count} waits for connections{where}", "{count} wait for connections{where}"),
    ActivityKind.CHANNEL: say_of(
        1,
        "{count} waits at a channel in its own loop{where}, as for a signal to end or for the next tick",
        "{count} wait at a channel in their own loops{where}, as for a signal to end or for the next tick",
    ),
}
_NAMED: Final = 2
"""Frames that a sentence names for one kind."""
_GO_WAITS: Final = frozenset({"chan receive", "select", "select (no cases)"})
"""States in which a goroutine waits until somebody sends; one that cannot send has no receiver."""


def at_rest(view: ProcessView) -> Message | None:
    """``none of the 4 threads that are here is stuck: 2 wait for work in …``; None if any of them does anything else, or waits for somebody."""
    threads = [member for pool in view.pools if pool.role is not PoolRole.JVM for member in pool.members]
    loops = _own_loops(view, threads)
    kinds = [_calm(member, loops) for member in threads]
    if not kinds or any(kind is None for kind in kinds):
        return None
    counts = Counter(kinds)
    if len(threads) < 2 or not counts.keys() - {ActivityKind.IDLE, ActivityKind.RESERVED, None}:  # noqa: PLR2004 - one says nothing of others
        return None  # threads that all wait for work are called so
    if ActivityKind.CHANNEL in counts and not counts.keys() & {ActivityKind.ACCEPT, ActivityKind.SELECT}:
        return None  # of a program that serves nobody main may wait for a result that never comes
    parts = []
    for kind, count in counts.most_common():
        members = [member for member, its in zip(threads, kinds, strict=True) if its is kind]
        if kind is not None:
            parts.append(_WAITS[kind].numbered(count, {"count": f"{count:,}", "where": _where(members)}))
    noun = plural(len(threads), "goroutine") if view.known.runtime is Runtime.GO else plural(len(threads), "thread")
    return say("nobody among the {threads} that are here is stuck or waits for another: {list}", threads=noun, list=joined(", ", parts))


def unsignalled(view: ProcessView) -> Message | None:
    """That all threads which use one monitor wait to be notified, in different methods: nobody among them is left who would notify; None for any other picture.

    Consumers alone wait so while nothing is produced. That producers wait beside them, for the same object, is what no healthy moment shows for long.
    """
    waits: dict[str, list[tuple[str, str]]] = {}
    names: dict[str, str] = {}
    for pool in view.pools:
        for member in pool.members:
            for lock in member.thread.locks:
                if not lock.address:
                    continue
                app = application_frame(member.thread, member.activity)
                if lock.verb is not LockVerb.WAITING_ON or app is None or member.activity.timed:
                    if lock.verb is LockVerb.WAITING_TO_LOCK or (
                        lock.verb is LockVerb.LOCKED and not _released(member.thread, lock.address)
                    ):
                        waits.setdefault(lock.address, []).append(("", member.thread.label))
                    continue
                names[lock.address] = lock.cls or say("an object")
                waits.setdefault(lock.address, []).append((app.full, member.thread.label))
    for address, members in waits.items():
        calls = {call for call, _ in members}
        if address in names and len(calls) > 1 and "" not in calls:
            return say(
                "all {threads} that are here and use one {cls} wait to be notified, in {calls}: none of them is left to notify another; a notify that woke one of its own side (notify where notifyAll is needed), or that came before the wait, leaves them so",
                threads=plural(len(members), "thread"),
                cls=names[address],
                calls=joined(say(" and "), sorted(call.rpartition(".")[2] for call in calls)),
            )
    return None


def _released(thread: Thread, address: str) -> bool:
    """True for a monitor that the thread has given up while it waits: HotSpot prints it as locked all the same."""
    return any(lock.address == address and lock.verb in {LockVerb.WAITING_ON, LockVerb.RELOCKING} for lock in thread.locks)


def _calm(member: ThreadActivity, loops: frozenset[Thread]) -> ActivityKind | None:
    kind = member.activity.kind
    if member.thread in loops:
        return ActivityKind.CHANNEL
    return kind if kind in _WAITS and kind is not ActivityKind.CHANNEL and member.thread.frames else None


def _own_loops(view: ProcessView, members: Iterable[ThreadActivity]) -> frozenset[Thread]:
    """Goroutines that wait in the function that they began in, each alone in it: main's wait for a signal, a ticker's loop, the runtime's own."""
    if view.known.runtime is not Runtime.GO:
        return frozenset()
    waiting = [
        member.thread
        for member in members
        if (
            member.thread.native_state in _GO_WAITS
            and len(member.thread.frames) == 1
            and view.known.is_application(member.thread.frames[0].cls)
        )
        or any(frame.full == "os/signal.signal_recv" for frame in member.thread.frames[:1])
    ]
    alone = Counter(thread.frames[0].full for thread in waiting)
    return frozenset(thread for thread in waiting if alone[thread.frames[0].full] == 1)


def _where(members: Iterable[ThreadActivity]) -> Message | str:
    found = (blocking_frame(one.thread, one.activity) or one.thread.frames[0] for one in members)
    frames = dict.fromkeys(frame.call for frame in found)
    return say(" in {frames}", frames=joined(", ", list(frames)[:_NAMED])) if frames else ""
