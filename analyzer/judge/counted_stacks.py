"""What a profile of goroutines shows by its numbers alone: how many stand in which place, and whether connections were counted as often."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from analyzer.model.message import joined, say
from parsers.records import Counted, Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame

MANY: Final = 20
"""Goroutines in one place that are worth a sentence."""
_MOST: Final = 3
_NEAR: Final = 0.02


def in_words(case: Case, view: ProcessView) -> Iterator[str]:
    """Sentences without their full stops about the largest groups of a piece of a profile."""
    if view.dump is None or view.dump.runtime is not Runtime.GO:
        return
    places = Counter(place for thread in view.dump.threads if (place := _place(thread.frames)) is not None)
    groups = [(place, number) for place, number in places.most_common(_MOST) if number >= MANY]
    if not groups:
        return
    listed = joined(", ", (say("{count:,} in {place}", count=number, place=place) for place, number in groups))
    yield say("of {all:,} goroutines that are here stand {list}", all=len(view.dump.threads), list=listed)
    number = groups[0][1]
    counts = case.counts.of(Counted.SOCKETS, TcpState.ESTABLISHED)
    alike = next((one.number for one in counts if abs(one.number - number) <= _NEAR * number), None)
    equal = sum(1 for _, other in groups if abs(other - number) <= _NEAR * number)
    if alike is not None:
        yield say(
            "as many connections were counted ({connections:,}): {each} for each, as servers and clients of Go have them while a connection is open; it is no leak while their number does not grow",
            connections=alike,
            each=equal,
        )


def _place(frames: tuple[Frame, ...]) -> str | None:
    """Where a goroutine stands, by its first frame outside of Go's own packages."""
    frame = next((one for one in frames if "/" in one.full and "." in one.full.partition("/")[0]), None) or next(iter(frames[-1:]), None)
    return frame.full.rpartition("/")[2] if frame is not None else None
