"""Why a server pool does not move: from its threads over futures and helper pools to the sockets they all wait for.

A thread dump shows that threads read from a socket, never from which. The socket table shows which connections are open, never who
waits. Joined by process, count and the state of both halves they decide what neither can: the same stacks mean a slow service or
a server that calls itself.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from analyzer.join.connections import close_wait, left_unread
from analyzer.join.process import OwnCall
from analyzer.join.turns import is_served, long_awaited, long_unanswered
from analyzer.model.finding import CloseWait, Confidence
from analyzer.software.blockers import OUTBOUND, RESULTS, application_frame, hides_call, waits_for_push
from analyzer.software.kinds import ActivityKind, PoolRole, SocketSide
from analyzer.waits.pool_dependencies import PoolDependency, helper_of, taker_of
from analyzer.waits.targets import COUNT_TOLERANCE, FEW_CLIENTS, MAJORITY, targets, unseen_targets
from parsers.records import Frame, Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from analyzer.join.connections import Connection
    from analyzer.join.process import ProcessView
    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.targets import Target
    from parsers.records import Thread

SATURATED: Final = 0.8
"""Share of a pool's workers that must be blocked: some may be serving the few requests that need no call."""
MOST_DEPENDENCIES: Final = 4
"""Pools that wait for pools: deeper than this nobody builds, and a cycle must end."""
_CONNECTED: Final = frozenset({TcpState.ESTABLISHED, TcpState.CLOSE_WAIT, TcpState.SYN_RECV})


class Pressure(msgspec.Struct, frozen=True):
    """What the clients of a listener suffer: hung up without an answer, request not read, connection not accepted.

    ``unanswered``: those whose request was read and that have had no answer for more than a moment. A long poll looks the same.
    """

    close_wait: CloseWait
    unread: int
    accept_queue: int
    unanswered: tuple[Connection, ...] = ()

    @property
    def unknown(self) -> int:
        """Clients that left, in a table without queues: whether they still waited for an answer it does not show."""
        counts = self.close_wait
        return counts.total - counts.fin_only - counts.unread - counts.drained - counts.unaccepted

    @property
    def leaves_some(self) -> bool:
        """True if anybody at all left, or waits to be let in, and nobody has taken notice."""
        return bool(self.close_wait.total or self.unread or self.accept_queue)

    @property
    def exists(self) -> bool:
        """True if so many wait or gave up that it is no moment: one or two requests lie unread for milliseconds on every busy server."""
        return self.gave_up + self.unread + self.accept_queue >= FEW_CLIENTS

    @property
    def gave_up(self) -> int:
        """Clients that left before they had an answer."""
        return self.close_wait.fin_only + self.close_wait.unread + self.close_wait.unaccepted


