"""The garbage collector takes the processors: the application hardly runs.

Looks for: GC threads (and the VM thread) whose CPU time grows with the clock between dumps, by more than that of all application threads together;
top -H confirms it by native id. Or the collector's own log, where its long pauses take much of the time, or
it collects the whole heap again and again and frees little.

Why it matters: the heap is full, every request needs memory and waits for the next collection. It looks like a slow server with busy threads.

Do next: save a heap dump and jstat -gcutil; find what fills the heap. A larger heap helps only if the live data really needs it.

Wrong when: a single large collection was caught, or a batch job really needs so much; jstat's figures over a minute tell.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.families.pauses import Share, heavy, in_a_row
from analyzer.model.finding import Confidence, Culprit, Doubt, Evidence, Finding, Outlook, RecoversWhen, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.need import Need
from analyzer.model.text import Ask, Do, Either, Text
from parsers.records import Runtime, Where

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
TEXT: Final = Text(
    "gc-thrash",
    headline="The garbage collector uses {collectors:.1f} processors, the application {application:.1f}: the heap is full.",
    explanation="Between the first and the last dump the collector threads used {collectors:.1f} processors and all other threads together {application:.1f}. Requests wait for memory, not for each other. It goes on until whatever fills the heap is let go.",
    why=Either("hot", "CPU times in the dumps and top agree.", "CPU times in the dumps' headers show it."),
    do=(
        Do(
            When.NOW,
            "Save the collector's figures and a heap dump, then restart.",
            "jstat -gcutil {pid} 1000 20; jcmd {pid} GC.heap_dump heap.hprof",
        ),
        Do(When.FIX, "Find what holds the memory in the heap dump (dominator tree). Raise -Xmx only if the live data really needs it."),
        Do(When.PREVENT, "Log collections (-Xlog:gc), and end the process when it thrashes (-XX:+ExitOnOutOfMemoryError, GCTimeLimit)."),
    ),
    figures=(("{collectors:.1f}", "processors for the collector"), ("{application:.1f}", "processors for the application")),
    ask=(
        Ask(
            "jstat -gcutil over some seconds",
            "how full the old generation is and how often it is collected",
            "jstat -gcutil {pid} 1000 20 > jstat.txt",
        ),
    ),
    chain=(("what fills the heap", "leaves no room", ""), ("the garbage collector", "takes the processors", "{collectors:.1f} of them")),
    phrases={"evidence": "{collector_thread} use {collectors:.1f} processors between the dumps"},
)

PAUSES: Final = Text(
    "gc-thrash",
    headline=Either(
        "filled",
        "The garbage collector collects the whole heap again and again, {stood:.0f} of {of:.0f} s, and frees next to nothing: the heap is full.",
        "The garbage collector stood the program still for {stood:.0f} of {of:.0f} s: the heap is full, or far too busy.",
    ),
    explanation=Either(
        "filled",
        "By its own log the collector collected the whole heap {pauses} times in {of:.0f} s, {stood:.0f} s together, and behind the last of them the heap is {full:.0%} full. Each is short, but hardly anything of the program runs in between: busy threads in the dumps wait for memory. It goes on until whatever fills the heap is let go.",
        "By its own log the collector made {pauses} long pauses in {of:.0f} s, {stood:.0f} s together. Nothing of the program runs meanwhile: time limits run out, and requests pile up. It goes on until whatever fills the heap is let go.",
    ),
    why="The collector's own log has the pauses. What fills the heap it does not show.",
    do=TEXT.do,
    figures=(("{share:.0%}", "of the time in pauses"), ("{pauses}", Either("filled", "collections of the whole heap", "long pauses"))),
    ask=TEXT.ask,
    chain=(("what fills the heap", "leaves no room", ""), ("the garbage collector", "keeps everything still", "{stood:.0f} of {of:.0f} s")),
)


class _Load(NamedTuple):
    collectors: float
    application: float
    threads: tuple[Thread, ...]


def diagnose(case: Case) -> Iterator[Finding]:
    """One finding per process whose collectors outrun it; else what a collector's log says of the only one."""
    found = list(_of_dumps(case))
    yield from found
    share = (heavy(case.incident) or in_a_row(case.incident)) if not found else None
    if share is not None:
        yield _of_log(case, share)


def _of_dumps(case: Case) -> Iterator[Finding]:
    for view in case.latest:
        dumps = [other for other in case.history(view) if other.dump is not None]
        load = _load(dumps)
        if load is not None and load.collectors >= BUSY and load.collectors >= LEAD * load.application:
            yield _finding(view, load, _hot(dumps, load))


def _of_log(case: Case, share: Share) -> Finding:
    of_java = [view for view in case.latest if view.dump is not None and view.dump.runtime is Runtime.JVM]
    view = of_java[0] if len(of_java) == 1 else None
    doubt = Doubt("log-alone", say("whose log it is, it does not say"), Confidence.LIKELY)
    text = PAUSES.filled(
        view.process if view is not None else None,
        share=share.stood / share.of,
        stood=share.stood,
        of=share.of,
        pauses=len(share.pauses),
        filled=share.full is not None,
        full=share.full or 0.0,
    )
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.LIKELY,
        evidence=(share.evidence,),
        chain=text.steps((), (share.evidence,)),
        doubts=(doubt,) if view is None else (),
    )


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
        (usage for view in dumps for usage in view.snapshot.usages if usage.native_id in ids and usage.cpu_percent > 0),
        key=lambda one: -one.cpu_percent,
    )


def _finding(view: ProcessView, load: _Load, hot: Sequence[ThreadUsage]) -> Finding:
    first = max(load.threads, key=lambda thread: thread.cpu or 0)
    text = TEXT.filled(
        view.process,
        collectors=load.collectors,
        application=load.application,
        hot=hot,
        collector_thread=plural(len(load.threads), "collector thread"),
    )
    evidence = [Evidence(Where(first.where.file, first.where.first, first.where.first), text["evidence"], ("cpu=",), len(load.threads) - 1)]
    if hot:
        evidence.append(
            Evidence(
                hot[0].where,
                say("top shows {cpu_percent:g} % for native id {native_id}", cpu_percent=hot[0].cpu_percent, native_id=hot[0].native_id),
                (f"{hot[0].cpu_percent:g}",),
                len(hot) - 1,
            )
        )
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN if hot else Confidence.LIKELY,
        evidence=tuple(evidence),
        chain=text.steps((), (evidence[0],)),
        culprit=Culprit(thread=first.name),
    )
