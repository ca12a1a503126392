"""A log of many hundred megabytes, read piece by piece: entries that prove nothing become blank lines, so that every line keeps its number.

What is left out are whole entries with a time and a level in front: those of level INFO and below, and warnings and errors, with the exceptions
below them, in which no word stands that a reader of logs looks for. Whatever has another shape (a dump, a table, a message of many lines) is kept
as it stands, and so are both ends of the file.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

_PIECE: Final = 4 << 20
_HEAD: Final = 200
_DIGITS: Final = b"0123456789"
_SHAPES: Final = 4096
"""Sentences that are remembered."""
_SHARE: Final = 0.3
_TIME: Final = rb"\n(?:19|20)\d\d[-/]\d\d[-/]\d\d[ T]\d\d:\d\d[^A-Z\n]*+Z?[^A-Z\n]*+(?:\[[^\]\n]{0,200}\] *+)?"
_ENDS: Final = rb"(?=[ \]:|\t-])[^\n]*+"
# Whoever reads on below must not take the rest of an entry for something else: only whole entries go.
_NEXT: Final = rb"(?=\n(?:19|20)\d\d[-/]\d\d)"
_LEFT_OUT: Final = re.compile(
    rb"((?:"
    + _TIME
    + rb"(?:INFO|DEBUG|TRACE)"
    + _ENDS
    + _NEXT
    + rb")++)|"
    + _TIME
    + rb"(?:WARN(?:ING)?|ERROR|SEVERE|FATAL)"
    + _ENDS
    + rb"(?:\n(?:[\w.$]{1,200}(?:Exception|Error)(?=[:\n])[^\n]*+)(?:\n(?:[ \t]++(?:at |\.\.\. |Suppressed: )|Caused by: )[^\n]*+)*+)?+"
    + _NEXT
)
_LEVEL: Final = re.compile(rb"^(?:19|20)\d\d[-/]\d\d[-/]\d\d[ T]\d\d:\d\d[^\n]{0,200}?\b(?:INFO|DEBUG|TRACE|WARN|ERROR)\b", re.MULTILINE)
_STACK: Final = b"Thread.State: "
"""A dump that a program writes as entries of its log, line by line."""


class LargeLog(NamedTuple):
    """The text with blank lines for what was left out, how many lines that were, and size and digest of the file."""

    text: bytes
    left_out: int
    size: int
    sha256: str


def read(stream: BinaryIO, words: Sequence[bytes]) -> LargeLog | None:
    """The log in a stream; None if its beginning is none of entries with levels. Entries that hold one of ``words`` stay."""
    piece = stream.read(_PIECE)
    head = piece.split(b"\n", _HEAD)[:_HEAD]
    if len(_LEVEL.findall(b"\n".join(head))) < _SHARE * len(head):
        return None
    digest = hashlib.sha256(piece)
    kept, size, left_out = list[bytes](), len(piece), 0

    shapes: dict[bytes, bool] = {}
    wanted = tuple({word.translate(None, _DIGITS) for word in words})

    def telling(entry: bytes) -> bool:
        # Programs write the same few sentences with other numbers.
        shape = entry.translate(None, _DIGITS)
        known = shapes.get(shape)
        if known is None:
            if len(shapes) >= _SHAPES:
                shapes.clear()
            known = shapes[shape] = any(word in shape for word in wanted)
        return known

    def cleared(match: re.Match[bytes]) -> bytes:
        nonlocal left_out
        text = match[0]
        if _STACK in text if match[1] else telling(text):
            return text
        lines = text.count(b"\n")
        left_out += lines
        return b"\n" * lines

    while more := stream.read(_PIECE):
        digest.update(more)
        size += len(more)
        end = piece.rfind(b"\n20")
        end = end if end > 0 else len(piece)
        text, piece = piece[:end], piece[end:] + more
        kept.append(_LEFT_OUT.sub(cleared, text) if kept else text)
    return LargeLog(b"".join((*kept, piece)), left_out, size, digest.hexdigest())
