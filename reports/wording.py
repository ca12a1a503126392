"""Numbers, times and names as a report says them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from reports.model import Piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reports.model import Words

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?\s*(Z|[+-]\d\d:?\d\d)?$")
_FRAME = r"(?:[a-z_][\w$]*\.)*[A-Z][\w$]*(?:\$\$?[\w$]+)*\.(?:[a-z_$<][\w$<>]*)(?:\([\w$.-]+(?::\d+)?\))?"
_DOING = {
    "idle": "idle",
    "reserved": "idle",
    "none": "without a stack",
    "running": "running",
    "waiting": "waiting",
    "accept": "waiting for connections",
    "select": "waiting in a selector",
    "connection-latch": "waiting for a connection slot",
    "socket-read": "reading from a socket",
    "socket-write": "writing to a socket",
    "socket-connect": "connecting",
    "dns": "looking up a name",
    "future": "waiting for a result",
    "completable-future": "waiting for a result",
    "latch": "waiting for a latch",
    "semaphore": "waiting for a permit",
    "lock": "waiting for a lock",
    "monitor": "waiting for a monitor",
    "condition": "waiting for a condition",
    "queue": "waiting for a queue",
    "lease": "waiting for a pooled connection",
    "call": "waiting for an answer",
    "object-wait": "in Object.wait",
    "join": "waiting for a thread to end",
    "sleep": "sleeping",
    "park": "parked",
    "file-io": "reading or writing files",
}
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_IDENTIFIER_AT_LEAST = 3
_NAMES_AT_MOST = 200
_KILO = 1_000


def number(value: int) -> str:
    """Digits grouped by thousands."""
    return f"{value:,}"


def count(value: int, one: str, many: str | None = None) -> str:
    """``1 file``, ``2,000 files``."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def in_words(value: int) -> str:
    """Small numbers as words, as sentences begin with them."""
    return _SMALL[value] if 0 <= value < len(_SMALL) else number(value)


def listed(items: Sequence[str], most: int = 8) -> str:
    """``a, b and c``; what is over ``most`` is counted."""
    if len(items) > most:
        items = [*items[:most], f"{number(len(items) - most)} more"]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def size(octets: int) -> str:
    """Bytes, kB or MB (powers of ten), as file managers say them."""
    if octets < _KILO:
        return count(octets, "byte")
    return f"{octets / _KILO:,.1f} kB" if octets < _KILO**2 else f"{octets / _KILO**2:,.1f} MB"


def seconds(value: float) -> str:
    """A duration that a person can picture."""
    if value < 1:
        return f"{value * 1e3:.0f} ms"
    if value < 120:  # noqa: PLR2004 - two minutes still read well in seconds
        return f"{value:.1f} s".replace(".0 s", " s")
    return f"{value / 60:.0f} min" if value < 7_200 else f"{value / 3_600:.1f} h"  # noqa: PLR2004


def moment(value: str) -> tuple[str, str, str]:
    """Date, time of day and zone of an ISO 8601 time; zone is empty if the evidence gives none. Another text counts as a time of day."""
    match = _TIME.match(value.strip())
    if not match:
        return "", value, ""
    zone = match[3] or ""
    return match[1], match[2], "UTC" if zone in {"Z", "+00:00", "+0000"} else f"UTC{zone}" if zone else ""


def span(first: str | None, last: str | None) -> str:
    """When it was: one time or a span, with its zone or the remark that there is none. Empty if the evidence has no time."""
    known = [moment(value) for value in (first, last) if value]
    if not known:
        return ""
    (date, start, zone), (last_date, end, _) = known[0], known[-1]
    text = f"{date} {start}".strip()
    if (date, start) != (last_date, end):
        text += f" to {end}" if last_date == date else f" to {last_date} {end}"
    return f"{text} {zone}".strip() if zone or not date else f"{text}, no zone given"


def instant(value: str) -> datetime | None:
    """The time of a snapshot's name, None if it is not a time."""
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def doing(kinds: Mapping[str, int]) -> list[str]:
    """``8 waiting for a result``: what the threads of a pool do, the most first. A kind without a phrase stays as it is."""
    told: dict[str, int] = {}
    for kind, times in kinds.items():
        told[_DOING.get(kind, kind)] = told.get(_DOING.get(kind, kind), 0) + times
    return [f"{number(times)} {what}" for what, times in sorted(told.items(), key=lambda pair: (-pair[1], pair[0])) if times]


def names_pattern(names: Iterable[str]) -> re.Pattern[str]:
    """Finds stack frames and the given identifiers in prose, the longest first. Plain words such as ``main`` are left alone."""
    odd = {name for name in names if _IDENTIFIER_AT_LEAST <= len(name) <= _NAMES_AT_MOST and re.search(r"[\d_.:#$/@-]", name)}
    longest = sorted(odd, key=lambda name: (-len(name), name))[:_NAMES_AT_MOST]
    return re.compile("|".join([*(rf"(?<![\w.]){re.escape(name)}(?!\w)" for name in longest), rf"(?<![\w.]){_FRAME}"]))


def words(text: str, names: re.Pattern[str]) -> Words:
    """The text in pieces, identifiers apart from prose."""
    pieces, at = [], 0
    for match in names.finditer(text):
        if match.start() > at:
            pieces.append(Piece(text[at : match.start()]))
        pieces.append(Piece(match[0], "code"))
        at = match.end()
    return (*pieces, Piece(text[at:])) if at < len(text) else tuple(pieces)


def text_of(pieces: Words) -> str:
    """The pieces joined again."""
    return "".join(piece.text for piece in pieces)
