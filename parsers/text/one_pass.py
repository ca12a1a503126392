"""Formats that are read in one pass: a reader takes each line or refuses it, and makes its records on the way. Of large tables usual rows pass it by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from parsers.records import Parsed
from parsers.text.lines import Lines
from parsers.text.source import LONGEST, Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parsers.records import Record


_PROBE: Final = 1024
"""Odd lines after which a table of which most lines are odd is left to its reader: nothing is gained."""


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


class Usual(Protocol):
    """What reads usual rows, see :mod:`parsers.sockets.kernel`. ``index``: of the next line; ``count``: rows read; ``on``: False while other columns stand here."""

    index: int
    count: int
    on: bool

    def read(self, data: bytes, at: int, stop: int, /) -> int:
        """Read rows from ``at`` on; where the first line begins that is no usual row, or ``stop``."""


class Rows:
    """The lines of a table that its reader has to read itself: all, but for the usual rows of a large table where those are read by compiled code.

    Iterate once: what lies between two lines is read then, and stands in the list of records.
    """

    def __init__(self, section: Section, usual: Callable[[], Usual | None]) -> None:
        """``usual`` gives what reads usual rows; it is asked for large tables only."""
        self._section = section
        self._usual = usual() if isinstance(section.lines, Lines) else None

    @property
    def read(self) -> int:
        """How many lines were read here."""
        return self._usual.count if self._usual is not None else 0

    def switch(self, *, on: bool) -> None:
        """Say whether rows are usual from here on."""
        if self._usual is not None:
            self._usual.on = on

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Index and text of each, as :meth:`parsers.text.source.Section.rows` gives them."""
        lines, usual = self._section.lines, self._usual
        if usual is None or not isinstance(lines, Lines):
            yield from self._section.rows()
            return
        data, at, stop = lines.octets()
        odd = 0
        while (at := usual.read(data, at, stop)) < stop:
            end = data.find(b"\n", at, stop)
            index, line = usual.index, lines.decoded(at, end if end >= 0 else stop)
            usual.index += 1
            at = end + 1 if end >= 0 else stop
            if line and not line.isspace():
                yield index, line if len(line) <= LONGEST else "\N{REPLACEMENT CHARACTER}"
                odd += 1
            if odd > _PROBE and 2 * odd > usual.index:
                rest = self._section._replace(lines=lines[usual.index :])
                yield from ((usual.index + number, line) for number, line in rest.rows())
                return
