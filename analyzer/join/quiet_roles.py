"""Which pool serves a port where no client is seen to suffer: by numbers that agree, in the table and on the stacks.

A table that was saved before anybody gave up, or one without queues (``lsof``), shows nothing but open connections.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.join.requests import TOLERANCE, TROUBLED
from analyzer.model.finding import Confidence
from analyzer.model.message import say
from analyzer.software.blockers import IDLE, OUTBOUND, RESULTS, SOCKET, calls_of
from analyzer.software.kinds import ActivityKind, PoolRole, SocketSide
from analyzer.software.pools import Pool, ThreadActivity
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.process import OwnCall, ProcessView
    from analyzer.join.requests import Requests
    from parsers.records import Endpoint


_CARRIER: Final = "java.util.concurrent.ForkJoinWorkerThread.run"
_AT_WORK: Final = IDLE | {ActivityKind.RUNNING, ActivityKind.QUEUED, ActivityKind.REQUEST_READ, ActivityKind.SLEEP}
"""Kinds of threads that are not seen to wait for anybody in a request."""


def quiet_server(
    view: ProcessView, working: Sequence[Pool], candidates: Sequence[Pool], requests: Requests, asked: Sequence[Connection], port: int
) -> tuple[Pool, Pool] | None:
    """The pool that serves the port, before and after its role is known; None if the numbers do not tell."""
    found = _thread_each(view, working, candidates, requests, port) or _own_callers(view, working, candidates, asked, port)
    if found is not None:
        return found
    for one, sure, basis in (
        (
            _writers(view, working, port),
            Confidence.LIKELY,
            say("as many of its threads write as connections hold bytes that their clients do not take"),
        ),
        (
            _callers(view, working, requests),
            Confidence.LIKELY
            if requests.unanswered >= TROUBLED
            else Confidence.SUSPECTED,  # every caller has a connection, a watcher's too
            say("each of its threads calls a service, and as many connections of clients and to that service are open"),
        ),
        (
            _before_callers(view, working, requests),
            Confidence.SUSPECTED,
            say(
                "its threads wait for results of the only other ones at work, which call a service, and no fewer connections of clients are open"
            ),
        ),
        (
            _waiting(working, requests),
            Confidence.SUSPECTED,
            say("all of its threads wait, and no fewer connections of clients are open"),
        ),
    ):
        if one is not None:
            old = next(pool for pool in candidates if pool.members[0].thread is one.members[0].thread)
            return old, replace(one, role=PoolRole.SERVER, port=port, basis=basis, sure=sure)
    return None


def _writers(view: ProcessView, working: Sequence[Pool], port: int) -> Pool | None:
    """The one pool whose threads write, as many as connections of the port have bytes that their clients do not take."""
    full = sum(bool(row.send_q) and row.state in {TcpState.ESTABLISHED, TcpState.CLOSE_WAIT} for row in view.server_side(port))
    return _only([pool for pool in working if sum(map(_writes, pool.busy)) >= TROUBLED and _agree(sum(map(_writes, pool.busy)), full)])


def _callers(view: ProcessView, working: Sequence[Pool], requests: Requests) -> Pool | None:
    """The one pool each of whose threads stands in a call, with as many connections open to one service and no fewer of clients."""
    calls = _calls_by_service(view)
    return _only(
        [
            pool
            for pool in working
            if len(pool.workers) >= TROUBLED
            and all(map(_calls, pool.workers))
            and requests.quiet >= (1 - TOLERANCE) * len(pool.workers)
            and any(_agree(len(pool.workers), count) for count in calls.values())
        ]
    )


def _calls_by_service(view: ProcessView) -> Counter[Endpoint | None]:
    """How many connections of the process to each service have nothing to read."""
    states = {TcpState.ESTABLISHED, TcpState.SYN_SENT}
    return Counter(row.remote for row in view.client_side if row.state in states and not row.recv_q and not view.calls_itself(row))


def _before_callers(view: ProcessView, working: Sequence[Pool], requests: Requests) -> Pool | None:
    """The one pool all of whose threads wait for results, where all threads of the only other one read, as many as connections to one service are open."""
    asking = [pool for pool in working if len(pool.workers) >= TROUBLED and all(one.activity.kind in RESULTS for one in pool.workers)]
    others = [pool for pool in working if pool not in asking]
    if len(asking) != 1 or len(others) != 1 or _open_clients(requests) < (1 - TOLERANCE) * len(asking[0].workers):
        return None
    reads = len(others[0].workers) >= TROUBLED and all(one.activity.kind in OUTBOUND for one in others[0].workers)
    return asking[0] if reads and any(_agree(len(others[0].workers), count) for count in _calls_by_service(view).values()) else None


def _open_clients(requests: Requests) -> int:
    return requests.quiet + requests.unknown + requests.drained + requests.read


def _waiting(working: Sequence[Pool], requests: Requests) -> Pool | None:
    """The one pool of the application at work, all of whose threads wait in a request, with no fewer connections of clients open."""
    pool = working[0] if len(working) == 1 and requests.unanswered < TROUBLED else None  # who has no answer says more than who is connected
    if pool is None or len(pool.workers) < TROUBLED or not _waits_only(pool):
        return None
    return pool if _open_clients(requests) >= (1 - TOLERANCE) * len(pool.workers) else None


def _only(found: Sequence[Pool]) -> Pool | None:
    return found[0] if len(found) == 1 else None


def _agree(threads: int, connections: int) -> bool:
    return abs(threads - connections) <= TOLERANCE * threads


def _writes(member: ThreadActivity) -> bool:
    return member.activity.kind is ActivityKind.SOCKET_WRITE and member.activity.side is not SocketSide.CLIENT


def _calls(member: ThreadActivity) -> bool:
    """True for a thread that is seen to call somebody: one that only reads from a socket may read from its own client."""
    return member.activity.kind in {ActivityKind.SOCKET_CONNECT, ActivityKind.CALL} or _asks(member)


def _waits_only(pool: Pool) -> bool:
    """True if every thread of the pool waits in code of the application, and none of them on a socket."""
    return all(
        member.activity.app >= 0 and member.activity.kind not in _AT_WORK and member.activity.kind not in SOCKET for member in pool.workers
    )


def _thread_each(
    view: ProcessView, working: Sequence[Pool], candidates: Sequence[Pool], requests: Requests, port: int
) -> tuple[Pool, Pool] | None:
    """A thread for each connection, none of which has anything to read: they wait for their clients, as many as there are."""
    readers = [pool for pool in working if read_requests(view, pool, requests) and len(pool.workers) == requests.quiet]
    if len(readers) != 1:
        return None
    old = next(pool for pool in candidates if pool.members[0].thread is readers[0].members[0].thread)
    members = tuple(as_reader(member) for member in readers[0].members)
    basis = say("as many of its threads read as connections are open with nothing to read")
    return old, replace(old, role=PoolRole.SERVER, port=port, members=members, basis=basis, sure=Confidence.LIKELY, bounded=False)


def _own_callers(
    view: ProcessView, working: Sequence[Pool], candidates: Sequence[Pool], asked: Sequence[Connection], port: int
) -> tuple[Pool, Pool] | None:
    """The one pool of the application, each of whose threads waits for the answer of a call to this very port.

    A selector has read these requests, and nobody but this pool could answer them. Where another pool is there, even an idle one, or where as
    many connections lead elsewhere, the threads may wait for something else. Where nothing bounds the threads, some may wait for a permit
    before they call. A table that seems to be filtered leaves a suspicion: what it does not show may be the other service.
    """
    if view.coverage.threads or (view.coverage.sockets and not view.coverage.guessed):
        return None  # what is not shown may be the other service, or the pool that answers
    callers = [pool for pool in working if len(asked) >= TROUBLED and _all_ask(pool, len(asked))]
    elsewhere = sum(row.state is TcpState.ESTABLISHED for row in view.client_side) - len(asked)
    others = [pool for pool in candidates if pool.workers and not _carries(pool, callers)]
    if len(callers) != 1 or len(others) > 1 or elsewhere >= len(asked):
        return None
    basis = say("each of its threads waits for the answer of a call to this port, and no other pool is there to answer")
    sure = Confidence.SUSPECTED if view.coverage.sockets else Confidence.LIKELY
    return callers[0], replace(callers[0], role=PoolRole.SERVER, port=port, basis=basis, sure=sure)


def _carries(pool: Pool, callers: Sequence[Pool]) -> bool:
    """True for the threads that virtual ones run on: they serve nobody of themselves."""
    virtual = any(member.thread.virtual for caller in callers for member in caller.members)
    return virtual and all(_CARRIER in calls_of(member.thread.frames) and member.activity.app < 0 for member in pool.members)


def _all_ask(pool: Pool, calls: int) -> bool:
    """True if as many threads of the pool ask as calls are open, and the others wait for a permit where nothing bounds the threads."""
    rest = [member for member in pool.workers if not _asks(member)]
    held = not pool.bounded and all(member.activity.kind is ActivityKind.SEMAPHORE for member in rest)
    return len(pool.workers) - len(rest) == calls and (not rest or held)


def is_read_call(pair: OwnCall, port: int) -> bool:
    """True for an own call to the port whose request was read, or of which a table without queues does not say, and whose answer has not come."""
    near, far = pair.near, pair.far
    if not pair.proven or far is None or near.remote is None or near.remote.port != port:
        return False
    return near.state is far.state is TcpState.ESTABLISHED and not near.recv_q and not far.recv_q and not far.unaccepted


def _asks(member: ThreadActivity) -> bool:
    """True for a thread that reads the answer of a call."""
    return member.activity.kind == ActivityKind.SOCKET_READ and member.activity.side is SocketSide.CLIENT


def read_requests(view: ProcessView, pool: Pool, requests: Requests) -> bool:
    """True if the pool's threads read from their clients: as many connections are open with nothing to read, and none that the process opened.

    Where a whole table has no connection that the process opened, more clients than threads make no difference: whom else could they read from?
    """
    readers = sum(_reads(member) for member in pool.busy)
    outgoing = sum(row.state in {TcpState.ESTABLISHED, TcpState.SYN_SENT} for row in view.client_side)
    agree = abs(requests.quiet - readers) <= TOLERANCE * readers
    alone = outgoing == 0 and requests.quiet >= readers and not view.coverage.sockets
    return readers > 0 and outgoing <= TOLERANCE * readers and (agree or alone)


def _reads(member: ThreadActivity) -> bool:
    return member.activity.kind == ActivityKind.SOCKET_READ and (member.activity.side is None or member.activity.library is None)


def as_reader(member: ThreadActivity) -> ThreadActivity:
    """The member as one that reads from its client."""
    return (
        ThreadActivity(member.thread, member.activity._replace(kind=ActivityKind.REQUEST_READ, side=SocketSide.SERVER))
        if _reads(member)
        else member
    )
