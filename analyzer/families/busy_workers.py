"""A full accept queue behind worker processes that have one connection each: all of them are taken, and nobody takes the next.

A connection stands in this queue once its handshake is complete, so forged SYNs do not fill it: what the kernel says of a SYN flood is then a consequence.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.citations import of_sockets
from analyzer.evidence.overflows import overflows
from analyzer.families.forked_servers import waiting_workers
from analyzer.model.finding import Confidence, Culprit, Evidence, Outlook, Process, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from analyzer.software.runtimes import runtime_of_command, stacks_command
from parsers.records import Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.join.socket_table import SocketTable
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Pid

FEWEST: Final = 2
"""Worker processes from which on one connection each is no chance."""
_ACCEPTED: Final = (TcpState.ESTABLISHED, TcpState.CLOSE_WAIT)
TEXT: Final = Text(
    "acceptor-stalled",
    headline="The accept queue of port {port} is full ({queue} of {backlog}): each of the {count} {name} processes that serve the port has one connection, and none takes another.",
    explanation="A connection stands in this queue when its handshake is complete: forged SYNs do not fill it, so this is no flood, and what the kernel says of one is a consequence.{growth}{unowned}{gone} Processes that serve one connection at a time are all taken. What they do with it for so long these lines do not show; their stacks do. A longer queue (backlog, somaxconn, tcp_max_syn_backlog) lets clients only wait for longer, and a limit of packets for each client turns them away.",
    why=Either(
        "lasts",
        "The queue's length, its owners and the counter or the clients that have left agree; that each process serves one connection at a time rests on its having one.",
        "One moment of the queue; a burst of clients would show the same.",
    ),
    do=(
        Do(When.NOW, "Save the stacks of these processes: what most of them wait for is the cause.", "{stacks}"),
        Do(
            When.FIX,
            "Give what a request waits for a time limit below that of its client; if the processes only work, have more of them, or threads in them.",
        ),
    ),
    figures=(("{queue} of {backlog}", "accept queue"), ("{count:,}", "processes with one connection each")),
    ask=(Ask("stacks of the {count} processes", "what they do with the connection that they have", "{stacks}"),),
    chain=(
        ("the {count} processes", "are taken by", "one connection each"),
        ("port {port}", "fills its queue", "{queue} of {backlog}"),
        ("the kernel", "drops further connections", ""),
    ),
    phrases={
        "growth": Either("grown", " The queue overflowed {grown:,} times between the readings: it lasts."),
        "unowned": ByNumber(
            "waiting_count",
            " {waiting} of the port has no owner in the table: nobody has accepted it{requests}.",
            " {waiting} of the port have no owner in the table: nobody has accepted them{requests}.",
        ),
        "requests": Either("unread", ", and the requests of {unread:,} lie unread"),
        "gone": Either("left", " The clients of {left:,} have left meanwhile (CLOSE_WAIT without an owner): no process leaks these."),
        "full": "{queue} connections in an accept queue of {backlog}",
        "rows": "{waiting} of port {port} without an owner",
        "held": "one connection of port {port} with each of {count} processes",
    },
)
_OUTLOOK: Final = Outlook(
    RecoversWhen.CAUSE, say("The queue empties when the processes are free again; until then clients wait and are dropped.")
)


class Taken(msgspec.Struct, frozen=True):
    """A listener whose queue is full, what lies in it, and the one connection of each process behind the port."""

    view: ProcessView
    port: int
    listener: Connection
    queue: tuple[Connection, ...]
    held: tuple[Connection, ...]

    @property
    def pids(self) -> list[Pid]:
        """The processes, in order."""
        return sorted(row.pid for row in self.held if row.pid is not None)


def taken(case: Case) -> Iterator[Taken]:
    """One for each full queue of a port behind which every process of one command has one connection, and no stacks tell more."""
    seen: set[tuple[SocketTable, int]] = set()
    for view in case.latest:
        for port, listener in view.listeners.items():
            if (view.table, port) in seen or listener is None or not listener.backlog or (listener.recv_q or 0) < listener.backlog:
                continue
            seen.add((view.table, port))
            rows = [row for row in view.table.connections.by_port.get(port, ()) if row.state in _ACCEPTED]
            held = tuple(row for row in rows if row.owners)
            each = Counter(owner.pid for row in held for owner in row.owners)
            if len(each) < FEWEST or set(each.values()) != {1} or len({row.command for row in held}) != 1:
                continue
            if len({owner.pid for owner in listener.owners} - set(each)) > 1:
                continue  # more than the master have the listener and no connection: some are free
            dumped = any(
                one.dump is not None and (one.pid in each or one.pid is None) for one in case.latest if one.snapshot is view.snapshot
            )
            if not dumped and not any(one.port == port for one in waiting_workers(case)):
                yield Taken(view, port, listener, tuple(row for row in rows if row.unaccepted), held)


def ports_of(case: Case) -> set[tuple[ProcessView, int]]:
    """These ports, with each process that has their listener."""
    found = list(taken(case))
    return {(view, one.port) for one in found for view in case.latest if view.table is one.view.table and one.port in view.listeners}


def findings(case: Case) -> Iterator[Finding]:
    """One for each of them."""
    yield from (_finding(case, one) for one in taken(case))


def _finding(case: Case, found: Taken) -> Finding:
    host, listener, name = found.view.snapshot.host, found.listener, found.held[0].command
    counter = overflows(case, host)
    grown = counter.grown if counter is not None else 0
    left = sum(row.state is TcpState.CLOSE_WAIT for row in found.queue)
    runtime = runtime_of_command(name) or Runtime.NATIVE
    stacks_of_each = stacks_command(runtime, "$pid", "stacks-$pid.txt").partition("  #")[0]
    text = TEXT.filled(
        Process(host, None, name),
        port=found.port,
        queue=listener.recv_q,
        backlog=listener.backlog,
        count=len(found.held),
        name=name or say("server"),
        grown=grown,
        waiting=plural(len(found.queue), "connection"),
        waiting_count=len(found.queue),
        unread=sum(bool(row.recv_q) for row in found.queue),
        left=left,
        lasts=grown or left,
        stacks=f"for pid in {' '.join(map(str, found.pids))}; do {stacks_of_each}; done",
    )
    full = of_sockets([listener], text["full"], (str(listener.recv_q), "LISTEN"))
    held = of_sockets(found.held, text["held"])
    evidence = [full, held, *([of_sockets(found.queue, text["rows"])] if found.queue else [])]
    if counter is not None and grown:
        says = say("{value:,} listen overflows, {first:,} in the first reading", value=counter.last.value, first=counter.first.value)
        evidence.append(Evidence(counter.last.where, says, (str(counter.last.value),)))
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY if grown or left else Confidence.SUSPECTED,
        evidence=tuple(evidence),
        chain=text.steps((held,), (full,)),
        culprit=Culprit(listener=f"*:{found.port}"),
        outlook=_OUTLOOK,
    )
