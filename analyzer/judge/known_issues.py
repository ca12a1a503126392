"""Known defects of other software that a dump resembles: information beside the cause, which no verdict, severity or order rests on.

A healthy process has none: a stack that a defect is known by may stand there for a moment. A version before the defect's first release is not
shown; one that has the fix is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.model.finding import Confidence, Status
from analyzer.model.known_issue import Fit, KnownIssue
from analyzer.model.message import joined, say
from analyzer.software.known_issues import Source, sketches
from analyzer.software.versions import numbers, of_artifacts, of_go, of_python, of_vm
from parsers.records import Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.join.process import ProcessView
    from analyzer.model.finding import Finding, Verdict
    from analyzer.software.known_issues import Issue
    from analyzer.waits.case import Case
    from parsers.records import Frame, Thread, ThreadDump

MOST: Final = 12
"""Known issues that a report shows; more would say that the signatures are too weak."""
_HEAD: Final = 4
"""Lines above the first thread of a dump that may state a version: ``Process …``, ``Python v…``, ``Parent Process …`` and a blank one."""
_PAIR: Final = 2
"""Lines of a frame: goroutines have the file on the second."""
_RUNTIME: Final = {Source.JVM: "jvm", Source.GO: "go", Source.PYTHON: "python"}


class _Stack(msgspec.Struct, frozen=True):
    """Threads of equal frames; the names of their frames, the waiting one first."""

    threads: list[Thread]
    calls: tuple[str, ...]


def known_issues(case: Case, findings: Sequence[Finding], verdict: Verdict) -> tuple[KnownIssue, ...]:
    """What the dumps of the processes resemble; the user's own entries first."""
    if verdict.status is Status.HEALTHY:
        return ()
    made: dict[tuple[str, str | None, int | None], KnownIssue] = {}
    for view in case.latest:
        if view.dump is None:
            continue
        stacks = _stacks(view.dump)
        for issue in _candidates(case, stacks):
            key = issue.id, view.snapshot.host, view.process.pid
            if key not in made and (shown := _shown(case, view, view.dump, issue, stacks, findings)) is not None:
                made[key] = shown
    return tuple(made.values())[:MOST]


def _stacks(dump: ThreadDump) -> tuple[_Stack, ...]:
    alike: dict[tuple[str, ...], list[Thread]] = {}
    of_frames: dict[tuple[Frame, ...], list[Thread]] = {}  # many threads stand on few stacks: the calls of each are named once
    for thread in dump.threads:
        if thread.frames:
            threads = of_frames.get(thread.frames)
            if threads is None:
                threads = alike.setdefault(tuple([frame.full for frame in thread.frames]), [])
                of_frames[thread.frames] = threads
            threads.append(thread)
    return tuple(_Stack(threads, calls) for calls, threads in alike.items())


def _candidates(case: Case, stacks: Sequence[_Stack]) -> Iterator[Issue]:
    """The entries whose every frame occurs somewhere: no other one is looked at closely, or even parsed."""
    every = "\n".join({call for stack in stacks for call in stack.calls})
    yield from (issue for issue in case.known.own.issue if all(frame in every for frame in issue.frames))
    yield from (sketch.issue() for sketch in sketches() if all(frame in every for frame in sketch.frames))


def _shown(
    case: Case, view: ProcessView, dump: ThreadDump, issue: Issue, stacks: Sequence[_Stack], findings: Sequence[Finding]
) -> KnownIssue | None:
    """The issue as the report shows it, None if the process does not resemble it or has an older version than it begins with."""
    threads = [thread for stack in stacks if _stands(issue, stack.calls) for thread in stack.threads if _fits(issue, thread)]
    beside = next((finding for finding in findings if finding.process == view.process and finding.rule in issue.rules), None)
    if not threads or (issue.rules and beside is None):
        return None
    if _RUNTIME.get(issue.source, dump.runtime.value) != dump.runtime.value:
        return None
    version = _version(case, view, dump, issue, threads[0])
    fit = _fit(issue, version)
    if fit is None:
        return None
    where = threads[0].where
    likely = beside is not None and fit is Fit.AFFECTED and beside.confidence is not Confidence.SUSPECTED and issue.confidence == "likely"
    return KnownIssue(
        id=issue.id,
        title=issue.title,
        says=_says(issue, version, fit),
        product=issue.product,
        version=version,
        fixed=issue.fixed,
        fit=fit,
        confidence=Confidence.LIKELY if likely else Confidence.SUSPECTED,
        link=issue.link,
        workaround=issue.workaround,
        finding=beside.id if beside is not None else None,
        threads=len(threads),
        file=where.file,
        first=where.first,
        last=where.last,
        own=any(issue is one for one in case.known.own.issue),
    )


