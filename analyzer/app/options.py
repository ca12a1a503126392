"""The commands and options of ``analyze``, as typer declares them; loaded only when an option or another command is given."""

from __future__ import annotations

import re
import shlex
import sys
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from analyzer.app.command import COMMANDS, USAGE, RunOptions, interrupted, run
from analyzer.app.spoken_help import PlainCommand
from analyzer.app.writing import complain, put, save
from analyzer.model.errors import UsageError
from analyzer.model.message import say
from analyzer.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXAMPLE: Final = "Example:  analyze incident/        (a folder with lsof, netstat or ss, and jstack output)"
_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
KERNEL: Final = Path(__file__).parents[2] / "parsers" / "capture" / "kernel"
"""Looked at, not imported: ``--version`` answers at once."""
KINDS: Final = frozenset({"addresses", "hosts", "users", "packages"})
"""What ``--anonymize`` can be asked for; :mod:`reports.anonymize.anonymize` has them too, but costs time to load."""
_NAMES: Final = 200
"""Entries of a folder that a completion shows."""
_ONE_FORMAT: Final = (["diff"], ["fleet"])
"""Beginnings of command lines that write a single format."""
_GLUED: Final = re.compile(r"(?:--format=|-f(?=\w))(.+)")
app = typer.Typer(add_completion=True, rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=_SETTINGS)
commands = typer.Typer(add_completion=True, rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=_SETTINGS)


class ReportFormat(StrEnum):
    """Report formats."""

    HTML = "html"
    MD = "md"
    JIRA = "jira"
    TEXT = "text"
    JSON = "json"
    SUMMARY = "summary"


class Language(StrEnum):
    """Languages of reports; :mod:`reports.language.catalogue` has the catalogues."""

    EN = "en"
    KO = "ko"


class FailOn(StrEnum):
    """Severities that ``--fail-on`` accepts."""

    CRITICAL = "critical"
    WARNING = "warning"


def _incidents(ctx: typer.Context, incomplete: str) -> list[str]:
    """What completes a path: the commands where it is the first word, and the files that begin like it."""
    words = [] if ctx.params.get("paths") else sorted(word for word in COMMANDS if word.startswith(incomplete))
    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    try:
        entries = sorted(islice(folder.iterdir(), _NAMES))
    except OSError:
        entries = []
    begin = incomplete[: incomplete.rfind("/") + 1]
    files = [f"{begin}{entry.name}{'/' if entry.is_dir() else ''}" for entry in entries if not entry.name.startswith(".")]
    return words + [name for name in files if name.startswith(incomplete)]


def _rules(incomplete: str) -> list[str]:
    """The names of rules that begin like the word."""
    from analyzer.app.explain import names  # noqa: PLC0415 - loads all rules

    return [name for name in names() if name.startswith(incomplete)]


def option(*names: str, text: str, metavar: str | None = None, least: int | None = None) -> typer.models.OptionInfo:
    """An option as every command declares it; ``least`` is the smallest number that one takes."""
    made: typer.models.OptionInfo = typer.Option(*names, help=text, metavar=metavar, show_default=False, min=least)
    return made


FORMATS: Final = option(
    "--format",
    "-f",
    text="Report format; repeatable. Default: an html file, and the verdict on the terminal. summary: five lines for a chat; text: for tickets and mail.",
)


def _version() -> str:
    """The line of ``--version``: the kernel's kind stands in it."""
    built = [path for path in KERNEL.glob("compiled.*") if path.suffix in {".so", ".pyd"}]
    return f"closewait {VERSION}, capture kernel {'compiled' if built else 'interpreted: captures are read slower'}\n"


