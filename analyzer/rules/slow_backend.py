"""The server's threads wait for another service that does not answer.

Looks for: a server pool without a free thread, whose threads wait (directly, or over futures of a helper pool) for answers on
connections to one service that is not this process. As many connections to it are open as threads wait, and nothing is left to read on
them.

Why it matters: the server is as slow as the slowest service it waits for without a limit. Its own clients give up and leave sockets in
CLOSE_WAIT, which look like a defect of this server.

Do next: look at the named service. Then set connect and read time limits for it, a limit of how many threads may wait for it at once, and a
circuit breaker.

Wrong when: the far end is the process' own listener (self-call-starvation), the threads wait for a connection from a pool (then nobody
reads), or one dump has caught a busy but moving server: only a second dump, or clients that gave up, tell a stall from a busy moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.correlate import undecided
from analyzer.correlate.calls import (
    DUMP_MISSING,
    caller_evidence,
    chain_of,
    client_evidence,
    client_figures,
    clients_in_words,
    command,
    kind_in_words,
)
from analyzer.correlate.sockets import close_wait
from analyzer.correlate.stalls import COUNT_TOLERANCE
from analyzer.correlate.witness import all_of, of_sockets, plural
from analyzer.finding import Action, Confidence, Culprit, Evidence, Finding, Missing, Severity, Step, When
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.correlate import Case, ProcessView, Stall
    from analyzer.correlate.sockets import Connection
    from analyzer.correlate.stalls import Target
    from parsers.records import Endpoint

NEEDS: Final = ("threads", "sockets")
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
SMALLEST_GROUP: Final = 3
"""Without a thread dump: fewer open connections to one service than this are no pattern."""


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per server pool that waits for another service, or that may."""
    for stall in case.stalls:
        target = stall.main_target
        if stall.saturated and target is not None and not target.own and not target.back and not _is_called_back(case, stall):
            yield _joined(stall, target)
        elif undecided.applies(stall):
            yield undecided.finding(stall, "slow-backend")
    for view in case.latest:
        if not view.pools:
            yield from _sockets_only(view)


def _is_called_back(case: Case, stall: Stall) -> bool:
    """True for the second half of a mutual-call-starvation: the other side's finding tells both."""
    return any(other.main_target is not None and any(one.pid == stall.view.pid for one in other.main_target.back) for other in case.stalls)


def _joined(stall: Stall, target: Target) -> Finding:
    view, pool, port = stall.view, stall.pool, stall.port
    confidence, severity, why = _judge(stall, target)
    who = _service(view, target.remote)
    through = f" for tasks of {stall.hops[-1].helper.name}, which wait" if stall.hops else ""
    limits = "" if any(caller.activity.timed for caller in stall.callers) else " They read without a time limit, as far as the stacks show."
    return Finding(
        rule="slow-backend",
        severity=severity,
        confidence=confidence,
        headline=f"{who} does not answer, and every request thread of {pool.name} waits for it.",
        explanation=(
            f"{all_of(stall.blocked, stall.workers)} request threads of {pool.name} wait{through} for answers from {target.remote}: "
            f"{plural(len(target.connections), 'connection')} to it, none with anything left to read, and none of them leads back to this process."
            f"{limits}{clients_in_words(view, port) if port is not None else ''} The threads are free again as soon as {target.remote} answers or the"
            " connections end."
        ),
        why_confident=why,
        evidence=_evidence(stall, target, port),
        process=view.process,
        culprit=Culprit(
            pool=pool.name,
            frame=str(stall.culprit) if stall.culprit else None,
            listener=f"*:{port}" if port is not None else None,
            remote=str(target.remote),
            library=stall.callers[0].activity.library,
        ),
        chain=chain_of(stall, Step(str(target.remote), "does not answer", who, (_target_evidence(target),))),
        actions=_actions(stall, target),
        figures=(
            *client_figures(view, port),
            (f"{stall.blocked:,} of {stall.workers:,}", f"threads of {pool.name} waiting"),
            (f"{len(target.connections):,}", f"open connections to {target.remote}"),
        ),
        missing=() if confidence is Confidence.CERTAIN else (_second_dump(view),),
    )


def _judge(stall: Stall, target: Target) -> tuple[Confidence, Severity, str]:
    """Certain: dump and sockets agree in number, there is no other service, and clients already suffer (so it is no busy moment)."""
    agree = f"The dump shows {plural(len(stall.callers), 'thread')} in a call, the socket table {plural(len(target.connections), 'connection')} to {target.remote}"
    doubts = []
    if not stall.pressure.exists:
        doubts.append("nobody has given up yet, so one dump may show a busy moment")
    if target.confidence is not Confidence.CERTAIN or target.share < 1 - COUNT_TOLERANCE:
        doubts.append("the connections explain only a part of the threads, or another service is connected too")
    if stall.view.dump is not None and stall.view.dump.complete is False:
        doubts.append("the thread dump is cut off")
    if any(hop.confidence is Confidence.SUSPECTED for hop in stall.hops):
        doubts.append("the pool behind the futures is a guess")
    if not doubts:
        return (
            Confidence.CERTAIN,
            Severity.CRITICAL,
            f"{agree} and to no other service, and clients have given up waiting. The two artifacts are independent.",
        )
    severity = Severity.CRITICAL if stall.pressure.exists else Severity.WARNING
    return Confidence.LIKELY, severity, f"{agree}. Not certain, because {' and '.join(doubts)}."


