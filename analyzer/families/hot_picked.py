"""Picked threads that compute: one moment shows where, and processor time beside it shows that it is no short moment."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.chosen_threads import chosen, few_threads
from analyzer.evidence.citations import of_threads
from analyzer.evidence.held_loops import full_queue, greedy_pattern, of_pattern, of_percent, stands_in, told_percent
from analyzer.model.finding import Confidence, Culprit, Evidence, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind, PoolRole
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from analyzer.evidence.held_loops import FullQueue
    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame, LogEvent, NativeId, ThreadUsage

HOT: Final = 50.0
"""Percent of a processor in top at which a thread hardly waits."""
WHOLE: Final = 0.8
"""Share of its life that an event loop computed from which on it hardly ever waits for events …"""
LONG: Final = 30.0
"""… if it lives for these seconds: programs compute while they start."""
_PATTERNS: Final = ("RegExp.", "java.util.regex.", "re.", "regexp.", "regexp/", "System.Text.RegularExpressions.", "sre_", "_sre.")
_OF_PATTERNS: Final = frozenset({"RegExp", "Regexp", "RegexpQuery", "RegExpQuery"})
"""Classes that make an automaton of a pattern: determinizing it costs more than matching."""
_SEVERAL: Final = 3
"""Sampled threads in one function from which on it is no ordinary work that happens to be the busiest."""
_DEEP: Final = 4
"""Calls of a regular expression's own inside each other from which on it tries ways to match: a plain one is done in a moment."""
_NEAR: Final = 6
"""Calls between the pattern and what works on its automaton."""
TEXT: Final = Text(
    "cpu-spin",
    headline=Either(
        "loop",
        "The event loop computes in {call}{called}{told_pattern}{used}{queue}: all its connections stand still meanwhile.",
        "{threads} in {call}{called}{used_up}: a loop that does not end, or long work.",
    ),
    explanation=Either(
        "timed",
        "{pattern}One moment shows where it computes, and its processor time that it hardly waits. Work that is meant to be long looks the same.",
        "{pattern}One moment shows where it computes. A short match looks the same, if it was met by chance.",
    ),
    why=Either(
        "timed",
        "The stack and the processor time agree. That it stands there for long, a second stack would show.",
        "The stack shows how deep it is in the expression. That it stands there for long, a second stack or its processor time would show.",
    ),
    do=(
        Do(
            When.NOW,
            "See which requests these are, and cancel those that run for long: POST _tasks/ID/_cancel.",
            "curl -s 'localhost:9200/_tasks?actions=*search*&detailed'",
            on="sampled",
        ),
        Do(When.NOW, "Take the stack again after ten seconds: does it stand under {frame} still?", "{again}"),
        Do(
            When.FIX,
            "Look at {frame} and its input: a regular expression with a repetition inside a repetition, such as (a+)+, a loop whose end never comes, a collection that is shared. Bound the input or the time.",
        ),
    ),
    figures=(("{used_whole}", "of a processor"),),
    ask=(Ask("second stack, ten seconds later", "whether it stands there still", "{again}"),),
    chain=(("{who}", "computes in", "{call}"),),
    phrases={
        "used_up": Either(
            "percent", ", and {shows} {percent:.0f} % of a processor", Either("of_pattern", ", deep in a regular expression")
        ),
        "shows": Either("told", "the text tells of", Either("sampled", "the samples show", "top shows")),
        "called": Either("frame_below", ", called from {frame}"),
        "used": Either(
            "told",
            ", and the text says {percent:.0f} % of a processor",
            Either("measured", ", and the process has used {percent:.0f} % of a processor since it began"),
        ),
        "queue": Either("full", "; {waiting} connections wait for it in the accept queue of port {port}, which is full"),
        "told_pattern": Either(
            "greedy",
            Either(
                "its_line",
                " by a regular expression with a repetition inside a repetition, {greedy}, which may try all ways to match (catastrophic backtracking)",
                " (the text shows a regular expression with a repetition inside a repetition, {greedy}, which may try all ways to match)",
            ),
        ),
        "pattern": Either(
            "of_pattern",
            "A regular expression that tries all ways to match takes exponential time for some inputs: a few dozen characters are enough, whoever sends them. ",
        ),
    },
)


class _Hot(msgspec.Struct, frozen=True):
    """A thread that computes, how much of a processor it takes, and the row of top that says so."""

    member: ThreadActivity
    percent: float
    usage: ThreadUsage | None
    told: LogEvent | None = None
    full: FullQueue | None = None


def suspicions(case: Case) -> Iterator[Finding]:
    """One for each process of which somebody picked threads that compute and use a processor."""
    for view in case.latest:
        if view.dump is None or not (chosen(case, view) or view.dump.runtime is Runtime.NODE):
            continue
        usages = {usage.native_id: usage for usage in view.snapshot.usages}
        hot = [
            found
            for pool in view.pools
            if pool.role is not PoolRole.JVM
            for one in pool.members
            if (found := _hot(view, one, usages) or _told(case, view, one)) is not None
        ]
        if hot and (not view.dump.sampled or _is_telling(hot)):
            yield _finding(view, hot, greedy_pattern(case))


def _is_telling(hot: Sequence[_Hot]) -> bool:
    """True for samples of the busiest threads, some of which are always busy, if a pattern is worked on, or several threads stand in one function."""
    at = Counter(getattr(application_frame(*one.member), "full", None) for one in hot)
    return max(at.values()) >= _SEVERAL or any(_is_of_pattern(one.member.thread.frames) for one in hot)


