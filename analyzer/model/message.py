"""Sentences that remember how they were made, so that a report can say them in another language.

A :class:`Message` is English text, an ordinary ``str`` to everybody who reads or compares it, with the template and the values that it
was made from. Rules make messages with :func:`say`, :func:`say_of`, :func:`plural` and :func:`joined`; only :mod:`reports.language.catalogue` looks inside. A plain
``str`` is evidence (a name, a frame, a path) and is never translated, even where it spells a word of ours.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

COUNTED: Final = "count"
"""The gettext context (msgctxt) of nouns that follow a number: the key is the singular, ``{n}`` in the translation the number."""


_THREADS: Final = re.compile(
    r"(?<!its own )(?<![\w.{-])(?:[Rr]equest )?(?P<word>[Tt]hread)(?P<many>s?)\b(?!\}| (?:dump|pool|apply|id|name))"
)
"""Threads in a text of ours: those of another process, dumps, and words of commands are something else."""
MEMBERS: Final = {"goroutine": "goroutines", "process": "processes", "worker": "workers"}
"""What other runtimes have in place of threads: one, and many."""
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 86400.0
_FEW: Final = 2
"""Of a unit, from which on a time is said in it."""
_FIRST_SLOT: Final = re.compile(r"\{(\w+)")


class Message(str):
    """A text of ours in English.

    Attributes:
        template: the English sentence with ``{names}`` in place of what changes; the key of the catalogue (gettext's msgid).
        slots: what stands in these places: numbers, evidence, other messages.
        context: gettext's msgctxt; empty for sentences.
        finish: what was done to the English text after the slots were filled, None for nothing.
        forms: of a sentence that has a form for one and one for many: both, and the number that chose (gettext's ngettext); None for others.
        word: what is said in place of "thread", a key of ``MEMBERS``; empty where there are threads.
    """

    __slots__ = ("context", "finish", "forms", "slots", "template", "word")
    template: str
    slots: Mapping[str, object]
    context: str
    finish: Callable[[str], str] | None
    forms: tuple[str, str, int] | None
    word: str

    @classmethod
    def made(
        cls,
        english: str,
        template: str,
        slots: Mapping[str, object],
        context: str = "",
        finish: Callable[[str], str] | None = None,
        forms: tuple[str, str, int] | None = None,
        word: str = "",
    ) -> Self:
        """A message whose English text is known already."""
        self = cls(english)
        self.template, self.slots, self.context, self.finish, self.forms, self.word = template, slots, context, finish, forms, word
        return self

    def numbered(self, n: int, slots: Mapping[str, object]) -> Message:
        """The sentence in the form for another number, with these values; one without forms only gets the values."""
        if self.forms is None:
            return self.with_slots(slots)
        one, many, _ = self.forms
        template = one if n == 1 else many
        return Message.made(
            _in_words(template, self.word).format_map(slots), template, slots, self.context, forms=(one, many, n), word=self.word
        )

    def with_slots(self, slots: Mapping[str, object]) -> Message:
        """The same sentence with these values, and with nothing done to it afterwards."""
        english = _in_words(self.template, self.word).format_map(slots)
        return Message.made(english, self.template, slots, self.context, forms=self.forms, word=self.word)

    def __add__(self, other: str) -> Message:
        return Message.made(str.__add__(self, other), "{head}{tail}", {"head": self, "tail": other})

    def __radd__(self, other: str) -> Message:
        return Message.made(other + str(self), "{head}{tail}", {"head": other, "tail": self})

    def refilled(self, fill: Callable[[object], object]) -> Message:
        """The same sentence with other values: ``fill`` gets each slot's value and gives the new one."""
        if self.context == COUNTED or not self.slots:
            return self
        slots = {name: fill(value) for name, value in self.slots.items()}
        english = _in_words(self.template, self.word).format_map(slots)
        english = self.finish(english) if self.finish else english
        return Message.made(english, self.template, slots, self.context, self.finish, self.forms, self.word)

    def in_words(self, word: str) -> Message:
        """The same with another word for threads, down to the messages in it."""
        if self.context == COUNTED and self.forms is not None:
            one, many, n = self.forms
            english = f"{n:,} {_in_words(one if n == 1 else many, word)}"
            return Message.made(english, self.template, self.slots, self.context, self.finish, self.forms, _named(one, word))
        slots = {name: value.in_words(word) if isinstance(value, Message) else value for name, value in self.slots.items()}
        english = _in_words(self.template, word)
        english = english.format_map(slots) if slots else english
        english = self.finish(english) if self.finish else english
        return Message.made(english, self.template, slots, self.context, self.finish, self.forms, _named(self.template, word))

    def strip(self, chars: str | None = None, /) -> Message:
        """The message without white space around it."""
        return Message.made(str.strip(self, chars), "{whole}", {"whole": self}, finish=str.strip)


def _in_words(text: str, word: str) -> str:
    """An English text of ours with another word in place of threads."""
    return _THREADS.sub(lambda match: _member(match, word), text) if word and "hread" in text else text


def _named(text: str, word: str) -> str:
    """The word for a translation, which may speak of threads where the English text does not; none where it speaks of another process' threads."""
    return "" if "its own thread" in text else word


def _member(match: re.Match[str], word: str) -> str:
    found = MEMBERS[word] if match["many"] else word
    return _upper(found) if match[0][0].isupper() else found


def say(template: str, /, **slots: object) -> Message:
    """A message. Doubled braces stand for themselves only where there are slots, as in ``str.format``."""
    return Message.made(template.format_map(slots) if slots else template, template, slots)


def say_of(n: int, one: str, many: str, /, **slots: object) -> Message:
    """A message in the form that the number ``n`` asks for: ``one`` for 1, else ``many``. Other languages have as many forms as they need."""
    template = one if n == 1 else many
    return Message.made(template.format_map(slots) if slots else template, template, slots, forms=(one, many, n))


def plural(n: int, one: str, many: str | None = None) -> Message:
    """``1 socket``, ``4,023 sockets``."""
    forms = one, many or one + "s", n
    return Message.made(f"{n:,} {forms[0 if n == 1 else 1]}", one, {"n": n}, COUNTED, forms=forms)


def unended(text: str) -> str:
    """A sentence without its full stop, to stand inside another one."""
    return Message.made(_unended(text), "{whole}", {"whole": text}, finish=_unended)


def _unended(text: str) -> str:
    return text.removesuffix(".")


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def capitalized(text: str) -> Message:
    """The text as the beginning of a sentence. A name of the evidence that it begins with stays as it is: files and processes differ by case."""
    if _begins_with_a_name(text):
        return Message.made(text, "{whole}", {"whole": text})
    return Message.made(_upper(text), "{whole}", {"whole": text}, finish=_upper)


def _begins_with_a_name(text: object) -> bool:
    """True if the first word is a value that is no message: what was read somewhere."""
    while isinstance(text, Message):
        slot = _FIRST_SLOT.match(text.template)
        if slot is None or text.context:
            return False
        text = text.slots.get(slot[1])
        if type(text) is str:
            return True
    return False


def uncapitalized(text: str) -> Message:
    """The text as the middle of a sentence."""
    return Message.made(_lower(text), "{whole}", {"whole": text}, finish=_lower)


def joined(separator: str, parts: Iterable[str]) -> Message:
    """The parts with the separator between them, each of which may be a message."""
    whole = tuple(parts)
    slots: dict[str, object] = {f"part{index}": part for index, part in enumerate(whole)}
    template = "{separator}".join(f"{{{name}}}" for name in slots)
    return Message.made(separator.join(whole), template, {**slots, "separator": say(separator)})


def duration(seconds: float) -> str:
    """A time in the largest unit that fits, rounded."""
    for unit, words in ((_DAY, say("{number} days")), (_HOUR, say("{number} hours")), (_MINUTE, say("{number} minutes"))):
        if seconds >= _FEW * unit:
            return say(words.template, number=f"{seconds / unit:.0f}")
    return say("{seconds:.0f} seconds", seconds=seconds)
