"""The server calls its own port, and no thread is left to answer.

Looks for: a server pool without a free thread, whose threads wait (directly, or over futures of a helper pool) for calls that go to the
listener of the same process. The proof is in two halves: the thread dump shows that all of them wait in a call, the socket table
shows that the calls go from the process to its own port and lie there unread (or not even accepted).

Why it matters: every request waits for a thread that only another request's end could free. It does not recover when the load stops.
Clients give up, their sockets pile up in CLOSE_WAIT until connections or descriptors run out.

Do next: save one more dump, restart. Then call the resource in process, or move it to another process or to a connector with a pool
of its own; put time limits on the future and on the HTTP client. A larger pool only moves the threshold.

Wrong when: the far end is another process on the same host (the pids differ: slow-backend; a proxy there that calls back is followed), or only a few of the pool's threads wait for
own calls while the others wait for something else (then these calls are victims). From a thread dump alone it cannot be told from
slow-backend; the stacks are identical.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.correlate import undecided
from analyzer.correlate.calls import (
    DUMP_MISSING,
    chain_of,
    client_evidence,
    client_figures,
    clients_in_words,
    command,
    kind_in_words,
    process_in_words,
    stuck_in_words,
)
from analyzer.correlate.outlook import how_it_ends, of_loop
from analyzer.correlate.packet_words import packet_evidence
from analyzer.correlate.progress import in_words, only_busy, standing
from analyzer.correlate.stalls import callee_of
from analyzer.correlate.witness import of_sockets, plural
from analyzer.finding import Action, Confidence, Culprit, Evidence, Finding, Heals, Outlook, Severity, Step, When

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.correlate import Case, ProcessView, Stall
    from analyzer.correlate.process import Pair
    from analyzer.correlate.stalls import Target

NEEDS: Final = ("threads", "sockets")
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    Heals.UNKNOWN, "A request can end only when another one has ended first; only a time limit of the calls would end it, or a restart."
)
CLEAN: Final = "no request thread waits for a call to the process' own listener, or threads are free"
SMALLEST_PROOF: Final = 2
"""Own calls that must lie unread before sockets alone raise a suspicion: a single one may have been caught in flight."""


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per server pool that waits for itself, or that may."""
    seen = set()
    for stall in case.stalls:
        seen.add(id(stall.view))
        target = stall.main_target
        if stall.saturated and target is not None and target.own:
            if _is_its_own_port(case, stall, target):
                yield _proven(case, stall, target)
        elif undecided.applies(stall) and not only_busy(case, stall):
            yield undecided.finding(stall, "self-call-starvation")
    for view in case.latest:
        if id(view) not in seen and not view.pools:
            yield from _sockets_only(view)


def _is_its_own_port(case: Case, stall: Stall, target: Target) -> bool:
    """False if another pool of the process answers the port that is called, and does not wait for own calls itself: then that pool is the cause."""
    called = {pair.near.remote.port for pair in stall.own_pairs(target) if pair.near.remote is not None}
    serving = [other for other in case.stalls if other.view is stall.view and other.pool.port in called]
    return (
        not serving
        or stall in serving
        or any(other.saturated and other.main_target is not None and other.main_target.own for other in serving)
    )


