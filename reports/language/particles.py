"""Korean particles: their form depends on the sound before them, which a translator cannot know where a name or a number stands.

A translation has both forms, such as ``을(를)``; the right one is chosen when the sentence is made. After Latin letters, whose reading is
not known, both forms stay, as Korean texts print them.
"""

from __future__ import annotations

import re
from typing import Final

_FORMS: Final = {
    "은(는)": ("은", "는"),
    "이(가)": ("이", "가"),
    "을(를)": ("을", "를"),
    "과(와)": ("과", "와"),
    "(으)로": ("으로", "로"),
    "(이)": ("이", ""),
}
"""Written form → after a final consonant, after a vowel."""
_BOTH: Final = re.compile(rf"(?P<before>[가-힣0-9])(?P<after>[)”’\]]*)(?P<form>{'|'.join(map(re.escape, _FORMS))})")
_FIRST, _FINALS = ord("가"), 28
_RIEUL: Final = 8
"""The final consonant ㄹ, after which (으)로 is 로."""
_DIGITS: Final = {"0": 21, "1": _RIEUL, "2": 0, "3": 16, "4": 0, "5": 0, "6": 1, "7": _RIEUL, "8": _RIEUL, "9": 0}
"""The final consonant of each digit's Sino-Korean reading (영 일 이 삼 사 오 육 칠 팔 구), as Unicode counts them; 0: none."""


def settled(text: str) -> str:
    """The text with one form of each particle wherever the sound before it is known."""
    return _BOTH.sub(_chosen, text) if "(" in text else text


def _chosen(match: re.Match[str]) -> str:
    before, form = match["before"], match["form"]
    final = _DIGITS[before] if before in _DIGITS else (ord(before) - _FIRST) % _FINALS
    closed, opened = _FORMS[form]
    vowel_like = final == 0 or (form == "(으)로" and final == _RIEUL)
    return f"{before}{match['after']}{opened if vowel_like else closed}"
