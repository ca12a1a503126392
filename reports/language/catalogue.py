"""The language of a report: English, or the translation of a gettext catalogue.

English is the source: what a catalogue does not have stays English. Evidence (names, frames, paths, excerpts) is never translated. A
translation is asked for with :func:`speaking`; inside it :func:`tell` gives texts of the report, :func:`spoken` the texts of a diagnosis.
"""

from __future__ import annotations

import gettext
import re
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, cast

import msgspec

from analyzer.model.message import COUNTED, Message, say
from reports.language.members import in_words
from reports.language.particles import settled

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "ko")
DOMAIN: Final = "closewait"
LOCALE: Final = Path(__file__).parent / "locale"
LABEL: Final = "label"
"""The context (msgctxt) of single words: severities, states, kinds."""
REMARK: Final = "remark"
"""The context of what the parsers and the intake remark of files and lines."""
EXPLANATION: Final = "explanation"
"""The context of the paragraphs in which rules say what they look for."""
HELP: Final = "help"
"""The context of what ``--help`` says."""
KNOWN_ISSUE: Final = "known issue"
"""The context of what ``analyzer/known_issues.toml`` says in words of ours."""
_COUNTED: Final = re.compile(r"\b(?P<n>[\d,]+) (?P<what>packet|flow|attempt)s?\b")
_GUARD: Final = "\ue000"
"""Stands for a bracket of the evidence until the particles are chosen; of a private range, which reports take out of evidence."""
_ENGLISH: Final = gettext.NullTranslations()
_spoken: ContextVar[tuple[str, gettext.NullTranslations]] = ContextVar("language", default=(ENGLISH, _ENGLISH))

AnyT = TypeVar("AnyT")


@contextmanager
def speaking(tag: str) -> Iterator[None]:
    """Within it reports are made in the language.

    Raises:
        FileNotFoundError: if there is no catalogue for it.
    """
    found = _ENGLISH if tag == ENGLISH else gettext.translation(DOMAIN, LOCALE, [tag])
    token = _spoken.set((tag, found))
    try:
        yield
    finally:
        _spoken.reset(token)


def tag() -> str:
    """The language's tag (BCP 47), for ``<html lang>``."""
    return _spoken.get()[0]


def tell(text: str, /, **slots: object) -> str:
    """A text of the report: a template with slots, as :func:`analyzer.model.message.say` takes it, or a message."""
    message = text if isinstance(text, Message) else say(text, **slots)
    return str(message) if _is_english() else _said(message)


def looked_up(text: str) -> str:
    """The translation of a text without slots, as the templates ask for it."""
    return _looked_up("", text) or text


def label_of(word: str) -> str:
    """A severity, a state or a kind as readers see it; a word without a translation stays."""
    return _looked_up(LABEL, word) or word


def help_text(text: str) -> str:
    """A text of the command line's help."""
    return _looked_up(HELP, text) or text


def explanation(paragraph: str) -> str:
    """A paragraph of a rule's explanation; one without a translation stays English."""
    return settled(_looked_up(EXPLANATION, paragraph) or paragraph)


def remark(text: str) -> str:
    """What parsers remarked of a file: one remark, or several with semicolons between them, which remarks may have too."""
    if _is_english():
        return text
    made, parts = list[str](), text.split("; ")
    while parts:
        for length in range(len(parts), 0, -1):
            found = _remark("; ".join(parts[:length]))
            if found is not None or length == 1:
                made.append(found or parts[0])
                parts = parts[length:]
                break
    return "; ".join(made)


def spoken(value: AnyT) -> AnyT:
    """The same data with every message as plain text in the report's language; evidence stays as it is."""
    return value if _is_english() else cast("AnyT", _walked(value))


def known_issue(text: str) -> str:
    """What a known issue is about, or how to live with it; a user's own stays as it is written."""
    return _looked_up(KNOWN_ISSUE, text) or text


def _is_english() -> bool:
    return _spoken.get()[1] is _ENGLISH


def _looked_up(context: str, key: str, forms: tuple[str, str, int] | None = None) -> str | None:
    """The translation, None if there is none: gettext answers with the key then. ``forms`` are those of a sentence with a number, and the number."""
    catalogue = _spoken.get()[1]
    if forms is not None:
        found = catalogue.npgettext(context, *forms) if context else catalogue.ngettext(*forms)
        return None if found in forms else found
    found = catalogue.pgettext(context, key) if context else catalogue.gettext(key)
    return None if found == key else found


def _remark(text: str) -> str | None:
    """One remark in the report's language, None if there is none; catalogues have ``{n}`` for its number."""
    counted = _COUNTED.search(text)
    if counted is None:
        return _looked_up(REMARK, text)
    found = _looked_up(REMARK, f"{text[: counted.start()]}{{n}} {counted['what']}s{text[counted.end() :]}")
    return None if found is None else found.replace("{n}", counted["n"])


def _said(message: Message) -> str:
    """The message in the report's language."""
    return _translated(message).replace(_GUARD, "(")


def _translated(message: Message) -> str:
    """The message in the report's language, its own values included."""
    slots = {name: _filled(value) for name, value in message.slots.items()}
    found = _looked_up(message.context, message.template, message.forms) if message.template else None
    if message.context == COUNTED and found is None:
        return str(message)
    text = in_words(found or message.template, message.word)
    made = settled(text.format_map(slots)) if slots else settled(text)
    return made.strip() if message.finish is str.strip else made


def _filled(value: object) -> object:
    if isinstance(value, Message):
        return _translated(value)
    # A name may hold what looks like a particle in both forms: it is evidence.
    return value.replace("(", _GUARD) if isinstance(value, str) else value


def _walked(value: object) -> object:
    if isinstance(value, Message):
        return _said(value)
    if isinstance(value, tuple):
        return tuple(_walked(item) for item in value)
    if isinstance(value, dict):
        return {key: _walked(item) for key, item in value.items()}
    if isinstance(value, msgspec.Struct):
        return type(value)(**{name: _walked(getattr(value, name)) for name in value.__struct_fields__})
    return value
