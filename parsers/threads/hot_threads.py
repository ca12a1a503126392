"""Elasticsearch's and OpenSearch's hot threads, ``GET _nodes/hot_threads``: the busiest threads of each node, with samples of their stacks.

    ::: {node-7}{Qk3nsMaUSu26wb8m1fNA}{BPdvRYE1TAW4UDI}{10.0.0.14}{10.0.0.14:9300}{dim}
       Hot threads at 2026-06-15T13:00:11.231Z, interval=500ms, busiestThreads=3, ignoreIdleThreads=true:

       98.2% [cpu=97.1%, other=1.1%] (491ms out of 500ms) cpu usage by thread 'elasticsearch[node-7][write][T#2]'
         8/10 snapshots sharing following 3 elements
           app//org.elasticsearch.index.engine.InternalEngine.index(InternalEngine.java:871)
           app//org.elasticsearch.threadpool.ThreadPool$1.run(ThreadPool.java:61)
           java.base@17.0.9/java.lang.Thread.run(Thread.java:840)
         2/10 snapshots sharing following 1 elements
           java.base@17.0.9/java.lang.Thread.run(Thread.java:840)

A sample of busy threads, no dump: threads that wait are not in it, and neither states nor locks are said. Of a thread the stack that most samples share is
kept. ``wait`` and ``block usage`` name threads that wait and block most. Written after Elasticsearch's manual and public reports, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack, frame_of

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "hot_threads"
SHOWS: Final = frozenset({Shows.THREADS})
HEADER: Final = r"(?!)"
_USAGE: Final = r"\d[\d.]{0,8}% [\[(][^\n]{1,200} usage by thread '"
ROW_SHAPE: Final = rf"::: \{{[^}}\n]{{1,300}}\}}\{{|[ ][ ]*+(?:Hot threads at \d{{4}}-|{_USAGE})|Hot threads at \d{{4}}-|{_USAGE}"
_node = lazy(r"\s*::: (?:\[[^\]\n]{1,300}\]\[|\{[^}\n]{1,300}\}).*$").match
_taken = lazy(r"\s*Hot threads at (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[\d.,]*(?:Z|[+-]\d\d:?\d\d)?(?:, .*)?$").match
_usage = lazy(
    r"\s*(?P<percent>\d{1,5}(?:\.\d+)?)% (?:\[[^\]\n]{0,200}\] )?\([^)\n]{0,100}\) (?P<what>cpu|wait|block|mem) usage by thread '(?P<name>.{1,500})'\s*$"
).match
_spent = lazy(r"[^(\n]*\((?P<used>\d{1,9}(?:\.\d{1,9})?(?:micros|ms|s)) out of (?P<of>\d{1,9}(?:\.\d{1,9})?(?:ms|s|m))\) cpu usage").match
_UNITS: Final = {"micros": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_shared = lazy(r"\s*(?P<some>\d{1,4})/\d{1,4} snapshots? sharing following \d{1,5} elements\s*$").match
_unique = lazy(r"\s*unique snapshot\s*$").match


def sniff(head: Sequence[str]) -> bool:
    """True if a thread with its usage, or the heading of a node, is among the lines."""
    return any(_usage(line) or _taken(line) for line in head)


def _seconds(text: str) -> float:
    """``499.1ms`` in seconds."""
    digits = text.rstrip("micros")
    return float(digits) * _UNITS[text[len(digits) :]]


def parse(section: Section) -> Parsed:
    """The threads of all nodes as one piece of a dump: their names tell the node."""
    reader = _Reader(section)
    unread = [(index, "no line of hot threads") for index, line in section.rows() if not reader.take(index, line)]
    dumps = reader.end()
    gaps, elisions = leftovers(section, unread)
    return Parsed((*dumps, *elisions), section.nonblank - sum(gap.lines for gap in gaps), gaps)


class _Reader:
    """One pass over a section: the open thread with the stack of its commonest sample."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.threads: list[Thread] = []
        self.time: str | None = None
        self.name: str | None = None
        self.first = 0
        self.used: tuple[float, float] | None = None
        """Seconds of processor time that the open thread took, of so many."""
        self.samples: list[tuple[int, Stack]] = []

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is none of these."""
        if match := _usage(line):
            self._close()
            self.name, self.first = match["name"], index
            spent = _spent(line) if match["what"] == "cpu" else None
            self.used = (_seconds(spent["used"]), _seconds(spent["of"])) if spent is not None else None
        elif match := _taken(line):
            self._close()
            self.time = self.time or match["time"]
        elif _node(line):
            self._close()
        elif self.name is None:
            return False
        elif match := _shared(line):
            self.samples.append((int(match["some"]), Stack(self.section, self.first, index)))
        elif _unique(line):
            self.samples.append((1, Stack(self.section, self.first, index)))
        elif self.samples and (frame := frame_of(line)) is not None:
            self.samples[-1][1].frame(frame, index)
        else:
            return False
        return True

    def _close(self) -> None:
        if self.name is not None:
            best = max(self.samples, key=lambda sample: (bool(sample[1].frames), sample[0]), default=(0, Stack(self.section, self.first)))
            cpu, elapsed = self.used or (None, None)
            self.threads.append(best[1].thread(name=self.name, cpu=cpu, elapsed=elapsed))
        self.name, self.samples = None, []

    def end(self) -> tuple[ThreadDump, ...]:
        """What was read; nothing if no thread was busy."""
        self._close()
        if not self.threads:
            return ()
        first, last = self.threads[0].where.first - self.section.first, self.threads[-1].where.last - self.section.first
        where = self.section.where(first, last)
        return (ThreadDump(where=where, dialect=NAME, threads=tuple(self.threads), time=self.time, fragment=True, sampled=True),)
