"""Figures of jstat: what the collector did between the first row and the last one."""

from __future__ import annotations

import pytest

from parsers import FORMATS
from parsers.process import jstat
from parsers.records import LogEvent, LogKind
from parsers.text.source import Section
from tests.builders import diagnosis_of, found
from tests.parsers.test_properties import check

UTIL = """  S0     S1     E      O      M     CCS    YGC     YGCT     FGC    FGCT     CGC    CGCT       GCT
  0.00   0.00  64.52  99.77  41.55   2.98      2     0.013  2839     2.395     -         -     2.410
  0.00   0.00  64.52  99.77  41.55   2.98      2     0.013  3302     2.792     -         -     2.806
  0.00   0.00  64.52  99.77  41.55   2.98      2     0.013  4358     3.583     -         -     3.597
"""
CAUSE = """  S0     S1     E      O      M     CCS    YGC     YGCT     FGC    FGCT     CGC    CGCT       GCT    LGCC                 GCC
  0.00   0.00  64.52  99.77  41.55   2.98      2     0.013  5570     5.225     -         -     5.239 Allocation Failure   Ergonomics
  0.00   0.00  64.52  99.77  41.55   2.98      2     0.013  6456     6.013     -         -     6.026 Allocation Failure   No GC
"""
SIZES = """Timestamp           S0C         S1C         S0U         S1U          EC           EU           OC           OU          MC         MU       CCSC      CCSU     YGC     YGCT     FGC    FGCT     CGC    CGCT       GCT
            4.8      2560.0      2560.0         0.0         0.0      16384.0      10571.2      44032.0      43931.5      320.0      133.0     128.0       3.8      2     0.013  4424     3.713     -         -     3.727
            6.3      2560.0      2560.0         0.0         0.0      16384.0      10571.2      44032.0      43931.5      320.0      133.0     128.0       3.8      2     0.013  5401     4.968     -         -     4.982
"""
OLD = """  S0     S1     E      O      P     YGC     YGCT    FGC    FGCT     GCT
 12,50   0,00  31,20  41,07  59,11    812   12,311     3    0,912   13,223
 12,50   0,00  88,20  41,07  59,11    812   12,311     3    0,912   13,223
"""


def event(text: str) -> LogEvent | None:
    return next((one for one in check(jstat, Section("x", 1, text.splitlines())).records if isinstance(one, LogEvent)), None)


@pytest.mark.parametrize(
    ("text", "collections", "seconds"), [(UTIL, 1519, 1.188), (CAUSE, 886, 0.788), (SIZES, 977, 1.255)], ids=["util", "cause", "sizes"]
)
def test_collections_between_the_rows(text: str, collections: int, seconds: float) -> None:
    found_event = event(text)
    assert found_event is not None
    assert found_event.kind is LogKind.PAUSE
    assert (found_event.figure("collections"), found_event.figure("seconds")) == (collections, seconds)
    assert round(found_event.figure("percent") or 0) == 100
    assert [form.NAME for form in FORMATS if form.sniff(text.splitlines())] == [jstat.NAME]


def test_the_time_is_that_of_the_stamps_or_of_the_command() -> None:
    stamped = event(SIZES)
    assert stamped is not None
    assert stamped.figure("of") == 1.5
    assert event(UTIL).figure("of") is None  # type: ignore[union-attr]
    told = event("jstat -gcutil 3122 1000 3\n" + UTIL)
    assert told is not None
    assert told.figure("of") == 2.0


def test_rows_without_a_collection_are_no_event() -> None:
    assert event(OLD) is None


def test_what_a_concurrent_collector_does_beside_the_program_is_no_pause() -> None:
    concurrent = UTIL.replace("-         -     2.410", "4     0.100     2.510").replace("-         -     3.597", "9     9.100    12.697")
    found_event = event(concurrent.replace("-         -     2.806", "5     1.100     3.906"))
    assert found_event is not None
    assert found_event.figure("seconds") == 1.188


def test_a_heap_that_is_full_is_told() -> None:
    finding = found(diagnosis_of({"jstat.txt": "jstat -gcutil 3122 1000 3\n" + UTIL}), "gc-thrash")[0]
    assert finding.headline.startswith(
        "The garbage collector collects the whole heap again and again, 1.2 of 2 s, and frees next to nothing"
    )
    assert "1519 times" in finding.explanation or "1,519 times" in finding.explanation
    assert not found(diagnosis_of({"jstat.txt": OLD}), "gc-thrash")


def test_without_an_interval_the_sum_is_told() -> None:
    assert "again and again, 1.2 s together" in found(diagnosis_of({"jstat.txt": UTIL}), "gc-thrash")[0].headline


def test_collections_that_free_the_heap_are_no_trouble() -> None:
    freed = UTIL.replace("99.77", "31.20")
    assert not found(diagnosis_of({"jstat.txt": freed}), "gc-thrash")


WATCH = (
    "[2026-02-03T10:21:11,401][WARN ][o.e.m.j.JvmGcMonitorService] [heron-1] [gc][old][81223][412] duration [11.9s], collections [1]/[12.2s], "
    "total [11.9s]/[1.3h], memory [30.9gb]->[30.8gb]/[31gb], all_pools {[young] [1.4gb]->[1.3gb]/[1.4gb]}\n"
    "[2026-02-03T10:21:25,901][WARN ][o.e.m.j.JvmGcMonitorService] [heron-1] [gc][81224] overhead, spent [13.1s] collecting in the last [13.6s]\n"
)


def test_two_lines_of_a_watch_are_told_together() -> None:
    finding = found(diagnosis_of({"es.log": WATCH}), "gc-thrash")[0]
    assert "12 of 12 s" in finding.headline
    assert "99% full" in finding.explanation
    assert not found(diagnosis_of({"es.log": WATCH.replace("[13.1s]", "[1.1s]").replace("[11.9s]", "[0.9s]")}), "gc-thrash")
