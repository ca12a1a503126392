"""Tables whose columns stand below dashes: SQL*Plus and sqlcmd. A row that is wider than the page takes several lines, and so does its heading.

           SID    SERIAL# USERNAME   STATUS
    ---------- ---------- ---------- --------
    MACHINE                                PORT
    -------------------------------- ----------
           143      50121 SHOP       ACTIVE
    app01                                 43210

    3 rows selected.

SQL*Plus prints the heading again on every page, and goes on with a cell below it that is wider than its column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Sequence

_rule: Final = lazy(r"\s*-+(?:\s+-+)*\s*\Z").match
_dashes: Final = lazy(r"-+").finditer
_footer: Final = lazy(r"\s*(?:\(?\d+ rows? (?:selected|affected)\.?\)?|no rows selected|SQL> .*|Elapsed: .*)\s*\Z").match
_MOST_LINES: Final = 40
"""Lines that one row may take: a page of 80 columns shows all that V$SESSION has in fewer."""


class Block(NamedTuple):
    """One line of a row: the names of its columns, and where each begins and ends; the last is open."""

    heading: str
    names: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    def cells(self, line: str) -> list[str]:
        """The cells of a line."""
        ends = [*(end for _, end in self.spans[:-1]), len(line)]
        return [line[begin:end].strip() for (begin, _), end in zip(self.spans, ends, strict=True)]

    def fits(self, line: str, *, wrapped: bool = False) -> bool:
        """True if no cell runs over the blank behind its column; of a row on several lines, not behind the last either."""
        return all(line[end : end + 1] in {"", " ", "\t"} for _, end in (self.spans if wrapped else self.spans[:-1]))


class Line(NamedTuple):
    """A row: indices of its first and last line, and its cells by the name of the column."""

    first: int
    last: int
    cells: dict[str, str]


def is_dashed(lines: Sequence[str]) -> bool:
    """True if the second line rules off a heading of several columns, or one of several such lines."""
    first = _block(lines, 0)
    return first is not None and (len(first.names) > 1 or _block(lines, 2) is not None)


def dashed(lines: Sequence[tuple[int, str]]) -> tuple[tuple[str, ...], list[Line], list[int]]:
    """The columns in lower case, the rows, and the indices of lines that belong to none."""
    texts = [text for _, text in lines]
    blocks: list[Block] = []
    while len(blocks) < _MOST_LINES and (block := _block(texts, 2 * len(blocks))) is not None:
        blocks.append(block)
    names = tuple(name for block in blocks for name in block.names)
    headings = {block.heading for block in blocks}
    rows: list[Line] = []
    unread: list[int] = []
    number, wrapped = 0, len(blocks) > 1
    above = lines[2 * len(blocks) - 1][0]
    for index, text in lines[2 * len(blocks) :]:
        blank, above = index - above - 1, index
        if text.rstrip() in headings or _rule(text) or _footer(text):
            number = 0
            continue  # another page, or the end
        # A line of a row whose cells are all NULL is blank.
        number = (number + blank) if number and number + blank < len(blocks) else 0 if blank else number
        block, before = blocks[number], blocks[number - 1]
        if rows and (not block.fits(text, wrapped=wrapped) or (number == 0 and _goes_on(before, block, rows[-1], text))):
            if not before.fits(text, wrapped=wrapped):
                unread.append(index)
                continue
            for name, cell in zip(before.names, before.cells(text), strict=True):
                rows[-1].cells[name] += f" {cell}" if cell else ""
            rows[-1] = rows[-1]._replace(last=index)
        elif not block.fits(text):
            unread.append(index)
        else:
            cells = dict(zip(block.names, block.cells(text), strict=True))
            if number == 0:
                rows.append(Line(index, index, {**dict.fromkeys(names, ""), **cells}))
            else:
                rows[-1].cells.update(cells)
                rows[-1] = rows[-1]._replace(last=index)
            number = (number + 1) % len(blocks)
    return names, rows, unread


def _goes_on(before: Block, first: Block, row: Line, text: str) -> bool:
    """True if a line goes on with cells of the row above: where that has numbers, it has none."""
    numbers = [at for at, name in enumerate(first.names) if row.cells[name].lstrip("-").isdigit()]
    cells = first.cells(text)
    return bool(numbers) and not any(cells[at] for at in numbers) and before.fits(text)


def _block(texts: Sequence[str], begin: int) -> Block | None:
    """The heading at ``begin`` with the dashes below it."""
    if begin + 1 >= len(texts) or not _rule(texts[begin + 1]) or _rule(texts[begin]):
        return None
    heading = texts[begin]
    spans = tuple(match.span() for match in _dashes(texts[begin + 1]))
    names = tuple(
        heading[first : end if number < len(spans) - 1 else len(heading)].strip().lower() for number, (first, end) in enumerate(spans)
    )
    return Block(heading.rstrip(), names, spans) if all(names) else None
