"""Counts of threads that a sentence ties to something in their stacks: a lock's address, a line or method, a name, or which of the stacks it means.

(17 more are BLOCKED on the same 0x00000000c0208f30)
49 others wait at line 46
Full dump has 61 threads like pool-…-41
31 of the first kind; one in the first form, 49 in the second
All four I/O threads look like this one:
same for the other three
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from parsers.text.hedges import DENIES
from parsers.text.numerals import ORDINALS, SPELLED, number_of
from parsers.text.patterns import lazy

_COUNT: Final = rf"(?<![\w.,:/#-])(?P<count>\d{{1,3}}(?:,\d{{3}})+|\d{{1,6}}|(?i:{SPELLED}))(?![\w.:/-])"
_MORE: Final = r"(?: (?P<more>more|others?|further|additional))?"
_NOUN: Final = r"(?:threads?|handlers?|workers?|goroutines?|executors?|loops?|processes)"
_WAITS: Final = r"(?:wait(?:s|ing)?|blocked|BLOCKED|parked|WAITING|stuck|hang(?:s|ing)?|stand(?:s|ing)?|are|is|sit(?:s|ting)?)"
_address = lazy(rf"{_COUNT}{_MORE}(?: [\w/-]{{2,30}}){{0,6}}? {_WAITS}\b[^\n\d]{{0,60}}?[<(]{{0,2}}(?P<name>0x[0-9a-fA-F]{{6,16}})").search
_line = lazy(rf"{_COUNT}{_MORE}(?: [\w/-]{{2,30}}){{0,4}}? {_WAITS}\b[^\n\d]{{0,40}}?\b(?P<name>line \d{{1,6}})\b").search
_named = lazy(
    rf"{_COUNT}{_MORE}(?: [A-Za-z][\w/-]{{1,30}}){{0,3}}? {_NOUN} (?:(?:are|exactly|look|just|that) ){{0,3}}(?:like|as) [\"“'`]?(?P<name>[\w.# -]{{0,60}}?(?:…|\.\.\.)?[\w.#-]{{0,60}}\d)(?=[\"”'`.,;:)]|\s|$)"
).search
_kind = lazy(
    rf"{_COUNT}\*{{0,2}}(?: [a-z]{{2,12}}){{0,2}}? (?:of|in|like|as|with) (?:the |its )?(?P<which>{'|'.join(ORDINALS)})(?: (?:kind|form|type|sort|one|stack|state|shape|trace|variant|group))?(?=[\s]*(?:[.,;:)]|$))",
    flags=re.IGNORECASE,
).finditer
_every = lazy(
    rf"\b(?:all|each of|every one of) (?:of )?(?:(?:the|our|my|these|its) )?{_COUNT}(?: [A-Za-z][\w/-]{{0,20}}){{0,3}}? {_NOUN} (?:[a-z]{{2,12}} ){{0,3}}(?:like (?:this|that|it|these)|the same|identical|alike)\b",
    flags=re.IGNORECASE,
).search
_others = lazy(
    rf"\b(?:same|ditto|identical|likewise)\b[^\n.\d]{{0,24}}?\bother {_COUNT}(?: [A-Za-z][\w/-]{{0,20}}){{0,3}}?(?: {_NOUN})?(?=[\s]*(?:[.,;:)]|$))",
    flags=re.IGNORECASE,
).search
_of_them = lazy(
    rf"\b(?:stuck|blocked|hung|hanging|parked|waiting)\b[^\n\d]{{0,60}}?{_COUNT} of (?:them|these|those)\b", flags=re.IGNORECASE
).search
_down_to = lazy(
    rf"{_COUNT} (?P<more>more|others?|further|additional)(?: [\w-]{{2,30}}){{0,3}}? (?:are|is|look|have)\b[^\n\d]{{0,30}}?\b(?:same|identical|alike)\b[^\n\d]{{0,60}}?\b(?:down to|up to|through|until|at|in) (?P<name>[A-Za-z][\w$]{{4,60}}(?:\.[\w$<>]{{1,60}}){{0,3}})"
).search
_ALIKE: Final = r"(?:alike|the same|identical|like (?:this|that|it|these)|like\s*:?\s*$|as (?:this|these|follows))"
_all_alike = lazy(
    rf"{_COUNT}(?:(?: [A-Za-z][\w/-]{{0,20}}){{0,2}}? (?:(?P<entries>entries)|stacks|traces|{_NOUN})\b[^.;\n\d]{{0,60}}?)?(?:,? )\ball (?:of (?:them|these) )?(?:(?:are|look|looks|stand|show|have|exactly) ){{0,3}}{_ALIKE}",
    flags=re.IGNORECASE,
).search
_others_alike = lazy(rf"{_COUNT} others? (?:(?:are|look|stand|show|all|exactly) ){{1,3}}{_ALIKE}", flags=re.IGNORECASE).search
_aside = lazy(r" (?:which|that|who) (?:are|do|have|did) not\b[^,.;\n]{0,60}? (?=all\b)", flags=re.IGNORECASE).search
"""Words that say which others are meant, and deny nothing of these."""
_both = lazy(
    rf"\bboth (?:of (?:the|these) )?(?:[A-Za-z][\w/-]{{0,20}} ){{0,2}}?(?:children|{_NOUN}) (?:(?:are|look|give|gives|show|shows|have|stand|hang|wait|exactly|in|at) ){{1,3}}{_ALIKE}",
    flags=re.IGNORECASE,
).search
_as_first = lazy(
    rf"\ball (?:of )?(?:the |these |our )?{_COUNT}(?: {_NOUN})? (?:are|look|stand|hang|wait) (?:exactly |just )?(?:as|like) (?:the |this )?first\b",
    flags=re.IGNORECASE,
).search
_denied = lazy(
    rf"{DENIES}|\bclients?\b|\bafter\b|\bshould\b|\bexpected\b|\bago\b|\blast (?:week|month|year|night|time)\b|\bbut the\b",
    flags=re.IGNORECASE,
).search
_HINTS: Final = (
    "0x",
    " line ",
    " like ",
    " as ",
    "first",
    "second",
    "third",
    "last",
    "latter",
    "ll ",
    "other",
    "same",
    "of the",
    "ditto",
    "alike",
    "identical",
    "both",
)


class ToldKind(msgspec.Struct, frozen=True):
    """A count: ``before`` True for others besides those above; ``name``: what their stacks have; ``ordinal``: which stack is meant."""

    count: int
    before: bool | None = None
    name: str | None = None
    ordinal: int | None = None


def kinds_told(text: str, *, below: bool) -> list[ToldKind]:
    """The counts of a sentence that say which stacks they mean; ``below``: it speaks of what stands below it."""
    aside = _aside(text) if " not " in text else None
    text = f"{text[: aside.start()]} {text[aside.end() :]}" if aside is not None else text
    if not any(hint in text for hint in _HINTS) or _denied(text) is not None:
        return []
    if found := [ToldKind(number_of(one["count"]), None, None, ORDINALS[one["which"].lower()]) for one in _kind(text)]:
        return [one for one in found if one.count > 1]
    for pattern in (_address, _line, _named, _down_to):
        if (match := pattern(text)) is not None:
            return [ToldKind(number_of(match["count"]), bool(match["more"]), match["name"])]
    if (match := _every(text)) is not None:
        return [ToldKind(number_of(match["count"]), None if below else False)]
    if (alike := _told_alike(text, below=below)) is not None:
        return [alike]
    if (match := _others(text)) is not None:
        return [ToldKind(number_of(match["count"]), before=True)]
    return [ToldKind(number_of(match["count"]), before=False)] if (match := _of_them(text)) is not None else []


def _told_alike(text: str, *, below: bool) -> ToldKind | None:
    """The count of a sentence that says of several that they are alike."""
    if (match := _as_first(text)) is not None:
        return ToldKind(number_of(match["count"]), ordinal=1)
    if (match := _all_alike(text)) is not None and (below or match["entries"] is None):  # entries of a log stand alike for ever
        return ToldKind(number_of(match["count"]), None if below else False)
    if (match := _others_alike(text)) is not None:
        return ToldKind(number_of(match["count"]), before=True)
    if _both(text) is not None:
        return ToldKind(2, None if below else False)
    return None