@app.command(
    cls=PlainCommand,
    epilog=f"{EXAMPLE}\n\nOther commands: analyze fleet DIR, analyze diff BEFORE AFTER, analyze report OLD, analyze collect, analyze explain [RULE], analyze schema (see their --help)",
)
def incident(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INCIDENT", help="Folders, archives, single files, or - for stdin.", show_default=False, autocompletion=_incidents
        ),
    ] = None,
    formats: Annotated[list[ReportFormat] | None, FORMATS] = None,
    output: Annotated[
        str | None,
        option("--output", "-o", metavar="PATH|DIR|-", text="Where to write; the format is guessed from the ending; - is stdout."),
    ] = None,
    host: Annotated[str | None, option("--host", metavar="NAME", text="Name of the host when the files do not tell.")] = None,
    timezone: Annotated[
        str | None, option("--timezone", metavar="ZONE", text="Zone of time stamps that carry none, such as Asia/Seoul.")
    ] = None,
    anonymize: Annotated[
        str | None,
        option(
            "--anonymize",
            metavar="[addresses,hosts,users,packages]",
            text="Pseudonyms in every output, the same everywhere; without a list: addresses, hosts and users.",
        ),
    ] = None,
    anonymize_map: Annotated[
        str | None,
        option("--anonymize-map", metavar="FILE", text="Keep the pseudonyms in a private file, for the next report to have the same."),
    ] = None,
    config: Annotated[
        str | None,
        option("--config", metavar="FILE", text="Own thread pools, frames and packages (TOML), as analyze.toml in the incident's folder."),
    ] = None,
    language: Annotated[
        Language, option("--lang", text="Language of reports, help and errors: English or Korean. Evidence stays as it is.")
    ] = Language.EN,
    fail_on: Annotated[FailOn | None, option("--fail-on", text="Exit 1 when a finding of that severity or above exists.")] = None,
    hashed: Annotated[
        bool,
        option(
            "--hash", text="SHA-256 of captures larger than 64 MiB, too: as long again as to read them. Without: of their first 64 MiB."
        ),
    ] = False,
    quiet: Annotated[bool, option("--quiet", "-q", text="No verdict on the terminal.")] = False,
    verbose: Annotated[bool, option("--verbose", "-v", text="Say on stderr what was read; show tracebacks of defects.")] = False,
    show_version: Annotated[bool, option("--version", text="Show the version and exit.")] = False,
) -> None:
    """Read what was saved of a hung or leaking server and say what is wrong, with the evidence, and what to do."""
    if show_version:
        put(_version())
        return
    if not paths:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(USAGE)
    request = RunOptions(
        paths,
        tuple(form.value for form in formats or ()),
        output,
        host,
        timezone,
        fail_on.value if fail_on else None,
        quiet,
        verbose,
        anonymize,
        anonymize_map,
        config,
        language.value,
        hashed=hashed,
    )
    try:
        code = run(request, shlex.join(["analyze", *(context.obj or sys.argv[1:])]))
    except UsageError as error:
        refuse(error.text)
    except KeyboardInterrupt:
        code = interrupted()  # typer would end without a word
    raise typer.Exit(code)


@commands.command("explain", cls=PlainCommand)
def explain(
    rule: Annotated[
        str | None,
        typer.Argument(
            metavar="[RULE]",
            help="A rule's name, such as self-call-starvation, or a known issue, such as 'netty #7877'.",
            show_default=False,
            autocompletion=_rules,
        ),
    ] = None,
    language: Annotated[Language, option("--lang", text="Language of the explanation: English or Korean.")] = Language.EN,
) -> None:
    """Say what a rule looks for, why it matters, what to do, and when it is wrong; without RULE: list them. Known issues are told by their identifiers."""
    from analyzer.app.explain import listing, near_rules, text  # noqa: PLC0415 - loads all rules
    from reports.language.catalogue import speaking  # noqa: PLC0415 - only needed here

    with speaking(language.value):
        found = listing() if rule is None else text(rule)
    if found is None:
        near = near_rules(rule or "")
        hint = (
            say("did you mean {near}?", near=", ".join(near))
            if near
            else say("'analyze explain' lists them, docs/known-issues.md the known issues")
        )
        refuse(say("no rule is called {rule!r}; {hint}", rule=rule, hint=hint))
    put(found)


class Unimproved(StrEnum):
    """Results that ``diff --fail-on`` accepts."""

    SAME = "same"
    WORSE = "worse"


@commands.command(
    "diff", cls=PlainCommand, epilog="Exit 0 whatever came out; 1 only through --fail-on; 2 wrong usage; 3 nothing usable to read."
)
def diff(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="BEFORE AFTER…",
            help="Incidents of one server, or reports of them (HTML or JSON), in the order of time.",
            show_default=False,
        ),
    ],
    form: Annotated[ReportFormat | None, option("--format", "-f", text="Format; default: text.")] = None,
    output: Annotated[
        str | None, option("--output", "-o", metavar="PATH|-", text="Where to write; the format is guessed from the ending.")
    ] = None,
    host: Annotated[str | None, option("--host", metavar="NAME", text="Name of the host when the files do not tell.")] = None,
    timezone: Annotated[str | None, option("--timezone", metavar="ZONE", text="Zone of time stamps that carry none.")] = None,
    config: Annotated[str | None, option("--config", metavar="FILE", text="Own thread pools, frames and packages (TOML).")] = None,
    anonymize: Annotated[
        str | None, option("--anonymize", metavar="[addresses,hosts,users,packages]", text="Pseudonyms, the same on all sides.")
    ] = None,
    anonymize_map: Annotated[str | None, option("--anonymize-map", metavar="FILE", text="Keep the pseudonyms in a private file.")] = None,
    language: Annotated[Language, option("--lang", text="Language of the comparison: English or Korean.")] = Language.EN,
    fail_on: Annotated[
        Unimproved | None, option("--fail-on", text="Exit 1 when the result is worse, or (same) when no improvement is shown.")
    ] = None,
    same_server: Annotated[bool, option("--same-server", text="All are of one server, though no served port is common.")] = False,
) -> None:
    """Say what changed: findings gone, new and the same, counts, pools, stacks that stayed, and whether it is fixed, better, the same or worse. More than two stand side by side."""
    from analyzer.app.diff import Comparison, run  # noqa: PLC0415 - loads all that an analysis needs

    options = (form.value if form else None, output, host, timezone, config, fail_on.value if fail_on else None, anonymize, anonymize_map)
    try:
        code = run(Comparison(paths, *options, language.value, same_server))
    except UsageError as error:
        refuse(error.text)
    except KeyboardInterrupt:
        code = interrupted()  # typer would end without a word
    raise typer.Exit(code)


