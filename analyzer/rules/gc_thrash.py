"""The garbage collector takes the processors: the application hardly runs.

Looks for: GC threads (and the VM thread) whose CPU time grows with the clock between dumps, by more than that of all application threads together;
top -H confirms it by native id. Or the collector's own log, where its long pauses take much of the time, or
it collects the whole heap again and again and frees little.

Why it matters: the heap is full, every request needs memory and waits for the next collection. It looks like a slow server with busy threads.

Do next: save a heap dump and jstat -gcutil; find what fills the heap. A larger heap helps only if the live data really needs it.

Wrong when: a single large collection was caught, or a batch job really needs so much; jstat's figures over a minute tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.collector_load import CollectorLoad, collector_loads
from analyzer.families import collector_pauses
from analyzer.model.finding import Confidence, Culprit, Evidence, Finding, Outlook, RecoversWhen, Severity
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Either, Text
from parsers.records import Where
from parsers.records.process_records import OLD_GENERATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

NEEDS: Final = (Need.THREADS,)
CONSEQUENCE_OF: Final[tuple[str, ...]] = ()
OUTLOOK: Final = Outlook(
    RecoversWhen.UNKNOWN, say("It heals with the load if the live objects belong to requests; a leak needs a restart.")
)
CLEAN: Final = say("the collector does not outrun the application between the dumps")
TEXT: Final = Text(
    "gc-thrash",
    headline="The garbage collector uses {collectors:.1f} processors, the application {application:.1f}: the heap is full.",
    explanation="Between the first and the last dump the collector threads used {collectors:.1f} processors and all other threads together {application:.1f}. Requests wait for memory, not for each other. It goes on until whatever fills the heap is let go.",
    why=Either("hot", "CPU times in the dumps and top agree.", "CPU times in the dumps' headers show it."),
    do=collector_pauses.DO,
    figures=(("{collectors:.1f}", "processors for the collector"), ("{application:.1f}", "processors for the application")),
    ask=collector_pauses.ASK,
    chain=(("what fills the heap", "leaves no room", ""), ("the garbage collector", "takes the processors", "{collectors:.1f} of them")),
    phrases={
        "evidence": "{collector_thread} use {collectors:.1f} processors between the dumps",
        "row": "top shows {cpu_percent:g} % for native id {native_id}",
    },
)


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose collectors outrun it; else what a collector's log says of the only one."""
    yield from [_finding(load) for load in collector_loads(case)] or collector_pauses.findings(case)


def _finding(load: CollectorLoad) -> Finding:
    first, hot = max(load.threads, key=lambda thread: thread.cpu or 0), load.hot[:1]
    text = TEXT.filled(
        load.view.process,
        collectors=load.collectors,
        unmeasured=not any(counter.name == OLD_GENERATION for counter in load.view.snapshot.counters),
        application=load.application,
        hot=hot,
        cpu_percent=hot[0].cpu_percent if hot else 0,
        native_id=hot[0].native_id if hot else 0,
        collector_thread=plural(len(load.threads), "collector thread"),
    )
    place = Where(first.where.file, first.where.first, first.where.first)
    times = Evidence(place, text["evidence"], ("cpu=",), len(load.threads) - 1)
    rows = [Evidence(row.where, text["row"], (f"{row.cpu_percent:g}",), len(load.hot) - 1) for row in hot]
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if hot else Confidence.LIKELY,
        evidence=(times, *rows),
        chain=text.steps((), (times,)),
        culprit=Culprit(thread=first.name),
    )
