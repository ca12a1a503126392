"""Rounds of one command in one file, told apart by their times: four dumps in one file, two netstats in another, nineteen tops in a third.

Tools save each thing at a pace of its own. Where the rounds are as many everywhere, the n-th of all are one moment. Else their times decide; what
is around threads and sockets (top, ps, counters) makes no moment of its own, but belongs to the nearest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Final

from parsers import formats_showing
from parsers.records.shows import Shows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyzer.intake.snapshots import SeriesPiece

_THREADS: Final = formats_showing(Shows.THREADS)
_TELLING: Final = _THREADS | formats_showing(Shows.SOCKETS) | formats_showing(Shows.SESSIONS)
"""Formats that a moment is made of."""
_ONE_MOMENT: Final = 1.0
"""Seconds between the same dump in two files: each states the time at which the VM printed it."""
_DAY: Final = 86_400.0


def is_telling(piece: SeriesPiece) -> bool:
    """True for threads, sockets or sessions."""
    return _format(piece) in _TELLING


def beside(pieces: Sequence[SeriesPiece]) -> frozenset[int]:
    """The numbers of pieces that make no moment: rounds of top and the like, unless as many rounds of something telling are there."""
    rounds = _rounds(pieces)
    counts = {count for (_, form), count in rounds.items() if form in _TELLING}
    if not any(map(is_telling, pieces)):
        return frozenset()
    return frozenset(
        number
        for number, piece in enumerate(pieces)
        if not is_telling(piece) and (count := rounds[piece.file, _format(piece)]) > 1 and count not in counts
    )


def by_time(pieces: Sequence[SeriesPiece]) -> list[int] | None:
    """The moment of every piece by its time; None where order tells as much, or where a time is missing."""
    rounds = {key: count for key, count in _rounds(pieces).items() if key[1] in _TELLING}
    if max(rounds.values(), default=1) < 2 or len(set(rounds.values())) == 1:  # noqa: PLR2004 - one round is no series
        return None
    times = [_seconds(piece.time) for piece in pieces]
    if len({_zoned(piece.time) for piece in pieces if piece.time}) != 1:
        return None
    main = [number for number, piece in enumerate(pieces) if _format(piece) in _THREADS]
    if not main or any(times[number] is None for number, piece in enumerate(pieces) if is_telling(piece)):
        return None
    moments = _moments([(times[number] or 0.0, pieces[number].file) for number in main])
    home = {number: _nearest(times[number] or 0.0, moments) for number in main}
    crowded: list[float] = []
    for members in _series(pieces, main).values():
        taken: dict[float, int] = {}
        for number in sorted(members, key=lambda one: abs((times[one] or 0.0) - _nearest(times[one] or 0.0, moments))):
            time = times[number] or 0.0
            place = _nearest(time, moments)
            if taken.setdefault(place, number) != number:
                place = time
                crowded.append(time)
            home[number] = place
    ranks = {time: rank for rank, time in enumerate(sorted({*moments, *crowded}))}
    return [ranks[home[number]] if number in home else _rank(ranks, times[number]) for number in range(len(pieces))]


def nearest(piece: SeriesPiece, times: Mapping[int, str], last: int) -> int:
    """The moment nearest to a piece that makes none; the last where nothing tells its time."""
    stated = {index: seconds for index, time in times.items() if (seconds := _seconds(time)) is not None}
    own = _seconds(piece.time)
    if own is not None and stated:
        return min(stated, key=lambda index: (abs(stated[index] - own), index))
    if piece.clock is None or not stated:
        return last
    hour, minute, second = map(int, piece.clock.split(":"))
    clock = hour * 3600.0 + minute * 60.0 + second

    def distance(index: int) -> float:
        apart = abs(stated[index] % _DAY - clock)
        return min(apart, _DAY - apart)

    return min(stated, key=lambda index: (distance(index), index))


def _format(piece: SeriesPiece) -> str:
    return piece.kind.partition(" ")[0]


def _rounds(pieces: Sequence[SeriesPiece]) -> Counter[tuple[str, str]]:
    """How often each file has an output of each format."""
    return Counter((piece.file, _format(piece)) for piece in pieces)


def _series(pieces: Sequence[SeriesPiece], main: Iterable[int]) -> dict[tuple[str, str], list[int]]:
    """The telling pieces beside the dumps, by file and format."""
    dumps = set(main)
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, piece in enumerate(pieces):
        if is_telling(piece) and number not in dumps:
            found[piece.file, _format(piece)].append(number)
    return found


def _moments(dumps: Sequence[tuple[float, str]]) -> list[float]:
    """The times of the dumps, those of one dump in several files once."""
    found: list[float] = []
    files: set[str] = set()
    for time, file in sorted(dumps):
        if found and time - found[-1] <= _ONE_MOMENT and file not in files:
            files.add(file)
        else:
            found.append(time)
            files = {file}
    return found


def _nearest(time: float, moments: Sequence[float]) -> float:
    return min(moments, key=lambda moment: (abs(moment - time), moment))


def _rank(ranks: Mapping[float, int], time: float | None) -> int:
    """The moment of what is around threads and sockets; the last where it states no time."""
    return max(ranks.values()) if time is None else ranks[_nearest(time, list(ranks))]


def _seconds(time: str | None) -> float | None:
    """A stated time as a number, for differences alone."""
    if time is None:
        return None
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return None
    return (moment.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001


def _zoned(time: str) -> str:
    """The offset of a time, empty where it has none: times of two zones are not compared."""
    try:
        return str(datetime.fromisoformat(time).utcoffset() or "")
    except ValueError:
        return ""
