"""What the names of threads have in common: numbers, ids, addresses, times and what else differs from thread to thread left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST: Final = 200
"""Characters of a name that are looked at: what comes after tells no pool."""
_SEPARATORS: Final = "-_ #:./([{<@=|,"
_TRAILING_NUMBER: Final = re.compile(r"^(?P<pool>.*?[^\d])[-_ #:./@=]*\d+[\])}>]?$", re.DOTALL)
_OPEN: Final = re.compile(r"[\[({<][^\W\d]{0,2}$")
"""``[T`` of ``node[search][T#3]``: a mark of the number that was cut off."""
_UNIQUE: Final = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"  # a UUID
    r"|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?::\d{1,5})?"  # an address
    r"|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d)?|\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"  # a date, a time
    r"|(?<![\w.])(?=[0-9a-fA-F]{0,7}\d)(?=[0-9]{0,7}[a-fA-F])[0-9a-fA-F]{8,40}(?![\w.])"  # a hash
)
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{4,16}$")
"""An address in place of a name: its last digits are no number of a pool."""
_DETAIL: Final = re.compile(r"(?P<head>[^:|/]{1,80}?)(?:: | \| | - )(?=.{0,300}[/=])", re.DOTALL)
"""A name with a URL or settings behind a mark: what stands before it is the pool's."""
_SHORT_HASH: Final = re.compile(r"(?P<head>.+[-_#.:@/])(?P<hash>[0-9a-f]{3,7})", re.DOTALL)
_ALIKE: Final = 3
"""Names that make a pattern: two may end alike by chance."""
_NUMBERED: Final = re.compile(r"[A-Za-z][\w .-]*?[-_ #.]\d+")
_SHORTEST: Final = 3
"""Characters that a common beginning must have to be a name."""

_PYTHON: Final = re.compile(r"Thread-\d{1,9} \((?P<target>[A-Za-z_]\w{0,100})\)")
"""How Python names a thread without a name: by its number and the function that it runs (3.10 and later)."""


def stem(name: str) -> str:
    """``task-scheduler-3`` → ``task-scheduler``, ``desk[2]`` → ``desk``, ``Thread-7 (consume)`` → ``consume``, ``fetch-<uuid>`` → ``fetch``; a name without anything of that kind stays.

    ``node[search][T#3]`` → ``node[search]``: what marks the number goes with it.
    """
    cut = name[:LONGEST]
    if (match := _PYTHON.fullmatch(cut)) is not None:
        return match["target"]
    if (match := _DETAIL.match(cut)) is not None:
        return _numberless(match["head"])
    unique = _UNIQUE.search(cut)
    if unique is not None and (head := cut[: unique.start()].rstrip(_SEPARATORS)):
        return _numberless(head)
    return _numberless(cut)


def short_hashes(names: Iterable[str]) -> dict[str, str]:
    """Name → pool, of names that end in a few hexadecimal digits, as many in each: ``api-d664`` and ``api-fee2`` are of ``api``.

    Any one of them could be a word or a number; together they are neither.
    """
    ends: dict[tuple[str, int], dict[str, str]] = {}
    for name in names:
        if (match := _SHORT_HASH.fullmatch(name[:LONGEST])) is not None:
            ends.setdefault((match["head"].rstrip(_SEPARATORS), len(match["hash"])), {})[name] = match["hash"]
    return {
        name: head
        for (head, _), found in ends.items()
        if len(found) >= _ALIKE
        and any(map(str.isalpha, head))
        and any(map(str.isdigit, "".join(found.values())))
        and 2 * sum(map(_has_letter, found.values())) >= len(found)
        for name in found
    }


def _has_letter(digits: str) -> bool:
    return not digits.isdigit()


def is_numbered(name: str) -> bool:
    """True for words and a number behind them: such a thread is one of a pool that is called so, though it may be the only one."""
    return _NUMBERED.fullmatch(name[:LONGEST]) is not None


def _numberless(name: str) -> str:
    if _ADDRESS.search(name) is not None:
        return name
    match = _TRAILING_NUMBER.match(name)
    return _OPEN.sub("", match["pool"].rstrip(_SEPARATORS)) or name if match else name


def common_name(names: Sequence[str]) -> str:
    """What names begin with alike, up to the last mark between words; empty if that is no name."""
    first, last = min(names)[:LONGEST], max(names)[:LONGEST]
    same = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), min(len(first), len(last)))
    prefix = first[:same]
    head = prefix if prefix in names else re.split(r"[^\W_]*$", prefix, maxsplit=1)[0]
    head = head.rstrip(_SEPARATORS + "0123456789")
    return head if len(head) >= _SHORTEST else ""
