"""The main job, without an option parser: a request becomes reports and an exit code."""

from __future__ import annotations

import gc
import shlex
import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.app.writing import complain, disclosed
from analyzer.model.errors import Disclosed, Unusable, UsageError, text_of
from analyzer.model.message import say
from analyzer.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from analyzer.app.anonymous import Mask
    from analyzer.app.progress import Progress
    from analyzer.app.settings import Settings
    from analyzer.model.finding import Diagnosis
    from analyzer.model.incident import Incident

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as shells have it."""
ANALYSED, FAILED, USAGE, UNUSABLE, DEFECT = 0, 1, 2, 3, 4
"""Exit codes: analysed, whatever was found; ``--fail-on`` found something; wrong usage; nothing usable to read; a defect of the tool."""

_TOLD: Final = 8
"""Files of no known format that are named where none is known."""
COMMANDS: Final = frozenset({"collect", "diff", "explain", "fleet", "report", "schema"})
"""Words that are commands, unless a path of that name exists."""
SEVERITIES: Final = {"critical": {"critical"}, "warning": {"critical", "warning"}}
"""What each word of ``--fail-on`` asks for."""


class RunOptions(NamedTuple):
    """What the user asked for; ``fail_on`` is "critical", "warning" or None; ``anonymize`` names kinds, "" the usual ones, None nobody."""

    paths: Sequence[str]
    formats: Sequence[str] = ()
    output: str | None = None
    host: str | None = None
    timezone: str | None = None
    fail_on: str | None = None
    quiet: bool = False
    verbose: bool = False
    anonymize: str | None = None
    anonymize_map: str | None = None
    config: str | None = None
    language: str = "en"
    together: bool = False
    """True to read as one incident whatever the folders look like."""
    inside: str | None = None
    """The folder inside the one archive that is the incident."""
    hashed: bool = False
    """True to take the SHA-256 of large captures whole."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Work on one incident without the cyclic collector: what is made lives until the end, which is near, and to look through it takes a sixth of the time.

    What is there afterwards is set aside too, or the collector would look through it when the process ends.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


@uncollected()
def run(request: RunOptions, command: str) -> int:
    """Analyse, write the reports, and say how it went. ``command`` is the command line, for the report.

    Raises:
        UsageError: if an option does not fit.
    """
    mask = _mask(request)
    try:
        diagnosis, incident = analysed(request)
    except Unusable as error:
        complain(error.text)
        return UNUSABLE
    from analyzer.app.output import Job, write  # noqa: PLC0415 - see below

    if request.verbose:
        for item in diagnosis.inputs:
            complain(f"{item.file}: {item.format or item.note or 'no known format'}, {item.records} records")
    usable = bool(diagnosis.findings) or any(item.records for item in diagnosis.inputs)
    shown, line, guard = diagnosis, command, None
    try:
        if mask is not None:
            shown, line, guard = mask.put_on(diagnosis, incident, command, request.host)
        write(
            Job(shown, request.paths, request.formats, request.output, request.quiet, line, VERSION, guard, request.language, page=usable)
        )
    except Disclosed as error:
        complain(disclosed(error))
        return DEFECT
    if not usable:
        known = any(item.format for item in diagnosis.inputs)
        files = "".join(f"; {item.file}: {item.note or item.format or 'no format that is known'}" for item in diagnosis.inputs[:_TOLD])
        complain(
            say("nothing to judge: nothing in the {count} files tells of trouble", count=len(diagnosis.inputs)) + files
            if known
            else say("nothing usable to read: none of the {count} files is of a kind that this tool knows", count=len(diagnosis.inputs))
            + files
        )
        return UNUSABLE
    return _fail(diagnosis, request.fail_on)


def analysed(request: RunOptions) -> tuple[Diagnosis, Incident]:
    """The diagnosis of what was asked for, and the incident it is of.

    Raises:
        UsageError: if an option does not fit.
        Unusable: if nothing that can be read was given.
    """
    known, notes = _settings(request)
    from analyzer.intake.read import read  # noqa: PLC0415 - a wrong option must not wait for the parsers

    with _watch(request) as watch:
        try:
            evidence = read(request.paths, request.host, request.timezone, request.inside, hashed=request.hashed)
        except ValueError as error:
            raise UsageError(text_of(error)) from error
        if evidence.several is not None and not request.together:
            raise UsageError(_several(request.paths[0], evidence.several))
        from analyzer.judge.engine import diagnose  # noqa: PLC0415 - an unreadable path must not wait for the rules

        if watch is not None:
            watch.step("judging")
        found = diagnose(evidence.incident, lambda where: evidence.sources[where.file].excerpt(where), known=known, notes=notes)
    return found, evidence.incident


def _several(path: str, folders: tuple[str, str]) -> str:
    first, second = folders
    return say(
        "{path} holds several incidents: {first} and {second} have other processes and no connection with each other."
        " “analyze fleet {quoted}” analyses each by itself; give the folders one by one to read them as one incident",
        path=path,
        first=first,
        second=second,
        quoted=shlex.quote(path),
    )


def _watch(request: RunOptions) -> AbstractContextManager[Progress | None]:
    """A line about long work for whoever looks at the terminal."""
    if request.quiet or sys.stderr is None or not sys.stderr.isatty():
        return nullcontext()
    from analyzer.app.progress import Progress  # noqa: PLC0415 - see above

    return Progress(request.paths)


def checked(request: RunOptions) -> None:
    """Refuse a zone or a file of settings before many incidents are begun.

    Raises:
        UsageError: if there is no such zone, or the settings cannot be read.
    """
    _settings(request._replace(paths=()))
    from analyzer.intake.zones import zone_of  # noqa: PLC0415 - see above

    try:
        zone_of(request.timezone)
    except ValueError as error:
        raise UsageError(text_of(error)) from error


def _settings(request: RunOptions) -> Settings:
    from analyzer.app.settings import settings  # noqa: PLC0415 - see above

    try:
        return settings(request.paths, request.config)
    except ValueError as error:
        raise UsageError(text_of(error)) from error


def _mask(request: RunOptions) -> Mask | None:
    """The pseudonyms that were asked for; None without ``--anonymize``."""
    if request.anonymize is None and request.anonymize_map is None:
        return None
    from analyzer.app.anonymous import Mask  # noqa: PLC0415 - rarely asked for

    return Mask.made(request.anonymize or "", request.anonymize_map, request.paths)


def _fail(diagnosis: Diagnosis, fail_on: str | None) -> int:
    if fail_on is None:
        return ANALYSED
    bad = [finding for finding in diagnosis.findings if finding.severity.value in SEVERITIES[fail_on]]
    if not bad:
        return ANALYSED
    complain(
        say(
            "exit 1 because of --fail-on {asked}: {found}",
            asked=fail_on,
            found=say("{finding} is {severity}", finding=f"{bad[0].id} {bad[0].rule}", severity=bad[0].severity.value),
        )
    )
    return FAILED


def interrupted() -> int:
    """Say that Ctrl-C was heard; the exit code for it."""
    complain(say("interrupted; no unfinished report was left behind"))
    return INTERRUPTED
