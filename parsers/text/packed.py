"""Lines that a logger or a log driver packed into objects of JSON: the printed line in one field, a whole stack perhaps in another."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from parsers.text.patterns import lazy

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIRST: Final = 2000
_MOST_ALIKE: Final = 200
_OBJECT: Final = lazy(r"[^{\n]{0,200}(?P<object>\{.*\})\s*$", re.DOTALL)
_TEXT_KEYS: Final = ("log", "message", "msg", "MESSAGE", "text", "line", "textPayload")
_STACK_KEYS: Final = frozenset(
    {
        "stacktrace",
        "stack",
        "exception",
        "throwable",
        "thrown",
        "excinfo",
        "traceback",
        "errorstacktrace",
        "extendedstacktrace",
        "errorstack",
    }
)
_THREAD_KEYS: Final = ("thread_name", "thread", "threadName")


def packed(lines: Sequence[str]) -> list[int]:
    """The indices of lines, of the first ones, that are objects of a logger with a whole stack in one of their fields."""
    return [index for index, line in enumerate(islice(lines, _FIRST)) if packs_stack(line)]


def packs_stack(line: str) -> bool:
    """True for an object with the lines of a stack in one of its fields."""
    return ("\\n\\tat " in line or "\\n  File " in line or "\\nat " in line or "\\n    at " in line) and "\n" in (_text_in(line) or "")


def mostly_json(sample: Sequence[str]) -> bool:
    """True if most lines are objects of a log driver with the printed line in one of the usual fields."""
    texts = [line for line in sample[:_MOST_ALIKE] if line and not line.isspace()]
    found = sum("{" in line and _text_in(line) is not None for line in texts)
    return found > 0 and found * 5 >= len(texts) * 4


def _text_in(line: str) -> str | None:
    """The printed line that a log driver wrapped into an object."""
    match = _OBJECT.match(line)
    if match is None:
        return None
    try:
        content = json.loads(match["object"])
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    text = next((text for key in _TEXT_KEYS if isinstance(text := content.get(key), str)), None)
    stack = _stack_in(content)
    if stack is None:
        return text
    thread = next((name for key in _THREAD_KEYS if isinstance(name := content.get(key), str)), None)
    level = content.get("level")
    head = " ".join(filter(None, (level if isinstance(level, str) else "", f"[{thread}]" if thread else "", text or "")))
    return f"{head}\n{stack}" if head else stack


def _stack_in(content: dict[str, Any]) -> str | None:
    """The stack that a logger put into a field of its own, or of an object inside."""
    for key, value in content.items():
        if isinstance(value, str) and key.lower().replace("_", "").replace(".", "") in _STACK_KEYS and "\n" in value:
            return value
        if isinstance(value, dict) and key in {"error", "exception", "thrown", "err"} and (inner := _stack_in(value)) is not None:
            return inner
    return None


def from_json(lines: Sequence[str]) -> list[str]:
    """The lines, with the text of each object in its place."""
    found: list[str] = []
    for line in lines:
        text = _text_in(line) if "{" in line else None
        found += [line] if text is None else text.removesuffix("\n").split("\n")
    return found
