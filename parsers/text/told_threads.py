"""Threads that a sentence counts beside a stack: "I have 100 x", "(45 more like this)", "all 64 of them look like this".

What a person tells is no output of a tool: such a count is marked as told. A tally whose ``before`` is True counts others besides what stands above it, one
whose ``before`` is False all that stand like it; where it is None, it counts what follows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import Counted, Tally
from parsers.text.hedges import DENIES
from parsers.text.numerals import ORDINALS, SPELLED, number_of
from parsers.text.patterns import lazy
from parsers.text.told_briefly import told_briefly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.text.source import Section

_LONGEST: Final = 300
_PARAGRAPH: Final = 900
"""Letters of a line that may have several sentences."""
_NUMBER: Final = r"(?<![\w.:/#-])~?(?P<count>\d{1,3}(?:,\d{3})+|\d{1,6})"
_LIKE: Final = r"(?:like (?:this|these|that|it|them|the (?:one )?above)|of (?:this|these|those|them|the same)\b(?: kind| sort| type)?|(?:the )?same\b|identical|similar)"
_more = lazy(
    rf"{_NUMBER} (?:more|others?|further|additional)(?: [a-z-]{{2,20}}){{0,3}}?(?: threads?)?(?:,)?(?: (?:are|look|stand|wait|exactly|just|all|in)){{0,3}} ?{_LIKE}"
    rf"|\b(?:the )?(?:other|others|remaining|rest:?) {_NUMBER.replace('count', 'count4')}\b[^\n\d]{{0,60}}\b(?:identical|the same|alike|similar|like (?:this|that|it))\b"
    rf"|\b(?:another|plus|and) {_NUMBER.replace('count', 'count2')}(?: [a-z-]{{2,20}}){{0,2}} {_LIKE}"
    rf"|{_NUMBER.replace('count', 'count3')} (?:more|other) (?:identical |similar |such )?(?:threads?|stacks?|of (?:these|them|those))"
).search
_ahead = lazy(
    rf"{_NUMBER} ?(?:x|×)(?=[\s:.,)\]]*$)"
    rf"|\({_NUMBER.replace('count', 'count3')} of (?:these|those|them)\b[^\n()]{{0,60}}\)\s?:\s*$"
    rf"|{_NUMBER.replace('count', 'count2')}(?: [\w\"'`-]{{2,30}}){{0,3}}? ?(?:threads?|handlers?|workers?)(?: [a-z]{{2,12}}){{0,4}} (?:like this|of this kind|the same stack|this stack|in this state|identical)\b[^\n]{{0,60}}[:.]?\s*$"
).search


_range = lazy(
    r"(?P<name>[A-Za-z][\w.:/@-]{0,40}?(?: [\w.-]{1,20})?[-#_ ])(?P<first>\d{1,5}) ?(?:to|through|till|until|\.{2,3}|…|–|-) ?(?P=name)?(?P<last>\d{1,5})\b"
).search
_like = lazy(r"\b(?:more|all|same|like|identical|similar|others?)\b").search


_same = lazy(
    r"\s*+(?:>\s*+)?(?:\.{2,10}|…)?\s*+[\[(<]?\s*+(?:the |exactly |stack )?(?:same|identical|ditto|as above)\b(?P<rest>[^\n]{0,160})$",
    flags=re.IGNORECASE,
).match
_named = lazy(
    r"\b(?:as|like) (?:(?:the|thread|goroutine|worker|number) ){0,2}[\"“`'#]{0,2}(?P<name>[\w.-]{0,60}\d)\b", flags=re.IGNORECASE
).search
_last = lazy(r"\b(?:to|till|until|through) [\"“`']?(?P<name>[\w.-]{0,60}\d)\b", flags=re.IGNORECASE).search
_plain = lazy(
    rf"(?P<all>\ball (?:of )?(?:the |these |our |my )?)?{_NUMBER}(?:(?: (?!like\b|as\b|with\b|more\b|other)[A-Za-z][\w.-]{{0,30}}){{0,2}}?(?P<noun> (?:threads?|goroutines?|workers?|tasks?|stacks?|ones)))?(?=[ ,.;:)\]]|$)",
    flags=re.IGNORECASE,
).finditer
_anchor = lazy(
    r"\s{0,2}[,(]?\s?(?:(?:that|which|are|is|look|looks|looking|stand|stands|wait|waits|in|on|with|at|have|has|all|exactly|just|blocked|stuck|hang|hanging|waiting|used|busy|of them),? ){0,5}?"
    r"(?P<word>like\b|as above\b|alike\b|(?:the )?(?:very |exact(?:ly)? )?same\b|identical\b|similar\b)",
    flags=re.IGNORECASE,
).match
_noun_before = lazy(r"(?:threads|workers|handlers|processes|goroutines)[\"'`]?[ =:(]{1,3}$", flags=re.IGNORECASE).search
_AT_IT: Final = r"(?:(?:is|are|was|were|stands?|sits?|hangs?|waits?|looks?|stuck|blocked|hung|hanging|waiting|sitting|standing) ){1,2}(?:in|at|on|here|there|so|like|this|that|exactly|the same)\b"
_every = lazy(
    rf"\b(?:every(?: single)? one|each(?: one)?|all) of (?:(?:the|our|my|these|those|its) )?{_NUMBER}(?: [A-Za-z][\w.-]{{0,30}}){{0,2}}? (?:threads?|workers?|handlers?|processes|goroutines?) {_AT_IT}"
    rf"|\b(?:the|our|my|these|those|its) {_NUMBER.replace('count', 'count2')}(?: [A-Za-z][\w.-]{{0,30}}){{0,2}}? (?:threads|workers|handlers|processes|goroutines) (?:are )?all {_AT_IT.replace('{1,2}', '{0,2}')}"
    rf"|\ball (?:the |our |my )?{_NUMBER.replace('count', 'count4')}(?: [A-Za-z][\w.-]{{0,30}}){{0,2}}? (?:threads|workers|handlers|processes|goroutines) (?:hang|wait|stand|sit|block|are (?:hung|stuck|blocked|hanging|waiting|busy))[^\n]{{0,40}}:\s*$"
    rf"|\b(?:threads?|workers?|handlers?)\b[^\n\d]{{0,40}}\ball {_NUMBER.replace('count', 'count3')} of (?:them|these|those)\b",
    flags=re.IGNORECASE,
).search
_elision = lazy(
    rf"[\s.…\[(<>~+-]{{0,12}}(?:(?:and|another|plus|snip(?:ped)?|omitted|cut|skipped)[ :,]{{1,2}}){{0,2}}[\[(]?(?:{_NUMBER} (?:more|others?|further|additional)\b|[x×] ?{_NUMBER.replace('count', 'all')})"
    r"(?P<rest>[^\n]{0,120})$",
    flags=re.IGNORECASE,
).match
_place = lazy(r"\b(?:at|in|on) (?P<place>[\w$.]{1,200}(?:\.[a-z]{1,6}:\d{1,7}|\.[\w$<>]{1,80}))").search
_of_threads = lazy(
    r"[\s\])>.,;:]*$|[^\n]*\b(?:threads?|workers?|handlers?|goroutines?|BLOCKED|WAITING|TIMED_WAITING|RUNNABLE|(?:parked|blocked|stuck|waiting) (?:at|in|on|for|like|too)|stacks?|like|same|identical)\b"
).match
_alike_names = lazy(
    r"(?P<names>(?<![\w#.-])[\w.#-]{0,60}\d(?:(?:, | and | & |, and )[\w.#-]{0,60}\d){1,20})\]?,? (?:(?:are|is|look|looks|all|exactly|show|have|both) ){0,3}(?:the )?(?:same|identical|alike|like (?:this|these|that|the (?:one )?above))\b",
    flags=re.IGNORECASE,
).search
_separator = lazy(r", and |, | and | & ").split
_STEM: Final = 3
_ABOVE: Final = 120
"""Lines above a list of names in which the pasted threads stand."""
_spelled = lazy(
    r"\b(?P<count>two|three|four|five|six|seven|eight|nine|ten|twelve|twenty) (?:more |other )?(?:\w{2,20} ){0,2}like (?:this|these)\b",
    flags=re.IGNORECASE,
).search
_others = lazy(
    rf"(?<!of the )(?<!of )\b(?:other|others|remaining) (?P<count>{SPELLED}|\d{{1,4}})(?: (?!are\b|look)[\w-]{{2,20}}){{0,3}} (?:are|is|look|looks|stand|hang|wait|show|have|do|were)\b[^.\n]{{0,50}}?\b(?:identical|the same|alike|similar|like)\b(?P<rest>[^.\n]{{0,40}})",
    flags=re.IGNORECASE,
).search
_ordinal = lazy(rf"\b(?P<word>{'|'.join(ORDINALS)}|below|following)\b", flags=re.IGNORECASE).search
_PLACES: Final = {**ORDINALS, "below": 1, "following": 1}
"""Which of the stacks a word means."""
_in_each = lazy(
    rf"\b(?:both|(?:all|each) (?:of )?(?:the |our |my )?(?P<count>{SPELLED}|\d{{1,3}})) (?!threads?\b)(?:[a-z]{{2,12}} ){{0,2}}?(?:workers?|processes|children|pods|instances|nodes|replicas|JVMs)\b[^.\n\d]{{0,20}}?\b(?:all|each)\b",
    flags=re.IGNORECASE,
).search
"""``in both workers all five threads``: the count is of one process."""
_below = lazy(r"(?:like(?: this| these| this one)?\s?:?|:)\s*$", flags=re.IGNORECASE).search
_more_like = lazy(rf"{_NUMBER} (?:more|others?|further|additional) (?:\w{{2,20}} ){{0,2}}(?:like|as)\b", flags=re.IGNORECASE).search
_denied = lazy(
    rf"{DENIES}|\blike (?:they|it|we|these) (?:should|would)\b",
    flags=re.IGNORECASE,
).search
_refused = lazy(
    r"\bnot (?:\w{2,12} )?(?:like|the same|identical|alike|similar|all)\b|\bunlike\b|\bnone of\b|\b(?:threads?|workers?) should be\b|\bexcept\b|\bbut (?:this|these|one)\b|\b(?:expected|used to|yesterday)\b"
    r"|\b(?:threads?|workers?) \d{1,5} ?(?:[-–]|to) ?\d{1,5} ?= ?(?!(?:the )?(?:same|like|as|identical)\b)"
    r"|\b(?:would|should) (?:all )?(?:look|stand|wait|hang|show)\b|\blike (?:they|it|we|these) (?:should|would|did|ought)\b"
    r"|^(?![^\n]*\b(?:same|identical|similar|alike|like|such)\b)[^\n]*\b\d{1,6} (?:more|others?|other)(?: \w{2,12}){0,3} (?:omitted|cut|skipped|snipped|trimmed|removed|elided|not shown|in the pool)\b"
    r"|^(?![^\n]*\b(?:same|identical|similar|alike|like|such|stuck|blocked|waiting)\b)[^\n]{0,20}\b(?:snip(?:ped)?|cut|omitted|skipped)\b[ :,]{1,2}\d{1,6} (?:more|others?|further)(?: [\w-]{2,20}){0,2} threads?\b"
    r"|\b\d{1,6}(?: (?:more|others?|other|threads|workers|handlers|goroutines)){0,2} (?:(?:are|sit|stand|wait) idle|(?:are )?wait(?:ing)? for (?:new |more )?(?:work|jobs|tasks|events))\b"
    r"|\blast (?:week|month|year|night|time)\b|\b(?:days?|weeks?|months?|years?) ago\b"
    r"|\b\d{1,6} (?:more|others?|other|further|additional) (?:commits?|errors?|messages?|lines?|users?|hosts?|servers?|nodes?|pods?|machines?|minutes?|seconds?|hours?|days?|times|exceptions?|entries|warnings?|tickets?|reports?|issues?|files?|sites?|questions?|posts?|logs?|people|persons?|customers?|colleagues?|teams?)\b"
    r"|\b\d{1,6} (?:more|others?|other|times|people)(?: \w{2,12}){0,4} same (?:problem|issue|error|question|symptoms?|thing|version|exception|behaviou?r)\b|\d ?(?:percent|%)|\b(?:code|version|line|port|error|status|release|bug|page|pid) \d{1,6} (?:like|is|has|was)\b",
    flags=re.IGNORECASE,
).search
"""Words of a sentence that says the contrary, tells of another time, or counts other things."""
_elided = lazy(r"\s*+(?:>\s*+)?(?:\.{2,}|…|\[|\()").match
_HINTS: Final = ("same", "alike", " like", "as above", "identical", "ditto", "similar", "(all ", "[all ", ".. all", "… all")
"""One of these is in all such words; most lines of a text have none."""


def stands_for(line: str) -> str | None:
    """Words that stand for a stack, as the name that they tell, "" for none: ``(same as worker-8)``; None for any other line."""
    text = line[:_LONGEST]
    if not any(word in text.lower() for word in _HINTS) or _denied(text):
        return None
    match = _same(text)
    if match is None:
        return "" if _elided(text) and any(one["all"] and one["noun"] for one in _plain(text)) else None
    named = _named(text)
    return named["name"] if named is not None else ""


def _of_words(text: str) -> tuple[int, bool | None] | None:
    """A number of threads and where they stand: "111 threads as above", "38 more like 90211", "(all 200 workers)", "11 like:"."""
    if not any(word in text.lower() for word in _HINTS) or _denied(text):
        return None
    if (match := _same(text)) is not None:
        first, last = _named(text), _last(match["rest"])
        return (counted, False) if first and last and (counted := _row(first["name"], last["name"])) else None
    if (match := _more_like(text)) is not None:
        return int(match["count"].replace(",", "")), True
    if (match := _spelled(text)) is not None:
        return number_of(match["count"]), None if _below(text) else False
    for match in _plain(text):
        anchor = _anchor(text[match.end() :])
        alone = match["all"] and match["noun"] and _elided(text)
        named = match["noun"] or match["all"] or _noun_before(text[: match.start()])
        if alone or (anchor is not None and (named or anchor["word"].lower() == "like")):
            return int(match["count"].replace(",", "")), None if _below(text) else False
    return None


def _row(first: str, last: str) -> int | None:
    """How many names are in a row: from Worker-10 to Worker-1 there are ten."""
    stems = [name.rstrip("0123456789") for name in (first, last)]
    numbers = [int(name[len(stem) :]) for name, stem in zip((first, last), stems, strict=True)]
    return abs(numbers[0] - numbers[1]) + 1 if stems[0].endswith(stems[1]) else None


def _is_elision(section: Section, index: int, match: re.Match[str]) -> bool:
    """True for a line that stands for threads which were left out; one right below a frame is of an exception's frames: ``... 12 more``."""
    rest = match["rest"]
    if match["count"] is None:
        return not rest.strip(" \t])>.,;:")
    if match.string[:1].isspace() and not rest.strip():
        return False  # the frames that an exception shares with the one above it
    above = section.lines[index - 1] if 0 < index <= len(section.lines) else ""
    apart = not above.strip() or above.lstrip().startswith(("...", "…", "- "))
    return (_of_threads(rest) is not None or _place(rest) is not None) and (apart or bool(rest.strip(" \t])>.,;:")))


