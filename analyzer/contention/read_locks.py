"""Read-write locks that a thread asks for twice: told from where threads stand, for no runtime prints who holds a read lock.

A thread that waits for a lock inside a method of some type, and was called from another method of the same type, may hold that lock already. Where a
writer waits in between, locks that let writers go first give no second read lock (Go's sync.RWMutex, StampedLock); and no lock turns a read lock into
the write lock while it is held.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.contention.blocked_group import BlockedGroup
from analyzer.software.blockers import IDLE, application_frame
from analyzer.software.pools import ThreadSet
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame

_REENTRANT: Final = "java.util.concurrent.locks.ReentrantReadWriteLock"
_READS: Final = frozenset({f"{_REENTRANT}$ReadLock.lock", "java.util.concurrent.locks.StampedLock.readLock", "sync.(*RWMutex).RLock"})
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


def asked_twice(case: Case) -> Iterator[AskedTwice]:
    """One for each type whose lock threads wait for, where nobody else is seen inside."""
    for view in case.latest:
        for readers, writers in _by_type(view).values():
            if (found := _of_type(case, view, readers, writers)) is not None:
                yield found


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
