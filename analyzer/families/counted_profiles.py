"""Counted profiles of goroutines (``debug=1``) of one program at several moments, and connections that a command counted as often.

A profile's groups are counted whole, the largest first: one of which the rest was cut off still says how many stand in a group that it shows, and by its
total how many at most are in those that it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.families.counted_sockets import shown
from analyzer.model.finding import Confidence
from analyzer.model.message import joined, say
from parsers.records import Counted, TcpState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.counts import Count
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame, ThreadDump

FACTOR: Final = 1.5
"""How many times the first profile's number the last one's is where they grow."""
_FEW: Final = 0.1
"""Share of a group that may be busy with it, or unseen."""
_NEAR: Final = 0.02
"""Share by which two numbers of the same things differ that were counted one after the other."""


def is_profile(dump: ThreadDump) -> bool:
    """True for counted groups under a total: no goroutine has a number of its own."""
    return dump.total is not None and all(thread.java_id is None for thread in dump.threads)


def unseen(dump: ThreadDump) -> int:
    """Goroutines that the total counts and no group shows."""
    return max(0, (dump.total or 0) - len(dump.threads))


def course_of(case: Case, view: ProcessView, frames: tuple[Frame, ...]) -> tuple[tuple[int, int], ...]:
    """For each profile up to this one that shows a group of this stack: how many stand there, and of how many; the last is this one's."""
    seen = [one.dump for one in case.history(view) if one.snapshot.index <= view.snapshot.index and one.dump is not None]
    counted = [(sum(thread.frames == frames for thread in dump.threads), dump.total or 0) for dump in seen if is_profile(dump)]
    return tuple((number, total) for number, total in counted if number)


def grows(course: Sequence[tuple[int, int]]) -> bool:
    """True if each profile has at least as many as the one before, and the last many more than the first."""
    numbers = [number for number, _ in course]
    return len(numbers) > 1 and numbers == sorted(numbers) and numbers[-1] >= FACTOR * numbers[0]


def in_words(course: Sequence[tuple[int, int]]) -> str:
    """How many stood there in the first profile and in the last, and of how many."""
    return say(
        "From the first profile to the last they grew from {first:,} to {last:,}, and all goroutines from {before:,} to {after:,}.",
        first=course[0][0],
        last=course[-1][0],
        before=course[0][1],
        after=course[-1][1],
    )


def counted_as_often(case: Case, number: int) -> Count | None:
    """The connections to one far end that a command counted in ESTABLISHED as often, if there is one such end only."""
    found = [
        one
        for one in case.counts.of(Counted.SOCKETS, TcpState.ESTABLISHED)
        if one.last.remote is not None and one.last.remote.port and abs(one.number - number) <= _NEAR * number
    ]
    return found[0] if len(found) == 1 else None


def with_sentences(text: str, course: Sequence[tuple[int, int]], count: Count | None) -> str:
    """A text, and behind it what the profiles and the counted connections add."""
    more = [in_words(course)] if grows(course) else []
    if count is not None:
        more.append(
            say(
                "As many connections to {remote} were counted ({number:,}, in ESTABLISHED): these are most likely theirs.",
                remote=count.last.remote,
                number=count.number,
            )
        )
    return joined(" ", [text, *more]) if more else text


def with_course(case: Case, view: ProcessView, finding: Finding, frames: tuple[Frame, ...], number: int, users: int) -> Finding:
    """The finding about answers that nobody reads with their growth from profile to profile, and with the far end of connections that were counted as often."""
    dump = view.dump
    if dump is None or not is_profile(dump) or finding.culprit is None:
        return finding
    course = course_of(case, view, frames)
    count = counted_as_often(case, number) if finding.culprit.remote is None else None
    sure = grows(course) and users + unseen(dump) <= _FEW * number and finding.culprit.remote is None
    return replace(
        finding,
        confidence=Confidence.LIKELY if sure else finding.confidence,
        explanation=with_sentences(finding.explanation, course, count),
        why_confident=say(
            "They grow from profile to profile, and hardly a goroutine reads an answer. Which call forgets its answer, no profile shows."
        )
        if sure
        else finding.why_confident,
        evidence=(*finding.evidence, shown(count.last.where, count, count.number)) if count is not None else finding.evidence,
        culprit=replace(finding.culprit, remote=str(count.last.remote)) if count is not None else finding.culprit,
    )
