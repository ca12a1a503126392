"""Connections that nobody accepts, where no thread dump says why: a limit, or whoever accepts is held up.

How many connections are held tells the two apart. A limit is reached with many of them; with one or two, one thread serves one connection after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import DUMP_MISSING, command
from analyzer.evidence.citations import of_silence
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Evidence, Finding
    from analyzer.waits.case import ProcessView

KEEP_FROM_ACCEPTING: Final = (
    "process-stopped",
    "fd-exhaustion",
    "slow-backend",
    "database-read-hang",
    "self-call-starvation",
    "mutual-call-starvation",
    "nested-task-starvation",
    "common-pool-starvation",
    "jdbc-pool-exhausted",
    "http-pool-exhausted",
    "object-pool-exhausted",
    "nested-connection-lease",
    "idle-connections-pin-threads",
    "java-deadlock",
    "class-init-deadlock",
    "lock-convoy",
    "logging-stall",
    "dns-stall",
    "virtual-thread-pinning",
    "pool-stuck",
    "blocked-write",
    "event-loop-blocked",
)
"""Rules whose causes may hold up whoever accepts."""
FEW_HELD: Final = 2
"""Accepted connections up to which no connection limit is reached: nobody sets one as low."""
_DUMP: Final = Do(When.NOW, "Take a thread dump: it shows what the acceptor does.", "jstack -l {pid} > jstack.txt")
_OUTLOOK: Final = Outlook(RecoversWhen.CAUSE, say("Clients wait until the acceptor accepts again; nothing else empties the queue."))
_UNKNOWN: Final = Outlook(
    RecoversWhen.UNKNOWN,
    say("At a limit the acceptor goes on when a connection closes; one that is stuck or dead does not go on by itself."),
)
LIMIT: Final = Text(
    "connection-limit",
    headline="Nobody accepts the connections to port {port}, or too slowly: a connection limit, or an acceptor that is stuck.",
    explanation="{connection_waits} in the accept queue of port {port} without an owner. Either the server has reached its connection limit (connection-limit), or its acceptor thread is stuck, dead or too slow (acceptor-stalled), or the process is stopped. Only a thread dump tells.",
    why="The socket table proves the queue, not its reason.",
    do=(_DUMP,),
    figures=(("{queue_count:,}", "connections waiting to be accepted"),),
)
HELD_UP: Final = Text(
    "acceptor-stalled",
    headline="Nobody accepts the connections to port {port}: whoever should is held up{perhaps}.",
    explanation="{connection_waits} in the accept queue of port {port} without an owner, while {held} accepted: no connection limit is as low as that. So whoever accepts {serves}is stuck or dead, or the process is stopped.{called} Only a thread dump tells.",
    why="The socket table proves the queue, and that next to nothing was accepted, not the reason.",
    do=(_DUMP, Do(When.NOW, "Look at {remote}: does it answer?", on="remote")),
    figures=(("{queue_count:,}", "connections waiting to be accepted"),),
    chain=(
        ("*:{port}", "fills its accept queue", "{connection_waits}"),
        ("the acceptor", Either("remote", "may wait for", "does not accept"), Either("remote", "{remote}")),
    ),
    phrases={
        "serves": Either("some", "serves one connection after the other and is in the middle of one, or "),
        "perhaps": Either("remote", ", perhaps in a call to {remote}"),
        "called": Either("remote", " The process waits for nobody but {remote}, as far as the table shows."),
    },
)


def only_calls(view: ProcessView) -> list[Connection]:
    """The calls of a process whose answer has not come, where all of them lead to one place and the table shows all; none elsewhere."""
    calls = [row for row in view.client_side if row.owners and not row.recv_q]
    return calls if len({row.remote for row in view.client_side}) == 1 and not view.coverage.sockets else []


def suspicion(view: ProcessView, port: int, queue: Sequence[Connection], evidence: Sequence[Evidence]) -> Finding:
    """What may be the reason that ``queue`` is not accepted."""
    listener = view.listeners.get(port)
    waiting = max(len(queue), (listener.recv_q or 0) if listener is not None and view.coverage.sockets else 0)  # the rows may be a part
    held = sum(1 for row in view.server_side(port) if row.owners and row not in queue)
    alone = only_calls(view)
    owned = any(row.owners for row in view.sockets)
    few = owned and held <= FEW_HELD and not view.coverage.sockets
    remote = alone[0].remote if alone and few else None
    text = (HELD_UP if few else LIMIT).filled(
        view.process,
        port=port,
        connection_waits=plural(waiting, "connection waits", "connections wait"),
        queue_count=waiting,
        held=plural(held, "connection is", "connections are"),
        remote=remote,
        some=held > 0,
    )
    silent = (of_silence(alone, remote),) if remote is not None else ()
    shown = tuple(evidence)
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.SUSPECTED,
        evidence=(*shown, *silent),
        missing=(command(DUMP_MISSING, view),),
        chain=text.steps(shown[:1], silent) if few else (),
        outlook=_OUTLOOK if few else _UNKNOWN,
        culprit=Culprit(listener=f"*:{port}", remote=str(remote) if remote is not None else None),
    )
