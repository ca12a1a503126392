"""Waits that lead from the process into a database and back: a thread waits for a session that waits for another connection of the same process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.contention.locks import owner_of
from analyzer.software.blockers import IDLE, waited_lock
from analyzer.software.kinds import ActivityKind
from analyzer.software.pools import ThreadActivity, ThreadSet
from parsers.records import SessionState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.far_side import FarSide, Joined
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Session

DEEPEST: Final = 20
"""Locks that a chain of waiting threads may have; more is no chain that anybody reads."""
_RESTING: Final = frozenset(
    {
        ActivityKind.SLEEP,
        ActivityKind.JOIN,
        ActivityKind.OBJECT_WAIT,
        ActivityKind.WAITING,
        ActivityKind.LATCH,
        ActivityKind.BARRIER,
        ActivityKind.PARK,
    }
)
"""What a program's first thread does in its main method while others work."""


class Loop(msgspec.Struct, frozen=True):
    """``reader`` waits for ``waiter``; ``holder``, our ``connection``, holds it up; ``owners`` could end it, and all wait for ``reader``.

    ``outsiders`` run code of the application that has nothing in common with the reader's: they hardly own the connection, and might.
    """

    reader: ThreadActivity
    waiter: Joined
    holder: Session
    connection: Connection
    owners: tuple[ThreadActivity, ...]
    outsiders: tuple[ThreadActivity, ...]

    @property
    def probable(self) -> tuple[ThreadActivity, ...]:
        """The owners that came another way than the reader, if there are any: the others wait in a method that the reader is further on in.

        Who comes the reader's way takes the lock first and then the row, as it did. The holder took the row first.
        """
        way = {frame.full for frame in self.reader.thread.frames}
        return tuple(one for one in self.owners if one.thread.frames[one.activity.app].full not in way) or self.owners


def loops(case: Case, view: ProcessView) -> Iterator[Loop]:
    """Every loop over a session that waits for another session of the same process."""
    far = case.far_side(view)
    for joined in far.joined:
        if joined.connection is None or joined.session.state is not SessionState.LOCKED:
            continue
        reader, root = far.threads.get(joined.connection), far.root_of(joined.session)
        if reader is None or root is None or root.state is not SessionState.IN_TRANSACTION:
            continue
        held = far.joined_of(root).connection
        owners, outsiders = _owners(view, far, (reader,))
        if held is not None and all(_waits_for(view, far, member, reader, root) for member in owners):
            yield Loop(reader, joined, root, held, owners, outsiders)


class OwnHold(msgspec.Struct, frozen=True):
    """``readers`` wait for ``victims``, one each, which wait for ``holders``: connections of the same process, idle in transactions.

    Which thread has which of them no line tells. But nobody else could go on with one: ``others`` wait for a reader or for a connection.
    """

    readers: tuple[ThreadActivity, ...]
    victims: tuple[Joined, ...]
    holders: tuple[Joined, ...]
    others: tuple[ThreadActivity, ...]
    outsiders: tuple[ThreadActivity, ...]

    @property
    def one_by_one(self) -> bool:
        """True if each holds up one other: then the same thread mostly has both."""
        return len(self.holders) == len(self.victims)


def own_hold(case: Case, view: ProcessView) -> OwnHold | None:
    """The transactions of a process that hold its own sessions up, and that no thread is left to end; None if somebody might, or one loop tells it all."""
    far = case.far_side(view)
    victims: list[Joined] = []
    holders: dict[str, Joined] = {}
    for joined in far.joined:
        root = far.root_of(joined.session) if joined.connection is not None and joined.session.state is SessionState.LOCKED else None
        if root is not None and root.state is SessionState.IN_TRANSACTION and far.joined_of(root).connection is not None:
            victims.append(joined)
            holders.setdefault(root.id, far.joined_of(root))
    readers = tuple(far.waiting_on(victims)) if victims and view.dump is not None and not view.coverage.threads else ()
    if len(readers) < len(victims) or not readers or next(loops(case, view), None) is not None:
        return None
    others, outsiders = _owners(view, far, readers)
    root = next(iter(holders.values())).session
    if not all(any(_waits_for(view, far, member, reader, root) for reader in readers) for member in others):
        return None
    return OwnHold(readers, tuple(victims), tuple(holders.values()), others, outsiders)


def _owners(
    view: ProcessView, far: FarSide, readers: Sequence[ThreadActivity]
) -> tuple[tuple[ThreadActivity, ...], tuple[ThreadActivity, ...]]:
    """Threads that may own an idle connection: they run the application's code and wait on no other connection.

    First those of the readers' pool or with one of their classes on their stacks, then the others that do not wait for a reader.
    """
    elsewhere = ThreadSet((*far.threads.values(), *readers))
    reading = ThreadSet(readers)
    code = set[str]().union(*(_code(view, reader) for reader in readers))
    owners, outsiders = list[ThreadActivity](), list[ThreadActivity]()
    for pool in view.pools:
        beside = any(member in reading for member in pool.members)
        for member in pool.members:
            if member.activity.app >= 0 and member.activity.kind not in IDLE and member not in elsewhere:
                if beside or _code(view, member) & code:
                    owners.append(member)
                elif not _rests_in_main(view, member):
                    outsiders.append(member)
    return tuple(owners), tuple(outsiders)


def _code(view: ProcessView, member: ThreadActivity) -> set[str]:
    """The application's classes on a stack, without the names of lambdas and inner classes."""
    return {frame.cls.partition("$")[0] for frame in member.thread.frames if view.known.is_application(frame.cls)}


def _waits_for(view: ProcessView, far: FarSide, member: ThreadActivity, reader: ThreadActivity, root: Session) -> bool:
    """True if a thread waits, over locks, for the reader, or for a connection of a pool that the loop has used up."""
    for _ in range(DEEPEST):
        if member.activity.kind == ActivityKind.LEASE:
            return not any(
                joined.connection is not None and joined.session.server == root.server and joined.session.state is SessionState.IDLE
                for joined in far.joined
            )
        owner = owner_of(view, waited_lock(member.thread))
        if owner is None:
            return False
        if owner.thread is reader.thread:
            return True
        member = owner
    return False


def _rests_in_main(view: ProcessView, member: ThreadActivity) -> bool:
    """True for a program's first thread that only waits in its main method: no code that uses a connection is on its stack."""
    methods = {frame.method for frame in member.thread.frames if view.known.is_application(frame.cls)}
    return methods == {"main"} and member.activity.kind in _RESTING