def _is_known(section: Section, index: int, name: str) -> bool:
    """True if what a range counts are threads: it calls them so, or another line near it has the name."""
    stem = name.strip(' -#_:"').rpartition(" ")[2]
    near = (*section.lines[max(0, index - _ABOVE) : index], *section.lines[index + 1 : index + _ABOVE])
    return stem.lower().rstrip("s") in {"thread", "worker", "goroutine", "handler"} or any(stem in line for line in near)


def _besides(section: Section, index: int, names: Sequence[str]) -> int:
    """How many of the threads that a line lists stand nowhere above it."""
    above = section.lines[max(0, index - _ABOVE) : index]
    heads = [line for line in above if line.lstrip().startswith(('"', "Thread[", "Thread "))]
    stems = [stem for name in names if len(stem := name.strip(".").rstrip("0123456789").rstrip("-_#")) >= _STEM]
    if not any(stem in line for stem in stems for line in heads):
        return 0  # servers and nodes are told alike, too
    return sum(not any(name.lstrip(".") in line for line in heads) for name in names)


def told_in(section: Section, index: int, line: str) -> list[Tally]:
    """The counts of a line's sentences. A line that ends with a colon speaks of what stands below it."""
    plain = line[:_PARAGRAPH].replace("*", "")  # somebody stresses words
    found = [_times(tally, text) for text in plain.split(". ") for tally in _all_of(section, index, text)]
    return [replace(one, before=None) if one.before is False else one for one in found] if _below(line[-_LONGEST:]) else found


