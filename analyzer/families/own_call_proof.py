"""How sure it is that a pool waits for itself: whether dump and sockets are whole, belong together, and agree in number."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import role_doubt
from analyzer.join.connections import left_unread
from analyzer.model.finding import Confidence
from analyzer.model.message import joined, plural, say
from parsers.records import TcpState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.process import OwnCall
    from analyzer.model.message import Message
    from analyzer.waits.case import Case, ServerPool
    from analyzer.waits.targets import Target

FIN_ALONE: Final = 1
"""Recv-Q of a request that was read: at most the FIN of a client that has left is unread."""


def connecting(pairs: Sequence[OwnCall]) -> bool:
    """True if every own call still asks for its connection: no request was sent that anybody could read."""
    return all(pair.near.state is TcpState.SYN_SENT for pair in pairs)


def is_its_own_port(case: Case, serving: ServerPool, target: Target) -> bool:
    """False if another pool of the process answers the port that is called, and does not wait for own calls itself: then that pool is the cause."""
    called = {pair.near.remote.port for pair in serving.own_pairs(target) if pair.near.remote is not None}
    called_pools = [other for other in case.server_pools if other.view is serving.view and other.pool.port in called]
    return (
        not called_pools
        or serving in called_pools
        or any(other.saturated and other.main_target is not None and other.main_target.own for other in called_pools)
    )


def judge(serving: ServerPool, target: Target, pairs: Sequence[OwnCall], proxy: str | None) -> tuple[Confidence, str]:
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
        of_back=say("of {proxy} back", proxy=proxy) if target.back else say("of this process"),
    )
    if not doubts:
        return Confidence.CERTAIN, said + (
            say(", none of which was accepted.") if connecting(pairs) else say(", each with its request unread.")
        )
    if elsewhere := _calls_of_the_unseen(serving, pairs):
        doubts.append(say("as many connections lead elsewhere, and threads that the dump leaves out may wait on these"))
    filtered = serving.view.coverage.guessed and serving.pool.sure is Confidence.SUSPECTED
    sure = Confidence.SUSPECTED if elsewhere or filtered or target.confidence is Confidence.SUSPECTED else Confidence.LIKELY
    return sure, say("{said}. Not certain, because {list}.", said=said, list=joined(" and ", doubts))


def _calls_of_the_unseen(serving: ServerPool, pairs: Sequence[OwnCall]) -> bool:
    """True if the dump is not whole and as many open connections to one service have nothing to read: a few own calls may be mere victims."""
    if not serving.view.coverage.threads:
        return False
    own = {pair.near for pair in pairs}
    groups = Counter(
        row.remote for row in serving.view.client_side if row.state is TcpState.ESTABLISHED and not row.recv_q and row not in own
    )
    return max(groups.values(), default=0) >= len(pairs)


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
    own = {pair.far for pair in pairs}
    return any(
        not row.unaccepted and (queue := left_unread(row)) is not None and queue <= FIN_ALONE
        for row in view.server_side(port)
        if row not in own
    )
