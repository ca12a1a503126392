"""A thread of .NET blocks on a task while it keeps the context that the task's continuation needs: a request of ASP.NET, or the thread of a user interface.

After an await the rest of a method is posted to the context in which it began, unless ConfigureAwait(false) says otherwise; that of ASP.NET on .NET
Framework and those of user interfaces run one thing at a time (``AspNetSynchronizationContext``, ``WindowsFormsSynchronizationContext``,
``DispatcherSynchronizationContext``). ASP.NET Core and console programs have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_threads, quoted
from analyzer.evidence.movement import has_stood, standing
from analyzer.evidence.short_pools import blocks_on_task
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import say
from analyzer.model.text import Do, Either, Text
from analyzer.software.blockers import application_frame
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.model.message import Message
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

_CONTEXTS: Final = {
    "System.Web.": say("the request's context of ASP.NET"),
    "System.Windows.Forms.": say("the thread of the user interface"),
    "System.Windows.Threading.": say("the thread of the user interface"),
}
TEXT: Final = Text(
    "sync-over-async",
    headline="{thread} blocks on a task{called} and keeps {context}, which the rest of an async method needs after its await: if one behind it wants that context, both wait for each other.",
    explanation="The thread waits in {waits} for a result. When what an async method awaits has come, its rest is posted to the context in which it began, and that runs one thing at a time: the thread that waits here. No lock is listed, more threads do not help, and in a console program, which has no such context, the same code works. A call that is merely slow shows the same stack; then it goes on when the answer comes.",
    why=Either(
        "stood",
        "The same stack stands in the dump before. That the task waits for this context is inferred: the stack shows only the wait.",
        "The stack shows the wait and the context. That the task needs just this context is inferred; the far side's log, or a second dump, tells a slow answer from it.",
    ),
    do=(
        Do(
            When.FIX,
            "Make {frame} async and await there, all the way up (async all the way). In libraries end each await with ConfigureAwait(false).",
        ),
        Do(When.NOW, "See in the log of the far side whether the answer was sent long ago: then nobody is slow, and it is this."),
    ),
    chain=(
        ("{thread}", "waits for a task in", "{waits}"),
        ("the task's rest", "waits for the context that this thread keeps", "{context}"),
    ),
    phrases={
        "called": Either("frame", " in {frame}"),
        "shown": "{thread} blocks on a task, below it {context}",
    },
)
_OUTLOOK: Final = Outlook(
    RecoversWhen.UNKNOWN, say("A circle ends never, or at the request's time limit; a slow answer ends it when it comes.")
)


def suspicions(case: Case) -> Iterator[Finding]:
    """One for each process with such a thread."""
    for view in case.latest:
        if view.dump is None or view.dump.runtime is not Runtime.DOTNET:
            continue
        members = (member for pool in view.pools for member in pool.members if blocks_on_task(member))
        found = next(((member, context) for member in members if (context := _context(member)) is not None), None)
        if found is not None:
            yield _finding(case, view, *found)


def _context(member: ThreadActivity) -> Message | None:
    """What the thread keeps, by the frames that called it."""
    return next((words for prefix, words in _CONTEXTS.items() if any(frame.cls.startswith(prefix) for frame in member.thread.frames)), None)


def _finding(case: Case, view: ProcessView, member: ThreadActivity, context: Message) -> Finding:
    frame = application_frame(*member)
    text = TEXT.filled(
        view.process,
        thread=quoted(member),
        frame=frame,
        context=context,
        waits=member.thread.frames[min(2, len(member.thread.frames) - 1)].call,
        stood=has_stood(standing(case, view, [member])),
    )
    shown = of_threads((member,), text["shown"])
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        evidence=(shown,),
        chain=text.steps((shown,), (shown,)),
        culprit=Culprit(thread=member.thread.label, frame=str(frame) if frame is not None else None),
        loop=True,
        outlook=_OUTLOOK,
    )
