"""How full a heap is, by every collector, and what is said of it."""

from __future__ import annotations

import pytest

from analyzer.judge.host_load import of_host
from parsers import FORMATS, outputs, recognise
from parsers.process import heap_info
from parsers.records import Counter
from parsers.records.process_records import HEAP_COMMITTED, HEAP_MOST, HEAP_USED
from parsers.text.source import Section, Source
from tests.builders import dump, evidence_of, thread
from tests.parsers.test_properties import check

CLASSES = " Metaspace       used 130K, committed 320K, reserved 1114112K\n  class space    used 4K, committed 128K, reserved 1048576K\n"
G1 = " garbage-first heap   total 147456K, used 42283K [0x00000000f0000000, 0x0000000100000000)\n  region size 1024K, 1 young (1024K), 0 survivors (0K)\n"
G1_NEW = "garbage-first heap   total reserved 262144K, committed 147456K, used 42921K [0x00000000f0000000, 0x0000000100000000)\n region size 1024K, 1 young (1024K), 0 survivors (0K)\n"
PARALLEL = """ PSYoungGen      total 76288K, used 2621K [0x00000000fab00000, 0x0000000100000000, 0x0000000100000000)
  eden space 65536K, 4% used [0x00000000fab00000,0x00000000fad8f5f0,0x00000000feb00000)
  from space 10752K, 0% used [0x00000000feb00000,0x00000000feb00000,0x00000000ff580000)
  to   space 10752K, 0% used [0x00000000ff580000,0x00000000ff580000,0x0000000100000000)
 ParOldGen       total 175104K, used 20929K [0x00000000f0000000, 0x00000000fab00000, 0x00000000fab00000)
  object space 175104K, 11% used [0x00000000f0000000,0x00000000f1470630,0x00000000fab00000)
"""
SERIAL = """ def new generation   total 78656K, used 2798K [0x00000000f0000000, 0x00000000f5550000, 0x00000000f5550000)
  eden space 69952K,   4% used [0x00000000f0000000, 0x00000000f02bb880, 0x00000000f4450000)
  from space 8704K,   0% used [0x00000000f4450000, 0x00000000f4450000, 0x00000000f4cd0000)
  to   space 8704K,   0% used [0x00000000f4cd0000, 0x00000000f4cd0000, 0x00000000f5550000)
 tenured generation   total 174784K, used 20929K [0x00000000f5550000, 0x0000000100000000, 0x0000000100000000)
   the space 174784K,  11% used [0x00000000f5550000, 0x00000000f69c0630, 0x00000000f69c0800, 0x0000000100000000)
"""
ZGC = " ZHeap           used 44M, capacity 128M, max capacity 256M\n"
ZGC_NEW = "ZHeap            used 46M, capacity 256M, max capacity 256M\n Cache           210M (1)\n  size classes   128M (1)\n"
SHENANDOAH = """Shenandoah Heap
 256M max, 256M soft max, 200M committed, 21278K used
 1024 x 256K regions
Status: not cancelled
Reserved region:
 - [0x00000000f0000000, 0x0000000100000000)
Collection set:
 - map (vanilla): 0x0000000000013c00
 - map (biased):  0x0000000000010000

"""


@pytest.mark.parametrize(
    ("text", "used", "committed"),
    [
        (G1, 42283, 147456),
        (G1_NEW, 42921, 147456),
        (PARALLEL, 2621 + 20929, 76288 + 175104),
        (SERIAL, 2798 + 20929, 78656 + 174784),
        (ZGC, 44 * 1024, 128 * 1024),
        (ZGC_NEW, 46 * 1024, 256 * 1024),
        (SHENANDOAH, 21278, 200 * 1024),
    ],
)
def test_every_collector_has_the_same_most(text: str, used: int, committed: int) -> None:
    text = f"14473:\n{text}{CLASSES}"
    section = Section("x", 1, text.splitlines())
    assert recognise(section) is heap_info
    assert [form.NAME for form in FORMATS if form.sniff(text.splitlines())] == [heap_info.NAME]
    parsed = check(heap_info, section)
    assert not parsed.unread
    found = {one.name: one.value for one in parsed.records if isinstance(one, Counter)}
    assert found == {HEAP_USED: used * 1024, HEAP_COMMITTED: committed * 1024, HEAP_MOST: 256 * 1024**2}


def said(files: dict[str, str]) -> str:
    incident = evidence_of(files).incident
    return " ".join(sentence for snapshot in incident.snapshots for sentence in of_host(incident, snapshot))


def test_the_share_is_of_the_most_and_not_of_what_is_committed() -> None:
    assert "heap is 16 % full: 41 of the 256 MiB that it may have at most, garbage that is not collected yet included" in said(
        {"heap.txt": f"14473:\n{G1}{CLASSES}"}
    )
    # Of two tables nobody knows whether they are of one process.
    assert "heap is" not in said({"heap.txt": f"14473:\n{G1}{CLASSES}\n14516:\n{PARALLEL}{CLASSES}"})


def test_the_heap_below_a_dump_belongs_to_it() -> None:
    text = dump(thread("a", "RUNNABLE", "a.B.c")) + f"\nHeap\n{G1}{CLASSES}\n"
    assert [output.form.NAME for output in outputs(Source("x", text.encode())) if output.form] == ["hotspot"]
