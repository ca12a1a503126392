"""Event loops that wait for an answer which lies unread in a socket of their own process: a loop that blocks reads nothing, not even what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets
from analyzer.model.finding import Confidence
from analyzer.model.message import plural, say
from analyzer.model.text import Either
from analyzer.software.blockers import FUTURES
from analyzer.software.kinds import ActivityKind
from parsers.records import Runtime, TcpState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.connections import Connection
    from analyzer.model.finding import Evidence
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import ProcessView
    from parsers.records import Frame

_FOR_OTHERS: Final = FUTURES | {
    ActivityKind.LATCH,
    ActivityKind.CONDITION,
    ActivityKind.OBJECT_WAIT,
    ActivityKind.CALL,
    ActivityKind.SEMAPHORE,
}
"""Kinds of waits for something that another thread must bring."""
_PARTS: Final = 3
"""Parts of a package's name that a library has to itself."""
_OF_THE_FRAMEWORK: Final = ("reactor.core.publisher.", "rx.", "io.reactivex.", "io.netty.util.concurrent.")
"""Waits of frameworks for what their own loops bring."""


def unread_answers(view: ProcessView, blocked: Sequence[ThreadActivity]) -> tuple[Connection, ...]:
    """The calls of the process whose answers lie unread while a loop of it waits for somebody's result; empty where none do."""
    if not any(member.activity.kind in _FOR_OTHERS for member in blocked):
        return ()
    rows = [row for row in view.client_side if row.state is TcpState.ESTABLISHED and (row.recv_q or 0) > 0]
    ports = view.known.ports_of({member.activity.library for member in blocked} - {None})
    meant = [row for row in rows if row.remote is not None and row.remote.port in ports] or rows
    return tuple(meant) if len({row.remote for row in meant}) == 1 else ()


def self_wait(view: ProcessView, blocked: Sequence[ThreadActivity], *, named: bool) -> str:
    """What may bring the result that loops wait for: nothing but themselves, where a bare future is waited for and no client of its own threads is called.

    Empty where the wait is for something else; ``named``: where the service that does not answer is known.
    """
    if named or not blocked:
        return ""
    if all(_in_handler(view, member) for member in blocked):
        return say(
            " The handler runs on the loop itself, without an executor in between: if the client shares that group of loops, as many do by default, its answer may have to be read by this very loop{limit}.",
            limit=say(", and each such call then lasts until its time limit") if all(_is_limited(member) for member in blocked) else "",
        )
    if all(in_callback(view, member) for member in blocked):
        return say(
            " The call is made in a callback of the same client, on the thread that reads its answers: the answer comes through this very loop if it uses the same connection, and is not taken before the wait ends, however fast it came{limit}. A faster server, more loops and a pool of threads elsewhere change nothing.",
            limit=say(", and each such call lasts until its time limit") if all(_is_limited(member) for member in blocked) else "",
        )
    if not all(_is_bare(member) for member in blocked):
        return ""
    return say(
        " What brings that result the stack does not show. If it comes through the same loop, as the answer of a client of the same framework does that was called there, the loop waits for itself: the answer is not taken before the wait ends, however fast it came{limit}.",
        limit=say(", and each such call lasts until its time limit") if all(_is_limited(member) for member in blocked) else "",
    )


def service_behind(driver: str | None) -> str:
    """Who does not answer, as far as the stack tells: what a driver calls, else what is waited for."""
    return say("what {library} calls", library=driver) if driver is not None else say("what it waits for")


def _is_bare(member: ThreadActivity) -> bool:
    found = member.activity
    if found.app < 0 or found.library is not None:
        return False
    above = member.thread.frames[: found.app]
    return found.kind in FUTURES or (found.kind is ActivityKind.CALL and any(frame.cls.startswith(_OF_THE_FRAMEWORK) for frame in above))


def in_callback(view: ProcessView, member: ThreadActivity) -> bool:
    """True for a call of a client's that is made in a callback of the same client: its own code stands above and below the application's."""
    found, frames = member.activity, member.thread.frames
    if found.library is None or found.app < 0:
        return False
    above = {_package(frame) for frame in frames[: found.app] if (made := view.known.library(frame.cls)) and made.name == found.library}
    return any(_package(frame) in above for frame in frames[found.app + 1 :])


def _in_handler(view: ProcessView, member: ThreadActivity) -> bool:
    """True for a call of a library's client that is made in a handler of the same library's server."""
    below = member.thread.frames[member.activity.app + 1 :]
    return in_callback(view, member) and any("Server" in frame.cls.rpartition(".")[2] for frame in below)


def _package(frame: Frame) -> str:
    """``io.lettuce.core``: what belongs together in a library."""
    return ".".join(frame.cls.split(".")[:_PARTS])


def _is_limited(member: ThreadActivity) -> bool:
    return member.activity.timed or any(frame.method.startswith("timed") for frame in member.thread.frames[: member.activity.app])


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


FIX: Final = Either(
    "own",
    "Do not wait on the loop{in_}: go on where the result comes (compose, thenCompose, flatMap, await), or move the whole handler to a worker pool.",
    "Move the blocking call{in_} to a worker pool, or use the framework's non-blocking client; set a timeout on it.",
)
"""What to do about a loop that blocks; ``own``: it may wait for itself."""
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


def how_sure(*, moved: bool, suffers: bool) -> Confidence:
    """How sure it is that a loop is blocked: one that moves between two dumps is slow at most, unless its clients suffer."""
    if moved:
        return Confidence.LIKELY if suffers else Confidence.SUSPECTED
    return Confidence.CERTAIN if suffers else Confidence.LIKELY
