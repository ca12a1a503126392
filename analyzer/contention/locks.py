"""Queues before locks: who waits, who holds the lock, and what the owner does meanwhile.

The lock lines name the owner of a monitor always, the owner of a ReentrantLock only with jstack -l, those who hold a read lock or a
semaphore never. Without a line the owner can be inferred if one thread alone is further on in the method that takes the lock.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from analyzer.contention.blocked_group import FEWEST, BlockedGroup, judge
from analyzer.contention.scopes import past_line, waits_itself
from analyzer.evidence.chosen_threads import chosen
from analyzer.evidence.file_locks import locker_of
from analyzer.evidence.nouns import lock_in_words
from analyzer.model.message import joined, plural, say, say_of
from analyzer.software.blockers import IDLE, OUTBOUND, RESULTS, SOCKET, application_frame, calls_below, calls_of, held_locks, waited_lock
from analyzer.software.kinds import ActivityKind
from analyzer.software.pools import ThreadSet
from analyzer.waits.deadlocks import behind, cycles
from analyzer.waits.targets import only_target
from parsers.records import JavaState, LockVerb, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Confidence
    from analyzer.software.knowledge import Knowledge
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from analyzer.waits.deadlocks import Cycle
    from analyzer.waits.targets import Target
    from parsers.records import Frame, Lock, OpenFile, Thread

LONGEST: Final = 10
"""Queues of one process that are looked at, the longest first: the shorter ones stop nobody."""
_SLOW: Final = (
    SOCKET
    | RESULTS
    | {
        ActivityKind.CALL,
        ActivityKind.FILE_IO,
        ActivityKind.FILE_LOCK,
        ActivityKind.DATAGRAM,
        ActivityKind.DNS,
        ActivityKind.HANDSHAKE,
        ActivityKind.LEASE,
        ActivityKind.PROCESS,
        ActivityKind.SLEEP,
        ActivityKind.SEMAPHORE,
        ActivityKind.CHANNEL,
    }
)
"""Kinds of work that nobody should do while a lock is held: one waiter behind it tells what many would."""
WRITES: Final = frozenset({ActivityKind.FILE_IO, ActivityKind.SOCKET_WRITE, ActivityKind.SOCKET_CONNECT})
"""Kinds of the thread that writes a log for others."""
_OWNED: Final = re.compile(r"java\.util\.concurrent\.locks\.(ReentrantLock|ReentrantReadWriteLock|StampedLock)\b")
_SERVERS: Final = frozenset({"gen_server", "gen_statem", "gen_fsm"})
"""Behaviours of Erlang whose processes answer one call after the other."""
_SYNCHRONIZERS: Final = "java.util.concurrent.", "jdk.internal.", "sun.misc.", "java.lang.Object", "java.lang.Virtual", "java.lang.System$"


class LockQueue(BlockedGroup):
    """Threads that wait for one lock.

    Attributes:
        lock: the lock as the dump prints it, None if no line names it.
        owner: the thread that holds it, None if the dump does not tell.
        also: queues before other locks of the same owner, which are told with this one.
        named: True if lock lines name the owner, False if it is inferred from where it stands.
        guessed: True if it is inferred from the code that it works in, which the lock may guard.
        file: the file whose lock it is, where a list of open files says who has it.
    """

    of_lock = True

    def __init__(self, case: Case, view: ProcessView, waiters: Sequence[ThreadActivity]) -> None:
        """``waiters`` wait for the same lock."""
        self.lock = waited_lock(waiters[0].thread)
        by_line = owner_of(view, self.lock)
        self.named = by_line is not None
        kept = None if self.named else locker_of(view, waiters, case.latest)
        self.file: OpenFile | None = kept[1] if kept is not None else None
        self.also: tuple[LockQueue, ...] = ()
        further = kept[0] if kept is not None else None if self.named else _further_on(view, waiters)
        self.owner = by_line or further or _in_guarded_code(view, waiters)
        self.guessed: bool = by_line is None and further is None and self.owner is not None
        super().__init__(case, view, waiters, (self.owner,) if self.owner else ())

    @property
    def picked(self) -> bool:
        """True if somebody picked these threads, and the owner does slow work under the lock, or is in no dump: a lock kept in another system."""
        if not super().picked:
            return False
        if (owner := self.owner) is None and self.lock is not None and self.lock.holder is not None:
            return True  # the dump names who holds it, and somebody left that one out
        if owner is None:
            return self.lock is None and all(member.activity.library is not None for member in self.members)
        if self.guessed and (self.lock is None or self.view.known.runtime is Runtime.GO):
            return self.view.known.runtime in {Runtime.JVM, Runtime.NATIVE, Runtime.PHP, Runtime.GO}
        if self.file is not None:
            return True
        if not self.named and not self.guessed:
            return (owner.activity.kind in _SLOW or waits_itself(self.view, owner)) and past_line(self.members, owner)
        return self.named and (owner.activity.kind in {*_SLOW, ActivityKind.OBJECT_WAIT, ActivityKind.SELECT} or _ends_at(self.view, owner))

    @property
    def name(self) -> str:
        """The lock in words."""
        return say("one lock") if self.lock is None else lock_in_words(self.lock, say("a lock"))

    @property
    def waiting(self) -> str:
        """Who waits for what."""
        n, lock = len(self.members), self.name
        return say_of(n, "{threads} waits for {lock}", "{threads} wait for {lock}", threads=plural(n, "thread"), lock=lock)

    @property
    def taken(self) -> Lock | None:
        """The lock in the stack of its owner, None if no line of it has its address."""
        if self.owner is None or self.lock is None or not self.lock.address:
            return None
        return next((lock for lock in self.owner.thread.locks if lock.address == self.lock.address), None)

    @property
    def owner_is_printed(self) -> bool:
        """True for a lock whose owner every dump prints: a monitor of a JVM."""
        entered = self.lock is not None and self.lock.verb in {LockVerb.WAITING_TO_LOCK, LockVerb.RELOCKING}
        return entered and self.view.known.runtime is Runtime.JVM

    @property
    def others_in_words(self) -> str:
        """The owner's other locks that threads wait for."""
        told = (
            say(" The same thread holds {lock} too, for which {threads} wait.", lock=one.name, threads=plural(len(one.members), "thread"))
            for one in self.also
        )
        return joined("", told)

    @property
    def unheld(self) -> bool:
        """True for an exclusive lock of ``java.util.concurrent`` under which no thread of a whole dump is seen at work."""
        kind = (self.lock.cls or "") if self.lock is not None else ""
        return self.owner is None and "locks.ReentrantLock" in kind and not self.view.coverage.threads and not self.few

    @property
    def owner_name(self) -> str | None:
        """The owner's name; the one that the waiters print where the owner is not among the threads that are here."""
        return self.owner.thread.label if self.owner is not None else self.lock.holder if self.lock is not None else None

    @property
    def target(self) -> Target | None:
        """The service that the owner waits for, if the sockets tell."""
        return only_target(self.view, self.owner) if self.owner is not None else None


