"""Each open connection holds a thread: idle clients keep the whole pool in reads of requests that do not come.

Looks for: a pool of request threads without a free one, all of which read from their clients (no call to another service), and as many open
connections with nothing to read as threads (a thread per connection: plain sockets, BIO and AJP connectors; a worker process per connection). Without a dump the kernel's counters raise the suspicion: nobody
whose request was read waits for an answer, and requests lie unread.

Why it matters: connections that nobody uses shut everybody else out. New clients wait unread and give up.

Do next: limit how long a read may wait for a request, and how many idle connections may stay; use a non-blocking connector (NIO) that needs no
thread for an idle connection.

Wrong when: the threads read from another service (slow-backend: then there are outgoing connections), or clients are just slow to send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import client_evidence, client_figures, clients_in_words, kind_in_words
from analyzer.evidence.citations import all_of, blamed, of_sockets, of_threads
from analyzer.evidence.idle_connections import PinnedPool, pinned_pools
from analyzer.families import connections_at_rest, silent_clients
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say, uncapitalized
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(RecoversWhen.TIMEOUT, say("Each thread is free when its connection is closed or its keep-alive time is over."))
CLEAN: Final = say("no pool is held by reads of idle connections")
TEXT: Final = Text(
    "idle-connections-pin-threads",
    headline="{idle_connection} hold {lower} threads of {name}: nobody else is served on port {port}.",
    explanation="{all_of} threads of {name} wait in {kind_in_words}{called_from}, for requests on {connections} that send nothing. The process has no connection to another service that they could read from.{clients_in_words} A thread is free only when its client sends or leaves.",
    why="Threads in a read and idle connections of the own port agree in number, and there is nothing else to read from.",
    do=(
        Do(When.NOW, "Close idle connections (at the load balancer, or ss -K): their threads come free."),
        Do(When.FIX, "Set a timeout for reading a request{in_} (connectionTimeout, keepAliveTimeout, soTimeout)."),
        Do(When.PREVENT, "Use a non-blocking connector (NIO), which needs no thread for an idle connection."),
    ),
    figures=(("{reading_count} of {workers_count}", "threads of {name} in a read"), ("{idle_count:,}", "idle connections")),
    chain=(("{name}", "waits for a request on", "{idle_connection}"), ("the clients of these", "send nothing", "")),
    phrases={
        "sockets": "That these threads read from these connections rests on their number, and on there being no other.",
        "idle": "{connections} of port {port} are open with nothing to read",
        "threads2": "{threads} of {name} read in {kind_in_words}",
        "called_from": Either("frame", ", called from {frame}"),
        "in_": Either("frame", " in {frame}"),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per pool that idle connections hold."""
    yield from map(_finding, pinned_pools(case))
    yield from connections_at_rest.suspicions(case)
    yield from silent_clients.findings(case)
    if any(one.name.startswith("Node handles: ") for snapshot in case.incident.snapshots for one in snapshot.counters):
        from analyzer.families import closing_servers  # noqa: PLC0415 - few reports list them

        yield from closing_servers.findings(case)


def _finding(found: PinnedPool) -> Finding:
    view, pool, port, reading, idle = found.view, found.pool, found.port, found.reading, found.idle
    text = TEXT.filled(
        view.process,
        idle_connection=plural(min(len(idle), len(reading)), "idle connection"),
        lower=uncapitalized(all_of(len(reading), len(pool.workers))),
        name=pool.name,
        port=port,
        all_of=all_of(len(reading), len(pool.workers)),
        kind_in_words=kind_in_words(reading),
        frame=blamed(reading),
        connections=plural(len(idle), "connection"),
        clients_in_words=clients_in_words(view, port),
        reading_count=len(reading),
        workers_count=len(pool.workers),
        idle_count=len(idle),
        threads=plural(len(reading), "thread"),
    )
    threads = of_threads(reading, text["threads2"])
    sockets = of_sockets(idle, text["idle"], ("ESTABLISHED",), text["sockets"])
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if found.agree else Confidence.LIKELY,
        evidence=(threads, sockets, *client_evidence(view, port)),
        figures=(*client_figures(view, port), *text.figures),
        chain=text.steps((threads,), (sockets,)),
        culprit=Culprit(pool=pool.name, frame=blamed(reading), listener=f"*:{port}"),
    )
