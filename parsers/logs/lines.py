"""What the readers of log lines share: a pattern with the words it cannot do without, and what its groups mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.logs.stamps import begins_entry

if TYPE_CHECKING:
    from parsers.records import LogKind

_LEVEL: Final = re.compile(r"(?<![\w/])(?:TRACE|DEBUG|FINE(?:R|ST)?|CONFIG|INFO|NOTICE)(?![\w/])")
_PAIR: Final = re.compile(r"(\w{1,30}) ?[=: ] ?(\d{1,15})(?:/\d{1,15})?(?![\w.])")
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:,\d{3})+")
_THROWN: Final = re.compile(r"(?:Caused by: )?[\w.$]{1,200}(?:Exception|Error)\b")
_NEAR: Final = 12
"""Characters in front of a message inside its quotes: ``ERR``, ``FATAL:``."""
_MILLIS: Final = 1000.0
_NANOS: Final = 1e9


class Shape(NamedTuple):
    """A kind of line: the software that writes it, what it proves, a word that stands in every such line, and its pattern.

    Groups: ``subject`` what the line is about; ``ms``, ``ns``, ``s`` a duration; ``pairs`` a list of names and numbers; every other group is a
    figure of that name. ``loud``: such words in a line of level INFO or below, or in quotes, are a quotation.
    """

    source: str
    kind: LogKind
    word: str
    pattern: re.Pattern[str]
    loud: bool = True
    least: float = 0.0


class LineFact(NamedTuple):
    """What a line says, before it has a place and a time."""

    kind: LogKind
    source: str
    subject: str | None
    figures: tuple[tuple[str, float], ...]


def read(shapes: tuple[Shape, ...], line: str) -> LineFact | None:
    """What the first of the shapes that fits makes of a line."""
    for shape in shapes:
        if shape.word not in line:
            continue
        match = shape.pattern.search(line)
        if match is None or (shape.loud and _quoted(line, match.start())):
            continue
        figures = figures_of(match)
        if shape.least and dict(figures).get("seconds", 0.0) < shape.least:
            continue
        subject = (match.groupdict().get("subject") or "").strip() or None
        return LineFact(shape.kind, shape.source, subject, figures)
    return None


def figures_of(match: re.Match[str]) -> tuple[tuple[str, float], ...]:
    """The numbers that a match holds, durations in seconds."""
    figures: dict[str, float] = {}
    for name, text in match.groupdict().items():
        if text is None or name == "subject":
            continue
        if name == "pairs":
            figures.update((key.lower(), float(value)) for key, value in _PAIR.findall(text))
            continue
        value = float(text.replace(",", "" if _THOUSANDS.fullmatch(text) else "."))
        if name == "minutes":
            figures["seconds"] = 60 * value
        elif name in {"ms", "ns", "s"}:
            figures["seconds"] = figures.get("seconds", 0.0) + value / (_MILLIS if name == "ms" else _NANOS if name == "ns" else 1.0)
        else:
            figures[name] = value
    return tuple(figures.items())


def _quoted(line: str, at: int) -> bool:
    """True for words that a quiet entry mentions, or that stand in quotes inside the text of another one."""
    if _LEVEL.search(line, 0, min(at, 120)):
        return True
    if line.lstrip().startswith("{") or line.count('"', 0, at) % 2 == 0:
        return False
    # Who writes about a trouble puts its message in quotes; in an entry of a log it is a text that the entry is about.
    quote = line.rindex('"', 0, at) + 1
    return begins_entry(line) or (at - quote > _NEAR and _THROWN.match(line, quote) is None)