def confidence_of(queue: LockQueue) -> tuple[Confidence, str]:
    """How sure it is that the owner keeps the others waiting, and why."""
    doubts = list(queue.doubts)
    if queue.owner is None:
        unknown = say("what the owner does is not in the dump") if queue.owner_name else say("who holds the lock is not in the dump")
        other = say("{unknown}: a short lock that everybody uses shows the same for a moment", unknown=unknown)
        return judge(doubts, say("The dump shows the queue."), other_cause=other)
    if queue.guessed:
        other = say("that this one holds the lock rests on where it works: whoever took it may have ended without letting it go")
        return judge(doubts, say("The dump shows the queue."), other_cause=other)
    if queue.file is not None:
        return judge(doubts, say("{tool} says who has the lock on {file}.", tool=queue.file.tool, file=queue.file.target))
    if not queue.named:
        return judge([*doubts, say("the owner is inferred")], say("One thread alone is past the place where the others wait."))
    if queue.owner.activity.kind in {ActivityKind.MONITOR, ActivityKind.LOCK}:
        doubts.append(say("the owner waits for a lock itself, and the dump does not say whose"))
    if queue.owner.activity.kind == ActivityKind.RUNNING and not queue.lasting:
        doubts.append(say("the owner is running: a short lock that everybody uses shows the same in one dump"))
    lasting = say("; clients have given up waiting") if queue.suffering else ""
    if queue.lasting:
        lasting = say("; the threads stood there in the dump before")
    return judge(doubts, say("The lock lines name the lock and its owner by address{lasting}.", lasting=lasting))


