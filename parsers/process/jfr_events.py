"""Events of Java Flight Recorder as ``jfr print`` shows them; those of ``jdk.ThreadDump`` hold a whole dump, which its own format reads.

    jdk.SocketRead {
      startTime = 15:18:19.204
      duration = 2.004 s
      host = "stock.example"
      address = "10.0.0.21"
      port = 8443
      eventThread = "checkout-3" (javaThreadId = 31)
      stackTrace = [
        java.net.SocketInputStream.read(byte[]) line: 129
      ]
    }

Only counted. An event of a read has no local port, and is written when the read ENDS: the one that hangs is never among them, and what ended proves nothing
of what did not. ``jfr print --json`` is turned into this form first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Counter, Parsed
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "jfr_events"
SHOWS: Final = frozenset({Shows.PROCESS})
HEADER: Final = r"(?!)"
ROW_SHAPE: Final = r"[a-z]\w*+(?>(?:\.\w++)+) \{[ ]*\n[ ]+startTime = "
_begins = lazy(r"(?P<kind>[a-z]\w*(?:\.\w+)+) \{\s*\Z").match
_ends = lazy(r"\}\s*\Z").match
_starts = lazy(r"\s+startTime = ").match
_DUMP: Final = "jdk.ThreadDump"


def sniff(head: Sequence[str]) -> bool:
    """True if an event begins the lines."""
    return len(head) > 1 and _begins(head[0]) is not None and _starts(head[1]) is not None


def parse(section: Section) -> Parsed:
    """A counter for each type of event; the dumps are records of their own."""
    counts: dict[str, int] = {}
    first: dict[str, int] = {}
    unread: list[tuple[int, str]] = []
    inside = False
    for index, line in section.rows():
        if match := _begins(line):
            inside = True
            counts[match["kind"]] = counts.get(match["kind"], 0) + 1
            first.setdefault(match["kind"], index)
        elif inside:
            inside = _ends(line) is None
        elif not _ends(line):
            unread.append((index, "no line of an event"))
    gaps, elisions = leftovers(section, unread)
    records = [Counter(section.where(first[kind]), kind, count) for kind, count in counts.items() if kind != _DUMP]
    return Parsed((*records, *elisions), section.nonblank - sum(gap.lines for gap in gaps), gaps)
