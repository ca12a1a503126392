"""Servers that fork: their workers are processes of one thread each, and one pool all the same."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.join.connections import Sockets
from analyzer.model.message import say
from analyzer.software.kinds import PoolRole
from parsers.records import Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.process_draft import ProcessDraft

_TOGETHER: Final = 90
"""Seconds between entries of a slow log that may be of one moment: who is waited for was slow first, and is logged first."""
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
    for of_pool in _logged(view for view in workers if not view.sockets):
        groups["slow log", len(groups)].extend(of_pool)
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


def _logged(views: Iterable[ProcessDraft]) -> Iterator[list[ProcessDraft]]:
    """Workers of a pool whom its own log of slow requests names about one time, where no socket tells whose they are: from the last one back."""
    pools: dict[str | None, list[tuple[datetime, ProcessDraft]]] = defaultdict(list)
    for view in views:
        dump = view.dump
        if dump is not None and dump.runtime is Runtime.PHP and dump.time is not None:
            pools[dump.threads[0].group].append((datetime.fromisoformat(dump.time), view))
    for entries in pools.values():
        left = sorted(entries, key=lambda one: one[0], reverse=True)
        while left:
            near = [view for time, view in left if (left[0][0] - time).total_seconds() <= _TOGETHER]
            left = left[len(near) :]
            yield near[::-1]


def _sockets(views: Sequence[ProcessDraft]) -> Iterator[Connection]:
    return (row for view in views for row in view.sockets)


def _queued(workers: Sequence[ProcessDraft], found: Sequence[ProcessDraft], ownerless: Sequence[Connection]) -> Iterator[Connection]:
    """Connections to a listener that only the workers accept from. A master holds it as well, and no connection."""
    listened = {row.local.port for view in found for row in view.sockets.of(TcpState.LISTEN)}
    # netstat names one owner of a listener, the master as a rule: its workers show connections to the port.
    served = listened & {row.local.port for row in _sockets(workers)}
    others = {
        connection.local.port
        for connection in _sockets([view for view in found if view not in workers])
        if connection.state is not TcpState.LISTEN
    }
    return (row for row in ownerless if row.local.port in served - others)
