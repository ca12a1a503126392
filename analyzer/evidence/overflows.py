"""How often the kernel found an accept queue full, and whether that grew from reading to reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from analyzer.waits.case import Case
    from parsers.records import Counter

_OVERFLOWS: Final = "TcpExtListenOverflows"


class Overflows(NamedTuple):
    """The last reading, the one before all others, and by how much it grew between them."""

    last: Counter
    first: Counter
    grown: int


def overflows(case: Case, host: str | None) -> Overflows | None:
    """The counter of a host in all readings, in one text or in several snapshots; None if it is not here."""
    found = [counter for other in case.incident.snapshots if other.host == host for counter in other.counters if counter.name == _OVERFLOWS]
    if not found:
        return None
    grown = found[-1].value - found[0].value
    return Overflows(found[-1], found[0], grown if grown >= 0 else found[-1].value)  # nstat may count from its last run on
