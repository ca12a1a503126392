"""Sentences about many incidents, which every format shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.finding import Severity, Status
from reports.language.catalogue import label_of, tell
from reports.text_safety import plain
from reports.view.wording import count, number, word_of

if TYPE_CHECKING:
    from reports.fleet.contract import Fleet, Group, Row, Together

_MINUTE: Final = 16  # characters of a time up to its minute


def summary_of(fleet: Fleet) -> str:
    """How many incidents, causes, and of which severity."""
    rows, broken = fleet.incidents, sum(row.error is not None for row in fleet.incidents)
    causes = sum(group.status is Status.PROBLEM for group in fleet.groups)
    parts = [tell("{incidents} with {causes}", incidents=count(len(rows), "incident"), causes=count(causes, "different cause"))]
    parts += [
        f"{label_of(severity.value)} {number(many)}" for severity in Severity if (many := sum(row.severity is severity for row in rows))
    ]
    for status, word in ((Status.HEALTHY, "healthy"), (Status.INSUFFICIENT, "not enough evidence")):
        if many := sum(row.status is status for row in rows):
            parts.append(f"{label_of(word)} {number(many)}")
    if broken:
        parts.append(tell("{number} could not be analysed", number=number(broken)))
    return " · ".join(parts)


def word_of_row(row: Row | Group) -> str:
    """The severity, or the status where there is no cause."""
    if row.severity is not None and row.rule is not None:
        return word_of(row.rule, row.severity)
    if row.status is None:
        return tell("could not be analysed")
    return label_of("healthy" if row.status is Status.HEALTHY else "not enough evidence")


def head_of(group: Group) -> str:
    """The first line of a group."""
    times = " – ".join(dict.fromkeys(moment for moment in (moment_of(group.first), moment_of(group.last)) if moment))
    services = ", ".join(plain(service, 60) for service in group.services[:6])
    known = label_of(group.known) if group.known else ""
    parts = (word_of_row(group).upper(), group.rule, known, services, times, group.fingerprint)
    return " · ".join(part for part in parts if part)


def moment_of(time: str | None) -> str:
    """A time up to its minute, as people read it."""
    return plain((time or "")[:_MINUTE].replace("T", " "), _MINUTE)


def together_of(together: Together) -> str:
    """Why some incidents may be one, and how to read them so."""
    names = ", ".join(plain(path, 80) for path in together.paths)
    return tell(
        "These look like one outage: {names} ({why}). --together reads them as one incident.", names=names, why=plain(together.why, 300)
    )
