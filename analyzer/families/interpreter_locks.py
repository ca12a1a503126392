"""A thread that computes and keeps the interpreter's lock (GIL): every other thread of the process stands still, whatever its stack shows.

py-spy marks the thread that has the lock. Python code lets it go every five milliseconds; a long call into code written in C, such as one search of a
regular expression, does not (``Python/ceval_gil.c``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import client_evidence, client_figures, clients_in_words
from analyzer.evidence.citations import blamed, of_threads, quoted
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import say
from analyzer.model.text import Do, Either, Text
from analyzer.waits.server_pools import pressure
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

KEEPS: Final = "gil"
"""What the state of the thread that has the lock holds."""
TEXT: Final = Text(
    "cpu-spin",
    headline="{thread} computes in {frame} and keeps the interpreter's lock (GIL): every other thread of the process stands still, those that should accept and answer, too.",
    explanation="py-spy shows {thread} with the lock{dumps}, in {frame}. Other threads look idle or ready, and cannot go on before they have that lock.{clients} Nothing is wrong with the network, with the number of threads or with the backlog: connections pile up because nobody may run.",
    why=Either(
        "again",
        "The same thread has the lock in the same place in every dump. That it does not let it go in between is inferred: a thread that computes in pure Python would be met elsewhere, too.",
        "One dump shows one moment: any thread that runs Python code has the lock at that moment. That clients wait meanwhile speaks for a long one.",
    ),
    do=(
        Do(When.NOW, "End the worker (kill -9) and let its parent start a new one: no signal handler of Python runs meanwhile."),
        Do(
            When.NOW,
            "Look once more what it computes, with C code in the picture, and which input it has.",
            "py-spy dump --native --locals --pid {pid}",
        ),
        Do(
            When.FIX,
            "Bound the work in {frame}: a regular expression without nested repeats, or a library without backtracking; a limit on the length of the input; or a process of its own for it.",
        ),
        Do(When.PREVENT, "Run several worker processes, and let a watchdog end those that do not answer."),
    ),
    chain=(("{thread}", "computes and keeps the interpreter's lock in", "{frame}"), ("all other threads", "wait for that lock", "")),
    phrases={
        "dumps": Either("again", " in all {number} dumps"),
        "keeps": "{thread} has the interpreter's lock in {frame}",
    },
)
_OUTLOOK: Final = Outlook(RecoversWhen.UNKNOWN, say("The process goes on when the computation ends; less load does not shorten it."))


def beside(case: Case, others: Iterable[Finding]) -> Iterator[Finding]:
    """Those of kept locks, and of the others those of other processes."""
    kept = tuple(findings(case))
    yield from kept
    yield from (one for one in others if one.process not in [other.process for other in kept])


def findings(case: Case) -> Iterator[Finding]:
    """One for each Python process whose clients wait while a thread keeps the lock."""
    for view in case.latest:
        if view.dump is not None and view.dump.runtime is Runtime.PYTHON and (found := keeper_of(case, view)) is not None:
            member, dumps = found
            port = next((one for one in sorted(view.listeners) if pressure(view, one).exists), None)
            if port is not None:
                yield _finding(view, member, dumps, port)


def kept_ports(case: Case) -> set[tuple[str | None, int]]:
    """Host and port of the listeners whose process one thread keeps from running: a full queue there is its consequence."""
    kept = [view for view in case.latest if view.known.runtime is Runtime.PYTHON and keeper_of(case, view) is not None]
    return {(view.snapshot.host, port) for view in kept for port in view.listeners}


def keeper_of(case: Case, view: ProcessView) -> tuple[ThreadActivity, int] | None:
    """The thread that has the lock in the code of the application, and in how many dumps it is met so; None if it changes from dump to dump."""
    member = _keeper(view)
    if member is None or member.activity.app < 0:
        return None
    dumps = [other for other in case.history(view) if other.dump is not None]
    others = [_keeper(other) for other in dumps]
    place = member.thread.frames[0]
    same = all(one is not None and one.thread.native_id == member.thread.native_id and one.thread.frames[0] == place for one in others)
    return (member, len(dumps)) if same and len({_rest(other, member) for other in dumps}) <= 1 else None


def _rest(view: ProcessView, keeper: ThreadActivity) -> frozenset[object]:
    """Where the other threads stand: one that stands elsewhere in the next dump has had the lock in between."""
    members = (member.thread for pool in view.pools for member in pool.members)
    return frozenset((one.native_id, one.frames[:3]) for one in members if one.native_id != keeper.thread.native_id)


def _keeper(view: ProcessView) -> ThreadActivity | None:
    members = (member for pool in view.pools for member in pool.members)
    return next((member for member in members if KEEPS in (member.thread.native_state or "") and member.thread.frames), None)


def _is_full(view: ProcessView, port: int) -> bool:
    """True if no further connection fits into the accept queue: nobody has accepted for long."""
    listener = view.listeners.get(port)
    return listener is not None and bool(listener.backlog) and (listener.recv_q or 0) >= (listener.backlog or 0)


def _finding(view: ProcessView, member: ThreadActivity, dumps: int, port: int) -> Finding:
    again = dumps > 1
    text = TEXT.filled(
        view.process,
        thread=quoted(member),
        frame=blamed((member,)),
        again=again,
        number=dumps,
        clients=clients_in_words(view, port),
        pid=view.process.pid if view.process.pid is not None else "PID",
    )
    keeps = of_threads((member,), text["keeps"])
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if again and _is_full(view, port) else Confidence.SUSPECTED,
        evidence=(keeps, *client_evidence(view, port)),
        figures=tuple(client_figures(view, port)),
        chain=text.steps((keeps,)),
        culprit=Culprit(thread=member.thread.label, frame=blamed((member,)), listener=f"*:{port}"),
        outlook=_OUTLOOK,
    )
