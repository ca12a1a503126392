r"""Notes that somebody wrote behind lines of a paste: they point at a line, and are none of the tool's words.

at com.example.Cache.load(Cache.java:57)      <-- holds the lock
- locked <0x00000000e1> (a java.lang.Object)  // the same
tcp   52  0 10.0.0.5:8080  10.0.0.9:40000  CLOSE_WAIT  1493/java   <=== these grow
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Sequence

_arrow: Final = lazy(r"(?<=\S)\s++(?:<[-=~]{1,10}+|←|⇐|⟵|◄|◀)(?=[\s\w\"'(!?.*]|$)[^\n]*$").search
"""An arrow to the left points at what stands before it."""
_remark: Final = lazy(r"(?<=[)>\]])\s++(?:/[/*]|#{1,5}(?=[\s\w])|-{2,10}+>?|\*{2,10}+|!{2,10}+|\^{2,10}+)[^\n]*$").search
"""Behind the end of a frame or of a lock's line nothing follows that begins so."""
_of_stack: Final = lazy(r"\s*+(?:at\s|- |#\d|\"|[\w.$/@]++\()").match
_long_arrow: Final = lazy(r"(?<=\S)(?P<blanks>\s++)(?:<-{2,10}+|<={2,10}+|←|⇐|⟵)(?:[^-=\n]|$)").search
_end_of_row: Final = lazy(r"[^\n]*(?:[)\]>]|[ \t]\d{1,10}/[\w.-]{1,40}|[A-Z]{4,6}[_-]?[A-Z]{2,5}[12]?)$").match
"""What ends a frame, a line of a lock, or a row of sockets."""
_SIGNS: Final = ("<-", "<=", "<~", "←", "⇐", "⟵", "◄", "◀")
_LONG: Final = ("<--", "<==", "←", "⇐", "⟵")
_REMARKS: Final = ("//", "/*", "#", "--", "**", "!!", "^^")
_FIRST: Final = 2000
"""Lines in which notes are looked for that the formats see through: nobody writes them into more."""


def has_notes(lines: Sequence[str]) -> bool:
    """True if one of the lines may have such a note."""
    return any(_without(line) is not line for line in lines)


def without_notes(lines: Sequence[str]) -> list[str]:
    """The lines without their notes."""
    return list(map(_without, lines))


def noted(lines: Sequence[str]) -> list[int]:
    """The indices of lines with a long arrow behind a row: a table takes it for a part of its last column, and nothing is left unread."""
    return [index for index, line in enumerate(islice(lines, _FIRST)) if any(sign in line for sign in _LONG) and _is_sure(line)]


def _is_sure(line: str) -> bool:
    """False for a log that draws such arrows itself, as those of HTTP clients do: ``<-- 200 OK``."""
    match = _long_arrow(line)
    return match is not None and (len(match["blanks"]) > 1 or "\t" in match["blanks"] or _end_of_row(line[: match.start()]) is not None)


def _without(line: str) -> str:
    """The line itself where it has none."""
    if any(sign in line for sign in _SIGNS) and (match := _arrow(line)) is not None:
        return line[: match.start()]
    if any(sign in line for sign in _REMARKS) and _of_stack(line) is not None and (match := _remark(line)) is not None:
        return line[: match.start()]
    return line
