"""Log lines beside the artifacts: what a program wrote about a failure, where that names the address or the thread in question.

Of the lines of logs, and of those that no format knows, those that tell of a failure are looked through, the last ones first.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.model.finding import Evidence
from analyzer.model.message import plural, say
from parsers.records import Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analyzer.waits.case import Case

LINES: Final = 3000
"""Lines at the end of each file that are looked through: what a program writes while it hangs stands there."""
_STEP: Final = 5
_LONGEST: Final = 1000
_FAILURE: Final = re.compile(
    r"refused|timed ?out|unreachable|reset by peer|no route|exception|\berror\b|\bfail(?:ed|ure)\b|cannot connect|denied", re.IGNORECASE
)
_ADDRESS: Final = re.compile(
    r"(?<![\w.:/@-])/?((?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]{2,39}\]|[A-Za-z][\w-]{0,60}(?:\.[\w-]{1,60}){0,6}):\d{2,5})(?![\w:.]\d)"
)


class Failure(NamedTuple):
    """What the log says: the address that most of the lines name (None: none does), the evidence, and how many lines say it."""

    address: str | None
    evidence: Evidence
    lines: int


def failure_of(case: Case, threads: Iterable[str]) -> Failure | None:
    """What the log says that failed: lines that name one of the threads before others; None if no line tells."""
    names = sorted({name for name in threads if name})
    told = [(where, line) for where, line in _lines(case) if _FAILURE.search(line)]
    own = [(where, line) for where, line in told if any(name in line for name in names)]
    chosen = own or [(where, line) for where, line in told if _ADDRESS.search(line)]
    if not chosen:
        return None
    named = Counter(match[1] for _, line in chosen if (match := _ADDRESS.search(line)) is not None)
    address = named.most_common(1)[0][0] if named else None
    where, _ = next(((where, line) for where, line in reversed(chosen) if address is None or address in line), chosen[-1])
    count = named[address] if address is not None else len(chosen)
    about = say(" of {address}", address=address) if address is not None else ""
    says = say(
        "{lines} of the log {tell} of a failure{about}",
        lines=plural(count, "line"),
        tell=say("tell") if count > 1 else say("tells"),
        about=about,
    )
    return Failure(address, Evidence(where, says, (address,) if address is not None else (), count - 1), count)


def _lines(case: Case) -> Iterator[tuple[Where, str]]:
    """The last lines of every file's logs, and of what no format knows, in order."""
    for artifact in case.incident.artifacts:
        gaps = sorted([*(gap.where for gap in artifact.unread), *(log.where for log in artifact.logs)])
        left = LINES
        kept = []
        for gap in reversed(gaps):
            first = max(gap.first, gap.last - left + 1)
            kept.append((first, gap.last, gap.file))
            left -= gap.last - first + 1
            if left <= 0:
                break
        for first, last, file in reversed(kept):
            for at in range(first, last + 1, _STEP):
                for number, line in enumerate(case.text(Where(file, at, min(last, at + _STEP - 1))), start=at):
                    yield Where(file, number, number), line[:_LONGEST]