@commands.command("collect", cls=PlainCommand, epilog="Exit code of the analysis; 2 if nothing could be collected.")
def collect(
    pid: Annotated[
        int | None, typer.Argument(metavar="[PID]", help="Collect of this process, here, and analyse it.", show_default=False)
    ] = None,
    seconds: Annotated[int | None, typer.Argument(metavar="[SECONDS]", help="Between two rounds (10).", show_default=False)] = None,
    capture: Annotated[bool, option("--capture", text="Also packets of the ports that it listens on (tcpdump).")] = False,
    sigquit: Annotated[bool, option("--sigquit", text="If no tool gets a thread dump, ask the JVM for one with signal 3.")] = False,
    gdb: Annotated[bool, option("--gdb", text="Stacks of a native program by gdb, which stops it for about a second each time.")] = False,
    pprof: Annotated[str | None, option("--pprof", metavar="URL", text="Stacks of a Go program that serves net/http/pprof there.")] = None,
    output: Annotated[str | None, option("--output", "-o", metavar="PATH", text="Write the script there.")] = None,
) -> None:
    """Print a shell script that gathers the artifacts on a host, or with PID run it here and analyse what it gathers."""
    from analyzer.app.collect import USE, collected, script  # noqa: PLC0415 - only needed here

    flags = [flag for flag, given in (("--capture", capture), ("--sigquit", sigquit), ("--gdb", gdb), ("--pprof", pprof)) if given]
    if pid is None:
        if flags:
            refuse(say("{flag} is for a process: analyze collect {flag} PID", flag=flags[0]))
        _print_script(script(), USE, output)
        return
    if output is not None:
        refuse(say("-o is for the script; the archive and the report are written to the current folder"))
    words = [*flags, *([pprof] if pprof else []), str(pid), *([] if seconds is None else [str(seconds)])]
    try:
        code, archive = collected(words)
    except OSError as error:
        refuse(say("cannot run the shell: {error}; 'analyze collect > collect.sh' prints the script", error=error.strerror or error))
    if code or not archive:
        raise typer.Exit(code or USAGE)
    raise typer.Exit(run(RunOptions([archive]), shlex.join(["analyze", archive])))


def _print_script(text: str, use: str, output: str | None) -> None:
    """Print the script, or write it to a file. A terminal gets how to use it: nobody reads six hundred lines of shell there."""
    if output is not None and output != "-":
        try:
            save(Path(output), text)
        except UsageError as error:
            refuse(error.text)
        complain(say("{output} is written; on the host: sh {name} PID", output=output, name=Path(output).name))
        return
    put(use if output is None and sys.stdout is not None and sys.stdout.isatty() else text)


@commands.command("schema", cls=PlainCommand)
def schema() -> None:
    """Print the JSON Schema of the json format."""
    from reports.contract import json_v1 as json_contract  # noqa: PLC0415 - loads the contract's types

    put(json_contract.schema())


def prepared(given: Sequence[str]) -> list[str]:
    """The arguments with a value for ``--anonymize``, which has one only where kinds follow it that are no path; of ``-f a,b`` each by itself."""
    words = list(given if list(given[:1]) in _ONE_FORMAT else _separated(given))
    made: list[str] = []
    for index, word in enumerate(words):
        if word != "--anonymize" or "--" in words[:index]:
            made.append(word)
            continue
        following = words[index + 1] if index + 1 < len(words) else ""
        is_list = following and set(following.split(",")) <= KINDS and not Path(following).exists()
        made.append(word if is_list else f"{word}=")
    return made


def _separated(given: Sequence[str]) -> Iterator[str]:
    """``-f md,json``, ``-fmd,json`` and ``--format=md,json`` as ``-f md -f json``."""
    words = iter(given)
    for word in words:
        if word == "--":
            yield word
            break
        value = next(words, None) if word in {"-f", "--format"} else (_GLUED.match(word) or {1: None})[1]
        if value is None:
            yield word
            continue
        for form in value.split(","):
            yield from ("-f", form.strip())
    yield from words


def refuse(message: str) -> NoReturn:
    """Say what is wrong with the request, and end."""
    complain(message)
    raise typer.Exit(USAGE)
