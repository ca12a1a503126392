"""What is sent again and again: by the kernel's timers, else by packets. What only few incidents show is loaded when they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from analyzer.evidence.unanswered import Unanswered
    from analyzer.model.finding import Finding
    from analyzer.waits.case import Case


def findings(case: Case, found: Sequence[Unanswered], usual: Callable[[Case, Unanswered], Finding]) -> Iterator[Finding]:
    """One for the silent hosts of each table, as segments of a size that does not pass, or as ``usual``; without any, what packets show."""
    if found:
        from analyzer.families import large_segments  # noqa: PLC0415 - see above

        yield from (large_segments.finding(case, one) or usual(case, one) for one in found)
    elif case.incident.captures or any(snapshot.far_counts for snapshot in case.incident.snapshots):
        from analyzer.families import repeated_in_vain, some_syns_unanswered  # noqa: PLC0415 - see above

        yield from repeated_in_vain.findings(case)
        yield from some_syns_unanswered.findings(case)
