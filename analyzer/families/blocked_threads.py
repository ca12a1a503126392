"""Threads that all wait for one thing: the values and the finding that the rules about them have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from analyzer.evidence.chosen_threads import few_threads
from analyzer.model.finding import Confidence, Doubt
from analyzer.model.message import say
from parsers.records import Counted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from analyzer.contention.blocked_group import BlockedGroup
    from analyzer.model.finding import Evidence, Finding, Severity
    from analyzer.model.text import Filled, Judged, Told


class Words(TypedDict):
    """Values of sentences about a group: how many wait, where, in which pool, and what the clients suffer; ``few`` of picked threads.

    ``moves`` and ``again`` ask for a second dump, where none shows that they stood there before.
    """

    count: str
    few: bool
    site: str
    clients: str
    pool_name: str
    moves: str
    again: str | None


def words(blocked: BlockedGroup) -> Words:
    """The values for one group."""
    stood = blocked.lasting
    return Words(
        count=blocked.count,
        few=blocked.few,
        site=blocked.site,
        clients=blocked.clients,
        pool_name=blocked.pool.name,
        moves="" if stood else say(" A second dump shows whether it moves."),
        again=None if stood else f"jstack -l {blocked.pid} > jstack-2.txt",
    )


def _doubt(blocked: BlockedGroup) -> Doubt:
    """Why picked threads are no more than a suspicion, unless the text says that other dumps show the same."""
    told = any(tally.what is Counted.DUMPS for snapshot in blocked.case.incident.snapshots for tally in snapshot.tallies)
    return Doubt("told", say("that it lasts the text alone says"), Confidence.LIKELY) if told else few_threads()


def finding(
    blocked: BlockedGroup,
    text: Filled,
    judged: tuple[Confidence, str],
    evidence: Iterable[Evidence],
    steps: tuple[tuple[Evidence, ...], ...],
    severity: Severity | None = None,
    *,
    lasts: bool = False,
    **told: Unpack[Told],
) -> Finding:
    """The group, whom it hurts, and what would decide; ``steps`` show those of the text's chain. What is ``told`` besides stands in their place.

    ``lasts``: other evidence shows that this is no moment.
    """
    confidence, why = judged
    more = blocked.multiple
    said: Judged = {
        "severity": severity or blocked.severity,
        "confidence": confidence,
        "evidence": (*evidence, *((more.evidence,) if more is not None else ()), *blocked.client_evidence),
        "why_confident": why,
        "figures": (*blocked.figures, *text.figures),
        "missing": (*text.missing, *blocked.second_dump),
        "chain": (*blocked.before, *text.steps(*steps)),
        "culprit": blocked.culprit(blocked.frame),
        "doubts": (_doubt(blocked),) if blocked.few and blocked.picked and not lasts and not blocked.counted else (),
        **told,
    }
    return text.finding(**said)
