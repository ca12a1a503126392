"""Help and refusals of the option parser, in the language that was asked for.

typer has its words in English. They are keys of the catalogue here, as the texts of the options are, and what it has no translation for stays.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import typer
import typer.core
import typer.main

from analyzer.app.writing import complain
from analyzer.model.message import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

USAGE: Final = 2
PARSERS_OWN: Final = (
    "Usage: ",
    "Arguments",
    "Options",
    "Commands",
    "Show this message and exit.",
    "Install completion for the current shell.",
    "Show completion for the current shell, to copy it or customize the installation.",
)
"""What typer says in a help."""
_REFUSAL: Any = typer.BadParameter.__base__
"""The parser's error, which it does not export by name."""
_FORMATTER: Any = typer.Context.formatter_class
_CHOICE: Final = " is not one of "
"""What the parser says between a value and those that there are."""
_GAP: Final = 2
_WIDEST: Final = 30
"""Columns of an option's name; a longer one has a line of its own. Both as typer does."""


class Formatter(_FORMATTER):  # type: ignore[misc]
    """Lays a help out by columns of the terminal, of which a Korean letter takes two."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """The line of use."""
        super().write_usage(prog, args, prefix or _looked_up("Usage: "))

    def write_heading(self, heading: str) -> None:
        """The heading of a section."""
        super().write_heading(_looked_up(heading))

    def write_text(self, text: str) -> None:
        """Paragraphs."""
        indent = " " * self.current_indent
        for index, paragraph in enumerate(text.split("\n\n")):
            lines = _wrapped(" ".join(paragraph.split()), self.width - self.current_indent)
            self.write("\n" * bool(index) + "".join(f"{indent}{line}\n" for line in lines))

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = _WIDEST, col_spacing: int = _GAP) -> None:
        """Names at the left, what they mean at the right."""
        rows = list(rows)
        left = min(max(len(name) for name, _ in rows), col_max) + col_spacing
        margin = " " * self.current_indent
        for name, meaning in rows:
            first, *others = _wrapped(meaning, max(self.width - left - col_spacing, 10)) or [""]
            head = f"{name}\n{margin}{'':{left}}" if len(name) > left - col_spacing else f"{name:{left}}"
            self.write(f"{margin}{head}{first}".rstrip() + "\n")
            self.write("".join(f"{margin}{'':{left}}{line}\n" for line in others))


class PlainCommand(typer.core.TyperCommand):
    """A command whose errors are sentences, without a library's words before them, and whose help has a language."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as the option parser does.

        Raises:
            BadParameter: for a value that does not fit.
        """
        try:
            return super().parse_args(ctx, args)
        except _REFUSAL as error:
            refusal: Any = error
            refusal.message = refusal.message.removeprefix("Value error, ")
            if _is_english():
                raise
            complain(_refused(refusal))
            raise typer.Exit(USAGE) from error

    def get_help(self, ctx: Any) -> str:
        """The help, in English as typer lays it out."""
        if _is_english():
            return super().get_help(ctx)
        formatter = Formatter(width=ctx.terminal_width, max_width=ctx.max_content_width)
        with _translated(self, ctx):
            self.format_help(ctx, formatter)
        made: str = formatter.getvalue()
        return made.rstrip("\n")


def texts(*programs: typer.Typer) -> Iterator[str]:
    """Every text of the helps of these programs: the keys of the catalogue."""
    yield from PARSERS_OWN
    for program in programs:
        made: Any = typer.main.get_command(program)
        for command in getattr(made, "commands", {"": made}).values():
            yield from filter(None, (command.help, command.epilog, *(getattr(parameter, "help", None) for parameter in command.params)))


@contextmanager
def _translated(command: Any, ctx: Any) -> Iterator[None]:
    """Within it the texts of a command are those of the reader's language."""
    kept = [
        (item, name, getattr(item, name))
        for item in (command, *command.get_params(ctx))
        for name in ("help", "epilog")
        if hasattr(item, name)
    ]
    try:
        for item, name, text in kept:
            setattr(item, name, text and _looked_up(text))
        yield
    finally:
        for item, name, text in kept:
            setattr(item, name, text)


def _refused(error: Any) -> str:
    """The parser's refusal as a sentence of ours; one that is not known here stays English."""
    hint = error.param.get_error_hint() if getattr(error, "param", None) is not None else None
    if hasattr(error, "param_type") and hint:
        return say("{parameter} is missing; --help shows the options", parameter=hint)
    if hint and _CHOICE in error.message:
        value, _, choices = error.message.partition(_CHOICE)
        return say("{parameter}: {value} is none of {choices}", parameter=hint, value=value, choices=choices.rstrip("."))
    if hint:
        return say("a value that does not fit, for {parameter}: {error}", parameter=hint, error=error.message)
    if hasattr(error, "possibilities"):
        near = say("; did you mean {near}?", near=", ".join(sorted(error.possibilities))) if error.possibilities else ""
        return say("no option is called {name}", name=error.option_name) + near
    if hasattr(error, "option_name"):
        return say("the option {name} needs a value", name=error.option_name)
    text: str = error.format_message()
    return text


def _wrapped(text: str, width: int) -> list[str]:
    from reports.formats.prose import wrap  # noqa: PLC0415 - English is laid out by typer

    return wrap(text, width)


def _is_english() -> bool:
    from reports.language.catalogue import ENGLISH, tag  # noqa: PLC0415 - only where a help or a refusal is asked for

    return tag() == ENGLISH


def _looked_up(text: str) -> str:
    from reports.language.catalogue import help_text  # noqa: PLC0415 - see above

    return help_text(text)
