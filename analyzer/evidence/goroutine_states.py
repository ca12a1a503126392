"""How many goroutines are in a state, as a command counted: rows of ``sort | uniq -c``, or one number of ``grep -c``. A state is no place: where they stand those tell that are pasted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.message import say, say_of
from parsers.records import Counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.message import Message
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case
    from parsers.records import Tally, Thread

_HEADERS: Final = re.compile(r"grep\s+(?:-\w+\s+)*['\"]?\^?goroutine\b[^\[|]*(?:\||$)").search
"""A command that looks for the headers of goroutines whatever their state."""
_SEND, _RECEIVE, _SELECT = "chan send", "chan receive", "select"
_OF_ONE: Final = frozenset({_SEND, "semacquire", "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock"})
"""States in which goroutines want something of others: any number of them rests in the other states while all is well."""
LONG: Final = 600.0
"""Seconds of a wait at a channel from which on it is no moment."""


class InState(msgspec.Struct, frozen=True):
    """Goroutines in one state that were counted, of how many in all (None if nothing tells)."""

    state: str
    number: int
    total: int | None
    tally: Tally


def counted_in(case: Case, state: str) -> InState | None:
    """The goroutines in a state, as the last command counted them; None if nobody did."""
    found = [*_by_rows(case, state), *_by_word(case, state)]
    return max(found, key=lambda one: one.number, default=None)


def counted_with(case: Case, members: Sequence[ThreadActivity]) -> InState | None:
    """The goroutines in the state of these, where no other that is here is in it: then all that were counted may stand where these do."""
    state = members[0].thread.native_state if members else None
    if state not in _OF_ONE or any(one.thread.native_state != state for one in members):
        return None
    inside = {id(one.thread) for one in members}
    others = (thread for view in case.latest if view.dump is not None for thread in view.dump.threads if id(thread) not in inside)
    return counted_in(case, state) if not any(thread.native_state == state for thread in others) else None


def _by_rows(case: Case, state: str) -> Iterator[InState]:
    for count in case.counts.of(Counted.GOROUTINES):
        if count.last.name == state:
            here = (one.number for one in case.counts.of(Counted.GOROUTINES) if one.last.listing == count.last.listing)
            yield InState(state, count.number, max(sum(here), _all(case) or 0), count.last)


def _by_word(case: Case, state: str) -> Iterator[InState]:
    from analyzer.evidence.multiples import looked_for  # noqa: PLC0415 - which asks here, too

    for count in case.counts.all:
        if count.last.what in {Counted.LINES, Counted.THREADS} and count.last.name is None:
            word = (looked_for(count.last.command or "") or "").rpartition("[")[2]
            if word.rstrip(",]:") == state:
                yield InState(state, count.number, _all(case), count.last)


def _all(case: Case) -> int | None:
    """How many goroutines there are, by a command that counted their headers."""
    numbers = [
        one.number
        for one in case.counts.all
        if one.last.what in {Counted.LINES, Counted.THREADS} and one.last.name is None and _HEADERS(one.last.command or "")
    ]
    return max(numbers, default=None)


def at_channel(thread: Thread, *, several: bool) -> Message | None:
    """``waits for 31 minutes to hand over a value on a channel``; None for a thread that is no goroutine at a channel."""
    state = thread.native_state or ""
    number = 2 if several else 1
    since = say(" for {minutes:,} minutes", minutes=int(thread.waited // 60)) if thread.waited else ""
    if state.startswith(_SEND):
        return say_of(
            number, "waits{since} to hand over a value on a channel", "wait{since} to hand over a value on a channel", since=since
        )
    if state.startswith(_RECEIVE):
        return say_of(number, "waits{since} for a value on a channel", "wait{since} for a value on a channel", since=since)
    return say_of(number, "waits{since} at a select", "wait{since} at a select", since=since) if state.startswith(_SELECT) else None


def is_stuck(thread: Thread) -> bool:
    """True for a goroutine that has wanted to hand over a value for long: who should take it does not."""
    return (thread.native_state or "").startswith(_SEND) and (thread.waited or 0) >= LONG