class ServerPool:
    """A server pool and what its threads wait for in the end.

    Attributes:
        view: the process.
        pool: the server pool.
        waiters: its threads that wait for another thread's result, or for another thread to take what they give.
        direct: its threads that call a service themselves.
        inferred: True if no frame shows these calls, and the numbers do: threads in lines of the application, and as many calls without an answer.
        dependencies: pool → helper pool, as far as the dump shows them.
        callers: the threads that stand in a call to a service, of the pool itself or of the last helper pool.
    """

    def __init__(self, view: ProcessView, pool: Pool) -> None:
        """Follow ``pool`` to its callers."""
        self.view = view
        self.pool = pool
        self.waiters = tuple(member for member in pool.busy if member.activity.kind in RESULTS)
        self.direct = _callers(pool)
        handed = taker_of(view, pool) if not self.waiters and not self.direct else None
        if handed is not None:
            self.waiters = handed.waiters
        self.inferred = not self.waiters and not self.direct
        if self.inferred:
            self.direct = _hidden_callers(view, pool)
        self.dependencies: tuple[PoolDependency, ...] = ()
        self.callers = self.direct
        self.calling_pool = pool
        if len(self.waiters) > len(self.direct):
            self._follow()

    def _follow(self) -> None:
        """Walk over futures from pool to pool until one calls out."""
        dependencies: list[PoolDependency] = []
        pool = self.pool
        while len(dependencies) < MOST_DEPENDENCIES:
            dependency = helper_of(self.view, pool) or taker_of(self.view, pool)
            if dependency is None or any(dependency.helper is earlier.pool for earlier in dependencies):
                break
            dependencies.append(dependency)
            pool = dependency.helper
            hidden = _hidden_takers(self.view, pool) if dependency.handed else ()
            if callers := _callers(pool) or hidden:
                self.callers, self.calling_pool = callers, pool
                self.inferred = callers == hidden
                break
        else:
            self.callers = ()
        self.dependencies = tuple(dependencies)
        if self.calling_pool is self.pool and not self.direct:
            self.callers = ()

    @property
    def port(self) -> int | None:
        """The listener that the pool serves: from the threads' names, else the process' only one."""
        if self.pool.port is not None:
            return self.pool.port
        return next(iter(self.view.listeners)) if len(self.view.listeners) == 1 else None

    @property
    def workers(self) -> int:
        """How many threads of the pool could serve a request."""
        return len(self.pool.workers)

    @property
    def blocked(self) -> int:
        """How many of them wait in a call or for a result."""
        return len(self.waiters) + len(self.direct)

    @cached_property
    def held_back(self) -> tuple[ThreadActivity, ...]:
        """Requests that wait for their turn: then a permit is what runs out, and those in the calls hold it.

        That they hold it shows in the function where the others wait: they are in it too, further on.
        """
        known = self.view.known
        if (
            not self.blocked
            or any(dependency.handed for dependency in self.dependencies)
            or (self.pool.bounded and any(one.activity.library is None or waits_for_push(known, one.thread) for one in self.direct))
        ):
            return ()  # who reads a bare socket, or waits for a push, may hold the permits by design
        queued = [member for member in self.pool.busy if _waits_for_turn(member)]
        reached = _lines(member.thread for member in (*self.waiters, *self.direct)) if queued else {}
        return tuple(member for member in queued if _is_before(member, reached))

    @property
    def saturated(self) -> bool:
        """True if no worker is free and (nearly) all of them are blocked."""
        return self.blocked > 0 and self.pool.idle == 0 and self.blocked + len(self.held_back) >= SATURATED * self.workers

    @property
    def culprit(self) -> Frame | None:
        """The application frame that most of the blocked threads of the pool share."""
        frames = [frame for member in (*self.waiters, *self.direct) if (frame := application_frame(*member)) is not None]
        return max(sorted(set(frames), key=str), key=frames.count, default=None)

    @property
    def calling_frame(self) -> Frame | None:
        """The application frame that most of the threads at the end of the chain share: where the calls are made."""
        frames = [frame for member in self.ends if (frame := application_frame(*member)) is not None]
        return max(sorted(set(frames), key=str), key=frames.count, default=None)

    @property
    def blamed(self) -> Frame | None:
        """The frame to blame: where the calls are made, else where the threads of the pool wait."""
        return self.calling_frame or self.culprit

    @cached_property
    def pressure(self) -> Pressure:
        """What the listener's clients suffer."""
        return pressure(self.view, self.port)

    @cached_property
    def abandoned(self) -> bool:
        """True if every thread is in a request and no client is connected: a server that closes what its clients close keeps no trace of them."""
        view, port = self.view, self.port
        if port is None or not view.sockets or view.coverage.sockets or self.pool.basis is not None or self.pool.idle:
            return False
        listener = view.listeners.get(port)
        queued = listener is not None and bool(listener.recv_q)
        return self.workers >= FEW_CLIENTS and not queued and not self.connected

    @property
    def connected(self) -> bool:
        """True if the table shows clients of the port; where nothing says which port the pool serves, of any."""
        ports = (self.port,) if self.port is not None else tuple(self.view.listeners)
        return any(row.state in _CONNECTED for port in ports for row in self.view.server_side(port))

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """Services that explain the callers, the most first; empty if the sockets do not tell."""
        found = targets(self.view, self.callers) if self.callers else unseen_targets(self)
        handed = any(dependency.handed for dependency in self.dependencies)  # who should take is inferred
        return tuple(one.at_most(Confidence.LIKELY) for one in found) if self.inferred or handed else found

    @property
    def unseen(self) -> bool:
        """True if the threads wait for calls that no thread of the dump stands in: those of an asynchronous client leave no frame."""
        return bool(self.waiters) and not self.callers and not any(_works(dependency.helper) for dependency in self.dependencies)

    @property
    def ends(self) -> tuple[ThreadActivity, ...]:
        """The threads at the end of the chain that the dump shows: those in a call, else those that wait for one."""
        return self.callers or self.waiters

    @property
    def main_target(self) -> Target | None:
        """The target that explains the majority of the callers."""
        return next((target for target in self.targets if target.share >= MAJORITY), None)

    def own_pairs(self, target: Target) -> tuple[OwnCall, ...]:
        """Both halves of the calls that come back to this process: its own, or those of the proxy that they go through."""
        if target.back:
            return tuple(
                OwnCall(connection, self.view.table.get(connection.remote, connection.local) if connection.remote else None, proven=True)
                for connection in target.back
            )
        chosen = set(target.connections)
        return tuple(pair for pair in self.view.pairs if pair.near in chosen)


