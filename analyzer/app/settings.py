"""What the user knows of the software at hand: rows for ``knowledge.toml``, from ``--config FILE`` or ``analyze.toml`` in the incident's folder.

The folder of an incident may come from a stranger. Its ``analyze.toml`` is read only where the user named the folder, never from an archive; the
report says that it was used; and one that cannot be read does not stop the analysis.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.model.message import say
from analyzer.software.knowledge import SETTINGS_FILE, Knowledge, extended, knowledge, read_tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LARGEST: Final = 1 << 20
"""Bytes of a file of settings; a thousand rows take a tenth of it."""


class Settings(NamedTuple):
    """What is known of software, and sentences for the report: which files added to it, and which could not be read."""

    known: Knowledge
    notes: tuple[str, ...]


def settings(paths: Sequence[str], config: str | None) -> Settings:
    """What comes with the tool, with the rows of the incident's folders and of ``config`` before it.

    Raises:
        ValueError: if ``config`` cannot be read or is none; with the file, and what is wrong.
    """
    known, notes = knowledge(), []
    for file in _beside(paths):
        try:
            known, note = _added(known, file)
        except ValueError as error:
            note = say("{error}. It was not used.", error=error)
        notes.append(note)
    if config is not None:
        known, note = _added(known, Path(config))
        notes.append(note)
    return Settings(known, tuple(notes))


def _beside(paths: Sequence[str]) -> Iterator[Path]:
    """The files of settings in the folders that were given; a link could lead anywhere, and is left alone."""
    for path in sorted(set(paths)):
        file = Path(path, SETTINGS_FILE)
        if Path(path).is_dir() and file.is_file() and not file.is_symlink():
            yield file


def _added(known: Knowledge, file: Path) -> tuple[Knowledge, str]:
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise ValueError(say("{file}: cannot be read: {error}", file=file, error=error.strerror or error)) from error
    if len(data) > LARGEST:
        raise ValueError(say("{file}: larger than {limit} MB; settings are a few rows", file=file, limit=LARGEST >> 20))
    try:
        tables = read_tables(file.name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(say("{file}: not UTF-8", file=file)) from error
    return extended(known, tables), say("{name} adds {rows} entries to what this tool knows of software.", name=file.name, rows=tables.rows)
