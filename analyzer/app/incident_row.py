"""One incident of many: read, judged, and made a row. The function that workers run, in whatever process or machine."""

from __future__ import annotations

import re
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from analyzer.app.command import RunOptions, analysed
from analyzer.fleet.finished import files_at
from analyzer.fleet.together import Ends, ends_of
from analyzer.intake.read import content_of
from analyzer.model.errors import Unusable, UsageError
from analyzer.model.message import say
from analyzer.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.fleet.find import Unit
    from analyzer.model.finding import Diagnosis
    from analyzer.model.incident import Incident
    from reports.fleet.contract import Row

_SMALL: Final = 256
"""Answers that a cache keeps about the processes of one incident; larger caches keep words and patterns, which all incidents share."""
_VERSION: Final = re.compile(r"\d+[\w.+-]*")
_COUNTER: Final = re.compile(r"(?:[-_.]|(?<!\d))\d+$")
_RUNTIMES: Final = frozenset({"java", "jsvc", "python", "python3", "node", "ruby", "php-fpm", "dotnet", "beam.smp"})


class Options(NamedTuple):
    """What holds for every incident of a run."""

    timezone: str | None = None
    config: str | None = None
    language: str = "en"
    reports: bool = False


class Task(NamedTuple):
    """An incident, and how to look at it. ``files``: its bytes by name, and ``settings``, where the worker does not see the paths."""

    unit: Unit
    options: Options
    files: tuple[tuple[str, bytes], ...] | None = None
    settings: bytes | None = None
    version: str = VERSION


class Outcome(msgspec.Struct, frozen=True):
    """A row, the incident's own report where it was asked for, and what ties the incident to others."""

    row: Row
    report: str | None = None
    ends: Ends = Ends()


class OtherVersionError(Exception):
    """The worker has another version of the tool than the process that gives the work."""


def prepare() -> None:
    """Load once what every incident needs: rules, contract, and the template of the report."""
    from analyzer.intake import archives, read  # noqa: F401, PLC0415
    from analyzer.judge import engine  # noqa: F401, PLC0415
    from analyzer.software.knowledge import knowledge  # noqa: PLC0415
    from reports.fleet import contract  # noqa: F401, PLC0415

    knowledge()


def row_of(task: Task) -> Outcome:
    """The row of an incident. Whatever is wrong with it stands in its row.

    Raises:
        OtherVersionError: if this is another version than the one that asks.
    """
    if task.version != VERSION:
        raise OtherVersionError(f"this worker has closewait {VERSION}, asked for {task.version}")
    try:
        return _of_task(task)
    finally:
        _forget()


def _of_task(task: Task) -> Outcome:
    unit = task.unit
    if unit.trouble is not None:
        return Outcome(broken(unit, unit.trouble))
    files = task.files
    if files is None:
        return _told(task, unit.paths)
    with tempfile.TemporaryDirectory(prefix="analyze-") as folder:
        if task.settings is not None:
            config = Path(folder, "settings.toml")
            config.write_bytes(task.settings)
            task = task._replace(options=task.options._replace(config=str(config)))
        return _told(task, _unpacked(files, Path(folder)))


def _forget() -> None:
    """Let go of the incident: small caches keep answers about its processes, and with them the whole of it, for dozens of incidents."""
    for clear in _clearers(len(sys.modules)):
        clear()


@lru_cache(maxsize=1)
def _clearers(modules: int) -> tuple[Callable[[], None], ...]:
    """What empties each small cache of the analyzer; ``modules`` says whether more of it has been loaded since."""
    del modules
    made: dict[object, Callable[[], None]] = {}
    for name, module in list(sys.modules.items()):
        if not name.startswith("analyzer.") or name == __name__:
            continue
        for value in list(vars(module).values()):
            parameters = getattr(value, "cache_parameters", None)
            if callable(parameters) and 0 < (parameters()["maxsize"] or 0) <= _SMALL:
                made[value] = value.cache_clear
    return tuple(made.values())


