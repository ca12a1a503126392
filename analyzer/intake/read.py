"""Intake: paths become an incident. Walks, reads, recognises, parses; keeps what nobody recognised. Nothing is ever written."""

from __future__ import annotations

import re
import sys
from collections import Counter
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from analyzer.intake.far_tables import far_tables
from analyzer.intake.inventory import settled, skipped, skipping
from analyzer.intake.near_names import meant
from analyzer.intake.parts import Part, ends_inside, facts_of, foreign, kind_of, large_log, left_out_of, part_of, time_of, weight_of
from analyzer.intake.snapshots import Place, SeriesPiece, place
from analyzer.intake.zones import in_zone, zone_of
from analyzer.model.errors import Unusable
from analyzer.model.incident import TABLES, Artifact, Incident, snapshot_of
from analyzer.model.message import say
from analyzer.software.knowledge import SETTINGS_FILE
from parsers import outputs
from parsers.capture.stream import HASHED, holds_capture, is_packed
from parsers.records import BESIDE, Collected, Collection, Elision, HostFact, Pid, SocketRow, ThreadDump
from parsers.text.source import Source, is_binary
from parsers.uncollected import uncollected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from parsers.capture.facts import Capture
    from parsers.capture.stream import Stream
    from parsers.text.large_log import LargeLog

_Kind = TypeVar("_Kind")
Content: TypeAlias = "bytes | str | Path | Stream | LargeLog"
"""What a file holds; a sentence that says why it is not read; or a capture, which is never read into memory: where it lies, or a pipe."""
STDIN = "-"
_LARGEST, _LARGE_LOG = 2 << 30, 64 << 20  # bytes of a text that would not fit a laptop's memory six times; of a log that is not held whole
_ZIP = b"PK\x03\x04"
COLLECTION = re.compile(r"closewait-(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,252})-\d{1,9}-\d{8}T\d{6}Z")
"""What ``analyze collect`` calls its archives: host, pid, time."""
_HEAD = 4096  # bytes that tell a capture, packed or not
_PID_IN_NAME = re.compile(r"(?:^|[^0-9])(\d{2,7})(?=[^0-9]|$)")


class Reading(NamedTuple):
    """A file after parsing; ``source`` is None if it was not text. ``sha256_head``: of the first 64 MiB of a larger capture, if not of all."""

    file: str
    source: Source | None
    parts: tuple[Part, ...]
    note: str | None
    size: int
    sha256: str
    capture: Capture | None = None
    sha256_head: str | None = None


class IntakeResult(NamedTuple):
    """The incident and the sources by file name, which excerpts are fetched from."""

    incident: Incident
    sources: dict[str, Source]
    several: tuple[str, str] | None = None
    """Two folders of the one path that was given, if they cannot be of one incident."""


def read(
    paths: Sequence[str], host: str | None = None, zone: str | None = None, inside: str | None = None, *, hashed: bool = False
) -> IntakeResult:
    """Read folders, files or ``-``; ``hashed`` takes the SHA-256 of large captures whole.

    ``host`` names the host, ``zone`` the time zone, where the files do not; ``inside`` is a folder of the one archive.

    Raises:
        Unusable: if a path does not exist, or nothing is left that holds a line of text.
        ValueError: if no such zone is known.
    """
    names = _names(paths)
    own = {SETTINGS_FILE} if len(paths) == 1 else {f"{name}/{SETTINGS_FILE}" for path, name in names.items() if Path(path).is_dir()}
    # The members of the one archive that was given need no name of it in front.
    alone = f"{Path(paths[0]).name}/" if len(paths) == 1 and Path(paths[0]).is_file() else ""
    passed_over = skipping(names)
    readings = [
        _settings(name, content)
        if name in own
        else skipped(Reading, name, content)
        if passed_over(name, content)
        else read_one(name, content, hashed=hashed)
        for file, data in _files(paths)
        for name, content in _within(inside, ((name.removeprefix(alone), content) for name, content in expanded(file, data)))
    ]
    if not any(reading.size for reading in readings):
        raise Unusable(_nothing(paths, readings))
    readings = settled(readings)
    made = assemble(_incident_name([inside] if inside else paths), readings, host, zone)
    return made if len(paths) > 1 else made._replace(several=_several(readings))