def _service(view: ProcessView, remote: Endpoint) -> str:
    """The service in words: its address, and its process if it runs on this host."""
    listener = view.table.listener(remote)
    if listener is None or listener.pid is None:
        return f"The service at {remote}"
    return f"The service at {remote} ({listener.command or 'process'}, pid {listener.pid}, on the same host)"


def _target_evidence(target: Target) -> Evidence:
    inferred = "A dump does not name the far end of a socket. That the threads wait on these connections rests on their number and on the absence of others."
    return of_sockets(
        target.connections,
        f"{plural(len(target.connections), 'connection')} to {target.remote} with nothing left to read",
        (str(target.remote),),
        inferred,
    )


def _evidence(stall: Stall, target: Target, port: int | None) -> tuple[Evidence, ...]:
    found = [one for step in chain_of(stall, None) for one in step.evidence] or [caller_evidence(stall)]
    found.append(_target_evidence(target))
    return (*found, *(client_evidence(stall.view, port) if port is not None else ()))


def _actions(stall: Stall, target: Target) -> tuple[Action, ...]:
    frame = f" in {stall.culprit}" if stall.culprit else ""
    limits = kind_in_words(stall.waiters) if stall.waiters else "the call"
    return (
        Action(
            When.NOW,
            f"Look at {target.remote}: is it up, does it accept, what do its own threads wait for? Restarting this server only helps until it waits again.",
        ),
        Action(
            When.FIX, f"Set connect and read time limits on the client that calls {target.remote}{frame}, and a time limit on {limits}."
        ),
        Action(
            When.PREVENT,
            "Bound how many request threads may wait for this service at once (bulkhead), and stop calling it while it fails (circuit breaker).",
        ),
    )


def _second_dump(view: ProcessView) -> Missing:
    pid = view.process.pid
    return Missing(
        "second thread dump, ten seconds later",
        "whether the same threads still stand in the same calls",
        f"jstack -l {pid if pid is not None else 'PID'} > jstack-2.txt",
    )


def _sockets_only(view: ProcessView) -> Iterator[Finding]:
    """No thread dump: clients gave up, and as many calls to one service are open as requests are in service."""
    if any(pair.pending for pair in view.pairs):
        return
    groups: dict[Endpoint, list[Connection]] = {}
    for one in view.client_side:
        if one.remote is not None and one.state is TcpState.ESTABLISHED and one.recv_q == 0:
            groups.setdefault(one.remote, []).append(one)
    for port in sorted(view.listeners):
        counts = close_wait(view.server_side(port))
        in_service = counts.fin_only
        matching = [
            (remote, group) for remote, group in sorted(groups.items()) if abs(len(group) - in_service) <= COUNT_TOLERANCE * in_service
        ]
        if in_service < SMALLEST_GROUP or len(matching) != 1:
            continue
        remote, group = matching[0]
        yield Finding(
            rule="slow-backend",
            severity=Severity.CRITICAL,
            confidence=Confidence.SUSPECTED,
            headline=f"Clients of port {port} gave up, and as many calls to {remote} are open as requests are in service: a slow service, or a stall of the server itself.",
            explanation=(
                f"{clients_in_words(view, port).strip()} {plural(len(group), 'connection')} to {remote} {'are' if len(group) > 1 else 'is'} open with nothing to read."
                " That fits threads which wait for this service. The connections could also be idle members of a pool, while the threads wait for"
                " something else (a lock, a connection pool, each other). Only a thread dump tells."
            ),
            why_confident="Equal numbers in the socket table, and nothing about the threads.",
            evidence=(
                of_sockets(group, f"{plural(len(group), 'connection')} to {remote} with nothing left to read", (str(remote),)),
                *client_evidence(view, port),
            ),
            process=view.process,
            culprit=Culprit(listener=f"*:{port}", remote=str(remote)),
            actions=(
                Action(
                    When.NOW,
                    f"Take a thread dump before the restart, and look at {remote}.",
                    f"jstack -l {view.pid if view.pid is not None else 'PID'} > jstack.txt",
                ),
                Action(When.FIX, f"If the threads wait for {remote}: set connect and read time limits on that client."),
            ),
            figures=(*client_figures(view, port), (f"{len(group):,}", f"open connections to {remote}")),
            missing=(command(DUMP_MISSING, view),),
        )
