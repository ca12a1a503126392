r"""Goroutines counted by state: ``grep '^goroutine ' g.txt | sed … | sort | uniq -c``.

      60871 chan send
        190 IO wait
        118 select
         17 chan receive
          5 semacquire

The states are those of Go's runtime (``waitReasonStrings`` in ``runtime/runtime2.go``); a pipeline may leave the header's bracket and minutes with them:
``31 [chan send, 12 minutes]:``. Some of the words are anybody's, so that one of Go's own must be among the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Counted, Parsed, Tally
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.text.source import Section

NAME: Final = "goroutine_counts"
SHOWS: Final = frozenset({Shows.PROCESS})

_OF_GO: Final = (
    r"chan (?:send|receive)(?: \(nil chan\))?|IO wait|semacquire|select \(no cases\)|sync\.(?:RW)?Mutex\.R?Lock|sync\.Cond\.Wait|sync\.WaitGroup\.Wait"
    r"|GC (?:worker|sweep|scavenge|assist)[a-z ]{0,12}(?:\(idle\))?|force gc \(idle\)|finalizer wait|wait for GC cycle|cleanup wait|timer goroutine \(idle\)"
)
_ANY: Final = rf"(?:{_OF_GO}|select|sleep|syscall|running|runnable|waiting|preempted)"
HEADER: Final = r"(?!)"
ROW_SHAPE: Final = rf"[ \t]*\d{{1,9}}[ \t]+(?:goroutine[ \t]+)?\[?{_ANY}(?:,[ ][^\n\]]{{1,40}})?\]?:?[ \t]*$"

_row = lazy(rf"\s*(?P<count>\d{{1,9}})\s+(?:goroutine\s+)?\[?(?P<state>{_ANY})(?:, [^\n\]]{{1,40}})?,?\]?:?\s*$").match
_of_go = lazy(rf"\s*\d{{1,9}}\s+(?:goroutine\s+)?\[?(?:{_OF_GO})(?:, [^\n\]]{{1,40}})?,?\]?:?\s*$").match


def sniff(head: Sequence[str]) -> bool:
    """True if a row counts goroutines in a state that only Go has."""
    return any(_of_go(line) for line in head)


def parse(section: Section) -> Parsed:
    """A tally for each row; rows of one state are summed where the tallies are put together."""
    records: list[Tally] = []
    unread: list[tuple[int, str]] = []
    for index, line in section.rows():
        match = _row(line)
        if match is None:
            unread.append((index, "no count of goroutines"))
            continue
        records.append(
            Tally(
                where=section.where(index),
                what=Counted.GOROUTINES,
                count=int(match["count"]),
                command=section.prompt,
                listing=section.first,
                name=match["state"],
            )
        )
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), len(records) + len(elisions), gaps)