def _within(folder: str | None, files: Iterator[tuple[str, Content]]) -> Iterator[tuple[str, Content]]:
    """The files of one folder, by their names in it."""
    for name, content in files:
        if folder is None or name.startswith(f"{folder}/"):
            yield name.removeprefix(f"{folder}/"), content


def _several(readings: Sequence[Reading]) -> tuple[str, str] | None:
    """Two folders that cannot be of one incident."""
    if not any("/" in reading.file for reading in readings):
        return None
    from analyzer.intake.several import facts_of, folders_of, surely_several  # noqa: PLC0415 - most incidents are one folder

    folders = folders_of(readings)
    return surely_several({name.rpartition("/")[2]: facts_of(files) for name, files in folders.items()}) if len(folders) > 1 else None


def _settings(file: str, data: Content) -> Reading:
    """The user's own settings beside the evidence: listed, not analysed."""
    if not isinstance(data, bytes):
        return read_one(file, data)
    source = Source(file, data)
    return Reading(file, None, (), "settings of this analysis, not evidence", source.size, source.sha256)


def _nothing(paths: Sequence[str], readings: Sequence[Reading]) -> str:
    reasons = [f"{reading.file}: {reading.note}" for reading in readings if reading.note not in {None, "empty"}]
    if reasons:
        more = say(" (and {count} more)", count=len(reasons) - 1) if len(reasons) > 1 else ""
        return say("{paths}: nothing could be read: {reason}", paths=", ".join(paths), reason=reasons[0]) + more
    what = say("all files are empty") if readings else say("the folder holds no files")
    return say("{paths}: {what}; save lsof, netstat or ss, and jstack output there first", paths=", ".join(paths), what=what)


def _files(paths: Sequence[str]) -> Iterator[tuple[str, Content]]:
    """(name, content) of every file in a stable order; content is an error's text if the file cannot be read."""
    names = _names(paths)
    for path in sorted(paths):
        if path == STDIN:
            yield "stdin", _piped()
            continue
        root = Path(path)
        if not root.exists():
            raise Unusable(say("{path}: no such file or folder", path=path) + meant(path))
        if root.is_dir():
            for file in sorted(found for found in root.rglob("*") if not found.is_dir() and not is_hidden(found.relative_to(root))):
                name = file.relative_to(root).as_posix()
                yield f"{names[path]}/{name}" if len(paths) > 1 else name, content_of(file, root)
        else:
            yield names[path], content_of(root, None)


def _names(paths: Sequence[str]) -> dict[str, str]:
    """Path → what its files are called by: its name, with that of its folder where several have one, so that two hosts' files are never one file's."""
    last = Counter(Path(path).name for path in paths)
    made: dict[str, str] = {}
    for path in paths:
        name = Path(path).name
        full = name if last[name] == 1 else f"{Path(path).absolute().parent.name}-{name}"
        made[path] = full if full not in made.values() else f"{len(made) + 1}-{full}"
    return made


def _piped() -> Content:
    """Standard input; a capture stays a pipe."""
    if sys.stdin is None:
        return "it is closed"
    pipe = sys.stdin.buffer
    return pipe if isinstance(pipe, BufferedReader) and holds_capture(pipe.peek(_HEAD)[:_HEAD]) else pipe.read()


def expanded(file: str, data: Content) -> Iterator[tuple[str, Content]]:
    """A file, or what it packs; plain files and captures never load the archive readers."""
    if (
        not isinstance(data, bytes)
        or holds_capture(data[:_HEAD])
        or not (is_packed(data) or data.startswith(_ZIP) or data[257:262] == b"ustar")
    ):
        yield file, data
        return
    from analyzer.intake.archives import expand  # noqa: PLC0415 - zip, tar and xz readers cost more than a small incident

    yield from expand(file, data)


def is_hidden(path: Path) -> bool:
    """True for what a system puts beside people's files."""
    return any(part.startswith(".") for part in path.parts)


def content_of(file: Path, root: Path | None) -> Content:
    """The bytes of a file, or why they are not read. Evidence is hostile: a link may lead to the analyst's own files, a pipe never ends.

    A capture is recognised by its first bytes and left where it is: it may be larger than the memory.
    """
    try:
        if file.is_symlink() and not file.exists():
            return "a link that leads to nothing"
        if root is not None and file.is_symlink() and not file.resolve().is_relative_to(root.resolve()):
            return "a link that leads out of the folder; not followed"
        if root is not None and file.is_symlink() and file.is_file() and not is_hidden(file.resolve().relative_to(root.resolve())):
            return "a link to another file of the folder, which is read"
        if not file.is_file():
            return "no regular file; not opened"
        with file.open("rb") as stream:
            if holds_capture(stream.read(_HEAD)):
                return file
        if file.stat().st_size > _LARGE_LOG:
            with file.open("rb") as stream:
                if (log := large_log(stream)) is not None:
                    return log
        if file.stat().st_size > _LARGEST:
            return f"larger than {_LARGEST >> 30} GB"
        return file.read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"


