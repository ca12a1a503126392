"""Connections that a program of event loops alone keeps after its clients have left: it has no pool to be free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import client_figures
from analyzer.evidence.citations import of_sockets
from analyzer.evidence.half_closed import KeptByLoop, kept_by_loops
from analyzer.join.connections import left_unread
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Severity, When
from analyzer.model.message import plural
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

TEXT: Final = Text(
    "server-never-closes",
    headline="The server keeps {connections} on port {port} whose clients have left: its event loop is free, and does not close them.",
    explanation="{connections} of port {port} are in CLOSE_WAIT{to_the_end}, while the event loop waits for events and no call to another service is open.{they_grow}{loop_says} So no request in service explains them, unless one waits for something that leaves no socket (a timer, another process). The code does not close when its client ends.",
    why=Either(
        "they_grow",
        "The stacks show a free loop, and none of the first sockets ever went. Not certain: what waits inside the loop leaves no thread.",
        "Sockets and stacks agree. Not certain: one moment, and what waits inside the loop leaves no thread.",
    ),
    do=(
        Do(
            When.FIX,
            "Close the connection when its client ends: on read() = 0 and on EPOLLRDHUP (C), on 'end' with allowHalfOpen (Node), on an empty read (Python).",
        ),
        Do(When.NOW, "Take another socket table: do they stay?", "ss -tanpoei > ss-2.txt"),
    ),
    chain=(("its clients", "leave", "port {port}"), ("the server", "sees it and does not close", "")),
    phrases={
        "kept": "{connections} on port {port} that their clients left and nobody closed",
        "not_read": "{handles} of the event loop on these connections are not read (is_active false)",
        "to_the_end": Either("drained", " and were read to their end"),
        "they_grow": Either("they_grow", " They grow: {list}."),
        "loop_says": Either("paused", " The loop's own report lists {handles} on them that it does not read any more."),
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One per port of a process whose loops are free."""
    return map(_finding, kept_by_loops(case))


def _finding(found: KeptByLoop) -> Finding:
    view, port = found.view, found.port
    queued = all(left_unread(row) is not None for row in found.sockets)
    drained = queued and not any(map(left_unread, found.sockets))
    text = TEXT.filled(
        view.process,
        connections=plural(len(found.sockets), "connection"),
        port=port,
        they_grow=found.grows,
        list=chr(8594).join(map(str, found.counts)),
        drained=drained,
        paused=len(found.paused),
        handles=plural(len(found.paused), "handle"),
    )
    evidence = [of_sockets(found.sockets, text["kept"], ("CLOSE_WAIT", "CLOSE-WAIT"))]
    if found.paused:
        evidence.append(Evidence(found.paused[0].where, text["not_read"], ("is_active",), len(found.paused) - 1))
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if found.grows or drained else Confidence.SUSPECTED,
        evidence=tuple(evidence),
        figures=tuple(client_figures(view, port)),
        chain=text.steps((evidence[0],)),
        culprit=Culprit(listener=f"*:{port}"),
    )
