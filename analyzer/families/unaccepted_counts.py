"""Listeners whose queue has all the connections of their port that were counted: the process accepts none of them, and clients have left meanwhile.

A full queue alone may be a burst. Clients in CLOSE_WAIT that were never accepted have waited for as long as their patience lasts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.citations import of_silence, of_sockets
from analyzer.families import busy_workers
from analyzer.families.counted_sockets import shown
from analyzer.families.nobody_accepts import only_calls
from analyzer.model.finding import Confidence, Culprit, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from parsers.records import Counted, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.connections import Connection
    from analyzer.join.counts import Count
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case, ProcessView

LEFT: Final = 10
"""Clients that have left the queue unserved, from which on it is no moment's."""
_SLACK: Final = 2
"""Connections that come between the commands."""
_SHARE: Final = 0.05
_HALVES: Final = frozenset({TcpState.ESTABLISHED, TcpState.CLOSE_WAIT})
TEXT: Final = Text(
    "acceptor-stalled",
    headline="{who} does not accept on port {port}{perhaps}: {waiting} in its queue of {backlog}, and the clients of {left:,} have left unserved.",
    explanation="{open:,} connections of port {port} were counted, {left:,} of them in CLOSE_WAIT.{owned} So many lie in the queue: nobody has accepted them.{tasks} The kernel drops further SYNs, and may speak of a SYN flood: that is the queue, and no attack.{reason}",
    why="The queue's length and the counts of the port agree, and clients in CLOSE_WAIT show that they have waited for long.",
    do=(
        Do(
            When.NOW,
            "Take the stacks of all threads before a restart: what holds those that should accept is the cause.",
            "gdb -p {pid} -batch -ex 'thread apply all bt' > stacks.txt",
        ),
        Do(
            When.FIX,
            "Let one thread only accept and hand over, and give whatever its threads wait for a time limit. A larger backlog only delays it.",
        ),
    ),
    figures=(("{queue} of {backlog}", "accept queue"), ("{left:,}", "clients that left unserved")),
    ask=(
        Ask(
            "stacks of all threads", "what the threads do that should accept", "gdb -p {pid} -batch -ex 'thread apply all bt' > stacks.txt"
        ),
    ),
    chain=(("{who}", "does not accept", "{open:,} connections"), ("port {port}", "fills its queue", "{queue} of {backlog}")),
    phrases={
        "who": Either("named", "{named}", "The process"),
        "waiting": "{connections_wait}",
        "tasks": Either(
            "call",
            ByNumber(
                "tasks_count",
                " The only thread of it that is listed stands in {call}.",
                " All {all_tasks} of it that are listed stand in {call}.",
            ),
        ),
        "perhaps": Either("remote", Either("own", "", ", perhaps because of a call to {remote}")),
        "reason": Either(
            "remote",
            Either(
                "own",
                " Open are a call to {remote} and {own_clients}: what keeps the one that should accept is perhaps one of these.",
                " The process waits for nobody but {remote}, as far as the table shows: perhaps that keeps the one that should accept.",
            ),
            " Why nobody accepts these lines do not show: all threads that accept are stuck, or the one that does.",
        ),
        "owned": Either("own", " Of these the process has {own}."),
        "full": "{connections_wait} in an accept queue of {backlog}",
    },
)


class _Queue(msgspec.Struct, frozen=True):
    """A listener's queue, the connections of its port that were counted, and how many of these its process has."""

    view: ProcessView
    port: int
    listener: Connection
    counts: tuple[Count, ...]
    own: int

    def number(self, state: TcpState) -> int:
        """How many were counted in a state."""
        return sum(one.number for one in self.counts if one.last.state is state)


def findings(case: Case) -> Iterator[Finding]:
    """One for each listener whose queue has all that was counted at its port, of which many have left, or whose worker processes are all taken."""
    yield from map(_finding, unaccepted(case))
    yield from busy_workers.findings(case)


def held_up(case: Case) -> set[tuple[ProcessView, int]]:
    """The ports, each with its process, of which these findings say why nobody accepts."""
    return {(found.view, found.port) for found in unaccepted(case)} | busy_workers.ports_of(case)


def unaccepted(case: Case) -> Iterator[_Queue]:
    """The listeners that nobody accepts from, where no dump is here that would tell why."""
    for view in case.latest:
        for port, listener in sorted(view.listeners.items()) if view.dump is None else ():
            if listener is None or not listener.backlog or (listener.recv_q or 0) < listener.backlog:
                continue
            counts = _of_port(case, view, port)
            own = sum(1 for row in view.server_side(port) if row.owners and (row.state is None or row.state in _HALVES))
            found = _Queue(view, port, listener, counts, own)
            waiting, queue = sum(map(found.number, _HALVES)) - own, listener.recv_q or 0
            if found.number(TcpState.CLOSE_WAIT) >= LEFT and abs(waiting - queue) <= max(_SLACK, _SHARE * queue):
                yield found


def _of_port(case: Case, view: ProcessView, port: int) -> tuple[Count, ...]:
    """The counts by state of the sockets of a port: by the filter of the command, or by the number that it looked for."""
    return tuple(
        one
        for one in case.counts.of(Counted.SOCKETS)
        if one.host == view.snapshot.host
        and one.last.state in _HALVES
        and one.last.remote is None
        and (one.last.number == port or any(end is not None and end.port == port for end in (one.last.local, one.last.end)))
    )


def _finding(found: _Queue) -> Finding:
    view, listener = found.view, found.listener
    tasks = [task for task in view.snapshot.tasks if task.pid == view.pid and view.pid is not None]
    calls, alone = {task.call for task in tasks}, only_calls(view)
    remote = [row.remote for row in alone[:1] if row.remote is not None]
    waits = plural(listener.recv_q or 0, "connection waits", "connections wait")
    text = TEXT.filled(
        view.process,
        named=view.command,
        port=found.port,
        queue=listener.recv_q,
        backlog=listener.backlog,
        connections_wait=waits,
        left=found.number(TcpState.CLOSE_WAIT),
        open=sum(map(found.number, _HALVES)),
        own=found.own,
        all_tasks=plural(len(tasks), "thread"),
        tasks_count=len(tasks),
        remote=remote[0] if remote else None,
        own_clients=plural(found.own, "accepted connection"),
        call=calls.pop() if len(calls) == 1 else None,
    )
    full = of_sockets([listener], text["full"], (str(listener.recv_q), "LISTEN"))
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY,
        evidence=(full, *(shown(one.last.where, one, one.number) for one in found.counts), *(of_silence(alone, one) for one in remote)),
        chain=text.steps((), (full,)),
        culprit=Culprit(listener=f"*:{found.port}", remote=str(remote[0]) if remote else None),
        outlook=Outlook(RecoversWhen.UNKNOWN, say("The queue empties only when somebody accepts again.")),
    )