@uncollected
def read_one(file: str, data: Content, *, hashed: bool = False) -> Reading:
    """Parse one file; whatever is wrong with it becomes a note. ``hashed``: the SHA-256 of a large capture is taken whole."""
    if isinstance(data, str):
        return Reading(file, None, (), data, 0, "")
    if isinstance(data, Path):
        try:
            with data.open("rb", buffering=0) as stream:
                return _capture(file, stream, hashed=hashed)
        except OSError as error:
            return Reading(file, None, (), f"cannot be read: {error.strerror or error}", 0, "")
    if isinstance(data, tuple):
        return _text(file, data.text, data)
    if not isinstance(data, bytes) or holds_capture(data[:_HEAD]):
        return _capture(file, data, hashed=hashed)
    return _text(file, data)


def _text(file: str, data: bytes, large: LargeLog | None = None) -> Reading:
    source = Source(file, data)
    if large is not None:
        source.size, source.sha256 = large.size, large.sha256
    if is_binary(data):
        return Reading(file, None, (), foreign(data[:_HEAD]), source.size, source.sha256)
    parts = [part_of(section, form, parsed) for section, form, parsed in outputs(source)]
    if parts and parts[-1].form is not None and parts[-1].log is None and ends_inside(data, rows=parts[-1].form in TABLES):
        parts[-1] = parts[-1]._replace(cut=True)
    parts += [left_out_of(large)] if large is not None else []
    note = "empty" if not data or data.isspace() else None
    return Reading(file, source, tuple(parts), note, source.size, source.sha256)


def _capture(file: str, data: bytes | Stream, *, hashed: bool) -> Reading:
    from parsers.capture import reader  # noqa: PLC0415 - the kernel is loaded only where there is a capture

    read = reader.read(file, data, hashed=None if hashed else HASHED)
    capture = read.capture
    notes = capture.notes if capture.packets else ("holds no packets", *capture.notes)
    digests = (read.sha256, None) if read.hashed == read.size else ("", read.sha256)
    return Reading(file, None, (), "; ".join(notes) or None, read.size, digests[0], capture, digests[1])


@uncollected
def assemble(name: str, readings: Sequence[Reading], host: str | None = None, zone: str | None = None) -> IntakeResult:
    """Place every section's records into snapshots and make the incident.

    Raises:
        ValueError: if no such zone is known.
    """
    clock = zone_of(zone)
    pids = _pids(readings)
    pieces: list[SeriesPiece] = []
    owners: list[tuple[int, int]] = []
    for number, reading in enumerate(readings):
        for index, part in enumerate(reading.parts):
            if part.form is not None and (part.has_facts or part.is_empty_table):
                # Two different commands in one pasted session are one moment; the same command again is the next.
                pieces.append(SeriesPiece(reading.file, index, kind_of(part, reading.parts[:index]), time_of(part), part.clock))
                owners.append((number, index))
    far = {(reading.file, number): near for reading in readings for number, near in far_tables(reading.parts).items()}
    places = place(pieces, pids, _hosts_named(readings), far)
    records: dict[Place, list[tuple[Part, Pid | None]]] = {}
    placed: dict[int, list[Place]] = {}
    emptied: dict[Place, list[str]] = {}
    last_round = {
        (number, where): index for (number, index), where in zip(owners, places, strict=True) if readings[number].parts[index].clock
    }
    for (number, index), where in zip(owners, places, strict=True):
        reading = readings[number]
        pid = _pid_in_name(reading.file, pids)
        # Of several rounds of top at one moment the last: the first has averages since boot.
        if reading.parts[index].clock is None or last_round[number, where] == index:
            records.setdefault(where, []).append((reading.parts[index], pid))
        placed.setdefault(number, []).append(where)
        if reading.parts[index].is_empty_table:
            emptied.setdefault(where, []).append(reading.file)
    host = host or (None if any(place.host for place in records) else _named_host(records))
    snapshots = tuple(
        snapshot_of(
            where.host or host,
            where.order,
            ((part.parsed, pid) for part, pid in parts),
            tuple(sorted(emptied.get(where, ()))),
        )
        for where, parts in sorted(records.items(), key=lambda item: (item[0].host or "", item[0].order))
    )
    artifacts = tuple(_artifact(reading, placed.get(number, [])) for number, reading in enumerate(readings))
    sources = {reading.file: reading.source for reading in readings if reading.source is not None}
    captures = tuple(reading.capture for reading in readings if reading.capture is not None)
    incident = Incident(
        name=name,
        snapshots=snapshots,
        artifacts=artifacts,
        captures=captures,
        collections=_every(readings, Collection),
        collected=_every(readings, Collected),
    )
    return IntakeResult(incident if clock is None else in_zone(incident, clock), sources)


