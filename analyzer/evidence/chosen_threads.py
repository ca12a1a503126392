"""Threads that somebody picked out of a dump: one or two stacks in a ticket stand for many, and were chosen because they show the trouble."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import SLOW_LOG
from analyzer.join.coverage import TOLD
from analyzer.model.finding import Confidence, Doubt
from analyzer.model.message import say

if TYPE_CHECKING:
    from analyzer.waits.case import Case, ProcessView

FEW_THREADS: Final = "few-threads"
"""The code of the doubt about a finding that rests on one or two picked threads."""
FEW: Final = 20
"""Threads that somebody may have picked by hand: a larger piece is a cut, not a choice."""


@lru_cache(maxsize=64)  # every group of a process asks
def chosen(case: Case, view: ProcessView) -> bool:
    """True if the threads at hand were picked: a piece of a dump, or a small one that stands in somebody's prose or has lines left out."""
    dump = view.dump
    if dump is None or len(dump.threads) > FEW:
        return False
    if dump.fragment or dump.dialect == SLOW_LOG:
        return True
    artifact = next((one for one in case.incident.artifacts if one.file == dump.where.file), None)
    return artifact is not None and (
        bool(artifact.elisions) or any(part.format in {None, TOLD} and not part.looks_like for part in artifact.parts)
    )


def few_threads() -> Doubt:
    """Why a finding that rests on one or two picked threads is no more than a suspicion."""
    reason = say("one or two threads of a busy server stand so for a moment, too")
    return Doubt(FEW_THREADS, reason, Confidence.SUSPECTED)
