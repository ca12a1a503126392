"""Servers that fork: their workers are processes of one thread each, and one pool all the same."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.join.connections import Sockets
from analyzer.model.message import say
from analyzer.software.kinds import PoolRole
from parsers.records import Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.process_draft import ProcessDraft

_MINUTE: Final = len("2026-11-28T15:08")
"""Characters of a time down to the minute."""
FORKING: Final = frozenset({Runtime.PYTHON, Runtime.RUBY, Runtime.PHP})
"""Runtimes whose servers fork a worker for each request that they may serve at once."""


def forked(found: list[ProcessDraft], ownerless: Sequence[Connection] = ()) -> list[ProcessDraft]:
    """The processes, those that are workers of one server as one: each with one thread, all with the same listeners (pre-fork servers).

    What waits in the queue of a listener has no owner (``ownerless``): it is the server's if nobody but the workers could take it.
    """
    groups: dict[object, list[ProcessDraft]] = defaultdict(list)
    workers = [view for view in found if view.dump is not None and view.dump.runtime in FORKING and len(view.dump.threads) == 1]
    served = {row.local.port for view in found for row in view.sockets.of(TcpState.LISTEN)} if workers else set()
    for view in workers:
        # netstat names one owner of a listener: its workers then show only connections to the port.
        listeners: frozenset[object] = frozenset(connection.local for connection in view.sockets.of(TcpState.LISTEN))
        listeners = listeners or frozenset(row.local.port for row in view.sockets if row.local.port in served)
        if listeners and any(pool.role == PoolRole.SERVER for pool in view.named_pools):
            groups[listeners, view.dump and view.dump.runtime].append(view)
        elif not view.sockets and (pool := _logged_pool(view)) is not None:
            groups[pool].append(view)
    for workers in groups.values():
        first = workers[0]
        if len(workers) == 1 or first.dump is None:
            continue
        merged = type(first)(first.pid, Sockets(dict.fromkeys((*_sockets(workers), *_queued(workers, found, ownerless)))), first.known)
        group = first.dump.threads[0].group or say("workers of {command}", command=first.command or say("the server"))
        threads = [(view, thread) for view in workers if view.dump is not None for thread in view.dump.threads]
        merged.dump = replace(
            first.dump,
            threads=tuple(
                replace(one, group=group, name=one.name if str(view.pid) in one.name else f"{one.name} ({view.pid})")
                for view, one in threads
            ),
        )
        merged.dump_basis, merged.names_differ = first.dump_basis, first.names_differ
        merged.pids = frozenset(view.pid for view in workers if view.pid is not None)
        at = found.index(first)
        found = [merged if place == at else view for place, view in enumerate(found) if view not in workers or view is first]
    return found


def _logged_pool(view: ProcessDraft) -> tuple[str, str | None, str] | None:
    """What workers of a pool share whom its own log of slow requests names within one minute, where no socket tells whose they are."""
    dump = view.dump
    if dump is None or dump.runtime is not Runtime.PHP or dump.time is None:
        return None
    return "slow log", dump.threads[0].group, dump.time[:_MINUTE]


def _sockets(views: Sequence[ProcessDraft]) -> Iterator[Connection]:
    return (row for view in views for row in view.sockets)


def _queued(workers: Sequence[ProcessDraft], found: Sequence[ProcessDraft], ownerless: Sequence[Connection]) -> Iterator[Connection]:
    """Connections to a listener that only the workers accept from. A master holds it as well, and no connection."""
    served = {row.local.port for row in _sockets(workers) if row.state is TcpState.LISTEN}
    others = {
        connection.local.port
        for connection in _sockets([view for view in found if view not in workers])
        if connection.state is not TcpState.LISTEN
    }
    return (row for row in ownerless if row.local.port in served - others)