@lru_cache(maxsize=8)  # three rules ask
def lock_queues(case: Case, least: int = FEWEST) -> tuple[LockQueue, ...]:
    """Queues before the application's locks, at each process' last view: not those of deadlocks, loggers, name look-ups and lending pools.

    A queue whose owner only waits for another such lock is left to that lock's queue.
    """
    found = []
    for view in case.latest:
        stuck = {thread for cycle in cycles(view) for thread in _threads(view, cycle)}
        fewest = 1 if chosen(case, view) else least
        groups = sorted((waiters for waiters in _groups(view) if len(waiters) >= fewest), key=len, reverse=True)
        waiting = ThreadSet(member for waiters in groups for member in waiters)
        queues = [LockQueue(case, view, waiters) for waiters in groups[:LONGEST]]
        for queue in queues:
            owner = queue.owner
            if owner is not None and (owner.thread in stuck or (owner.activity.kind in IDLE and not _selects_under(queue, owner))):
                continue
            if owner is not None and owner in waiting and not (fewest == 1 and _ends_at(view, owner)):
                continue
            if not any(member.thread in stuck for member in queue.members):
                found.append(queue)
    return tuple(_of_one_owner(found))


def _selects_under(queue: LockQueue, owner: ThreadActivity) -> bool:
    """True if the owner waits for an event below code of its own that has the lock, as its lines say: a loop at rest holds no lock that others want."""
    return queue.named and owner.activity.kind is ActivityKind.SELECT and owner.activity.app >= 0


def _ends_at(view: ProcessView, owner: ThreadActivity) -> bool:
    """True if the owner of a lock waits for another one, whose owner nothing here names: the chain ends there."""
    return waits_for_lock(owner) and owner_of(view, waited_lock(owner.thread)) is None


def _of_one_owner(queues: Sequence[LockQueue]) -> Iterator[LockQueue]:
    """One queue for each owner, the longest: it has the others in ``also``, for they all go on at once."""
    told: dict[Thread, LockQueue] = {}
    for queue in queues:
        first = told.get(queue.owner.thread) if queue.owner is not None else None
        if first is not None:
            first.also = (*first.also, queue)
            continue
        if queue.owner is not None:
            told[queue.owner.thread] = queue
        yield queue


def _threads(view: ProcessView, cycle: Cycle) -> set[Thread]:
    return {edge.thread for edge in cycle.edges} | set(behind(view, cycle))


def waits_for_lock(member: ThreadActivity) -> bool:
    """True if the thread waits for a lock that somebody owns, not for a signal."""
    lock = waited_lock(member.thread)
    if lock is None:
        return member.activity.kind in {ActivityKind.MONITOR, ActivityKind.LOCK}
    if lock.verb is LockVerb.PARKING:
        return _OWNED.match(lock.cls or "") is not None
    return lock.verb in {LockVerb.WAITING_TO_LOCK, LockVerb.RELOCKING} and member.activity.kind == ActivityKind.MONITOR


def within(member: ThreadActivity, packages: tuple[str, ...]) -> bool:
    """True if a frame above the first one of the application belongs to ``packages``."""
    return _within(member.thread.frames, member.activity.app, packages)


