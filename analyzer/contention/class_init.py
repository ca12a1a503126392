"""Threads that initialise classes and wait for the initialisation of others (JLS 12.4.2): whether their waits form a circle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.contention.blocked_group import BlockedGroup
from analyzer.evidence.citations import of_lock
from analyzer.model.finding import Evidence
from analyzer.model.message import say
from analyzer.software.blockers import awaits_class
from analyzer.software.pools import ThreadSet
from parsers.records import LockVerb, Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case
    from parsers.records import Thread

INITIALISER: Final = "<clinit>"


class Initialiser(msgspec.Struct, frozen=True):
    """A thread in the static initialisers of ``classes`` that waits for ``wanted``, None if the dump does not name it."""

    member: ThreadActivity
    classes: tuple[str, ...]
    wanted: str | None

    @property
    def in_words(self) -> str:
        """Where it is and what it waits for, as a sentence."""
        wanted = self.wanted or say("another class, which this VM does not name")
        return say(
            "“{name}” is in {classes}.<clinit> and waits for {wanted}.",
            name=self.member.thread.label,
            classes=self.classes[0],
            wanted=wanted,
        )

    @property
    def evidence(self) -> Evidence:
        """The line that names the class it waits for, or the top of its stack."""
        thread = self.member.thread
        line = next((lock for lock in thread.locks if lock.verb is LockVerb.CLASS_INIT), None)
        says = say(
            "“{name}” initialises {classes} and waits for {wanted}",
            name=thread.label,
            classes=self.classes[0],
            wanted=self.wanted or say("another class"),
        )
        if line is None:
            top = Where(thread.where.file, thread.where.first, min(thread.where.first + 4, thread.where.last))
            return Evidence(top, says, (INITIALISER,))
        return of_lock(thread, line, says, line.cls or INITIALISER)


class InitialiserCircle(msgspec.Struct, frozen=True):
    """Initialisers that wait for each other, among the ``blocked`` that wait for any class.

    ``named``: the dump names the classes they wait for. Else every thread in an initialiser waits, so that nobody is left to finish one.
    """

    blocked: BlockedGroup
    members: tuple[Initialiser, ...]
    named: bool

    @property
    def others(self) -> list[ThreadActivity]:
        """Threads outside the circle that wait for a class."""
        inside = ThreadSet(one.member for one in self.members)
        return [member for member in self.blocked.members if member not in inside]


def initialiser_circles(case: Case) -> Iterator[InitialiserCircle]:
    """One per process whose initialisers wait for each other."""
    for view in case.latest:
        members = [member for pool in view.pools for member in pool.members]
        waiting = [member for member in members if awaits_class(member.thread)]
        found = tuple(
            Initialiser(member, classes, _wanted(member.thread)) for member in waiting if (classes := _initialises(member.thread))
        )
        circle = _circle(found)
        unnamed = not circle and len(found) > 1 and all(one.wanted is None for one in found)
        if unnamed and all(awaits_class(member.thread) for member in members if _initialises(member.thread)):
            yield InitialiserCircle(BlockedGroup(case, view, waiting), found, named=False)
        elif circle:
            yield InitialiserCircle(BlockedGroup(case, view, waiting), circle, named=True)


def _wanted(thread: Thread) -> str | None:
    return next((lock.cls for lock in thread.locks if lock.verb is LockVerb.CLASS_INIT), None)


def _initialises(thread: Thread) -> tuple[str, ...]:
    return tuple(frame.cls for frame in thread.frames if frame.method == INITIALISER)


def _circle(found: Sequence[Initialiser]) -> tuple[Initialiser, ...]:
    """Initialisers each of which waits for a class that the next one is at; empty if the chain ends."""
    at = {cls: one for one in found for cls in one.classes}
    for start in found:
        path = [start]
        while (following := at.get(path[-1].wanted or "")) is not None and following not in path:
            path.append(following)
        if following is start and len(path) > 1:
            return tuple(path)
    return ()
