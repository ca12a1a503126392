"""Pauses of a collector in its own log: what they are a cause of, and where they are ordinary."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence
from tests.builders import PARK, diagnosis_of, dump, found, thread

STAMP = "[2026-03-04T06:{m:02}:{s:02}.000+0000][info][gc] GC({n}) Pause Full (G1 Compaction Pause) 4021M->4011M(4096M) {ms:.3f}ms\n"
ONE = {"jstack.txt": dump(thread("desk-1", "WAITING (parking)", *PARK, "net.moor.Desk.wait"), time="2026-03-04 06:01:30")}


def log(count: int, every: int, ms: float) -> str:
    return "".join(STAMP.format(m=n * every // 60, s=n * every % 60, n=n, ms=ms) for n in range(count))


@pytest.mark.parametrize("beside", [{}, ONE], ids=["alone", "with a dump"])
def test_pauses_that_take_much_of_the_time_are_the_trouble(beside: dict[str, str]) -> None:
    diagnosis = diagnosis_of({"gc.log": log(20, 4, 3100.0), **beside})
    (finding,) = found(diagnosis, "gc-thrash")
    assert finding.confidence is Confidence.LIKELY
    assert "62 of 79 s" in finding.headline
    assert diagnosis.verdict.rule == "gc-thrash"
    assert finding.evidence[0].more == 19


@pytest.mark.parametrize(("count", "every", "ms"), [(20, 30, 1200.0), (3, 4, 3100.0), (6, 2, 1100.0)], ids=["rare", "few", "at the start"])
def test_a_collector_that_keeps_up_is_no_trouble(count: int, every: int, ms: float) -> None:
    diagnosis = diagnosis_of({"gc.log": log(count, every, ms), **ONE})
    assert not found(diagnosis, "gc-thrash")


def row(count: int, every: float, ms: float, after: int = 60, first: float = 100.0, shape: str = "unified") -> str:
    """Short collections of the whole heap, one after the other."""
    lines = []
    for n in range(count):
        at = first + n * every
        if shape == "unified":
            lines.append(f"[{at:.3f}s][info][gc] GC({n}) Pause Full (Allocation Failure) 61M->{after}M(61M) {ms:.3f}ms")
        else:
            heap = f"[PSYoungGen: 9216K->9216K(9216K)] [ParOldGen: 52224K->52224K(52224K)] 61440K->{after * 1024}K(61440K)"
            lines.append(f"{at:.3f}: [Full GC (Ergonomics) {heap}, [Metaspace: 1392K->1392K(1600K)], {ms / 1000:.7f} secs]")
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("shape", ["unified", "old"])
@pytest.mark.parametrize("beside", [{}, ONE], ids=["alone", "with a dump"])
def test_short_collections_that_free_nothing_are_the_trouble(beside: dict[str, str], shape: str) -> None:
    diagnosis = diagnosis_of({"gc.log": row(200, 0.05, 35.0, shape=shape), **beside})
    (finding,) = found(diagnosis, "gc-thrash")
    assert diagnosis.verdict.rule == "gc-thrash"
    assert "7 of 10 s" in finding.headline
    assert "200 times" in finding.explanation


def test_a_quiet_hour_before_is_no_part_of_the_row() -> None:
    (finding,) = found(
        diagnosis_of({"gc.log": row(20, 60.0, 35.0, first=10.0, after=40) + row(200, 0.05, 35.0, first=5000.0)}), "gc-thrash"
    )
    assert "of 10 s" in finding.headline


AFTER = "".join(
    f"[{200 + n}.000s][info][gc] GC({300 + n}) Pause Young (Normal) (G1 Evacuation Pause) 30M->20M(61M) 1.000ms\n" for n in range(500)
)


@pytest.mark.parametrize(
    "text",
    [row(200, 1.0, 35.0), row(200, 0.05, 35.0, after=20), row(9, 0.6, 500.0), row(40, 0.05, 35.0), row(200, 0.05, 35.0) + AFTER],
    ids=["rare", "frees much", "few", "short", "over"],
)
def test_collections_that_keep_up_are_no_trouble(text: str) -> None:
    assert not found(diagnosis_of({"gc.log": text, **ONE}), "gc-thrash")
