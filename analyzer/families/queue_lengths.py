"""An acceptor at other work, where of the connections that wait behind it only their number is listed: a table of listeners beside lsof, which has no rows without owners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_silence, of_sockets, of_threads
from analyzer.evidence.doing import instead_of_accepting
from analyzer.model.finding import Confidence, Culprit, Severity, When
from analyzer.model.message import plural
from analyzer.model.text import Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind
from analyzer.waits.acceptors import acceptor_of, is_accepted, queue_of
from analyzer.waits.targets import only_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

LONG: Final = 3
"""Connections in a queue that are a pattern: one or two are caught between two calls of accept."""
_BRIEF: Final = frozenset({ActivityKind.RUNNING, ActivityKind.SLEEP, ActivityKind.WAITING, ActivityKind.NONE})
"""What an acceptor may do between two calls of accept and come back from by itself."""
TEXT: Final = Text(
    "acceptor-stalled",
    headline="Nobody accepts the connections to port {port}: {what}{for_whom}.",
    explanation="{waiting} in the accept queue of port {port}{before}, and {what}. New clients are served again only when it returns to accept.",
    why=Either(
        "twice",
        "The queue of the listener is as long in both tables, and the thread stands elsewhere in both dumps; which connections wait, the table does not list.",
        "The queue is of one moment: an acceptor that does more than accept shows the same. A second table tells whether it moves.",
    ),
    do=(
        Do(When.NOW, "Restart the listener or the process; the queue does not drain by itself while the acceptor is held up."),
        Do(When.FIX, "Let the acceptor only accept and hand over{take_the}; give every wait there a timeout."),
    ),
    figures=(("{length:,}", "connections waiting to be accepted"),),
    chain=(("{who}", "does not accept", "{what}"), ("*:{port}", "fills its accept queue", "{waiting}")),
    phrases={
        "for_whom": Either("target", ", and waits for {target}"),
        "before": Either("twice", ", as in the table before"),
        "take_the": Either("frame", ": take the work out of {frame}"),
        "queue": "{waiting} in the accept queue of port {port}",
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One for each listener whose queue is long and whose acceptor, the only thread that it can be, is busy with something else."""
    for view in case.latest:
        if view.dump is None or view.dump.fragment or view.coverage.threads:
            continue
        for port in sorted(view.listeners):
            listener = view.listeners[port]
            if listener is None or (listener.recv_q or 0) < LONG or queue_of(view, port) or is_accepted(view, port):
                continue
            acceptor = acceptor_of(view, port)
            if acceptor is not None and acceptor.activity.kind not in _BRIEF and acceptor.activity.app >= 0:
                yield _finding(view, port, listener, acceptor, twice=_stood(case, view, port, acceptor))


def _stood(case: Case, view: ProcessView, port: int, acceptor: ThreadActivity) -> bool:
    """True if the queue was long in the moment before as well, and its acceptor stood on the same stack."""
    history = case.history(view)
    earlier = history[: history.index(view)]
    if not earlier:
        return False
    before = earlier[-1]
    listener, other = before.listeners.get(port), acceptor_of(before, port)
    return listener is not None and (listener.recv_q or 0) >= LONG and other is not None and other.thread.frames == acceptor.thread.frames


def _finding(view: ProcessView, port: int, listener: Connection, acceptor: ThreadActivity, *, twice: bool) -> Finding:
    frame, target, length = application_frame(*acceptor), only_target(view, acceptor), listener.recv_q or 0
    what = instead_of_accepting(acceptor, frame)
    text = TEXT.filled(
        view.process,
        port=port,
        what=what,
        waiting=plural(length, "connection waits", "connections wait"),
        length=length,
        twice=twice,
        target=target.remote if target is not None else None,
        frame=frame,
        who=acceptor.thread.label,
    )
    stands, queue = of_threads((acceptor,), what), of_sockets([listener], text["queue"], ("LISTEN",))
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if twice else Confidence.SUSPECTED,
        evidence=(stands, queue, *((of_silence(target.connections, target.remote),) if target is not None else ())),
        chain=text.steps((stands,), (queue,)),
        culprit=Culprit(
            thread=acceptor.thread.label,
            frame=str(frame) if frame is not None else None,
            listener=f"*:{port}",
            remote=str(target.remote) if target is not None else None,
        ),
    )
