"""Suspicions that rest on one or two threads which somebody picked out of a dump: what stands beside them, and what they give way to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.evidence.chosen_threads import FEW_THREADS
from analyzer.judge.shown import beside_threads
from analyzer.model.finding import Finding, Severity
from analyzer.model.message import capitalized, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.waits.case import Case


def without_few(found: Sequence[Finding]) -> Sequence[Finding]:
    """The findings without suspicions of that kind about a process of which anything else is found."""
    firm = [one.process for one in found if one.severity is not Severity.INFO and not _rests_on_few(one)]
    return [one for one in found if not _rests_on_few(one) or one.process not in firm]


def besides_few(case: Case, primary: Finding, findings: Sequence[Finding]) -> list[str]:
    """What else is here, where the verdict is such a suspicion: others of its kind, and the rows, lists and lines of logs beside the threads."""
    if not _rests_on_few(primary):
        return []
    others = [one.headline for one in findings if one is not primary and one.process == primary.process and _rests_on_few(one)]
    return [*others, *(say("{line}.", line=capitalized(line)) for line in beside_threads(case))]


def _rests_on_few(finding: Finding) -> bool:
    return any(doubt.code == FEW_THREADS for doubt in finding.doubts)
