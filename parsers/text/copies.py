r"""What copying does to evidence, undone line by line: prefixes, escapes, colours, curly quotes, wrapped lines.

    2026-11-28T10:00:00.123456789Z stdout F "http-1" #31 prio=5 tid=0x00007f10d0a1f000 nid=0x251f runnable
    > &quot;http-1&quot; #31 prio=5 tid=0x00007f10d0a1f000 nid=0x251f runnable
    {"log":"\"http-1\" #31 prio=5 tid=0x00007f10d0a1f000 nid=0x251f runnable\n","stream":"stdout"}
    12:tcp6     410      0 10.0.0.5:8080           10.0.0.9:40000          CLOSE_WAIT  1493/java

Nothing here knows a format. It only proposes; the caller takes a proposal if more lines are understood with it than without. A proposal
keeps the number of lines, so that places stay; only what packs several lines into one is unpacked.
"""

from __future__ import annotations

import re
from functools import partial, reduce
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from parsers.text.notes import has_notes, noted, without_notes
from parsers.text.packed import from_json, mostly_json, packs_stack
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

Undo: TypeAlias = "Callable[[Sequence[str]], list[str]]"

MOST_LOST: Final = 20_000
"""Lines that nobody understood in which a prefix is looked for."""
_MOST_ALIKE: Final = 200
_FEW: Final = 50
_FIRST: Final = 2000
_NARROWEST, _WIDEST = 50, 260

