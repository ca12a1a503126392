"""What a text that no format reads looks like: enough to say that it may matter, never enough to use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOKED_AT: Final = 200
"""Non-blank lines that are looked at: a log or a table shows in its beginning."""
SHARE: Final = 0.3
"""Share of these lines that must look so."""
TABLE: Final = "a table"
FEWEST: Final = 3
"""Lines below which a text looks like nothing."""

_LOG: Final = lazy(
    r"\s{0,4}\[?(?:\d{4}[-/.]\d\d[-/.]\d\d[T ]\d\d:\d\d|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)?,? ?[A-Z][a-z]{2} +\d{1,2},? (?:\d{4} )?\d{1,2}:\d\d:\d\d"
    r"|\d\d:\d\d:\d\d[.,]\d{3}|\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5}| \S+ \S+) \[\d\d/)"
    r"|\s{0,4}(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|SEVERE|FATAL)\b"
    r"|\s+at [\w.$]+\("
)
_TABLE: Final = lazy(
    r"\s?[\w. ]{0,40} \|.*\||[-+]{8}|-\[ RECORD \d+ \]|\+-{3}|\w+(?:\t[^\t]*){3}|\s{0,20}\w{1,40}: \S|\w[\w-]*=\S* \w[\w-]*="
)

_KINDS: Final = {
    "a stack trace in another shape": lazy(
        r"[\w$]\.[\w$<>]+\((?:[\w$-]+\.(?:java|kt|scala|groovy|clj):\d+|Native Method|Unknown Source)\)"
    ),
    "statistics of HAProxy (show sess lists the sessions)": lazy(r"^[\w.:/-]{1,80},(?:FRONTEND|BACKEND|[\w.:-]{1,60}),(?:\d{0,12},){3}"),
    "a list of a packet filter's connections": lazy(r"^(?:all|self) tcp \S{1,60} (?:<-|->) \S{1,60}\s{1,9}[A-Z_:0-9]{3,40}\s*$"),
    "a log of the garbage collector": lazy(r"\[(?:gc|Full GC|GC)\b[\], (]"),
}
"""More telling than a log or a table; a single line may be enough."""
NO_LOG: Final = frozenset({None, TABLE, *_KINDS} - {"a stack trace in another shape", "a log of the garbage collector"})
"""What is no log, though each of its lines may begin with a time."""


def looks_like(lines: Sequence[str]) -> str | None:
    """What most of the lines look like, None for text such as prose."""
    head = lines[:LOOKED_AT]
    for what, pattern in _KINDS.items():
        if sum(pattern.search(line[:300]) is not None for line in head) >= max(SHARE * len(head), 1):
            return what
    if len(head) < FEWEST:
        return None
    if sum(_LOG.match(line[:200]) is not None for line in head) >= SHARE * len(head):
        return "a log"
    if sum(_TABLE.match(line[:200]) is not None for line in head) >= SHARE * len(head):
        return TABLE
    return None
