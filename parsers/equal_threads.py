"""Threads of a debugger's list that words set equal by its own numbers: ``3 and 5 are equal to 2, 7 is equal to 6``.

The list has one frame of each; the words stand outside of what the debugger printed, and give such a row the stack that they mean. They count only where all
numbers are of one dump, and where the row stands at the frame with which that stack begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import ThreadDump
from parsers.text.hedges import DENIES
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

    from parsers import Output
    from parsers.records import Thread

_DIALECT: Final = "native_stacks"
_LONGEST: Final = 400
_WORDS: Final = ("equal", "same", "identical", "like")
_equal = lazy(
    r"(?<![\w.:/#-])(?:threads? )?(?P<numbers>\d{1,4}(?:(?:, and |, | and | ?& ?)\d{1,4}){0,31}) (?:(?:is|are|look|looks|stand|stands|all|both|exactly|just|also|the|=|of) ){0,4}"
    r"(?:equal to|(?:same|identical|like) (?:as |to )?)\s?(?:(?:thread|number|no\.) ){0,2}#?(?P<meant>\d{1,4})(?![\w:%/]|[.,]\d)",
).finditer
_denied = lazy(rf"{DENIES}|\bnot\b|\b(?:should|would|expected|were|was)\b").search
_each = lazy(r"\d{1,4}").findall
_number = lazy(r"(?:Thread (?P<header>\d{1,7}) \(|[* ]{0,4}(?P<row>\d{1,7}) +(?:Thread |LWP ))").match


def with_equal(found: Sequence[Output]) -> list[Output]:
    """The outputs of a text, rows of a debugger's list with the stacks that the text says they have."""
    if not any(one.form is not None and one.form.NAME == _DIALECT for one in found):
        return list(found)
    equals = [pair for output in found for pair in _pairs(output.section.head(_MOST))]
    return [_filled(one, equals) if one.form is not None and one.form.NAME == _DIALECT else one for one in found] if equals else list(found)


_MOST: Final = 5000
"""Lines of a text that somebody wrote around stacks."""


def _pairs(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """A thread's number and that of the thread whose stack it has, for each that the words of the lines set equal."""
    for line in lines:
        text = line[:_LONGEST]
        if text[:1] == "#" or not any(word in text for word in _WORDS) or _denied(text):
            continue
        for match in _equal(text.lower()):
            yield from ((number, match["meant"]) for number in _each(match["numbers"]) if number != match["meant"])


def _filled(output: Output, equals: Sequence[tuple[str, str]]) -> Output:
    dumps = [one for one in output.parsed.records if isinstance(one, ThreadDump)]
    if len(dumps) != 1:
        return output  # numbers of which process?
    (dump,) = dumps
    numbers = {
        match["header"] or match["row"]: at for at, thread in enumerate(dump.threads) if (match := _header(output, thread)) is not None
    }
    threads = list(dump.threads)
    for number, meant in equals:
        if number in numbers and meant in numbers:
            row, source = threads[numbers[number]], threads[numbers[meant]]
            if len(row.frames) == 1 < len(source.frames) and row.frames[0].full == source.frames[0].full:
                threads[numbers[number]] = replace(
                    row, frames=source.frames, frame_lines=(row.where.first,) * len(source.frames), locks=source.locks, state=source.state
                )
    if threads == list(dump.threads):
        return output
    filled = replace(dump, threads=tuple(threads))
    records = tuple(filled if one is dump else one for one in output.parsed.records)
    return output._replace(parsed=replace(output.parsed, records=records))


def _header(output: Output, thread: Thread) -> re.Match[str] | None:
    at = thread.where.first - output.section.first
    return _number(output.section.lines[at]) if 0 <= at < len(output.section.lines) else None
