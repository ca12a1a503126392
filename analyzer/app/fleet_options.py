"""The options of ``analyze fleet`` and ``analyze report``; loaded with those of the other commands."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from typing import Annotated

import typer

from analyzer.app.command import interrupted
from analyzer.app.options import FailOn, Language, ReportFormat, commands, option, refuse
from analyzer.app.spoken_help import PlainCommand
from analyzer.model.errors import UsageError
from analyzer.model.message import say

__all__ = ["commands"]


class Table(StrEnum):
    """Formats of the table."""

    TEXT = "text"
    TSV = "tsv"
    JSON = "json"
    HTML = "html"


@commands.command(
    "fleet",
    cls=PlainCommand,
    epilog="Exit 0 whatever came out; 1 only through --fail-on; 2 wrong usage; 3 nothing usable to read. docs/fleet.md says more.",
)
def fleet(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="DIR|ARCHIVE...", help="Folders and archives with incidents in them.", show_default=False),
    ] = None,
    form: Annotated[Table | None, option("--format", "-f", text="Format; default: text.")] = None,
    output: Annotated[
        str | None, option("--output", "-o", metavar="PATH|-", text="Where to write; the format is guessed from the ending.")
    ] = None,
    reports: Annotated[
        str | None, option("--reports", metavar="DIR", text="Write the report of each incident there; the html table links to it.")
    ] = None,
    resume: Annotated[
        str | None,
        option("--resume", metavar="FILE", text="Keep what is done in a file: it is not done again unless its bytes have changed."),
    ] = None,
    store: Annotated[
        str | None,
        option("--store", metavar="FILE", text="Keep a history (SQLite), and say of each cause whether it is new, known or returned."),
    ] = None,
    since: Annotated[
        str | None,
        option("--since", metavar="30d", text="Ask the history: which causes are new, returned, known or gone, per service and version."),
    ] = None,
    together: Annotated[
        bool,
        option(
            "--together",
            text="Read bundles of several hosts as one incident where they were saved within minutes and name each other's addresses.",
        ),
    ] = False,
    jobs: Annotated[int, option("--jobs", "-j", metavar="N", text="Processes; default: one for each processor.", least=0)] = 0,
    scheduler: Annotated[
        str | None, option("--scheduler", metavar="tcp://HOST:PORT", text="Run on the workers of a Dask cluster (needs closewait[fleet]).")
    ] = None,
    ship: Annotated[bool, option("--ship", text="Send the bytes to the workers of the cluster, which do not see the paths.")] = False,
    timezone: Annotated[str | None, option("--timezone", metavar="ZONE", text="Zone of time stamps that carry none.")] = None,
    config: Annotated[str | None, option("--config", metavar="FILE", text="Own thread pools, frames and packages (TOML).")] = None,
    language: Annotated[Language, option("--lang", text="Language of the table: English or Korean.")] = Language.EN,
    fail_on: Annotated[FailOn | None, option("--fail-on", text="Exit 1 when an incident has a finding of that severity or above.")] = None,
    quiet: Annotated[bool, option("--quiet", "-q", text="No progress, and no line about what was written.")] = False,
    anonymize: Annotated[str | None, typer.Option("--anonymize", hidden=True)] = None,
) -> None:
    """Analyse every incident below, one row each, grouped by cause: archives, collections, and folders with artifacts in them."""
    if anonymize is not None:
        refuse(say("fleet: --anonymize is not available for many incidents; analyse those that are passed on one by one with it"))
    from analyzer.app.fleet import Asked, run  # noqa: PLC0415 - loads all that an analysis needs

    chosen = (form.value if form else None, output, reports, resume, jobs, timezone, config, language.value)
    try:
        code = run(Asked(paths or (), *chosen, fail_on.value if fail_on else None, quiet, scheduler, ship, store, since, together))
    except UsageError as error:
        refuse(error.text)
    except KeyboardInterrupt:
        code = interrupted()  # typer would end without a word
    raise typer.Exit(code)


@commands.command("report", cls=PlainCommand, epilog="Exit 0 written; 2 wrong usage; 3 no report that can be read.")
def report(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="OLD", help="A report that was kept as html or json.")],
    formats: Annotated[list[ReportFormat] | None, option("--format", "-f", text="Report format; repeatable. Default: text.")] = None,
    output: Annotated[
        str | None,
        option("--output", "-o", metavar="PATH|DIR|-", text="Where to write; the format is guessed from the ending; - is stdout."),
    ] = None,
    language: Annotated[Language, option("--lang", text="Language of the report: English or Korean.")] = Language.EN,
    quiet: Annotated[bool, option("--quiet", "-q", text="No verdict on the terminal.")] = False,
    anonymize: Annotated[str | None, typer.Option("--anonymize", hidden=True)] = None,
) -> None:
    """Write a kept report once more, in any format or language, without its evidence."""
    if anonymize is not None:
        refuse(say("report: --anonymize needs the evidence; analyse it again with --anonymize"))
    from analyzer.app.kept_report import Asked, run  # noqa: PLC0415 - loads the contract and the view

    try:
        code = run(
            Asked(path, tuple(form.value for form in formats or ()), output, language.value, quiet),
            shlex.join(["analyze", *(context.obj or sys.argv[1:])]),
        )
    except UsageError as error:
        refuse(error.text)
    except KeyboardInterrupt:
        code = interrupted()  # typer would end without a word
    raise typer.Exit(code)
