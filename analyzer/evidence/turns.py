"""Calls without an answer, in words: by the kernel's counters, whatever the threads show."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from analyzer.join.turns import awaited, long_awaited, long_unanswered, unanswered
from analyzer.model.message import plural, say
from analyzer.software.blockers import IDLE
from analyzer.software.kinds import ActivityKind, PoolRole
from parsers.records import Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.process import ProcessView

GROUP: Final = 3
"""Calls to one service, or clients of one port, that are no chance."""


def waits_in_words(view: ProcessView) -> Iterator[str]:
    """What has had no answer for more than a moment: calls to each service, clients of each port."""
    waiting = {port: clients for port in sorted(view.listeners) if len(clients := long_unanswered(view.server_side(port))) >= GROUP}
    for remote, calls in long_awaited(view.client_side).items():
        if len(calls) >= GROUP or waiting:  # a client may bound its connections to a service: then one call holds up many requests
            yield say(
                "{calls} to {remote} have had no answer for {time}", calls=plural(len(calls), "call"), remote=remote, time=span(calls)
            )
    yield from (unanswered_in_words(port, clients) for port, clients in waiting.items())


def unanswered_in_words(port: int, clients: Sequence[Connection]) -> str:
    """``7 clients of port 8080 have had no answer for 6 s``."""
    return say(
        "{clients} of port {port} have had no answer for {time}",
        clients=plural(len(clients), "client"),
        port=port,
        time=span(clients, unanswered),
    )


def unknown_calls(view: ProcessView) -> Iterator[str]:
    """Calls of an event loop, in a table without counters: no thread stands in them, so whether they wait nothing shows."""
    loops = view.known.runtime is Runtime.NODE or any(
        member.activity.kind is ActivityKind.SELECT for pool in view.pools for member in pool.members
    )
    # Executors of asyncio and libuv take what a loop hands them: that they are free says nothing of the requests.
    taken = view.known.runtime not in {Runtime.NODE, Runtime.PYTHON}
    workers = any(pool.role is PoolRole.SERVER or (taken and pool.role is PoolRole.EXECUTOR and pool.idle >= GROUP) for pool in view.pools)
    if not loops or workers:
        return
    clients = [row for port in view.listeners for row in view.server_side(port).of(TcpState.ESTABLISHED)]
    at_work = sum(member.activity.app >= 0 for pool in view.pools if pool.role is not PoolRole.EVENT_LOOP for member in pool.busy)
    if (
        len(clients) < GROUP
        or (at_work >= len(clients) and view.known.runtime is not Runtime.NODE)
        or all(row.info is not None for row in clients)
    ):
        return
    services = Counter(
        connection.remote for connection in view.client_side if connection.state is TcpState.ESTABLISHED and connection.info is None
    )
    for remote, count in services.most_common(1):
        if count >= GROUP:
            yield say(
                "{connections} to {remote} and {clients} are open, and whether calls wait for an answer no thread of an event loop shows",
                connections=plural(count, "connection"),
                remote=remote,
                clients=plural(len(clients), "client"),
            )


def quiet_clients(view: ProcessView, port: int) -> list[Connection]:
    """Clients that are connected, with nothing left to read: in service, or idle."""
    return [row for row in view.clients_of(port).of(TcpState.ESTABLISHED) if row.recv_q == 0]


def hides_tasks(view: ProcessView) -> bool:
    """True if every thread waits for events or for work, and none is in code of the application: requests live in tasks that no dump shows."""
    members = [member for pool in view.pools for member in pool.members]
    waits = {*IDLE, ActivityKind.WAITING, ActivityKind.CONDITION}
    return any(member.activity.kind is ActivityKind.SELECT for member in members) and all(
        member.activity.kind in waits and member.activity.app < 0 for member in members
    )


def span(connections: Sequence[Connection], since: Callable[[Connection], float | None] = awaited) -> str:
    """``6 s``, ``4 to 6 s``: how long the connections have waited."""
    times = sorted(round(found) for row in connections if (found := since(row)) is not None)
    if not times or times[0] == times[-1]:
        return say("{seconds} s", seconds=times[0] if times else 0)
    return say("{least} to {most} s", least=times[0], most=times[-1])
