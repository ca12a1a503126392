"""A comparison as text for the terminal, as Markdown and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reports.formats.prose import wrap
from reports.language.catalogue import ENGLISH, label_of, tag, tell
from reports.text_safety import code_markdown, escape_markdown, plain, width_of
from reports.view.wording import doing, number, word_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reports.compare.compare import Count, Difference, Pair, PoolPair
    from reports.compare.report_v1 import Pool

WIDTH = 100
_LABEL = 10
_TOLD = 6
"""Findings of a kind, and pools, that the text names; the JSON has all."""
_LONG = 300


def text(difference: Difference, width: int = WIDTH) -> str:
    """The comparison in lines of at most ``width`` columns."""
    names = f"{plain(difference.before.name, 80)} → {plain(difference.after.name, 80)}"
    lines = wrap(names, width, f"{label_of(difference.change.value).upper()}  ", "")
    lines += wrap(f"{_sentence(difference.reason)}", width)
    for label, told in _entries(difference):
        lines += wrap(told, width, label + " " * max(1, _LABEL - width_of(label)), " " * _LABEL)
    return "\n".join(lines) + "\n"


def markdown(difference: Difference) -> str:
    """The comparison for GitHub and GitLab."""
    lines = [
        f"**{label_of(difference.change.value).upper()}** · {escape_markdown(plain(difference.before.name, 80))} → {escape_markdown(plain(difference.after.name, 80))}",
        "",
        escape_markdown(_sentence(difference.reason)),
        "",
    ]
    lines += [f"> {escape_markdown(tell('Note: {note}', note=plain(note, _LONG)))}\n" for note in difference.notes]
    for title, pairs in _groups(difference):
        if pairs:
            lines += [f"### {title}", "", *(f"- {escape_markdown(_pair(pair))}" for pair in pairs), ""]
    if difference.counts:
        lines += [f"### {tell('Counts')}", "", f"| | {tell('before')} | {tell('after')} |", "|---|--:|--:|"]
        lines += [f"| {escape_markdown(count.label)} | {_value(count.before)} | {_value(count.after)} |" for count in difference.counts]
        lines.append("")
    if difference.pools:
        lines += [f"### {tell('Thread pools')}", "", f"| {tell('pool')} | {tell('before')} | {tell('after')} |", "|---|---|---|"]
        for pool in difference.pools:
            name = code_markdown(plain(pool.name, 120), cell=True)
            lines.append(f"| {name} | {escape_markdown(_busy(pool.before))} | {escape_markdown(_busy(pool.after))} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def json(difference: Difference) -> str:
    """The comparison as ``difference/1``."""
    return msgspec.json.format(msgspec.json.encode(difference), indent=2).decode() + "\n"


def _groups(difference: Difference) -> Sequence[tuple[str, Sequence[Pair]]]:
    return (
        (tell("Gone"), difference.gone),
        (tell("New"), difference.new),
        (tell("Same"), difference.same),
        (tell("Unknown"), difference.unknown),
    )


def _entries(difference: Difference) -> Iterator[tuple[str, str]]:
    for note in difference.notes:
        yield tell("Note"), plain(note, _LONG)
    for title, pairs in _groups(difference):
        for index, pair in enumerate(pairs[:_TOLD]):
            yield "" if index else title, _pair(pair)
        if len(pairs) > _TOLD:
            yield "", tell("and {number} more", number=number(len(pairs) - _TOLD))
    for index, count in enumerate(difference.counts):
        yield "" if index else tell("Counts"), _count(count)
    working = [pool for pool in difference.pools if any(side is not None and side.busy for side in (pool.before, pool.after))]
    for index, pool in enumerate(working[:_TOLD]):
        yield "" if index else tell("Pools"), _pool(pool)
    if len(working) > _TOLD:
        yield "", tell("and {number} more", number=number(len(working) - _TOLD))


def _sentence(said: str) -> str:
    said = plain(said, 600)
    return f"{said[:1].upper()}{said[1:]}." if tag() == ENGLISH else f"{said}."  # a rule's name begins it


def _pair(pair: Pair) -> str:
    finding = pair.after or pair.before
    if finding is None:
        return ""
    why = f" ({plain(pair.why, _LONG)})" if pair.why else ""
    return f"{plain(finding.rule, 80)} ({word_of(finding.rule, finding.severity)}, {label_of(finding.confidence.value)}): {plain(finding.headline, _LONG)}{why}"


def _value(value: int | None) -> str:
    return tell("not shown") if value is None else number(value)


def _count(count: Count) -> str:
    return f"{count.label}: {_value(count.before)} → {_value(count.after)}"


def _busy(pool: Pool | None) -> str:
    if pool is None:
        return tell("not there")
    first = next(iter(doing({kind: times for kind, times in pool.doing.items() if kind not in {"idle", "reserved"}})), "")
    busy = tell("{busy} of {size} busy", busy=number(pool.busy), size=number(pool.size))
    return f"{busy}, {plain(first, 80)}" if first else busy


def _pool(pool: PoolPair) -> str:
    return f"{plain(pool.name, 120)}: {_busy(pool.before)} → {_busy(pool.after)}"
