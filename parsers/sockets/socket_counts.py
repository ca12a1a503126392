"""Sockets counted by state: ``netstat -ant | awk '{print $6}' | sort | uniq -c``, ``awk '{++S[$NF]} END {…}'``; and what ``wc -l`` or ``grep -c`` counted.

       1208 CLOSE_WAIT
        601 ESTABLISHED
          1 Foreign
          4 FIN_WAIT2

     412 10.4.0.9:8983 CLOSE_WAIT

PowerShell's ``Group-Object State -NoElement`` prints ``16201 TimeWait``. The commonest paste of all. No row is left: whose the sockets are, of which port, and whether requests were read, a count does not say.
A bare number below ``… | wc -l`` counts the lines of that command, of which the table below may show only some.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.records import THREADS_IN, Counter, Endpoint, FarCount, Parsed, TcpState
from parsers.records.shows import Shows
from parsers.text.endpoint import normal_host, port_of
from parsers.text.grammar import POWERSHELL_STATES, STATES, tcp_state
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "socket_counts"
SHOWS: Final = frozenset({Shows.PROCESS})
COUNTED: Final = "counted: "
"""What the name of a counter begins with that ``wc -l`` printed; the command follows."""

_PROSE: Final = 100
"""Lines of a text, up to which a sentence that counts is looked for in each."""
_LINE: Final = 1000
_WORD: Final = "|".join(sorted(sorted({*STATES, *(word.replace("_", "-") for word in STATES), *POWERSHELL_STATES}), key=len, reverse=True))
HEADER: Final = r"(?!)"
_END: Final = r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[?[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]{2,40}\]?)[:.]\d{1,5}"
ROW_SHAPE: Final = (
    rf"[ \t]*\d{{1,9}}[ \t]+(?:(?:{_WORD})(?:[ \t,]+{_END})?|{_END}[ \t,]+(?:{_WORD}))[ \t]*$|(?:{_WORD})[ \t]*[:=]?[ \t]+\d{{1,9}}[ \t]*$"
)
_row = lazy(rf"\s*(?:(?P<count>\d{{1,9}})\s+(?P<state>{_WORD})|(?P<word>{_WORD})\s*[:=]?\s+(?P<number>\d{{1,9}}))\s*$").match
_placed = lazy(rf"\s*(?P<count>\d{{1,9}})\s+(?:(?P<end>{_END})[\s,]+(?P<state>{_WORD})|(?P<word>{_WORD})[\s,]+(?P<place>{_END}))\s*$").match
_address = lazy(
    r"\s*(?P<count>\d{1,9})\s+(?P<host>\d{1,3}(?:\.\d{1,3}){3}|::ffff:\d{1,3}(?:\.\d{1,3}){3})(?:[:.](?P<port>\d{1,5}))?\s*$"
).match
_tallies = lazy(r"\b(?:netstat|ss|lsof)\b[^\n]*\buniq\s+-\w*c").search
_LISTENS: Final = frozenset({"0.0.0.0", "127.0.0.1"})  # noqa: S104 - compared, never bound
_threads = lazy(r"\s*(?P<count>\d{1,7})\s+java\.lang\.Thread\.State: (?P<state>[A-Z_]{3,15}(?: \([\w ]{1,40}\))?)\s*$").match
_command = lazy(
    r"\s*(?P<command>(?:sudo\s+)?(?:netstat|lsof|ss|ls|ps|jstack)\b[^\n]{0,300}?(?:\|\s*wc\s+-l|\bgrep\s[^\n|]{0,100}?-[a-zA-Z]*c\b[^\n|]{0,60}))\s*$"
).match
# The table's own header, split at blanks and counted with the rest.
_remark = lazy(r"\s*\d{1,9}\s+(?:established\)|servers\)|Foreign|State|\(state\)|Address|and)\s*$|Count\s+Name\s*$|-----\s+----\s*$").match
_bare = lazy(r"\s*(?P<count>\d{1,9})\s*$").match
_counts = lazy(r"\|\s*wc\s+-l\b|\bgrep\s+(?:\S+\s+)*?(?:-[a-zA-Z]*c|--count)\b|\bMeasure-Object\b|\bfind(?:\.exe)?\s+/[cC]\b").search
_quoted = lazy(
    r"(?P<command>\b(?:netstat|lsof|ss)\b[^\n`|]{0,120}\|[^\n`]{0,160}?(?:wc -l|grep -c[^\n`]{0,60}?|Measure-Object[^\n`]{0,40}?))`?\W{0,3}"
    r"(?:(?:(?:it|this|that) )?(?:\S{1,4}|gives|gave|returns|returned|shows|showed|says|said|prints|printed|is|was|reports|reported|outputs)\s{1,3}(?:me |us |about |around )?)?[`*]{0,3}(?P<count>\d{1,3}(?:,\d{3})+|\d{1,9})\b"
).search


def _state_of(word: str) -> TcpState | None:
    """The state that a tool's word means."""
    return POWERSHELL_STATES.get(word) or tcp_state(word)


