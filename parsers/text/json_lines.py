"""JSON with the line of every value, and as much of it as there is: dumps are cut (``jcmd … file=-`` stops at 16,000 bytes), logs get in.

The values are those of ``json.loads``, except that objects and lists know their lines. What is no JSON is skipped to the end of its line
and reported; what is open at the end of the text stays as it is.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOKEN = re.compile(
    r'(?P<space>[ \t\r\f\v]+)|(?P<end>\n)|"(?P<text>(?:[^"\\\n]|\\.)*+)"|(?P<number>-?\d[\d.eE+-]*)|(?P<word>true|false|null)|(?P<mark>[{}\[\],:])'
)
_WORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}
_LONGEST_NUMBER: Final = 18


class JsonObject(dict[str, Any]):
    """An object that stands on the lines ``first`` to ``last`` (indices)."""

    first = last = 0

    def text(self, key: str) -> str | None:
        """The value of a key if it is a string."""
        value = self.get(key)
        return value if isinstance(value, str) else None

    def inner(self, key: str) -> JsonObject:
        """The value of a key if it is an object, else an empty one."""
        value = self.get(key)
        return value if isinstance(value, JsonObject) else JsonObject()

    def objects(self, key: str) -> list[JsonObject]:
        """The objects in the list under a key."""
        return [one for one in self.items_of(key) if isinstance(one, JsonObject)]

    def items_of(self, key: str) -> JsonList:
        """The list under a key, else an empty one."""
        value = self.get(key)
        return value if isinstance(value, JsonList) else JsonList()


class JsonList(list[Any]):
    """A list; ``lines`` has the index of the line on which each item begins."""

    def __init__(self) -> None:
        """An empty list."""
        super().__init__()
        self.lines: list[int] = []


class Document:
    """A JSON text after reading.

    Attributes:
        roots: all values, which are several in JSON Lines (an object a line).
        odd: indices of lines that hold something that is no JSON, in order.
    """

    def __init__(self, lines: Sequence[str], *, many: bool = False) -> None:
        """Read the lines; never raises. A second value is odd unless there may be ``many``."""
        self.roots: list[JsonObject | JsonList] = []
        self._many = many
        self.odd: list[int] = []
        self._open: list[JsonObject | JsonList] = []
        self._keys: list[str | None] = []
        self._line = 0
        self._read("\n".join(lines))
        for value in self._open:
            self._close(value)

    @property
    def root(self) -> JsonObject | JsonList | None:
        """The first value."""
        return self.roots[0] if self.roots else None

    @property
    def complete(self) -> bool:
        """True if there is a value, and every bracket was closed."""
        return self.root is not None and not self._open

    def _read(self, text: str) -> None:
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                self._skip()
                if self._keys:
                    self._keys[-1] = None  # the value that was to come is lost
                end = text.find("\n", position)
                position = len(text) if end < 0 else end
                continue
            position = match.end()
            match match.lastgroup:
                case "end":
                    self._line += 1
                case "text":
                    self._string(match["text"])
                case "number":
                    self._value(_number(match["number"]))
                case "word":
                    self._value(_WORDS[match["word"]])
                case "mark":
                    self._mark(match["mark"])
                case _:
                    pass

    def _skip(self) -> None:
        if not self.odd or self.odd[-1] != self._line:
            self.odd.append(self._line)

    def _string(self, raw: str) -> None:
        text = raw
        if "\\" in raw:
            try:
                text = json.loads(f'"{raw}"', strict=False)
            except ValueError:
                self._skip()
        if self._open and isinstance(self._open[-1], JsonObject) and self._keys[-1] is None:
            self._keys[-1] = text
        else:
            self._value(text)

    def _mark(self, mark: str) -> None:
        if mark in "{[":
            value: JsonObject | JsonList = JsonObject() if mark == "{" else JsonList()
            if isinstance(value, JsonObject):
                value.first = value.last = self._line
            if self._value(value):
                self._open.append(value)
                self._keys.append(None)
        elif mark in "}]":
            if self._open and isinstance(self._open[-1], JsonObject) == (mark == "}"):
                self._close(self._open.pop())
                self._keys.pop()
            else:
                self._skip()
        elif not self._open:
            self._skip()

    def _close(self, value: JsonObject | JsonList) -> None:
        if isinstance(value, JsonObject):
            value.last = self._line

    def _value(self, value: Any) -> bool:
        """Put a value where it belongs; False if it belongs nowhere."""
        if not self._open:
            if (self._many or not self.roots) and isinstance(value, JsonObject | JsonList):
                self.roots.append(value)
                return True
        elif isinstance(top := self._open[-1], JsonList):
            top.append(value)
            top.lines.append(self._line)
            return True
        elif (key := self._keys[-1]) is not None:
            top[key] = value
            self._keys[-1] = None
            return True
        self._skip()
        return False


def _number(text: str) -> int | float | None:
    if len(text) > _LONGEST_NUMBER:
        return None
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return None
