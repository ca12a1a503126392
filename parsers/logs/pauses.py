r"""Lines about moments in which a virtual machine stood still: collections of garbage, safepoints, watchdogs that were late themselves.

    [2026-11-28T15:12:20.123+0000][812.345s][info][gc] GC(12) Pause Full (G1 Compaction Pause) 4021M->3990M(4096M) 14235.123ms
    91879.513: [Full GC 91879.513: [CMS (concurrent mode failure): 4194303K->4194303K(4194304K), 25.7 secs] 6081791K->5911800K(6081792K), [CMS Perm : … ], 25.7720 secs]
    812.345: [Full GC (Ergonomics) [PSYoungGen: 1024K->0K(9216K)] … , 14.2351234 secs] [Times: user=14.20 sys=0.01, real=14.24 secs]
    Total time for which application threads were stopped: 14.2351234 seconds, Stopping threads took: 0.0001 seconds
    Safepoint "G1CollectFull", Time since last: 1000000 ns, Reaching safepoint: 2000 ns, Cleanup: 1 ns, At safepoint: 1 ns, Total: 14235123456 ns
    [gc][old][81223][412] duration [11.9s], collections [1]/[12.2s], total [11.9s]/[1.3h], memory [30.9gb]->[30.8gb]/[31gb]
    WARN JvmPauseMonitor: Detected pause in JVM or host machine (eg GC): pause of approximately 14235ms

Nothing of the program ran meanwhile, so limits of time that are shorter ran out. Short pauses are ordinary and no record, but for collections of the
whole heap: one after the other they are a heap that is full.

    [9.478s][info][gc] GC(169) Pause Full (Allocation Failure) 61M->61M(61M) 52.639ms
"""

from __future__ import annotations

import re
from typing import Final

from parsers.logs.lines import Shape
from parsers.records import LogKind

LONG: Final = 1.0
"""Seconds from which on a pause is a record."""


def _shape(source: str, word: str, pattern: str) -> Shape:
    return Shape(source, LogKind.PAUSE, word, re.compile(pattern), loud=False, least=LONG)


_SECONDS: Final = r"(?P<s>\d{1,9}[.,]\d{1,9})"
_HEAP: Final = r"(?P<before>\d{1,12})[KMG]->(?P<after>\d{1,12})[KMG]\((?P<size>\d{1,12})[KMG]\)"
SHAPES: Final = (
    _shape(
        "garbage collector",
        " Pause ",
        r"GC\(\d{1,9}\) Pause (?P<subject>[A-Z][\w ]{1,40}\w)(?: \([^\n]{1,80}?\))?(?: (?P<before>\d{1,9})M->(?P<after>\d{1,9})M\((?P<size>\d{1,9})M\))? (?P<ms>\d{1,9}[.,]\d{1,6})ms\s*$",
    ),
    _shape(
        "virtual machine", "application threads were stopped", rf"Total time for which application threads were stopped: {_SECONDS} seconds"
    ),
    _shape("virtual machine", "Reaching safepoint", r"Safepoint \"(?P<subject>\w{1,80})\", [^\n]{0,300}Total: {1,20}(?P<ns>\d{1,18}) ns"),
    _shape(
        "garbage collector",
        "[Full GC",
        rf"\[(?P<subject>Full GC)\b[^\n]{{0,600}}?[\])C] {{1,2}}{_HEAP}, (?:\[[^\n]{{0,600}}?, )?{_SECONDS} secs\](?: \[Times: [^\]\n]{{1,80}}\])?\s*$",
    ),
    _shape(
        "garbage collector", " GC", rf"\[(?P<subject>Full GC|GC)\b[^\n]{{0,2000}}, {_SECONDS} secs\](?: \[Times: [^\]\n]{{1,80}}\])?\s*$"
    ),
    _shape(
        "virtual machine",
        "pause of approximately",
        r"Detected pause in JVM or host machine[^\n]{0,60}pause of approximately (?P<ms>\d{1,12})ms",
    ),
    _shape(
        "garbage collector",
        " GC in ",
        r"(?P<subject>[\w ]{1,40}) GC in (?P<ms>\d{1,12})ms(?:\. {1,2}[\w ]{0,24}Old Gen: (?P<before>\d{1,15}) -> (?P<after>\d{1,15}))?",
    ),
    _shape(
        "garbage collector",
        "overhead, spent [",
        r"\[gc\]\[\d{1,12}\] overhead, spent \[(?P<s>\d{1,6}(?:\.\d{1,3})?)s\] collecting in the last \[(?P<of>\d{1,6}(?:\.\d{1,3})?)s\]",
    ),
    _shape(
        "garbage collector",
        "] duration [",
        r"\[gc\]\[(?P<subject>old|young)\]\[\d{1,12}\]\[\d{1,12}\] duration \[(?P<s>\d{1,6}(?:\.\d{1,3})?)s\], collections \[\d{1,9}\]/\[(?P<of>\d{1,6}(?:\.\d{1,3})?)s\]"
        r"(?:[^\n]{0,80}?, memory \[\d{1,6}(?:\.\d)?gb\]->\[(?P<after>\d{1,6}(?:\.\d)?)gb\]/\[(?P<size>\d{1,6}(?:\.\d)?)gb\])?",
    ),
    Shape(  # short ones, which matter only in a row: how many in what time, and how full the heap is behind them
        "garbage collector",
        LogKind.COLLECTED,
        " Pause Full",
        re.compile(
            rf"(?:\[(?P<at>\d{{1,9}}[.,]\d{{3}})s\][^\n]{{0,200}}?)?GC\(\d{{1,9}}\) Pause Full(?: \([^\n]{{1,80}}?\))? {_HEAP} (?P<ms>\d{{1,9}}[.,]\d{{1,6}})ms\s*$"
        ),
        loud=False,
    ),
    Shape(
        "garbage collector",
        LogKind.COLLECTED,
        "[Full GC",
        re.compile(rf"(?:(?P<at>\d{{1,9}}[.,]\d{{3}}): )?\[Full GC\b[^\n]{{0,600}}?\] {_HEAP}, \[[^\n]{{0,300}}?{_SECONDS} secs\]"),
        loud=False,
    ),
)
