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
from analyzer.evidence.half_closed import SECOND_TABLE, Unclosed, unclosed
from analyzer.families import kept_by_loops, kept_in_tables
from analyzer.families.captures_only import never_closed
from analyzer.families.counted_halves import passed_on
from analyzer.families.counted_piles import unclosed_at_port
from analyzer.families.counted_sockets import unclosed_by_server
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.RESTART, say("Nothing hinders the server from closing, and it does not."))
CLEAN: Final = say("no pile of connections read to their end while the pool is free")
TEXT: Final = Text(
    "server-never-closes",
    headline="The server keeps {connections} on port {port} whose clients have left, {seen}.",
    explanation="{connections} of port {port} are in CLOSE_WAIT and were read{to_their_end}, while {idle} of {workers} threads of {name} are free.{they_grow} Nothing hinders the server from closing them; it does not.",
    why=Either("lasts", "Sockets and threads agree, and the sockets stay.", "One snapshot cannot show that they stay."),
    do=(
        Do(
            When.FIX,
            "Look for a known defect of this server and JDK version (with TLS: jdk.tls.acknowledgeCloseNotify), and for code that keeps connections (WebSocket, upgrades).",
        ),
        Do(When.NOW, "Take a second socket table: do they stay?", "ss -tanpoei > ss-2.txt", on="undecided"),
    ),
    figures=(("{idle} of {workers}", "threads of {name} free"),),
    ask=(SECOND_TABLE,),
    chain=(("its clients", "leave", "port {port}"), ("the server", Either("drained", "sees it and does not close", "does not close"), "")),
    phrases={
        "seen": Either("drained", "and has seen them leave", "and no thread of it looks at them any more"),
        "to_their_end": Either("drained", " to their end", ", but for the end"),
        "kept": Either(
            "drained",
            "{connections} on port {port} read to the end (Recv-Q 0) and not closed",
            "{connections} on port {port}: request read, client gone, not closed",
        ),
        "they_grow": Either("they_grow", " They grow: {list}."),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per port whose connections were read to their end and kept."""
    for found in unclosed(case):
        if not found.put_aside:
            yield _finding(found)
    yield from kept_by_loops.findings(case)
    yield from never_closed(case)
    yield from unclosed_by_server(case)
    yield from kept_in_tables.findings(case)
    yield from unclosed_at_port(case)
    yield from (one for one in passed_on(case) if one.rule == "server-never-closes")


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
        drained=found.split.drained >= found.split.fin_only,
    )
    kept = of_sockets(found.sockets, text["kept"], ("CLOSE_WAIT",))
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if found.sure and found.split.drained >= found.split.fin_only else Confidence.SUSPECTED,
        evidence=(kept,),
        figures=(*client_figures(view, port), *text.figures),
        chain=text.steps((kept,)),
        culprit=Culprit(pool=pool.name, listener=f"*:{port}"),
    )
