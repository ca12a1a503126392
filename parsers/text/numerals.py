"""Numbers and places in a row that a sentence spells."""

from __future__ import annotations

from typing import Final

NUMERALS: Final = {
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "fifteen": 15,
    "sixteen": 16,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
}
SPELLED: Final = "|".join(NUMERALS)
"""The numerals as a pattern."""
ORDINALS: Final = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "last": -1, "latter": -1}
"""Which of several: counted from the first one, or from the last one where negative."""


def number_of(word: str) -> int:
    """``four`` → 4, ``1,200`` → 1200. Raises ValueError for any other word."""
    return NUMERALS.get(word.lower()) or int(word.replace(",", ""))
