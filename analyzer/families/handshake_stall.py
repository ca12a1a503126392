"""An acceptor in the TLS handshake of a connection, where no table shows the queue behind it: nobody accepts meanwhile, so one silent client is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets, of_threads
from analyzer.model.finding import Confidence, Culprit, Severity, When
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import application_frame, calls_of
from analyzer.software.kinds import ActivityKind
from analyzer.waits.acceptors import somebody_accepts
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

_HANDSHAKES: Final = frozenset({"sun.security.ssl.SSLSocketImpl.startHandshake", "sun.security.ssl.SSLSocketImpl.readHandshakeRecord"})
TEXT: Final = Text(
    "acceptor-stalled",
    headline="The acceptor of port {port} seems to be in the TLS handshake of {remote}: until that client answers, nobody is accepted.",
    explanation="No thread accepts or selects, and “{name}” alone reads in a TLS handshake{called_from}, while {remote} is connected with nothing to read. A client that connects and says nothing holds it for ever, if no timeout is set. Whether others wait behind it this table does not show.",
    why="The dump shows nobody who accepts, the table no connection of the process' own that the handshake could be of.",
    do=(
        Do(
            When.NOW,
            "Take another dump: does it stand there still? To close that connection (ss -K) lets it go on.",
            "jstack -l {pid} > jstack-2.txt",
        ),
        Do(When.FIX, "Hand the connection to a worker before the handshake{in_frame}, and give it a timeout (setSoTimeout)."),
    ),
    ask=(Ask("socket table with accept queues", "how many clients wait to be accepted", "ss -tanpoei > ss.txt"),),
    chain=(("{remote}", "says nothing to", "“{name}”"), ("“{name}”", "does not accept", "port {port}")),
    phrases={
        "called_from": Either("frame", ", called from {frame}"),
        "in_frame": Either("frame", " in {frame}"),
        "shakes": "“{name}” is in a TLS handshake",
        "open": "{remote} is connected, with nothing to read",
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One per process whose only accepted connection is in a handshake, while nobody accepts."""
    for view in case.latest:
        if (found := _held(view)) is None:
            continue
        (member, row), (port,) = found, view.listeners
        frame = application_frame(*member)
        text = TEXT.filled(view.process, port=port, remote=row.remote, name=member.thread.label, frame=frame)
        shakes, connected = of_threads([member], text["shakes"]), of_sockets([row], text["open"])
        yield text.finding(
            severity=Severity.WARNING,
            confidence=Confidence.SUSPECTED,
            evidence=(shakes, connected),
            chain=text.steps((connected,), (shakes,)),
            culprit=Culprit(thread=member.thread.label, frame=str(frame) if frame else None, listener=f"*:{port}", remote=str(row.remote)),
        )


def _held(view: ProcessView) -> tuple[ThreadActivity, Connection] | None:
    """The one thread of the application that does anything, in a handshake, and the one client it can be of; None if others could be meant."""
    if view.dump is None or view.dump.fragment or view.coverage.threads or len(view.listeners) != 1 or view.client_side:
        return None
    if any(listener is None or listener.recv_q for listener in view.listeners.values()) or somebody_accepts(view):
        return None  # a queue that shows is told with it
    (port,) = view.listeners
    clients = [row for row in view.server_side(port) if row.state is TcpState.ESTABLISHED and not row.unaccepted]
    at_work = [member for pool in view.pools for member in pool.members if member.activity.app >= 0 and _works(member)]
    if len(clients) != 1 or clients[0].recv_q or len(at_work) != 1:
        return None
    return (at_work[0], clients[0]) if not _HANDSHAKES.isdisjoint(calls_of(at_work[0].thread.frames)) else None


def _works(member: ThreadActivity) -> bool:
    return member.activity.kind not in {ActivityKind.IDLE, ActivityKind.JOIN}
