"""Request threads wait for other threads of the process, and those stand in a write to somebody who does not read.

What the request threads wait for is a result that the writers owe them, or that a writer takes what they hand over. Neither has a name in a dump; that
no other thread of the application does anything is what links them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import chain_of, client_evidence, client_figures, clients_in_words, kind_in_words, stuck_in_words
from analyzer.evidence.citations import of_sockets, of_threads
from analyzer.evidence.movement import has_stood, moved_on, standing
from analyzer.model.finding import Confidence, Culprit, Severity, When
from analyzer.model.message import plural, say, say_of
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Finding
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ServerPool

_WITH_DATA: Final = frozenset({TcpState.ESTABLISHED, TcpState.CLOSE_WAIT})
TEXT: Final = Text(
    "blocked-write",
    headline="{stuck_in_words} wait for {who}, which stands in a write to {whom}.",
    explanation="{stuck_in_words} wait{through}: {who} is in {kind_in_words}{called_from}.{unsent}{clients_in_words} All go on when the bytes are taken or the connection ends.",
    why=Either(
        "sure",
        "One connection of the process holds bytes that the far end does not take. Whom the threads wait for is inferred: {basis}.",
        "The stack shows a write; to whom, and whether bytes wait, is not in the evidence. Whom the threads wait for is inferred: {basis}.",
    ),
    do=(
        Do(When.NOW, "See why {whom} does not read; ending its connection (ss -K) lets all others go on."),
        Do(
            When.FIX,
            "Limit how long a write may take{in_}, and how long a request may wait to hand over; a queue with a bound that refuses says so at once.",
        ),
    ),
    figures=(("{bytes:,}", Either("sure", "bytes that the far end does not take")),),
    ask=(Ask("socket table with queues", "whether bytes wait in Send-Q", "ss -tanpoei > ss.txt", on="undecided"),),
    chain=(("{who}", "waits in a write to", "{whom}"), ("{whom}", "does not read", Either("sure", "{bytes:,} bytes wait"))),
    phrases={
        "called_from": Either("frame", ", called from {frame}"),
        "in_": Either("frame", " in {frame}"),
        "unsent": Either("sure", " {bytes:,} bytes wait on its connection to {whom}, which does not take them."),
        "through": Either("handed", " to hand something over", " for what it should do"),
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One for each pool of request threads that waits for threads in a write."""
    for serving in case.server_pools:
        if not serving.saturated or serving.callers or not serving.dependencies:
            continue
        last = serving.dependencies[-1]
        writing = [member for member in last.helper.busy if member.activity.kind is ActivityKind.SOCKET_WRITE and member.activity.app >= 0]
        if not writing or len(writing) < len(last.helper.busy):
            continue
        still = standing(case, serving.view, writing)
        if not moved_on(still) and (serving.pressure.exists or has_stood(still)):  # any pipeline has a full queue for a moment
            yield _finding(serving, writing)


def _finding(serving: ServerPool, writing: list[ThreadActivity]) -> Finding:
    view, port, last = serving.view, serving.port, serving.dependencies[-1]
    full = _full(serving)
    one = full[0] if len({row.remote for row in full}) == 1 else None
    remote = one.remote if one is not None else None
    frame = next((frame for member in writing if (frame := application_frame(*member))), None)
    text = TEXT.filled(
        view.process,
        stuck_in_words=stuck_in_words(serving),
        who=writing[0].thread.label if len(writing) == 1 else last.helper.name,
        whom=remote if remote is not None else say("a peer that does not read"),
        kind_in_words=kind_in_words(writing),
        frame=frame,
        bytes=one.send_q if one is not None else None,
        clients_in_words=clients_in_words(view, port),
        basis=last.basis,
        handed=last.handed,
        sure=one,
        undecided=one is None,
    )
    stands = say_of(
        len(writing),
        "{threads} of {name} stands in {kind_in_words}",
        "{threads} of {name} stand in {kind_in_words}",
        threads=plural(len(writing), "thread"),
        name=last.helper.name,
        kind_in_words=kind_in_words(writing),
    )
    writes = of_threads(writing, stands)
    rows = (
        (of_sockets([one], say("{bytes:,} bytes that {remote} does not take", bytes=one.send_q, remote=remote), (str(one.send_q),)),)
        if one is not None
        else ()
    )
    return text.finding(
        severity=Severity.CRITICAL if serving.pressure.exists else Severity.WARNING,
        confidence=Confidence.LIKELY if one is not None and last.confidence is not Confidence.SUSPECTED else Confidence.SUSPECTED,
        evidence=(writes, *rows, *client_evidence(view, port)),
        figures=(*client_figures(view, port), *text.figures),
        chain=(*chain_of(serving, None), *text.steps((writes,), rows)),
        culprit=Culprit(
            pool=serving.pool.name,
            thread=writing[0].thread.label,
            frame=str(frame) if frame is not None else None,
            listener=f"*:{port}" if port is not None else None,
            remote=str(remote) if remote is not None else None,
        ),
    )


def _full(serving: ServerPool) -> list[Connection]:
    """Connections of the process that hold bytes, but for those of the port's own clients: whoever answers those is a request thread."""
    view = serving.view
    clients = set(view.server_side(serving.port)) if serving.port is not None else set()
    return [row for row in view.sockets if row.send_q and row.state in _WITH_DATA and row.remote is not None and row not in clients]
