"""A log of many hundred megabytes, read piece by piece: entries that prove nothing become blank lines, so that every line keeps its number.

What is left out are whole entries with a time and a level in front: those of level INFO and below, and warnings and errors, with the exceptions
below them, in which no word stands that a reader of logs looks for. Whatever has another shape (a dump, a table, a message of many lines) is kept
as it stands, and so are both ends of the file. A log whose lines Docker's driver wrapped into objects (``{"log":"2026-…"``) is read alike, and
what stays of it is taken out of them.
"""

from __future__ import annotations

import hashlib
import json
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
_DAY: Final = rb"(?:19|20)\d\d[-/]\d\d"
_ENDS: Final = rb"(?=[ \]:|\t-])[^\n]*+"


class _Shape(NamedTuple):
    """What entries look like: ``left_out`` are those that may go, ``level`` counts entries at the beginning, ``begin`` is where a piece may end."""

    left_out: re.Pattern[bytes]
    level: re.Pattern[bytes]
    begin: bytes


def _shape(begin: bytes, indent: bytes) -> _Shape:
    """``begin`` stands in front of each line's text, ``indent`` in front of a frame."""
    start = re.escape(begin)
    moment = start + _DAY + rb"[-/]\d\d[ T]\d\d:\d\d"
    carried = rb"[^A-Z\n]*+Z?(?>(?: std(?:out|err) F )?)[^A-Z\n]*+(?:\[[^\]\n]{0,200}\] *+)?"
    # Whoever reads on below must not take the rest of an entry for something else: only whole entries go.
    then = rb"(?=\n" + start + _DAY + rb")"
    thrown = start + rb"(?:[\w.$]{1,200}(?:Exception|Error)(?=[:\n\\])[^\n]*+)"
    below = start + rb"(?:" + indent + rb"(?:at |\.\.\. |Suppressed: )|Caused by: )[^\n]*+"
    entry = rb"\n" + moment + carried
    left_out = (
        rb"((?>(?:"
        + entry
        + rb"(?:INFO|DEBUG|TRACE)"
        + _ENDS
        + then
        + rb"){1,1000}))|"
        + entry
        + rb"(?:WARN(?:ING)?|ERROR|SEVERE|FATAL)"
        + _ENDS
        + rb"(?>(?:\n"
        + thrown
        + rb"(?>(?:\n"
        + below
        + rb")*))?)"
        + then
    )
    level = rb"^" + moment + rb"[^\n]{0,200}?\b(?:INFO|DEBUG|TRACE|WARN|ERROR)\b"
    return _Shape(re.compile(left_out), re.compile(level, re.MULTILINE), b"\n" + begin + b"20")


_OF_DOCKER: Final = b'{"log":"'
_WRAPPED: Final = re.compile(rb"^\{\"log\":\"[^\n]*", re.MULTILINE)
_ESCAPED: Final = ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"), (b"\t", b"\\t"))
"""What Docker's driver writes for characters of a line."""
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
    docker = head[0].startswith(_OF_DOCKER)
    shape = _shape(_OF_DOCKER, rb"(?:[ \t]|\\t)++") if docker else _shape(b"", rb"[ \t]++")
    if len(shape.level.findall(b"\n".join(head))) < _SHARE * len(head):
        return None
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - costs milliseconds, which only a large log is worth

    digest = hashlib.sha256(piece)
    kept, size, left_out = list[bytes](), len(piece), 0

    sentences: dict[bytes, bool] = {}
    wanted = tuple({(_escaped(word) if docker else word).translate(None, _DIGITS) for word in words})

    def telling(entry: bytes) -> bool:
        # Programs write the same few sentences with other numbers.
        sentence = entry.translate(None, _DIGITS)
        known = sentences.get(sentence)
        if known is None:
            if len(sentences) >= _SHAPES:
                sentences.clear()
            known = sentences[sentence] = any(word in sentence for word in wanted)
        return known

    def cleared(match: re.Match[bytes]) -> bytes:
        nonlocal left_out
        text = match[0]
        if _STACK in text if match[1] else telling(text):
            return text
        lines = text.count(b"\n")
        left_out += lines
        return b"\n" * lines

    def cut(text: bytes) -> bytes:
        left = shape.left_out.sub(cleared, text) if kept else text
        return _WRAPPED.sub(_unwrapped, left) if docker else left

    with ThreadPoolExecutor(1) as hashing:  # one thread keeps the order; hashlib lets this one go on meanwhile
        while more := stream.read(_PIECE):
            hashing.submit(digest.update, more)
            size += len(more)
            end = piece.rfind(shape.begin)
            end = end if end > 0 else len(piece)
            text, piece = piece[:end], piece[end:] + more
            kept.append(cut(text))
    last = _WRAPPED.sub(_unwrapped, piece) if docker else piece
    return LargeLog(b"".join((*kept, last)), left_out, size, digest.hexdigest())


def _escaped(word: bytes) -> bytes:
    for plain, written in _ESCAPED:
        word = word.replace(plain, written)
    return word


def _unwrapped(match: re.Match[bytes]) -> bytes:
    """The text of a line of Docker's driver. One that comes in parts stays in parts: only lines of 16 KB do."""
    try:
        content = json.loads(match[0])
    except (ValueError, RecursionError):
        return match[0]
    text = content.get("log") if isinstance(content, dict) else None
    return text.rstrip("\n").replace("\n", " ").encode("utf-8", "replace") if isinstance(text, str) else match[0]
