"""One gate for every finding: what the evidence leaves out, or what speaks against its join, lowers the confidence that a rule gave.

A rule claims what its evidence shows. Whether the evidence is whole, of one process and of one moment is asked here, for all rules alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from analyzer.evidence.calls import runtime_of
from analyzer.join.owner_doubts import strangers
from analyzer.model.finding import Confidence, Doubt, Finding, Kind
from analyzer.model.message import joined, say
from analyzer.software.runtimes import fitted
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case, ProcessView

_AGAINST: Final = frozenset({"names-differ", "foreign-ids"})
"""Doubts that speak against the claim, not only for caution: reports show them as contradictions."""
MOST_TOLD: Final = 3
"""Doubts that a sentence names; the JSON has all."""


def judged(case: Case, finding: Finding) -> Finding:
    """The finding with every doubt that the case has about it, and no surer than the worst of them allows."""
    view = next((view for view in case.latest if view.process == finding.process), None)
    if view is not None and (runtime := runtime_of(view)) is not Runtime.JVM:
        finding = _of_runtime(finding, runtime)
    found = (*finding.doubts, *(_doubts(case, view, finding) if view is not None else ()))
    if not found:
        return finding
    ceiling = max((doubt.ceiling for doubt in found), key=lambda confidence: confidence.rank)
    against = tuple(doubt.text for doubt in found if doubt.code in _AGAINST)
    finding = replace(finding, doubts=found, contradicted_by=(*finding.contradicted_by, *against))
    if ceiling.rank <= finding.confidence.rank:
        return finding
    told = [doubt.text for doubt in found if doubt.ceiling.rank > finding.confidence.rank][:MOST_TOLD]
    word = say("certain") if finding.confidence is Confidence.CERTAIN else say("likely")
    why = say("{why} Not {word}, because {doubts}.", why=finding.why_confident, word=word, doubts=joined("; ", told))
    return replace(finding, confidence=ceiling, why_confident=why)


def _of_runtime(finding: Finding, runtime: Runtime) -> Finding:
    """The finding with the commands of the process' own runtime."""
    return replace(
        finding,
        actions=tuple(replace(action, command=fitted(action.command, runtime)) if action.command else action for action in finding.actions),
        missing=tuple(replace(gap, command=fitted(gap.command, runtime)) for gap in finding.missing),
    )


def _doubts(case: Case, view: ProcessView, finding: Finding) -> Iterator[Doubt]:
    files = {item.where.file for item in finding.evidence}
    yield from _of_join(view, files)
    coverage = view.coverage
    for kind in finding.absent:
        for reason in coverage.threads if kind is Kind.THREADS else coverage.sockets:
            yield Doubt(f"absent-{kind}", reason, Confidence.SUSPECTED)
    if view.dump is not None and view.dump.where.file in files and view.torn is not None:
        reason = say(
            "lines are missing inside {file}: the stack of “{name}” runs on into another one's",
            name=view.torn,
            file=view.dump.where.file,
        )
        yield Doubt("torn-dump", reason, Confidence.LIKELY)
    far = case.far_side(view)
    if not far.same_moment and files & {session.where.file for session in far.sessions}:
        yield Doubt("other-moment", say("the list of sessions is of another moment than the sockets"), Confidence.SUSPECTED)
    for file, reason in coverage.unread:
        if file in files:
            yield Doubt("unread", reason, Confidence.LIKELY)


def _of_join(view: ProcessView, files: set[str]) -> Iterator[Doubt]:
    """What speaks against the dump being of the tables' process; only where the finding rests on both."""
    dump = view.dump
    if dump is None or dump.where.file not in files or files == {dump.where.file}:
        return
    if dump.runtime is Runtime.PHP:
        reason = say("a slow log shows where each request stood when its timeout passed, which may be long ago")
        yield Doubt("slow-log", reason, Confidence.LIKELY)
    if view.names_differ:
        reason = say(
            "{dump} and {table} are named as files of two machines or programs are",
            dump=dump.where.file,
            table=view.sockets[0].where.file,
        )
        yield Doubt("names-differ", reason, Confidence.LIKELY)
    if (why := strangers(view)) is not None:
        yield Doubt("foreign-ids", why, Confidence.LIKELY)
