r"""How the heap of a JVM came and went, by the collector's own log: one record for all of its collections.

    [2026-11-28T09:00:12.101+0000][info][gc] GC(210) Pause Young (Normal) (G1 Evacuation Pause) 3262M->1021M(4096M) 21.402ms
    812.345: [GC (Allocation Failure) [PSYoungGen: 65536K->1024K(76288K)] 65536K->1040K(251392K), 0.0032 secs] [Times: user=0.01 sys=0.00, real=0.00 secs]
    812.345: [GC pause (G1 Evacuation Pause) (young) 3262M->1021M(4096M), 0.0214 secs]

None is made where a line tells of a collection of the whole heap, or of room that was not found: such lines are records of their own. Sizes are MiB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.logs.stamps import stamp
from parsers.records import LogEvent, LogKind
from parsers.text.patterns import lazy

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

    from parsers.text.source import Section

FEWEST: Final = 4
"""Collections that show how a heap comes and goes."""
_LONGEST: Final = 1000
_OF_COLLECTORS: Final = ("GC(", "[GC", "[Full GC")
_TROUBLE: Final = (
    "Pause Full",
    "[Full GC",
    "o-space exhausted",
    "o-space overflow",
    "vacuation Failure",
    "llocation Stall",
    "promotion failed",
    "concurrent mode failure",
)
_NO_SENTENCE: Final = ("promotion failed", "concurrent mode failure", "llocation Stall")
"""Trouble that stands in lines of its own, without the collection's name."""
_SIZES: Final = r"(?P<before>\d{1,9})(?P<u>[KMG])->(?P<after>\d{1,9})(?P<v>[KMG])\((?P<size>\d{1,9})(?P<w>[KMG])\)"
_unified = lazy(rf"GC\(\d{{1,9}}\) Pause Young(?: \([^\n()]{{1,60}}\)){{0,4}} {_SIZES} (?P<ms>\d{{1,9}}[.,]\d{{1,6}})ms\s*$").search
_other_pause = lazy(
    r"(?:GC\(\d{1,9}\) Pause (?:Remark|Cleanup|Init Mark|Final Mark|Mark Start|Mark End|Relocate Start)\b[^\n]{0,80} (?P<ms>\d{1,9}[.,]\d{1,6})ms\s*$"
    r"|\[GC (?:remark|cleanup)\b[^\n]{0,300}?, (?P<s>\d{1,9}[.,]\d{1,9}) secs\])"
).search
_older = lazy(
    rf"\[GC (?:pause )?\([^\n()]{{1,60}}\)(?: \([\w ()]{{1,40}}\)){{0,3}}(?: ?\[[^\n\[\]]{{1,100}}\])? {{1,2}}{_SIZES}, (?P<s>\d{{1,9}}[.,]\d{{1,9}}) secs\]"
).search
_MIB: Final = {"K": 1 / 1024, "M": 1.0, "G": 1024.0}
_MILLIS: Final = 1000.0


class Heap:
    """The collections of one text, while it is read."""

    def __init__(self, section: Section) -> None:
        self._section = section
        self._after: list[float] = []
        self._size = self._longest = 0.0
        self._last: tuple[int, str] | None = None
        self._trouble = False

    def read(self, text: str, lines: Sequence[str], first: int) -> None:
        """Read a block of lines, of which ``text`` is the whole; ``first`` is the index of its first line."""
        if self._trouble or not any(word in text for word in _OF_COLLECTORS):
            return
        words = [word for word in _TROUBLE if word in text]
        # What somebody writes about a log is none of its lines.
        self._trouble = bool(words) and any(
            any(word in line for word in words) and any(word in line for word in (*_OF_COLLECTORS, *_NO_SENTENCE)) for line in lines
        )
        for index, line in enumerate(lines if not self._trouble else ()):
            if "->" in line and (match := _unified(line[:_LONGEST]) or _older(line[:_LONGEST])) is not None:
                self._take(match)
                self._last = first + index, line
            elif (match := _other_pause(line[:_LONGEST])) is not None:
                self._lasted(match)

    def _take(self, match: re.Match[str]) -> None:
        self._after.append(int(match["after"]) * _MIB[match["v"]])
        self._size = max(self._size, int(match["size"]) * _MIB[match["w"]])
        self._lasted(match)

    def _lasted(self, match: re.Match[str]) -> None:
        groups = match.groupdict()
        seconds = float(groups["ms"].replace(",", ".")) / _MILLIS if groups.get("ms") else float(match["s"].replace(",", "."))
        self._longest = max(self._longest, seconds)

    def events(self) -> Iterator[LogEvent]:
        """The one record; none for few collections, or where something else is wrong."""
        if self._trouble or self._last is None or len(self._after) < FEWEST:
            return
        half = len(self._after) // 2
        index, line = self._last
        yield LogEvent(
            where=self._section.where(index),
            kind=LogKind.HEAP,
            source="garbage collector",
            time=stamp(line),
            figures=(
                ("collections", float(len(self._after))),
                ("lowest_first", min(self._after[:half])),
                ("lowest_then", min(self._after[half:])),
                ("highest", max(self._after)),
                ("last", self._after[-1]),
                ("size", self._size),
                ("seconds", self._longest),
            ),
        )
