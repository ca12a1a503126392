"""Formats that are read in one pass: a reader takes each line or refuses it, and makes its records on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from parsers.records import Parsed
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.records import Record


class Reader(Protocol):
    """What reads the lines of one section."""

    @property
    def records(self) -> Sequence[Record]:
        """What was made so far; all of it after :meth:`end`."""

    def take(self, index: int, line: str) -> bool:
        """Read a line; False if it is none of the format's."""

    def end(self) -> None:
        """No line comes any more."""


def read_by(reader: Reader, section: Section, why: str) -> Parsed:
    """Every line of a section, read or counted as unread for the reason ``why``."""
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        if reader.take(index, line):
            read += 1
        else:
            unread.append((index, why))
    reader.end()
    gaps, elisions = leftovers(section, unread)
    return Parsed((*reader.records, *elisions), read + len(elisions), gaps)
