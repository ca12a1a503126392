"""The garbage collector takes the processors: the application hardly runs.

Looks for: GC threads (and the VM thread) whose CPU time grows with the clock between dumps, by more than that of all application threads together;
top -H confirms it by native id.

Why it matters: the heap is full, every request needs memory and waits for the next collection. It looks like a slow server with busy threads.

Do next: save a heap dump and jstat -gcutil; find what fills the heap. A larger heap helps only if the live data really needs it.

Wrong when: a single large collection was caught, or a batch job really needs so much; jstat's figures over a minute tell.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.model.finding import Action, Confidence, Culprit, Evidence, Finding, Missing, Outlook, RecoversWhen, Severity, Step, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from parsers.records import Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Thread, ThreadUsage

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.UNKNOWN, say("It heals with the load if the live objects belong to requests; a leak needs a restart.")
)
CLEAN: Final = say("the collector does not outrun the application between the dumps")
BUSY: Final = 0.5
"""Processors that the collectors must use between the dumps: half of one, for all of them together."""
LEAD: Final = 2.0
"""How many times the application's own CPU that is: a server under load also collects, but works more."""
_COLLECTOR: Final = re.compile(
    r"GC Thread|ParGC|GC task thread|Gang worker|G1 (?:Main|Conc|Refine|Young)|ZWorker|ZDriver|XWorker|Concurrent Mark-Sweep|Shenandoah|VM Thread$"
)


class _Load(NamedTuple):
    collectors: float
    application: float
    threads: tuple[Thread, ...]


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose collectors outrun it."""
    for view in case.latest:
        dumps = [other for other in case.history(view) if other.dump is not None]
        load = _load(dumps)
        if load is not None and load.collectors >= BUSY and load.collectors >= LEAD * load.application:
            yield _finding(view, load, _hot(dumps, load))


def _load(dumps: Sequence[ProcessView]) -> _Load | None:
    """CPU per second of clock from the first to the last dump, of collectors and of all others; None if the dumps do not say."""
    if len(dumps) < 2 or dumps[0].dump is None or dumps[-1].dump is None:  # noqa: PLR2004 - a rate needs two
        return None
    before = {(thread.name, thread.native_id): thread for thread in dumps[0].dump.threads}
    collectors = application = 0.0
    found = []
    for thread in dumps[-1].dump.threads:
        earlier = before.get((thread.name, thread.native_id))
        if earlier is None or None in {thread.cpu, thread.elapsed, earlier.cpu, earlier.elapsed}:
            continue
        clock = (thread.elapsed or 0) - (earlier.elapsed or 0)
        share = ((thread.cpu or 0) - (earlier.cpu or 0)) / clock if clock > 0 else 0.0
        if _COLLECTOR.match(thread.name):
            collectors += share
            found.append(thread)
        else:
            application += share
    return _Load(collectors, application, tuple(found)) if found else None


def _hot(dumps: Sequence[ProcessView], load: _Load) -> list[ThreadUsage]:
    """Top's rows of the collectors, those that use something."""
    ids = {thread.native_id for thread in load.threads}
    return sorted(
        (one for view in dumps for one in view.snapshot.usages if one.native_id in ids and one.cpu_percent > 0),
        key=lambda one: -one.cpu_percent,
    )


def _finding(view: ProcessView, load: _Load, hot: Sequence[ThreadUsage]) -> Finding:
    first = max(load.threads, key=lambda thread: thread.cpu or 0)
    evidence = [
        Evidence(
            Where(first.where.file, first.where.first, first.where.first),
            say(
                "{collector_thread} use {collectors:.1f} processors between the dumps",
                collector_thread=plural(len(load.threads), "collector thread"),
                collectors=load.collectors,
            ),
            ("cpu=",),
            len(load.threads) - 1,
        )
    ]
    if hot:
        evidence.append(
            Evidence(
                hot[0].where,
                say("top shows {cpu_percent:g} % for native id {native_id}", cpu_percent=hot[0].cpu_percent, native_id=hot[0].native_id),
                (f"{hot[0].cpu_percent:g}",),
                len(hot) - 1,
            )
        )
    return Finding(
        rule="gc-thrash",
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if hot else Confidence.LIKELY,
        headline=say(
            "The garbage collector uses {collectors:.1f} processors, the application {application:.1f}: the heap is full.",
            collectors=load.collectors,
            application=load.application,
        ),
        explanation=(
            say(
                "Between the first and the last dump the collector threads used {collectors:.1f} processors and all other threads together {application:.1f}. Requests wait for memory, not for each other. It goes on until whatever fills the heap is let go.",
                collectors=load.collectors,
                application=load.application,
            )
        ),
        why_confident=say("CPU times in the dumps and top agree.") if hot else say("CPU times in the dumps' headers show it."),
        evidence=tuple(evidence),
        process=view.process,
        culprit=Culprit(thread=first.name),
        chain=(
            Step(say("what fills the heap"), say("leaves no room"), ""),
            Step(
                say("the garbage collector"),
                say("takes the processors"),
                say("{collectors:.1f} of them", collectors=load.collectors),
                (evidence[0],),
            ),
        ),
        actions=(
            Action(
                When.NOW,
                say("Save the collector's figures and a heap dump, then restart."),
                f"jstat -gcutil {view.process.pid or 'PID'} 1000 20; jcmd {view.process.pid or 'PID'} GC.heap_dump heap.hprof",
            ),
            Action(
                When.FIX,
                say("Find what holds the memory in the heap dump (dominator tree). Raise -Xmx only if the live data really needs it."),
            ),
            Action(
                When.PREVENT,
                say("Log collections (-Xlog:gc), and end the process when it thrashes (-XX:+ExitOnOutOfMemoryError, GCTimeLimit)."),
            ),
        ),
        figures=(
            (f"{load.collectors:.1f}", say("processors for the collector")),
            (f"{load.application:.1f}", say("processors for the application")),
        ),
        missing=(
            Missing(
                say("jstat -gcutil over some seconds"),
                say("how full the old generation is and how often it is collected"),
                f"jstat -gcutil {view.process.pid or 'PID'} 1000 20 > jstat.txt",
            ),
        ),
    )
