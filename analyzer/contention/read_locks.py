"""Locks that a thread asks for twice: told from where threads stand, for no runtime prints who holds a read lock, or a mutex.

A thread that waits for a mutex in a function, and has passed that very line in an outer call of the same function, may hold it (a mutex of POSIX or
of Go's sync is not given twice). Of read-write locks: a thread that waits for a lock inside a method of some type, and was called from another method of the same type, may hold that lock already. Where a
writer waits in between, locks that let writers go first give no second read lock (Go's sync.RWMutex, StampedLock); and no lock turns a read lock into
the write lock while it is held.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.contention.blocked_group import BlockedGroup
from analyzer.software.blockers import IDLE, application_frame, waited_lock
from analyzer.software.kinds import ActivityKind
from analyzer.software.pools import ThreadSet
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame

_REENTRANT: Final = "java.util.concurrent.locks.ReentrantReadWriteLock"
_READS: Final = frozenset({f"{_REENTRANT}$ReadLock.lock", "java.util.concurrent.locks.StampedLock.readLock", "sync.(*RWMutex).RLock"})
_ENTERS: Final = frozenset({ActivityKind.LOCK, ActivityKind.MONITOR})
"""Waits to enter a mutex: with its address, or without."""
_WRITES: Final = frozenset({f"{_REENTRANT}$WriteLock.lock", "java.util.concurrent.locks.StampedLock.writeLock", "sync.(*RWMutex).Lock"})


class AskedTwice(msgspec.Struct, frozen=True):
    """A thread that asks once more for a lock which its caller, of the same type, may have taken.

    ``inner`` takes the lock, ``outer`` called it. ``upgrade``: the write lock is asked for. ``readers`` and ``writers`` wait for the lock, the thread
    among them.
    """

    group: BlockedGroup
    member: ThreadActivity
    inner: Frame
    outer: Frame
    upgrade: bool
    readers: tuple[ThreadActivity, ...]
    writers: tuple[ThreadActivity, ...]


class EnteredAgain(msgspec.Struct, frozen=True):
    """A thread that waits for a mutex in ``inner``, and has passed the place where it is taken in ``outer``, an earlier call of the same function."""

    group: BlockedGroup
    member: ThreadActivity
    inner: Frame
    outer: Frame


def asked_twice(case: Case) -> Iterator[AskedTwice]:
    """One for each type whose lock threads wait for, where nobody else is seen inside."""
    for view in case.latest:
        for readers, writers in _by_type(view).values():
            if (found := _of_type(case, view, readers, writers)) is not None:
                yield found


def entered_again(case: Case) -> Iterator[EnteredAgain]:
    """One for each function in which a thread waits for a mutex that an outer call of the same function has passed."""
    for view in case.latest:
        yield from _entered_again(case, view)


def _entered_again(case: Case, view: ProcessView) -> Iterator[EnteredAgain]:
    if view.known.runtime not in {Runtime.NATIVE, Runtime.GO}:
        return
    waiting = [member for pool in view.pools for member in pool.members if member.activity.kind in _ENTERS and not _is_owned(member)]
    told = set()
    for member in waiting:
        inner, outer = application_frame(*member), _passed(member)
        if inner is None or outer is None or inner.full in told or _asks(member) == 0 or _is_recursive(member) or _inside(view, inner):
            continue
        told.add(inner.full)
        others = [one for one in waiting if one is not member and _same_lock(one, member)]
        group = BlockedGroup(case, view, [member, *others])
        if group.noteworthy or group.lasting:
            yield EnteredAgain(group, member, inner, outer)


def _is_owned(member: ThreadActivity) -> bool:
    """True if the dump prints the owner of the lock that the thread waits for: then nothing has to be told from lines."""
    lock = waited_lock(member.thread)
    return lock is not None and lock.owner is not None


def _is_recursive(member: ThreadActivity) -> bool:
    """True if the lock's own type says that a thread may take it twice."""
    return any("recursive" in frame.full.lower() for frame in member.thread.frames[: member.activity.app])


