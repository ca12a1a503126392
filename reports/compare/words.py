"""The words of a comparison, in the order in which every format has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.finding import Status
from reports.language.catalogue import ENGLISH, label_of, tag, tell
from reports.text_safety import clip, plain
from reports.view.wording import activity_of, doing, number, span, word_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reports.compare.compare import Count, Difference, Pair, PoolPair
    from reports.compare.course import Course, Seen, StayedStack
    from reports.compare.report_v1 import Pool

ROWS: Final = 12
"""Rows of a table; the JSON has all."""
_LONG: Final = 300
_FEW: Final = 10  # per minute, below which a decimal counts
_LETTERS: Final = 26


class Table(msgspec.Struct, frozen=True):
    """Rows with a value for every side. ``numeric``: the values are numbers, which stand to the right."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: bool = True
    note: str = ""


class Shown(msgspec.Struct, frozen=True):
    """The comparison in words."""

    word: str
    names: str
    legend: tuple[tuple[str, str], ...]
    """Letter of each side and what it is; empty for two."""
    reason: str
    steps: tuple[str, ...]
    notes: tuple[str, ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    """Findings gone, new, the same and not known, as sentences."""
    tables: tuple[Table, ...]
    worse: bool


def shown(difference: Difference) -> Shown:
    """Everything that a format shows."""
    several = len(difference.sides) > 2  # noqa: PLR2004 - two are called before and after
    heads = tuple(map(letter, range(len(difference.sides)))) if several else (tell("before"), tell("after"))
    incidents = [side.incident for side in difference.sides]
    return Shown(
        word=label_of(difference.change.value),
        names=" → ".join(plain(incident.name, 80) for incident in incidents),
        legend=tuple(_legend(difference)) if several else (),
        reason=_sentence(difference.reason),
        steps=tuple(_steps(difference)) if several else (),
        notes=tuple(f"{heads[0]} → {heads[-1]}: {plain(note, _LONG)}" if several else plain(note, _LONG) for note in difference.notes),
        groups=tuple(
            (title, tuple(map(_pair, pairs)))
            for title, pairs in (
                (tell("Gone"), difference.gone),
                (tell("New"), difference.new),
                (tell("Same"), difference.same),
                (tell("Unknown"), difference.unknown),
            )
            if pairs
        ),
        tables=tuple(table for table in _tables(difference, heads, several=several) if table.rows),
        worse=difference.change.value == "worse",
    )


def letter(at: int) -> str:
    """A, B, C …, as columns are called."""
    return chr(ord("A") + at) if at < _LETTERS else number(at + 1)


def _legend(difference: Difference) -> Iterator[tuple[str, str]]:
    for at, side in enumerate(difference.sides):
        when = plain(span(side.incident.first, side.incident.first), 80)
        severity = side.verdict.severity
        status = "not enough evidence" if side.verdict.status is Status.INSUFFICIENT else side.verdict.status.value
        word = label_of(status) if severity is None else word_of(side.verdict.rule or "", severity)
        told = " · ".join(part for part in (plain(side.incident.name, 80), when, word) if part)
        yield letter(at), f"{told}: {plain(side.verdict.headline, _LONG)}"


def _steps(difference: Difference) -> Iterator[str]:
    for at, step in enumerate(difference.steps):
        yield f"{letter(at)} → {letter(at + 1)}: {label_of(step.change.value)}. {_sentence(step.reason)}"


def _tables(difference: Difference, heads: tuple[str, ...], *, several: bool) -> Iterator[Table]:
    if several:
        note = tell("– not there; ? the evidence could not show it")
        rows = tuple(map(_course, difference.courses[:ROWS]))
        yield Table(tell("Findings"), (tell("finding"), *heads), rows, numeric=False, note=_rest(difference.courses, note))
    rows = tuple((count.label, *map(_value, count.values)) for count in difference.counts)
    if any(rate is not None for rate in difference.rates):
        rows = (*rows, (tell("CLOSE_WAIT per minute"), *map(_rate, difference.rates)))
    yield Table(tell("Counts"), ("", *heads), rows)
    pools = tuple(_pool(pool, difference) for pool in difference.pools[:ROWS])
    yield Table(tell("Thread pools"), (tell("pool"), *heads), pools, numeric=False, note=_rest(difference.pools))
    stacks = tuple(map(_stack, difference.stayed[:ROWS]))
    yield Table(tell("Stacks that stayed"), (tell("threads in"), *heads), stacks, note=_rest(difference.stayed))


def _rest(items: Sequence[object], note: str = "") -> str:
    return f"{note} {tell('and {number} more', number=number(len(items) - ROWS))}".strip() if len(items) > ROWS else note


def _sentence(said: str) -> str:
    said = plain(said, 600)
    return f"{said[:1].upper()}{said[1:]}." if tag() == ENGLISH else f"{said}."


def _pair(pair: Pair) -> str:
    finding = pair.after or pair.before
    if finding is None:
        return ""
    why = f" ({plain(pair.why, _LONG)})" if pair.why else ""
    return f"{plain(finding.rule, 80)} ({word_of(finding.rule, finding.severity)}, {label_of(finding.confidence.value)}): {plain(finding.headline, _LONG)}{why}"


def _course(course: Course) -> tuple[str, ...]:
    return f"{plain(course.rule, 80)}: {plain(course.headline, _LONG)}", *(_seen(seen) for seen in course.seen)


def _seen(seen: Seen) -> str:
    if seen.severity is None or seen.confidence is None:
        return "?" if seen.why else "–"
    return f"{label_of(seen.severity.value)}, {label_of(seen.confidence.value)}"


def _value(value: int | None) -> str:
    return tell("not shown") if value is None else number(value)


def _rate(value: float | None) -> str:
    if value is None:
        return tell("not shown")
    return f"{value:+,.1f}" if abs(value) < _FEW else f"{value:+,.0f}"


def count_line(count: Count) -> str:
    """``clients in CLOSE_WAIT: 96 → 288``."""
    return f"{count.label}: {' → '.join(map(_value, count.values))}"


def rate_line(rates: Sequence[float | None]) -> str:
    """``CLOSE_WAIT per minute: +0.2 → +311``."""
    return f"{tell('CLOSE_WAIT per minute')}: {' → '.join(map(_rate, rates))}"


def pool_line(pool: PoolPair, difference: Difference) -> str:
    """``http-nio-8080-exec: 3 of 8 busy → 8 of 8 busy``."""
    name, *sides = _pool(pool, difference)
    return f"{name}: {' → '.join(sides)}"


def _pool(pool: PoolPair, difference: Difference) -> tuple[str, ...]:
    sides = zip(pool.sides, difference.sides, strict=True)
    return plain(pool.name, 120), *(_busy(own) if own or "threads" in side.kinds else tell("not shown") for own, side in sides)


def _busy(pool: Pool | None) -> str:
    if pool is None:
        return tell("not there")
    first = next(iter(doing({kind: times for kind, times in pool.doing.items() if kind not in {"idle", "reserved"}})), "")
    busy = tell("{busy} of {size} busy", busy=number(pool.busy), size=number(pool.size))
    return f"{busy}, {plain(first, 80)}" if first else busy


def _stack(stack: StayedStack) -> tuple[str, ...]:
    return f"{clip(plain(stack.frame), 120)} ({plain(activity_of(stack.doing), 60)})", *map(number, stack.threads)
