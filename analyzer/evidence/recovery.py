"""Does it heal by itself? What ends a wait for calls: the far end, a time limit, or only a restart.

Whether a call has a time limit shows in the stack only where the JDK takes another path for it: ``NioSocketImpl.timedRead`` since JDK 13, a
state of TIMED_WAITING for futures. ``SocketInputStream.socketRead0`` of older JDKs and clients that wait in native code look the same both ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.finding import Heals, Outlook
from analyzer.model.message import say

if TYPE_CHECKING:
    from analyzer.software.pools import Busy
    from analyzer.waits.stalls import Stall

_IN_LOOP: Final = {
    Heals.RESTART: say("does not recover when the load stops: no call in it has a time limit"),
    Heals.TIMEOUT: say("lasts until the time limit of the calls, and comes back with the next burst"),
    Heals.UNKNOWN: say("does not recover when the load stops, unless the calls have a time limit, which the stacks do not show"),
}


def has_no_limit(caller: Busy) -> bool:
    """True if the stack itself shows that the read has no limit: only JDK 13 and later take another path for a timed one (NioSocketImpl)."""
    methods = {frame.method for frame in caller.thread.frames if frame.cls == "sun.nio.ch.NioSocketImpl"}
    return caller.activity.kind == "socket-read" and "implRead" in methods and "timedRead" not in methods


def of_loop(stall: Stall) -> Outlook:
    """The outlook of a pool that waits for itself, directly or through others: nothing outside the loop can end it."""
    heals = _loop(stall)
    return Outlook(heals, say("It {ending}.", ending=_IN_LOOP[heals]))


def how_it_ends(outlook: Outlook) -> str:
    """What follows "so it", for an outlook of :func:`of_loop`."""
    return _IN_LOOP[outlook.heals]


def _loop(stall: Stall) -> Heals:
    request_threads = (*stall.waiters, *stall.direct)
    if _all_timed(request_threads) or _all_timed(stall.callers):
        return Heals.TIMEOUT
    callers = stall.callers
    return Heals.RESTART if callers and all(has_no_limit(caller) for caller in callers) else Heals.UNKNOWN


def _all_timed(members: tuple[Busy, ...]) -> bool:
    return bool(members) and all(member.activity.timed for member in members)


def of_calls(stall: Stall, service: str) -> Outlook:
    """The outlook of a pool that waits for a service somewhere else."""
    if _all_timed((*stall.waiters, *stall.direct)) or _all_timed(stall.callers):
        return Outlook(
            Heals.TIMEOUT,
            say("Each thread is free at its call's time limit, or when {service} answers; the next requests wait again.", service=service),
        )
    if stall.callers and all(has_no_limit(caller) for caller in stall.callers):
        return Outlook(
            Heals.CAUSE,
            say(
                "The threads are free when {service} answers or closes; no call has a time limit, so a lost answer holds its thread for ever.",
                service=service,
            ),
        )
    return Outlook(
        Heals.CAUSE,
        say(
            "The threads are free when {service} answers or closes, or at a time limit, if the calls have one: the stacks do not show it.",
            service=service,
        ),
    )
