"""Does it heal by itself? What ends a wait for calls: the far end, a time limit, or only a restart.

Whether a call has a time limit shows in the stack only where the JDK takes another path for it: ``NioSocketImpl.timedRead`` since JDK 13, a
state of TIMED_WAITING for futures. ``SocketInputStream.socketRead0`` of older JDKs and clients that wait in native code look the same both ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.finding import Outlook, RecoversWhen
from analyzer.model.message import say
from analyzer.software.kinds import ActivityKind

if TYPE_CHECKING:
    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.server_pools import ServerPool

_IN_LOOP: Final = {
    RecoversWhen.RESTART: say("does not recover when the load stops: no call in it has a timeout"),
    RecoversWhen.TIMEOUT: say("lasts until the timeout of the calls, and comes back with the next burst"),
    RecoversWhen.UNKNOWN: say("does not recover when the load stops, unless the calls have a timeout, which the stacks do not show"),
}


def has_no_limit(caller: ThreadActivity) -> bool:
    """True if the stack itself shows that the read has no limit: only JDK 13 and later take another path for a timed one (NioSocketImpl)."""
    methods = {frame.method for frame in caller.thread.frames if frame.cls == "sun.nio.ch.NioSocketImpl"}
    return caller.activity.kind == ActivityKind.SOCKET_READ and "implRead" in methods and "timedRead" not in methods


def of_loop(serving: ServerPool) -> Outlook:
    """The outlook of a pool that waits for itself, directly or through others: nothing outside the loop can end it."""
    heals = _loop(serving)
    return Outlook(heals, say("It {ending}.", ending=_IN_LOOP[heals]))


def how_it_ends(outlook: Outlook) -> str:
    """What follows "so it", for an outlook of :func:`of_loop`."""
    return _IN_LOOP[outlook.heals]


def _loop(serving: ServerPool) -> RecoversWhen:
    request_threads = (*serving.waiters, *serving.direct)
    if _all_timed(request_threads) or _all_timed(serving.callers):
        return RecoversWhen.TIMEOUT
    callers = serving.callers
    return RecoversWhen.RESTART if callers and all(has_no_limit(caller) for caller in callers) else RecoversWhen.UNKNOWN


def _all_timed(members: tuple[ThreadActivity, ...]) -> bool:
    return bool(members) and all(member.activity.timed for member in members)


def of_calls(serving: ServerPool, service: str) -> Outlook:
    """The outlook of a pool that waits for a service somewhere else."""
    if _all_timed((*serving.waiters, *serving.direct)) or _all_timed(serving.callers):
        return Outlook(
            RecoversWhen.TIMEOUT,
            say("Each thread is free at its call's timeout, or when {service} answers; the next requests wait again.", service=service),
        )
    if serving.callers and all(has_no_limit(caller) for caller in serving.callers):
        return Outlook(
            RecoversWhen.CAUSE,
            say(
                "The threads are free when {service} answers or closes; no call has a timeout, so a lost answer holds its thread for ever.",
                service=service,
            ),
        )
    return Outlook(
        RecoversWhen.CAUSE,
        say(
            "The threads are free when {service} answers or closes, or at a timeout, if the calls have one: the stacks do not show it.",
            service=service,
        ),
    )
