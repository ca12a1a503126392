"""The server saw its clients leave and does not close its side, although its threads are free.

Looks for: many connections on the server's own port in CLOSE_WAIT that were read to their end (Recv-Q 0), a pool that is mostly free, and a
poller that is alive. The server knows that the clients have gone and keeps the sockets. So with a program of event loops alone: its loops wait for events, it
calls nobody, and the sockets only grow in number, or its own report lists them as not read.

Why it matters: each such connection keeps a descriptor until the process ends.

Do next: look for a known defect of the server's and the JDK's version (TLS 1.3 half-close since JDK 11: jdk.tls.acknowledgeCloseNotify), and for code
that keeps a reference to the connection (upgraded connections, WebSocket, own protocols).

Wrong when: the end was not read (Recv-Q 1: async-never-completed), or a FIN that rode on the last data was consumed with it while the request is
still being served; then threads are busy. From a capture alone it is
only suspected, and only where other machines are seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import client_figures
from analyzer.evidence.citations import of_sockets
from analyzer.evidence.half_closed import KeptByLoop, Unclosed, kept_by_loops, unclosed
from analyzer.families import kept_in_tables
from analyzer.families.captures_only import never_closed
from analyzer.families.counted_halves import passed_on
from analyzer.families.counted_piles import unclosed_at_port
from analyzer.families.counted_sockets import unclosed_by_server
from analyzer.join.connections import left_unread
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("Nothing hinders the server from closing, and it does not."))
CLEAN: Final = say("no pile of connections read to their end while the pool is free")
TEXT: Final = Text(
    "server-never-closes",
    headline="The server keeps {connections} on port {port} whose clients have left, and has seen them leave.",
    explanation="{connections} of port {port} are in CLOSE_WAIT and were read to their end, while {idle} of {workers} threads of {name} are free.{they_grow} Nothing hinders the server from closing them; it does not.",
    why=Either("lasts", "Sockets and threads agree, and the sockets stay.", "One snapshot cannot show that they stay."),
    do=(
        Do(
            When.FIX,
            "Look for a known defect of this server and JDK version (with TLS: jdk.tls.acknowledgeCloseNotify), and for code that keeps connections (WebSocket, upgrades).",
        ),
        Do(When.NOW, "Take a second socket table: do they stay?", "ss -tanpoei > ss-2.txt", on="undecided"),
    ),
    figures=(("{idle} of {workers}", "threads of {name} free"),),
    ask=(
        Ask(
            "second socket table, a minute later", "whether the same connections are still there", "ss -tanpoei > ss-2.txt", on="undecided"
        ),
    ),
    chain=(("its clients", "leave", "port {port}"), ("the server", "sees it and does not close", "")),
    phrases={
        "kept": "{connections} on port {port} read to the end (Recv-Q 0) and not closed",
        "they_grow": Either("they_grow", " They grow: {list}."),
    },
)

LOOP_TEXT: Final = Text(
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
"""A program that is event loops alone has no pool to be free."""


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per port whose connections were read to their end and kept."""
    for found in unclosed(case):
        if found.split.drained >= found.split.fin_only:
            yield _finding(found)
    for kept in kept_by_loops(case):
        yield _of_loop(kept)
    yield from never_closed(case)
    yield from unclosed_by_server(case)
    yield from kept_in_tables.findings(case)
    yield from unclosed_at_port(case)
    yield from (one for one in passed_on(case) if one.rule == "server-never-closes")


def _of_loop(found: KeptByLoop) -> Finding:
    view, port = found.view, found.port
    queued = all(left_unread(row) is not None for row in found.sockets)
    drained = queued and not any(map(left_unread, found.sockets))
    text = LOOP_TEXT.filled(
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


def _finding(found: Unclosed) -> Finding:
    view, port, pool = found.serving.view, found.port, found.serving.pool
    text = TEXT.filled(
        view.process,
        connections=plural(len(found.sockets), "connection"),
        port=port,
        idle=pool.idle,
        workers=found.serving.workers,
        name=pool.name,
        they_grow=found.grows,
        list=chr(8594).join(map(str, found.counts)),
        lasts=found.lasts,
        undecided=not found.lasts,
    )
    kept = of_sockets(found.sockets, text["kept"], ("CLOSE_WAIT",))
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if found.sure else Confidence.SUSPECTED,
        evidence=(kept,),
        figures=(*client_figures(view, port), *text.figures),
        chain=text.steps((kept,)),
        culprit=Culprit(pool=pool.name, listener=f"*:{port}"),
    )
