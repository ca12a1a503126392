"""Calls of a process to its own port: their evidence, and what the socket table says of them without a thread dump."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import DUMP_MISSING, client_evidence, client_figures, clients_in_words, command
from analyzer.evidence.citations import of_sockets
from analyzer.families import loops_of_sockets
from analyzer.join.connections import close_wait
from analyzer.model.finding import Action, Confidence, Culprit, Evidence, Finding, Severity, When
from analyzer.model.message import capitalized, joined, plural, say, say_of, uncapitalized
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.process import OwnCall
    from analyzer.waits.case import ProcessView

SMALLEST_PROOF: Final = 2
"""Own calls that must lie unread before sockets alone raise a suspicion: a single one may have been caught in flight."""


def sockets_only(view: ProcessView) -> Iterator[Finding]:
    """No thread dump: own calls that nobody reads, which starvation shows and any other stall of the same server shows too."""
    yield from (loops_of_sockets.finding(loop) for loop in loops_of_sockets.loops(view) if loop.proxied)
    by_port: dict[int, list[OwnCall]] = {}
    for pair in view.pairs:
        if (pair.pending or _is_open(view, pair)) and pair.near.remote is not None and pair.near.remote.port is not None:
            by_port.setdefault(pair.near.remote.port, []).append(pair)
    for port, pairs in sorted(by_port.items()):
        if len(pairs) < SMALLEST_PROOF:
            continue
        if not any(pair.pending for pair in pairs) and close_wait(view.server_side(port)).total < len(pairs):
            continue  # nobody is seen to suffer: they may be connections that a client keeps
        yield Finding(
            rule="self-call-starvation",
            severity=Severity.CRITICAL,
            confidence=Confidence.SUSPECTED,
            headline=say(
                "The server calls its own port {port}, and nobody answers: self-call starvation, or own calls caught in another stall.",
                port=port,
            )
            if all(pair.proven for pair in pairs)
            else say("Port {port} is called from this host, and nobody answers: the server itself calls, or a proxy beside it.", port=port),
            explanation=(
                say(
                    "{connections} from the process to its own port {port}: {state}{clients} If all request threads wait for these calls, the server waits for itself and does not recover. If they wait for something else (a slow service, a lock), the own calls are victims like the clients. Only a thread dump tells.",
                    connections=plural(len(pairs), "connection"),
                    port=port,
                    state=uncapitalized(state_in_words(pairs)),
                    clients=clients_in_words(view, port),
                )
            ),
            why_confident=say("The socket table proves the own calls; that they are the cause needs the threads.")
            if all(pair.proven for pair in pairs)
            else say("The table names no owner: who calls it does not say, and what the threads wait for neither."),
            evidence=(pair_evidence(pairs), *client_evidence(view, port)),
            process=view.process,
            culprit=Culprit(listener=str(pairs[0].near.remote), remote=str(pairs[0].near.remote)),
            actions=(
                Action(
                    When.NOW,
                    say("Take a thread dump before the restart: it decides."),
                    f"jstack -l {view.pid if view.pid is not None else 'PID'} > jstack.txt",
                ),
                Action(
                    When.FIX,
                    say("Find the code that calls the own port while it serves a request, and call in process or another process instead."),
                ),
            ),
            figures=(*client_figures(view, port), (f"{len(pairs):,}", say("unanswered own calls to port {port}", port=port))),
            missing=(command(DUMP_MISSING, view),),
        )


def _is_open(view: ProcessView, pair: OwnCall) -> bool:
    """True for an own call of which a table without queues says only that both ends are this process and open."""
    far = pair.far
    return pair.proven and view.pid is not None and far is not None and far.recv_q is None and far.state is TcpState.ESTABLISHED


def unjudged(view: ProcessView) -> dict[int, int]:
    """How many own calls a table without queues shows, by port."""
    ports = (pair.near.remote.port for pair in view.pairs if _is_open(view, pair) and pair.near.remote is not None)
    return {port: count for port, count in sorted(Counter(port for port in ports if port is not None).items()) if count >= SMALLEST_PROOF}


def state_in_words(pairs: Sequence[OwnCall]) -> str:
    """What became of the requests of own calls, one sentence."""
    if all(pair.far is None or (pair.far.recv_q is None and not pair.far.unaccepted) for pair in pairs) and not any(
        pair.pending for pair in pairs
    ):
        return say("Whether these requests were read the table does not say: it has no queues.")
    unread = sum(1 for pair in pairs if pair.far is not None and pair.far.recv_q and not pair.far.unaccepted)
    waiting = sum(1 for pair in pairs if pair.pending) - unread
    parts = []
    if unread:
        parts.append(
            say_of(
                unread,
                "the server has received {unread:,} of these requests, but no thread has read it",
                "the server has received {unread:,} of these requests, but no thread has read them",
                unread=unread,
            )
        )
    if waiting:
        parts.append(
            say("{own_connection_is} not even accepted", own_connection_is=plural(waiting, "own connection is", "own connections are"))
        )
    return (
        say("{parts}.", parts=capitalized(joined("; ", parts)))
        if parts
        else say("These requests have been read; whether they are answered the table does not show.")
    )


def pair_evidence(pairs: Sequence[OwnCall]) -> Evidence:
    """Own calls, shown by their near ends."""
    near = [pair.near for pair in pairs]
    who = (
        say("this process")
        if all(pair.far is None or pair.near.pid == pair.far.pid or pair.far.unaccepted for pair in pairs)
        else near[0].command or say("the proxy")
    )
    return of_sockets(
        near,
        say(
            "{connections} from {who} to {its_own} port {port}",
            connections=plural(len(near), "connection"),
            who=who,
            its_own=say("its own") if who == "this process" else say("the server’s"),
            port=near[0].remote.port if near[0].remote else "",
        ),
        (str(near[0].remote), near[0].state.value if near[0].state else ""),
        None
        if all(pair.proven for pair in pairs)
        else say("The table names no owner: that both ends are this process is inferred from the host's own address."),
    )
