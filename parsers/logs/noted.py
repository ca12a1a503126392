"""Lines that stand out in a text of which nothing is understood: quoted for whoever reads the report, and proof of nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.logs.stamps import begins_entry
from parsers.records import LogEvent, LogKind
from parsers.text.hedges import hedged
from parsers.text.sql import redacted

if TYPE_CHECKING:
    from parsers.text.source import Section

MOST: Final = 2
"""Lines that are quoted: more of them would be read for a finding."""
_LONGEST: Final = 160
_LOOKED_AT: Final = 2000
"""Lines of a text that are looked at."""
_GRAVE: Final = re.compile(r"\b(?:FATAL|CRITICAL|PANIC|SEVERE|EMERG|ERROR|FAILED)\b|\b(?:fatal error|panic|critical [\w ]{1,30}error):? ")
_WORD: Final = re.compile(
    r"(?<![#\w])(?:WARN(?:ING)?|[Ww]arning:|[Ff]ailed|[Ff]ailure|[Rr]efused|[Rr]ejected|[Dd]ropped|[Oo]verflow|[Ee]xceeded|[Ee]xhausted|[Uu]nrecovered|overload(?:ed)?|limit (?:was|is|reached)|[Tt]imed out|[Tt]imeout:|[Kk]illed)\b(?!=)"
)
_MACHINE: Final = re.compile(r"[\[\]{}<>=|/]|\w:\w|\d{3}|^\s{0,40}[\w.-]{1,40}: ")
"""What a line of a program has, and a sentence seldom."""
_SECRET: Final = re.compile(r"(?i:pass(?:word|wd|phrase)?|secret|token|credential|authorization|api[_-]?key|cookie)\b")
"""Words beside which a line may hold what no report should show."""
_SENTENCE: Final = re.compile(
    r"^\s{0,8}(?:Subject|Title|From|Re): |\b(?:I|we|We|you|our|my|it's|don't|didn't|please|[Ss]hould|thanks|anyone)\b|\?\s*$"
)


def events_of(section: Section) -> tuple[LogEvent, ...]:
    """The first lines that stand out, those with a grave word before others; empty for prose."""
    found: list[tuple[bool, int, str]] = []
    for index, line in section.rows():
        if index >= _LOOKED_AT:
            break
        head = line[:400]
        grave = _GRAVE.search(head) is not None
        if not (grave or _WORD.search(head)) or _SENTENCE.search(head) or _SECRET.search(head) or hedged(head):
            continue
        if begins_entry(head) or _MACHINE.search(head):
            found.append((not grave, index, " ".join(redacted(head).split())))
    chosen = sorted(sorted(found)[:MOST], key=lambda one: one[1])
    return tuple(
        LogEvent(
            where=section.where(index),
            kind=LogKind.NOTED,
            source="program",
            subject=text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…",
        )
        for _, index, text in chosen
    )