def _times(tally: Tally, text: str) -> Tally:
    """The count for all processes, where the sentence counts the threads of each."""
    each = _in_each(text[:_LONGEST]) if "all" in text or "each" in text else None
    if each is None or tally.before or tally.name is not None:
        return tally
    processes = number_of(each["count"]) if each["count"] else 2
    return replace(tally, count=tally.count * processes) if processes > 1 and processes != tally.count else tally


def _all_of(section: Section, index: int, text: str) -> list[Tally]:
    """The counts of one sentence: those that say by a name which stacks they mean, else the one of its plain words."""
    told = told_of(section, index, text)
    if told is not None and told.name is not None:
        return [told]
    from parsers.text.told_kinds import kinds_told  # noqa: PLC0415 - for sentences with such words

    kinds = kinds_told(text[:_LONGEST], below=_below(text) is not None)
    if told is not None and not any(one.name and not one.name.startswith("line ") for one in kinds):
        return [told]
    return [
        Tally(
            where=section.where(index),
            what=Counted.THREADS,
            count=one.count,
            listing=section.first + index,
            before=one.before,
            told=True,
            name=one.name,
            ordinal=one.ordinal,
        )
        for one in kinds
    ]


def _of_others(section: Section, index: int, text: str) -> Tally | None:
    """How many stand like one of the stacks, as in "the other four are identical to the second one": counted with it where the words say which."""
    match = _others(text) if any(word in text.lower() for word in _HINTS) and not _denied(text) else None
    if match is None:
        return None
    count = number_of(match["count"])
    named = _ordinal(match["rest"])
    ordinal = _PLACES[named["word"].lower()] if named is not None else None
    if count <= 0:
        return None
    return Tally(
        where=section.where(index),
        what=Counted.THREADS,
        count=count + (ordinal is not None),
        listing=section.first + index,
        before=None if ordinal is not None else True,
        told=True,
        ordinal=ordinal,
    )


