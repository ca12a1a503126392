"""Short lines beside a stack that count threads like it: "(24 stuck in total)", "24 of these", "[24 identical stacks removed]", "Same stack ×24".

Every word of such a line is one of a few: a line with any other word says something else, and is left alone. So a denial, another time or another thing that is
counted needs no pattern of its own.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from parsers.text.numerals import NUMERALS, number_of
from parsers.text.patterns import lazy

LONGEST: Final = 90
"""Letters of a line that says only that."""
_THREADS: Final = frozenset(
    [
        "thread",
        "threads",
        "worker",
        "workers",
        "goroutine",
        "goroutines",
        "handler",
        "handlers",
        "process",
        "processes",
        "task",
        "tasks",
        "stack",
        "stacks",
        "trace",
        "traces",
        "entries",
        "ones",
        "executor",
        "executors",
    ]
)
_LIKE: Final = frozenset(
    [
        "same",
        "identical",
        "like",
        "alike",
        "similar",
        "such",
        "these",
        "those",
        "them",
        "above",
        "matching",
        "instances",
        "copies",
        "stuck",
        "blocked",
        "hung",
        "hanging",
        "repeated",
        "repeats",
    ]
)
_MORE: Final = frozenset(["more", "other", "others", "further", "another", "additional", "remaining", "rest", "plus", "besides"])
_CUT: Final = frozenset(["removed", "snipped", "omitted", "cut", "skipped", "trimmed", "elided", "pool"])
"""Words of what was left out, or of all the threads that there are: only a word of likeness makes them alike."""
_WEAK: Final = frozenset(["this", "that", "it", "so", "here", "there", "waiting"])
"""Words that mean these threads beside one that says how they are alike."""
_HOW: Final = frozenset(["state", "place", "spot", "line", "lock", "call", "like"])
_ALIKE: Final = frozenset(["same", "identical", "like", "alike", "similar", "matching", "copies"])
_PLAIN: Final = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "all",
        "in",
        "on",
        "at",
        "and",
        "are",
        "is",
        "look",
        "looks",
        "looking",
        "exactly",
        "just",
        "total",
        "totally",
        "altogether",
        "overall",
        "with",
        "for",
        "time",
        "count",
        "counted",
        "have",
        "has",
        "i",
        "we",
        "see",
        "show",
        "shows",
        "stand",
        "stands",
        "sit",
        "sits",
        "wait",
        "wait",
        "waits",
        "state",
        "place",
        "spot",
        "line",
        "lock",
        "call",
        "follow",
        "follows",
        "following",
        "http",
        "request",
        "every",
        "each",
        "one",
        "both",
        "very",
        "approx",
        "about",
        "around",
        "roughly",
        "ca",
        "some",
        "least",
        "than",
        "them",
    ]
)
_KNOWN: Final = _THREADS | _LIKE | _MORE | _PLAIN | _CUT | _WEAK
_words = lazy(
    r"(?P<number>[×x]?[ ]?(?<![\w.])\d{1,3}(?:,\d{3})+|[×x+~]?\d{1,6})(?![\w.:])[x×]?|(?P<word>[A-Za-z][\w.$'’#-]*)|(?P<other>[^\s()\[\]<>{}.,;:!…*_`\"“”~+=-])"
).finditer
_named = lazy(r"[a-z]\w*[A-Z]\w*$").match
"""A name as programs have them: socketRead0."""
_ordinal = lazy(r"\b(?:line|thread|worker|number|step|no|nr|stack|trace|task|process|goroutine) \d").search
"""Words in front of a number that names one."""
_bare = lazy(r"[\s.…]*\d+ more\s*$").match
_pair = lazy(r"\b\d{1,6} ?(?:/|(?:out )?of(?: the)?) ?(?P<all>\d{1,6})\b").search


class Brief(NamedTuple):
    """``number``: how many; ``besides``: others than the one that stands beside the line. ``place``: what the stack of each has, where the line names it."""

    number: int
    besides: bool
    place: str | None


class _Parts(NamedTuple):
    numbers: list[int]
    words: list[str]
    place: str | None


def told_briefly(text: str) -> Brief | None:
    """What a short line counts; None for any other line."""
    line = text.strip()
    if not line or len(line) > LONGEST or _bare(line) or _ordinal(line):
        return None
    pair = _pair(line)
    if pair is not None:
        line = f"{line[: pair.start('all')].rstrip(' /')} {line[pair.end('all') :]}"
    parts = _parts(line)
    if parts is None or len(parts.numbers) != 1 or parts.numbers[0] < 2 or not _KNOWN.issuperset(parts.words):  # noqa: PLR2004 - one is the stack itself
        return None
    if not _CUT.isdisjoint(parts.words) and _ALIKE.isdisjoint(parts.words):
        return None
    besides = not _MORE.isdisjoint(parts.words) or line.startswith("+")
    at_place = parts.place is not None and not _THREADS.isdisjoint(parts.words)
    weak = not _WEAK.isdisjoint(parts.words) and not _HOW.isdisjoint(parts.words)
    return Brief(parts.numbers[0], besides, parts.place) if besides or at_place or weak or not _LIKE.isdisjoint(parts.words) else None


def _parts(line: str) -> _Parts | None:
    """The numbers and words of a line, and the name in it; None where it has other signs."""
    numbers: list[int] = []
    words: list[str] = []
    place = None
    for match in _words(line):
        word = (match["word"] or "").lower().rstrip(".'’")
        if match["number"]:
            numbers.append(int(match["number"].strip("×x+~ ").replace(",", "")))
        elif match["other"]:
            if match["other"] not in "×/":
                return None
        elif word in NUMERALS:
            numbers.append(number_of(word))
        elif place is None and ("." in word or _named(match["word"])):
            place = match["word"].rstrip(".")
        else:
            words.append(word)
    return _Parts(numbers, words, place)
