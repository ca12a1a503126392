"""Which pool serves which listener, where neither a name nor a frame says it.

A server that somebody wrote for himself names its threads as he likes, and its frames are his own. What serves shows all the same: by the
socket that a thread's system call names, by numbers (as many busy threads of one kind as requests that were read and not answered), by what
the threads wait for (whoever waits for another pool's results stands before it), by the code that accepts, and by there being no other. Each
of these is a vote; a pool serves if it has the most, and what the votes were is said with it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from analyzer.join.descriptor_links import exact_sockets
from analyzer.join.one_listener import merged
from analyzer.join.quiet_roles import as_reader, is_read_call, quiet_server, read_requests
from analyzer.join.requests import TOLERANCE, TROUBLED, Requests, requests_of
from analyzer.model.finding import Confidence
from analyzer.model.message import joined, say
from analyzer.software.blockers import IDLE, OUTBOUND, RESULTS
from analyzer.software.kinds import ActivityKind, PoolRole
from analyzer.software.pools import VIRTUAL, WAITS_FOR_ANYTHING, Pool, ThreadActivity, application_frames, entry, in_own_loop
from parsers.records import Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.join.process import ProcessView
    from parsers.records import Thread

_EXACT: Final = 4
_COUNTED: Final = 3
_BEFORE_OTHERS: Final = 2
_ALONE: Final = 1
_SURE: Final = 3
"""Votes from which on a role is likely; fewer make it a suspicion."""
_UNNAMED: Final = "Thread"
"""What the JDK calls threads that nobody gave a name: those of servers that start one for each connection."""
_CANDIDATES: Final = frozenset({PoolRole.EXECUTOR, PoolRole.OTHER, PoolRole.SERVER})
_ACCEPTS: Final = frozenset({ActivityKind.ACCEPT, ActivityKind.SELECT})


class _Votes(NamedTuple):
    pool: Pool
    votes: int
    reasons: tuple[str, ...]


class _Rivals(msgspec.Struct, frozen=True):
    """The pools that may serve a port: how many, and which of them call out or wait for results of others."""

    number: int
    calling: frozenset[Pool]
    waiting: frozenset[Pool]


def with_roles(view: ProcessView) -> tuple[Pool, ...]:
    """The pools of a dump, with the roles of those that serve a listener nobody else is known to serve."""
    found = view.named_pools
    if view.dump is None or view.dump.fragment or not view.sockets:
        return found
    if view.dump.runtime is Runtime.NATIVE and len(view.dump.threads) == 1:
        return found  # one thread of a program of which nothing is known is no pool
    for port in sorted(view.listeners):
        if not _is_served(found, port, len(view.listeners)) and (serving := _server_of(view, found, port)) is not None:
            old, new = serving
            found = tuple(new if pool is old else pool for pool in found)
    return merged(found, view.listeners, view.known)


def _is_served(pools: Iterable[Pool], port: int, listeners: int) -> bool:
    """True if a pool is known to serve the port: by its port, or because its stacks show a server and there is no other port to serve."""
    servers = [pool for pool in pools if pool.role in {PoolRole.SERVER, PoolRole.EVENT_LOOP} and _works_for_clients(pool)]
    return any(pool.port == port or (pool.port is None and listeners == 1) for pool in servers)


def _works_for_clients(pool: Pool) -> bool:
    """False for event loops that only wait: behind these stands whoever they hand requests to."""
    return pool.role == PoolRole.SERVER or any(member.activity.app >= 0 and member.activity.kind not in IDLE for member in pool.members)


def _server_of(view: ProcessView, pools: Sequence[Pool], port: int) -> tuple[Pool, Pool] | None:
    """The pool that serves the port, before and after its role is known; None if the evidence does not tell."""
    requests = requests_of(view, port)
    asked = [pair.near for pair in view.pairs if is_read_call(pair, port)]
    if not requests.troubled and not requests.quiet and not asked and not view.snapshot.tasks:
        return None
    exact = {thread for thread, socket, alone in exact_sockets(view) if alone and socket.local.port == port}
    candidates = [pool for pool in pools if pool.role in _CANDIDATES and pool.port in {None, port}]
    working = [
        pool
        for pool in (_awake(view, pool, requests) for pool in candidates)
        if _has_work(view, pool) and not _fits_elsewhere(view, pool, requests, port)
    ]
    if not requests.troubled and not exact:
        serving = quiet_server(view, working, candidates, requests, asked, port)
        if serving is not None or requests.unanswered < TROUBLED:
            return serving
    rivals = _Rivals(len(working), frozenset(pool for pool in working if _calls_out(pool)), frozenset(filter(_waits_for_others, working)))
    voted = [_votes(view, pool, rivals, requests, exact) for pool in working]
    best = _best(voted)
    if best is None:
        return _at_rest(view, candidates, port) if not working else None
    old = next(pool for pool in candidates if pool.members[0].thread is best.pool.members[0].thread)
    if read_requests(view, best.pool, requests):
        best = best._replace(pool=replace(best.pool, members=tuple(as_reader(member) for member in best.pool.members)))
    sure = Confidence.LIKELY if best.votes >= _SURE else Confidence.SUSPECTED
    if best.pool.name == _UNNAMED and not requests.unread and len(best.pool.busy) >= requests.read + requests.quiet:
        best = best._replace(pool=replace(best.pool, bounded=False))  # a thread for each connection: nobody ever waits for one
    if old.role == PoolRole.SERVER and best.votes >= _COUNTED:
        return old, replace(best.pool, port=port)  # its stacks say that it serves, its numbers say where
    return old, replace(best.pool, role=PoolRole.SERVER, port=port, basis=joined("; ", best.reasons), sure=sure)


def _awake(view: ProcessView, pool: Pool, requests: Requests) -> Pool:
    """The pool with those workers as idle that wait for anything in their own loop, unless as many requests wait for as many of them."""
    members = tuple(_resting(view, member) for member in pool.members)
    resting = sum(one is not other for one, other in zip(members, pool.members, strict=True))
    if not resting or (resting == len(pool.workers) >= TROUBLED and _in_service(requests, resting)):
        return pool
    return replace(pool, members=members)


def _in_service(requests: Requests, count: int) -> bool:
    """True if as many requests were read and have no answer: those given up alone, or with those that have waited for more than a moment."""
    return requests.read == count or (requests.read >= TROUBLED and requests.read + requests.unanswered == count)


def _resting(view: ProcessView, member: ThreadActivity) -> ThreadActivity:
    thread, found = member
    if found.kind not in WAITS_FOR_ANYTHING or not in_own_loop(member, view.known):
        return member
    return ThreadActivity(thread, found._replace(kind=ActivityKind.IDLE))


def _has_work(view: ProcessView, pool: Pool) -> bool:
    if len(pool.members) == 1 and (hands_over(pool.members[0]) or _is_kept_from_accepting(view, pool)):
        return False
    return any(member.activity.app >= 0 for member in pool.busy)


def _is_kept_from_accepting(view: ProcessView, pool: Pool) -> bool:
    """True for a single thread beside others while nobody accepts and connections wait to be: it stands before those that serve."""
    return pool.members[0].activity.kind in _ACCEPTS or _nobody_accepts(view)


@lru_cache(maxsize=64)  # every pool of one thread asks
def _nobody_accepts(view: ProcessView) -> bool:
    """True if connections wait to be accepted and no thread of the application accepts or selects."""
    waits = any(row.unaccepted for port in view.listeners for row in view.server_side(port))
    return waits and not any(
        member.activity.kind in _ACCEPTS and member.activity.app >= 0 for other in view.named_pools for member in other.members
    )


def acceptors_elsewhere(view: ProcessView) -> tuple[ThreadActivity, ...]:
    """Single threads of the application that do something else and may be those that accept: they hand over, or nobody else could be.

    The surest ones only: those that put something into a queue or give it to an executor, else those whose code others of the process begin in.
    """
    single = [
        pool.members[0]
        for pool in view.pools
        if len(pool.members) == 1
        and pool.role in {PoolRole.OTHER, PoolRole.EXECUTOR, PoolRole.ACCEPTOR, PoolRole.JVM}
        and pool.members[0].activity.app >= 0
    ]
    working = [member for member in single if member.activity.kind not in IDLE]
    handing = tuple(member for member in working if hands_over(member))
    return handing or tuple(working)


def hands_over(member: ThreadActivity) -> bool:
    """True if the thread puts something into a queue, or gives a task to an executor."""
    frames = member.thread.frames[: member.activity.app] if member.activity.app >= 0 else ()
    return any(
        frame.method.rpartition(".")[2] in {"put", "putLast", "putFirst", "transfer", "execute", "submit", "rejectedExecution"}
        for frame in frames
    )


def _votes(view: ProcessView, pool: Pool, rivals: _Rivals, requests: Requests, exact: set[Thread]) -> _Votes:
    """What speaks for a pool."""
    votes, reasons = 0, []
    busy = len(pool.busy)
    if (held := sum(member.thread in exact for member in pool.members)) > 0:
        votes += _EXACT
        reasons.append(say("the system calls of {held} of its threads name connections of this port", held=held))
    # Go reads on while a handler runs: a connection that is read to its end there is a request in service.
    served = requests._replace(read=requests.read + requests.drained) if view.known.runtime is Runtime.GO else requests
    if _counts(busy, served):
        votes += _COUNTED
        reasons.append(say("{busy} of its threads are at work, and as many requests were read and not answered", busy=busy))
    if pool in rivals.waiting and len(rivals.calling) > (pool in rivals.calling):
        votes += _BEFORE_OTHERS
        reasons.append(say("its threads wait for results of other threads, which call out"))
    elif pool in rivals.calling and len(rivals.waiting) > (pool in rivals.waiting):
        votes -= _BEFORE_OTHERS
    if shares_code_with_acceptor(view, pool):
        votes += _ALONE
        reasons.append(say("its code is that which accepts the connections"))
    if rivals.number == 1:
        votes += _ALONE
        reasons.append(say("no other thread of the application is at work"))
    if pool.name == VIRTUAL or busy >= TROUBLED:
        votes += _ALONE
        reasons.append(say("{busy} of its threads are at work", busy=busy))
    return _Votes(pool, votes, tuple(dict.fromkeys(reasons)))


def _counts(busy: int, requests: Requests) -> bool:
    """True if as many threads work as requests are in service."""
    read = requests.read + requests.unknown
    sums = {read, read + requests.quiet, read + requests.unanswered} - {0}
    return any(abs(busy - number) <= TOLERANCE * number for number in sums)


def _fits_elsewhere(view: ProcessView, pool: Pool, requests: Requests, port: int) -> bool:
    """True if the threads at work are as many as the requests of another port, and not as many as those of this one: who serves that one does not serve this."""
    others = [other for other in view.listeners if other != port]
    busy = len(pool.busy)
    if pool.port is not None or not others or busy < TROUBLED:
        return False
    here = _distance(busy, requests)
    return here > 0 and any(_distance(busy, requests_of(view, other)) == 0 for other in others)


def _distance(busy: int, requests: Requests) -> int:
    """By how many the threads at work miss the requests in service."""
    read = requests.read + requests.unknown
    sums = {read, requests.quiet, read + requests.quiet, read + requests.unanswered} - {0}
    return min((abs(busy - number) for number in sums), default=busy)


def _waits_for_others(pool: Pool) -> bool:
    return sum(member.activity.kind in RESULTS for member in pool.busy) * 2 > len(pool.busy)


def _calls_out(pool: Pool) -> bool:
    return sum(member.activity.kind in OUTBOUND for member in pool.busy) * 2 > len(pool.busy)


@lru_cache(maxsize=64)  # every pool asks
def _accepting(view: ProcessView) -> frozenset[str]:
    """Application classes on the stacks of threads that accept."""
    return frozenset(
        frame.cls.partition("$")[0]
        for other in view.named_pools
        for member in other.members
        if member.activity.kind == ActivityKind.ACCEPT
        for frame in application_frames(member.thread, view.known)
    )


def shares_code_with_acceptor(view: ProcessView, pool: Pool) -> bool:
    """True if the threads begin in a class or a package of the code that accepts connections."""
    accepting = _accepting(view)
    begins = {
        frames[-1].rpartition(".")[0].partition("$")[0] for member in pool.members if (frames := entry(member, view.known)) is not None
    }
    packages = {name.rpartition(".")[0] for name in accepting} - {""}
    return bool(begins & accepting) or any(name.rpartition(".")[0] in packages for name in begins)


def _best(voted: Sequence[_Votes]) -> _Votes | None:
    """The one with the most votes; None if another one has as many."""
    ranked = sorted(voted, key=lambda one: -one.votes)
    if not ranked or ranked[0].votes < _ALONE or (len(ranked) > 1 and ranked[1].votes == ranked[0].votes):
        return None
    return ranked[0]


def _keeps_time(pool: Pool) -> bool:
    """True for threads that wait for the next moment of a schedule: these serve nobody."""
    return any(
        frame.cls.endswith("ScheduledThreadPoolExecutor$DelayedWorkQueue") for member in pool.members for frame in member.thread.frames
    )


def _at_rest(view: ProcessView, candidates: Sequence[Pool], port: int) -> tuple[Pool, Pool] | None:
    """The only pool of workers that all wait for work: it would have to serve the port."""
    if not any(row.state is TcpState.CLOSE_WAIT for row in view.server_side(port)):
        return None
    pools = [pool for pool in candidates if len(pool.workers) > 1 and not _keeps_time(pool)]
    resting = [(pool, _awake(view, pool, Requests(0, 0, 0, 0))) for pool in pools]
    idle = [(old, new) for old, new in resting if new.idle == len(new.workers)]
    near = [(old, new) for old, new in idle if shares_code_with_acceptor(view, new)]
    chosen = near if len(near) == 1 else idle
    if len(chosen) != 1:
        return None
    old, new = chosen[0]
    basis = say("it is the only pool of the process whose threads wait for work")
    return old, replace(new, role=PoolRole.SERVER, port=port, basis=basis, sure=Confidence.SUSPECTED)
