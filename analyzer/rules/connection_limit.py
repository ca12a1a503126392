"""The server has stopped accepting: it holds as many connections as it may.

Looks for: an acceptor thread that waits for a free connection slot (Tomcat: LimitLatch.countUpOrAwait, the limit is maxConnections), and
the accept queue behind it: a LISTEN row with connections waiting, rows without an owner (inode 0), own or foreign SYNs without an answer.

Why it matters: new clients, health checks and the server's own calls are not even accepted. With the accept queue full the kernel drops
SYNs, and clients see connect time-outs instead of slow answers.

Do next: find out why connections are not given back; the limit is almost always a consequence. Raise maxConnections only if the
server is healthy and simply popular.

Wrong when: the accept queue is full while the acceptor waits in accept (a burst: backlog too small) or stands in other code
(acceptor-stalled). Without a thread dump these look alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.correlate.calls import DUMP_MISSING, command
from analyzer.correlate.witness import of_sockets, of_threads, plural
from analyzer.finding import Action, Confidence, Culprit, Evidence, Finding, Heals, Outlook, Severity, Step, When
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.correlate import Case, ProcessView
    from analyzer.correlate.pools import Busy
    from analyzer.correlate.sockets import Connection

NEEDS: Final = ("threads or sockets",)
CONSEQUENCE_OF: Final = (
    "async-never-completed",
    "blocked-write",
    "class-init-deadlock",
    "common-pool-starvation",
    "database-read-hang",
    "dns-stall",
    "event-loop-blocked",
    "fd-exhaustion",
    "gc-thrash",
    "http-pool-exhausted",
    "idle-connections-pin-threads",
    "java-deadlock",
    "jdbc-pool-exhausted",
    "lock-convoy",
    "logging-stall",
    "mutual-call-starvation",
    "nested-connection-lease",
    "nested-task-starvation",
    "object-pool-exhausted",
    "process-stopped",
    "self-call-starvation",
    "server-never-closes",
    "slow-backend",
    "virtual-thread-pinning",
    "connection-leak",
)
OUTLOOK: Final = Outlook(
    Heals.LOAD, "The acceptor goes on as soon as a connection closes: when the load stops, unless what holds the connections never ends."
)
CLEAN: Final = "no acceptor waits for a connection slot"
LONG_QUEUE: Final = 3
"""Connections in the accept queue of one table that are a pattern: one or two are caught between two calls of accept."""


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per listener that is full, or that may be."""
    for view in case.latest:
        latched = [(pool.port, member) for pool in view.pools for member in pool.members if member.activity.kind == "connection-latch"]
        for port, member in latched:
            yield _latched(view, port if port is not None else _only_port(view), member)
        if not view.pools:
            for port in sorted(view.listeners):
                queue = _queue(view, port)
                if len(queue) >= LONG_QUEUE:
                    yield _suspected(view, port, queue)


def _only_port(view: ProcessView) -> int | None:
    return next(iter(view.listeners)) if len(view.listeners) == 1 else None


def _queue(view: ProcessView, port: int | None) -> list[Connection]:
    return [one for one in view.server_side(port) if one.unaccepted] if port is not None else []


def _unanswered_syns(view: ProcessView, port: int | None) -> list[Connection]:
    return [one for one in view.table.connections if one.state is TcpState.SYN_SENT and one.remote is not None and one.remote.port == port]


def _latched(view: ProcessView, port: int | None, member: Busy) -> Finding:
    queue = _queue(view, port)
    evidence = [of_threads([member], f"“{member.thread.name}” waits for a free connection slot"), *_queue_evidence(view, port, queue)]
    owned = sum(1 for one in view.server_side(port) if one.owners) if port is not None else 0
    counted = f" It holds {plural(owned, 'accepted connection')}" if owned else " How many connections it holds is not in the evidence"
    waiting = f"; {plural(len(queue), 'more connection waits', 'more connections wait')} in the accept queue." if queue else "."
    name = f"Port {port}" if port is not None else "The server"
    return Finding(
        rule="connection-limit",
        severity=Severity.CRITICAL if queue or _unanswered_syns(view, port) else Severity.WARNING,
        confidence=Confidence.CERTAIN,
        headline=f"{name} accepts nobody: the acceptor waits because the connection limit is reached.",
        explanation=(
            f"“{member.thread.name}” waits in {member.thread.frames[member.activity.frame].call}: it accepts again only when a connection has ended.{counted}{waiting}"
            " This limit is almost always a consequence of connections that are not given back."
        ),
        why_confident="A thread stands there only while the limit is reached: the stack alone proves it."
        + (" The accept queue confirms it." if queue else ""),
        evidence=tuple(evidence),
        process=view.process,
        culprit=Culprit(thread=member.thread.name, listener=f"*:{port}" if port is not None else None),
        chain=(Step(member.thread.name, "waits for the end of", "any accepted connection", (evidence[0],)),),
        actions=(
            Action(When.FIX, "Find what keeps the connections open; see the finding that this one follows from."),
            Action(
                When.PREVENT,
                "Keep maxConnections above what the pool can serve plus idle keep-alive connections, and acceptCount small, so that load balancers notice early.",
            ),
        ),
        figures=((f"{owned:,}", "accepted connections"), (f"{len(queue):,}", "connections waiting to be accepted")),
    )


def _queue_evidence(view: ProcessView, port: int | None, queue: list[Connection]) -> list[Evidence]:
    found = []
    listener = view.listeners.get(port) if port is not None else None
    if listener is not None and listener.recv_q:
        backlog = f" of a backlog of {listener.backlog}" if listener.backlog is not None else ""
        found.append(
            of_sockets(
                [listener],
                f"{plural(listener.recv_q, 'connection waits', 'connections wait')} in the accept queue{backlog}",
                (str(listener.recv_q), "LISTEN"),
            )
        )
    if queue:
        found.append(of_sockets(queue, f"{plural(len(queue), 'connection has', 'connections have')} no owner: not accepted yet"))
    syns = _unanswered_syns(view, port)
    if syns:
        found.append(
            of_sockets(syns, f"{plural(len(syns), 'connection attempt')} to port {port} without an answer: the accept queue is full")
        )
    return found


def _suspected(view: ProcessView, port: int, queue: list[Connection]) -> Finding:
    return Finding(
        rule="connection-limit",
        severity=Severity.CRITICAL,
        confidence=Confidence.SUSPECTED,
        headline=f"Nobody accepts the connections to port {port}: a connection limit, or an acceptor that is stuck.",
        explanation=(
            f"{plural(len(queue), 'connection waits', 'connections wait')} in the accept queue of port {port} without an owner. Either the server has reached its connection limit"
            " (connection-limit), or its acceptor thread is stuck or dead (acceptor-stalled), or the process is stopped. Only a thread dump tells."
        ),
        why_confident="The socket table proves the queue, not its reason.",
        evidence=tuple(_queue_evidence(view, port, queue)),
        process=view.process,
        culprit=Culprit(listener=f"*:{port}"),
        actions=(
            Action(
                When.NOW,
                "Take a thread dump: it shows what the acceptor does.",
                f"jstack -l {view.pid if view.pid is not None else 'PID'} > jstack.txt",
            ),
        ),
        figures=((f"{len(queue):,}", "connections waiting to be accepted"),),
        missing=(command(DUMP_MISSING, view),),
    )
