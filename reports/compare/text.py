"""A comparison as text for the terminal, as Markdown, Jira's wiki markup, a message for a chat, a page, and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from reports.compare.words import count_line, pool_line, rate_line, shown
from reports.formats.environment import style, template
from reports.formats.jira import table as jira_table
from reports.formats.prose import wrap
from reports.language.catalogue import tag, tell
from reports.text_safety import clip, escape_jira, escape_markdown, width_of, without_references
from reports.view.wording import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reports.compare.compare import Difference
    from reports.compare.words import Shown, Table

WIDTH: Final = 100
FORMATS: Final = ("text", "md", "html", "jira", "summary", "json")
_LABEL: Final = 10
_TOLD: Final = 6
"""Findings of a kind, and pools, that the text names; the JSON has all."""
_CHAT: Final = 700
_CHAT_LINE: Final = 170
_GAP: Final = "  "


def rendered(form: str, difference: Difference, width: int = WIDTH) -> str:
    """The comparison in a format."""
    match form:
        case "json":
            return json(difference)
        case "md":
            return markdown(difference)
        case "html":
            return template("difference.html").render(v=shown(difference), css=style(), language=tag())
        case "jira":
            return jira(difference)
        case "summary":
            return summary(difference)
        case _:
            return text(difference, width)


def text(difference: Difference, width: int = WIDTH) -> str:
    """The comparison in lines of at most ``width`` columns."""
    view = shown(difference)
    lines = wrap(view.names, width, f"{view.word.upper()}  ", "") + wrap(view.reason, width)
    for label, told in _entries(view, difference):
        lines += wrap(told, width, label + " " * max(1, _LABEL - width_of(label)), " " * _LABEL)
    for table in view.tables:
        if view.legend or table.title == tell("Stacks that stayed"):
            lines += ["", *_columns(table, width)]
    return "\n".join(lines) + "\n"


def markdown(difference: Difference) -> str:
    """The comparison for GitHub and GitLab."""
    view = shown(difference)
    lines = [f"**{view.word.upper()}** · {escape_markdown(view.names)}", "", escape_markdown(view.reason), ""]
    lines += [f"- **{name}** {escape_markdown(told)}" for name, told in view.legend] + ([""] if view.legend else [])
    lines += [f"- {escape_markdown(step)}" for step in view.steps] + ([""] if view.steps else [])
    lines += [f"> {escape_markdown(tell('Note: {note}', note=note))}\n" for note in view.notes]
    for title, told in () if view.legend else view.groups:
        lines += [f"### {title}", "", *(f"- {escape_markdown(pair)}" for pair in told), ""]
    for table in view.tables:
        lines += [f"### {table.title}", "", f"| {' | '.join(map(escape_markdown, table.head))} |"]
        lines.append(f"|---|{('--:|' if table.numeric else '---|') * (len(table.head) - 1)}")
        lines += [f"| {' | '.join(map(escape_markdown, row))} |" for row in table.rows]
        lines += ["", *([escape_markdown(table.note), ""] if table.note else [])]
    return "\n".join(lines).rstrip() + "\n"


def jira(difference: Difference) -> str:
    """The comparison in Jira's wiki markup."""
    view = shown(difference)
    lines = [f"{{panel:title={view.word.upper()}}}", escape_jira(view.names), "", escape_jira(view.reason), "{panel}", ""]
    lines += [f"* *{name}* {escape_jira(told)}" for name, told in view.legend] + ([""] if view.legend else [])
    lines += [f"* {escape_jira(step)}" for step in view.steps] + ([""] if view.steps else [])
    lines += [escape_jira(tell("Note: {note}", note=note)) + "\n" for note in view.notes]
    for title, told in () if view.legend else view.groups:
        lines += [f"h2. {escape_jira(title)}", *(f"* {escape_jira(pair)}" for pair in told), ""]
    for table in view.tables:
        lines += [f"h2. {escape_jira(table.title)}", jira_table(table.head, table.rows), escape_jira(table.note), ""]
    return "\n".join(lines).rstrip() + "\n"


def summary(difference: Difference) -> str:
    """A message for a chat: at most five lines and 700 characters, in Slack's mrkdwn."""
    view = shown(difference)
    lines = [f"*{view.word.upper()}* {clip(view.names, _CHAT_LINE)}", clip(view.reason, _CHAT_LINE)]
    counts = _counts(difference, changed=True)
    lines += [clip("; ".join(counts), _CHAT_LINE)] if counts else []
    lines += [clip(note, _CHAT_LINE) for note in view.notes[:1]]
    return without_references("\n".join(lines).replace("<", "‹"))[: _CHAT - 1] + "\n"


def json(difference: Difference) -> str:
    """The comparison as ``difference/1``."""
    return msgspec.json.format(msgspec.json.encode(difference), indent=2).decode() + "\n"


def _entries(view: Shown, difference: Difference) -> Iterator[tuple[str, str]]:
    """Labels and what they say: of two sides all, of several what is no table."""
    yield from view.legend
    for step in view.steps:
        yield "", step
    for note in view.notes:
        yield tell("Note"), note
    if view.legend:
        return
    for title, told in view.groups:
        yield from _listed(title, told, _TOLD)
    yield from _listed(tell("Counts"), _counts(difference), len(difference.counts) + 1)
    working = [pool_line(pool, difference) for pool in difference.pools if any(side is not None and side.busy for side in pool.sides)]
    yield from _listed(tell("Pools"), working, _TOLD)


def _listed(title: str, told: Sequence[str], most: int) -> Iterator[tuple[str, str]]:
    for index, line in enumerate(told[:most]):
        yield "" if index else title, line
    if len(told) > most:
        yield "", tell("and {number} more", number=number(len(told) - most))


def _counts(difference: Difference, *, changed: bool = False) -> list[str]:
    lines = [count_line(count) for count in difference.counts if not changed or len(set(count.values)) > 1]
    return [*lines, rate_line(difference.rates)] if any(rate is not None for rate in difference.rates) else lines


def _columns(table: Table, width: int) -> Iterator[str]:
    """A table in columns; what is too wide for the rest of the line is wrapped inside the first column, or stands in lines of its own."""
    every = (table.head, *table.rows)
    widths = [max(width_of(row[at]) for row in every) for at in range(len(table.head))]
    first = width - sum(widths[1:]) - len(_GAP) * (len(widths) - 1)
    yield table.title
    if first < min(widths[0], 24):
        for name, *values in table.rows:
            told = "; ".join(f"{head} {value}" for head, value in zip(table.head[1:], values, strict=True))
            yield from wrap(f"{name}: {told}", width, _GAP, _GAP * 2)
    else:
        first = min(first, widths[0] + len(_GAP))
        for name, *values in every:
            lines = wrap(name, first, _GAP, _GAP) or [""]
            cells = _GAP.join(
                " " * (wide - width_of(value)) + value if table.numeric else value + " " * (wide - width_of(value))
                for value, wide in zip(values, widths[1:], strict=True)
            )
            yield f"{lines[0]}{' ' * (first - width_of(lines[0]))}{_GAP}{cells}".rstrip()
            yield from lines[1:]
    if table.note:
        yield from wrap(table.note, width, _GAP, _GAP)
