"""Names that count moments without a number: ``before/`` and ``after/``, ``ss_a.txt`` and ``ss_b.txt``, ``lsof.txt`` and ``lsof2.txt``.

People name what they saved twice by words, by letters, or number only the second. Two socket tables of one host that differ in nothing else
of their names are two moments: put together, each connection that lasted is counted twice. A word counts only beside a name that has another one in its place, letters
only from ``a`` on without a gap and for tables, as ``ss -a`` and ``ss -l`` are two options; two dumps may be of two processes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from analyzer.model.host_labels import holds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_RANKS: Final = {
    word: rank
    for rank, words in enumerate(
        (
            "before pre early earlier first begin start initial baseline previous",
            "during mid middle",
            "after post late later last end final second",
        ),
        start=1,
    )
    for word in words.split()
}
"""Words by the moment that they tell of, the earliest first."""
_TOKEN: Final = re.compile(r"[A-Za-z]+|\d+")
_BARE: Final = re.compile(r"(?P<stem>[A-Za-z][\w-]*?[A-Za-z])(?P<ending>\.\w{1,5})?")
_NUMBERED: Final = re.compile(r"(?P<stem>[A-Za-z][\w-]*?[A-Za-z])(?P<between>[-_.]?)(?P<number>\d)(?P<ending>\.\w{1,5})?")


def is_moment_word(name: str) -> bool:
    """True for a name that is one of the words: a folder ``before`` is no host."""
    return name.lower() in _RANKS


def numbered_names(files: Collection[str], tables: Collection[str]) -> dict[str, str]:
    """File → its path with numbers for such words, letters and the missing first number; of files that have none nothing.

    ``tables``: those of the files that list sockets.
    """
    siblings: dict[str, set[str]] = defaultdict(set)
    for file in files:
        parts = file.split("/")
        for depth, part in enumerate(parts):
            siblings["/".join(parts[:depth])].add(part)
    lettered = {file.rpartition("/")[2] for file in tables}
    new = {(folder, old): name for folder, names in siblings.items() for old, name in _renamed(names, lettered)}
    return {file: path for file in files if (path := _path(file, new)) != file} if new else {}


def _path(file: str, new: dict[tuple[str, str], str]) -> str:
    parts = file.split("/")
    return "/".join(new.get(("/".join(parts[:depth]), part), part) for depth, part in enumerate(parts))


def _renamed(names: Collection[str], tables: Collection[str]) -> Iterator[tuple[str, str]]:
    """Names of one folder that count, each with a number in its word's or letter's place."""
    words: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    letters: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for name in names:
        for match in _TOKEN.finditer(name):
            token = match[0].lower()
            if (rank := _RANKS.get(token)) is not None or (len(token) == 1 and token.isalpha() and match.start()):
                around = f"{name[: match.start()]}\0{name[match.end() :]}"
                kinds, place = (words, rank) if rank is not None else (letters, ord(token) - ord("a") + 1)
                kinds[around].append((place, name, around.replace("\0", str(place))))
    for found in words.values():
        if len({place for place, _, _ in found}) == len(found) > 1:
            yield from ((old, name) for _, old, name in found)
    for found in letters.values():
        if (
            len(found) > 1
            and {place for place, _, _ in found} == set(range(1, len(found) + 1))
            and all(old in tables for _, old, _ in found)
        ):
            yield from ((old, name) for _, old, name in found)
    yield from _first(names)


def _first(names: Collection[str]) -> Iterator[tuple[str, str]]:
    """``lsof.txt`` beside ``lsof2.txt``, where none is the first."""
    shapes = {name: match for name in names if (match := _NUMBERED.fullmatch(name)) is not None}
    for name in names:
        bare = _BARE.fullmatch(name)
        if bare is None or not holds(bare["stem"].replace("_", "-").rpartition("-")[2]):
            continue
        others = [match for match in shapes.values() if (match["stem"], match["ending"]) == (bare["stem"], bare["ending"])]
        numbers = {match["number"] for match in others}
        if "2" in numbers and not numbers & {"0", "1"}:
            yield name, f"{bare['stem']}{others[0]['between']}1{bare['ending'] or ''}"
