"""A kept report becomes a diagnosis again, as far as its JSON goes.

A page embeds a copy of its JSON, in which long lists may be cut; the report that is made of it says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from analyzer.model import finding as model
from analyzer.model import groups, inputs
from analyzer.model.incident_facts import IncidentFacts
from analyzer.model.message import say
from parsers.records import Where
from reports.contract import groups_v1
from reports.contract.json_v1 import Report
from reports.language.catalogue import tell

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeVar

    from reports.contract import json_v1 as contract

    StructT = TypeVar("StructT", bound=msgspec.Struct)

_BLOCK: Final = b'<script type="application/json" id="diagnosis">'
_LANGUAGE: Final = re.compile(rb'<html lang="([A-Za-z-]{2,12})">')
_HEAD: Final = 2048  # bytes of a page in which its language stands


class KeptError(Exception):
    """A report that cannot be read; the text says why."""


class Kept(NamedTuple):
    """What a report says, the version of the tool that made it, and its language (None: a JSON does not tell)."""

    diagnosis: model.Diagnosis
    version: str
    language: str | None


def kept(data: bytes) -> Kept:
    """Read a report that was kept as JSON or as a page.

    Raises:
        KeptError: if it is neither, or holds no data.
    """
    text = data.removeprefix(b"\xef\xbb\xbf").strip()
    language = None
    if not text.startswith(b"{"):
        language, text = embedded(text)
    try:
        made = msgspec.json.decode(text, type=Report)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise KeptError(say("no report of the format diagnosis/1: {error}", error=error)) from error
    return Kept(diagnosis_of(made), made.tool.version, language)


def embedded(page: bytes) -> tuple[str | None, bytes]:
    """The language of a page, and the JSON in it.

    Raises:
        KeptError: if it is no page of this tool, or holds no data.
    """
    if b"<html" not in page[:_HEAD].lower():
        raise KeptError(say("neither a page nor a JSON of this tool"))
    _, found, rest = page.rpartition(_BLOCK)  # the last: nothing of the evidence stands behind it
    if not found:
        raise KeptError(say("a page without its data: it was too long to be kept in it; keep reports with -f json"))
    language = _LANGUAGE.search(page[:_HEAD])
    return (language[1].decode() if language else None), rest.partition(b"<")[0]


def diagnosis_of(report: Report) -> model.Diagnosis:
    """The diagnosis that the report tells."""
    excerpts: dict[Where, tuple[str, ...]] = {}
    findings = tuple(_finding(one, excerpts) for one in report.findings)
    return model.Diagnosis(
        incident=_same(IncidentFacts, report.incident),
        verdict=report.verdict,
        findings=findings,
        sockets=tuple(_same(model.SocketTable, one) for one in report.sockets),
        pools=tuple(_same(model.PoolTable, one) for one in report.pools),
        links=tuple(_link(one) for one in report.links),
        waits=tuple(_same(model.Wait, one) for one in report.waits),
        flows=report.flows,
        checked=tuple(_same(model.Check, one) for one in report.checked),
        missing=tuple(_same(model.Missing, one) for one in report.missing),
        inputs=tuple(_input(one) for one in report.inputs),
        excerpts=excerpts,
        heads=_heads(report),
        notes=(*report.cut, *report.notes),
        patience=report.patience,
        endings=report.endings,
        turnover=report.turnover,
        stacks=tuple(_stack(one) for one in report.stacks),
        socket_groups=tuple(_same(groups.SocketGroup, one) for one in report.socket_groups),
        moments=report.moments,
        limits=report.limits,
        known_issues=report.known_issues,
        clocks=report.clocks,
        sessions=tuple(_same(model.SessionFact, one) for one in report.sessions),
    )


def _heads(report: Report) -> dict[Where, str]:
    """The headings of quoted tables."""
    every = (item for one in report.findings for item in (*one.evidence, *(item for step in one.chain for item in step.evidence)))
    return {Where(item.file, item.first, item.last, item.unit): item.head for item in every if item.head}


def said_in(kept_report: Kept, language: str) -> model.Diagnosis:
    """The diagnosis with a note where its sentences are not in the language that is asked for."""
    if kept_report.language in {None, language}:
        return kept_report.diagnosis
    note = tell("The sentences of the findings are in the language in which the report was made.")
    return msgspec.structs.replace(kept_report.diagnosis, notes=(note, *kept_report.diagnosis.notes))


def _same(cls: type[StructT], item: msgspec.Struct) -> StructT:
    """A struct whose fields are all found under the same names."""
    return cls(**{field: getattr(item, field) for field in cls.__struct_fields__ if hasattr(item, field)})


def _finding(item: contract.Finding, excerpts: dict[Where, tuple[str, ...]]) -> model.Finding:
    evidence = _evidence(item.evidence, excerpts)
    if not evidence:
        raise KeptError(say("the finding {finding} has no evidence", finding=item.id))
    return model.Finding(
        rule=item.rule,
        severity=item.severity,
        confidence=item.confidence,
        headline=item.headline,
        explanation=item.explanation,
        why_confident=item.why_confident,
        evidence=evidence,
        id=item.id,
        contradicted_by=item.contradicted_by,
        process=item.process,
        culprit=_same(model.Culprit, item.culprit),
        consequence_of=item.consequence_of,
        chain=tuple(model.Step(step.actor, step.verb, step.detail, _evidence(step.evidence, excerpts)) for step in item.chain),
        loop=item.loop,
        ends_in=item.ends_in,
        outlook=None if item.outlook is None else _same(model.Outlook, item.outlook),
        actions=tuple(_same(model.Action, action) for action in item.actions),
        figures=tuple((figure.value, figure.label) for figure in item.figures),
        missing=tuple(_same(model.Missing, gap) for gap in item.missing),
        doubts=tuple(model.Doubt(doubt.code, doubt.text, item.confidence) for doubt in item.doubts),
    )


def _evidence(items: Sequence[contract.Evidence], excerpts: dict[Where, tuple[str, ...]]) -> tuple[model.Evidence, ...]:
    made = []
    for item in items:
        where = Where(item.file, item.first, item.last, item.unit)
        if item.excerpt:
            excerpts[where] = item.excerpt
        others = tuple(Where(place.file, place.first, place.last, item.unit) for place in item.others)
        made.append(model.Evidence(where, item.says, item.mark, item.more, item.inferred, others))
    return tuple(made)


def _link(item: contract.Link) -> model.Link:
    fields = {field: getattr(item, field) for field in model.Link.__struct_fields__}
    try:
        return model.Link(**{**fields, "tid": None if item.tid is None else int(item.tid)})
    except ValueError as error:
        raise KeptError(say("a thread's id is no number: {tid!r}", tid=item.tid)) from error


def _stack(item: groups_v1.Stack) -> groups.StackGroup:
    fields = {field: getattr(item, field) for field in groups_v1.Stack.__struct_fields__}
    where = Where(item.where.file, item.where.first, item.where.last)
    rows = tuple(groups.ThreadRow(row.cells, row.threads) for row in item.rows)
    return groups.StackGroup(**{**fields, "where": where, "rows": rows, "no_cpu": item.moved is False})


def _input(item: contract.Input) -> inputs.Input:
    fields = {field: getattr(item, field) for field in inputs.Input.__struct_fields__}
    unread = tuple(inputs.UnreadLine(run.line, run.lines, run.why) for run in item.unread)
    return inputs.Input(**{**fields, "unread": unread})