@lru_cache(maxsize=8192)
def _within(frames: tuple[Frame, ...], app: int, packages: tuple[str, ...]) -> bool:
    return any(frame.cls.startswith(packages) for frame in (frames[:app] if app >= 0 else frames))


def owner_of(view: ProcessView, lock: Lock | None) -> ThreadActivity | None:
    """The thread that lock lines name as owner."""
    if lock is None or lock.address is None:
        return None
    return _owners(view).get(lock.address)


@lru_cache(maxsize=64)  # every queue asks
def _owners(view: ProcessView) -> dict[str, ThreadActivity]:
    """The first thread that holds each lock, by address."""
    found: dict[str, ThreadActivity] = {}
    for pool in view.pools:
        for member in pool.members:
            for lock in held_locks(member.thread):
                found.setdefault(lock.address or "", member)
    return found


def _groups(view: ProcessView) -> list[list[ThreadActivity]]:
    known = view.known
    elsewhere = (*known.tables.logging.packages, *known.tables.lookup.classes)
    groups: dict[object, list[ThreadActivity]] = defaultdict(list)
    for pool in view.pools:
        for member in pool.members:
            lock = waited_lock(member.thread)
            if (
                waits_for_lock(member)
                and (
                    lock is not None or known.runtime is not Runtime.NATIVE or len(member.thread.frames) > 1
                )  # innermost frame alone: any lock
                and not (within(member, elsewhere) or behind_writer(view, member))
                and (_behind_work(view, lock) or not _leases(member, known))
            ):
                groups[lock.address if lock and lock.address else _site(member, known)].append(member)
    return list(groups.values())


def behind_writer(view: ProcessView, member: ThreadActivity) -> bool:
    """True if the thread waits for an own lock around a logger: whoever has it is in the same method, and writes."""
    owner = owner_of(view, waited_lock(member.thread))
    if owner is None or owner.activity.kind not in WRITES or not within(owner, view.known.tables.logging.packages):
        return False
    here, there = application_frame(*member), application_frame(*owner)
    return here is not None and there is not None and here.full == there.full


def _leases(member: ThreadActivity, known: Knowledge) -> bool:
    """True if the thread asks a pool for something it lends: whoever waits for that is told elsewhere."""
    return member.activity.kind is ActivityKind.LEASE or not known.lease_frames.isdisjoint(calls_of(member.thread.frames))


def _behind_work(view: ProcessView, lock: Lock | None) -> bool:
    """True for a monitor whose owner works slowly while it has it: the pool lends nothing to anybody until that ends."""
    if lock is None or lock.verb is not LockVerb.WAITING_TO_LOCK:
        return False
    owner = owner_of(view, lock)
    return owner is not None and owner.activity.kind in OUTBOUND | {ActivityKind.DNS, ActivityKind.HANDSHAKE, ActivityKind.SLEEP}


def _site(member: ThreadActivity, known: Knowledge) -> str | None:
    """The method that takes the lock: the first frame below the synchronizer's own."""
    if member.thread.frames and member.activity.app >= 0 and known.runtime is not Runtime.JVM:
        return member.thread.frames[member.activity.app].full
    frame = next((frame for frame in member.thread.frames if not frame.cls.startswith(_SYNCHRONIZERS)), None)
    return frame.full if frame is not None else None


def _further_on(view: ProcessView, waiters: Sequence[ThreadActivity]) -> ThreadActivity | None:
    """The only thread that is past the place where the others wait: deeper than the method that takes the lock."""
    waiting, sites = ThreadSet(waiters), {_site(member, view.known) for member in waiters}
    # Every request of PHP runs one script from above to below: who is further on in it, the lines tell.
    if len(sites) != 1 or None in sites or view.known.runtime is Runtime.PHP:
        return None
    (site,) = sites
    past = [member for pool in view.pools for member in pool.busy if member not in waiting and site in calls_below(member.thread.frames)]
    return past[0] if len(past) == 1 else None