def sniff(head: Sequence[str]) -> bool:
    """True if a count of a state is among the lines."""
    return any(_row(line) or _placed(line) for line in head)


def is_count(section: Section) -> bool:
    """True if the command above the section counts, and its first line is the number."""
    first = next((line for line in section.lines if line and not line.isspace()), "")
    return section.prompt is not None and _bare(first) is not None and _counts(section.prompt) is not None


def quoted(section: Section) -> Parsed | None:
    """What a sentence counts: "`lsof -p 77 | grep -c CLOSE_WAIT` gives 912"; None if none does."""
    if section.nonblank > _PROSE:
        return None
    counts: list[Counter] = []
    unread: list[tuple[int, str]] = []
    above = ""
    for index, line in section.rows():
        match = _quoted(line[:_LINE]) if "|" in line else None
        counter, above = _command(above[:_LINE]), line
        if match is None and counter is not None and (number := _bare(line)) is not None:
            counts.append(Counter(section.where(index), f"{COUNTED}{counter['command'].strip()}", int(number["count"])))
        elif match is None:
            unread.append((index, "no format that is known"))
        else:
            counts.append(Counter(section.where(index), f"{COUNTED}{match['command'].strip()}", int(match["count"].replace(",", ""))))
    gaps, elisions = leftovers(section, unread)
    return Parsed((*counts, *elisions), len(counts) + len(elisions), gaps) if counts else None


def threads(section: Section) -> Parsed | None:
    """Threads counted by state: ``jstack PID | grep State | sort | uniq -c``; None if none are. An editor's line numbers in front of a dump look alike."""
    rows = list(section.rows()) if section.nonblank <= _PROSE else []
    counts = [
        Counter(section.where(index), f"{THREADS_IN}{match['state']}", int(match["count"]))
        for index, line in rows
        if (match := _threads(line))
    ]
    if not counts or any(" at " in line or "\tat " in line for _, line in rows):
        return None
    gaps, elisions = leftovers(section, ((index, "no count of a state") for index, line in rows if not _threads(line)))
    return Parsed((*counts, *elisions), len(counts) + len(elisions), gaps)


def by_address(section: Section) -> Parsed | None:
    """Sockets counted by their far end alone, below the command that counted them; None for any other text."""
    if section.prompt is None or not _tallies(section.prompt):
        return None
    rows = [(index, match) for index, line in section.rows() if (match := _address(line))]
    known = {index for index, _ in rows}
    counts = [
        FarCount(
            where=section.where(index),
            tool=NAME,
            remote=Endpoint(normal_host(match["host"]), port_of(match["port"]) if match["port"] else None),
            count=int(match["count"]),
        )
        for index, match in rows
        if match["host"] not in _LISTENS
    ]
    gaps, elisions = leftovers(section, ((index, "no count of a far end") for index, _ in section.rows() if index not in known))
    return Parsed((*counts, *elisions), len(rows) + len(elisions), gaps) if counts else None


def _placed_count(section: Section, index: int, match: re.Match[str]) -> FarCount | None:
    """``412 10.4.0.9:8983 CLOSE_WAIT``: a far end and a state, in either order."""
    text, state = match["end"] or match["place"], _state_of(match["state"] or match["word"])
    host, port = re.split(r"[:.](?=\d{1,5}\Z)", text, maxsplit=1)
    if port_of(port) is None:
        return None
    return FarCount(
        where=section.where(index),
        tool=NAME,
        remote=Endpoint(normal_host(host), port_of(port)),
        count=int(match["count"]),
        state=state.value if state else None,
    )


def parse(section: Section) -> Parsed:
    """A counter for each state, named ``TCP CLOSE_WAIT``; one named after the command for a bare number."""
    records: list[Counter | FarCount] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        if (placed := _placed(line)) is not None and (count := _placed_count(section, index, placed)) is not None:
            records.append(count)
        elif match := _row(line):
            state = _state_of(match["state"] or match["word"])
            records.append(Counter(section.where(index), f"TCP {state.value if state else '?'}", int(match["count"] or match["number"])))
        elif section.prompt is not None and (match := _bare(line)):
            records.append(Counter(section.where(index), f"{COUNTED}{section.prompt.strip()}", int(match["count"])))
        elif not _remark(line):
            unread.append((index, "no count of a state"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)
