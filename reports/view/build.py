"""A diagnosis becomes a view: every word, number and order of the report, computed here and nowhere else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

import msgspec

from analyzer.model.finding import Outcome, Severity, Status
from analyzer.version import VERSION
from parsers import formats_showing
from parsers.records.shows import Shows
from reports.language.catalogue import label_of, tell
from reports.text_safety import clip_path, plain
from reports.view import ladder, sources, tables
from reports.view.embedded import block
from reports.view.finding_view import HEADLINE, NAME, PROOFS_FOLDED, PROOFS_TOLD, FindingViews, who
from reports.view.known_issues import known_views
from reports.view.model import Figure, View
from reports.view.stacks import socket_table, stack_views
from reports.view.wording import count, in_words, listed, names_pattern, number, seconds, span, word_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Diagnosis, Finding
    from analyzer.model.inputs import Input

__all__ = ["View", "build"]

CASES_TOLD = 3
FINDINGS = 40
FIGURES = 4
_VERSION = re.compile(r"(?P<name>\w+)[^()]{0,60}\((?P<version>\d[\w.]{0,30}(?:\+\d{1,4})?)")
_WORDS = {Status.HEALTHY: "healthy", Status.INSUFFICIENT: "not enough evidence"}


def build(diagnosis: Diagnosis, command: str, version: str = VERSION) -> View:
    """The view of a diagnosis. ``command``: the command line that repeats it; ``version``: of the tool."""
    findings_shown = FindingViews(diagnosis, names_pattern(_names(diagnosis)), tables.busy_of(diagnosis.pools))
    causes, followed, also = _sorted_out(diagnosis)
    told = findings_shown.cases(causes[:CASES_TOLD], PROOFS_TOLD)
    above = {case.id for case in told}
    folded = {
        finding.id: findings_shown.case(finding, PROOFS_FOLDED, told=finding.id in above) for finding in diagnosis.findings[:FINDINGS]
    }
    primary = diagnosis.primary
    sockets, sockets_rest = tables.socket_charts(diagnosis.sockets)
    trend, trend_note = tables.trend(
        diagnosis.sockets, primary.process if primary else None, diagnosis.moments, diagnosis.limits, diagnosis.turnover
    )
    pools, pools_rest = tables.pool_charts(diagnosis.pools, diagnosis.links)
    read, read_note = sources.sources(diagnosis.inputs)
    stacks, stacks_rest, legend = stack_views(diagnosis.stacks, primary.process if primary else None)
    verdict = diagnosis.verdict
    view = View(
        status=verdict.status.value,
        word=word_of(primary.rule, primary.severity)
        if primary is not None and verdict.status is Status.PROBLEM
        else label_of("nothing wrong in what is shown" if verdict.calm else _WORDS[verdict.status]),
        alarm=verdict.status is Status.PROBLEM and verdict.severity is not Severity.INFO,
        incident=clip_path(plain(diagnosis.incident.name, 100_000), NAME),
        meta=tuple(_meta(diagnosis)),
        facts=tuple(_facts(diagnosis)),
        headline=plain(verdict.headline, HEADLINE),
        summary=findings_shown.words(verdict.summary),
        warnings=tuple(plain(note, 400) for note in diagnosis.notes[:12]),
        rivals=_rivals(causes),
        figures=tuple(_figures(diagnosis))[:FIGURES],
        cases=told,
        followed=tuple(folded[finding.id] for finding in followed if finding.id in folded),
        also=tuple(folded[finding.id] for finding in (*causes[CASES_TOLD:], *also) if finding.id in folded),
        known=known_views(diagnosis.known_issues),
        findings=tuple(folded.values()),
        findings_rest=_rest(diagnosis.findings),
        last_id=diagnosis.findings[-1].id if diagnosis.findings else "",
        sockets=sockets,
        sockets_rest=sockets_rest,
        trend=trend,
        trend_note=trend_note,
        patience=tables.patience_chart(diagnosis.patience),
        endings=tables.ending_charts(diagnosis.endings),
        pools=pools,
        pools_title=_pools_title(diagnosis.inputs),
        pools_rest=pools_rest,
        ladder=ladder.ladder(diagnosis.flows),
        clean=sources.checked(diagnosis.checked, Outcome.CLEAN),
        skipped=sources.checked(diagnosis.checked, Outcome.SKIPPED),
        faults=sources.checked(diagnosis.checked, Outcome.FAULT),
        checked_note=sources.checked_note(diagnosis.checked),
        missing=sources.gaps(diagnosis),
        sources=read,
        sources_note=read_note,
        clocks=tuple(plain(said, 400) for said in diagnosis.clocks[:12]),
        stacks=stacks,
        stacks_rest=stacks_rest,
        stacks_legend=legend,
        connections=socket_table(diagnosis.socket_groups),
        waits=sources.waits(diagnosis.waits),
        links=sources.links(diagnosis.links),
        command=command,
        tool=f"closewait {version}",
        fingerprint=verdict.fingerprint,
        data="",
    )
    shared = plain(sources.shared_folder(diagnosis.inputs), 100_000)
    inert = msgspec.structs.replace(_inert(view, shared), command=plain(command), incident=view.incident)
    if shared:
        note = tell("{note} All of them lie below {folder}.", note=inert.sources_note, folder=shared)
        inert = msgspec.structs.replace(inert, sources_note=note)
    return msgspec.structs.replace(inert, data=block(diagnosis, version))


def _inert(view: View, shared: str) -> View:
    """The view with every text made plain: whatever was forgotten above cannot reach a renderer. Paths lose the folder that all files share."""
    return cast("View", _plain(view, shared))


def _plain(value: object, shared: str) -> object:
    if isinstance(value, str):
        return plain(value.replace(shared, "")) if shared else plain(value)
    if isinstance(value, tuple):
        return tuple(_plain(item, shared) for item in value)
    if isinstance(value, msgspec.Struct):
        return type(value)(**{field: _plain(getattr(value, field), shared) for field in value.__struct_fields__})
    return value


def _sorted_out(diagnosis: Diagnosis) -> tuple[list[Finding], list[Finding], list[Finding]]:
    """The causes of the verdict's severity, what followed from any finding, and all the others, each in the diagnosis' order."""
    primary = diagnosis.primary
    followed = [finding for finding in diagnosis.findings if finding.consequence_of]
    free = [finding for finding in diagnosis.findings if not finding.consequence_of]
    if primary is None or primary.severity is Severity.INFO:
        return [], followed, free
    same = [item for item in free if item.severity is primary.severity and item.id != primary.id and _of_one_process(item, primary)]
    causes = [primary, *same]
    ids = {finding.id for finding in causes}
    return causes, followed, [finding for finding in free if finding.id not in ids]


def _of_one_process(one: Finding, other: Finding) -> bool:
    """False for findings of two processes that the evidence names: these are different problems, not explanations of one."""
    first, second = one.process, other.process
    return (
        first is None or second is None or first.pid is None or second.pid is None or (first.host, first.pid) == (second.host, second.pid)
    )


def _rivals(causes: Sequence[Finding]) -> str:
    """The sentence below the verdict when it is not the only cause."""
    if len(causes) < 2:  # noqa: PLR2004 - one cause has no rival
        return ""
    others = listed([f"{finding.id} ({finding.rule})" for finding in causes[1:]], 6)
    if any(finding.confidence.value == "suspected" for finding in causes):
        return tell(
            "{number} causes are possible: {id} (above) and {others}.",
            number=in_words(len(causes)).capitalize(),
            id=causes[0].id,
            others=others,
        )
    return tell(
        "{number} causes at once: {id} (above) and {others}. Neither follows from the other.",
        number=in_words(len(causes)).capitalize(),
        id=causes[0].id,
        others=others,
    )


def _meta(diagnosis: Diagnosis) -> Iterator[str]:
    """Host, process, time and confidence, as far as they are known."""
    facts, primary = diagnosis.incident, diagnosis.primary
    process = primary.process if primary else None
    if process and process.host:
        yield plain(process.host, 80)
    elif facts.hosts and process is None:
        yield plain(listed(facts.hosts, 3), 120)
    if process and (process.pid is not None or process.command):
        yield who(type(process)(None, process.pid, process.command))
    time = span(facts.first, facts.last)
    if time:
        yield plain(time, 80)
    if diagnosis.verdict.confidence:
        yield label_of(diagnosis.verdict.confidence.value)


def _facts(diagnosis: Diagnosis) -> Iterator[str]:
    """The runtime, how long the process runs, the kernel, and who collected: what support asks for first."""
    facts = diagnosis.incident
    if facts.vm:
        match = _VERSION.match(facts.vm)
        yield plain(f"{match['name']} {match['version']}" if match else facts.vm, 60)
    if facts.uptime is not None:
        yield tell("up {time}", time=seconds(facts.uptime))
    if facts.kernel:
        yield plain(facts.kernel, 80)
    if facts.collected_by is not None:
        yield tell("collected as uid {uid}", uid=facts.collected_by)


def _figures(diagnosis: Diagnosis) -> Iterator[Figure]:
    """The verdict's own numbers; without them what was counted, so that a healthy page says what its health rests on."""
    primary = diagnosis.primary
    if primary and primary.figures:
        yield from (Figure(plain(value, 40), plain(label, 80)) for value, label in primary.figures)
        return
    yield from tables.figures(diagnosis.sockets, diagnosis.pools)
    if diagnosis.inputs and (diagnosis.sockets or diagnosis.pools):
        unknown = sum(item.format is None for item in diagnosis.inputs)
        yield Figure(
            tell("{known} of {all}", known=number(len(diagnosis.inputs) - unknown), all=number(len(diagnosis.inputs))),
            tell("files recognised"),
        )


