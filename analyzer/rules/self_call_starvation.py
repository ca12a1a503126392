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

from analyzer.evidence.calls import calling_place, chain_evidence, clients_in_words, kind_in_words, process_in_words
from analyzer.evidence.citations import of_sockets
from analyzer.evidence.movement import progress_text, standing
from analyzer.evidence.packet_claims import packet_evidence
from analyzer.evidence.recovery import how_it_ends, of_loop
from analyzer.families import counted_own_calls, own_call_proof, stalled_pool, undecided
from analyzer.families.captures_only import own_calls
from analyzer.families.own_calls import pair_evidence, sockets_only, state_in_words
from analyzer.model.finding import Culprit, Evidence, Finding, Outlook, RecoversWhen, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Do, Either, Text
from analyzer.waits.targets import callee_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.connections import Connection
    from analyzer.model.text import Filled
    from analyzer.waits.case import Case, ServerPool
    from analyzer.waits.targets import Target

NEEDS: Final = (Need.THREADS, Need.SOCKETS)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.UNKNOWN,
    say("A request can end only when another one has ended first; only a timeout of the calls would end it, or a restart."),
)
CLEAN: Final = say("no request thread waits for a call to the process' own listener, or threads are free")
TEXT: Final = Text(
    "self-call-starvation",
    headline=Either(
        "unproven",
        "Port {port} is called from this host and does not answer{way}: the server waits for itself, or a proxy beside it waits for it.",
        Either(
            "bounded",
            "The server waits for itself: no thread is free to answer the calls it makes to its own port {port}{way}.",
            "The server waits for itself: every request in service waits for a call to its own port {port}{way}.",
        ),
    ),
    explanation="{call} {state_in_words}{in_words}{clients_in_words} Each request waits for another one, so the server {how_it_ends}.",
    do=(
        Do(
            When.NOW,
            "Save one more dump, then restart the server; waiting does not help.",
            "jstack -l {pid} > jstack-last.txt",
        ),
        Do(
            When.FIX,
            "Do not call the own port while serving a request{frame}: call in process, or move the resource to another process or a connector with its own pool.",
        ),
        Do(
            When.FIX,
            "Give {waits} a timeout, and set connect and read timeouts on the HTTP client{place}, so that a stall ends in errors, not in a hang.",
        ),
        Do(
            When.PREVENT,
            "Bound how many request threads may wait for such calls at once (a bulkhead below maxThreads). Raising maxThreads only moves the threshold.",
        ),
    ),
    figures=(
        ("{blocked:,} of {workers:,}", "threads of {name} waiting"),
        ("{pairs_count:,}", "own calls to port {port}"),
        ("{pending:,}", Either("connecting", "own calls not even accepted", "own calls that no thread has read")),
    ),
    chain=(
        (
            "{last}",
            Either("proxy", "calls back and needs a free thread of", "needs a free thread of"),
            "own listener; {name} has none",
        ),
    ),
    phrases={
        "way": Either("proxy", " through {proxy}"),
        "call": Either(
            "unproven",
            "{stuck_in_words} wait{through} for {calls}, and as many to {remote} lie unread. The table names no owner: this process may call itself, or a proxy beside it calls it.",
            Either(
                "proxy",
                "{stuck_in_words} wait{through} for {calls} to {remote}, and that is {proxy}, which calls {listener}: the listener of the same process{of_pid}.",
                "{stuck_in_words} wait{through} for {calls} to {remote}, and that is the listener of the same process{of_pid}.",
            ),
        ),
        "of_pid": Either("known", " (pid {pid})"),
        "last": Either("proxy", "{remote}, {proxy}", "{remote}"),
        "frame": Either("caller", " in {caller}"),
        "to_proxy": "{connections} from this process to {proxy}",
        "unread": "{server_half} of these connections hold a request that nobody has read",
        "listens": "port {port} is the listener of this process",
    },
)
"""``proxy``: what passes the calls on, None if the server calls itself without one."""


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per server pool that waits for itself, or that may."""
    for serving in case.server_pools:
        target = serving.main_target
        if serving.saturated and target is not None and target.own and own_call_proof.is_its_own_port(case, serving, target):
            yield _proven(case, serving, target)
    yield from undecided.suspicions(case, "self-call-starvation")
    for view in case.latest:
        if not view.pools:
            yield from sockets_only(view)
    yield from own_calls(case)
    yield from counted_own_calls.own_calls(case)


def _proven(case: Case, serving: ServerPool, target: Target) -> Finding:
    view, pairs = serving.view, serving.own_pairs(target)
    listener = next(pair.near.remote for pair in pairs if pair.near.remote is not None)
    port = listener.port or 0
    proxy = _proxy(serving, target) if target.back else None
    confidence, why = own_call_proof.judge(serving, target, pairs, proxy)
    outlook = of_loop(serving)
    waiting = serving.waiters or serving.callers
    unread = [pair.far for pair in pairs if pair.far is not None and pair.far.recv_q]
    text = TEXT.filled(
        view.process,
        **stalled_pool.words(serving, target),
        port=port,
        proxy=proxy,
        unproven=not all(pair.proven for pair in pairs),
        bounded=serving.pool.bounded,
        listener=listener,
        known=view.pid is not None,
        pid=view.pid,
        state_in_words=state_in_words(pairs),
        in_words=progress_text(standing(case, view, (*serving.waiters, *serving.direct))),
        clients_in_words=clients_in_words(view, port),
        how_it_ends=how_it_ends(outlook),
        waits=kind_in_words(waiting) if waiting else say("the call"),
        place=calling_place(serving),
        caller=serving.blamed,
        pairs_count=len(pairs),
        pending=sum(pair.pending for pair in pairs),
        connecting=own_call_proof.connecting(pairs),
        server_half=plural(len(unread), "server half", "server halves"),
    )
    return stalled_pool.finding(
        serving,
        text,
        confidence,
        _evidence(serving, target, text, unread),
        (pair_evidence(pairs),),
        port,
        why_confident=why,
        culprit=Culprit(
            pool=serving.pool.name,
            frame=str(serving.blamed) if serving.blamed else None,
            listener=str(listener),
            remote=str(target.remote),
            library=serving.callers[0].activity.library if serving.callers else None,
        ),
        loop=True,
        outlook=outlook,
    )


def _proxy(serving: ServerPool, target: Target) -> str:
    far = callee_of(serving.view, target)
    if far is None:
        return say("a proxy")
    return process_in_words(far, serving.view) + (say(" on the same host") if far.snapshot.host == serving.view.snapshot.host else "")


def _evidence(serving: ServerPool, target: Target, text: Filled, unread: Sequence[Connection]) -> Iterator[Evidence]:
    pairs = serving.own_pairs(target)
    yield from chain_evidence(serving)
    if target.back:
        yield of_sockets(target.connections, text["to_proxy"], (str(target.remote),))
    yield pair_evidence(pairs)
    yield from packet_evidence(serving.view, [pair.near for pair in pairs])
    if unread:
        yield of_sockets(unread, text["unread"], (str(unread[0].recv_q),))
    listener = serving.view.listeners.get(text.values["port"])
    if listener is not None:
        yield of_sockets([listener], text["listens"])
