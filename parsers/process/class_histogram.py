r"""Objects of a JVM's heap by class: ``jcmd PID GC.class_histogram``, ``jmap -histo``.

     num     #instances         #bytes  class name (module)
    -------------------------------------------------------
       1:         24563        2293128  [B (java.base@17.0.2)
       2:         21004         504096  com.example.Job
    Total        612331       41233120

The classes with most bytes come first; of thousands the first ones are kept. Arrays and what no name tells are read and not kept. Captured from JDK 8 to 25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Counted, Parsed, Tally
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "class_histogram"
SHOWS: Final = frozenset({Shows.PROCESS})
HEADER: Final = r"[ ]*num[ ]+#instances[ ]+#bytes[ ]+[Cc]lass (?:name|description)"
ROW_SHAPE: Final = r"[ ]*\d{1,6}:[ ]+\d{1,12}[ ]+\d{1,15}[ ]+[\[\w<]"
KEPT: Final = 200
"""Classes that are kept: those with most bytes."""
_header = lazy(rf"\s*+(?:{HEADER})").match
_row = lazy(r"\s*\d{1,6}:\s+(?P<count>\d{1,12})\s+\d{1,15}\s+(?P<name>\S{1,400})(?:\s+\([\w.@+-]{1,120}\))?\s*$").match
_other = lazy(r"\s*(?:-{10,}|Total\s+\d{1,15}\s+\d{1,18}|\d{1,7}:)\s*$").match


def sniff(head: Sequence[str]) -> bool:
    """True if the heading is among the lines, or a few rows are."""
    return any(_header(line) for line in head) or sum(_row(line) is not None for line in head) >= 3  # noqa: PLR2004 - the heading may be cut off


def parse(section: Section) -> Parsed:
    """A count for each of the first classes that are no arrays."""
    found: list[Tally] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        if (match := _row(line)) is not None:
            name = match["name"]
            if not name.startswith(("[", "<")) and len(found) < KEPT:
                found.append(
                    Tally(where=section.where(index), what=Counted.OBJECTS, count=int(match["count"]), listing=section.first, name=name)
                )
        elif not (_header(line) or _other(line)):
            unread.append((index, "no row of a class histogram"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*found, *elisions), read + len(elisions), gaps)
