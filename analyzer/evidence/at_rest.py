"""Threads that wait by design: for work, for events, for connections, for a signal to end. A piece of a dump with nothing else shows nobody who is stuck."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from analyzer.evidence.multiples import multiple
from analyzer.model.message import Message, joined, plural, say, say_of
from analyzer.software.blockers import application_frame, blocking_frame, parks_in_its_loop, waited_lock
from analyzer.software.kinds import ActivityKind, PoolRole
from parsers.records import Counted, JavaState, LockVerb, Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Thread

_WAITS: Final = {
    ActivityKind.IDLE: say_of(1, "{count} waits for work{where}", "{count} wait for work{where}"),
    ActivityKind.RESERVED: say_of(1, "{count} waits for the next request{where}", "{count} wait for the next request{where}"),
    ActivityKind.SELECT: say_of(1, "{count} waits for events{where}", "{count} wait for events{where}"),
    ActivityKind.ACCEPT: say_of(1, "{count} waits for connections{where}", "{count} wait for connections{where}"),
    ActivityKind.JOIN: say_of(
        1,
        "{count} waits for the end of what it has started{where}, as main does",
        "{count} wait for the end of what they have started{where}",
    ),
    ActivityKind.REQUEST_READ: say_of(
        1,
        "{count} waits for the next request of its client{where}",
        "{count} wait for the next request of the client whose connection is theirs{where}",
    ),
    ActivityKind.CHANNEL: say_of(
        1,
        "{count} waits at a channel in its own loop{where}, as for a signal to end or for the next tick",
        "{count} wait at a channel in their own loops{where}, as for a signal to end or for the next tick",
    ),
}
_EACH: Final = say("; that is normal: each client has its thread")
_of_connection = re.compile(r"(?i:\bconnections?\b|\bconn\b|\bclient)|\d{1,3}(?:\.\d{1,3}){3}").search
"""How the thread of one connection is called: after it, or by its client's address."""
_IN_A_LOOP: Final = say_of(
    1,
    "{count} waits with a time limit in its own loop{where}, as for the next round",
    "{count} wait with a time limit in their own loops{where}, as for the next round",
)
_WAITED: Final = frozenset({ActivityKind.OBJECT_WAIT, ActivityKind.CONDITION, ActivityKind.PARK, ActivityKind.SLEEP, ActivityKind.WAITING})
_JDK: Final = ("java.", "jdk.", "sun.")
_keeps_house = re.compile(r"(?i:house-?keep|evict|reaper|cleaner|heart-?beat|keep-?alive|idle-?conn)").search
"""Names of threads that libraries have for their own upkeep, once in a while."""
_LITTLE: Final = 0.01
"""Share of its life in which a thread that waits for events works at most: a loop that spins uses all of it."""
_LIVED: Final = 60
"""Seconds of a thread's life from which on that share tells something."""
_NAMED: Final = 2
"""Frames that a sentence names for one kind."""
_OF_CLIENT: Final = frozenset({"net/http.(*conn).serve", "google.golang.org/grpc.(*Server).serveStreams"})
"""Calls in which Go's servers have one goroutine for each client."""
_GO_WAITS: Final = frozenset({"chan receive", "select", "select (no cases)"})
"""States in which a goroutine waits until somebody sends; one that cannot send has no receiver."""


def at_rest(case: Case, view: ProcessView) -> Message | None:
    """``none of the 4 threads that are here is stuck: 2 wait for work in …``; None if any of them does anything else, or waits for somebody."""
    threads = [member for pool in view.pools if pool.role is not PoolRole.JVM for member in pool.members]
    loops, readers = _own_loops(view, threads), _own_readers(case, view)
    kinds = [_calm(member, loops, readers) for member in threads]
    if not kinds or any(kind is None for kind in kinds):
        return None
    counts = Counter(kinds)
    if len(threads) == 1 and kinds[0] is ActivityKind.REQUEST_READ:
        return say(
            "“{name}”{like} is idle: it waits for the next request of its client{where}{read}",
            name=threads[0].thread.label,
            like=alike(case, threads),
            where=_where(threads),
            read=_EACH,
        )
    if len(threads) < 2 or not counts.keys() - {ActivityKind.IDLE, ActivityKind.RESERVED, None}:  # noqa: PLR2004 - one says nothing of others
        return None  # threads that all wait for work are called so
    if not counts.keys() - {ActivityKind.SLEEP, ActivityKind.JOIN}:
        return None  # loops with a time limit alone show nobody who serves
    if ActivityKind.CHANNEL in counts and not counts.keys() & {ActivityKind.ACCEPT, ActivityKind.SELECT} and not _serves(threads):
        return None  # of a program that serves nobody main may wait for a result that never comes
    parts = []
    for kind, count in counts.most_common():
        members = [member for member, its in zip(threads, kinds, strict=True) if its is kind]
        if kind is not None:
            like = alike(case, members)
            words = _IN_A_LOOP if kind is ActivityKind.SLEEP else _WAITS[kind]
            said = words.numbered(count, {"count": f"{count:,}", "where": _where(members)})
            parts.append(say("{said}{like}", said=said, like=like) if like else said)
    noun = plural(len(threads), "goroutine") if view.known.runtime is Runtime.GO else plural(len(threads), "thread")
    return say(
        "nobody among the {threads} that are here is stuck or waits for another: {list}{kept}{read}{worked}",
        threads=noun,
        list=joined(", ", parts),
        kept=_kept_alive(case, [member for member, its in zip(threads, kinds, strict=True) if its is ActivityKind.RESERVED]),
        read=_EACH if ActivityKind.REQUEST_READ in counts else "",
        worked=_worked([member for member, its in zip(threads, kinds, strict=True) if its in {ActivityKind.SELECT, ActivityKind.IDLE}]),
    )


