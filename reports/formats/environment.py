"""The template engine, set up once, with the filters that turn a view's values into HTML. Its settings are in ``compiled_templates``."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from reports.formats import compiled_templates
from reports.formats.compiled_templates import TEMPLATES
from reports.language.catalogue import looked_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template

    from reports.view.model import Words

_TAGS = {"": "", "code": "code", "mark": "mark", "app": "b"}


def page() -> Template:
    """The template of the HTML report."""
    return template("report.html")


@cache
def template(name: str) -> Template:
    """A template of ours."""
    engine = compiled_templates.environment(looked_up, _counted)
    engine.globals.update(link=link, strong=strong)
    engine.filters["words"] = words
    engine.filters["excerpt"] = excerpt
    return engine.get_template(name)


def _counted(one: str, many: str, number: int) -> str:
    """The templates count nothing by themselves; the extension asks for it all the same."""
    return looked_up(one if number == 1 else many)


def link(ident: str) -> Markup:
    """A link to a finding on the page."""
    return Markup('<a href="#{0}">{0}</a>').format(ident)


def strong(text: str) -> Markup:
    """The text in bold."""
    return Markup("<b>{}</b>").format(text)


def style() -> Markup:
    """The style sheet as it stands in the page: a file of ours, without a character of evidence."""
    return Markup((TEMPLATES / "page.css").read_text(encoding="utf-8"))  # noqa: S704


def data_block(json: str) -> Markup:
    """JSON for a ``script`` element; refused if it could close the element or open a comment."""
    if "<" in json:
        raise ValueError("the embedded JSON must not contain a raw <")
    return Markup(json)  # noqa: S704 - no < is left, and the browser does not run application/json


def words(pieces: Words) -> Markup:
    """Pieces as HTML: identifiers in ``code``, decisive words in ``mark``, everything escaped."""
    return Markup("").join(_piece(piece.text, _TAGS[piece.kind]) for piece in pieces)


def excerpt(lines: Sequence[Words]) -> Markup:
    """Quoted lines for a ``pre`` element."""
    return Markup("\n").join(words(line) for line in lines)


def _piece(text: str, tag: str) -> Markup:
    return Markup(f"<{tag}>{escape(text)}</{tag}>") if tag else escape(text)  # noqa: S704
