"""The page of a fleet: one file, no script, no request to anywhere; links lead to the incidents' own reports beside it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from reports.fleet.words import head_of, moment_of, summary_of, together_of, word_of_row
from reports.formats.environment import style, template
from reports.language.catalogue import label_of, tag, tell
from reports.text_safety import clip, plain
from reports.view.wording import count, instant, number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from reports.fleet.contract import Fleet, Group, Row

LANES: Final = 12
"""Causes of the timeline; each takes a line."""
SERVICES: Final = 12
"""Columns of the table of causes by service; the rest share one."""
_HEIGHT, _LEFT, _WIDE, _NAME = 22, 280, 420, 46


class Dot(msgspec.Struct, frozen=True):
    """An incident on the timeline."""

    x: int
    title: str


class Lane(msgspec.Struct, frozen=True):
    """A cause on the timeline."""

    name: str
    link: str
    y: int
    dots: tuple[Dot, ...]


class Line(msgspec.Struct, frozen=True):
    """A row of the table of causes by service."""

    rule: str
    values: tuple[str, ...]


class Told(msgspec.Struct, frozen=True):
    """An incident as the page shows it."""

    path: str
    link: str
    host: str
    process: str
    time: str
    said: str


class Section(msgspec.Struct, frozen=True):
    """The incidents of one cause."""

    number: str
    head: str
    headline: str
    frame: str
    told: str
    rows: tuple[Told, ...]


class Page(msgspec.Struct, frozen=True):
    """Everything that the page shows, in words."""

    title: str
    tool: str
    notes: tuple[str, ...]
    lanes: tuple[Lane, ...]
    height: int
    span: str
    first: str
    last: str
    services: tuple[str, ...]
    cross: tuple[Line, ...]
    groups: tuple[Section, ...]
    passed: tuple[str, ...]


def render(fleet: Fleet) -> str:
    """The page."""
    return template("fleet.html").render(v=_page(fleet), css=style(), language=tag())


def _page(fleet: Fleet) -> Page:
    dated = _dated(fleet.incidents)
    times = sorted(dated.values())
    first, last = (moment_of(times[0].isoformat()), moment_of(times[-1].isoformat())) if times else ("", "")
    lanes = _lanes(fleet, dated, times)
    services, cross = _cross(fleet)
    return Page(
        title=summary_of(fleet),
        tool=f"{fleet.tool.name} {fleet.tool.version}",
        notes=tuple(together_of(told) for told in fleet.together),
        lanes=lanes,
        height=_HEIGHT * (len(lanes) + 1) + 8,
        span=f"{first} – {last}",
        first=first,
        last=last,
        services=services,
        cross=cross,
        groups=_sections(fleet),
        passed=tuple(plain(path, 300) for path in fleet.passed),
    )


def _dated(rows: Sequence[Row]) -> dict[str, datetime]:
    """Path → when; zones are left out, since most evidence has none."""
    found = {row.path: instant(row.first) for row in rows if row.first}
    return {path: time.replace(tzinfo=None) for path, time in found.items() if time is not None}


def _lanes(fleet: Fleet, dated: dict[str, datetime], times: Sequence[datetime]) -> tuple[Lane, ...]:
    if not times:
        return ()
    seconds = max((times[-1] - times[0]).total_seconds(), 1.0)
    members: dict[str | None, list[Row]] = {}
    for row in fleet.incidents:
        if row.path in dated:
            members.setdefault(row.fingerprint, []).append(row)
    lanes: list[Lane] = []
    for at, group in enumerate(fleet.groups, start=1):
        if group.rule is None or group.fingerprint not in members or len(lanes) == LANES:
            continue
        dots = {
            _LEFT + round(_WIDE * (dated[row.path] - times[0]).total_seconds() / seconds): plain(row.path, 200)
            for row in reversed(members[group.fingerprint])
        }
        place = (group.frame or "").partition("(")[0].split(".")
        name = clip(plain(f"{group.rule} {'.'.join(place[-2:])}".strip()), _NAME)
        lanes.append(Lane(name, f"#g{at}", _HEIGHT * (len(lanes) + 1), tuple(Dot(x, title) for x, title in sorted(dots.items()))))
    return tuple(lanes)


def _cross(fleet: Fleet) -> tuple[tuple[str, ...], tuple[Line, ...]]:
    """Rules against services, by number of incidents."""
    rows = [row for row in fleet.incidents if row.rule is not None]
    known = Counter(row.service or "" for row in rows)
    most = [service for service, _ in sorted(known.items(), key=lambda item: (-item[1], item[0]))]
    columns, rest = most[:SERVICES], set(most[SERVICES:])
    cells = Counter((str(row.rule), (row.service or "") if (row.service or "") not in rest else None) for row in rows)
    rules = Counter(str(row.rule) for row in rows)
    heads = [plain(service, 60) or tell("not known") for service in columns] + ([tell("others")] if rest else []) + [tell("all")]
    lines = []
    for rule, total in sorted(rules.items(), key=lambda item: (-item[1], item[0])):
        values = [cells[rule, column] for column in (*columns, *([None] if rest else []))]
        lines.append(Line(rule, tuple(number(value) if value else "" for value in (*values, total))))
    return tuple(heads), tuple(lines)


def _sections(fleet: Fleet) -> tuple[Section, ...]:
    members: dict[tuple[str | None, bool], list[Row]] = {}
    for row in fleet.incidents:
        members.setdefault((row.fingerprint, row.error is not None), []).append(row)
    return tuple(_section(group, members[group.fingerprint, group.status is None]) for group in fleet.groups)


def _section(group: Group, rows: Sequence[Row]) -> Section:
    return Section(
        number=number(group.incidents),
        head=head_of(group),
        headline=plain(group.headline or ""),
        frame=plain(group.frame or "", 300),
        told=str(count(len(rows), "incident")),
        rows=tuple(map(_told, rows)),
    )


def _told(row: Row) -> Told:
    confidence = label_of(row.confidence.value) if row.confidence is not None else ""
    said = plain(row.error) if row.error is not None else " · ".join(part for part in (word_of_row(row), confidence) if part)
    return Told(
        path=plain(row.path, 300),
        link=quote(row.report, safe="/.-_", errors="replace") if row.report else "",
        host=plain(row.host or "", 100),
        process=" ".join(part for part in (plain(row.command or "", 60), "" if row.pid is None else str(row.pid)) if part),
        time=moment_of(row.first),
        said=f"{said} · {label_of(row.known)}" if row.known else said,
    )