def _serves(threads: Iterable[ThreadActivity]) -> bool:
    """True if one of them is a server's own, for a client that has nothing to ask."""
    return any(
        member.activity.kind in {ActivityKind.IDLE, ActivityKind.RESERVED}
        and any(frame.full in _OF_CLIENT for frame in member.thread.frames)
        for member in threads
    )


def alike(case: Case, members: Sequence[ThreadActivity]) -> Message | str:
    """`` (25 counted)``: how many stand like threads that somebody picked, where the evidence says so."""
    more = multiple(case, members)
    return say(" ({more})", more=more.words) if more is not None else ""


def parked(resting: Sequence[ThreadActivity]) -> str:
    """Why a thread that waits for work shows a lock: many look for its owner."""
    waits = all(lock is not None and lock.verb is LockVerb.PARKING for member in resting for lock in (waited_lock(member.thread),))
    return (
        say("; that is normal: what it waits on is the condition of its pool's queue, which nobody holds while there is no work")
        if waits
        else ""
    )


def unowned(view: ProcessView) -> list[str]:
    """That the lock which threads without work show has no owner: the same one below each looks like a queue for it."""
    idle = [member.thread for pool in view.pools for member in pool.members if member.activity.kind is ActivityKind.IDLE]
    locks = [lock.address for thread in idle if (lock := waited_lock(thread)) is not None and lock.verb is LockVerb.PARKING]
    same = len(set(locks)) < len(locks)
    return [say("what those that wait for work are parked on is the condition of their pool's queue, which nobody holds")] if same else []


def _kept_alive(case: Case, members: Sequence[ThreadActivity]) -> Message | str:
    """That as many connections were counted as threads wait for a next request: clients keep them, and the server's limit for idle ones ends them."""
    more = multiple(case, members) if members else None
    number = more.number if more is not None else len(members)
    same = any(one.number == number for one in case.counts.of(Counted.SOCKETS, TcpState.ESTABLISHED))
    return (
        say("; as many ESTABLISHED were counted: connections that clients keep for their next requests, until the server's idle limit")
        if number > 1 and same
        else ""
    )


def _worked(members: Sequence[ThreadActivity]) -> Message | str:
    """That a thread which waits for events is no loop that spins, though the JVM calls it RUNNABLE."""
    for thread in (member.thread for member in members):
        if thread.state is JavaState.RUNNABLE and thread.cpu is not None and thread.elapsed is not None and thread.elapsed >= _LIVED:
            if thread.cpu <= _LITTLE * thread.elapsed:
                return say(
                    "; “{name}” has used {cpu:.0f} s of processor time in {elapsed:,.0f} s: it waits, though the JVM calls it RUNNABLE",
                    name=thread.label,
                    cpu=thread.cpu,
                    elapsed=thread.elapsed,
                )
            return ""
    return ""


def rounds(member: ThreadActivity) -> bool:
    """True for a library's own thread that waits with a time limit in its ``run``: it wakes for each round, as those that send heartbeats or clean up."""
    thread = member.thread
    if member.activity.kind not in _WAITED or thread.state is not JavaState.TIMED_WAITING:
        return False
    if _keeps_house(thread.name or "") and thread.frames and all(frame.cls.startswith(_JDK) for frame in thread.frames):
        return True  # its executor's queue, or somebody left out the frames below: no name of a pool that works for clients
    if not member.activity.timed:
        return False
    own = [frame for frame in thread.frames if not frame.cls.startswith(_JDK)]
    return len(own) == 1 and own[0].method == "run" and member.activity.app < 0


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


def _own_readers(case: Case, view: ProcessView) -> frozenset[Thread]:
    """Threads that wait in their server's own loop for the next request of a client; in a pool that has an end they may be all that it has."""
    found: set[Thread] = set()
    for pool in view.pools:
        reading = [member for member in pool.members if member.activity.kind is ActivityKind.REQUEST_READ and member.activity.app < 0]
        each = [member.thread for member in reading if not pool.bounded or _of_connection(member.thread.name or "")]
        found.update(each)
        if pool.idle and len(reading) > len(each) and multiple(case, reading) is None:
            found.update(member.thread for member in reading)
    return frozenset(found)


def _calm(member: ThreadActivity, loops: frozenset[Thread], readers: frozenset[Thread]) -> ActivityKind | None:
    kind = member.activity.kind
    if kind is ActivityKind.REQUEST_READ:
        return kind if member.thread in readers else None
    if member.thread in loops:
        return ActivityKind.CHANNEL
    if rounds(member):
        return ActivityKind.SLEEP
    if parks_in_its_loop(member.thread.frames):
        return ActivityKind.IDLE
    if kind is ActivityKind.JOIN:
        return kind if member.thread.frames[-1].method == "main" else None
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
            and (member.thread.native_state == "select" or view.known.is_application(member.thread.frames[0].cls))
        )
        or any(frame.full == "os/signal.signal_recv" for frame in member.thread.frames[:1])
    ]
    alone = Counter(thread.frames[0].full for thread in waiting)
    return frozenset(thread for thread in waiting if alone[thread.frames[0].full] == 1)


def _where(members: Iterable[ThreadActivity]) -> Message | str:
    found = (blocking_frame(one.thread, one.activity) or one.thread.frames[0] for one in members)
    frames = dict.fromkeys(frame.call for frame in found)
    return say(" in {frames}", frames=joined(", ", list(frames)[:_NAMED])) if frames else ""
