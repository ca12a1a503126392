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
slow-backend; the stacks are identical. From a capture alone it is
only suspected, and only where other machines are seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import (
    calling_place,
    chain_of,
    client_evidence,
    client_figures,
    clients_in_words,
    kind_in_words,
    process_in_words,
    role_doubt,
    stuck_in_words,
)
from analyzer.evidence.citations import of_sockets
from analyzer.evidence.movement import only_busy, progress_text, standing
from analyzer.evidence.packet_claims import packet_evidence
from analyzer.evidence.recovery import how_it_ends, of_loop
from analyzer.families import undecided
from analyzer.families.captures_only import own_calls
from analyzer.families.own_calls import pair_evidence, sockets_only, state_in_words
from analyzer.model.finding import Action, Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity, Step, When
from analyzer.model.message import joined, plural, say
from analyzer.model.need import Need
from analyzer.model.text import Either, Text
from analyzer.waits.targets import callee_of
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.process import OwnCall
    from analyzer.model.message import Message
    from analyzer.waits.case import Case, ProcessView, ServerPool
    from analyzer.waits.targets import Target
    from parsers.records import Endpoint

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.UNKNOWN,
    say("A request can end only when another one has ended first; only a timeout of the calls would end it, or a restart."),
)
CLEAN: Final = say("no request thread waits for a call to the process' own listener, or threads are free")
FIN_ALONE: Final = 1
"""Recv-Q of a request that was read: at most the FIN of a client that has left is unread."""
TEXT: Final = Text(
    "self-call-starvation",
    headline=Either(
        "headline",
        "Port {port} is called from this host and does not answer{way}: the server waits for itself, or a proxy beside it waits for it.",
        Either(
            "headline_is",
            "The server waits for itself: no thread is free to answer the calls it makes to its own port {port}{way}.",
            "The server waits for itself: every request in service waits for a call to its own port {port}{way}.",
        ),
    ),
    explanation="{call} {state_in_words}{in_words}{clients_in_words} Each request waits for another one, so the server {how_it_ends}.",
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per server pool that waits for itself, or that may."""
    seen = set()
    for serving in case.server_pools:
        seen.add(serving.view)
        target = serving.main_target
        if serving.saturated and target is not None and target.own:
            if _is_its_own_port(case, serving, target):
                yield _proven(case, serving, target)
        elif undecided.applies(serving) and not only_busy(case, serving):
            yield undecided.finding(serving, "self-call-starvation")
    for view in case.latest:
        if view not in seen and not view.pools:
            yield from sockets_only(view)
    yield from own_calls(case)


def _is_its_own_port(case: Case, serving: ServerPool, target: Target) -> bool:
    """False if another pool of the process answers the port that is called, and does not wait for own calls itself: then that pool is the cause."""
    called = {pair.near.remote.port for pair in serving.own_pairs(target) if pair.near.remote is not None}
    called_pools = [other for other in case.server_pools if other.view is serving.view and other.pool.port in called]
    return (
        not called_pools
        or serving in called_pools
        or any(other.saturated and other.main_target is not None and other.main_target.own for other in called_pools)
    )


def _proven(case: Case, serving: ServerPool, target: Target) -> Finding:
    view, pool = serving.view, serving.pool
    pairs = serving.own_pairs(target)
    listener = next(pair.near.remote for pair in pairs if pair.near.remote is not None)
    port = listener.port or 0
    pending = sum(pair.pending for pair in pairs)
    confidence, why = _confidence(serving, target, pairs)
    way = say(" through {proxy}", proxy=_proxy(serving, target)) if target.back else ""
    outlook = of_loop(serving)
    text = TEXT.filled(
        view.process,
        headline=not all(pair.proven for pair in pairs),
        port=port,
        way=way,
        headline_is=serving.pool.bounded,
        call=_call_in_words(serving, target, listener),
        state_in_words=state_in_words(pairs),
        in_words=progress_text(standing(case, view, (*serving.waiters, *serving.direct))),
        clients_in_words=clients_in_words(view, port),
        how_it_ends=how_it_ends(outlook),
    )
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=confidence,
        evidence=(*_evidence(serving, target, pairs, port), *client_evidence(view, port)),
        why_confident=why,
        actions=_actions(serving, view),
        figures=(
            *client_figures(view, port),
            (
                say("{blocked:,} of {workers:,}", blocked=serving.blocked, workers=serving.workers),
                say("threads of {pool} waiting", pool=pool.name),
            ),
            (f"{len(pairs):,}", say("own calls to port {port}", port=port)),
            (f"{pending:,}", say("own calls not even accepted") if _connecting(pairs) else say("own calls that no thread has read")),
        )[:4],
        chain=chain_of(serving, _last_step(serving, target, pairs)),
        culprit=Culprit(
            pool=pool.name,
            frame=str(serving.culprit) if serving.culprit else None,
            listener=str(listener),
            remote=str(target.remote),
            library=serving.callers[0].activity.library if serving.callers else None,
        ),
        loop=True,
        outlook=outlook,
    )


def _connecting(pairs: Sequence[OwnCall]) -> bool:
    """True if every own call still asks for its connection: no request was sent that anybody could read."""
    return all(pair.near.state is TcpState.SYN_SENT for pair in pairs)


def _call_in_words(serving: ServerPool, target: Target, listener: Endpoint) -> str:
    """Who waits for whose answer, and that the call comes back."""
    values = {
        "waiting": stuck_in_words(serving),
        "through": say(" for tasks of {name}, which wait", name=serving.dependencies[-1].helper.name) if serving.dependencies else "",
        "calls": plural(len(target.connections), "call"),
        "remote": target.remote,
        "pid": say(" (pid {pid})", pid=serving.view.pid) if serving.view.pid is not None else "",
    }
    if not all(pair.proven for pair in serving.own_pairs(target)):
        return say(
            "{waiting} wait{through} for {calls}, and as many to {remote} lie unread. The table names no owner: this process may call itself, or a proxy beside it calls it.",
            **values,
        )
    if not target.back:
        return say("{waiting} wait{through} for {calls} to {remote}, and that is the listener of the same process{pid}.", **values)
    return say(
        "{waiting} wait{through} for {calls} to {remote}, and that is {proxy}, which calls {listener}: the listener of the same process{pid}.",
        proxy=_proxy(serving, target),
        listener=listener,
        **values,
    )


def _proxy(serving: ServerPool, target: Target) -> str:
    far = callee_of(serving.view, target)
    if far is None:
        return say("a proxy")
    return process_in_words(far, serving.view) + (say(" on the same host") if far.snapshot.host == serving.view.snapshot.host else "")


def _last_step(serving: ServerPool, target: Target, pairs: Sequence[OwnCall]) -> Step:
    pool = serving.pool.name
    if target.back:
        return Step(
            say("{remote}, {proxy}", remote=target.remote, proxy=_proxy(serving, target)),
            say("calls back and needs a free thread of"),
            say("own listener; {pool} has none", pool=pool),
            (pair_evidence(pairs),),
        )
    return Step(str(target.remote), say("needs a free thread of"), say("own listener; {pool} has none", pool=pool), (pair_evidence(pairs),))


def _confidence(serving: ServerPool, target: Target, pairs: Sequence[OwnCall]) -> tuple[Confidence, str]:
    """Certain: both artifacts are whole, belong together, and agree in number."""
    doubts = _doubts_of_threads(serving)
    if not serving.callers:
        doubts.append(say("the dump shows no call: that they wait for one rests on the numbers"))
    elif target.confidence is not Confidence.CERTAIN:
        doubts.append(say("not every waiting thread can be matched with an own connection, or the table shows no owner"))
    if not any(pair.pending for pair in pairs):
        doubts.append(say("the own calls have been read: they wait for a thread behind a loop that reads, or are being answered"))
    port = next((pair.near.remote.port for pair in pairs if pair.near.remote is not None), None)
    if port is not None and not _answers(serving, port, pairs):
        doubts.append(
            say(
                "nothing shows that these threads answer port {port}: their clients wait at another one, and another pool, or nobody, may be meant to answer there",
                port=port,
            )
        )
    if serving.view.dump_basis is None or not serving.view.dump_basis.agrees:
        doubts.append(say("dump and sockets name different pids"))
    said = say(
        "Two independent artifacts agree: the dump shows {threads} {in_a_call} and no free request thread, the socket table shows {connections} {of_back} to its own listener",
        threads=plural(len(serving.ends), "thread"),
        in_a_call=say("in a call") if serving.callers else say("waiting for a result"),
        connections=plural(len(pairs), "connection"),
        of_back=say("of {proxy} back", proxy=_proxy(serving, target)) if target.back else say("of this process"),
    )
    if not doubts:
        return Confidence.CERTAIN, said + (
            say(", none of which was accepted.") if _connecting(pairs) else say(", each with its request unread.")
        )
    sure = Confidence.SUSPECTED if target.confidence is Confidence.SUSPECTED else Confidence.LIKELY
    return sure, say("{said}. Not certain, because {list}.", said=said, list=joined(" and ", doubts))


def _doubts_of_threads(serving: ServerPool) -> list[Message]:
    """What may be wrong with the dump's half."""
    doubts = []
    if serving.view.dump is not None and serving.view.dump.complete is False:
        doubts.append(say("the thread dump is cut off"))
    if any(dependency.confidence is Confidence.SUSPECTED for dependency in serving.dependencies):
        doubts.append(say("the pool behind the futures is a guess"))
    if doubt := role_doubt(serving.pool):
        doubts.append(doubt)
    if not serving.pool.bounded:
        doubts.append(
            say("such threads are not bounded: something else, like pinned carriers or a limit, must keep the calls from being read")
        )
    return doubts


def _answers(serving: ServerPool, port: int, pairs: Sequence[OwnCall]) -> bool:
    """True if the pool is known to answer the port: by its name, as the only listener, or because requests of others are in service there."""
    view = serving.view
    if serving.pool.port == port or len(view.listeners) == 1:
        return True
    own = {id(pair.far) for pair in pairs}
    return any(
        not one.unaccepted and one.recv_q is not None and one.recv_q <= FIN_ALONE for one in view.server_side(port) if id(one) not in own
    )


def _evidence(serving: ServerPool, target: Target, pairs: Sequence[OwnCall], port: int) -> list[Evidence]:
    found = [evidence for step in chain_of(serving, None) for evidence in step.evidence]
    if target.back:
        found.append(
            of_sockets(
                target.connections,
                say(
                    "{connections} from this process to {proxy}",
                    connections=plural(len(target.connections), "connection"),
                    proxy=_proxy(serving, target),
                ),
                (str(target.remote),),
            )
        )
    found.append(pair_evidence(pairs))
    found += packet_evidence(serving.view, [pair.near for pair in pairs])
    far = [pair.far for pair in pairs if pair.far is not None and pair.far.recv_q]
    if far:
        found.append(
            of_sockets(
                far,
                say(
                    "{server_half} of these connections hold a request that nobody has read",
                    server_half=plural(len(far), "server half", "server halves"),
                ),
                (str(far[0].recv_q),),
            )
        )
    listener = serving.view.listeners.get(port)
    if listener is not None:
        found.append(of_sockets([listener], say("port {port} is the listener of this process", port=port)))
    return found


def _actions(serving: ServerPool, view: ProcessView) -> tuple[Action, ...]:
    pid = view.process.pid
    frame = say(" in {culprit}", culprit=serving.culprit) if serving.culprit else ""
    waits = kind_in_words(serving.waiters) if serving.waiters else kind_in_words(serving.callers) if serving.callers else say("the call")
    return (
        Action(
            When.NOW,
            say("Save one more dump, then restart the server; waiting does not help."),
            f"jstack -l {pid if pid is not None else 'PID'} > jstack-last.txt",
        ),
        Action(
            When.FIX,
            say(
                "Do not call the own port while serving a request{frame}: call in process, or move the resource to another process or a connector with its own pool.",
                frame=frame,
            ),
        ),
        Action(
            When.FIX,
            say(
                "Give {waits} a timeout, and set connect and read timeouts on the HTTP client{place}, so that a stall ends in errors, not in a hang.",
                waits=waits,
                place=calling_place(serving),
            ),
        ),
        Action(
            When.PREVENT,
            say(
                "Bound how many request threads may wait for such calls at once (a bulkhead below maxThreads). Raising maxThreads only moves the threshold."
            ),
        ),
    )
