"""Numbers, times and names as a report says them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from analyzer.model.finding import CAUSE_UNKNOWN
from analyzer.model.message import plural, say
from reports.language.catalogue import label_of, tell
from reports.view.model import Piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyzer.model.finding import Severity
    from reports.view.model import Words

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?\s*(Z|[+-]\d\d:?\d\d)?$")
_FRAME = r"(?:[a-z_][\w$]*\.)*[A-Z][\w$]*(?:\$\$?[\w$]+)*\.(?:[a-z_$<][\w$<>]*)(?:\([\w$.-]+(?::\d+)?\))?"
_DOING = {
    "idle": say("idle"),
    "reserved": say("idle"),
    "none": say("without a stack"),
    "running": say("running"),
    "waiting": say("waiting"),
    "accept": say("waiting for connections"),
    "select": say("waiting in a selector"),
    "connection-latch": say("waiting for a connection slot"),
    "socket-read": say("reading from a socket"),
    "socket-write": say("writing to a socket"),
    "socket-connect": say("connecting"),
    "dns": say("looking up a name"),
    "future": say("waiting for a result"),
    "completable-future": say("waiting for a result"),
    "latch": say("waiting for a latch"),
    "barrier": say("waiting for other threads"),
    "semaphore": say("waiting for a permit"),
    "lock": say("waiting for a lock"),
    "monitor": say("waiting for a monitor"),
    "class-init": say("waiting for a class to be initialised"),
    "condition": say("waiting for a condition"),
    "queue": say("waiting for a queue"),
    "handshake": say("in a TLS handshake"),
    "process": say("waiting for a child process"),
    "queued": say("waiting for a carrier"),
    "lease": say("waiting for a pooled connection"),
    "call": say("waiting for an answer"),
    "object-wait": say("in Object.wait"),
    "join": say("waiting for a thread to end"),
    "sleep": say("sleeping"),
    "park": say("parked"),
    "file-io": say("reading or writing files"),
    "file-lock": say("waiting for a lock on a file"),
    "datagram": say("waiting for a datagram"),
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
    return tell(plural(value, one, many))


def in_words(value: int) -> str:
    """Small numbers as words, as sentences begin with them."""
    return label_of(_SMALL[value]) if 0 <= value < len(_SMALL) else number(value)


def listed(items: Sequence[str], most: int = 8) -> str:
    """``a, b and c``; what is over ``most`` is counted."""
    if len(items) > most:
        items = [*items[:most], tell("{number} more", number=number(len(items) - most))]
    if len(items) < 2:  # noqa: PLR2004 - there is nothing to join
        return "".join(items)
    return tell("{items} and {last}", items=", ".join(items[:-1]), last=items[-1])


def size(octets: int) -> str:
    """Bytes, kB or MB (powers of ten), as file managers say them."""
    if octets < _KILO:
        return count(octets, "byte")
    return f"{octets / _KILO:,.1f} kB" if octets < _KILO**2 else f"{octets / _KILO**2:,.1f} MB"


def seconds(value: float) -> str:
    """A duration that a person can picture."""
    if value < 1:
        return tell("{milliseconds:.0f} ms", milliseconds=value * 1e3)
    if value < 120:  # noqa: PLR2004 - two minutes still read well in seconds
        return tell("{seconds} s", seconds=f"{value:.1f}".removesuffix(".0"))
    return tell("{minutes:.0f} min", minutes=value / 60) if value < 7_200 else tell("{hours:.1f} h", hours=value / 3_600)  # noqa: PLR2004


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
        text += tell(" to {end}", end=end) if last_date == date else tell(" to {last_date} {end}", last_date=last_date, end=end)
    return f"{text} {zone}".strip() if zone or not date else tell("{text}, no zone given", text=text)


def instant(value: str) -> datetime | None:
    """The time of a snapshot's name, None if it is not a time."""
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def activity_of(kind: str) -> str:
    """What a thread of that kind does; a kind without a phrase stays as it is."""
    return tell(_DOING[kind]) if kind in _DOING else kind


def doing(kinds: Mapping[str, int]) -> list[str]:
    """``8 waiting for a result``: what the threads of a pool do, the most first. A kind without a phrase stays as it is."""
    told: dict[str, int] = {}
    for kind, times in kinds.items():
        what = activity_of(kind)
        told[what] = told.get(what, 0) + times
    return [
        tell("{number} {what}", number=number(times), what=what)
        for what, times in sorted(told.items(), key=lambda pair: (-pair[1], pair[0]))
        if times
    ]


def names_pattern(names: Iterable[str]) -> re.Pattern[str]:
    """Finds stack frames and the given identifiers in prose, the longest first. Plain words such as ``main`` are left alone."""
    odd = {name for name in names if _IDENTIFIER_AT_LEAST <= len(name) <= _NAMES_AT_MOST and re.search(r"[\d_.:#$/@-]", name)}
    longest = sorted(odd, key=lambda name: (-len(name), name))[:_NAMES_AT_MOST]
    every = [*(rf"(?<![\w.]){re.escape(name)}(?!\w)" for name in longest), rf"(?<![\w.]){_FRAME}"]
    return re.compile("|".join(every), re.ASCII)  # a Korean particle follows a name without a blank


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


def word_of(rule: str, severity: Severity) -> str:
    """The severity as readers see it, and that the cause is open where it is."""
    word = label_of(severity.value)
    return tell("{severity}, cause unknown", severity=word) if rule in CAUSE_UNKNOWN else word
