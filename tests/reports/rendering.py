"""Every text format under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from reports.formats import html, jira, markdown, summary, text
from reports.view import build as view
from tests.reports.diagnoses import STATES
from tests.reports.hostile import hostile

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.model.finding import Diagnosis
    from reports.view.model import View

RENDERERS: dict[str, Callable[[View], str]] = {
    "html": html.render,
    "md": markdown.render,
    "jira": jira.render,
    "text": text.render,
    "summary": summary.render,
}
EVERY: dict[str, Callable[[], Diagnosis]] = {**STATES, "hostile": hostile}
LIMITS = {"html": 1_000_000, "md": 60_000, "jira": 30_000, "text": 3_900, "summary": 700}


def visible(name: str, view: View) -> str:
    """The report without the data block of a page, which would answer every search."""
    return RENDERERS[name](replace(view, data=""))


def seen(diagnosis: Diagnosis) -> View:
    return view.build(diagnosis, "analyze incident/checkout-hang -f html", "0.1.0")
