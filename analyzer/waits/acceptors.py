"""Who accepts a port's connections, and whether its queue moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.join.forked_workers import FORKING
from analyzer.join.roles import acceptors_elsewhere
from analyzer.software.blockers import IDLE, OUTBOUND
from analyzer.software.kinds import ActivityKind, PoolRole
from analyzer.software.runtimes import runtime_of_command
from analyzer.waits.targets import FEW_CLIENTS
from parsers.records import NativeId, Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.connections import Connection
    from analyzer.software.pools import Pool, ThreadActivity
    from analyzer.waits.case import ProcessView

ACCEPTING: Final = frozenset({ActivityKind.ACCEPT, ActivityKind.SELECT, ActivityKind.CONNECTION_LATCH})
"""Kinds of threads that accept, or would if they were let."""


_HELD: Final = frozenset({TcpState.ESTABLISHED, TcpState.CLOSE_WAIT})


def acceptor_of(view: ProcessView, port: int) -> ThreadActivity | None:
    """The acceptor of a port: by its role, else the one thread called so, else the one that can only be it while nobody accepts."""
    named = [member for pool in view.pools if pool.role == PoolRole.ACCEPTOR and pool.port in {port, None} for member in pool.members]
    called = [member for pool in view.pools for member in pool.members if "accept" in member.thread.name.lower()]
    if named or len(called) == 1:
        return (named or called)[0]
    if len(shaking := shaking_hands(view)) == 1:
        return shaking[0]
    if (loop := javascript_loop(view) or held_loop(view)) is not None:
        return loop
    # Elimination needs the whole dump: in a piece of one, the acceptor is among the threads that are not here.
    others = () if somebody_accepts(view) or view.coverage.threads else acceptors_elsewhere(view)
    # Who waits for another thread's end is a program's main thread, which has started the one that accepts.
    at_work = [one for one in others if one.activity.kind is not ActivityKind.JOIN]
    return at_work[0] if len(at_work) == 1 else None


_BLOCKS: Final = frozenset(
    {ActivityKind.PROCESS, ActivityKind.FILE_IO, ActivityKind.FILE_LOCK, ActivityKind.SLEEP, ActivityKind.DNS, ActivityKind.LEASE}
)
"""How a loop waits that should wait for events only."""


def javascript_loop(view: ProcessView) -> ThreadActivity | None:
    """The thread that runs the only event loop of a Node process, in native stacks, while connections wait to be accepted; None if it waits for events.

    V8's own frames break a debugger's walk, so that the loop below need not show. It is the main thread: the one with the number of the process.
    """
    if view.dump is None or view.dump.runtime is not Runtime.NATIVE or runtime_of_command(view.command) is not Runtime.NODE:
        return None
    members = (member for pool in view.pools for member in pool.members)
    main = next((member for member in members if view.pid is not None and member.thread.native_id == NativeId(view.pid)), None)
    if main is None or main.activity.kind in {*IDLE, ActivityKind.SELECT} or not main.thread.frames:
        return None
    if queued_port(view) is None:
        return None
    # Of what JavaScript called, Node's own function is the one that a developer knows.
    own = next((at for at, frame in enumerate(main.thread.frames) if frame.cls.startswith("node::")), main.activity.app)
    return main._replace(activity=main.activity._replace(app=own))


def held_loop(view: ProcessView) -> ThreadActivity | None:
    """The thread that runs the only event loop of a process and computes while connections wait to be accepted; None if there are several, or it waits.

    The loop's own frame shows which thread it is (Redis, HAProxy, libevent, asyncio): whatever stands above that frame keeps the loop from its next event.
    """
    runtime = view.dump.runtime if view.dump is not None else None
    if runtime is Runtime.PYTHON:
        return _held_script(view)
    if runtime is not Runtime.NATIVE:
        return None
    loops = [member for pool in view.pools for member in pool.members if _runs_loop(view, member)]
    if len(loops) != 1 or loops[0].activity.kind is not ActivityKind.RUNNING or queued_port(view) is None:
        return None
    return loops[0]


_UNDER: Final = frozenset(
    {
        *("asyncio.runners.Runner.run", "asyncio.runners.run", "uvloop.run", "uvloop.__init__.run"),
        *("tornado.ioloop.PollIOLoop.start", "tornado.ioloop.start"),
        *("gevent.baseserver._handle_and_close_when_done", "gevent.pywsgi.WSGIHandler.handle", "gevent.pywsgi.handle"),
    }
)
"""Frames of Python below which a loop runs that is written in C (uvloop), or which a loop calls (gevent shows the stack of the greenlet at work alone)."""


def _held_script(view: ProcessView) -> ThreadActivity | None:
    """The same for Python: a call into C that sleeps and wakes is ``active`` by chance, so that this state is no proof of a loop that goes on."""
    members = [member for pool in view.pools for member in pool.members]
    loops = [(member, at) for member in members if (at := _loop_frame(view, member)) is not None]
    if len(loops) != 1 or queued_port(view) is None or (view.dump is not None and view.dump.fragment):
        return None
    (member, at), kind = loops[0], loops[0][0].activity.kind
    # A loop of asyncio that waits for something else is told by its kind of wait.
    held = kind is ActivityKind.RUNNING or not _runs_loop(view, member)
    by_lock = any("+gil" in (one.thread.native_state or "") for one in members if one is not member)
    return member if held and not by_lock and 0 <= member.activity.app < at else None


def _loop_frame(view: ProcessView, member: ThreadActivity) -> int | None:
    """Where the loop's own frame stands in a stack, or one below which there is one."""
    frames = member.thread.frames
    return next(
        (at for at, one in enumerate(frames) if one.full in _UNDER or view.known.entry(one.full) == PoolRole.EVENT_LOOP),
        None,
    )


