"""What ``grep -c`` counts in each of several files.

    $ grep -c 'RateClient.quote' dump-1.txt dump-2.txt
    dump-1.txt:196
    dump-2.txt:196

Of one file grep prints the number alone: that is read with the other counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import Parsed
from parsers.sockets.socket_counts import of_number
from parsers.text.patterns import lazy
from parsers.text.pipelines import pipeline

if TYPE_CHECKING:
    from parsers.text.source import Section

_SEVERAL: Final = 2
_row = lazy(r"\s*(?P<file>[^\s:]{1,200}):(?P<count>\d{1,9})\s*$").match


def below(section: Section) -> Parsed | None:
    """A tally for each file that the command names; None for any other lines."""
    rows = _rows(section)
    if len(rows) < _SEVERAL or len(rows) != section.nonblank:
        return None
    command = section.prompt or ""
    counts = [replace(of_number(section, index, command, count), name=file) for index, file, count in rows]
    return Parsed(tuple(counts), len(rows), ())


def leading(section: Section) -> int:
    """How many lines at the section's beginning are counts of files, where other lines stand below a blank one."""
    rows = _rows(section)
    if len(rows) < _SEVERAL or [index for index, *_ in rows] != list(range(len(rows))):
        return 0
    after = section.lines[len(rows) : len(rows) + 1]
    return len(rows) if after and not after[0].strip() else 0


def _rows(section: Section) -> list[tuple[int, str, int]]:
    """Index, file and count of each line that counts in a file which the command names."""
    line = pipeline(section.prompt) if section.prompt is not None else None
    if line is None or not line.counts:
        return []
    words = line.text.split()
    found = ((index, _row(text)) for index, text in section.rows())
    return [(index, match["file"], int(match["count"])) for index, match in found if match is not None and match["file"] in words]
