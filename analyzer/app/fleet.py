"""``analyze fleet DIR|ARCHIVE…``: every incident below, one row each, grouped by cause."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from analyzer.app.command import ANALYSED, FAILED, SEVERITIES, UNUSABLE, RunOptions, checked
from analyzer.app.incident_row import Options, Outcome, Task, broken, carried, prepare, row_of
from analyzer.app.writing import STDOUT, complain, no_ending, note, put, save
from analyzer.fleet.engine import Lost, Run, cores, here, processes
from analyzer.fleet.find import Unit, find
from analyzer.fleet.finished import Finished, Line, bytes_of, key_of
from analyzer.fleet.history import Store, history, span_of
from analyzer.fleet.together import outages
from analyzer.model.errors import Unusable, UsageError
from analyzer.model.message import say
from analyzer.version import VERSION
from reports.fleet import contract
from reports.fleet.trend import rendered as rendered_history
from reports.language.catalogue import speaking, tell
from reports.text_safety import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import timedelta

    from analyzer.fleet.engine import Engine
    from reports.fleet.contract import Fleet, Row
    from reports.fleet.history import History

ENDINGS: Final = {".html": "html", ".htm": "html", ".json": "json", ".tsv": "tsv", ".txt": "text"}
_BEAT: Final = 0.2  # seconds between two lines of progress
_CLEAR: Final = "\r\x1b[K"
_UNSAFE: Final = re.compile(r"[^\w.-]+")
_NAME: Final = 80  # characters of a report's name


class Asked(msgspec.Struct, frozen=True):
    """What the user asked for; see :class:`analyzer.app.command.RunOptions`. ``jobs`` 0: as many as there are processors."""

    paths: Sequence[str]
    form: str | None = None
    output: str | None = None
    reports: str | None = None
    resume: str | None = None
    jobs: int = 0
    timezone: str | None = None
    config: str | None = None
    language: str = "en"
    fail_on: str | None = None
    quiet: bool = False
    scheduler: str | None = None
    ship: bool = False
    store: str | None = None
    since: str | None = None
    together: bool = False


def run(asked: Asked) -> int:
    """Find the incidents, analyse each, and print or write the table.

    Raises:
        UsageError: if an option does not fit.
    """
    form = _form(asked)
    span = _span(asked)
    for target in (asked.output, asked.reports, asked.resume, asked.store):
        if target is not None and target not in STDOUT:
            _outside(target, asked.paths)
    checked(RunOptions(asked.paths, timezone=asked.timezone, config=asked.config))
    try:
        fleet = _analysed(asked) if asked.paths else None
    except Unusable as error:
        complain(error.text)
        return UNUSABLE
    with speaking(asked.language):
        text = _rendered(form, fleet, asked.output) if fleet is not None and span is None else ""
        if span is not None:
            text = rendered_history(form, _history(str(asked.store), span))
        saved = tell("Report: {path}", path=asked.output)
    if asked.output is None or asked.output in STDOUT:
        put(text)
    else:
        save(Path(asked.output), text)
        put("" if asked.quiet else f"{saved}\n")
    return ANALYSED if fleet is None else _code(fleet.incidents, asked.fail_on)


def _span(asked: Asked) -> timedelta | None:
    """The span of time that the history is asked for.

    Raises:
        UsageError: if it is none, or the options do not say what to look at.
    """
    if asked.since is not None and asked.store is None:
        raise UsageError(say("--since asks a history; name its file with --store"))
    if not asked.paths and asked.since is None:
        raise UsageError(say("no incident was named: analyze fleet DIR|ARCHIVE…"))
    return None if asked.since is None else span_of(asked.since)


def _analysed(asked: Asked) -> Fleet:
    """The table of every incident below the paths.

    Raises:
        Unusable: if there is none.
    """
    with _looking(quiet=asked.quiet):
        found = find(asked.paths)
    if not found.units:
        raise Unusable(
            say("{paths}: no incident here: no archive, and no file of a kind that this tool knows", paths=", ".join(asked.paths))
        )
    units, done = list(found.units), _done(asked, found.units)
    seen = outages({number: one.ends for number, one in enumerate(done) if units[number].inside is None})
    if asked.together and seen:
        joined = [_joined([units[number] for number in numbers]) for numbers in seen]
        alone = [number for number in range(len(units)) if not any(number in numbers for numbers in seen)]
        made = _done(asked, joined)
        units, done = [*(units[number] for number in alone), *joined], [*(done[number] for number in alone), *made]
        seen = []
    with speaking(asked.language):
        why = tell("saved within minutes, and each has connections with the addresses of the other")
    together = [contract.Together(tuple(units[number].label for number in numbers), why) for numbers in seen]
    rows = _remembered(asked, [one.row for one in done], units)
    return contract.fleet_of(rows, VERSION, found.passed, together)


def _joined(units: Sequence[Unit]) -> Unit:
    """Incidents of several hosts as one."""
    paths = [path for unit in units for path in unit.paths]
    return Unit(paths[0], " + ".join(unit.label for unit in units), also=tuple(paths[1:]))


def _remembered(asked: Asked, rows: list[Row], units: Sequence[Unit]) -> list[Row]:
    """The rows with what the history knows of their causes; it learns them."""
    if asked.store is None:
        return rows
    contents = [bytes_of(unit) for unit in units]
    mine = {content: row for content, row in zip(contents, rows, strict=True) if content is not None}
    with Store(Path(asked.store)) as store:
        known = store.known(mine)
        store.keep(mine)
    return [contract.with_history(row, known) for row in rows]


def _history(file: str, span: timedelta) -> History:
    with Store(Path(file)) as store:
        return history(store.incidents(), span)


def _form(asked: Asked) -> str:
    if asked.form is not None:
        return asked.form
    if asked.output is None or asked.output in STDOUT:
        return "text"
    form = ENDINGS.get(Path(asked.output).suffix.lower())
    if form is None:
        raise UsageError(no_ending(asked.output))
    return form


def _outside(target: str, evidence: Iterable[str]) -> None:
    """Refuse a target inside the evidence, which is never written to.

    Raises:
        UsageError: if it lies there.
    """
    real = Path(os.path.realpath(target))
    for root in (Path(os.path.realpath(path)) for path in evidence):
        if real == root or (root.is_dir() and real.is_relative_to(root)):
            raise UsageError(say("{target} lies inside the evidence, which is never written to", target=target))


def _engine(asked: Asked, incidents: int) -> Engine:
    if asked.scheduler is not None:
        from analyzer.fleet.cluster import cluster  # noqa: PLC0415 - an extra

        return cluster(asked.scheduler)
    if asked.ship:
        raise UsageError(say("--ship sends bytes to the workers of a cluster; name it with --scheduler"))
    jobs = min(asked.jobs or cores(), incidents)
    return here() if jobs <= 1 else processes(jobs, prepare)


def _done(asked: Asked, units: Sequence[Unit]) -> list[Outcome]:
    """What came out of every incident, in the order of ``units`` whichever is done first."""
    options = Options(asked.timezone, asked.config, asked.language, reports=asked.reports is not None)
    finished = Finished(Path(asked.resume)) if asked.resume is not None else None
    keys: list[str | None] = [None] * len(units)
    done: dict[int, Outcome] = {}
    if finished is not None:
        salt = (*(f"{value}" for value in options[:3]), _content(asked.config))
        for number, unit in enumerate(units):
            keys[number] = key_of(bytes_of(unit), salt)
            old = finished.line(keys[number] or "")
            report = None if asked.reports is None else Path(asked.reports, _report_name(unit))
            if old is not None and (report is None or report.is_file()):
                row = replace(old.row, path=unit.label, name=_name(unit, old.row), report=None if report is None else str(report))
                done[number] = Outcome(row, None, old.ends)
    progress = _Progress(len(units), len(done), quiet=asked.quiet)
    try:
        todo = [number for number in range(len(units)) if number not in done]
        engine = _engine(asked, len(todo))
        for number, made in Run(engine, row_of, lambda number: _task(asked, units[number], options)).over(todo):
            row = _kept(asked, units[number], made)
            done[number] = Outcome(row) if isinstance(made, Lost) else Outcome(row, None, made.ends)
            key = keys[number]
            if finished is not None and key is not None and not isinstance(made, Lost):
                finished.keep(Line(key, replace(row, report=None), made.ends))
            progress.step(len(done))
    finally:
        progress.end()
        if finished is not None:
            finished.close()
    return [done[number] for number in range(len(units))]


def _task(asked: Asked, unit: Unit, options: Options) -> Task:
    """The task of an incident; workers of a cluster stand in another folder, or on another machine."""
    if asked.scheduler is None:
        return Task(unit, options)
    if asked.ship:
        settings = None if asked.config is None else Path(asked.config).read_bytes()
        return Task(unit, options, carried(unit), settings)
    at = tuple(str(Path(path).absolute()) for path in unit.paths)
    config = None if asked.config is None else str(Path(asked.config).absolute())
    return Task(unit._replace(path=at[0], also=at[1:]), options._replace(config=config))


def _content(file: str | None) -> str:
    if file is None:
        return ""
    with suppress(OSError):
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return ""


def _name(unit: Unit, row: Row) -> str:
    """The name that the row has where the same bytes lay elsewhere before."""
    return row.name if row.path == unit.label else unit.label.rpartition("/")[2]


def _kept(asked: Asked, unit: Unit, made: Outcome | Lost) -> Row:
    """The row; its report is written as soon as it is there."""
    if isinstance(made, Lost):
        return broken(unit, made.why)
    if made.report is None or asked.reports is None:
        return made.row
    target = Path(asked.reports, _report_name(unit))
    save(target, made.report)
    return replace(made.row, report=str(target))


def _report_name(unit: Unit) -> str:
    """The file of an incident's own report: readable, and of that incident alone."""
    mark = hashlib.sha256(unit.label.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{_UNSAFE.sub('-', unit.label)[-_NAME:].strip('.-') or 'incident'}-{mark}.html"


def _rendered(form: str, fleet: Fleet, output: str | None) -> str:
    match form:
        case "json":
            return contract.json(fleet)
        case "html":
            from reports.fleet import html  # noqa: PLC0415 - the template engine is loaded only where it is needed

            here = "." if output is None or output in STDOUT else str(Path(output).parent)
            linked = tuple(replace(row, report=os.path.relpath(row.report, here)) if row.report else row for row in fleet.incidents)
            return html.render(replace(fleet, incidents=linked))
        case _:
            from reports.fleet import text  # noqa: PLC0415 - see above

            if form == "tsv":
                return text.tsv(fleet)
            to_terminal = output is None or output in STDOUT
            width = shutil.get_terminal_size((text.WIDTH, 24)).columns if to_terminal else text.WIDTH
            return text.text(fleet, max(60, min(width, 160)))


def _code(rows: Sequence[Row], fail_on: str | None) -> int:
    """The exit code: of the worst incident, as one of them alone would end."""
    broken = [row for row in rows if row.error is not None]
    if broken:
        first = f"{plain(broken[0].path)}: {plain(broken[0].error or '')}"
        complain(say("{broken} of {all} incidents could not be analysed; first {first}", broken=len(broken), all=len(rows), first=first))
    if len(broken) == len(rows):
        return UNUSABLE
    if fail_on is None:
        return ANALYSED
    bad = [row for row in rows if row.worst is not None and row.worst.value in SEVERITIES[fail_on]]
    if not bad:
        return ANALYSED
    worst = min(bad, key=lambda row: (row.worst.rank if row.worst else 9, row.path))
    complain(
        say(
            "exit 1 because of --fail-on {asked}: {path} has a finding that is {severity}; incidents that have one: {count}",
            asked=fail_on,
            path=plain(worst.path),
            severity=worst.worst,
            count=len(bad),
        )
    )
    return FAILED


@contextmanager
def _looking(*, quiet: bool) -> Iterator[None]:
    """A line on a terminal while incidents are looked for: a hundred thousand files take minutes on a slow disk."""
    shown = not quiet and sys.stderr is not None and sys.stderr.isatty()
    note(f"{_CLEAR}analyze: looking for incidents" if shown else "")
    yield
    note(_CLEAR if shown else "")


class _Progress:
    """A line on stderr: how many are done, how fast, and how long it takes still. Only on a terminal."""

    def __init__(self, total: int, done: int, *, quiet: bool) -> None:
        self._total, self._before = total, done
        self._shown = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._began = self._last = time.monotonic()

    def step(self, done: int) -> None:
        """Say that so many are done."""
        now = time.monotonic()
        if not self._shown or now - self._last < _BEAT:
            return
        self._last = now
        rate = (done - self._before) / max(now - self._began, 0.001)
        note(f"{_CLEAR}analyze: {done:,} of {self._total:,} incidents, {rate:.1f}/s, {_left((self._total - done) / max(rate, 0.001))} left")

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            note(_CLEAR)


def _left(seconds: float) -> str:
    if seconds < 100:  # noqa: PLR2004 - seconds are read up to there
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"
