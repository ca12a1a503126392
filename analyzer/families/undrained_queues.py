"""A Python process cannot end, because what it put into a multiprocessing queue has not been read: its feeder thread waits for the queue's pipe.

At its end a process joins the feeder thread of each queue that it has written to (``multiprocessing/queues.py``, ``_finalize_join``). A parent that joins
the process before it reads the queue waits for ever: "joining processes that use queues" in the library's programming guidelines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_threads
from analyzer.evidence.doing import caller
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import capitalized, say
from analyzer.model.text import Do, Either, Text
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

_QUEUES: Final = "multiprocessing.queues"
_ENDS: Final = frozenset({"_finalize_join", "join_thread"})
_PROCESS: Final = "multiprocessing.process"
TEXT: Final = Text(
    "blocked-write",
    headline="{worker} cannot end: what it has put into a multiprocessing queue has not been read, and its feeder thread waits for room in the queue's pipe{parent}.",
    explanation="A process that has written to a queue ends only when its feeder thread has passed everything on, and a pipe takes some 64 KiB: with little data it works, with much it does not.{circle} It is neither the interpreter's lock nor a crash of the workers: they have done their work.",
    why=Either(
        "joined",
        "The stacks show all three waits: the join, the end of the worker, and the feeder's write. That the parent is who should read the queue is inferred.",
        "The stacks show the end that waits for the feeder, and the feeder's write. Who should read the queue they do not show.",
    ),
    do=(
        Do(When.NOW, "Nothing is computed any more: end the program. What lies in the queues is lost."),
        Do(
            When.FIX,
            "Read everything from the queue before you join the processes{site}: one get for each result, or a sentinel of each worker; then join.",
        ),
        Do(When.PREVENT, "Use multiprocessing.Pool or concurrent.futures, which read while they wait, or a Manager's queue."),
    ),
    chain=(
        (
            Either("joined", "{who}", "whoever should read"),
            Either("joined", "waits in join for the end of", "does not read the queue of"),
            "{child}",
        ),
        ("{child}", "waits until somebody reads its queue", ""),
    ),
    phrases={
        "parent": Either("joined", ", while {who} waits for its end in Process.join{called}, instead of reading"),
        "called": Either("frame", ", called from {frame}"),
        "site": Either("frame", ", in {frame}"),
        "circle": Either("joined", " The parent reads after the join, and the join ends after the reading: neither ever goes on."),
        "ends": "{child} waits for its feeder thread before it ends",
        "feeds": "the feeder thread waits until somebody reads the queue",
        "joins": "{who} waits for the end of a process",
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One for all processes that cannot end so, and the one that joins them."""
    views = [view for view in case.latest if view.dump is not None and view.dump.runtime is Runtime.PYTHON]
    found = [(view, ends, feeder) for view in views for ends, feeder in _cannot_end(view)]
    if found and not any(map(_reads, views)):
        view, ends, feeder = found[0]
        others = [other for other in views if other not in [one for one, _, _ in found]] or views
        yield _finding(view, ends, feeder, _joins(others[0]) if len(others) == 1 else None)


def _cannot_end(view: ProcessView) -> Iterator[tuple[ThreadActivity, ThreadActivity | None]]:
    """The thread that waits for the feeder at the end of its process, and the feeder that waits for the pipe, where it is here."""
    members = [member for pool in view.pools for member in pool.members]
    ends = next((one for one in members if any(frame.cls == _QUEUES and frame.method in _ENDS for frame in one.thread.frames)), None)
    feeder = next(
        (
            one
            for one in members
            if one is not ends
            and any(frame.cls == _QUEUES and frame.method == "_feed" for frame in one.thread.frames)
            and one.thread.frames[0].method in {"_send", "write", "_send_bytes"}
        ),
        None,
    )
    if ends is not None and (feeder is not None or view.dump is None or view.dump.fragment):
        yield ends, feeder  # of a process that Ctrl-C has ended only one thread is printed


def _reads(view: ProcessView) -> bool:
    """True if a thread reads from a queue: then what lies there is only not read yet."""
    members = (member for pool in view.pools for member in pool.members)
    return any(frame.cls == _QUEUES and frame.method == "get" for member in members for frame in member.thread.frames)


def _joins(view: ProcessView) -> tuple[ProcessView, ThreadActivity] | None:
    """The thread that waits for the end of another process."""
    members = (member for pool in view.pools for member in pool.members)
    joins = next((one for one in members if any(frame.cls == _PROCESS and frame.method == "join" for frame in one.thread.frames)), None)
    return (view, joins) if joins is not None else None


def _finding(
    view: ProcessView, ends: ThreadActivity, feeder: ThreadActivity | None, parent: tuple[ProcessView, ThreadActivity] | None
) -> Finding:
    frame = caller(parent[1]) if parent is not None else None
    pid, above = view.process.pid, parent[0].process.pid if parent is not None else None
    named = ends.thread.name if pid is None and (parent is None or parent[1] is not ends) else None
    child = say("process {pid}", pid=pid) if pid is not None else say("“{name}”", name=named) if named else say("a process")
    text = TEXT.filled(
        view.process,
        child=child,
        worker=capitalized(child),
        who=say("process {pid}", pid=above) if above is not None else say("its parent"),
        joined=parent is not None,
        frame=frame,
    )
    shown = (of_threads((ends,), text["ends"]), *((of_threads((feeder,), text["feeds"]),) if feeder is not None else ()))
    joins = (of_threads((parent[1],), text["joins"]),) if parent is not None else ()
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if parent is not None else Confidence.SUSPECTED,
        evidence=(*joins, *shown),
        chain=text.steps(joins or shown[:1], shown),
        culprit=Culprit(thread=(parent[1] if parent is not None else ends).thread.label, frame=str(frame) if frame is not None else None),
        loop=parent is not None,
        outlook=Outlook(RecoversWhen.RESTART, say("The worker ends when its queue is read, and nobody reads it."))
        if parent is not None
        else Outlook(RecoversWhen.CAUSE, say("The worker ends when its queue is read.")),
    )
