r"""Lines of the kernel's log that mail wrapped: the time stands before the first part only, the rest on the lines below.

    May  4 11:20:31 gw2 kernel: [  4711.118812] nfs: server store-3 not
    responding, still trying
    [ 4712.404193]
    rwsem_down_write_slowpath+0x230/0x3e0

The parts are joined on the first of them, and the others become blank, so that places stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.text.patterns import lazy
from parsers.text.source import ELISION, PROMPT

if TYPE_CHECKING:
    from collections.abc import Sequence

_entry: Final = lazy(
    r"(?P<mark>[> \t]{0,12}+)(?:(?:[A-Z][a-z]{2} {1,2}\d{1,2} [\d:]{8}|\d{4}-\d\d-\d\d[T ][\d:.,]{8,20}(?:Z|[+-][\d:]{4,6})?) [\w.-]{1,80} kernel:"
    r"(?: ?\[[ ]{0,8}\d{1,9}\.\d{3,9}\])?|\[[ ]{0,8}\d{1,9}\.\d{3,9}\](?= ?$| \S| {2}))"
).match
_dated: Final = lazy(r"[> \t]{0,12}+(?:[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:|\d{4}-\d\d-\d\d[T ]\d|\[?\d\d:\d\d:\d\d|\[<)").match
"""A line of another program, or of another log."""
_MOST: Final = 5000
"""Lines of a text that somebody wrote or mailed: a longer one is a file of the system, which nobody wrapped."""
_WIDEST: Final = 132
"""Columns of a mail. Where one line of the log is wider, nothing wrapped it."""
_PARTS: Final = 4
"""Parts of one line."""
_FENCES: Final = ("```", "~~~")
_SIGNS: Final = ("kernel:", "[")


def joined(lines: Sequence[str]) -> list[str] | None:
    """The lines with the parts of the kernel's joined; None where none is wrapped."""
    if len(lines) > _MOST:
        return None
    marks = {index: match["mark"] for index, line in enumerate(lines) if _may_begin(line) and (match := _entry(line)) is not None}
    widest = max((len(lines[index].rstrip()) for index in marks), default=_WIDEST + 1)
    if widest > _WIDEST:
        return None
    found = list(lines)
    for index, mark in marks.items():
        for at in _parts(lines, index, mark, marks, widest):
            found[index] = f"{found[index].rstrip()} {lines[at].removeprefix(mark).strip()}"
            found[at] = ""
    return found if found != list(lines) else None


def _may_begin(line: str) -> bool:
    return any(sign in line[:120] for sign in _SIGNS)


def _parts(lines: Sequence[str], index: int, mark: str, marks: dict[int, str], widest: int) -> Sequence[int]:
    """The lines below an entry that are parts of it: the first word of each had no room on the line above."""
    parts: list[int] = []
    at = index + 1
    while at < len(lines) and len(parts) < _PARTS and at not in marks:
        line = lines[at]
        words = line.removeprefix(mark.rstrip()).split(None, 1)
        if not words or not line.startswith(mark.rstrip()) or _is_other(line):
            break
        if len(lines[at - 1].rstrip()) + 1 + len(words[0]) <= widest:
            break
        parts.append(at)
        at += 1
    # Behind the last line of a paste somebody's own sentence may begin, where that line is the widest.
    return [] if parts and at not in marks and lines[parts[0]].removeprefix(mark).lstrip()[:1].isupper() else parts


def _is_other(line: str) -> bool:
    return (
        line.lstrip().startswith(_FENCES) or _dated(line) is not None or ELISION.match(line) is not None or PROMPT.match(line) is not None
    )
