"""Every wait of a process: thread → what it waits for → who would have to act, each with what the claim rests on.

On a future: the pool that must run it. On a lock: its owner. On a socket: the service at the far end, the process and the pool behind it. On a
lease: the lender, and the pool whose threads use what it lends. What the dump and the tables do not tell stays None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.contention.leases import lender_of, users_of
from analyzer.evidence.calls import process_in_words
from analyzer.evidence.nouns import lock_in_words
from analyzer.join.descriptor_links import exact_sockets
from analyzer.model.finding import Basis, Confidence, Wait
from analyzer.model.message import say
from analyzer.software.blockers import FUTURES, waited_lock
from analyzer.software.kinds import ActivityKind
from analyzer.waits.deadlocks import lock_holders
from analyzer.waits.pool_dependencies import helper_of
from analyzer.waits.server_pools import server_pools
from analyzer.waits.targets import COUNT_TOLERANCE, callee_of
from parsers.records import Lock, LockVerb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.join.process import ProcessView
    from analyzer.software.knowledge import Lender
    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.pool_dependencies import PoolDependency
    from analyzer.waits.server_pools import ServerPool
    from analyzer.waits.targets import Target
    from parsers.records import Thread

_LENT: Final = {"HTTP connection": say("HTTP connection"), "JDBC connection": say("JDBC connection"), "object": say("object")}
"""What lenders lend, as knowledge.toml has it."""
_LOCK_LINES: Final = say("lock lines of the dump")
_OBJECT: Final = say("object")


def waits_of(view: ProcessView) -> Iterator[Wait]:
    """Every wait of the process' threads that names an object, a service or a pool."""
    holders = lock_holders(view)
    pool_by_thread = {member.thread: pool.name for pool in view.pools for member in pool.members}
    called = _called(view)
    for pool in view.pools:
        dependency = helper_of(view, pool)
        for member in pool.busy:
            lender = lender_of(member, view.known) if member.activity.kind == ActivityKind.LEASE else None
            if member.activity.kind in FUTURES:
                yield _on_future(view, member, pool, dependency)
            elif lender is not None:
                yield _on_lease(view, member, pool, lender)
            elif member.thread in called:
                yield called[member.thread]
            elif (lock := waited_lock(member.thread)) is not None:
                holder = holders.get(lock.address or "")
                holder = None if holder is member.thread else holder
                yield _on_lock(view, member, pool, lock, holder, pool_by_thread.get(holder) if holder is not None else None)


def _described(lock: Lock | None) -> str | None:
    return None if lock is None else lock_in_words(lock, _OBJECT)


def _on_future(view: ProcessView, member: ThreadActivity, pool: Pool, dependency: PoolDependency | None) -> Wait:
    return Wait(
        snapshot=view.snapshot.name,
        waiter=member.thread.label,
        waiter_pool=pool.name,
        on=member.activity.kind,
        object=_described(waited_lock(member.thread)),
        holder=None,
        holder_pool=dependency.helper.name if dependency else None,
        basis=dependency.basis if dependency else "unknown",
        confidence=dependency.confidence if dependency else Confidence.SUSPECTED,
    )


def _on_lock(view: ProcessView, member: ThreadActivity, pool: Pool, lock: Lock, holder: Thread | None, holder_pool: str | None) -> Wait:
    return Wait(
        snapshot=view.snapshot.name,
        waiter=member.thread.label,
        waiter_pool=pool.name,
        on="monitor" if lock.verb is not LockVerb.PARKING else member.activity.kind,
        object=_described(lock),
        holder=holder.label if holder is not None else None,
        holder_pool=holder_pool if holder is not None else None,
        basis=_LOCK_LINES,
        confidence=Confidence.CERTAIN if holder is not None else Confidence.SUSPECTED,
    )


def _on_lease(view: ProcessView, member: ThreadActivity, pool: Pool, lender: Lender) -> Wait:
    users = {other.name for other in view.pools if users_of(other, lender, view.known)}
    holder_pool = next(iter(users)) if len(users) == 1 else None
    return Wait(
        snapshot=view.snapshot.name,
        waiter=member.thread.label,
        waiter_pool=pool.name,
        on="lease",
        object=say("{lends} of {software}", lends=_LENT.get(lender.lends, lender.lends), software=lender.software),
        holder=None,
        holder_pool=holder_pool,
        basis=say("the only pool whose threads use what is lent")
        if holder_pool
        else say("frames of the lender; nobody is seen to use what is lent"),
        confidence=Confidence.LIKELY if holder_pool else Confidence.SUSPECTED,
    )


def _called(view: ProcessView) -> dict[Thread, Wait]:
    """By thread: the service that a caller of a server pool waits for: by its own system call, else where one service explains all callers."""
    exact = {thread: socket.remote for thread, socket, alone in exact_sockets(view) if alone}
    found: dict[Thread, Wait] = {}
    for serving in server_pools(view):
        waits = {target.remote: _on_service(view, serving, target) for target in serving.targets}
        main = serving.main_target
        whole = main if main is not None and main.share >= 1 - COUNT_TOLERANCE else None
        left = len(whole.connections) if whole is not None else 0
        for caller in serving.callers:
            remote = exact.get(caller.thread)
            if remote is None and whole is not None and left:
                remote = whole.remote
                left -= 1  # no more threads wait for a service than there are connections to it
            if remote in waits:
                found[caller.thread] = replace(waits[remote], waiter=caller.thread.label)
    return found


def _on_service(view: ProcessView, serving: ServerPool, target: Target) -> Wait:
    """What every caller of ``target`` waits for; the waiter's name is filled in."""
    far = view if target.own else callee_of(view, target)
    end = target.back[0].remote if target.own and target.back else target.remote  # behind a proxy of the host
    counted = say(
        "{connections_count} connections for {callers_count} callers",
        connections_count=len(target.connections),
        callers_count=len(serving.callers),
    )
    return Wait(
        snapshot=view.snapshot.name,
        waiter="",
        waiter_pool=serving.calling_pool.name,
        on="socket",
        object=str(target.remote),
        holder=process_in_words(far, view) if far is not None else None,
        holder_pool=_answers(far, end.port if end is not None else None),
        basis=say("the descriptor of the system call") if target.basis is Basis.DESCRIPTOR else counted,
        confidence=target.confidence,
    )


def _answers(far: ProcessView | None, port: int | None) -> str | None:
    """The pool that serves the port at the far end."""
    behind = [other for other in server_pools(far) if other.port in {None, port}] if far is not None else []
    return behind[0].pool.name if len(behind) == 1 else None
