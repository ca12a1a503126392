"""However much was found, a report fits the place it goes to, and the verdict is in it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from analyzer.model.finding import Evidence
from analyzer.model.inputs import UnreadLine
from parsers.records import Where
from reports.formats import terminal
from tests.reports import diagnoses, parts
from tests.reports.rendering import LIMITS, RENDERERS, seen

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis
    from reports.view.model import View

pytestmark = pytest.mark.slow

MANY = 2_000
ROWS = 60_000
"""Links and waits: as a table of a million sockets gives, only less patient."""
LONG = (
    "com.example.orders.service.impl.OrderAggregationServiceImpl.collectAllOpenOrdersOfCustomer(OrderAggregationServiceImpl.java:1234) "
    * 12
)


@cache
def enormous() -> Diagnosis:
    """Every list far over its limit, every text long, no two alike."""
    base = diagnoses.consequence()
    places = [Where(f"host{n}/jstack-{n}.txt", n, n + 40) for n in range(60)]
    evidence = tuple(Evidence(place, f"{n} {LONG}", ("FutureTask.get",), n, LONG) for n, place in enumerate(places))
    findings = tuple(
        replace(
            parts.SELF_CALL if n % 2 else parts.BACKEND,
            id=f"F{n + 1}",
            headline=f"{n} {LONG}",
            explanation=f"{n} {LONG * 3}",
            why_confident=LONG,
            evidence=evidence,
            contradicted_by=(LONG,) * 20,
            actions=parts.SELF_CALL.actions * 10,
            missing=parts.MISSING,
        )
        for n in range(300)
    )
    return replace(
        base,
        findings=findings,
        verdict=replace(diagnoses.verdict_of(findings[0]), headline=findings[0].headline),
        sockets=tuple(
            replace(base.sockets[0], snapshot=str(n), local_port=n, states={f"STATE{k}": n * k for k in range(30)}) for n in range(MANY)
        ),
        pools=tuple(replace(parts.POOLS[0], name=f"pool-{n} {LONG}", doing={f"kind{k}": k + n for k in range(40)}) for n in range(MANY)),
        links=tuple(
            replace(parts.LINKS[0], local=f"10.0.{n // 256 % 256}.{n % 256}:{n}", thread=f"exec-{n}", role="serves") for n in range(ROWS)
        ),
        waits=tuple(replace(parts.WAITS[0], waiter=f"exec-{n}", waiter_pool=f"pool-{n}") for n in range(ROWS)),
        flows=base.flows * 1_000,
        checked=tuple(replace(parts.CHECKED[0], rule=f"rule-{n}", why=f"{n} {LONG}") for n in range(MANY)),
        missing=tuple(replace(parts.MISSING[0], artifact=f"{n} {LONG}", command=LONG) for n in range(MANY)),
        inputs=tuple(
            replace(parts.INPUTS[0], file=f"{'deep/' * 60}{n}.txt", note=LONG, unread=tuple(UnreadLine(k, 1, LONG) for k in range(50)))
            for n in range(MANY)
        ),
        excerpts={place: tuple(f"{k} {LONG}" for k in range(30)) for place in places},
        notes=tuple(f"{n} {LONG}" for n in range(MANY)),
    )


@pytest.fixture(scope="module")
def view() -> View:
    return seen(enormous())


@pytest.mark.parametrize("form", sorted(RENDERERS))
def test_every_format_keeps_its_limit(form: str, view: View) -> None:
    text = RENDERERS[form](view)
    size = len(text.encode()) if form == "html" else len(text)
    assert size <= LIMITS[form], f"{size:,}"
    assert "OrderAggregationServiceImpl" in text
    assert "F300" in text or "260 more findings, F41 to F300" in text, "every finding is at least counted"


def test_the_page_has_its_verdict_and_says_what_it_lacks(view: View) -> None:
    page = RENDERERS["html"](view)
    assert page.count("<h1") == 1
    assert "in the JSON format" in page
    assert page.rstrip().endswith("</html>")


def test_the_terminal_too(view: View) -> None:
    assert len(terminal.verdict(view, 100, color=False).splitlines()) <= 60