@lru_cache(maxsize=64)  # rules, links and waits of a process ask for the same
def server_pools(view: ProcessView) -> tuple[ServerPool, ...]:
    """One per server pool of the process."""
    return tuple(ServerPool(view, pool) for pool in view.pools if pool.role == PoolRole.SERVER)


def _callers(pool: Pool) -> tuple[ThreadActivity, ...]:
    return tuple(member for member in pool.busy if member.activity.kind in OUTBOUND and member.activity.side != SocketSide.SERVER)


def _hidden_callers(view: ProcessView, pool: Pool) -> tuple[ThreadActivity, ...]:
    """Workers in a line of the application that calls something written in C, which the stack does not show (py-spy without --native).

    They count as callers only where (nearly) all workers stand so and as many calls of the process have had no answer, by the kernel's counters or because
    nobody has read them: a lock or a sleep shows the same stack.
    """
    hidden = tuple(one for one in pool.busy if hides_call(one.activity))
    if pool.idle or len(hidden) < max(FEW_CLIENTS, SATURATED * len(pool.workers)):
        return ()
    waiting = [len(calls) for calls in long_awaited(one for one in view.client_side if not view.calls_itself(one)).values()]
    waiting.append(sum(pair.pending for pair in view.pairs))
    return hidden if any(abs(count - len(hidden)) <= COUNT_TOLERANCE * len(hidden) for count in waiting) else ()


def _hidden_takers(view: ProcessView, pool: Pool) -> tuple[ThreadActivity, ...]:
    """Those who should take what is handed over, in a line of the application that calls something written in C: as many as the process has calls open.

    They wait in that line instead of taking, and the calls are all that the process waits for, none with anything to read.
    """
    calls = [row for row in view.client_side if not view.calls_itself(row)]
    hidden = tuple(one for one in pool.busy if hides_call(one.activity))
    mute = len({row.remote for row in calls}) == 1 and not any(row.recv_q for row in calls)
    return hidden if mute and len(hidden) == len(pool.busy) == len(calls) and not view.coverage.sockets else ()


@lru_cache(maxsize=256)  # as above, once for each port
def pressure(view: ProcessView, port: int | None) -> Pressure:
    """What the clients of a port suffer; own calls do not count as clients."""
    if port is None:
        return Pressure(CloseWait(), 0, 0)
    clients = view.clients_of(port)
    unread = len(
        [row for row in clients.of(TcpState.ESTABLISHED) if row.recv_q and left_unread(row) and not (row.unaccepted or is_served(row))]
    )
    listener = view.listeners.get(port)
    queued = listener.recv_q if listener is not None and listener.recv_q else len(clients.unaccepted)
    counts = close_wait(clients)
    if view.known.runtime is Runtime.GO:
        # net/http reads on while a handler runs, and takes the FIN: what is read to its end there is a client that gave up.
        counts = replace(counts, fin_only=counts.fin_only + counts.drained, drained=0)
    return Pressure(counts, unread, queued, tuple(long_unanswered(clients)))


def _works(pool: Pool) -> bool:
    """True if threads of the pool do something in code of the application: then that is what others wait for."""
    return any(member.activity.app >= 0 and member.activity.kind not in RESULTS for member in pool.busy)


def _waits_for_turn(member: ThreadActivity) -> bool:
    """True for a wait for a permit: of a semaphore, or for a place in a channel, as Go's servers make one."""
    sends = (member.thread.native_state or "").startswith("chan send")
    return member.activity.kind is ActivityKind.SEMAPHORE or (member.activity.kind is ActivityKind.CHANNEL and sends)


def _lines(threads: Iterable[Thread]) -> dict[str, int]:
    """Function → the last line of it that a thread stands at."""
    found: dict[str, int] = {}
    for thread in threads:
        for frame in thread.frames:
            if (line := frame.line) is not None:
                found[frame.full] = max(line, found.get(frame.full, 0))
    return found


def _is_before(member: ThreadActivity, reached: Mapping[str, int]) -> bool:
    """True if somebody of the others is further on in the function that the thread waits in, or in one that called it.

    A function of one line has both in it: who stands in a call there has passed the wait, since a call that came first would have to end before.
    """
    app = member.activity.app
    frames = member.thread.frames[app:]
    return app >= 0 and any(
        (line := frame.line) is not None and reached.get(frame.full, -1) >= line + bool(below) for below, frame in enumerate(frames)
    )
