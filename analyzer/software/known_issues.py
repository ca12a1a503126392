"""Known defects of other software, as data: ``analyzer/known_issues.toml``, and a user's own ``[[issue]]`` rows in ``analyze.toml``.

The file is long and most of it fits no dump at hand. Only the line with the frames of each entry is read first; the rest of an entry is parsed
once its frames occur.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from analyzer.software.versions import is_name, numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE: Final = Path(__file__).parent.parent / "known_issues.toml"
_ENTRY: Final = "\n[[issue]]\n"
_FRAMES: Final = re.compile(r"^frames = (\[.*\])$", re.MULTILINE)
_ID: Final = re.compile(r'^id = "(.*)"$', re.MULTILINE)
_LINK: Final = re.compile(r"https?://[\w.-]+/[\w./?=#&%:+~-]*")
_LONGEST: Final = 400
_FEWEST: Final = 2
"""Frames of a signature that has no rule, state or lock: one frame is a place where healthy threads stand, too."""


class Source(StrEnum):
    """What states a product's version: the heading of a dump, the standard library's path, or names of jars and modules."""

    JVM = "jvm"
    GO = "go"
    PYTHON = "python"
    ARTIFACT = "artifact"


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"first": "from"}):
    """Releases that have the defect: those from ``from`` on (all, if it is empty) and before ``fixed`` (all later ones, if it is empty)."""

    first: str = ""
    fixed: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no version, and a range that holds none.

        Raises:
            ValueError: with what is wrong.
        """
        for text in (self.first, self.fixed):
            if text and not numbers(text):
                raise ValueError(f"{text!r} is no version")
        if self.first and self.fixed and numbers(self.first) >= numbers(self.fixed):
            raise ValueError(f"no version lies between {self.first} and {self.fixed}")

    def has(self, version: tuple[int, ...]) -> bool:
        """True for a version with the defect."""
        return numbers(self.first) <= version and (not self.fixed or version < numbers(self.fixed))

    def has_fix(self, version: tuple[int, ...]) -> bool:
        """True for a later release that has the fix."""
        return bool(self.fixed) and version >= numbers(self.fixed)


class Issue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A defect and its signature.

    ``frames`` are parts of full frames that stand on one stack in this order, the waiting one first; others may stand between them, but with
    ``top`` none above the first. ``state`` is the thread's state, ``locks`` are parts of classes that it waits for or holds, ``rules`` are findings
    of the process beside which it counts.
    ``source`` and ``names`` say where the product's version is looked for.
    """

    id: str
    title: str
    product: str
    link: str
    frames: tuple[str, ...]
    affected: tuple[Range, ...]
    source: Source
    names: tuple[str, ...] = ()
    state: str = ""
    top: bool = False
    locks: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    workaround: str = ""
    confidence: Literal["suspected", "likely"] = "suspected"

    def __post_init__(self) -> None:
        """Refuse an entry that would fit what is healthy, or whose words no report could show.

        Raises:
            ValueError: with the entry and what is wrong with it.
        """
        if not self.id or not self.title or not self.product:
            raise ValueError("an issue needs an id, a title and a product")
        if any(len(text) > _LONGEST for text in (self.id, self.title, self.product, self.link, self.workaround)):
            raise ValueError(f"{self.id[:40]}: a text is longer than {_LONGEST} characters")
        if not _LINK.fullmatch(self.link):
            raise ValueError(f"{self.id}: {self.link!r} is no link")
        if not self.frames or not all(self.frames) or len(self.frames) + bool(self.state) + bool(self.locks) + bool(self.rules) < _FEWEST:
            raise ValueError(f"{self.id}: one frame alone fits healthy threads; add frames, a state, locks or rules")
        if not self.affected:
            raise ValueError(f"{self.id}: which versions are affected?")
        if (self.source is Source.ARTIFACT) != bool(self.names) or not all(map(is_name, self.names)):
            raise ValueError(f"{self.id}: names of jars or modules go with the source 'artifact'")

    @property
    def fixed(self) -> tuple[str, ...]:
        """The first releases with the fix, oldest first."""
        return tuple(row.fixed for row in self.affected if row.fixed)


class Sketch(msgspec.Struct, frozen=True):
    """An entry of which only the frames are known, and the text of the whole."""

    frames: tuple[str, ...]
    text: str

    def issue(self) -> Issue:
        """The entry."""
        return msgspec.toml.decode(self.text, type=Issue)


@cache
def sketches() -> tuple[Sketch, ...]:
    """The entries that come with the tool; their frames stand on one line each."""
    return tuple(_sketches(FILE.read_text(encoding="utf-8")))


def _sketches(text: str) -> Iterator[Sketch]:
    for entry in text.split(_ENTRY)[1:]:
        frames = _FRAMES.search(entry)
        assert frames is not None, f"an entry has no line 'frames = […]': {entry[:60]}"
        yield Sketch(msgspec.json.decode(frames[1], type=tuple[str, ...]), entry)


def known_issue(ident: str) -> Issue | None:
    """The entry with that identifier, however it is written: capitals, blanks and ``#`` make no difference."""
    wanted = _plain(ident)
    return next((one.issue() for one in sketches() if (match := _ID.search(one.text)) and _plain(match[1]) == wanted), None)


def _plain(ident: str) -> str:
    return re.sub(r"[\s#_-]+", "", ident).casefold()
