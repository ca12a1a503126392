"""Threads that a sentence counts beside a stack: "I have 100 x", "(45 more like this)", "all 64 of them look like this".

What a person tells is no output of a tool: such a count is marked as told. A tally whose ``before`` is True counts others besides what stands above it, one
whose ``before`` is False all that stand like it; where it is None, it counts what follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Counted, Tally
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from parsers.text.source import Section

_LONGEST: Final = 300
_NUMBER: Final = r"(?<![\w.:/-])~?(?P<count>\d{1,3}(?:,\d{3})+|\d{1,6})"
_LIKE: Final = r"(?:like (?:this|these|that|it|them|the (?:one )?above)|of (?:this|these|those|them|the same)\b(?: kind| sort| type)?|(?:the )?same\b|identical|similar)"
_more = lazy(
    rf"{_NUMBER} (?:more|others?|further|additional)(?: [a-z-]{{2,20}}){{0,3}}?(?: threads?)?(?:,)?(?: (?:are|look|stand|wait|exactly|just|all|in)){{0,3}} ?{_LIKE}"
    rf"|\b(?:the )?(?:other|others|remaining|rest:?) {_NUMBER.replace('count', 'count4')}\b[^\n\d]{{0,60}}\b(?:identical|the same|alike|similar|like (?:this|that|it))\b"
    rf"|\b(?:another|plus|and) {_NUMBER.replace('count', 'count2')}(?: [a-z-]{{2,20}}){{0,2}} {_LIKE}"
    rf"|{_NUMBER.replace('count', 'count3')} (?:more|other) (?:identical |similar |such )?(?:threads?|stacks?|of (?:these|them|those))"
).search
_ahead = lazy(
    rf"{_NUMBER} ?(?:x|×|times)(?=[\s:.,)\]]*$)"
    rf"|{_NUMBER.replace('count', 'count2')}(?: [\w\"'`-]{{2,30}}){{0,3}}? ?(?:threads?|handlers?|workers?)(?: [a-z]{{2,12}}){{0,4}} (?:like this|of this kind|the same stack|this stack|in this state|identical)\b[^\n]{{0,60}}[:.]?\s*$"
).search


_range = lazy(
    r"(?P<name>[A-Za-z][\w.:/@-]{0,40}?(?: [\w.-]{1,20})?[-#_ ])(?P<first>\d{1,5}) ?(?:to|through|till|until|\.{2,3}|…|–|-) ?(?P=name)?(?P<last>\d{1,5})\b"
).search
_like = lazy(r"\b(?:more|all|same|like|identical|similar|others?)\b").search


def told_of(section: Section, index: int, line: str) -> Tally | None:
    """The count of a line's sentence, None where it counts no threads."""
    text = line[:_LONGEST]
    before: bool | None
    if (match := _more(text)) is not None:
        number, before = match["count"] or match["count2"] or match["count3"] or match["count4"], True
    elif (match := _ahead(text)) is not None:
        number, before = match["count"] or match["count2"], None
    elif (match := _range(text)) is not None and _like(text) is not None and (counted := int(match["last"]) - int(match["first"]) + 1) > 1:
        number, before = str(counted), False
    else:
        return None
    count = int(number.replace(",", ""))
    return (
        Tally(where=section.where(index), what=Counted.THREADS, count=count, listing=section.first + index, before=before, told=True)
        if count > 1
        else None
    )