def _hot(view: ProcessView, member: ThreadActivity, usages: Mapping[NativeId, ThreadUsage]) -> _Hot | None:
    thread = member.thread
    if member.activity.kind is not ActivityKind.RUNNING or member.activity.app < 0:
        return None
    usage = usages.get(thread.native_id) if thread.native_id is not None else None
    if usage is not None:
        return _Hot(member, usage.cpu_percent, usage) if usage.cpu_percent >= HOT else None
    if view.dump is None or not thread.cpu or not thread.elapsed:
        return None
    share = thread.cpu / thread.elapsed
    if view.dump.sampled:
        return _Hot(member, 100 * share, None) if 100 * share >= HOT else None
    if view.dump.runtime is not Runtime.NODE or thread.elapsed < LONG:
        return None
    return _Hot(member, 100 * share, None) if share >= WHOLE else None


def _told(case: Case, view: ProcessView, member: ThreadActivity) -> _Hot | None:
    """A picked thread that computes, where words say that a processor is used up; a loop whose accept queue is full; or one deep in a regular expression."""
    if view.dump is None or member.thread.cpu or not view.dump.fragment:
        return None
    if member.activity.kind is not ActivityKind.RUNNING or member.activity.app < 0:
        return None
    told, full = told_percent(case), full_queue(case)
    if view.dump.runtime is not Runtime.NODE:
        deep = sum(map(_matches, member.thread.frames[: member.activity.app])) >= _DEEP
        return _Hot(member, (told.figure("percent") or 0.0) if told is not None else 0.0, None, told) if told is not None or deep else None
    if told is None and full is None:
        return None
    return _Hot(member, (told.figure("percent") or 0.0) if told is not None else 0.0, None, told, full)


def _finding(view: ProcessView, hot: Sequence[_Hot], greedy: LogEvent | None) -> Finding:
    first = max(hot, key=lambda one: one.percent)
    frame = application_frame(*first.member)
    same = [one for one in hot if frame is not None and getattr(application_frame(*one.member), "full", None) == frame.full]
    top = first.member.thread.frames[0]
    loop = view.dump is not None and view.dump.runtime is Runtime.NODE
    pid = view.process.pid if view.process.pid is not None else "PID"
    text = TEXT.filled(
        view.process,
        loop=loop,
        sampled=view.dump is not None and view.dump.sampled,
        threads=plural(len(same), "thread computes", "threads compute"),
        call=str(top) if loop and frame == top else top.call,
        frame=frame,
        frame_below=frame is not None and frame != top,
        percent=first.percent,
        of_pattern=_is_of_pattern(first.member.thread.frames) or (loop and greedy is not None),
        its_line=stands_in(greedy, first.member.thread.frames),
        greedy=greedy.subject if greedy is not None and loop else None,
        told=first.told,
        measured=first.told is None and first.percent,
        timed=first.percent or first.full is not None,
        used_whole=f"{first.percent:.0f} %" if first.percent else "",
        full=first.full,
        waiting=first.full.waiting if first.full is not None else 0,
        port=first.full.port if first.full is not None else 0,
        who=say("the event loop") if loop else say("“{name}”", name=first.member.thread.label),
        again=f"kill -USR2 {pid}"
        if loop
        else "curl -s localhost:9200/_nodes/hot_threads > hot_threads-2.txt"
        if view.dump is not None and view.dump.sampled
        else f"jstack -l {pid} > jstack-2.txt",
    )
    shown = [
        of_threads(
            [one.member for one in same],
            say("{threads} in {call}", threads=plural(len(same), "thread computes", "threads compute"), call=top.call),
        )
    ]
    if first.usage is not None:
        says = say("top shows {percent:g} % for native id {native_id}", percent=first.usage.cpu_percent, native_id=first.usage.native_id)
        shown.append(Evidence(first.usage.where, says, (f"{first.usage.cpu_percent:g}",), len(same) - 1))
    shown += [of_percent(first.told)] if first.told is not None else []
    shown += [first.full.evidence] if first.full is not None else []
    shown += [of_pattern(greedy)] if greedy is not None and loop else []
    sure = first.full is not None or (first.told is not None and stands_in(greedy, first.member.thread.frames))
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if sure else Confidence.SUSPECTED,
        evidence=tuple(shown),
        rule="event-loop-blocked" if loop else "cpu-spin",
        chain=text.steps(tuple(shown)),
        culprit=Culprit(thread=first.member.thread.label, frame=str(frame) if frame is not None else None),
        doubts=() if sure else (few_threads(),),
    )


def _matches(frame: Frame) -> bool:
    return f"{frame.full}.".startswith(_PATTERNS)


def outermost_of_pattern(frames: Sequence[Frame]) -> Frame | None:
    """The call that began to match, where a stack is deep in a regular expression; None where it is not."""
    inside = next((at for at, frame in enumerate(frames) if not _matches(frame)), len(frames))
    return frames[inside - 1] if inside >= _DEEP else None


def _is_of_pattern(frames: Sequence[Frame]) -> bool:
    """True if a regular expression is matched, or made into an automaton a few calls above."""
    top = frames[0]
    above = (frame.cls.rpartition(".")[2].partition("$")[0] for frame in frames[:_NEAR])
    return f"{top.full}.".startswith(_PATTERNS) or not _OF_PATTERNS.isdisjoint(above)
