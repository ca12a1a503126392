"""The command line: arguments in, exit code out, no thinking. Heavy imports stay inside the command that needs them."""

from __future__ import annotations

import os
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.finding import Diagnosis

FAILED, USAGE, UNUSABLE, DEFECT = 1, 2, 3, 4
EXAMPLE: Final = "Example:  analyze incident/        (a folder with lsof, netstat or ss, and jstack output)"

_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=_SETTINGS)
commands = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=_SETTINGS)


class Format(StrEnum):
    """Report formats; the value is also the ending of the file's name."""

    HTML = "html"
    MD = "md"
    JIRA = "jira"
    TEXT = "text"
    JSON = "json"
    SUMMARY = "summary"


class FailOn(StrEnum):
    """Severities that ``--fail-on`` accepts."""

    CRITICAL = "critical"
    WARNING = "warning"


@app.command("incident", epilog=f"{EXAMPLE}\n\nOther commands: analyze explain [RULE] · analyze schema")
def incident(
    context: typer.Context,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="INCIDENT", help="Folders, single files, or - for stdin.", show_default=False)
    ] = None,
    formats: Annotated[
        list[Format] | None,
        typer.Option(
            "--format", "-f", help="Report format; repeatable. Default: an html file, and the verdict on the terminal.", show_default=False
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH|DIR|-",
            help="Where to write; the format is guessed from the ending; - is stdout.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="NAME", help="Name of the host when the files do not tell.", show_default=False)
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", metavar="ZONE", help="Zone of time stamps that carry none, such as Asia/Seoul.", show_default=False),
    ] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option("--fail-on", help="Exit 1 when a finding of that severity or above exists.", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No verdict on the terminal.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say on stderr what was read; show tracebacks of defects.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Read what was saved of a hung or leaking server and say what is wrong, with the evidence, and what to do."""
    if version:
        print(f"closewait {_version()}")  # noqa: T201 - the answer
        return
    if not paths:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(USAGE)
    from analyzer.intake import Unusable, read

    try:
        evidence = read(paths, host, timezone)
    except Unusable as error:
        _stop(str(error), UNUSABLE)
    except ValueError as error:
        _stop(str(error), USAGE)
    from analyzer.engine import diagnose

    diagnosis = diagnose(evidence.incident, lambda where: evidence.sources[where.file].excerpt(where))
    if verbose:
        for item in diagnosis.inputs:
            typer.echo(f"{item.file}: {item.format or item.note or 'no known format'}, {item.records} records", err=True)
    from analyzer.output import Job, write

    write(Job(diagnosis, tuple(paths), tuple(formats or ()), output, quiet, _command(), _version()))
    if not any(item.records for item in diagnosis.inputs):
        _stop(f"nothing usable to read: none of the {len(diagnosis.inputs)} files is of a kind that this tool knows", UNUSABLE)
    _fail(diagnosis, fail_on)


@commands.command("explain")
def explain(
    rule: Annotated[
        str | None, typer.Argument(metavar="[RULE]", help="A rule's name, such as self-call-starvation.", show_default=False)
    ] = None,
) -> None:
    """Say what a rule looks for, why it matters, what to do, and when it is wrong; without RULE: list them."""
    from analyzer.explain import listing, text

    if rule is None:
        print(listing(), end="")  # noqa: T201 - the answer
        return
    found = text(rule)
    if found is None:
        _stop(f"no rule is called {rule!r}; 'analyze explain' lists them", USAGE)
    print(found, end="")  # noqa: T201 - the answer


@commands.command("schema")
def schema() -> None:
    """Print the JSON Schema of the json format."""
    from reports import json_contract

    print(json_contract.schema(), end="")  # noqa: T201 - the answer


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point of ``analyze``. A word that names an existing path is a path, even if it is also a command's name."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    other = bool(given) and given[0] in {"explain", "schema"} and not Path(given[0]).exists()
    _plain_output()
    try:
        (commands if other else app)(given, prog_name="analyze", standalone_mode=True)
    except BrokenPipeError:
        # The reader (head, less) has seen enough; the interpreter must not complain about it when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if {"-v", "--verbose"} & set(given):
            raise
        _stop_now(f"a defect of this tool: {type(error).__name__}: {error}. Please report it; -v shows where it happened", DEFECT)
    sys.exit(0)


def _plain_output() -> None:
    """Text that the terminal's encoding cannot show must not end the analysis."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _fail(diagnosis: Diagnosis, fail_on: FailOn | None) -> None:
    if fail_on is None:
        return
    severities = {"critical"} if fail_on is FailOn.CRITICAL else {"critical", "warning"}
    bad = [finding for finding in diagnosis.findings if finding.severity.value in severities]
    if bad:
        typer.echo(f"analyze: exit 1 because of --fail-on {fail_on.value}: {bad[0].id} {bad[0].rule} is {bad[0].severity.value}", err=True)
        raise typer.Exit(FAILED)


def _command() -> str:
    return shlex.join(["analyze", *sys.argv[1:]])


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("closewait")
    except PackageNotFoundError:
        return "0+unknown"


def _stop(message: str, code: int) -> NoReturn:
    typer.echo(f"analyze: {message}", err=True)
    raise typer.Exit(code)


def _stop_now(message: str, code: int) -> NoReturn:
    typer.echo(f"analyze: {message}", err=True)
    sys.exit(code)
