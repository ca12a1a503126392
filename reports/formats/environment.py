"""The template engine, set up once. The only module that knows Jinja.

Autoescape is on for every template: ``select_autoescape`` decides by file name and would leave some names unescaped. An undefined
name is an error, so that a template and its view cannot drift apart.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reports.language.catalogue import looked_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Template
    from jinja2.bccache import Bucket

    from reports.view.model import Words

TEMPLATES = Path(__file__).parent / "templates"
COMPILED = Path(__file__).parent / "__pycache__"
_TAGS = {"": "", "code": "code", "mark": "mark", "app": "b"}


class Compiled(FileSystemBytecodeCache):
    """Keeps the compiled template beside the compiled modules, as Python keeps those: it saves 40 ms, and may fail to."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write it unless Python itself was told not to, or cannot."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                super().dump_bytecode(bucket)


def page() -> Template:
    """The template of the HTML report."""
    return template("report.html")


@cache
def template(name: str) -> Template:
    """A template of ours."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(TEMPLATES),
        bytecode_cache=Compiled(str(COMPILED), "%s.template"),
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_callables(looked_up, _counted, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(link=link, strong=strong)
    environment.filters["words"] = words
    environment.filters["excerpt"] = excerpt
    return environment.get_template(name)


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
