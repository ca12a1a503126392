"""Where the outputs of a text begin: one pattern for the headers and rows of all formats."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from parsers.text.patterns import lazy
from parsers.text.source import LONGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from parsers.text.lines import Skim

# Frames and lock lines begin nothing, and in a thread dump they are nearly all there is.
_INSIDE_A_STACK = r"(?>(?:\n(?:[ \t]++(?:at |- |java\.lang\.Thread\.State: |Locked ownable )[^\n]*+|(?=\n)))*)"

# What stands below a thread's header: blank lines, the state, frames, locks.
_STACK = r"(?>(?:\n(?>(?:[ \t]++(?:at|-|java\.lang\.Thread\.State:|Locked ownable)[ ][^\n]*+)?)(?=\n))*)"

_AT_ONCE = 1000
"""Rows that one match passes: it remembers each until it ends."""

_NEVER = r"(?!)"
"""Matches nothing: a row that looks as its header is found as a header, and need not be tried a second time."""


class Shapes:
    """Where outputs begin, for all formats at once.

    Args:
        formats: name → (header, row): patterns for the beginning of a line. A header always begins an output; a row begins one only
            where another format's output (or nothing known) stood before.
        marks: words anywhere in a line that make it the beginning of an output, if the one above does not begin so, too.
        below: name → a pattern for what stands below a row of that format, each line with the line end before it; the default is a Java stack.
    """

    skim: Callable[[], Skim | None] = staticmethod(lambda: None)
    """Gives what passes rows of large tables, faster than the patterns; see :mod:`parsers.sockets.kernel`."""

    def __init__(self, formats: Mapping[str, tuple[str, str]], marks: Sequence[str] = (), below: Mapping[str, str] | None = None) -> None:
        """Make one pattern for all formats; compiling one for each pair would take longer than reading a small incident."""
        # An empty group behind each shape tells which one matched. Behind, because an alternative that begins with a letter is skipped
        # at other letters only if nothing stands in front of the letter, not even a group. A search for a pattern that begins with a
        # literal line end runs several times faster than one for "^".
        self._names = tuple(formats)
        self._marks = tuple(marks)
        below = below or {}
        self._runs = {
            name: lazy(rf"(?>(?:\n(?:{row})[^\n]*+{below.get(name, _STACK)}){{1,{_AT_ONCE}}})", re.MULTILINE).match
            for name, (_, row) in formats.items()
        }
        self._any = re.compile(
            rf"\n(?!\n){_INSIDE_A_STACK}(?:"
            + "|".join(f"(?:{header})()|(?:{row if row != header else _NEVER})()" for header, row in formats.values())
            + ")",
            re.MULTILINE,
        )

    def marked(self, text: str, passed: Sequence[tuple[int, int]] = ()) -> Iterator[int]:
        """Offsets of the lines that hold a mark, outside of long runs of plain rows, which were ``passed``."""
        begin = 0
        for start, stop in (*passed, (len(text), len(text))):
            for mark in self._marks:
                found = text.find(mark, begin, start)
                while found >= 0:
                    yield text.rfind("\n", 0, found) + 1
                    end = text.find("\n", found, start)
                    found = text.find(mark, end, start) if end >= 0 else -1
            begin = stop

    def starts(
        self, text: str, begin: int, end: int, data: bytes | None = None, passed: list[tuple[int, int]] | None = None
    ) -> Iterator[int]:
        """Offsets in ``text[begin:end]`` at which an output begins. As many steps as there are runs of rows.

        ``data``: its octets, one for each character; ``passed`` is told where long runs of plain rows begin and end.
        """
        current: str | None = None
        skim = self.skim() if data is not None else None
        # The first line has no line end in front of it.
        first = self._any.match("\n" + text[begin : min(end, begin + LONGEST)])
        position = begin
        if first is not None and first.lastindex is not None:
            current = self._names[(first.lastindex - 1) // 2]
            yield begin
            position = max(begin, begin + first.end() - 2)
        while match := self._any.search(text, position, end):
            name, is_header = self._names[((match.lastindex or 1) - 1) // 2], (match.lastindex or 1) % 2 == 1
            # A header may take its last line's end with it, and the next output begin right there.
            position = max(match.end() - 1, match.start() + 1)
            if is_header or name != current:
                current = name
                yield match.start() + 1
            if not is_header:
                start = match.start()
                while skim is not None and data is not None and (behind := skim(name, data, start, min(end, len(data)))) > start:
                    if passed is not None and behind - start > LONGEST:
                        passed.append((start, behind))
                    # Some rows that are not plain, and plain ones again.
                    start = self._end_of_run(name, text, behind, min(end, text.find("\n", behind + LONGEST)))
                position = max(position, self._end_of_run(name, text, start, end))

    def _end_of_run(self, name: str, text: str, start: int, end: int) -> int:
        """Where the rows of one format end that begin behind the line end at ``start``."""
        run = self._runs[name]
        while (rows := run(text, start, end)) is not None:
            start = rows.end()
        return start
