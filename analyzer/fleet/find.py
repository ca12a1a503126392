"""Finds every incident below a folder by its shape: a bundle (an archive), a collection, a folder with artifacts in it or in its moments and hosts.

A folder is one incident with all that lies below it as soon as an artifact lies in it. Without one its folders are looked at: moments,
drawers and hosts of one incident stay together, everything else is an incident of its own (:mod:`analyzer.intake.several`).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from analyzer.intake.read import expanded, is_hidden, read_one
from analyzer.intake.several import MOST_HOSTS, belong_together, facts_of, folders_of, surely_several
from analyzer.intake.snapshots import counts_moments
from analyzer.model.errors import Unusable
from analyzer.model.host_labels import holds
from analyzer.model.message import say
from parsers.capture.stream import holds_capture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.intake.read import Reading
    from analyzer.intake.several import Facts

_HEAD: Final = 4096
"""Bytes that tell an archive or a capture."""
_SNIFFED: Final = 1 << 18
"""Bytes of a text that tell what it is, of which process and when."""
_LOOKED_AT: Final = 8
"""Folders of many that are looked at, and files of each."""
_DEEPEST: Final = 12
"""Folders inside folders; a year, a month, a day, a ticket and a host are five."""
_MOMENT: Final = re.compile(r"(?:snap(?:shot)?|round|iteration|moment|take)[-_. ]?\d{1,3}", re.IGNORECASE)
_MOMENTS: Final = 100
"""Moments of one incident that somebody saves."""
_WRITTEN: Final = re.compile(r"readme|notes?\b|licen[cs]e|copying|todo|index|contents|changelog|requirements", re.IGNORECASE)
_MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")
_PACKED: Final = (b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
_ARCHIVES: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".jar")
_DOCUMENTS: Final = frozenset(
    [
        ".md",
        ".rst",
        ".html",
        ".htm",
        ".pdf",
        ".doc",
        ".docx",
        ".odt",
        ".json",
        ".toml",
        ".yaml",
        ".yml",
        ".csv",
        ".tsv",
        ".xlsx",
        ".py",
        ".java",
        ".sh",
        ".xml",
        ".sqlite",
        ".db",
        ".png",
        ".jpg",
    ]
)
"""Endings of what people write about incidents: alone it makes a folder no incident."""
_PLAIN: Final = frozenset({"", ".txt", ".log", ".out", ".gz", ".xz", ".zst", ".dump", ".tdump", ".pcap", ".pcapng", ".cap"})


class Unit(NamedTuple):
    """One incident: where it lies, how it is called in the table, what lies inside an archive (the folder in it), and why it cannot be read."""

    path: str
    label: str
    inside: str | None = None
    trouble: str | None = None
    also: tuple[str, ...] = ()
    """Further paths of the same incident, joined because that was asked for."""

    @property
    def paths(self) -> tuple[str, ...]:
        """All that is read."""
        return (self.path, *self.also)


class Found(msgspec.Struct, frozen=True):
    """Incidents in the order of their labels, and the folders with files of which this tool knows none."""

    units: tuple[Unit, ...]
    passed: tuple[str, ...]


def find(paths: Sequence[str]) -> Found:
    """Every incident in and below the paths.

    Raises:
        Unusable: if a path does not exist.
    """
    units: list[Unit] = []
    passed: list[str] = []
    for path in dict.fromkeys(os.path.normpath(path) for path in paths):
        root = Path(path)
        if not root.exists():
            raise Unusable(say("{path}: no such file or folder", path=path))
        if root.is_dir():
            units += _below(root, path, passed, asked=True)
        else:
            units += _of_archive(root, path) if _is_archive(root) else [Unit(path, path)]
    ordered = {unit.label: unit for unit in sorted(units, key=lambda unit: unit.label)}
    return Found(tuple(ordered.values()), tuple(sorted(passed)))


def _below(folder: Path, label: str, passed: list[str], *, asked: bool = False, depth: int = 0) -> list[Unit]:
    """The incidents of one folder."""
    entries = _entries(folder, depth)
    if isinstance(entries, str):
        return [Unit(str(folder), label, trouble=entries)]
    folders = [path for path in entries if path.is_dir() and not path.is_symlink()]
    files = [path for path in entries if not path.is_dir()]
    archives = [path for path in files if _is_archive(path)]
    loose = [path for path in files if path not in set(archives)]
    parts = len(folders) + len(archives)
    if (own := _has_artifact(loose)) and (parts == 0 or not _are_several(folders, archives)):
        return [Unit(str(folder), label)]
    if not archives and not own and len(folders) > 1 and _are_one(folders):
        return [Unit(str(folder), label)]
    units: list[Unit] = []
    nothing: list[str] = []
    for path in folders:
        units += _below(path, f"{label}/{path.name}", nothing, depth=depth + 1)
    for path in archives:
        units += _of_archive(path, f"{label}/{path.name}")
    if own and units:
        units += [Unit(str(path), f"{label}/{path.name}") for path in loose if _has_artifact([path])]
    if not units and not asked:
        if not folders and any(map(_may_hold_one, loose)):
            return [Unit(str(folder), label)]  # a long log with a dump deep inside, or one that is broken: its row says which
        nothing = [label] if files or nothing else []
    passed += nothing
    if len(units) == 1 and not asked and units[0].trouble is None and units[0].inside is None and not nothing:
        return [Unit(str(folder), label)]  # a folder around one bundle is what the bundle is called
    return units


def _entries(folder: Path, depth: int) -> list[Path] | str:
    """What lies in a folder, or why that is not looked at."""
    if depth > _DEEPEST:
        return f"lies more than {_DEEPEST} folders deep"
    try:
        return sorted(path for path in folder.iterdir() if not is_hidden(Path(path.name)))
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"


def _has_artifact(files: Sequence[Path]) -> bool:
    """True if one of the files is of a kind that this tool knows, by its name or by its content."""
    plain = [path for path in files if path.suffix.lower() not in _DOCUMENTS]
    if any(path.suffix.lower() in _PLAIN and _is_named(path) for path in plain):
        return True
    return any(_is_known(path) for path in plain[: _LOOKED_AT * 4])


def _is_named(path: Path) -> bool:
    """True for ``jstack-1.txt`` and its like: broken or empty, it is meant as an artifact."""
    return any(holds(word) for word in path.name.lower().replace(".", "-").replace("_", "-").split("-") if word)


def _may_hold_one(path: Path) -> bool:
    """True for a text that people save as evidence, whatever they call it, unless it is called what people write."""
    return path.suffix.lower() in _PLAIN - {""} and not _WRITTEN.match(path.name)


def _is_known(path: Path) -> bool:
    return any(reading.capture is not None or any(part.form is not None for part in reading.parts) for reading in _read(path, path.name))


def _read(path: Path, name: str) -> Iterator[Reading]:
    """The beginning of a file, parsed; all of an archive or a packed file."""
    try:
        if path.is_symlink() or not path.is_file():
            return
        with path.open("rb") as stream:
            head = stream.read(_SNIFFED)
            if holds_capture(head[:_HEAD]):
                yield read_one(name, path)
                return
            data = head + stream.read() if head.startswith((*_PACKED, *_MAGIC)) or head[257:262] == b"ustar" else head
    except OSError:
        return
    for member, content in expanded(name, data):
        yield read_one(member, content[:_SNIFFED] if isinstance(content, bytes) and not holds_capture(content[:_HEAD]) else content)


def _is_archive(path: Path) -> bool:
    """True for what packs several files: by its first bytes, or by its ending where it is damaged."""
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return path.name.lower().endswith(_ARCHIVES)
    if head.startswith(_MAGIC) or head[257:262] == b"ustar":
        return True
    return path.name.lower().endswith(_ARCHIVES)


def _facts(path: Path) -> Facts:
    """What a folder or an archive holds, from the beginnings of its first files."""
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file() and not is_hidden(one.relative_to(path)))
    evidence = [file for file in files if file.suffix.lower() not in _DOCUMENTS]
    named = sorted(evidence, key=lambda file: (not _is_named(file), file))[:_LOOKED_AT]
    return facts_of(reading for file in named for reading in _read(file, file.name))


def _some(paths: Sequence[Path]) -> Sequence[Path]:
    """Some of many, the first and the last among them."""
    if len(paths) <= _LOOKED_AT:
        return paths
    return [paths[index * (len(paths) - 1) // (_LOOKED_AT - 1)] for index in range(_LOOKED_AT)]


def _are_one(folders: Sequence[Path]) -> bool:
    """True if the folders are moments, drawers or hosts of one incident."""
    if len(folders) <= _MOMENTS and all(_MOMENT.fullmatch(path.name) for path in folders):
        return True  # nobody calls incidents so; looking into each would take longer than all the rest
    if len(folders) > MOST_HOSTS and not all(counts_moments(path.name) for path in folders):
        return False
    facts = {path.name: _facts(path) for path in _some(folders)}
    return len(_telling(facts)) > 1 and belong_together(facts)


def _telling(facts: dict[str, Facts]) -> list[str]:
    """The folders that a diagnosis can be made of."""
    return [name for name, one in facts.items() if one.tells]


def _are_several(folders: Sequence[Path], archives: Sequence[Path]) -> bool:
    """True if what lies beside an artifact cannot be one incident."""
    facts = {path.name: _facts(path) for path in _some([*folders, *archives])}
    return surely_several(facts) is not None


def _of_archive(path: Path, label: str) -> list[Unit]:
    """An archive: one incident, or those that it packs side by side."""
    folders = folders_of(reading._replace(file=reading.file.removeprefix(f"{path.name}/")) for reading in _read(path, path.name))
    if len(folders) < 2:  # noqa: PLR2004 - one folder is a way of packing
        return [Unit(str(path), label)]
    facts = {folder.rpartition("/")[2]: facts_of(readings) for folder, readings in folders.items()}
    if len(_telling(facts)) <= MOST_HOSTS and surely_several(facts) is None:
        return [Unit(str(path), label)]
    if belong_together(facts):
        return [Unit(str(path), label)]
    telling = _telling(facts)
    return [Unit(str(path), f"{label}/{folder}", inside=folder) for folder in sorted(folders) if folder.rpartition("/")[2] in telling]
