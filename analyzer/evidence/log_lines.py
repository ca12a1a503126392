"""Log lines beside the artifacts: what a program wrote about a failure, where that names the address or the thread in question.

Of the lines of logs, and of those that no format knows, those that tell of a failure are looked through, the last ones first.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.finding import Evidence
from analyzer.model.message import plural, say, say_of
from parsers.records import Unit, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analyzer.waits.case import Case, ProcessView

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
_ENDED: Final = re.compile(r'Exception in thread (?:"([^"\n]{1,200})"|([^\s":][^":\n]{0,200}):[ \t]*$)')
"""``Exception in thread "consumer-1" …`` of a JVM, ``Exception in thread Thread-5 (consume):`` of Python."""
_ACCEPT: Final = ("accept", "accept0", "implaccept")
_SHORT: Final = 120
_AT: Final = re.compile(r"\s+at (?:[\w.@-]+/)?([\w.$<>]+)(\([^()\n]{1,120}\))")

_FILE: Final = re.compile(r'\s+File "(?:[^"\n]{0,400}[/\\])?([^"/\\\n]{1,100}?)(\.pyx?)", line (\d{1,7}), in ([\w.<>]{1,200})')
"""A line of a traceback of Python, where the innermost call is the last one."""
_LIBRARY: Final = re.compile(r"[/\\](?:lib[/\\]python\d|site-packages|dist-packages)")


class Failure(msgspec.Struct, frozen=True):
    """What the log says: the address that most of the lines name (None: none does), the evidence, how many lines say it, and whether they name the threads."""

    address: str | None
    evidence: Evidence
    lines: int
    own: bool


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
    says = say_of(
        count,
        "{lines} of the log tells of a failure{about}",
        "{lines} of the log tell of a failure{about}",
        lines=plural(count, "line"),
        about=about,
    )
    return Failure(address, Evidence(where, says, (address,) if address is not None else (), count - 1), count, bool(own))


class Ended(msgspec.Struct, frozen=True):
    """A thread that an exception ended, by the log: its name, where in the application that was (None: the log does not say), and the line."""

    thread: str
    frame: str | None
    evidence: Evidence


def ended_of(case: Case, view: ProcessView) -> Ended | None:
    """The last thread that the log says an exception ended, and that the dump does not have any more; None if there is none."""
    if view.dump is None or view.coverage.threads:
        return None
    alive = {thread.name for thread in view.dump.threads}
    last: tuple[Where, str] | None = None
    frame: str | None = None
    inside = False  # between the line of the end and the exception below a traceback
    for where, line in _lines(case):
        if (match := _ENDED.search(line)) is not None:
            name = match[1] or match[2]
            last, frame, inside = ((where, name), None, True) if name not in alive else (None, None, False)
        elif last is not None and frame is None and (at := _AT.match(line)) is not None:
            frame = at[1] + at[2] if view.known.is_application(at[1].rpartition(".")[0]) else None
        elif inside and (call := _FILE.match(line)) is not None:
            module, suffix, number, function = call.groups()
            frame = f"{module}.{function}({module}{suffix}:{number})" if _LIBRARY.search(line) is None else frame
        elif inside and line[:1].strip() and not line.startswith("Traceback"):
            inside = False
    if last is None:
        return None
    where, name = last
    return Ended(name, frame, Evidence(where, say("the log says that an exception ended the thread “{name}”", name=name), (name,)))


def failed_accept(case: Case) -> Evidence | None:
    """The last failure in the log whose stack leads through a call of accept; None if there is none."""
    last: Evidence | None = None
    head: tuple[Where, str] | None = None
    for where, line in _lines(case):
        at = _AT.match(line)
        if at is None and not line[:1].isspace() and not line.startswith("Caused by"):
            head = (where, line.strip()) if _FAILURE.search(line) else None
        elif at is not None and head is not None and at[1].rpartition(".")[2].lower().endswith(_ACCEPT):
            place, text = head
            last = Evidence(place, say("the log tells of a failure in accept"), (text[:_SHORT],))
    return last


def _lines(case: Case) -> Iterator[tuple[Where, str]]:
    """The last lines of every file's logs, and of what no format knows, in order."""
    for artifact in case.incident.artifacts:
        gaps = sorted([*(gap.where for gap in artifact.unread if gap.where.unit is Unit.LINE), *(log.where for log in artifact.logs)])
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