def _briefly(section: Section, index: int, line: str, text: str) -> Tally | None:
    """What a short line counts that has no other words than those of a count."""
    brief = told_briefly(line)
    if brief is None:
        return None
    before = None if _below(text) else brief.besides
    where = section.where(index)
    return Tally(
        where=where, what=Counted.THREADS, count=brief.number, listing=section.first + index, before=before, told=True, name=brief.place
    )


def told_of(section: Section, index: int, line: str) -> Tally | None:
    """The count of a sentence, None where it counts no threads."""
    text = line[:_LONGEST]
    before: bool | None
    if _refused(text) is not None:
        return None
    if (tally := _of_others(section, index, text)) is not None:
        return tally
    place = None
    if (match := _elision(text)) is not None and _is_elision(section, index, match):
        number, before = match["count"] or match["all"], bool(match["count"])
        at, named = _place(match["rest"]), _named(match["rest"])
        place = at["place"] if at is not None else named["name"] if named is not None else None
    elif (match := _alike_names(text)) is not None and not _denied(text):
        names = _separator(match["names"])
        numbered = _below(text) is not None and all(name.startswith("#") for name in names)
        number, before = (str(len(names)), None) if numbered else (str(_besides(section, index, names)), True)
    elif (match := _more(text)) is not None:
        number, before = match["count"] or match["count2"] or match["count3"] or match["count4"], True
    elif (match := _ahead(text)) is not None:
        number, before = match["count"] or match["count2"] or match["count3"], None
    elif (match := _every(text)) is not None and not _denied(text):
        number, before = match["count"] or match["count2"] or match["count3"] or match["count4"], None if _below(text) else False
    elif (words := _of_words(text)) is not None:
        number, before = str(words[0]), words[1]
    elif (match := _range(text)) is not None and _like(text) is not None and _is_known(section, index, match["name"]):
        number, before = str(int(match["last"]) - int(match["first"]) + 1), False
    else:
        return _briefly(section, index, line, text)
    count = int(number.replace(",", ""))
    return (
        Tally(
            where=section.where(index),
            what=Counted.THREADS,
            count=count,
            listing=section.first + index,
            before=before,
            told=True,
            name=place,
        )
        if count > 1 or (count and before)
        else None
    )