_COLOURS: Final = lazy(
    r"\x1b\[[0-?]*+[ -/]*+[@-~]|\x1b\][^\x07\x1b]*+(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1b[=>]|\^\[\[[0-9;]{0,20}[mK]|[\x07\x08]"
)
_INVISIBLE: Final = {
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\r")),
    **dict.fromkeys(map(ord, "\u00a0\u202f\u2007\u2009\u3000"), " "),
}
CURLY: Final = {
    **dict.fromkeys(map(ord, "“”„‟″«»＂"), '"'),
    **dict.fromkeys(map(ord, "‘’‚‛′"), "'"),
    **dict.fromkeys(map(ord, "–—−"), "-"),
}
_MARKUP: Final = lazy(r"</?(?:br|p|div|span|code|pre|tt|samp|td|tr|li)\b[^<>]{0,200}>", re.IGNORECASE)
_BREAK: Final = lazy(r"<br\s*/?>(?=[^\n])|</p>\s*<p>", re.IGNORECASE)
_ESCAPED: Final = lazy(r"&(?:lt|gt|quot|amp|nbsp|apos|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
_torn = lazy(
    r"\s*(?:at|-|- (?:locked|parking|waiting|eliminated)[^()\n]{0,200}|- [^()\n]{1,200}\(a|\"[^\"\n]{1,300}\" (?=[^\n]{0,300}(?:prio|tid|[nN]id)=)[^\n\]]{1,400})\s*$"
).match
_no_end = lazy(r"\s*at\s*$|\"[^\"\n]{1,300}\" [^\n]{0,300}\bnid=\S{1,20} (?:in|waiting|waiting on|waiting for)\s*$").match
_commanded = lazy(r"[^\n$#%>]{0,80}[$#%>] {1,3}(?:sudo )?(?:netstat|ss|lsof|ps|jstack|cat|ls|grep|awk)\b").match
_BEGINS: Final = lazy(r"\s*(?:at |- |\"|java\.lang\.Thread\.State: |[#>*])")
_whole = lazy(r"\s+at [\w.$<>/@-]{3,300}\([^()\n]{1,120}\)\s*$").match
"""A frame that stands below the exception which it is of: no end of a line."""
_QUOTES: Final = 3
"""Quoted lines from which on they may hold something of their own."""
_QUOTED: Final = lazy(r"^> ?")
_SPAN: Final = lazy(r"[ \t]*+(?:[-*+•][ \t]++|\d{1,4}[.)][ \t]++)?(`{1,3}+)(?P<span>[^`\n]++)\1[ \t]*+")
"""A line that Markdown shows as code by itself, in a list or not."""
_BAR: Final = lazy(r"(?<![ \t])[ \t]*+\|[ \t]*+$")


class Proposal(NamedTuple):
    """A way to undo what was done to the lines. ``joins``: lines go to the end of others, which must tell more then; ``torn`` of those are no ends. ``plain``: escapes of HTML become letters, which is right even if it tells no more."""

    undo: Undo
    joins: bool = False
    torn: int = 0
    plain: bool = False


def proposals(lines: Sequence[str], lost: Sequence[int]) -> Iterator[Proposal]:
    """What may have been done to ``lines``, of which those with the indices ``lost`` were not understood."""
    from parsers.text.prefixes import prefixes, stripped  # noqa: PLC0415 - where lines are not understood

    sample = [lines[index] for index in _around(lost, len(lines))]
    cleaned = _escapes(sample)
    if cleaned is not None:
        yield cleaned
    undone = sample if cleaned is None else cleaned.undo(sample)
    for shape, blank in prefixes(undone):
        strip = partial(stripped, shape=shape, blank=blank)
        if cleaned is None:
            yield Proposal(strip)
        else:
            yield Proposal(_then(cleaned.undo, strip))
            if len(undone) == len(sample) and not any("{" in line for line in sample[:_FEW]):
                yield Proposal(strip)
    if sum(line.startswith(">") for line in undone) >= _QUOTES:
        yield Proposal(lambda given: [_QUOTED.sub("", line) for line in given])  # the answer below a quoted text is not quoted
    if any(map(_torn, undone[:_MOST_ALIKE])) or any(_open(lines[index - 1]) for index in islice(lost, _MOST_ALIKE) if index):
        yield Proposal(_mended, joins=True, torn=sum(_no_end(line) is not None for line in lines))
    yield from _ends_of_lines(undone, cleaned)
    known = frozenset(lost)
    for width, glue in _widths(lines, lost):
        yield Proposal(partial(_joined, lost=known, width=width, glue=glue), joins=True)


def _ends_of_lines(undone: Sequence[str], cleaned: Proposal | None) -> Iterator[Proposal]:
    """Lines that Markdown shows as code one by one; notes, bars and blanks at the ends of lines."""
    before: Undo = list if cleaned is None else cleaned.undo
    if sum(_SPAN.fullmatch(line) is not None for line in undone) > 1:
        yield Proposal(lambda given: [match["span"] if (match := _SPAN.fullmatch(line)) else line for line in before(given)])
    if has_notes(undone):
        yield Proposal(_then(before, without_notes), plain=bool(noted(undone)))
    if sum(_BAR.search(line) is not None for line in undone) > len(undone) // 2:
        yield Proposal(lambda given: [_BAR.sub("", line) for line in given])
    if sum(line.endswith((" ", "\t")) for line in undone) > len(undone) // 2:
        yield Proposal(lambda given: [line.rstrip() for line in given])


def escaped(lines: Sequence[str]) -> list[int]:
    """The indices of lines that hold escapes of HTML, of the first lines: who escapes a text escapes all of it."""
    return [index for index, line in enumerate(islice(lines, _FIRST)) if "&" in line and _ESCAPED.search(line)]


def _around(lost: Sequence[int], end: int) -> Sequence[int]:
    """The lines to look at: where only few are lost, a format sees through what is done to the ones below, which tell more of it."""
    if len(lost) > _FEW:
        return lost[:MOST_LOST]
    return sorted({near for index in lost for near in range(index, min(index + 4, end))})


def _then(first: Undo, second: Undo) -> Undo:
    return lambda lines: second(first(lines))


def _escapes(sample: Sequence[str]) -> Proposal | None:
    """Colours, escapes of HTML and JSON, characters that word processors put in place of the keyboard's; all that is there at once."""
    steps: list[Undo] = []
    shown = sample
    # What was escaped may have been an object of a log driver, and the other way round.
    order = (_without_colours, _without_objects, _without_colours, _without_markup, _without_objects, _without_markup, _with_plain_letters)
    for step_of in order:
        step = step_of(shown)
        if step is not None:
            steps.append(step)
            shown = step(shown)

    def undo(lines: Sequence[str]) -> list[str]:
        return reduce(lambda done, step: step(done), steps, list(lines))

    return Proposal(undo, plain=any(_ESCAPED.search(line) for line in sample)) if steps else None


def _without_colours(sample: Sequence[str]) -> Undo | None:
    has = any("\x1b" in line or "^[[" in line or "\x07" in line for line in sample)
    return (lambda lines: [_COLOURS.sub("", line) for line in lines]) if has else None


def _without_objects(sample: Sequence[str]) -> Undo | None:
    return from_json if mostly_json(sample) or any(packs_stack(line) for line in sample[:_MOST_ALIKE]) else None


def _without_markup(sample: Sequence[str]) -> Undo | None:
    if not any(_ESCAPED.search(line) or _MARKUP.search(line) for line in sample):
        return None
    if sum(len(_BREAK.findall(line)) for line in sample) > len(sample):
        return lambda lines: [_unescaped(part) for part in _broken(lines)]
    return lambda lines: list(map(_unescaped, lines))


def _unescaped(line: str) -> str:
    if "&" not in line and "<" not in line:
        return line
    import html  # noqa: PLC0415 - its table of names is large

    return html.unescape(_MARKUP.sub("", line)).replace("\n", " ").translate(_INVISIBLE)


def _with_plain_letters(sample: Sequence[str]) -> Undo | None:
    text = "\n".join(sample)
    table = {char: put for char, put in {**_INVISIBLE, **CURLY}.items() if chr(char) in text}
    if not table and "#011" not in text and "\\_" not in text:  # rsyslog's tab, Markdown's underscore
        return None
    return lambda lines: [line.translate(table).replace("#011", "\t").replace("\\_", "_") for line in lines]


def _broken(lines: Sequence[str]) -> list[str]:
    """Lines that only ``<br>`` tells apart."""
    return [part for line in lines for part in _BREAK.sub("\n", line).split("\n")]


def _open(line: str) -> bool:
    """True for a command line that ends inside quotes: mail wraps at a blank of awk's program as well."""
    return "|" in line and line.count("'") % 2 == 1 and _commanded(line) is not None


def _mended(lines: Sequence[str]) -> list[str]:
    """Every line of a stack that ends where none can goes on with the next: mail wraps at a blank, each line at another width."""
    found = list(lines)
    for index in range(len(lines) - 1):
        line, below = found[index], found[index + 1]
        if below.strip() and ((not _BEGINS.match(below) and _torn(line)) or _open(line)):
            found[index], found[index + 1] = "", f"{line.rstrip()} {below.lstrip()}"
    return found


def _widths(lines: Sequence[str], lost: Sequence[int]) -> Iterator[tuple[int, str]]:
    """The width at which lines were wrapped, and what stood at the end of each: nothing, or a blank that the line end replaced."""
    above = [width_of(lines[index - 1]) for index in islice(lost, _MOST_ALIKE * 2) if index]
    widest = max(above, default=0)
    if _NARROWEST <= widest <= _WIDEST:
        yield widest, ""
        yield widest, " "


def width_of(line: str) -> int:
    """Columns that a line takes on a terminal."""
    return len(line.expandtabs()) if "\t" in line else len(line)


def _joined(lines: Sequence[str], lost: Collection[int], width: int, glue: str) -> list[str]:
    """Every line that was not understood goes to the end of the one before, if that had no room for its beginning."""
    found = list(lines)
    head = -1
    for index, line in enumerate(lines):
        before = lines[index - 1] if index else ""
        room = width - width_of(before)
        begins = len(line.split(None, 1)[0]) if line.split() else 0
        full = room == 0 if not glue else 0 <= room <= begins
        if index in lost and before and begins and full and _whole(line) is None:
            head = index - 1 if head < 0 else head
            found[head] += glue + (line.lstrip() if glue else line)
            found[index] = ""
        else:
            head = -1
    return found