def _in_guarded_code(view: ProcessView, waiters: Sequence[ThreadActivity]) -> ThreadActivity | None:
    """The only thread in slow work in code that the lock is likely to guard.

    In another method of the same type of Go or C++, later in the same PHP script, in the answer of a server process of Erlang, or in the class whose monitor threads of a JVM enter, where no line names a lock.
    """
    waiting, found = ThreadSet(waiters), []
    if view.known.runtime is Runtime.JVM and _hides_owner(view, waiters):
        homes = {frame.cls.partition("$")[0] for member in waiters if (frame := application_frame(*member)) is not None}
        found = [
            member
            for member in _slow(view)
            if member not in waiting and any(frame.cls.partition("$")[0] in homes for frame in member.thread.frames[member.activity.app :])
        ]
        return found[0] if len(found) == 1 else None
    if view.known.runtime is Runtime.JVM:
        entered = {member.thread.frames[0].cls for member in waiters if member.thread.state is JavaState.BLOCKED and member.thread.frames}
        if len(entered) != 1 or any(waited_lock(member.thread) is not None for member in waiters):
            return None
        found = [
            member
            for member in _slow(view)
            if member not in waiting
            and member.thread.state is not JavaState.BLOCKED
            and any(frame.cls in entered for frame in member.thread.frames)
        ]
        return found[0] if len(found) == 1 else None
    if view.known.runtime is Runtime.GO:
        homes = {member.thread.frames[member.activity.app].cls if member.activity.app >= 0 else "" for member in waiters}
        if len(homes) != 1 or "(*" not in next(iter(homes)):
            return None
        found = [member for member in _slow(view) if member not in waiting and any(frame.cls in homes for frame in member.thread.frames)]
    elif view.known.runtime is Runtime.NATIVE and not any(waited_lock(member.thread) for member in waiters):
        scopes = {member.thread.frames[member.activity.app].cls if member.activity.app >= 0 else "" for member in waiters}
        if len(scopes) != 1 or scopes == {""}:
            return None
        found = [member for member in _slow(view) if member not in waiting and any(frame.cls in scopes for frame in member.thread.frames)]
    elif view.known.runtime is Runtime.ERLANG:
        found = [member for member in _slow(view) if member not in waiting and any(frame.cls in _SERVERS for frame in member.thread.frames)]
    elif view.known.runtime is Runtime.PHP and all(member.thread.frames for member in waiters):
        places = [_lines(member) for member in waiters]
        shared = {place: max(one[place] for one in places) for place in set.intersection(*map(set, places))}
        found = [
            member
            for member in _slow(view)
            if member not in waiting and any(line > shared[place] for place, line in _lines(member).items() if place in shared)
        ]
    return found[0] if len(found) == 1 else None


def _hides_owner(view: ProcessView, waiters: Sequence[ThreadActivity]) -> bool:
    """True if the dump could not name who has the lock: readers of a read-write lock are printed nowhere, the owner of others only with -l."""
    lock = waited_lock(waiters[0].thread)
    owned = lock is not None and lock.verb is LockVerb.PARKING and _OWNED.match(lock.cls or "") is not None
    return owned and not view.coverage.threads and "locks.ReentrantLock" not in (lock.cls or "" if lock else "")


def _slow(view: ProcessView) -> Iterator[ThreadActivity]:
    return (member for pool in view.pools for member in pool.busy if member.activity.kind in _SLOW)


def _lines(member: ThreadActivity) -> dict[tuple[str, str], int]:
    """The line at which a thread stands in each function of each script."""
    places = [((_script(frame), frame.full), frame.line) for frame in member.thread.frames if frame.line]
    return {place: line for place, line in reversed(places) if line}


def _script(frame: Frame) -> str:
    return (frame.source or "").rpartition(":")[0]
