"""What the words above a count say of its moment: "the same an hour before", "10 minutes later:", "and today"."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final

from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Sequence

_ABOVE: Final = 3
"""Lines above a count in which its moment is said: the sentence, a fence, the command."""
_LONGEST: Final = 200
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_NUMBERS: Final = {
    "a": 1.0,
    "an": 1.0,
    "one": 1.0,
    "half an": 0.5,
    "half a": 0.5,
    "two": 2.0,
    "three": 3.0,
    "five": 5.0,
    "ten": 10.0,
    "few": 0.0,
    "some": 0.0,
}
_said = lazy(
    r"\b(?:(?P<number>\d{1,6}(?:\.\d{1,3})?|half an?|an?|one|two|three|five|ten|few|some)[ ]?(?P<unit>s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)[ ]+)?"
    r"(?:(?P<before>before|earlier|ago|previously|yesterday)|(?P<after>later|afterwards|after that|after (?:a|another|\d{1,4}) \w{3,7}|now|today|again))\b",
    re.IGNORECASE,
).finditer


def apart_in_words(lines: Sequence[str], first: int) -> tuple[bool, float] | None:
    """Whether the output that begins at index ``first`` is of an earlier moment than the one beside it, and how many seconds; 0.0 if no duration is named."""
    above = islice((line for line in reversed(lines[max(0, first - 6) : first]) if line.strip()), _ABOVE)
    for line in above:
        if len(line) > _LONGEST or "|" in line or not any(letter.isalpha() for letter in line):
            continue
        found = list(_said(line))
        if not found:
            continue
        match = next((one for one in found if one["number"]), found[0])
        number = match["number"]
        value = 0.0 if number is None else _NUMBERS.get(number.lower()) if not number[0].isdigit() else float(number)
        return match["before"] is not None, (value or 0.0) * _SECONDS.get((match["unit"] or "s")[0].lower(), 0.0)
    return None
