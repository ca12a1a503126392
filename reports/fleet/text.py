"""The table of a fleet for the terminal and as TSV."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reports.fleet.words import head_of, moment_of, summary_of, together_of
from reports.formats.prose import wrap
from reports.language.catalogue import label_of, tell
from reports.text_safety import clip_columns, clip_path, plain, width_of
from reports.view.wording import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reports.fleet.contract import Fleet, Group, Row

WIDTH: Final = 100
COLUMNS: Final = (
    *("name", "path", "host", "pid", "from", "severity", "rule", "confidence", "headline", "frame", "fingerprint"),
    *("status", "known", "service", "version", "error", "report"),
)
"""The columns of the TSV, in order; more may follow."""
_PATH: Final = 60
_TOLD: Final = 20
"""Incidents of a group, and folders without artifacts, that the terminal names; the other formats have all."""
_FORMULA: Final = re.compile(r"[=+\-@\t]")


def text(fleet: Fleet, width: int = WIDTH) -> str:
    """The groups, the largest first, each with its incidents."""
    rows: dict[tuple[str | None, bool], list[Row]] = {}
    for row in fleet.incidents:
        rows.setdefault((row.fingerprint, row.error is not None), []).append(row)
    lines = wrap(summary_of(fleet), width)
    for group in fleet.groups:
        lines += ["", *_group(group, rows[group.fingerprint, group.status is None], width)]
    for told in fleet.together:
        lines += ["", *wrap(together_of(told), width)]
    if fleet.passed:
        names = ", ".join(plain(path, _PATH) for path in fleet.passed[:_TOLD])
        said = tell("No file of a kind that this tool knows: {folders}", folders=names)
        lines += ["", *wrap(said + (" …" if len(fleet.passed) > _TOLD else ""), width)]
    return "\n".join(lines) + "\n"


def _group(group: Group, rows: list[Row], width: int) -> Iterator[str]:
    yield from wrap(head_of(group), width, f"{number(group.incidents)} × ", "    ")
    if group.headline:
        yield from wrap(plain(group.headline), width, "    ", "    ")
    if group.frame:
        yield from wrap(plain(group.frame, 300), width, "    ", "    ")
    names = [clip_path(plain(row.path), _PATH) for row in rows[:_TOLD]]
    widest = max(map(width_of, names))
    for name, row in zip(names, rows, strict=False):
        yield clip_columns(f"  - {name}{' ' * (widest - width_of(name))}  {_about(row)}".rstrip(), max(width, widest + 24))
    if len(rows) > _TOLD:
        yield f"  - {tell('and {number} more', number=number(len(rows) - _TOLD))}"


def _about(row: Row) -> str:
    if row.error is not None:
        return plain(row.error, 200)
    process = tell("pid {pid}", pid=row.pid) if row.pid is not None else ""
    confidence = label_of(row.confidence.value) if row.confidence is not None else ""
    known = label_of(row.known) if row.known else ""
    return " · ".join(plain(part, 80) for part in (row.host, process, moment_of(row.first), confidence, known) if part)


def tsv(fleet: Fleet) -> str:
    """One line an incident below the line of names; no field holds a tab, a control character or what a spreadsheet would compute."""
    lines = ["\t".join(COLUMNS)]
    lines += ["\t".join(_field(getattr(row, {"from": "first"}.get(name, name))) for name in COLUMNS) for row in fleet.incidents]
    return "\n".join(lines) + "\n"


def _field(value: object) -> str:
    said = "" if value is None else plain(str(value))
    return f"'{said}" if _FORMULA.match(said) else said
