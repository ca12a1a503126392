"""The templates of HTML pages, compiled to Python modules when the package is built.

Jinja takes as long to compile the report's template as a small incident takes to analyse. Needs Jinja, and nothing of this project.

python reports/formats/compiled_templates.py     write the modules to the folder ``built``
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import BaseLoader, Environment, StrictUndefined, Template, TemplateNotFound
from jinja2.bccache import bc_version

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

TEMPLATES: Final = Path(__file__).parent / "templates"
BUILT: Final = Path(__file__).parent / "built"
FILTERS: Final = ("words", "excerpt")
"""Filters of ours: Jinja wants to know their names when it compiles. :mod:`reports.formats.environment` puts the filters themselves."""


def environment(
    text: Callable[[str], str] = str, counted: Callable[[str, str, int], str] = lambda one, many, n: one if n == 1 else many
) -> Environment:
    """The template engine with all settings that change the code of a template.

    Autoescape is on for every template: ``select_autoescape`` decides by file name and would leave some names unescaped. An undefined name is
    an error, so that a template and its view cannot drift apart.
    """
    engine = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        loader=BuiltLoader(),
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.install_gettext_callables(text, counted, newstyle=True)  # type: ignore[attr-defined]
    engine.filters.update(dict.fromkeys(FILTERS, str))
    return engine


class BuiltLoader(BaseLoader):
    """Takes a template's module from the folder ``built`` if it was made of these bytes for this form of code, else compiles the template."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, None]:
        """Text and path of a template.

        Raises:
            TemplateNotFound: for a name that is no file of ours.
        """
        del environment
        path = TEMPLATES / template
        if path.parent != TEMPLATES or not path.is_file():
            raise TemplateNotFound(template)
        return path.read_text(encoding="utf-8"), str(path), None

    def load(self, environment: Environment, name: str, globals: MutableMapping[str, Any] | None = None) -> Template:  # noqa: A002 - Jinja's name
        """The template, from its module or from its text."""
        module = _built(name)
        if module is not None and module.get("MADE_OF") == _stamp((TEMPLATES / name).read_bytes()):
            return Template.from_module_dict(environment, module, {} if globals is None else globals)
        return super().load(environment, name, globals)


def _built(name: str) -> MutableMapping[str, Any] | None:
    """What the module of a template defines; None where it was not built."""
    try:
        return vars(__import__(f"{__package__}.built.{_module(name)}", fromlist=["*"]))
    except ImportError:
        return None


def _module(name: str) -> str:
    return name.replace(".", "_")


def _stamp(template: bytes) -> str:
    return f"{bc_version}-{zlib.crc32(template):08x}"


def compile_all(templates: Path = TEMPLATES, built: Path = BUILT) -> None:
    """Write each module that differs from what its template makes."""
    engine = environment()
    for path in sorted(templates.glob("*.html")):
        source = path.read_bytes()
        code = engine.compile(source.decode(), path.name, path.name, raw=True, defer_init=True)
        made = f"{code}\nMADE_OF = {_stamp(source)!r}\n"
        target = built / f"{_module(path.name)}.py"
        if not target.exists() or target.read_text(encoding="utf-8") != made:
            target.write_text(made, encoding="utf-8")
        target.touch()  # make compares times


if __name__ == "__main__":
    compile_all()
