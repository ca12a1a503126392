"""Names of people and databases that are ordinary words, too: they go where they stand alone, and stay inside sentences and names of classes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from analyzer.model.message import Message
from reports.anonymize.vocabulary import PLACES, spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Placed:
    """A user called ``orders``, a database called ``shop``: no text can be searched for them, but a value or a cell that is such a name is one."""

    def __init__(self, names: Iterable[str], pseudonym: Callable[[str], str], listed: frozenset[str]) -> None:
        """``pseudonym`` gives the name that stands for one of ``names``; ``listed`` are files with lists of sessions. Single letters are nobody's."""
        known = sorted((re.escape(name) for name in names if len(name) > 1), key=len, reverse=True)
        any_of = "|".join(known) or r"(?!)"
        self._value = re.compile(rf"(?:^[ ]?|(?<=[(/])|(?<=, ))(?P<name>{any_of})(?=$|[,)/])")
        self._cell = re.compile(rf"(?<![\w.$@/-])(?P<name>{any_of})(?![\w$@/-])")
        self._pseudonym, self._listed = pseudonym, listed

    def value(self, text: str) -> str:
        """A value that is a name, or a list of them: ``orders``, `` (orders, 10.0.0.5:40100)``, ``shop/orders``."""
        return self._value.sub(self._replaced, text)

    def message(self, message: Message) -> Message:
        """A sentence with such values in its slots."""
        return message.refilled(self._filled)

    def _filled(self, value: object) -> object:
        return self.message(value) if isinstance(value, Message) else value if isinstance(value, int | float) else self.value(str(value))

    def row(self, line: str, file: str) -> str:
        """A line of a list of sessions: its cells, and the tables of its statements, which are called as databases are. Other lines stay."""
        return self._cell.sub(self._replaced, line) if file in self._listed else line

    def _replaced(self, match: re.Match[str]) -> str:
        begin = match.start("name") - match.start()
        return f"{match[0][:begin]}{self._pseudonym(match['name'])}"


def is_ordinary(name: str) -> bool:
    """True for a word that the tool's own texts have, so that it cannot be replaced wherever it stands."""
    return len(name) == 1 or (name.isalpha() and name.isascii() and name.lower() in spoken()) or name.lower() in PLACES