def queued_port(view: ProcessView) -> int | None:
    """The first port of the process on which connections wait to be accepted."""
    return next((port for port in sorted(view.listeners) if len(queue_of(view, port)) >= FEW_CLIENTS), None)


def standing_scripts(view: ProcessView, *, reported: bool) -> tuple[ThreadActivity, ...]:
    """Event loops of one thread that stand in a call which blocks: Node's, by JavaScript's own stack; and Python's main thread, if asyncio has ``reported`` long steps."""
    runtime = view.dump.runtime if view.dump is not None else None
    if runtime is Runtime.NODE:
        members = [member for pool in view.pools for member in pool.members if member.activity.kind in _BLOCKS]
    elif runtime is Runtime.PYTHON and reported:
        members = [
            member
            for pool in view.pools
            for member in pool.members
            if member.thread.name == "MainThread" and member.activity.kind in _BLOCKS | OUTBOUND
        ]
    else:
        return ()
    return tuple(member for member in members if member.activity.app >= 0)


def is_loop(view: ProcessView, pool: Pool, member: ThreadActivity) -> bool:
    """False for a thread without the loop's own frame among others that have it: threads of native programs have no names that keep them apart."""
    if view.known.runtime is not Runtime.NATIVE:
        return True
    return _runs_loop(view, member) or not any(_runs_loop(view, one) for one in pool.members)


def _runs_loop(view: ProcessView, member: ThreadActivity) -> bool:
    """True if the loop's own frame is in the stack."""
    return any(view.known.entry(frame.full) == PoolRole.EVENT_LOOP for frame in member.thread.frames)


def shaking_hands(view: ProcessView) -> tuple[ThreadActivity, ...]:
    """Threads in the handshake of a connection that they are accepting: one silent client holds each."""
    return tuple(member for pool in view.pools for member in pool.members if member.activity.kind == ActivityKind.HANDSHAKE)


def somebody_accepts(view: ProcessView) -> bool:
    """True if a thread of the process stands in accept, or waits for events of which one may be a connection: a client's own selector never does."""
    return any(member.activity.kind in ACCEPTING for pool in view.pools if pool.role is not PoolRole.CLIENT for member in pool.members)


def workers_accept(view: ProcessView) -> bool:
    """True for a server whose worker processes accept for themselves, one request at a time: its queue waits for a free worker, not for an acceptor."""
    dump = view.dump
    if dump is None or dump.runtime not in FORKING:
        return False
    return dump.runtime is Runtime.PHP or len(view.pids) > 1 or len(dump.threads) == 1


def is_accepted(view: ProcessView, port: int) -> bool:
    """True if the port's acceptor does its work, waits at the limit, or pauses after a failed accept; and where workers accept for themselves."""
    acceptor = acceptor_of(view, port)
    if acceptor is not None:
        # Without a frame of the application it is the server's own code: a pause after a failed accept, a latch, a stack that was cut.
        return acceptor.activity.kind in ACCEPTING or (acceptor.activity.app < 0 and acceptor.activity.kind != ActivityKind.HANDSHAKE)
    return somebody_accepts(view) or workers_accept(view) or takers_at_work(view, port)


def takers_at_work(view: ProcessView, port: int) -> bool:
    """True if all workers of a pool are busy with as many connections as the port has accepted: each takes one for itself, and none is left to take more."""
    accepted = sum(1 for row in view.server_side(port) if row.owners and row.state in _HELD)
    return any(
        pool.role is PoolRole.SERVER
        and pool.port in {None, port}
        and len(pool.busy) == len(pool.workers) == accepted >= FEW_CLIENTS
        and all(member.activity.app >= 0 for member in pool.busy)
        for pool in view.pools
    )


def all_at_work(view: ProcessView) -> bool:
    """True if a group of threads of the application is at work to the last one, or several threads are that may accept when they are not."""
    if len(acceptors_elsewhere(view)) > 1:
        return True
    return any(
        pool.workers and len(pool.busy) == len(pool.workers) and all(member.activity.app >= 0 for member in pool.busy)
        for pool in view.pools
    )


def queue_of(view: ProcessView, port: int) -> Sequence[Connection]:
    """Connections to a port that nobody has accepted: no process owns them, or all of them are in the listener's queue, as its length says."""
    rows = view.server_side(port)
    if found := rows.unaccepted:
        return found
    listener = view.listeners.get(port)
    if listener is None or listener.recv_q != sum(len(rows.of(state)) for state in _HELD):
        return ()
    held = rows.of(*_HELD)
    return held if not any(row.owners for row in held) else ()


def stayed(before: Sequence[Connection], now: Sequence[Connection]) -> int:
    """How many of an earlier queue are still in it. accept(2) takes the oldest first, and nothing else takes one out: who is gone was accepted."""
    ends = {(one.local, one.remote) for one in now}
    return sum((one.local, one.remote) in ends for one in before)