def _stands(issue: Issue, calls: Sequence[str]) -> bool:
    """True if the stack has all frames, in this order; others may stand between them."""
    rest = iter(calls)
    return (not issue.top or issue.frames[0] in calls[0]) and all(any(frame in call for call in rest) for frame in issue.frames)


def _fits(issue: Issue, thread: Thread) -> bool:
    """True for a thread in the state, and with the locks, of the signature."""
    if issue.state and (thread.state is None or thread.state.value != issue.state):
        return False
    classes = [lock.cls for lock in thread.locks if lock.cls]
    return all(any(name in cls for cls in classes) for name in issue.locks)


def _fit(issue: Issue, version: str | None) -> Fit | None:
    """What the version says; None for one that is older than the defect."""
    if version is None:
        return Fit.UNKNOWN
    parts = numbers(version)
    if any(row.has(parts) for row in issue.affected):
        return Fit.AFFECTED
    return Fit.FIXED if any(row.has_fix(parts) for row in issue.affected) else None


def _version(case: Case, view: ProcessView, dump: ThreadDump, issue: Issue, thread: Thread) -> str | None:
    """The product's version, if the evidence states exactly one."""
    if issue.source is Source.JVM:
        return of_vm(dump.vm) if dump.vm is not None else None
    if issue.source is Source.PYTHON:
        stated = of_python(case.text(Where(dump.where.file, max(dump.where.first - _HEAD, 1), dump.where.first)))
    elif issue.source is Source.GO:
        stated = of_go(_printed(case, thread))
    else:
        stated = of_artifacts(issue.names, (*_files(view), *_printed(case, thread)))
    return stated.pop() if len(stated) == 1 else None


def _printed(case: Case, thread: Thread) -> Iterator[str]:
    """The lines of the thread's frames as the file has them: paths and modules that a frame does not keep."""
    for line in thread.frame_lines:
        yield from case.text(_lines(thread.where, line, _PAIR))


def _lines(where: Where, first: int, count: int) -> Where:
    return Where(where.file, first, min(first + count - 1, max(where.last, first)))


def _files(view: ProcessView) -> Iterator[str]:
    """What names jars and folders of the process: its open files and its command line. A process without a number has them if nobody else can."""
    pids = {int(pid) for pid in (view.process.pid, *view.pids) if pid is not None}
    if not pids:
        owners = {int(row.pid) for row in view.snapshot.open_files if row.pid is not None}
        pids = owners if len(owners) == 1 else set()
    yield from (row.target for row in view.snapshot.open_files if row.pid in pids)
    yield from (row.command for row in view.snapshot.processes if row.pid in pids)


def _says(issue: Issue, version: str | None, fit: Fit) -> str:
    """The sentence of the report."""
    fixed = joined(", ", issue.fixed)
    if fit is Fit.FIXED:
        return say(
            "Resembles {id}, but {product} is {version} here, where it is fixed: look for another cause first.",
            id=issue.id,
            product=issue.product,
            version=version,
        )
    if fit is Fit.AFFECTED and issue.fixed:
        return say(
            "Looks like {id}, fixed in {product} {fixed}: the evidence says {version}.",
            id=issue.id,
            product=issue.product,
            fixed=fixed,
            version=version,
        )
    if fit is Fit.AFFECTED:
        return say(
            "Looks like {id} of {product}, which no known release fixes: the evidence says {version}.",
            id=issue.id,
            product=issue.product,
            version=version,
        )
    if issue.fixed:
        return say(
            "Looks like {id}, fixed in {product} {fixed}: the evidence does not say which version runs here.",
            id=issue.id,
            product=issue.product,
            fixed=fixed,
        )
    return say("Looks like {id} of {product}, which no known release fixes.", id=issue.id, product=issue.product)
