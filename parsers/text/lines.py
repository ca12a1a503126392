"""The lines of a large text, held as the bytes they were read from.

A list of strings takes one and a half times the text, and a table of a million rows is gone through once, from top to bottom. So only
the bytes are kept, with the places where blocks of lines begin; a block is decoded and split when somebody asks for a line of it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeAlias, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK: Final = 1 << 16
"""Bytes of a block: its lines fit the processor's cache while they are read."""
Skim: TypeAlias = "Callable[[str, bytes, int, int], int]"
"""Of a format, the octets, a line end and the end of the text: the end of the last of the lines below it that surely are rows."""
_ENCODING: Final = "utf-8"
_ERRORS: Final = "surrogatepass"


class Lines(Sequence[str]):
    """A run of lines of a text. ``lines[a:b]`` is one again, over the same bytes."""

    __slots__ = ("_at", "_data", "_held", "_numbers", "_offsets", "_start", "_stop")

    def __init__(self, data: bytes) -> None:
        """All lines of ``data``: UTF-8, each but perhaps the last one ended by LF alone."""
        self._data = data
        self._offsets = array("Q")
        """Where each block begins, and a last one: where the text ends."""
        self._numbers = array("Q")
        """The index of each block's first line, and a last one: how many lines there are."""
        position = line = 0
        while position < len(data):
            self._offsets.append(position)
            self._numbers.append(line)
            end = data.rfind(b"\n", position, position + BLOCK) + 1 or data.find(b"\n", position + BLOCK) + 1 or len(data)
            line += data.count(b"\n", position, end)
            position = end
        line += not data.endswith(b"\n") and bool(data)
        self._offsets.append(len(data))
        self._numbers.append(line)
        self._start, self._stop = 0, line
        self._at, self._held = -1, [""]

    def __len__(self) -> int:
        """How many lines there are."""
        return self._stop - self._start

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Lines: ...
    def __getitem__(self, index: int | slice) -> str | Lines:
        """A line, or a run of them.

        Raises:
            IndexError: beyond the lines.
            ValueError: for a slice with steps.
        """
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ValueError("lines are given in their order, one by one")
            return self._part(self._start + start, self._start + max(start, stop))
        number = range(self._start, self._stop)[index]
        block = bisect_right(self._numbers, number) - 1
        if block != self._at:
            self._at, self._held = block, self._block_lines(block)
        return self._held[number - self._numbers[block]]

    def __iter__(self) -> Iterator[str]:
        """The lines in order."""
        return chain.from_iterable(self.blocks())

    def __eq__(self, other: object) -> bool:
        """True for the same lines, in a list too."""
        return isinstance(other, Lines | list) and len(self) == len(other) and all(map(str.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]

    def blocks(self) -> Iterator[list[str]]:
        """The lines in order, some hundred at a time."""
        start, stop, numbers = self._start, self._stop, self._numbers
        if start == stop:
            return
        for block in range(bisect_right(numbers, start) - 1, len(numbers) - 1):
            first, last = numbers[block], numbers[block + 1]
            if first >= stop:
                return
            lines = self._block_lines(block)
            yield lines if start <= first and last <= stop else lines[max(start - first, 0) : stop - first]

    def octets(self) -> tuple[bytes, int, int]:
        """The bytes that hold the lines, and where in them the lines begin and end."""
        return self._data, self._offset(self._start), self._offset(self._stop)

    def whole(self) -> bytes | None:
        """The bytes, if these are all their lines."""
        return self._data if self.octets()[1:] == (0, len(self._data)) else None

    def decoded(self, begin: int, end: int) -> str:
        """Some of the bytes as text."""
        return self._data[begin:end].decode(_ENCODING, _ERRORS)

    def _offset(self, number: int) -> int:
        """Where a line begins; behind the last one, where the text ends."""
        block = bisect_right(self._numbers, number) - 1
        offset = self._offsets[block]
        for _ in range(number - self._numbers[block]):
            offset = self._data.index(b"\n", offset) + 1
        return offset

    def _block_lines(self, block: int) -> list[str]:
        lines = self._data[self._offsets[block] : self._offsets[block + 1]].decode(_ENCODING, _ERRORS).split("\n")
        if lines[-1] == "":
            lines.pop()
        return lines

    def _part(self, start: int, stop: int) -> Lines:
        part = Lines.__new__(Lines)
        part._data, part._offsets, part._numbers = self._data, self._offsets, self._numbers  # noqa: SLF001 - of this class
        part._start, part._stop = start, stop  # noqa: SLF001 - as above
        part._at, part._held = -1, [""]  # noqa: SLF001 - as above
        return part


def lines_of(data: bytes, text: str) -> Lines:
    """The lines of ``text``, which ``data`` was decoded to; over the same bytes, if they are plain ASCII."""
    return Lines(data if len(data) == len(text) and text.isascii() else text.encode(_ENCODING, _ERRORS))
