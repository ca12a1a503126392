"""Goroutines that hang at a channel for ever: a command counted thousands in one state, and the few that somebody pasted tell where.

Rows by state alone prove no place. Who sends waits for somebody who takes: after hours nobody does. Who receives or selects may serve a subscriber.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from analyzer.evidence.chosen_threads import FEW
from analyzer.evidence.citations import of_threads
from analyzer.evidence.goroutine_states import LONG, counted_in
from analyzer.evidence.multiples import names_of
from analyzer.families.goroutine_heaps import MANY, SHARE, own_at_channel
from analyzer.model.finding import Confidence, Culprit, Doubt, Evidence, Severity, When
from analyzer.model.message import say
from analyzer.model.text import Do, Either, Text
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.evidence.goroutine_states import InState
    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

TEXT: Final = Text(
    "thread-leak",
    headline="{number:,} goroutines{of} {waits}, as {names} do in {frame}{since}: {nobody}, so they never end.",
    explanation="{number:,} goroutines are in the state “{state}” as a command counted; those that are here stand at {source} in a function that was begun with “go”{since}. Mostly the caller that should take part in the channel returned at its time limit, at an error or when its context was done, and the goroutine still wants to go on.{alike} Each keeps its stack and whatever that refers to: memory grows with them, and no setting of the collector helps.",
    why=Either(
        "sure",
        "A send that nobody takes for so long is no moment. That all that were counted stand in this place is inferred: no other in this state is here.",
        "The count has no place and the pasted stacks have no other side of the channel; one count cannot show growth.",
    ),
    do=(
        Do(
            When.NOW,
            "Count them by place, and once more some minutes later: growth makes it a leak.",
            "curl -s 'localhost:PPROF_PORT/debug/pprof/goroutine?debug=1' | head -40",
        ),
        Do(
            When.FIX,
            "Look at {source}: give the channel a buffer of one where each goroutine sends once, or let it select on the context's Done as well, so that it ends when nobody takes part any more.",
        ),
        Do(When.PREVENT, "Watch the number of goroutines (go_goroutines), and let a test look for those that are left (goleak)."),
    ),
    figures=(("{number:,}{of}", "goroutines"),),
    chain=(
        ("the code that began them", "no longer takes part in", "the channel at {source}"),
        ("its goroutines", "never end", ""),
    ),
    phrases={
        "of": Either("total", " of {total:,}"),
        "waits": Either(
            "sends",
            "wait to hand over a value on a channel",
            Either("selects", "hang at a select of channels", "wait for a value on a channel"),
        ),
        "nobody": Either("sends", "nobody takes it any more", "it seems that nobody will send any more"),
        "since": Either("minutes", ", for {minutes:,} minutes"),
        "alike": Either(
            "sends",
            " A consumer that hangs itself would look the same.",
            " A design with one goroutine for each subscriber that waits for news looks the same; then their number follows that of the subscribers.",
        ),
        "shown": "{pasted} of them",
        "counted": "{number:,} in this state were counted",
    },
)
_PAIRED: Final = 0.5
"""Share of those that wait from which on as many readers of sockets are no accident."""


def never_ended(case: Case) -> Iterator[Finding]:
    """One for each process of which goroutines were pasted that are in a state which thousands have."""
    for view in case.latest:
        if view.dump is None or view.dump.runtime is not Runtime.GO or len(view.dump.threads) > FEW:
            continue
        groups: dict[tuple[object, object], list[ThreadActivity]] = defaultdict(list)
        states: dict[object, int] = defaultdict(int)
        for member in (member for pool in view.pools for member in pool.members):
            states[member.thread.native_state] += 1
            if own_at_channel(member.thread):
                groups[member.thread.native_state, member.thread.frames[0]].append(member)
        for (state, _), members in groups.items():
            found = counted_in(case, str(state))
            # Of several places in one state nobody knows which the heap is.
            if (
                found is not None
                and found.number >= MANY
                and found.number >= SHARE * (found.total or 0)
                and states[state] == len(members)
                and not _of_connections(case, found)
            ):
                yield _finding(view, members, found)


def _of_connections(case: Case, found: InState) -> bool:
    """True if as many goroutines read from a socket as wait for something to write: one of each for every connection that is open."""
    reads = counted_in(case, "IO wait")
    return found.state != "chan send" and reads is not None and reads.number >= _PAIRED * found.number


def _finding(view: ProcessView, members: Sequence[ThreadActivity], found: InState) -> Finding:
    thread = members[0].thread
    waited = max((member.thread.waited or 0 for member in members), default=0)
    sends = found.state == "chan send"
    sure = sends and waited >= LONG
    frame = thread.frames[0]
    text = TEXT.filled(
        view.process,
        number=found.number,
        total=found.total,
        state=found.state,
        names=names_of(members),
        pasted=names_of(members),
        frame=frame,
        source=frame.source,
        sends=sends,
        selects=found.state == "select",
        minutes=int(waited // 60),
        sure=sure,
    )
    shown = (of_threads(members, text["shown"]), Evidence(found.tally.where, text["counted"], (str(found.tally.count),)))
    place = say("that all of them stand in this place is inferred")
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if sure else Confidence.SUSPECTED,
        evidence=shown,
        chain=text.steps(shown),
        culprit=Culprit(frame=str(frame)),
        doubts=(Doubt("by-state", place, Confidence.LIKELY),) if sure else (),
    )
