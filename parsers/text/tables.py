r"""Tables as database clients print them: psql's aligned, expanded, unaligned and CSV output, MySQL's boxes, ``\G`` and tabs.

Columns are found by their names, in any order and any subset. A cell that a client wrapped over several lines is put together again.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.text.dashed import dashed, is_dashed
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

    from parsers.text.source import Section

FEWEST: Final = 2
"""Columns below which a line is no heading."""
_NAME: Final = lazy(r"[A-Za-z_?][\w ()$.#?:]{0,62}\Z")
_RULE: Final = lazy(r"\s*-[-+]*-\s*\Z")
_BOX: Final = lazy(r"\s*\+(?:-+\+)+\s*\Z")
_RECORD: Final = lazy(r"\s*-\[ RECORD \d+ \][-+]*\s*\Z")
_ROW: Final = lazy(r"\s*\*{5,} \d+\. row \*{5,}\s*\Z")
_EXPANDED: Final = lazy(r"\s*(\w[\w ]{0,62}?) *\|(?: (.*)|)\Z")
_VERTICAL: Final = lazy(r"\s*(\w[\w ]{0,62}): ?(.*)\Z")
_FOOTER: Final = lazy(r"\s*(?:\(\d+ rows?(?: affected)?\)|\d+ rows? selected\.|\d+ rows? in set.*|Query OK.*|Time: .*)\Z")
_SEPARATORS: Final = ("\t", "|", ",", ";")


class Cells(dict[str, str]):
    """Cells by the name of the column; a column that the table does not have is empty, like NULL."""

    def __missing__(self, key: str) -> str:
        """An empty cell."""
        return ""


class Row(NamedTuple):
    """One row: indices of its first and last line in the section, and its cells by the name of the column. A cell that is NULL is empty."""

    first: int
    last: int
    cells: Cells


class Grid(NamedTuple):
    """A table: its columns in lower case, its rows, and the indices of lines that belong to no row."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    unread: tuple[int, ...]


def columns_of(head: Sequence[str]) -> frozenset[str]:
    """The names of the columns, in lower case; empty if these lines begin no table."""
    grid = _read(list(enumerate(head)))
    return frozenset(grid.columns) if grid is not None else frozenset()


def grid_of_head(head: Sequence[str]) -> Grid | None:
    """The table that these lines begin, None if they begin none."""
    return _read(list(enumerate(head)))


def grid_of(section: Section) -> Grid | None:
    """The table that a section holds, None if it holds none."""
    return _read(list(section.rows()))


def _read(lines: Sequence[tuple[int, str]]) -> Grid | None:
    if not lines:
        return None
    first = lines[0][1]
    if _RECORD.match(first) or _ROW.match(first):
        return _records(lines, _EXPANDED if _RECORD.match(first) else _VERTICAL)
    if _BOX.match(first):
        return _boxed(lines)
    if len(lines) > 1 and "|" in first and _RULE.match(lines[1][1]):
        return _aligned(lines)
    if is_dashed([text for _, text in lines[:4]]):
        names, rows, unread = dashed(lines)
        made = (Row(row.first, row.last, Cells({name: _value(cell) for name, cell in row.cells.items()})) for row in rows)
        return Grid(names, tuple(made), tuple(unread))
    return _separated(lines)


_BORDERS: Final = 2
"""Borders of a box of mysql above its rows; a third one closes it."""


def _records(lines: Sequence[tuple[int, str]], cell: re.Pattern[str]) -> Grid:
    r"""One line a cell: ``\x`` of psql and ``\G`` of mysql. A line that is no cell goes on with the one above."""
    rows: list[Row] = []
    columns: dict[str, None] = {}
    unread: list[int] = []
    name = ""
    for index, text in lines:
        if _RECORD.match(text) or _ROW.match(text):
            rows.append(Row(index, index, Cells()))
            name = ""
        elif (match := cell.match(text)) is not None and rows:
            name = match[1].strip().lower()
            columns[name] = None
            rows[-1].cells[name] = _value(match[2] or "")
            rows[-1] = rows[-1]._replace(last=index)
        elif not _FOOTER.match(text):
            if rows and name:
                rows[-1].cells[name] += f" {text.strip()}"
                rows[-1] = rows[-1]._replace(last=index)
            else:
                unread.append(index)
    return Grid(tuple(columns), tuple(rows), tuple(unread))


