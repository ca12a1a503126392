"""Request threads wait for clients that do not read their answers.

Looks for: a server pool without a free thread whose threads stand in a socket write, and connections of its listener with bytes that the
clients do not take (Send-Q, with a probe or retransmission timer: the peer's window is closed or the peer is gone). Without threads: one client whose window
is closed while all others of the port were sent nothing since (``ss -i``).

Why it matters: each slow or vanished reader holds a thread. A handful of them stops a pool, without any slow service behind it.

Do next: limit how long a write may take, answer large bodies asynchronously, or put a buffering proxy in front.

Wrong when: the threads write to another service, or one dump caught short writes; bytes that stay in Send-Q tell. From a capture alone it is
only suspected, and only where other machines are seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import client_evidence, client_figures, clients_in_words, kind_in_words
from analyzer.evidence.citations import of_sockets, of_threads, shown_of
from analyzer.evidence.unread_writes import Writing, writing
from analyzer.families import closed_windows, writes_behind
from analyzer.families.captures_only import unread_answers
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, ByNumber, Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.CAUSE,
    say(
        "Each thread is free when its client reads or its connection breaks; a client that vanished holds it until TCP gives up, about 15 minutes on Linux."
    ),
)
CLEAN: Final = say("the request threads are not held by writes to clients")
TEXT: Final = Text(
    "blocked-write",
    headline="{all_of} request threads of {name} wait for clients that do not read their answers.",
    explanation="{all_of} request threads are in {kind_in_words}{called_from}.{unsent}{clients_in_words} Each thread is free again when its client reads or its connection ends.",
    why=Either(
        "moved",
        "The threads have used CPU since the dump before, so their clients do read, if slowly: large answers look the same.",
        Either(
            "full",
            "Threads in a write and connections with unsent bytes agree in number.",
            "The stacks show writes; the socket table would show whether bytes wait.",
        ),
    ),
    do=(
        Do(When.NOW, "Close the connections of the clients that do not read (ss -K, or at the load balancer): their threads come free."),
        Do(
            When.FIX,
            "Limit how long a write may take{in_} (Tomcat connectionTimeout and socket.soTimeout, Jetty idleTimeout), or answer large bodies asynchronously.",
        ),
        Do(When.PREVENT, "Put a proxy that buffers answers in front of the server; bound how many threads may send large bodies."),
    ),
    figures=(("{writing_count} of {workers}", "request threads in a write"), ("{full_count}", "connections with unsent bytes")),
    ask=(Ask("socket table with queues", "whether bytes wait in Send-Q", "ss -tanpoei > ss.txt", on="undecided"),),
    chain=(("{name}", "waits in a write to", "{kind_in_words}"), ("its clients", "do not read", "")),
    phrases={
        "called_from": Either("frame", ", called from {frame}"),
        "in_": Either("frame", " in {frame}"),
        "stands": ByNumber(
            "writing_count", "{threads} of {name} stands in {kind_in_words}", "{threads} of {name} stand in {kind_in_words}"
        ),
        "waits": "{connections} of port {port}: {send_q:,} bytes that the client does not take",
        "unsent": Either(
            "full",
            " {connection_has} bytes waiting that the client does not take.",
            Either(
                "asynchronous",
                "{open} They wait for the callback of an asynchronous write: a client that does not read delays it, and a callback that got lost looks the same.",
                "{open}",
            ),
        ),
        "open": Either("unseen", " Whether bytes wait that the clients do not take, only a socket table with Send-Q would show."),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per server pool whose threads are held by writes."""
    yield from map(_finding, writing(case))
    yield from writes_behind.findings(case)
    yield from unread_answers(case)
    yield from closed_windows.findings(case)


def _finding(found: Writing) -> Finding:
    serving, threads, full, frame = found.serving, found.threads, found.full, found.frame
    view, port = serving.view, serving.port
    text = TEXT.filled(
        view.process,
        all_of=shown_of(view.dump, len(threads), serving.workers),
        name=serving.pool.name,
        kind_in_words=kind_in_words(threads),
        frame=frame,
        full=full,
        full_count=f"{len(full):,}" if view.sockets else "",
        connections=plural(len(full), "connection"),
        connection_has=plural(len(full), "connection has", "connections have"),
        send_q=full[0].send_q if full else 0,
        port=port,
        asynchronous=found.asynchronous,
        unseen=not view.sockets,
        clients_in_words=clients_in_words(view, port),
        moved=found.moved,
        threads=plural(len(threads), "thread"),
        writing_count=len(threads),
        workers=serving.workers,
        undecided=not full,
    )
    stands = of_threads(threads, text["stands"])
    timer = full[0].timer.kind.value if full and full[0].timer else ""
    waits = [of_sockets(full, text["waits"], (str(full[0].send_q), timer))] if full else []
    sure = Confidence.CERTAIN if found.explained else Confidence.LIKELY
    return text.finding(
        severity=Severity.CRITICAL if (full and not found.moved) or serving.pressure.exists else Severity.WARNING,
        confidence=sure if full and not found.moved else Confidence.SUSPECTED,
        evidence=(stands, *waits, *client_evidence(view, port)),
        figures=(*client_figures(view, port), *text.figures),
        chain=text.steps((stands,)),
        culprit=Culprit(pool=serving.pool.name, frame=str(frame) if frame else None, listener=f"*:{port}" if port is not None else None),
    )
