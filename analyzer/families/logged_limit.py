"""Descriptors that ran out by the log, beside a list of them: the list says what to close, though no limit is in the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.log_events import of_this_moment, site_of
from analyzer.join.descriptors import usage
from analyzer.model.finding import Confidence, Culprit, Evidence, Severity, When
from analyzer.model.message import plural
from analyzer.model.text import Do, Either, Text
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case

MOST: Final = 0.5
"""Share of the descriptors that one file or kind must have to be what leaks."""
FEWEST: Final = 20
"""Descriptors of one kind below which nothing is seen to leak."""
TEXT: Final = Text(
    "fd-exhaustion",
    headline="The process has no descriptor left: {number:,} of {used:,} are {what}.",
    explanation="The log says in {lines} that no descriptor was left, and the list shows {used:,} of the process: {number:,} of them are {what}. Nothing that is opened once is open so often: whatever opens it does not close it.",
    why="The log and the list are independent. That the log is this process' rests on there being no other list.",
    do=(
        Do(When.NOW, "Restart before it serves nobody: descriptors come back only from whatever holds them."),
        Do(When.FIX, "Close {what} in every path, after an exception too (try-with-resources, finally, with, defer).{met}"),
    ),
    figures=(("{number:,} of {used:,}", "descriptors are {what}"),),
    chain=(("{what}", "is opened again and again and not closed", "{descriptors}"), ("the process", "has no descriptor left", "")),
    phrases={
        "listed": "{descriptors} are {what}",
        "met": Either("site", " {site} met the limit: look there first, and at whatever else opens it."),
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One finding where exactly one process has a list, and a log of the moment says that none was left."""
    told = next((one for one in of_this_moment(case.incident) if one.event.kind is LogKind.DESCRIPTORS), None)
    lists = [(view, used) for view in case.latest if (used := usage(view)) is not None]
    if told is None or len(lists) != 1:
        return
    ((view, used),) = lists
    top = used.fillers[0]
    if used.limit is not None or top.several or top.number < max(FEWEST, MOST * used.used):
        return
    site = site_of(told.event, case.known)
    text = TEXT.filled(
        view.process,
        number=top.number,
        used=used.used,
        what=top.what,
        lines=plural(told.lines, "line"),
        descriptors=plural(top.number, "descriptor"),
        site=site,
    )
    listed = Evidence(top.where, text["listed"], (top.what,), top.number - 1)
    yield text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY,
        evidence=(listed, told.evidence),
        chain=text.steps((listed,), (told.evidence,)),
        culprit=Culprit(frame=str(site) if site is not None else None),
    )
