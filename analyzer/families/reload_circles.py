"""A request of Rails waits for threads that it has started, these wait until a reload of the code is over, and the reload waits for the request's end.

While it runs, each request shares the interlock; a reload wants it alone, and lets nobody share it anew meanwhile (``ActiveSupport::Concurrency::ShareLock``).
Threads that a request starts share it by themselves, and so come behind the reload. It needs changed files, and ``cache_classes = false``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_threads
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Ask, Do, Text
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame

_LOCK: Final = "share_lock"
_ALONE: Final = "start_exclusive"
_SHARES: Final = "start_sharing"
_JOINS: Final = frozenset({"join", "value"})
TEXT: Final = Text(
    "recursive-read-lock",
    headline="Three wait in a circle around Rails' interlock: the request in {joins} waits for threads that it has started, {these} in {starts} until a reload of the code is over, and the reload waits until that request has ended.",
    explanation="While a request runs it shares Rails' interlock. A reload wants it alone, and from then on nobody shares it anew: neither threads that a running request has started, nor new requests. So all later requests queue as well. It needs changed files and code that is loaded anew (cache_classes = false): elsewhere it does not happen.",
    why="The stacks show who waits to share the interlock, who wants it alone, and who joins threads. That the joined threads are those that wait is inferred.",
    do=(
        Do(When.NOW, "Restart this process: nobody in the circle has a time limit."),
        Do(
            When.FIX,
            "Let go of the interlock during the wait in {joins}: ActiveSupport::Dependencies.interlock.permit_concurrent_loads around the join.",
        ),
        Do(When.PREVENT, "Do not load code anew where others work (cache_classes = true); restart when code has changed."),
    ),
    figures=(("{number:,}", "threads that wait to share the interlock"),),
    ask=(Ask("Rails' own list of the interlock", "who has it, and who waits", "curl -s http://HOST:PORT/rails/locks > locks.txt"),),
    chain=(
        ("the request", "waits for threads that it has started", "in {joins}"),
        ("these threads", "wait until nobody wants the interlock alone", "in {starts}"),
        ("the reload", "waits until each running request has ended", ""),
    ),
    phrases={
        "joining": "a request waits for its threads",
        "sharing": "{threads} to share the interlock",
        "reloading": "a reload wants the interlock alone",
    },
)
_OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("Each of the three waits for the next one."))


def findings(case: Case) -> Iterator[Finding]:
    """One for each process in which all three are here."""
    for view in case.latest:
        if view.dump is None or view.dump.runtime is not Runtime.RUBY:
            continue
        members = [member for pool in view.pools for member in pool.members]
        alone, shares = [one for one in members if _waits(one, _ALONE)], [one for one in members if _waits(one, _SHARES)]
        # A server's own main thread joins as well: only a request's code is part of the circle, that which has started the threads before others.
        started = _of_program(view, shares[0]) if shares else None
        joining = sorted(
            (one for one in members if _joins(view, one)), key=lambda one: started is None or one.thread.frames[0].cls != started.cls
        )
        if alone and shares and joining:
            yield _finding(view, joining[0], shares, alone)


def _waits(member: ThreadActivity, call: str) -> bool:
    """True for a thread inside a wait of the lock that many may share."""
    frames = member.thread.frames
    wants = any(frame.cls.endswith(_LOCK) and frame.method == call for frame in frames)
    return wants and any(frame.cls.endswith(_LOCK) and frame.method == "wait_for" for frame in frames)


def _joins(view: ProcessView, member: ThreadActivity) -> bool:
    """True for a thread that waits for others in the program's own code."""
    frames = member.thread.frames
    return bool(frames) and frames[0].method in _JOINS and view.known.is_application(frames[0].cls)


def _finding(view: ProcessView, joins: ThreadActivity, shares: Sequence[ThreadActivity], alone: Sequence[ThreadActivity]) -> Finding:
    request, started = joins.thread.frames[0], _of_program(view, shares[0])
    text = TEXT.filled(
        view.process,
        joins=request.source or request.call,
        starts=(started.source or started.call) if started is not None else say("code of the framework"),
        these=plural(len(shares), "thread waits", "threads wait"),
        number=len(shares),
        threads=plural(len(shares), "thread waits", "threads wait"),
    )
    shown = of_threads((joins,), text["joining"]), of_threads(shares, text["sharing"]), of_threads(alone, text["reloading"])
    same = started is not None and started.cls == request.cls
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if same else Confidence.SUSPECTED,
        evidence=shown,
        chain=text.steps(shown[:1], shown[1:2], shown[2:]),
        culprit=Culprit(frame=str(request)),
        loop=True,
        outlook=_OUTLOOK,
    )


def _of_program(view: ProcessView, member: ThreadActivity) -> Frame | None:
    """The outermost frame: where the thread was started in the program."""
    return next((frame for frame in reversed(member.thread.frames) if view.known.is_application(frame.cls)), None)
