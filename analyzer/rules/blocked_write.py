"""Request threads wait for clients that do not read their answers.

Looks for: a server pool without a free thread whose threads stand in a socket write, and connections of its listener with bytes that the
clients do not take (Send-Q, with a probe or retransmission timer: the peer's window is closed or the peer is gone).

Why it matters: each slow or vanished reader holds a thread. A handful of them stops a pool, without any slow service behind it.

Do next: limit how long a write may take, answer large bodies asynchronously, or put a buffering proxy in front.

Wrong when: the threads write to another service, or one dump caught short writes; bytes that stay in Send-Q tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.correlate.blockers import application_frame
from analyzer.correlate.calls import client_evidence, client_figures, clients_in_words, kind_in_words
from analyzer.correlate.stalls import SATURATED
from analyzer.correlate.witness import all_of, of_sockets, of_threads, plural
from analyzer.finding import Action, Confidence, Culprit, Finding, Heals, Missing, Outlook, Severity, Step, When
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.correlate import Case, Stall
    from analyzer.correlate.pools import Busy

NEEDS: Final = ("threads",)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    Heals.CAUSE,
    "Each thread is free when its client reads or its connection breaks; a client that vanished holds it until TCP gives up, about 15 minutes on Linux.",
)
CLEAN: Final = "the request threads are not held by writes to clients"
_WITH_DATA: Final = frozenset({TcpState.ESTABLISHED, TcpState.CLOSE_WAIT})


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per server pool whose threads are held by writes."""
    for stall in case.stalls:
        writing = [member for member in stall.pool.busy if member.activity.kind == "socket-write" and member.activity.side != "client"]
        if stall.workers and stall.pool.idle == 0 and len(writing) >= SATURATED * stall.workers:
            yield _finding(stall, writing)


def _finding(stall: Stall, writing: list[Busy]) -> Finding:
    view, pool, port = stall.view, stall.pool, stall.port
    full = [one for one in view.server_side(port) if one.send_q and one.state in _WITH_DATA] if port is not None else []
    frame = next((frame for member in writing if (frame := application_frame(*member))), None)
    evidence = [
        of_threads(
            writing,
            f"{plural(len(writing), 'thread')} of {pool.name} {'stand' if len(writing) > 1 else 'stands'} in {kind_in_words(writing)}",
        )
    ]
    if full:
        timer = full[0].timer.kind.value if full[0].timer else ""
        evidence.append(
            of_sockets(
                full,
                f"{plural(len(full), 'connection')} of port {port}: {full[0].send_q:,} bytes that the client does not take",
                (str(full[0].send_q), timer),
            )
        )
    return Finding(
        rule="blocked-write",
        severity=Severity.CRITICAL if full or stall.pressure.exists else Severity.WARNING,
        confidence=Confidence.CERTAIN if len(full) >= SATURATED * len(writing) else Confidence.LIKELY if full else Confidence.SUSPECTED,
        headline=f"{all_of(len(writing), stall.workers)} request threads of {pool.name} wait for clients that do not read their answers.",
        explanation=(
            f"{all_of(len(writing), stall.workers)} request threads stand in {kind_in_words(writing)}{f', called from {frame}' if frame else ''}."
            f" {plural(len(full), 'connection has', 'connections have')} bytes waiting that the client does not take."
            f"{clients_in_words(view, port) if port is not None else ''} Each thread is free again when its client reads or its connection ends."
        ),
        why_confident="Threads in a write and connections with unsent bytes agree in number."
        if full
        else "The stacks show writes; the socket table would show whether bytes wait.",
        evidence=(*evidence, *(client_evidence(view, port) if port is not None else ())),
        process=view.process,
        culprit=Culprit(pool=pool.name, frame=str(frame) if frame else None, listener=f"*:{port}" if port is not None else None),
        chain=(Step(pool.name, "waits in a write to", kind_in_words(writing), (evidence[0],)), Step("its clients", "do not read", "")),
        actions=(
            Action(
                When.NOW, "Close the connections of the clients that do not read (ss -K, or at the load balancer): their threads come free."
            ),
            Action(
                When.FIX,
                f"Limit how long a write may take{f' in {frame}' if frame else ''} (Tomcat connectionTimeout and socket.soTimeout, Jetty idleTimeout), or answer large bodies asynchronously.",
            ),
            Action(When.PREVENT, "Put a proxy that buffers answers in front of the server; bound how many threads may send large bodies."),
        ),
        figures=(
            *client_figures(view, port),
            (f"{len(writing)} of {stall.workers}", "request threads in a write"),
            (f"{len(full):,}", "connections with unsent bytes"),
        ),
        missing=() if full else (Missing("socket table with queues", "whether bytes wait in Send-Q", "ss -tanpoei > ss.txt"),),
    )
