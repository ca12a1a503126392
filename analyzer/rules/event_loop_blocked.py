"""An event loop is blocked: a thread that must serve many connections waits for one thing.

Looks for: threads of an event loop (Netty, Vert.x, Reactor, XNIO I/O, a Tomcat poller) that stand in a blocking call of application code, a
socket read, a lock, a future, a sleep, instead of waiting for the next event.

Why it matters: every connection that is registered with this loop stands still, whatever it wants. A few blocked loops stop a server that
has thousands of connections and no busy thread.

Do next: move the blocking call to a worker pool (or use the non-blocking client), and set a limit on it.

Wrong when: the loop was caught in a short call. Two dumps with the same stack, or requests that lie unread, tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.correlate.blockers import IDLE, application_frame
from analyzer.correlate.calls import client_evidence, client_figures, clients_in_words, kind_in_words
from analyzer.correlate.stalls import pressure, targets
from analyzer.correlate.witness import all_of, of_sockets, of_threads, plural
from analyzer.finding import Action, Confidence, Culprit, Finding, Heals, Outlook, Severity, Step, When

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.correlate import Case, ProcessView
    from analyzer.correlate.pools import Busy, Pool

NEEDS: Final = ("threads",)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(Heals.CAUSE, "The loop goes on when the call that blocks it returns; the next such call blocks it again.")
CLEAN: Final = "every event loop waits for events or computes"
_WORKING: Final = IDLE | {"running", "socket-write", "none"}
"""What a loop may do at any moment: wait for events, run code, write without waiting."""


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per group of event loops that block."""
    for view in case.latest:
        for pool in view.pools:
            blocked = [
                member
                for member in pool.members
                if pool.role == "event-loop" and member.activity.kind not in _WORKING and member.activity.app >= 0
            ]
            if blocked:
                yield _finding(view, pool, blocked)


def _finding(view: ProcessView, pool: Pool, blocked: list[Busy]) -> Finding:
    port = pool.port if pool.port is not None else next(iter(view.listeners)) if len(view.listeners) == 1 else None
    suffers = port is not None and pressure(view, port).exists
    frame = application_frame(*blocked[0])
    loops = [member for member in pool.members if member.activity.kind != "none"]
    waits = kind_in_words(blocked)
    evidence = [
        of_threads(blocked, f"{plural(len(blocked), 'event loop')} of {pool.name} {'stand' if len(blocked) > 1 else 'stands'} in {waits}")
    ]
    target = next((one for one in targets(view, blocked) if not one.own), None)
    if target is not None:
        evidence.append(
            of_sockets(
                target.connections,
                f"{plural(len(target.connections), 'connection')} to {target.remote} with nothing left to read",
                (str(target.remote),),
            )
        )
    return Finding(
        rule="event-loop-blocked",
        severity=Severity.CRITICAL if suffers else Severity.WARNING,
        confidence=Confidence.CERTAIN if suffers else Confidence.LIKELY,
        headline=f"{all_of(len(blocked), len(loops))} event loop{'s' if len(loops) > 1 else ''} of {pool.name} {'are' if len(blocked) > 1 else 'is'} blocked in {waits}: all their connections stand still.",
        explanation=(
            f"Threads of {pool.name} must wait for events of many connections; {len(blocked)} of {len(loops)} stand in {waits}{f', called from {frame}' if frame else ''}"
            f"{f', and {target.remote} does not answer' if target else ''}.{clients_in_words(view, port) if port is not None else ''} Each goes on only when its call returns; more loops would only block as well."
        ),
        why_confident="The stack shows it, and the clients' requests lie unread."
        if suffers
        else "The stack shows it; whether it lasts needs a second dump.",
        evidence=(*evidence, *(client_evidence(view, port) if port is not None else ())),
        process=view.process,
        culprit=Culprit(
            pool=pool.name,
            frame=str(frame) if frame else None,
            listener=f"*:{port}" if port is not None else None,
            remote=str(target.remote) if target else None,
            library=blocked[0].activity.library,
        ),
        chain=(
            Step(pool.name, "waits in", waits, (evidence[0],)),
            Step(str(target.remote) if target else "what it waits for", "does not answer", ""),
        ),
        actions=(
            Action(
                When.NOW,
                f"Look at {target.remote}; a restart only helps until the next slow call."
                if target
                else "Take a second dump: does the same loop stand there still?",
            ),
            Action(
                When.FIX,
                f"Move the blocking call{f' in {frame}' if frame else ''} to a worker pool, or use the framework's non-blocking client; set a time limit on it.",
            ),
            Action(
                When.PREVENT, "Switch on the framework's blocked-thread check (Vert.x BlockedThreadChecker, Reactor BlockHound) in tests."
            ),
        ),
        figures=(*client_figures(view, port), (f"{len(blocked)} of {len(loops)}", "event loops blocked")),
    )
