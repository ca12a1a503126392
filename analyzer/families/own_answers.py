"""Event loops that wait for an answer which lies unread in a socket of their own process: a loop that blocks reads nothing, not even what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets
from analyzer.model.message import plural, say
from analyzer.software.blockers import FUTURES
from analyzer.software.kinds import ActivityKind
from parsers.records import Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Evidence
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import ProcessView

_FOR_OTHERS: Final = FUTURES | {
    ActivityKind.LATCH,
    ActivityKind.CONDITION,
    ActivityKind.OBJECT_WAIT,
    ActivityKind.CALL,
    ActivityKind.SEMAPHORE,
}
"""Kinds of waits for something that another thread must bring."""


def unread_answers(view: ProcessView, blocked: Sequence[ThreadActivity]) -> tuple[Connection, ...]:
    """The calls of the process whose answers lie unread while a loop of it waits for somebody's result; empty where none do."""
    if not any(member.activity.kind in _FOR_OTHERS for member in blocked):
        return ()
    rows = [row for row in view.client_side if row.state is TcpState.ESTABLISHED and (row.recv_q or 0) > 0]
    ports = view.known.ports_of({member.activity.library for member in blocked} - {None})
    meant = [row for row in rows if row.remote is not None and row.remote.port in ports] or rows
    return tuple(meant) if len({row.remote for row in meant}) == 1 else ()


def unread_in_words(rows: Sequence[Connection]) -> str:
    """`` 48,316 bytes from 10.2.0.30:6379 lie unread meanwhile: …``; empty without rows."""
    if not rows:
        return ""
    return say(
        " Meanwhile {octets} from {remote} lie unread, in {connections}: the answer has come, and a loop that waits for it is the one that should read it.",
        octets=plural(sum(row.recv_q or 0 for row in rows), "byte"),
        remote=rows[0].remote,
        connections=plural(len(rows), "connection"),
    )


def unread_evidence(rows: Sequence[Connection]) -> tuple[Evidence, ...]:
    """The connections, as evidence."""
    says = say("answers of {remote} lie unread", remote=rows[0].remote) if rows else ""
    return (of_sockets(rows, says, (str(rows[0].recv_q),)),) if rows else ()


_NODE_CHECK: Final = say("Measure the loop's delay in production (perf_hooks.monitorEventLoopDelay); node --cpu-prof names the function.")
CHECKS: Final = {
    Runtime.JVM: say("Switch on the framework's blocked-thread check (Vert.x BlockedThreadChecker, Reactor BlockHound) in tests."),
    Runtime.PYTHON: say(
        "Run tests with PYTHONASYNCIODEBUG=1: asyncio then logs each callback that takes longer than slow_callback_duration."
    ),
    Runtime.NODE: _NODE_CHECK,
    Runtime.NATIVE: _NODE_CHECK,
}
"""What would have found the call before it went into production."""