def _proven(case: Case, stall: Stall, target: Target) -> Finding:
    view, pool = stall.view, stall.pool
    pairs = stall.own_pairs(target)
    listener = next(pair.near.remote for pair in pairs if pair.near.remote is not None)
    port = listener.port or 0
    pending = sum(pair.pending for pair in pairs)
    confidence, why = _confidence(stall, target, pairs)
    through = f" for tasks of {stall.hops[-1].helper.name}, which wait" if stall.hops else ""
    waiting = stuck_in_words(stall)
    way = f" through {_proxy(stall, target)}" if target.back else ""
    outlook = of_loop(stall)
    return Finding(
        rule="self-call-starvation",
        severity=Severity.CRITICAL,
        confidence=confidence,
        headline=f"The server waits for itself: no thread is free to answer the calls it makes to its own port {port}{way}.",
        explanation=(
            f"{waiting} wait{through} for {plural(len(target.connections), 'call')} to {target.remote}, and that {f'is {_proxy(stall, target)}, which calls {listener}:' if target.back else 'is'}"
            f" the listener of the same process{f' (pid {view.pid})' if view.pid is not None else ''}. {_state_in_words(pairs)}"
            f"{in_words(standing(case, view, (*stall.waiters, *stall.direct)))}{clients_in_words(view, port)} A request can end only when another one has ended first, so it {how_it_ends(outlook)}."
        ),
        why_confident=why,
        evidence=(*_evidence(stall, target, pairs, port), *client_evidence(view, port)),
        process=view.process,
        culprit=Culprit(
            pool=pool.name,
            frame=str(stall.culprit) if stall.culprit else None,
            listener=str(listener),
            remote=str(target.remote),
            library=stall.callers[0].activity.library if stall.callers else None,
        ),
        chain=chain_of(stall, _last_step(stall, target, pairs)),
        loop=True,
        outlook=outlook,
        actions=_actions(stall, view),
        figures=(
            *client_figures(view, port),
            (f"{stall.blocked:,} of {stall.workers:,}", f"threads of {pool.name} waiting"),
            (f"{len(pairs):,}", f"own calls to port {port}"),
            (f"{pending:,}", "own calls that nobody has read"),
        )[:4],
    )


def _proxy(stall: Stall, target: Target) -> str:
    far = callee_of(stall.view, target)
    if far is None:
        return "a proxy"
    return process_in_words(far, stall.view) + (" on the same host" if far.snapshot.host == stall.view.snapshot.host else "")


def _last_step(stall: Stall, target: Target, pairs: Sequence[Pair]) -> Step:
    pool = stall.pool.name
    if target.back:
        return Step(
            f"{target.remote}, {_proxy(stall, target)}",
            "calls back and needs a free thread of",
            f"own listener; {pool} has none",
            (_pair_evidence(pairs),),
        )
    return Step(str(target.remote), "needs a free thread of", f"own listener; {pool} has none", (_pair_evidence(pairs),))


def _confidence(stall: Stall, target: Target, pairs: Sequence[Pair]) -> tuple[Confidence, str]:
    """Certain: both artifacts are whole, belong together, and agree in number."""
    doubts = []
    if stall.view.dump is not None and stall.view.dump.complete is False:
        doubts.append("the thread dump is cut off")
    if target.confidence is not Confidence.CERTAIN:
        doubts.append("not every waiting thread can be matched with an own connection, or the table shows no owner")
    if not any(pair.pending for pair in pairs):
        doubts.append("the own calls have been read, so they are being served")
    if any(hop.confidence is Confidence.SUSPECTED for hop in stall.hops):
        doubts.append("the pool behind the futures is a guess")
    if stall.view.dump_basis not in {"pid", "port", "native ids", "only"}:
        doubts.append("dump and sockets name different pids")
    said = (
        f"Two independent artifacts agree: the dump shows {plural(len(stall.callers), 'thread')} in a call and no free request thread, the socket"
        f" table shows {plural(len(pairs), 'connection')} {f'of {_proxy(stall, target)} back' if target.back else 'of this process'} to its own listener"
    )
    if not doubts:
        return Confidence.CERTAIN, said + ", each with its request unread."
    return Confidence.LIKELY, f"{said}. Not certain, because {' and '.join(doubts)}."


def _state_in_words(pairs: Sequence[Pair]) -> str:
    unread = sum(1 for pair in pairs if pair.far is not None and pair.far.recv_q and not pair.far.unaccepted)
    waiting = sum(1 for pair in pairs if pair.pending) - unread
    parts = []
    if unread:
        parts.append(f"{plural(unread, 'of these requests lies', 'of these requests lie')} unread in the server's own sockets")
    if waiting:
        parts.append(f"{plural(waiting, 'own connection is', 'own connections are')} not even accepted")
    return f"{'; '.join(parts).capitalize()}." if parts else "These requests have been read and are being served."


def _pair_evidence(pairs: Sequence[Pair]) -> Evidence:
    near = [pair.near for pair in pairs]
    who = (
        "this process"
        if all(pair.far is None or pair.near.pid == pair.far.pid or pair.far.unaccepted for pair in pairs)
        else near[0].command or "the proxy"
    )
    return of_sockets(
        near,
        f"{plural(len(near), 'connection')} from {who} to {'its own' if who == 'this process' else 'the server’s'} port {near[0].remote.port if near[0].remote else ''}",
        (str(near[0].remote), near[0].state.value if near[0].state else ""),
        None
        if all(pair.proven for pair in pairs)
        else "The table names no owner: that both ends are this process is inferred from the host's own address.",
    )


