"""A deadlock that the VM itself reports, where the dump does not show its threads; and who waits behind a deadlock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Severity, Step, When
from analyzer.model.message import joined, plural, say, say_of
from analyzer.model.text import Do, Text
from analyzer.waits.deadlocks import circle_of
from parsers.records import Where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.waits.case import ProcessView
    from parsers.records import Deadlock

NAMED: Final = 3
"""Names that a sentence holds."""
TEXT: Final = Text(
    "java-deadlock",
    headline="{threads} are deadlocked: {names} wait for each other's locks.",
    explanation="{edges}{behind}{end}",
    why="The VM's own deadlock detection reports it.",
    do=(Do(When.NOW, "Restart the process: the threads never let go."),),
    phrases={"end": " Only a restart ends it."},
    figures=(("{circle_count}", "threads in the cycle"),),
)


def finding(view: ProcessView, report: Deadlock) -> Finding:
    """The deadlock as the report tells it."""
    circle, tail = circle_of(report)
    names = joined(" and ", (say("“{thread}”", thread=entry.thread) for entry in circle))
    text = TEXT.filled(
        view.process,
        threads=plural(len(circle), "thread"),
        names=names,
        circle_count=len(circle),
        edges=joined(
            " ",
            (
                say(
                    "“{thread}” wants a {cls} that “{holder}” holds.",
                    thread=entry.thread,
                    cls=entry.cls or say("lock"),
                    holder=entry.holder or say("an unnamed owner"),
                )
                for entry in circle
            ),
        ),
        behind=behind_in_words([entry.thread for entry in tail]),
    )
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN,
        evidence=tuple(report_evidence(report)),
        chain=tuple(Step(f"“{entry.thread}”", say("waits for a lock held by"), entry.cls or say("a lock")) for entry in circle),
        culprit=Culprit(thread=circle[0].thread, lock=circle[0].cls),
        loop=True,
    )


def report_evidence(report: Deadlock | None) -> list[Evidence]:
    """The lines of the report; none without one."""
    if report is None:
        return []
    last = min(report.where.last, report.where.first + 4)
    return [
        Evidence(Where(report.where.file, report.where.first, last), say("The VM reports the deadlock itself"), ("Java-level deadlock",))
    ]


def behind_in_words(names: Sequence[str]) -> str:
    """Who waits behind the deadlock, by name."""
    listed = joined(" and ", (say("“{name}”", name=name) for name in names[:NAMED]))
    more = say(" and others") if len(names) > NAMED else ""
    return (
        say_of(len(names), " {list}{and_others} waits behind them.", " {list}{and_others} wait behind them.", list=listed, and_others=more)
        if names
        else ""
    )
