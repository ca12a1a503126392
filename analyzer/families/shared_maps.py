"""Picked threads that compute inside a collection of the JDK which is not made for several threads: its links may have become a ring."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.evidence.chosen_threads import chosen, few_threads
from analyzer.evidence.citations import of_threads
from analyzer.evidence.doing import caller
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.text import Ask, Do, Either, Text
from parsers.records import JavaState, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import ThreadUsage

FEWEST: Final = 2
"""Threads in one collection at the same moment: a look-up takes a millionth of a second."""
MOST: Final = 2
"""Other places that are named."""
HOT: Final = 20.0
"""Percent of a processor in top at which a thread hardly waits: several may share few processors."""
_UNSHARED: Final = frozenset(
    {
        f"java.util.{name}"
        for name in ("HashMap", "HashMap$TreeNode", "LinkedHashMap", "WeakHashMap", "TreeMap", "IdentityHashMap", "HashSet")
    }
)
_CONCURRENT: Final = "java.util.concurrent.ConcurrentHashMap"
TEXT: Final = Text(
    "cpu-spin",
    headline="{threads} compute in {calls}, called from {frame}{others}: a collection that several threads change without a lock can hold a ring, and whoever enters it never leaves.",
    explanation="{threads} ({list}) stand in {calls}, which takes a millionth of a second in a map that is well. {cls} is not made for several threads: two that change it at once can link its entries into a ring. Each thread that looks up a key there computes for ever, and takes a whole processor.{top}",
    why=Either(
        "hot_count",
        "Several threads in the same look-up at the same moment, and top shows that they use a processor each.",
        "Several threads in the same look-up at the same moment are no chance. That they never leave it, their processor time or a second dump would show.",
    ),
    do=(
        Do(
            When.NOW,
            "Look at the processor time of these threads; restart, as nothing from outside ends such a loop.",
            "top -H -b -n 2 -p {pid} > top.txt",
        ),
        Do(When.FIX, "Use ConcurrentHashMap, or guard every access of that map in {frame} with one lock."),
    ),
    figures=(("{count}", "threads in the same collection"),),
    ask=(Ask("second thread dump, ten seconds later", "whether they stand there still", "jstack -l {pid} > jstack-2.txt"),),
    chain=(("{first}", "computes without end in", "{call}"),),
    phrases={
        "others": Either("more", " and {more}"),
        "top": Either(
            "hot_count", " By top {hot_count} of them use up to {percent:.0f} % of a processor: their native ids are those of the dump."
        ),
    },
)


def rings(case: Case) -> Iterator[Finding]:
    """One for each process of which somebody picked threads that compute in one such collection, or with a thread that waits for itself in a map."""
    tops = (member.thread.frames[:1] for view in case.latest for pool in view.pools for member in pool.members)
    if any(top and top[0].cls == _CONCURRENT for top in tops):
        from analyzer.families import nested_maps  # noqa: PLC0415 - such a map is seldom at the top of a stack

        yield from nested_maps.findings(case)
    for view in case.latest:
        if view.dump is None or view.dump.runtime is not Runtime.JVM or not chosen(case, view):
            continue
        groups: dict[tuple[str, str], list[ThreadActivity]] = defaultdict(list)
        for pool in view.pools:
            for member in pool.members:
                top, user = member.thread.frames[:1], caller(member)
                if top and top[0].cls in _UNSHARED and user is not None and member.thread.state is JavaState.RUNNABLE:
                    groups[top[0].cls.partition("$")[0], user.cls].append(member)
        largest = max(groups.values(), key=len, default=[])
        if len(largest) >= FEWEST:
            yield _finding(view, largest, _hot(view, largest))


def _hot(view: ProcessView, members: list[ThreadActivity]) -> list[ThreadUsage]:
    """The rows of top in which these threads use a processor, in the order of the threads."""
    usages = {usage.native_id: usage for usage in view.snapshot.usages}
    rows = (usages.get(one.thread.native_id) for one in members if one.thread.native_id is not None)
    return [row for row in rows if row is not None and row.cpu_percent >= HOT]


def _finding(view: ProcessView, members: list[ThreadActivity], hot: list[ThreadUsage]) -> Finding:
    first, frame = members[0], caller(members[0])
    text = TEXT.filled(
        view.process,
        threads=plural(len(members), "thread"),
        count=len(members),
        call=first.thread.frames[0].call,
        cls=first.thread.frames[0].cls.rpartition(".")[2].partition("$")[0],
        calls=joined(", ", dict.fromkeys(one.thread.frames[0].call for one in members)),
        more=joined(", ", [str(place) for place in dict.fromkeys(map(caller, members)) if place is not None and place != frame][:MOST]),
        frame=frame,
        list=joined(", ", (say("“{name}”", name=member.thread.label) for member in members[:3])),
        first=f"“{first.thread.label}”",
        hot_count=len(hot),
        percent=max((row.cpu_percent for row in hot), default=0.0),
    )
    shown = of_threads(members, say("{threads} RUNNABLE in the same collection", threads=plural(len(members), "thread")))
    sure = Confidence.LIKELY if len(hot) >= FEWEST else Confidence.SUSPECTED
    beside = (
        (
            Evidence(
                hot[0].where,
                say("top shows {cpu_percent:g} % for native id {native_id}", cpu_percent=hot[0].cpu_percent, native_id=hot[0].native_id),
                (f"{hot[0].cpu_percent:g}",),
                len(hot) - 1,
            ),
        )
        if hot
        else ()
    )
    return text.finding(
        severity=Severity.WARNING,
        confidence=sure,
        evidence=(shown, *beside),
        chain=text.steps((shown,)),
        culprit=Culprit(thread=first.thread.label, frame=str(frame) if frame is not None else None),
        doubts=(replace(few_threads(), ceiling=sure),),
        outlook=Outlook(RecoversWhen.RESTART, say("Nothing outside ends such a loop, and no time does."))
        if sure is Confidence.LIKELY
        else None,
    )
