"""Servers that wait for each other in a ring: each one's threads wait for the next one's, and the last one's for the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.calls import chain_evidence, clients_in_words, culprit_of, process_in_words
from analyzer.evidence.citations import of_sockets
from analyzer.evidence.recovery import how_it_ends, of_loop
from analyzer.families import stalled_pool
from analyzer.model.finding import Confidence, Finding, Severity, Step, When
from analyzer.model.message import joined
from analyzer.model.text import Do, Either, Text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from analyzer.model.text import Filled
    from analyzer.waits.case import Case, ProcessView, ServerPool

TEXT: Final = Text(
    "mutual-call-starvation",
    headline="{ring_count} servers wait for each other in a ring: {list}.",
    explanation="{each_waits}{none_is_free}",
    why=Either(
        "doubtful",
        "Dumps and socket tables of all agree, except that the dump or the count of connections of {doubtful} leaves a doubt.",
        "The dump of each shows no free thread, and its socket table that all of its calls go to the next one.",
    ),
    do=(
        Do(When.NOW, "Save a dump of each, then restart one of them: that frees the others, until the next burst."),
        Do(
            When.FIX,
            "Break the ring at one place{where}: no call that comes back to its own caller while a request is served, or a pool of its own for such calls.",
        ),
        Do(When.FIX, "Set connect and read timeouts on every call of the ring."),
    ),
    phrases={
        "none_is_free": "None of the pools has a thread left to answer the one before it.{clients_in_words} It {how_it_ends}.",
        "where": Either("frames", ": {frames}"),
    },
)
STEP: Final = Text(
    "mutual-call-starvation",
    headline="",
    explanation="{stuck_in_words} in {server} wait for answers of {after}. ",
    figures=(("{blocked:,} of {workers:,}", "threads waiting in {server}"),),
    chain=(("{server}", "waits for an answer from", "{blocked} of {workers} threads of {name}"),),
    phrases={"calls": "{connections} from {server} to {remote}, which is {after}"},
)
"""One server of the ring."""


def findings(case: Case, told: AbstractSet[ProcessView]) -> Iterator[Finding]:
    """One per ring none of whose processes is ``told`` already."""
    return (_finding(ring) for ring in case.wait_cycles if not told & {serving.view for serving in ring})


def _finding(ring: tuple[ServerPool, ...]) -> Finding:
    """Every pool of the ring waits for the next, and the last for the first; nobody's unread request shows which came first."""
    first = ring[0]
    names = [process_in_words(serving.view, first.view) for serving in ring]
    servers = [_server(serving, name, after) for serving, name, after in zip(ring, names, (*names[1:], names[0]), strict=True)]
    steps = tuple(_step(serving, server) for serving, server in zip(ring, servers, strict=True))
    outlook = of_loop(first)
    port = next((clients_in_words(serving.view, serving.port) for serving in ring if serving.port is not None), "")
    text = TEXT.filled(
        first.view.process,
        ring_count=len(ring),
        list=joined(" → ", (*names, names[0])),
        each_waits=joined("", (server.said(STEP.explanation) for server in servers)),
        clients_in_words=port,
        how_it_ends=how_it_ends(outlook),
        doubtful=joined(" and ", (name for serving, name in zip(ring, names, strict=True) if not _sure(serving))),
        frames=next((str(serving.culprit) for serving in ring if serving.culprit), ""),
    )
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if all(map(_sure, ring)) else Confidence.LIKELY,
        evidence=tuple(evidence for step in steps for evidence in step.evidence),
        figures=tuple(figure for server in servers for figure in server.figures)[: stalled_pool.FIGURES],
        chain=steps,
        culprit=culprit_of(first, remote=first.main_target.remote if first.main_target else None),
        loop=True,
        outlook=outlook,
    )


def _server(serving: ServerPool, name: str, after: str) -> Filled:
    target = serving.main_target
    assert target is not None
    return STEP.filled(None, **stalled_pool.words(serving, target), server=name, after=after)


def _step(serving: ServerPool, server: Filled) -> Step:
    target = serving.main_target
    assert target is not None
    return server.steps((*chain_evidence(serving)[-1:], of_sockets(target.connections, server["calls"], (str(target.remote),))))[0]


def _sure(serving: ServerPool) -> bool:
    """True if the dump is whole and the connections to the next one explain its callers exactly."""
    whole = serving.view.dump is not None and serving.view.dump.complete is not False
    return whole and serving.main_target is not None and serving.main_target.confidence is Confidence.CERTAIN
