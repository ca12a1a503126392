"""What a kind of line in a log lets one suspect, in words that do not depend on the line."""

from __future__ import annotations

import msgspec

from analyzer.model.finding import Confidence, Outlook
from analyzer.model.message import say


class Story(msgspec.Struct, frozen=True):
    """What a kind of line lets one suspect: the rule, why such a line is written, what to look at and with which command, what to mend.

    ``tail`` ends the headline, ``does`` is what the program that wrote the line does. Where ``command`` is None the stacks are what to look at;
    ``commands`` are those of programs that have their own.
    """

    rule: str
    explanation: str
    look: str
    command: str | None
    fix: str
    does: str
    tail: str = ""
    why: str = say("The line says so itself; why, and whether it lasts, a log does not show.")
    confidence: Confidence = Confidence.SUSPECTED
    outlook: Outlook | None = None
    commands: tuple[tuple[str, str], ...] = ()

    def order(self, source: str) -> str | None:
        """The command for the program that wrote the line."""
        return dict(self.commands).get(source, self.command)
