r"""How full a JVM's heap is: ``jcmd PID GC.heap_info``, of G1, Parallel, Serial, ZGC and Shenandoah.

    14473:
     garbage-first heap   total 147456K, used 42283K [0x00000000f0000000, 0x0000000100000000)
      region size 1024K, 1 young (1024K), 0 survivors (0K)
     Metaspace       used 74K, committed 320K, reserved 1114112K
      class space    used 3K, committed 128K, reserved 1048576K

``total`` is what the heap has from the system now (committed), without the second survivor space where there are two; how far it may grow (``-Xmx``) are the addresses: from the first to the last.
ZGC and Shenandoah say it in words. What is used counts garbage as well, until it is collected. The classes (Metaspace) are no part of the heap.
Captured from JDK 17 and 25. A dump of the threads on the console ends in the same lines: there they belong to the dump.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Counter, Parsed
from parsers.records.process_records import HEAP_COMMITTED, HEAP_MOST, HEAP_USED
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "heap_info"
SHOWS: Final = frozenset({Shows.PROCESS})
_PART: Final = (
    r"[ ]?(?:garbage-first heap|PSYoungGen|ParOldGen|PSOldGen|def new generation|tenured generation|par new generation)[ ]+total[ ]"
)
HEADER: Final = rf"\d{{1,10}}:\n(?:{_PART}|[ ]?ZHeap[ ]+used[ ]|Shenandoah Heap$)"
ROW_SHAPE: Final = r"(?!)"
_part = lazy(
    rf"{_PART}(?:reserved (?P<reserved>\d{{1,15}}[KMG]), committed )?(?P<total>\d{{1,15}}[KMG]), used (?P<used>\d{{1,15}}[KMG])[ ]*"
    r"\[(?P<low>0x[0-9a-f]{1,16}), ?(?:0x[0-9a-f]{1,16}, ?)?(?P<high>0x[0-9a-f]{1,16})\)\s*$"
).match
_zgc = lazy(r"[ ]?ZHeap[ ]+used (?P<used>\d{1,15}[KMG]), capacity (?P<total>\d{1,15}[KMG]), max capacity (?P<most>\d{1,15}[KMG])\s*$").match
_shenandoah = lazy(
    r"[ ](?P<most>\d{1,15}[BKMG]) max, (?:\d{1,15}[BKMG] soft max, )?(?P<total>\d{1,15}[BKMG]) committed, (?P<used>\d{1,15}[BKMG]) used\s*$"
).match
_other = lazy(
    r"\d{1,10}:\s*$|Shenandoah Heap\s*$|[ ]*(?:Metaspace|class space)[ ]+used[ ]|[ ]*(?:region size|eden space|from space|to[ ]+space|object space|the space|size classes|Cache)[ ]"
    r"|[ ]\d{1,12} x \d{1,12}[BKMG] regions|Status: |Reserved region:|Collection set:|[ ]-[ ](?:\[0x|map[ ])|[ ]+(?:Young|Old)[ ][Gg]eneration[ ]"
).match
_UNITS: Final = {"B": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def sniff(head: Sequence[str]) -> bool:
    """True if a heap, or a generation of one, with its size and use is among the lines."""
    return any(_part(line) or _zgc(line) or _shenandoah(line) for line in head)


def parse(section: Section) -> Parsed:
    """What is used, what the heap has now, and what it may have at most, of all generations together."""
    sums = dict.fromkeys((HEAP_USED, HEAP_COMMITTED, HEAP_MOST), 0)
    unread: list[tuple[int, str]] = []
    first: int | None = None
    read = 0
    for index, line in section.rows():
        if (match := _part(line) or _zgc(line) or _shenandoah(line)) is not None:
            cells = match.groupdict()
            first = index if first is None else first
            sums[HEAP_USED] += _bytes(cells["used"])
            sums[HEAP_COMMITTED] += _bytes(cells["total"])
            most = cells.get("most") or cells.get("reserved")
            sums[HEAP_MOST] += _bytes(most) if most else int(cells["high"], 16) - int(cells["low"], 16)
        elif not _other(line):
            unread.append((index, "no line of a heap"))
            continue
        read += 1
    found = (Counter(section.where(first), name, value) for name, value in sums.items()) if first is not None else ()
    gaps, elisions = leftovers(section, unread)
    return Parsed((*found, *elisions), read + len(elisions), gaps)


def _bytes(cell: str) -> int:
    return int(cell[:-1]) * _UNITS[cell[-1]]
