"""Requests were made asynchronous and never completed: their connections stay although every thread is free.

Looks for: many connections on the server's own port in CLOSE_WAIT whose request was read and whose end was not (Recv-Q 1), a pool that is
mostly free, and a poller that is alive. They stay or grow from snapshot to snapshot.

Why it matters: each client that leaves adds one, for ever: descriptors, connection slots and memory run out although the server idles.

Do next: give asynchronous requests a time limit (AsyncContext.setTimeout, DeferredResult with a timeout) and complete them in every path, also
when the client has gone.

Wrong when: the server read the end as well and did not close (Recv-Q 0: server-never-closes), or a stall has just ended and the server is
still closing; a later snapshot tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import client_figures
from analyzer.evidence.citations import of_sockets
from analyzer.evidence.half_closed import SECOND_TABLE, Unclosed, unclosed
from analyzer.model.finding import Confidence, Culprit, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.UNKNOWN, say("A connection stays until its request is completed, or until an asynchronous timeout, if one is set.")
)
CLEAN: Final = say("no pile of unclosed connections while the pool is free")
TEXT: Final = Text(
    "async-never-completed",
    headline="{requests} on port {port} never {end}: the clients have left, the threads are free, and nobody closes.",
    explanation="{connections} of port {port} are in CLOSE_WAIT; their requests were read, the clients' end was not.{grown} {idle} of {workers} threads of {name} are free, so no thread works on them: the requests were handed to something asynchronous that never completes them. Each client that leaves adds one.",
    why=Either(
        "forgotten",
        "A server that has answered and forgets to close looks the same: it keeps the connection and never reads it again. The counters of ss -i tell whether an answer was sent.",
        Either(
            "lasts",
            "Sockets and threads agree, and the sockets stay from snapshot to snapshot. A defect of the server that forgets connections would look the same.",
            "One snapshot: a stall that has just ended looks the same while the server closes what is left.",
        ),
    ),
    do=(
        Do(
            When.NOW,
            "Take a second socket table and a heap dump: the requests that wait are in it.",
            "jcmd {pid} GC.heap_dump requests.hprof",
        ),
        Do(
            When.FIX,
            "Give every asynchronous request a timeout (AsyncContext.setTimeout, DeferredResult or SseEmitter with a timeout), and complete it in every path.",
        ),
        Do(When.PREVENT, "Send a heartbeat on long-lived streams: a failed write reveals a client that has left."),
    ),
    figures=(("{idle} of {workers}", "threads of {name} free"),),
    ask=(SECOND_TABLE,),
    chain=(("its clients", "leave", "port {port}"), ("an asynchronous request", "is never completed", "{name} is free")),
    phrases={
        "end": Either("end", "end", "ends"),
        "waiting": "{connections} on port {port}: request read, client gone, not closed",
        "grown": Either("grown", " They grow: {list}, and none of the first was closed."),
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per port whose unclosed connections nobody has looked at since."""
    for found in unclosed(case):
        if found.put_aside:
            yield _finding(found)


def _finding(found: Unclosed) -> Finding:
    view, port, pool = found.serving.view, found.port, found.serving.pool
    text = TEXT.filled(
        view.process,
        requests=plural(len(found.sockets), "request"),
        port=port,
        end=len(found.sockets) > 1,
        connections=plural(len(found.sockets), "connection"),
        grown=found.grows,
        list=joined(" → ", map(str, found.counts)),
        idle=pool.idle,
        workers=found.serving.workers,
        name=pool.name,
        lasts=found.lasts,
        forgotten=found.may_be_forgotten,
        undecided=not found.lasts,
    )
    waiting, free = of_sockets(found.sockets, text["waiting"], ("CLOSE_WAIT",)), found.free_threads()
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY if found.sure and not found.may_be_forgotten else Confidence.SUSPECTED,
        evidence=(waiting, free),
        figures=(*client_figures(view, port), *text.figures),
        chain=text.steps((waiting,), (free,)),
        culprit=Culprit(pool=pool.name, listener=f"*:{port}"),
    )
