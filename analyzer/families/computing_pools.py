"""All threads of a server compute in one function while its clients wait, and there is one dump: a loop without end, or too much work at once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import client_evidence, client_figures, clients_in_words
from analyzer.evidence.citations import of_threads
from analyzer.evidence.movement import standing
from analyzer.families.stuck import members_in_words
from analyzer.model.finding import Confidence, Culprit, Severity, When
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind
from analyzer.waits.server_pools import SATURATED
from analyzer.waits.targets import FEW_CLIENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ServerPool
    from parsers.records import Frame

LEAST: Final = 0.1
"""Of a processor that the threads have used together since the oldest began, by the dump's headers: code of a driver that waits uses next to none."""
TEXT: Final = Text(
    "cpu-spin",
    headline="{who} compute in {frame} while clients wait: a loop that does not end, work that is too long, or too many requests at once.",
    explanation="{who} run in {frame}, and none is free.{used}{clients} One dump shows where they compute, not for how long.",
    why="The stacks and the clients agree. Whether each thread stays in there, a second dump would show.",
    do=(
        Do(When.NOW, "Take a second dump after ten seconds: are the same threads in {frame} still?", "jstack -l {pid} > jstack-2.txt"),
        Do(
            When.FIX,
            "Look at {frame} and its input: a loop whose end never comes, a pattern that backtracks, a collection that is shared. Bound the input or the time.",
        ),
    ),
    figures=(("{count} of {workers}", "request threads that compute"),),
    ask=(
        Ask(
            "second thread dump, ten seconds later",
            "whether the same threads are still in the same place",
            "jstack -l {pid} > jstack-2.txt",
        ),
        Ask("top -H beside the dumps", "which native ids use the processor", "top -H -b -n 2 -p {pid} > top.txt"),
    ),
    chain=(("{name}", "computes without end in", "{frame}"),),
    phrases={
        "used": Either("share", " Together they have used {share:.0%} of a processor since they began."),
        "compute": "the threads compute in {frame}",
    },
)


def suspicions(case: Case) -> Iterator[Finding]:
    """One for each pool of request threads that computes in one function while clients wait."""
    for serving in case.server_pools:
        members = tuple(member for member in serving.pool.busy if _computes(member))
        pressure = serving.pressure
        if serving.pool.idle or len(members) < max(FEW_CLIENTS, SATURATED * serving.workers):
            continue
        if not (pressure.exists or pressure.unknown >= FEW_CLIENTS) or standing(case, serving.view, members) is not None:
            continue
        frame, count = _shared(members)
        share = _share(members)
        if frame is not None and count >= SATURATED * serving.workers and (share is None or share >= LEAST):
            yield _finding(serving, members, frame, share)


def _computes(member: ThreadActivity) -> bool:
    """True for code of the application, or what it called, that has a line: a native method may wait."""
    thread, found = member
    return found.kind is ActivityKind.RUNNING and found.app >= 0 and thread.frames[0].line is not None


def _shared(members: Sequence[ThreadActivity]) -> tuple[Frame | None, int]:
    """The function of the application that most of them are in, where the first of them stands."""
    frames = [frame for member in members if (frame := application_frame(*member)) is not None]
    name, count = Counter(frame.full for frame in frames).most_common(1)[0]
    return next(frame for frame in frames if frame.full == name), count


def _share(members: Sequence[ThreadActivity]) -> float | None:
    """Of a processor, together; None where the headers do not tell."""
    spent = [member.thread.cpu for member in members if member.thread.cpu is not None]
    lived = max((member.thread.elapsed or 0 for member in members), default=0)
    return sum(spent) / lived if len(spent) == len(members) and lived else None


def _finding(serving: ServerPool, members: Sequence[ThreadActivity], frame: Frame, share: float | None) -> Finding:
    view, port = serving.view, serving.port
    text = TEXT.filled(
        view.process,
        who=members_in_words(serving, members),
        frame=frame,
        share=share,
        clients=clients_in_words(view, port),
        count=len(members),
        workers=serving.workers,
        name=serving.pool.name,
    )
    computing = of_threads(members, text["compute"])
    return text.finding(
        severity=Severity.CRITICAL if serving.pressure.exists else Severity.WARNING,
        confidence=Confidence.SUSPECTED,
        evidence=(computing, *client_evidence(view, port)),
        figures=(*client_figures(view, port), *text.figures),
        chain=text.steps((computing,)),
        culprit=Culprit(
            pool=serving.pool.name, thread=members[0].thread.label, frame=str(frame), listener=f"*:{port}" if port is not None else None
        ),
    )
