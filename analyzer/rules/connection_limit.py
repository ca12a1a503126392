"""The server has stopped accepting: it holds as many connections as it may.

Looks for: an acceptor thread that waits for a free connection slot (Tomcat: LimitLatch.countUpOrAwait, the limit is maxConnections), and
the accept queue behind it: a LISTEN row with connections waiting, rows without an owner (inode 0), own or foreign SYNs without an answer.

Why it matters: new clients, health checks and the server's own calls are not even accepted. With the accept queue full the kernel drops
SYNs, and clients see connect time-outs instead of slow answers.

Do next: find out why connections are not given back; the limit is almost always a consequence. Raise maxConnections only if the
server is healthy and simply popular.

Wrong when: the accept queue is full while the acceptor waits in accept (a burst: backlog too small) or stands in other code
(acceptor-stalled). Without a thread dump these look alike, unless next to nothing was accepted: no limit is as low as that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets, of_threads
from analyzer.families import forked_servers, nobody_accepts, unaccepted_counts
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text
from analyzer.software.kinds import ActivityKind
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case, ProcessView

NEEDS: Final = (Need.THREADS_OR_SOCKETS,)
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
    "pool-stuck",
    "process-stopped",
    "self-call-starvation",
    "server-never-closes",
    "slow-backend",
    "virtual-thread-pinning",
    "connection-leak",
)
OUTLOOK: Final = Outlook(
    RecoversWhen.LOAD,
    say("The acceptor goes on as soon as a connection closes: when the load stops, unless what holds the connections never ends."),
)
CLEAN: Final = say("no acceptor waits for a connection slot")
LONG_QUEUE: Final = 3
"""Connections in the accept queue of one table that are a pattern: one or two are caught between two calls of accept."""
LATCHED: Final = Text(
    "connection-limit",
    headline="{server} accepts nobody: the acceptor waits because the connection limit is reached.",
    explanation="“{name}” waits in {call}: it accepts again only when a connection has ended.{counted}{waiting} This limit is almost always a consequence of connections that are not given back.",
    why="{stack_proves}{confirmed}",
    do=(
        Do(When.FIX, "Find what keeps the connections open; see the finding that this one follows from."),
        Do(
            When.PREVENT,
            "Keep maxConnections above what the pool can serve plus idle keep-alive connections, and acceptCount small, so that load balancers notice early.",
        ),
    ),
    figures=(("{owned:,}", "accepted connections"), ("{queue_count:,}", "connections waiting to be accepted")),
    chain=(("{name}", "waits for the end of", "any accepted connection"),),
    phrases={
        "server": Either("port_known", "Port {port}", "The server"),
        "counted": Either("owned", " It holds {accepted_connection}", " How many connections it holds is not in the evidence"),
        "waiting": Either("queue_count", "; {more_connection_waits} in the accept queue.", "."),
        "stack_proves": "A thread stands there only while the limit is reached: the stack alone proves it.",
        "confirmed": Either("queue_count", " The accept queue confirms it."),
        "latched": "“{name}” waits for a free connection slot",
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per listener that is full, or that may be."""
    taken, waiting = unaccepted_counts.held_up(case), {workers.port for workers in forked_servers.waiting_workers(case)}
    for view in case.latest:
        latched = [
            (pool.port, member) for pool in view.pools for member in pool.members if member.activity.kind == ActivityKind.CONNECTION_LATCH
        ]
        for port, member in latched:
            yield _latched(view, port if port is not None else _only_port(view), member)
        if not view.pools:
            for port in sorted(view.listeners):
                queue = _queue(view, port)
                if len(queue) >= LONG_QUEUE and port not in waiting and (view, port) not in taken and not _workers_tell(case, view, port):
                    yield nobody_accepts.suspicion(view, port, queue, _queue_evidence(view, port, queue))


def _workers_tell(case: Case, view: ProcessView, port: int) -> bool:
    """True for a master whose workers accept for themselves, where their stacks are here: these say why nobody accepts."""
    rows = (row for one in case.latest if one.dump is not None and one.snapshot is view.snapshot for row in one.sockets)
    return any(row.local.port == port and row.owners and row.state is not TcpState.LISTEN for row in rows)


def _only_port(view: ProcessView) -> int | None:
    return next(iter(view.listeners)) if len(view.listeners) == 1 else None


def _queue(view: ProcessView, port: int | None) -> Sequence[Connection]:
    return view.server_side(port).unaccepted if port is not None else ()


def _unanswered_syns(view: ProcessView, port: int | None) -> list[Connection]:
    return [row for row in view.table.in_state(TcpState.SYN_SENT) if row.remote is not None and row.remote.port == port]


def _latched(view: ProcessView, port: int | None, member: ThreadActivity) -> Finding:
    queue = _queue(view, port)
    owned = sum(1 for row in view.server_side(port) if row.owners) if port is not None else 0
    text = LATCHED.filled(
        view.process,
        name=member.thread.label,
        call=member.thread.frames[member.activity.frame].call,
        port_known=port is not None,
        port=port,
        owned=owned,
        accepted_connection=plural(owned, "accepted connection"),
        queue_count=len(queue),
        more_connection_waits=plural(len(queue), "more connection waits", "more connections wait"),
    )
    latched = of_threads([member], text["latched"])
    return text.finding(
        severity=Severity.CRITICAL if queue or _unanswered_syns(view, port) else Severity.WARNING,
        confidence=Confidence.CERTAIN,
        evidence=(latched, *_queue_evidence(view, port, queue)),
        chain=text.steps((latched,)),
        culprit=Culprit(thread=member.thread.label, listener=f"*:{port}" if port is not None else None),
    )


def _queue_evidence(view: ProcessView, port: int | None, queue: Sequence[Connection]) -> list[Evidence]:
    found, listener = [], view.listeners.get(port) if port is not None else None
    if listener is not None and listener.recv_q:
        backlog = say(" of a backlog of {backlog}", backlog=listener.backlog) if listener.backlog is not None else ""
        found.append(
            of_sockets(
                [listener],
                say(
                    "{connection_waits} in the accept queue{backlog}",
                    connection_waits=plural(listener.recv_q, "connection waits", "connections wait"),
                    backlog=backlog,
                ),
                (str(listener.recv_q), "LISTEN"),
            )
        )
    if queue:
        unowned = plural(len(queue), "connection has", "connections have")
        found.append(of_sockets(queue, say("{connection_has} no owner: not accepted yet", connection_has=unowned)))
    if syns := _unanswered_syns(view, port):
        attempts = plural(len(syns), "connection attempt")
        unanswered = say(
            "{connection_attempt} to port {port} without an answer: the accept queue is full", connection_attempt=attempts, port=port
        )
        found.append(of_sockets(syns, unanswered))
    return found
