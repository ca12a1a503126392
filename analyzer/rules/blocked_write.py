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
from analyzer.evidence.citations import all_of, of_sockets, of_threads
from analyzer.evidence.movement import moved_on, standing
from analyzer.families import closed_windows
from analyzer.families.captures_only import unread_answers
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say, say_of
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from analyzer.software.blockers import application_frame
from analyzer.software.kinds import ActivityKind, SocketSide
from analyzer.waits.server_pools import SATURATED
from parsers.records import JavaState, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ServerPool

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.CAUSE,
    say(
        "Each thread is free when its client reads or its connection breaks; a client that vanished holds it until TCP gives up, about 15 minutes on Linux."
    ),
)
CLEAN: Final = say("the request threads are not held by writes to clients")
_WITH_DATA: Final = frozenset({TcpState.ESTABLISHED, TcpState.CLOSE_WAIT})
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
    figures=(("{writing_count} of {workers}", "request threads in a write"),),
    ask=(Ask("socket table with queues", "whether bytes wait in Send-Q", "ss -tanpoei > ss.txt", on="undecided"),),
    chain=(("{name}", "waits in a write to", "{kind_in_words}"), ("its clients", "do not read", "")),
    phrases={"called_from": Either("frame", ", called from {frame}"), "in_": Either("frame", " in {frame}")},
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per server pool whose threads are held by writes."""
    for serving in case.server_pools:
        writing = [
            member
            for member in serving.pool.busy
            if member.activity.kind == ActivityKind.SOCKET_WRITE and member.activity.side != SocketSide.CLIENT
        ]
        if serving.workers and serving.pool.idle == 0 and len(writing) >= SATURATED * serving.workers:
            moved = not serving.pressure.exists and moved_on(standing(case, serving.view, writing))
            yield _finding(serving, writing, moved=moved)
    yield from unread_answers(case)
    yield from closed_windows.findings(case)


def _finding(serving: ServerPool, writing: list[ThreadActivity], *, moved: bool) -> Finding:
    view, pool, port = serving.view, serving.pool, serving.port
    full = [row for row in view.server_side(port).of(*_WITH_DATA) if row.send_q] if port is not None else []
    frame = next((frame for member in writing if (frame := application_frame(*member))), None)
    evidence = [
        of_threads(
            writing,
            say_of(
                len(writing),
                "{threads} of {name} stands in {kind_in_words}",
                "{threads} of {name} stand in {kind_in_words}",
                threads=plural(len(writing), "thread"),
                name=pool.name,
                kind_in_words=kind_in_words(writing),
            ),
        )
    ]
    if full:
        timer = full[0].timer.kind.value if full[0].timer else ""
        evidence.append(
            of_sockets(
                full,
                say(
                    "{connections} of port {port}: {send_q:,} bytes that the client does not take",
                    connections=plural(len(full), "connection"),
                    port=port,
                    send_q=full[0].send_q,
                ),
                (str(full[0].send_q), timer),
            )
        )
    text = TEXT.filled(
        view.process,
        all_of=all_of(len(writing), serving.workers, piece=serving.view.dump is not None and serving.view.dump.fragment),
        name=pool.name,
        kind_in_words=kind_in_words(writing),
        frame=frame,
        unsent=_unsent(serving, writing, full),
        clients_in_words=clients_in_words(view, port),
        full=full,
        moved=moved,
        writing_count=len(writing),
        workers=serving.workers,
        undecided=not full,
    )
    sure = Confidence.CERTAIN if len(full) >= SATURATED * len(writing) else Confidence.LIKELY
    return text.finding(
        severity=Severity.CRITICAL if (full and not moved) or serving.pressure.exists else Severity.WARNING,
        confidence=sure if full and not moved else Confidence.SUSPECTED,
        evidence=(*evidence, *client_evidence(view, port)),
        figures=(
            *client_figures(view, port),
            *text.figures,
            *(((f"{len(full):,}", say("connections with unsent bytes")),) if view.sockets else ()),
        ),
        chain=text.steps((evidence[0],)),
        culprit=Culprit(pool=pool.name, frame=str(frame) if frame else None, listener=f"*:{port}" if port is not None else None),
    )


def _unsent(serving: ServerPool, writing: list[ThreadActivity], full: Sequence[Connection]) -> str:
    """What the socket table says of the answers; no number where there is none."""
    if full:
        return say(
            " {connection_has} bytes waiting that the client does not take.",
            connection_has=plural(len(full), "connection has", "connections have"),
        )
    said = (
        say(" Whether bytes wait that the clients do not take, only a socket table with Send-Q would show.")
        if not serving.view.sockets
        else ""
    )
    if any(member.thread.state in {JavaState.WAITING, JavaState.TIMED_WAITING} for member in writing):
        # Not a write that blocks: the server's own I/O threads write, and call back.
        return say(
            "{said} They wait for the callback of an asynchronous write: a client that does not read delays it, and a callback that got lost looks the same.",
            said=said,
        )
    return said
