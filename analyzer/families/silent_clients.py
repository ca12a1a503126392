"""Workers that serve one connection at a time, and wait for the request of a client that has opened one and sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets, of_threads
from analyzer.evidence.idle_connections import SMALLEST_POOL
from analyzer.evidence.log_events import of_this_moment
from analyzer.join.forked_workers import FORKING
from analyzer.model.finding import Confidence, Culprit, Severity, When
from analyzer.model.message import joined, plural, say
from analyzer.model.text import Do, Either, Text
from analyzer.software.kinds import ActivityKind
from parsers.records import LogKind, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.evidence.log_events import Told
    from analyzer.join.connections import Connection
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView
    from analyzer.waits.server_pools import ServerPool

_MOST: Final = 2
"""Clients that are named."""
TEXT: Final = Text(
    "idle-connections-pin-threads",
    headline="{waits} for a request that does not come: a connection{to_port} of {client} is open, and sends nothing, or not all{full}.",
    explanation="{waits} in {frame}, which reads the client's request: no line of the application has begun, so no page, statement or service is slow here. Load balancers and browsers open connections ahead, and some clients send slowly; a worker that serves one connection at a time is taken meanwhile.{ended} A longer accept queue (backlog, somaxconn) and a larger host only let the others wait for longer.{one}",
    why="The stack shows that the request is awaited. {agree} What the client does a capture would show.",
    do=(
        Do(When.NOW, "See whether the other workers stand there, too, and whose connections they have.", "lsof -nP -a -i -p {pid}"),
        Do(
            When.FIX,
            "Put a proxy in front that reads requests whole before it hands them over (nginx), or use workers that are not taken by a silent connection: threads or an event loop (gunicorn: gthread, gevent).",
        ),
        Do(
            When.PREVENT,
            "Let the load balancer not open connections ahead where each takes a worker; the worker's own timeout ends the worker, not the wait.",
        ),
    ),
    figures=(("{queue_said}", "accept queue"),),
    chain=(
        ("a connection of {client}", "is open and sends nothing to", "a worker"),
        ("the worker", "takes no other, which fills", "the accept queue"),
    ),
    phrases={
        "to_port": Either("port", " to port {port}"),
        "full": Either("queue", "; the accept queue is full meanwhile ({queue} of {backlog})"),
        "queue_said": Either("queue", "{queue} of {backlog}"),
        "ended": Either("lines", " Its master ends a worker that stays so for longer than its timeout: the log has {lines} of that."),
        "one": Either("single", " What the other workers do their stacks would show."),
        "agree": Either(
            "both",
            "The full queue and the log's lines of workers that were ended agree with it.",
            Either("queue", "The full queue agrees with it.", "The log's lines of workers that were ended agree with it."),
        ),
        "stand": "{waits} in {frame}",
        "held": "{connections} of {client} to port {port}",
        "queued": "{queue} connections in an accept queue of {backlog}",
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One for each server of worker processes that wait for requests while its queue is full, or while its master ends workers."""
    ended = next((one for one in of_this_moment(case.incident) if one.event.kind is LogKind.WORKER_ENDED), None)
    for serving in case.server_pools:
        dump, busy = serving.view.dump, serving.pool.busy
        if dump is None or dump.runtime not in FORKING or serving.pool.idle or not 0 < len(busy) < SMALLEST_POOL:
            continue  # of more threads, the numbers of connections must agree
        if any(member.activity.kind is not ActivityKind.REQUEST_READ for member in busy):
            continue
        full = _full(serving.view)
        held = _held(serving.view, full)
        if (full is not None or ended is not None) and not any(row.recv_q for row in held):
            yield _finding(serving, full, held, ended)


def _full(view: ProcessView) -> Connection | None:
    """The listener whose queue is full."""
    listeners = [row for row in view.listeners.values() if row is not None and row.backlog and (row.recv_q or 0) >= row.backlog]
    return listeners[0] if len(listeners) == 1 else None


def _held(view: ProcessView, full: Connection | None) -> list[Connection]:
    """The connections that the workers have accepted."""
    ports = [full.local.port] if full is not None else list(view.listeners)
    rows = [row for port in ports if port is not None for row in view.server_side(port).of(TcpState.ESTABLISHED)]
    return [row for row in rows if row.owners and not row.unaccepted]


def _finding(serving: ServerPool, full: Connection | None, held: Sequence[Connection], ended: Told | None) -> Finding:
    busy = serving.pool.busy
    hosts = list(dict.fromkeys(row.remote.host for row in held if row.remote is not None))
    thread, activity = busy[0]
    frame = thread.frames[activity.frame]
    port = full.local.port if full is not None else held[0].local.port if held else None
    text = TEXT.filled(
        serving.view.process,
        waits=plural(len(busy), "worker waits", "workers wait"),
        client=joined(", ", hosts[:_MOST]) if hosts else say("a client"),
        port=port,
        queue=full.recv_q if full is not None else None,
        backlog=full.backlog if full is not None else None,
        frame=frame,
        lines=plural(ended.lines, "line") if ended is not None else None,
        single=len(busy) == 1,
        both=full is not None and ended is not None,
        connections=plural(len(held), "connection"),
    )
    stand = of_threads(busy, text["stand"])
    queued = (of_sockets([full], text["queued"], (str(full.recv_q), "LISTEN")),) if full is not None else ()
    return text.finding(
        severity=Severity.CRITICAL if full is not None else Severity.WARNING,
        confidence=Confidence.LIKELY if full is not None and ended is not None else Confidence.SUSPECTED,
        evidence=(
            stand,
            *((of_sockets(held, text["held"], ("ESTABLISHED",)),) if held else ()),
            *queued,
            *((ended.evidence,) if ended is not None else ()),
        ),
        chain=text.steps((stand,), queued),
        culprit=Culprit(pool=serving.pool.name, frame=str(frame), listener=f"*:{port}" if port is not None else None),
    )
