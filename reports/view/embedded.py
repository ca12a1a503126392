"""The JSON that travels inside the page: the same contract, with the long lists cut so that the page stays small."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec
from msgspec.structs import replace

from reports.contract.json_v1 import encode, report
from reports.language.catalogue import label_of, tell
from reports.text_safety import clip
from reports.view.wording import listed, number

if TYPE_CHECKING:
    from analyzer.model.finding import Diagnosis, Finding

LIMIT = 100_000
"""Characters. A typical page has 30,000 besides, and is to stay below 200 kB."""
_LISTS = ("stacks", "socket_groups", "links", "waits", "flows", "sockets", "pools", "inputs", "checked", "missing", "notes", "known_issues")
LINES = 20
_STEPS = ((200, 2_000), (40, 500), (10, 200), (2, 80))
"""Items of each list and characters of each string to keep, tried in turn."""


def block(diagnosis: Diagnosis, version: str) -> str:
    """Compact JSON for a data block: no character of it can close the element. Empty when even the shortest form is too long."""
    for most, longest in _STEPS:
        kept, cut = _shortened(diagnosis, most)
        clipped = cast("Diagnosis", _clipped(kept, longest, most))
        if clipped != kept:
            cut = (*cut, tell("Long texts, and long lists inside findings and inputs, are shortened in this copy."))
        text = encode(report(clipped, version, cut)).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
        if len(text.encode()) <= LIMIT:
            return text
    return ""


def _shortened(diagnosis: Diagnosis, most: int) -> tuple[Diagnosis, tuple[str, ...]]:
    """At most ``most`` items of each list, and a sentence on what is gone."""
    lists = {name: getattr(diagnosis, name) for name in _LISTS}
    gone = [f"{number(len(items) - most)} {label_of(name)}" for name, items in lists.items() if len(items) > most]
    pieces = sum(max(0, len(finding.evidence) - most) for finding in diagnosis.findings)
    gone += [tell("{number} pieces of evidence", number=number(pieces))] if pieces else []
    findings = len(diagnosis.findings) - most
    gone += [tell("{number} findings", number=number(findings))] if findings > 0 else []
    told = tuple(_finding(finding, most) for finding in diagnosis.findings[:most])
    shown = {item.where for finding in told for item in (*finding.evidence, *(item for step in finding.chain for item in step.evidence))}
    kept = replace(
        diagnosis,
        findings=told,
        excerpts={where: lines[:LINES] for where, lines in diagnosis.excerpts.items() if where in shown},
        **{name: items[:most] for name, items in lists.items()},
    )
    return kept, (tell("Cut from this copy: {list}. The JSON format has all.", list=listed(gone)),) if gone else ()


def _clipped(value: object, longest: int, most: int) -> object:
    """The same data with no string longer than that and no more items in any list. Enumerations are strings too, but short."""
    if isinstance(value, str):
        return clip(value, longest) if len(value) > longest else value
    if isinstance(value, tuple):
        return tuple(_clipped(item, longest, most) for item in value[:most])
    if isinstance(value, dict):
        return {_clipped(key, longest, most): _clipped(item, longest, most) for key, item in value.items()}
    if isinstance(value, msgspec.Struct):
        return type(value)(**{field: _clipped(getattr(value, field), longest, most) for field in value.__struct_fields__})
    return value


def _finding(finding: Finding, most: int) -> Finding:
    return replace(finding, evidence=finding.evidence[:most])