def _aligned(lines: Sequence[tuple[int, str]]) -> Grid:
    """Psql's columns. Cells are cut at the places of ``+`` in the line below the heading: a statement may hold bars itself."""
    ends = [place for place, sign in enumerate(lines[1][1]) if sign == "+"]
    columns = tuple(cell.lower() for cell in _cut(lines[0][1], ends))
    rows: list[Row] = []
    unread: list[int] = []
    for index, text in lines[2:]:
        if _FOOTER.match(text):
            continue
        cells = _cut(text, ends) if _in_line(text, ends) else _between_bars(text)
        if len(cells) != len(columns):
            unread.append(index)
            continue
        if rows and not cells[0] and rows[-1].last == index - 1 and _goes_on(lines, index):
            for name, cell in zip(columns, cells, strict=True):
                rows[-1].cells[name] += f" {cell}" if cell else ""
            rows[-1] = rows[-1]._replace(last=index)
        else:
            rows.append(Row(index, index, Cells({name: _value(cell.removesuffix("+")) for name, cell in zip(columns, cells, strict=True)})))
    return Grid(columns, tuple(rows), tuple(unread))


def _goes_on(lines: Sequence[tuple[int, str]], index: int) -> bool:
    """True if the line above ends a cell with the sign of a wrapped one."""
    above = next((text for number, text in lines if number == index - 1), "")
    return above.rstrip().endswith(("+", "."))


def _cut(text: str, ends: Sequence[int]) -> list[str]:
    places = [-1, *ends, len(text)]
    return [text[begin + 1 : end].strip() for begin, end in itertools.pairwise(places)]


def _boxed(lines: Sequence[tuple[int, str]]) -> Grid | None:
    """Mysql's box: the places of ``+`` in its border are those of the bars."""
    border = lines[0][1]
    ends = [place for place, sign in enumerate(border) if sign == "+"]
    borders = [index for index, text in lines if _BOX.match(text)]
    closed = borders[-1] if len(borders) > _BORDERS else lines[-1][0]
    body = [(index, text) for index, text in lines[1:] if not _BOX.match(text)]
    if not body or len(ends) <= FEWEST:
        return None
    columns = tuple(cell.lower() for cell in _inside(body[0][1], ends))
    rows: list[Row] = []
    unread: list[int] = []
    for index, text in body[1:]:
        if _FOOTER.match(text):
            continue
        if text[ends[0] : ends[0] + 1] != "|":
            # A statement of several lines goes on below its row.
            if rows and len(columns) > 1 and index <= closed:
                rows[-1].cells[columns[-1]] += f" {text.strip(' |')}"
                rows[-1] = rows[-1]._replace(last=index)
            else:
                unread.append(index)
            continue
        if index > closed:
            unread.append(index)  # a row of another table
            continue
        cells = _inside(text, ends)
        if not _in_line(text, ends) and len(moved := _between_bars(text.strip().strip("|"))) == len(columns):
            cells = moved
        rows.append(Row(index, index, Cells({name: _value(cell) for name, cell in zip(columns, cells, strict=True)})))
    return Grid(columns, tuple(rows), tuple(unread))


def _in_line(text: str, ends: Sequence[int]) -> bool:
    """True if the bars stand where the border says. They do not where somebody has replaced a name, or letters are wide."""
    return all(text[place : place + 1] == "|" for place in ends)


def _between_bars(text: str) -> list[str]:
    return [cell.strip() for cell in text.split("|")]


def _inside(text: str, ends: Sequence[int]) -> list[str]:
    return [text[begin + 1 : end].strip() for begin, end in itertools.pairwise(ends)]


def _separated(lines: Sequence[tuple[int, str]]) -> Grid | None:
    """One sign between cells: ``psql -A``, ``--csv``, ``mysql -B``."""
    heading = lines[0][1]
    separator = next((sign for sign in _SEPARATORS if heading.count(sign) >= FEWEST - 1), None)
    if separator is None:
        return None
    columns = tuple(name.strip().strip('"[]').lower() for name in heading.split(separator))
    if not all(_NAME.match(name) for name in columns):
        return None
    rows: list[Row] = []
    unread: list[int] = []
    for index, text in lines[1:]:
        if _FOOTER.match(text) or not text.strip("-+|,;\t "):
            continue
        cells = next(_csv(text, separator), []) if heading.lstrip().startswith('"') else _cells(text, separator)
        if len(cells) < len(columns):
            unread.append(index)
            continue
        # The last column is the statement where there is one: it may hold the sign itself.
        cells = [*cells[: len(columns) - 1], separator.join(cells[len(columns) - 1 :])]
        rows.append(Row(index, index, Cells({name: _value(cell.strip()) for name, cell in zip(columns, cells, strict=True)})))
    return Grid(columns, tuple(rows), tuple(unread))


def _cells(text: str, separator: str) -> list[str]:
    if separator != "," or '"' not in text:
        return text.split(separator)
    return next(_csv(text), [])


def _csv(text: str, separator: str = ",") -> Iterator[list[str]]:
    import csv  # noqa: PLC0415 - few tables have quoted cells

    try:
        yield from csv.reader([text], delimiter=separator)
    except csv.Error:
        return


def _value(cell: str) -> str:
    return "" if cell in {"NULL", "(null)", "<null>", "[NULL]", "\\N"} else cell
