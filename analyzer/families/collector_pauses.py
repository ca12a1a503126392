"""A garbage collector whose own log shows that its pauses take the time: what the rule about it says where dumps do not show processor times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.families.heaps import filling
from analyzer.families.pauses import Share, heavy, in_a_row, one_after_the_other, run_out_in, summed_up, tenths
from analyzer.model.finding import Confidence, Doubt, Evidence, Finding, Severity, When
from analyzer.model.message import plural, say
from analyzer.model.text import Ask, Do, Either, Text
from parsers.records import Runtime
from parsers.records.process_records import OLD_GENERATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzer.waits.case import Case

DO: Final = (
    Do(
        When.NOW,
        "Save the collector's figures and a heap dump, then restart.",
        "jstat -gcutil {pid} 1000 20; jcmd {pid} GC.heap_dump heap.hprof",
    ),
    Do(When.FIX, "Find what holds the memory in the heap dump (dominator tree). Raise -Xmx only if the live data really needs it."),
    Do(When.PREVENT, "Log collections (-Xlog:gc), and end the process when it thrashes (-XX:+ExitOnOutOfMemoryError, GCTimeLimit)."),
)
ASK: Final = (
    Ask(
        "jstat -gcutil over some seconds",
        "how full the old generation is and how often it is collected",
        "jstat -gcutil {pid} 1000 20 > jstat.txt",
        on="unmeasured",
    ),
)
TEXT: Final = Text(
    "gc-thrash",
    headline=Either(
        "filled",
        "The garbage collector collects the whole heap again and again, {spent}, and frees next to nothing: the heap is full{filler}.",
        "The garbage collector stood the program still for {stood} of {of} s: the heap is full, or far too busy.",
    ),
    explanation=Either(
        "filled",
        "By its own figures the collector collected the whole heap {times}{in_of}, {stood} s together, and behind the last of them the heap is {full:.0%} full. Hardly anything of the program runs in between{busy}. It goes on until whatever fills the heap is let go.{lost}",
        "By its own figures the collector made {long_pauses} in {of} s, {stood} s together. Nothing of the program runs meanwhile: time limits run out, and requests pile up. It goes on until whatever fills the heap is let go.{lost}",
    ),
    why="The collector's own figures have the pauses. What fills the heap it does not show.",
    do=DO,
    figures=(("{share}", "of the time in pauses"), ("{pauses}", Either("filled", "collections of the whole heap", "long pauses"))),
    ask=ASK,
    chain=(("what fills the heap", "leaves no room", ""), ("the garbage collector", "keeps everything still", "{spent}")),
    phrases={
        "busy": Either("dumped", ": busy threads in the dumps wait for memory"),
        "lost": Either(
            "silent",
            " {source} reports a wait of {silent:.1f} s that ran out with one of these pauses: the program did not run, and the network or the far side need not be the cause. A longer time limit hides it only.",
        ),
        "ran_out": "{source}: a wait of {silent:.1f} s ran out",
        "spent": Either("in_time", "{stood} of {of} s", "{stood} s together"),
        "filler": Either("filling", ", most of all of {filling}"),
        "in_of": Either("in_time", " in {of} s"),
    },
)


def findings(case: Case) -> Iterator[Finding]:
    """One for the log, of the only JVM if there is one."""
    incident = case.incident
    share = one_after_the_other(incident) or heavy(incident) or in_a_row(incident) or summed_up(incident)
    if share is not None:
        yield _finding(case, share)


def _finding(case: Case, share: Share) -> Finding:
    of_java = [view for view in case.latest if view.dump is not None and view.dump.runtime is Runtime.JVM]
    view = of_java[0] if len(of_java) == 1 else None
    doubt = Doubt("log-alone", say("whose log it is, it does not say"), Confidence.LIKELY)
    lost = run_out_in(case.incident, share.pauses)
    text = TEXT.filled(
        view.process if view is not None else None,
        source=lost.source if lost is not None else None,
        silent=(lost.figure("seconds") or 0.0) if lost is not None else 0.0,
        share=f"{share.stood / share.of:.0%}" if share.of else "",
        stood=tenths(share.stood),
        of=tenths(share.of),
        pauses=share.count or len(share.pauses),
        long_pauses=plural(share.count or len(share.pauses), "long pause"),
        times=plural(share.count or len(share.pauses), "time"),
        in_time=share.of,
        unmeasured=not any(counter.name == OLD_GENERATION for snapshot in case.incident.snapshots for counter in snapshot.counters),
        filled=share.full is not None,
        dumped=any(one.dump is not None for one in case.latest),
        full=share.full or 0.0,
        filling=filling(case) if share.full is not None else None,
    )
    return text.finding(
        severity=Severity.WARNING,
        confidence=Confidence.SUSPECTED if share.brief else Confidence.LIKELY,
        evidence=(share.evidence, *((Evidence(lost.where, text["ran_out"]),) if lost is not None else ())),
        chain=text.steps((), (share.evidence,)),
        doubts=(doubt,) if view is None else (),
    )
