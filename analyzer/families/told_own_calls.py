"""Picked request threads that wait for an answer, beside words that name their own port as what they call: the server waits for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.chosen_threads import chosen, few_threads
from analyzer.evidence.citations import of_threads
from analyzer.evidence.doing import caller, doing
from analyzer.evidence.multiples import multiple, picked_in_words
from analyzer.evidence.told_addresses import own_address
from analyzer.families.chosen_calls import TOLD, calling, names
from analyzer.model.finding import Confidence, Culprit, Doubt, Finding, Severity, When
from analyzer.model.message import say
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import blocking_frame

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.evidence.told_addresses import OwnAddress
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

TEXT: Final = Text(
    "self-call-starvation",
    headline=Either(
        "sure",
        "{count} {what}{called}, and call {remote}, as the text says: their own pool {pool} serves that port, so the server waits for itself{none_left}.",
        "{count} {what}{called}, and call {remote}, as the text says: if that is the port of their own server, it waits for itself.",
    ),
    explanation="A call to the own port needs a free thread of the same pool. If all of them wait for such calls, none is left to answer, and each request waits for another one. More threads only move the moment.{besides}",
    why="The stack shows the wait and the pool, and the text says what is called; a socket table would prove it.",
    do=(
        Do(When.NOW, "Save a dump of all threads and a socket table, then restart the server; waiting does not help.", "{command}"),
        Do(
            When.FIX,
            "Do not call the own port while serving a request{place}: call in process, or move the resource to another process or a connector with its own pool.",
        ),
        Do(When.FIX, "Set connect and read timeouts on the HTTP client{limits}, so that a stall ends in errors, not in a hang."),
    ),
    ask=(Ask("socket table with owners", "that the calls lead to the own port, and that nobody reads them", "ss -tanpoei > ss.txt"),),
    chain=(
        ("{pool}", "waits for an answer of", "{count}"),
        ("{remote}", "needs a free thread of", "the same pool"),
    ),
    phrases={
        "called": Either("frame", ", called from {frame}"),
        "place": Either("frame", " in {frame}"),
        "none_left": Either("more", ", and none of its threads is left to answer"),
        "besides": Either("more", "", " How many of them wait so the lines that are here do not show."),
    },
)


def suspicions(case: Case) -> Iterator[Finding]:
    """One for each process of which somebody pasted such threads."""
    for view in case.latest:
        if chosen(case, view) and (group := calling(case, view)) and (own := own_address(case, view, group)) is not None:
            yield _finding(case, view, group, own)


def _finding(case: Case, view: ProcessView, group: Sequence[ThreadActivity], own: OwnAddress) -> Finding:
    member, app = group[0], caller(group[0])
    frame = blocking_frame(*member) or member.thread.frames[0]
    more = multiple(case, group)
    limits = view.known.limits_of(member.activity.library)
    text = TEXT.filled(
        view.process,
        count=picked_in_words(names(group), len(group), more),
        more=more,
        what=doing(member, frame, several=True) or say("are in {frame}", frame=frame.call),
        frame=app if app is not None and app != frame else None,
        remote=own.remote,
        sure=own.sure,
        pool=own.pool.name,
        limits=f" ({limits})" if limits else "",
        command="jstack -l PID > jstack.txt; ss -tanpoei > ss.txt",
    )
    shown = (of_threads(group, say("a request thread waits for an answer")), own.evidence)
    sure = Confidence.LIKELY if more is not None and own.sure else Confidence.SUSPECTED
    return text.finding(
        severity=Severity.CRITICAL if more is not None and own.sure else Severity.WARNING,
        confidence=sure,
        evidence=(*shown, *((more.evidence,) if more is not None else ())),
        rule=TEXT.rule,
        chain=text.steps(shown[:1], shown[1:]),
        culprit=Culprit(
            pool=own.pool.name,
            thread=member.thread.label,
            frame=str(app) if app is not None else None,
            listener=f"*:{own.remote.port}",
            remote=str(own.remote),
            library=member.activity.library,
        ),
        doubts=(
            few_threads()
            if more is None or not own.sure
            else Doubt(TOLD, say("what is called, and how many wait so, the text alone says"), sure),
        ),
    )