def _inside(view: ProcessView, inner: Frame) -> bool:
    """True if another thread is at work past the place where the lock is taken: it has it."""
    return any(
        frame.full == inner.full and (frame.line or 0) > (inner.line or 0)
        for pool in view.pools
        for one in pool.members
        if one.activity.kind not in _ENTERS
        for frame in one.thread.frames
    )


def _passed(member: ThreadActivity) -> Frame | None:
    """The outer call of the function that waits for the lock, if it stands at a later line: it has passed the place where the lock is taken."""
    inner = application_frame(*member)
    if inner is None or inner.line is None:
        return None
    outer = member.thread.frames[member.activity.app + 1 :]
    return next((frame for frame in outer if frame.full == inner.full and (frame.line or 0) > (inner.line or 0)), None)


def _same_lock(one: ThreadActivity, other: ThreadActivity) -> bool:
    """True if two threads wait for one lock: by its address, else by the function that takes it."""
    ours, theirs = waited_lock(one.thread), waited_lock(other.thread)
    if ours is not None and theirs is not None and ours.address and theirs.address:
        return ours.address == theirs.address
    mine, yours = application_frame(*one), application_frame(*other)
    return mine is not None and yours is not None and mine.full == yours.full


def _by_type(view: ProcessView) -> dict[str, tuple[list[ThreadActivity], list[ThreadActivity]]]:
    """Type → those who wait for the read lock and for the write lock in one of its methods."""
    found: dict[str, tuple[list[ThreadActivity], list[ThreadActivity]]] = defaultdict(lambda: ([], []))
    if view.known.runtime not in {Runtime.JVM, Runtime.GO}:
        return found
    for pool in view.pools:
        for member in pool.members:
            kind = _asks(member)
            frame = application_frame(*member) if kind is not None else None
            if frame is not None and kind is not None and (name := _type(frame)):
                found[name][kind].append(member)
    return found


def _asks(member: ThreadActivity) -> int | None:
    """0 for the read lock, 1 for the write lock, None for neither."""
    if member.activity.kind in IDLE:
        return None
    above = {frame.full for frame in member.thread.frames[: max(member.activity.app, 0)]}
    return 0 if above & _READS else 1 if above & _WRITES else None


def _type(frame: Frame) -> str:
    """The type that a method belongs to, inner classes and closures included; empty for a function of a package of Go."""
    name = frame.cls.partition("$")[0]
    return name if "/" not in name.rpartition(")")[2] and (name.endswith(")") or "(" not in frame.full) else ""


def _of_type(case: Case, view: ProcessView, readers: Sequence[ThreadActivity], writers: Sequence[ThreadActivity]) -> AskedTwice | None:
    group = BlockedGroup(case, view, [*writers, *readers])
    if not (group.noteworthy or group.lasting) or _works_there(view, group):
        return None
    for members, upgrade in ((writers, True), (readers, False)):
        for member in members:
            inner, outer = application_frame(*member), _outer(member)
            if inner is None or outer is None or (not upgrade and not (writers and _refuses(member))):
                continue
            return AskedTwice(group, member, inner, outer, upgrade, tuple(readers), tuple(writers))
    return None


def _outer(member: ThreadActivity) -> Frame | None:
    """The outermost method of the same type that led to the one which takes the lock; None if it was called from elsewhere."""
    inner = application_frame(*member)
    if inner is None:
        return None
    found = None
    for frame in member.thread.frames[member.activity.app + 1 :]:
        if _type(frame) != _type(inner):
            break
        found = frame if frame.full != inner.full else found
    return found


def _refuses(member: ThreadActivity) -> bool:
    """True for a lock that gives no second read lock to a thread that has one, once a writer waits."""
    return not any(frame.cls.startswith(_REENTRANT) for frame in member.thread.frames)


def _works_there(view: ProcessView, group: BlockedGroup) -> bool:
    """True if a thread that does not wait for the lock is inside a method of the type: it may hold the lock, and go on."""
    waiting = ThreadSet(group.members)
    names = {_type(frame) for member in group.members if (frame := application_frame(*member)) is not None}
    return any(
        member not in waiting and member.activity.kind not in IDLE and any(_type(frame) in names for frame in member.thread.frames)
        for pool in view.pools
        for member in pool.members
    )
