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
