"""Two servers wait for each other: each one's request threads wait for an answer that only the other's free thread could give.

Looks for: a server pool without a free thread whose threads wait for calls to another process of the same host, while that process' own
calls to this server lie here unread. The dumps of both make it certain: then each pool is seen waiting for the other.

Why it matters: like a server that calls itself, the loop frees no thread when the load stops. Each of the two looks like a victim of a
slow service; only both together show the cause.

Do next: restart one of the two. Then break the loop: no call back into the caller while a request of it is being served, or a pool of its
own for calls that come from the other.

Wrong when: the far process is a proxy that only passes the calls on (self-call-starvation), or it calls back over other threads than those
that serve our calls; its own thread dump tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.correlate.calls import DUMP_MISSING, caller_evidence, chain_of, client_evidence, client_figures, clients_in_words
from analyzer.correlate.outlook import in_words, of_loop
from analyzer.correlate.witness import all_of, of_sockets, plural
from analyzer.finding import Action, Confidence, Culprit, Finding, Heals, Missing, Outlook, Severity, Step, When

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.correlate import Case, Stall
    from analyzer.correlate.stalls import Target

NEEDS: Final = ("threads", "sockets")
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    Heals.UNKNOWN, "Neither side can end before the other one does; only a time limit of the calls would end it, or a restart."
)
CLEAN: Final = "no other process calls this one back while it is being called"


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per loop of two processes, told from the side that comes first."""
    told: set[frozenset[int | None]] = set()
    for stall in case.stalls:
        target = stall.main_target
        if not stall.saturated or target is None or target.own or not target.back:
            continue
        both = frozenset({stall.view.pid, target.back[0].pid})
        if both not in told:
            told.add(both)
            yield _finding(stall, target, _other_side(case, stall, target))


def _other_side(case: Case, stall: Stall, target: Target) -> Stall | None:
    """The other process' pool, if its dump shows it waiting for this one."""
    pid = target.back[0].pid
    return next(
        (
            other
            for other in case.stalls
            if other.view.pid == pid
            and other.saturated
            and other.main_target is not None
            and other.main_target.remote.port in stall.view.listeners
        ),
        None,
    )


def _finding(stall: Stall, target: Target, other: Stall | None) -> Finding:
    view, pool, port = stall.view, stall.pool, stall.port
    far = target.back[0]
    who = f"{far.command or 'process'} (pid {far.pid})"
    listener = far.remote
    outlook = of_loop(stall)
    evidence = [one for step in chain_of(stall, None) for one in step.evidence] or [caller_evidence(stall)]
    evidence.append(
        of_sockets(
            target.connections,
            f"{plural(len(target.connections), 'connection')} from this process to {target.remote}, which is {who}",
            (str(target.remote),),
        )
    )
    back = of_sockets(
        target.back,
        f"{plural(len(target.back), 'connection')} of {who} back to port {listener.port if listener else ''}, each with a request that nobody has read",
    )
    evidence.append(back)
    if other is not None:
        evidence.append(caller_evidence(other))
    return Finding(
        rule="mutual-call-starvation",
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if other is not None else Confidence.LIKELY,
        headline=f"Two servers wait for each other: this one for {target.remote}, and {who} for this one.",
        explanation=(
            f"{all_of(stall.blocked, stall.workers)} request threads of {pool.name} wait for {plural(len(target.connections), 'call')} to {target.remote}. That is {who},"
            f" and {plural(len(target.back), 'call')} of it back to {listener} lie here unread, because no thread is free to read them."
            f"{clients_in_words(view, port) if port is not None else ''} It {in_words(outlook)}."
        ),
        why_confident=(
            f"Both dumps and the socket table agree: {other.pool.name} of the other process waits for this one in turn."
            if other is not None
            else "The socket table shows the calls in both directions. That the far process' threads wait for theirs needs its own thread dump."
        ),
        evidence=(*evidence, *(client_evidence(view, port) if port is not None else ())),
        process=view.process,
        culprit=Culprit(
            pool=pool.name,
            frame=str(stall.culprit) if stall.culprit else None,
            listener=f"*:{port}" if port is not None else None,
            remote=str(target.remote),
        ),
        chain=chain_of(stall, Step(who, "waits for a free thread of", f"{pool.name} has none", (back,))),
        loop=True,
        outlook=outlook,
        actions=(
            Action(
                When.NOW,
                "Save a dump of both processes, then restart one of them; waiting does not help.",
                f"jstack -l {far.pid} > jstack-{far.pid}.txt",
            ),
            Action(
                When.FIX,
                "Break the loop: do not call back into the caller while serving its request, or serve such calls from a pool of their own.",
            ),
            Action(
                When.FIX,
                f"Set connect and read time limits on the calls in both directions{f', here in {stall.culprit}' if stall.culprit else ''}.",
            ),
        ),
        figures=(
            *client_figures(view, port),
            (f"{len(target.connections):,}", f"calls to {target.remote}"),
            (f"{len(target.back):,}", "calls back that nobody has read"),
        ),
        missing=()
        if other is not None
        else (
            Missing(
                "thread dump of the other process",
                "whether its threads wait for this one",
                DUMP_MISSING.command.replace("PID", str(far.pid)),
            ),
        ),
    )
