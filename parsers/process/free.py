r"""How much memory a host has left, as procps' ``free`` prints it, whatever the unit.

                  total        used        free      shared  buff/cache   available
    Mem:           62Gi       4.9Gi       937Mi       1.0Mi        56Gi        56Gi
    Swap:         8.0Gi          0B       8.0Gi

``free`` is what nobody uses at all; ``available`` is what programs can have without swapping: the page cache is given back. procps before 3.3.10
has ``buffers`` and ``cached`` in its place, and a second row ``-/+ buffers/cache:`` whose last number means the same. Captured from procps 4.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Counter, Parsed
from parsers.records.process_records import MEMORY_AVAILABLE, MEMORY_TOTAL, SWAP_USED
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "free"
SHOWS: Final = frozenset({Shows.PROCESS})
_COLUMNS: Final = r"[ ]{0,40}total[ ]{1,20}used[ ]{1,20}free[ ]{1,20}shared[ ]{1,20}(?:buff(?:ers)?/cache|buffers|buff)\b[^\n]{0,40}$"
HEADER: Final = _COLUMNS
ROW_SHAPE: Final = _COLUMNS
_columns = lazy(r"\s*+total\s+used\s+free\s+shared\s+(?:buff(?:ers)?/cache|buffers|buff)\b").match
_row = lazy(
    r"\s*+(?P<name>Mem|Swap|-/\+ buffers/cache|Total|Low|High):(?P<cells>(?:\s+\d{1,18}(?:[.,]\d{1,3})?[KMGTPE]?i?B?){2,7})\s*$"
).match
_size = lazy(r"(?P<number>\d{1,18}(?:[.,]\d{1,3})?)(?P<unit>[KMGTPE]?)(?P<binary>i?)B?\Z").match
_asked = lazy(r"\bfree\s+(?:\S+\s+)*?-(?:-(?P<long>bytes|kilo|mega|giga|kibi|mebi|gibi|si)|[a-z]*(?P<letter>[bkmg])[a-z]*)\b").search
_UNITS: Final = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_POWERS: Final = "KMGTPE"


def sniff(head: Sequence[str]) -> bool:
    """True if the heading of the columns is among the lines."""
    return any(_columns(line) for line in head)


def parse(section: Section) -> Parsed:
    """The host's memory, what of it is available, and the swap in use, in bytes. A table without a unit is of kibibytes, unless its command says otherwise."""
    records: list[Counter] = []
    unread: list[tuple[int, str]] = []
    asked = _asked(section.prompt or "")
    scale = _UNITS[(asked["letter"] or asked["long"])[0]] if asked is not None and (asked["letter"] or asked["long"]) != "si" else 1024
    columns: list[str] = []
    read = 0
    for index, line in section.rows():
        if _columns(line):
            columns = line.split()
        elif columns and (match := _row(line)):
            sizes = [_bytes(cell, scale) for cell in match["cells"].split()]
            records += _of_row(section, index, match["name"], columns, sizes)
        else:
            unread.append((index, "no row of free"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _of_row(section: Section, index: int, name: str, columns: Sequence[str], sizes: Sequence[int]) -> list[Counter]:
    where = section.where(index)
    if name == "Mem":
        cells = dict(zip(columns, sizes, strict=False))
        found = [Counter(where, MEMORY_TOTAL, cells["total"])]
        return [*found, Counter(where, MEMORY_AVAILABLE, cells["available"])] if "available" in cells else found
    if name == "Swap":
        return [Counter(where, SWAP_USED, sizes[1])]
    return [Counter(where, MEMORY_AVAILABLE, sizes[-1])] if name.startswith("-/+") else []


def _bytes(cell: str, scale: int) -> int:
    """A size in bytes: ``62Gi`` and ``4.9G`` (powers of 1024), or a bare number of the table's unit."""
    match = _size(cell)
    if match is None:
        return 0
    number = float(match["number"].replace(",", "."))
    if match["unit"]:
        return int(number * 1024 ** (_POWERS.index(match["unit"]) + 1))
    return int(number) if cell.endswith("B") else int(number * scale)