def _names(diagnosis: Diagnosis) -> Iterator[str]:
    """Identifiers that prose may mention."""
    for finding in diagnosis.findings[:FINDINGS]:
        culprit = finding.culprit
        yield from (name for name in (culprit.pool, culprit.thread, culprit.frame, culprit.library, culprit.lock) if name)
    yield from (table.name for table in diagnosis.pools[:FINDINGS])
    yield from (item.file for item in diagnosis.inputs[:FINDINGS])


def _rest(findings: Sequence[Finding]) -> str:
    left = findings[FINDINGS:]
    if not left:
        return ""
    return tell("{findings}, {id} to {id2}, in the JSON format.", findings=count(len(left), "more finding"), id=left[0].id, id2=left[-1].id)


_NO_THREADS: Final = frozenset({"goroutines", "erlang_crash_dump", "erlang_shell", "php_slow_log", "php_fpm_status"})
"""Formats of stacks whose members are called otherwise."""


def _pools_title(inputs: Sequence[Input]) -> str:
    """The heading of the pools: of threads, unless the evidence has stacks of goroutines, processes or workers alone."""
    stacks = {name for item in inputs for name in (item.format or "").split(" + ")} & formats_showing(Shows.THREADS)
    return tell("Pools") if stacks and stacks <= _NO_THREADS else tell("Thread pools")
