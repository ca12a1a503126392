"""A server pool without a free thread whose calls get no answer: the values and the finding that the rules about it have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypedDict

from analyzer.evidence.calls import chain_of, client_evidence, client_figures, culprit_of, stuck_in_words
from analyzer.model.finding import Severity
from analyzer.model.message import plural, say

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from analyzer.model.finding import Confidence, Evidence, Finding
    from analyzer.model.text import Filled, Judged, Told
    from analyzer.waits.case import ServerPool
    from analyzer.waits.targets import Target
    from parsers.records import Endpoint


FIGURES: Final = 4
"""As many as a report shows side by side."""


class Words(TypedDict):
    """Values of sentences about the pool and the calls that it waits for."""

    stuck_in_words: str
    name: str
    blocked: int
    workers: int
    through: str
    culprit: object
    remote: Endpoint
    calls: str
    connections: str
    connections_count: int


def words(serving: ServerPool, target: Target) -> Words:
    """The values for one pool and the service that it calls."""
    count = len(target.connections)
    return Words(
        stuck_in_words=stuck_in_words(serving),
        name=serving.pool.name,
        blocked=serving.blocked,
        workers=serving.workers,
        through=through(serving),
        culprit=serving.culprit,
        remote=target.remote,
        calls=plural(count, "call"),
        connections=plural(count, "connection"),
        connections_count=count,
    )


def through(serving: ServerPool) -> str:
    """Through whom the threads wait; empty if they call themselves."""
    if not serving.dependencies:
        return ""
    last = serving.dependencies[-1]
    if last.handed:
        return say(" to hand over to {name}, which waits", name=last.helper.name)
    return say(" for tasks of {name}, which wait", name=last.helper.name)


def finding(
    serving: ServerPool,
    text: Filled,
    confidence: Confidence,
    evidence: Iterable[Evidence],
    last: tuple[Evidence, ...],
    port: int | None,
    severity: Severity = Severity.CRITICAL,
    **told: Unpack[Told],
) -> Finding:
    """The pool, its chain down to the last step, which ``last`` shows, and the clients of ``port``. What is ``told`` besides stands in their place."""
    said: Judged = {
        "severity": severity,
        "confidence": confidence,
        "evidence": (*evidence, *client_evidence(serving.view, port)),
        "figures": (*client_figures(serving.view, port), *text.figures)[:FIGURES],
        "chain": chain_of(serving, *text.steps(last)),
        "culprit": culprit_of(serving),
        **told,
    }
    return text.finding(**said)