def _evidence(stall: Stall, target: Target, pairs: Sequence[Pair], port: int) -> list[Evidence]:
    found = [evidence for step in chain_of(stall, None) for evidence in step.evidence]
    if target.back:
        found.append(
            of_sockets(
                target.connections,
                f"{plural(len(target.connections), 'connection')} from this process to {_proxy(stall, target)}",
                (str(target.remote),),
            )
        )
    found.append(_pair_evidence(pairs))
    found += packet_evidence(stall.view, [pair.near for pair in pairs])
    far = [pair.far for pair in pairs if pair.far is not None and pair.far.recv_q]
    if far:
        found.append(
            of_sockets(
                far,
                f"{plural(len(far), 'server half', 'server halves')} of these connections hold a request that nobody has read",
                (str(far[0].recv_q),),
            )
        )
    listener = stall.view.listeners.get(port)
    if listener is not None:
        found.append(of_sockets([listener], f"port {port} is the listener of this process"))
    return found


def _actions(stall: Stall, view: ProcessView) -> tuple[Action, ...]:
    pid = view.process.pid
    frame = f" in {stall.culprit}" if stall.culprit else ""
    waits = kind_in_words(stall.waiters) if stall.waiters else kind_in_words(stall.callers) if stall.callers else "the call"
    return (
        Action(
            When.NOW,
            "Save one more dump, then restart the server; waiting does not help.",
            f"jstack -l {pid if pid is not None else 'PID'} > jstack-last.txt",
        ),
        Action(
            When.FIX,
            f"Do not call the own port while serving a request{frame}: call in process, or move the resource to another process or a connector with its own pool.",
        ),
        Action(
            When.FIX,
            f"Give {waits} a time limit, and set connect and read time limits on the HTTP client, so that a stall ends in errors, not in a hang.",
        ),
        Action(
            When.PREVENT,
            "Bound how many request threads may wait for such calls at once (a bulkhead below maxThreads). Raising maxThreads only moves the threshold.",
        ),
    )


def _sockets_only(view: ProcessView) -> Iterator[Finding]:
    """No thread dump: own calls that nobody reads, which starvation shows and any other stall of the same server shows too."""
    by_port: dict[int, list[Pair]] = {}
    for pair in view.pairs:
        if pair.pending and pair.near.remote is not None and pair.near.remote.port is not None:
            by_port.setdefault(pair.near.remote.port, []).append(pair)
    for port, pairs in sorted(by_port.items()):
        if len(pairs) < SMALLEST_PROOF:
            continue
        yield Finding(
            rule="self-call-starvation",
            severity=Severity.CRITICAL,
            confidence=Confidence.SUSPECTED,
            headline=f"The server calls its own port {port}, and nobody answers: self-call starvation, or own calls caught in another stall.",
            explanation=(
                f"{plural(len(pairs), 'connection')} from the process to its own port {port}: {_state_in_words(pairs)[0].lower()}{_state_in_words(pairs)[1:]}"
                f"{clients_in_words(view, port)} If all request threads wait for these calls, the server waits for itself and does not recover. If they"
                " wait for something else (a slow service, a lock), the own calls are victims like the clients. Only a thread dump tells."
            ),
            why_confident="The socket table proves the own calls; that they are the cause needs the threads.",
            evidence=(_pair_evidence(pairs), *client_evidence(view, port)),
            process=view.process,
            culprit=Culprit(listener=str(pairs[0].near.remote), remote=str(pairs[0].near.remote)),
            actions=(
                Action(
                    When.NOW,
                    "Take a thread dump before the restart: it decides.",
                    f"jstack -l {view.pid if view.pid is not None else 'PID'} > jstack.txt",
                ),
                Action(
                    When.FIX,
                    "Find the code that calls the own port while it serves a request, and call in process or another process instead.",
                ),
            ),
            figures=(*client_figures(view, port), (f"{len(pairs):,}", f"unanswered own calls to port {port}")),
            missing=(command(DUMP_MISSING, view),),
        )