def _told(task: Task, paths: tuple[str, ...]) -> Outcome:
    """The row, or what is wrong, in the words of the table: wherever the worker found the files."""
    try:
        return _made(task, paths)
    except (Unusable, UsageError) as error:
        why = str(error)
    except Exception as error:  # noqa: BLE001 - one incident must not stop the others
        why = f"a defect of this tool: {type(error).__name__}: {error}"
    for path in paths:
        why = why.replace(path, task.unit.label)
    return Outcome(broken(task.unit, why))


def carried(unit: Unit) -> tuple[tuple[str, bytes], ...]:
    """The files of an incident with their bytes, for a worker that does not see them."""
    found: list[tuple[str, bytes]] = []
    for number, path in enumerate(unit.paths):
        root = Path(path)
        inside = root if root.is_dir() else None
        for name, file in files_at(root):
            data = content_of(file, inside)
            if isinstance(data, Path):
                data = data.read_bytes()
            if isinstance(data, bytes):
                found.append((f"{number}/{root.name}/{name}" if inside else f"{number}/{root.name}", data))
    return tuple(found)


def _made(task: Task, paths: tuple[str, ...]) -> Outcome:
    from reports.fleet import contract  # noqa: PLC0415 - a worker loads it in ``prepare``
    from reports.language.catalogue import speaking, spoken  # noqa: PLC0415

    options, unit = task.options, task.unit
    request = RunOptions(paths, timezone=options.timezone, config=options.config, quiet=True, together=True, inside=unit.inside)
    diagnosis, incident = analysed(request)
    if not diagnosis.findings and not any(item.records for item in diagnosis.inputs):
        raise Unusable(
            say("nothing usable to read: none of the {count} files is of a kind that this tool knows", count=len(diagnosis.inputs))
        )
    with speaking(options.language):
        told = spoken(diagnosis)
        row = contract.row_of(unit.label, told, _service(diagnosis, incident), _version(incident))
        if unit.also:
            row = replace(row, name=" + ".join(Path(path).name for path in unit.paths))
        return Outcome(row, _page(told) if options.reports else None, ends_of(incident))


def _page(told: Diagnosis) -> str:
    from reports.formats import html  # noqa: PLC0415 - only where reports are asked for
    from reports.view import build  # noqa: PLC0415

    return html.render(build.build(told, f"analyze {told.incident.name}", VERSION))


def broken(unit: Unit, why: str) -> Row:
    """The row of an incident that could not be analysed."""
    from reports.fleet.contract import Row  # noqa: PLC0415

    return Row(path=unit.label, name=unit.label.rpartition("/")[2], error=why)


def _unpacked(files: tuple[tuple[str, bytes], ...], folder: Path) -> tuple[str, ...]:
    """Write what was sent into a folder of ours; the paths that are read."""
    tops: dict[str, None] = {}
    for name, data in files:
        parts = [part for part in name.split("/") if part not in {"", ".", ".."}]
        target = folder.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        tops[str(folder.joinpath(*parts[:2]))] = None
    return tuple(tops)


def _version(incident: Incident) -> str | None:
    """The runtime's version, as the first dump that states one prints it."""
    for dump in (dump for snapshot in incident.snapshots for dump in snapshot.dumps):
        found = _VERSION.search((dump.vm or "").rpartition("(")[2])
        if found is not None:
            return found[0]
    return None


def _service(diagnosis: Diagnosis, incident: Incident) -> str | None:
    """What the process is called when it comes again: its command if that says more than its runtime, else its host without a number, else its port."""
    process = diagnosis.primary.process if diagnosis.primary is not None else None
    pid = process.pid if process is not None else None
    tables = sorted(diagnosis.sockets, key=lambda table: (table.pid != pid, table.side != "server", -sum(table.states.values())))
    command = process.command if process is not None else next((table.command for table in tables if table.command), None)
    if command and command.lower() not in _RUNTIMES:
        return command
    host = (process.host if process is not None else None) or (incident.hosts[0] if incident.hosts else None)
    if host:
        return _COUNTER.sub("", host.partition(".")[0]) or host
    port = next((table.local_port for table in tables if table.side == "server" and table.local_port is not None), None)
    return f"port {port}" if port is not None else command
