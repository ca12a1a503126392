"""What was read, what was checked, what is missing, and the claims that link sockets and threads."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import TYPE_CHECKING

from analyzer.model.finding import Outcome
from reports.language.catalogue import label_of, remark, tell
from reports.text_safety import clip_path, plain
from reports.view.finding_view import NAME
from reports.view.model import Checked, Gap, Row, Source, Table
from reports.view.wording import count, listed, number, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.model.finding import Check, Diagnosis, Link, Missing, Wait
    from analyzer.model.inputs import Input

SOURCES = 120
UNREAD = 6
ROWS = 40
GAPS = 10
_OUTBOUND = {"calls"}
"""Roles of links whose far end says more than the local port."""
_SHARED = 16
_INVENTORY = "inventory"
_ADDRESS = re.compile(r"(?<!\s)\s*@?<?\b0x[0-9a-fA-F]+\b>?")


def checked(checks: Sequence[Check], outcome: Outcome) -> tuple[Checked, ...]:
    """The rules of one outcome, those with the same reason together."""
    reasons: dict[str, list[str]] = {}
    for check in checks:
        if check.outcome is outcome:
            reasons.setdefault(plain(check.why, 300), []).append(plain(check.rule, NAME))
    return tuple(Checked(tuple(rules), why) for why, rules in reasons.items())


def checked_note(checks: Sequence[Check]) -> str:
    """One line: how many causes do not fit, and how many lacked input; empty if no rule says so."""
    clean = sum(check.outcome is Outcome.CLEAN for check in checks)
    skipped = sum(check.outcome is Outcome.SKIPPED for check in checks)
    parts = []
    if clean:
        parts.append(tell("{causes} checked, none fits", causes=count(clean, "cause")))
    if skipped:
        parts.append(tell("{causes} not checked for lack of input", causes=count(skipped, "cause")))
    return "; ".join(parts)


def gaps(diagnosis: Diagnosis) -> tuple[Gap, ...]:
    """What is missing, first what would decide about the verdict."""
    primary = diagnosis.primary
    every = dict.fromkeys((*(primary.missing if primary else ()), *diagnosis.missing))
    return tuple(_gap(gap) for gap in list(every)[:GAPS])


def _gap(gap: Missing) -> Gap:
    artifact = plain(gap.artifact, 200)
    if artifact.split()[:1] != gap.command.split()[:1]:  # the name of a command keeps its small letter
        artifact = artifact[:1].upper() + artifact[1:]
    return Gap(artifact, plain(gap.would_show, 400).rstrip("."), plain(gap.command, 600))


def sources(inputs: Sequence[Input]) -> tuple[tuple[Source, ...], str]:
    """The files, those with lines that nobody understood first to keep when there are too many, and a sentence on the whole."""
    by_need = sorted(range(len(inputs)), key=lambda index: (not inputs[index].unread, inputs[index].format == _INVENTORY, index))[:SOURCES]
    shown = tuple(_source(inputs[index]) for index in sorted(by_need))
    if not inputs:
        return shown, tell("No file was read.")
    lines = sum(run.lines for item in inputs for run in item.unread)
    empty = sum(item.format is None and not item.bytes for item in inputs)
    unknown = sum(item.format is None for item in inputs) - empty
    octets, records = sum(item.bytes for item in inputs), sum(item.records for item in inputs)
    parts = [
        f"{count(len(inputs), 'file')}, {size(octets)}, {count(records, 'record')}",
        tell("{lines} not understood", lines=count(lines, "line")) if lines else tell("every line understood"),
    ]
    if besides := sum(item.format == _INVENTORY for item in inputs):
        parts.append(tell("{files} of a support bundle that say nothing of threads and connections", files=count(besides, "file")))
    if unknown:
        parts.append(tell("{files} of no known format", files=count(unknown, "file")))
    if empty:
        parts.append(tell("{files} without content", files=count(empty, "file")))
    note = "; ".join(parts) + "."
    return shown, tell("{note} {number} of them are only in the JSON format.", note=note, number=number(len(inputs) - len(shown))) if len(
        inputs
    ) > len(shown) else note


def shared_folder(inputs: Sequence[Input]) -> str:
    """The folder that all files lie in, with its last slash; empty for a short one: it would be mistaken for a word."""
    folders = {item.file.rpartition("/")[0] for item in inputs}
    if len(inputs) < 2 or not folders:  # noqa: PLR2004 - one file shares nothing
        return ""
    alike = takewhile(lambda parts: len(set(parts)) == 1, zip(*(folder.split("/") for folder in sorted(folders)), strict=False))
    shared = "".join(f"{parts[0]}/" for parts in alike)
    return shared if len(shared) >= _SHARED else ""


def waits(items: Sequence[Wait]) -> Table | None:
    """Who waits for whom, equal waits counted together."""
    counts: dict[tuple[str, str, str], dict[str, int]] = {}
    for wait in items:
        key = (wait.waiter_pool or wait.waiter, _object(wait), wait.holder_pool or wait.holder or tell("nobody known"))
        by_snapshot = counts.setdefault(key, {})
        by_snapshot[wait.snapshot] = by_snapshot.get(wait.snapshot, 0) + 1
    every = len({wait.snapshot for wait in items})
    # Counts of several snapshots do not add up: the same threads wait in each.
    groups = {key: list(found.values())[-1] for key, found in counts.items()}
    ranked = sorted(groups.items(), key=lambda pair: (-pair[1], pair[0]))
    rows = [
        Row(f"{number(times)} × {plain(waiter, NAME)}{_seen(len(counts[waiter, on, holder]), every)}", plain(on, NAME), plain(holder, NAME))
        for (waiter, on, holder), times in ranked[:ROWS]
    ]
    return _table(Row(tell("Who waits"), tell("On what"), tell("Held by")), rows, len(ranked))


def links(items: Sequence[Link]) -> Table | None:
    """Which thread or pool a socket belongs to, and what that rests on; sockets that share all of it are counted together."""
    groups: dict[tuple[str, str, str | None, str, str], list[Link]] = {}
    for link in items:
        end = link.remote or link.local if link.role in _OUTBOUND else link.local
        groups.setdefault((link.role, end, link.thread or link.pool, link.basis, link.confidence), []).append(link)
    rows = [
        Row(
            _socket(_last(alike), tell("to {end}", end=end) if role in _OUTBOUND else tell("on {end}", end=end)),
            plain(tell("{role} {holder}", role=label_of(role), holder=holder or tell("nobody")), NAME),
            plain(f"{label_of(basis)}, {label_of(confidence)}", NAME),
        )
        for (role, end, holder, basis, confidence), alike in list(groups.items())[:ROWS]
    ]
    return _table(Row(tell("Socket"), tell("Thread or pool"), tell("How we know")), rows, len(groups))


def _last(links: Sequence[Link]) -> list[Link]:
    """Those of the last snapshot that has any."""
    return [link for link in links if link.snapshot == links[-1].snapshot]


def _seen(some: int, every: int) -> str:
    return tell(" (in {some} of {all} snapshots)", some=number(some), all=number(every)) if every > 1 else ""


def _socket(alike: list[Link], end: str) -> str:
    """One socket in full, or how many there are at that end."""
    if len(alike) > 1:
        return plain(f"{number(len(alike))} {end}", NAME)
    link = alike[0]
    return plain(f"{link.local} → {link.remote}" if link.remote else link.local, NAME)


def _table(head: Row, rows: list[Row], total: int) -> Table | None:
    if not rows:
        return None
    left = total - len(rows)
    return Table(head, tuple(rows), tell("{number} more in the JSON format.", number=number(left)) if left else "")


def _object(wait: Wait) -> str:
    """Kind and class of what is waited for; its address would keep equal waits apart."""
    name = _ADDRESS.sub("", wait.object or "").strip()
    return f"{label_of(wait.on)} {name}".strip()


def _source(item: Input) -> Source:
    lines = sum(run.lines for run in item.unread)
    runs = [_run(run.line, run.lines, remark(plain(run.why, 160))) for run in item.unread[:UNREAD]]
    if len(item.unread) > UNREAD:
        runs.append(tell("and {number} more places", number=number(len(item.unread) - UNREAD)))
    remarks = [remark(plain(item.note, 300))] if item.note else []
    if item.elided:
        remarks.append(tell("{places} where somebody cut lines out", places=count(item.elided, "place")))
    return Source(
        file=clip_path(plain(item.file, 100_000), 160),
        kind=plain(item.format or tell("not recognised"), 160),
        size=size(item.bytes),
        records=number(item.records),
        unread=tuple(runs),
        unread_lines=number(lines),
        remarks=listed(remarks),
        sha256=_digest(item),
        sum=plain(f"{item.sha256}  {item.file}", 100_064) if item.sha256 else plain(f"{item.file}: SHA-256 {_digest(item)}", 100_200),
        known=item.format is not None,
    )


def _digest(item: Input) -> str:
    """SHA-256 of all, or of how much, or why there is none."""
    if item.sha256_head:
        return tell("{digest} of its first 64 MiB (analyze --hash: of all)", digest=plain(item.sha256_head, 64))
    return plain(item.sha256, 64) or tell("not taken: the file could not be read")


def _run(line: int, lines: int, why: str) -> str:
    return (
        tell("line {line}: {why}", line=line, why=why)
        if lines == 1
        else tell("lines {first}-{last}: {why}", first=line, last=line + lines - 1, why=why)
    )
