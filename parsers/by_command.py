"""What only the command above a section tells of its lines: what it counted, whose values they are, of which moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from parsers.process import df, ps, settings, wait_channels
from parsers.records import Tally
from parsers.sockets import file_counts, socket_counts
from parsers.sockets.counted_rounds import continued, rounds
from parsers.text.apart import apart_in_words
from parsers.text.source import Section, cut

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from parsers.records import Parsed
    from parsers.text.shapes import Shapes
    from parsers.text.source import Source


def apart(source: Source, section: Section, shapes: Shapes) -> Iterator[Section]:
    """The section, each round of a loop by itself; where one begins with what its command counted or asked for, that and whatever else stands below it."""
    for piece in rounds(continued(section)) if section.prompt is not None else (section,):
        yield from _apart(source, piece, shapes)


def _apart(source: Source, section: Section, shapes: Shapes) -> Iterator[Section]:
    end = (socket_counts.leading(section) or file_counts.leading(section) or settings.leading(section)) if section.prompt is not None else 0
    if not 0 < end < len(section.lines):
        yield section
        return
    yield section._replace(lines=section.lines[:end])
    before = section.first + end - 1
    for rest in cut(source.undone(section.lines[end:]), shapes):
        yield rest._replace(first=rest.first + before)


def read(section: Section) -> tuple[ModuleType, Parsed] | None:
    """The format and what it makes of the section, None for one whose command tells nothing."""
    if section.prompt is None:
        return None
    if (counted := file_counts.below(section)) is not None:
        return socket_counts, counted
    for form in (socket_counts, settings, ps, wait_channels, df):
        parsed = form.below(section)
        if parsed is not None:
            return form, parsed
    return None


def with_moment(source: Source, section: Section, parsed: Parsed) -> Parsed:
    """Counts with what the words above them say of their moment."""
    said = apart_in_words(source.lines, section.first - 1)
    if said is None:
        return parsed
    before, seconds = said
    records = (replace(one, before=before, apart=seconds) if isinstance(one, Tally) else one for one in parsed.records)
    return replace(parsed, records=tuple(records))