def _hosts_named(readings: Sequence[Reading]) -> dict[str, str]:
    """File → the host that it names, if it names one."""
    names = {reading.file: {fact.host for part in reading.parts for fact in part.of(HostFact)} - {None} for reading in readings}
    return {file: host for file, hosts in names.items() if len(hosts) == 1 for host in hosts if host}


def _named_host(records: Mapping[Place, Sequence[tuple[Part, Pid | None]]]) -> str | None:
    """The host that ``uname -a`` or a manifest names, if the files lie in no host's folder and all lines of it agree."""
    parts = [part for group in records.values() for part, _ in group]
    names = {fact.host for part in parts for fact in part.of(HostFact)} | {head.host for part in parts for head in part.of(Collection)}
    # hostname prints web01 and etc/hostname has web01.example.com, or the other way round.
    told = sorted((name for name in names if name), key=len)
    return told[0] if told and all(name.partition(".")[0] == told[0].partition(".")[0] for name in told) else None


def _every(readings: Sequence[Reading], kind: type[_Kind]) -> tuple[_Kind, ...]:
    return tuple(record for reading in readings for part in reading.parts for record in part.of(kind))


def _artifact(reading: Reading, places: Sequence[Place]) -> Artifact:
    names = sorted({str(where.order + 1) for where in places}, key=int)
    capture = reading.capture
    if capture is not None:
        return Artifact(
            file=reading.file,
            formats=(capture.format,),
            records=capture.packets,
            unread=capture.unread,
            sha256=reading.sha256,
            sha256_head=reading.sha256_head,
            size=reading.size,
            snapshot=None,
            note=reading.note,
        )
    return Artifact(
        file=reading.file,
        formats=tuple(dict.fromkeys(part.form for part in reading.parts if part.form)),
        records=sum(weight_of(part) + sum(event.kind not in BESIDE for event in part.events) for part in reading.parts),
        unread=tuple(gap for part in reading.parts for gap in part.parsed.unread),
        sha256=reading.sha256,
        size=reading.size,
        snapshot="-".join([names[0], names[-1]] if len(names) > 1 else names) or None,
        elisions=tuple(elision.where for part in reading.parts for elision in part.of(Elision)),
        note=reading.note,
        parts=tuple(facts_of(reading.file, part) for part in reading.parts),
        logs=tuple(part.log for part in reading.parts if part.log is not None),
        events=tuple(event for part in reading.parts for event in part.events),
    )


def _pids(readings: Sequence[Reading]) -> set[int]:
    """Every pid that a table or a dump names."""
    pids: set[int] = set()
    for reading in readings:
        for part in reading.parts:
            pids |= {owner.pid for row in part.of(SocketRow) if row.owners for owner in row.owners}
            pids.update(dump.pid for dump in part.of(ThreadDump) if dump.pid is not None)
    return pids


def _pid_in_name(file: str, pids: set[int]) -> Pid | None:
    """A number in the file's name that is a pid of the incident: ``jstack-27836.txt``."""
    found = {int(number) for number in _PID_IN_NAME.findall(file)} & pids
    return Pid(found.pop()) if len(found) == 1 else None


def _incident_name(paths: Sequence[str]) -> str:
    if len(paths) == 1 and paths[0] != STDIN:
        path = Path(paths[0])
        collected = COLLECTION.match(path.name)  # the host in its name may have dots
        return path.resolve().name if path.is_dir() else collected[0] if collected else path.name.partition(".")[0] or path.name
    return "stdin" if list(paths) == [STDIN] else "incident"
