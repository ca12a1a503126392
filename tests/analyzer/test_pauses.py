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


CMS = "2026-03-02T09:{minute:02}:{second:06.3f}+0000: {at}: [Full GC {at}: [CMS (concurrent mode failure): 3194303K->3194301K(3194304K), {s} secs] {before}K->{after}K(4081792K), [CMS Perm : 301121K->301121K(524288K)], {s} secs] [Times: user={s} sys=0.01, real={s} secs]"
PLAIN = "2026-03-02T09:{minute:02}:{second:06.3f}+0000: {at}: [Full GC (Allocation Failure)  {before}K->{after}K(4081792K), {s} secs]"
HISTOGRAM = """
 num     #instances         #bytes  class name
----------------------------------------------
   1:       8120007     1494400840  [C
   2:       7101118      218426832  java.lang.String
   3:        411840       58736640  org.eclipse.jetty.server.session.Session
"""


def picked(shape: str, every: float, s: float, after: int, count: int = 3) -> str:
    lines = []
    for number in range(count):
        time = 60.0 + number * every
        minute, second = divmod(time, 60)
        lines.append(shape.format(minute=int(minute), second=second, at=f"{9000 + time:.3f}", s=f"{s:.4f}", before=4_000_000, after=after))
    return "gc.log\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize("shape", [CMS, PLAIN])
def test_long_collections_one_after_the_other_of_a_full_heap(shape: str) -> None:
    (finding,) = found(diagnosis_of({"report.txt": picked(shape, 20.5, 19.8, 3_990_000) + HISTOGRAM}), "gc-thrash")
    assert finding.headline.startswith(
        "The garbage collector collects the whole heap again and again, 59 of 61 s, and frees next to nothing"
    )
    assert "most of all of org.eclipse.jetty.server.session.Session (411,840)" in finding.headline


@pytest.mark.parametrize(
    ("every", "s", "after", "count"),
    [(20.5, 19.8, 1_900_000, 3), (300.0, 19.8, 3_990_000, 3), (20.5, 19.8, 3_990_000, 1), (1.1, 1.05, 3_990_000, 3)],
)
def test_long_collections_that_free_much_or_come_seldom_are_no_full_heap(every: float, s: float, after: int, count: int) -> None:
    diagnosis = diagnosis_of({"report.txt": picked(CMS, every, s, after, count)})
    assert not [one for one in found(diagnosis, "gc-thrash") if "frees next to nothing" in one.headline]


YOUNG = (
    "[2026-03-04T06:{m:02}:00.000+0000][info][gc] GC({m}) Pause Young (Normal) (G1 Evacuation Pause) {before}M->{after}M(2048M) 12.500ms\n"
)
OLDER = "{m}.250: [GC (Allocation Failure) [PSYoungGen: 65536K->1024K(76288K)] {before}M->{after}M(2048M), 0.0125000 secs] [Times: user=0.02 sys=0.00, real=0.01 secs]\n"
SHORT = "2026-03-04T06:{m:02}:00.000+0000: {m}.250: [GC pause (G1 Evacuation Pause) (young) {before}M->{after}M(2048M), 0.0125000 secs]\n"
SAW = [410, 480, 560, 640, 420, 400, 470, 550, 630, 410]
RISE = [410, 480, 560, 640, 720, 800, 880, 960, 1040, 1100]


def heap_log(shape: str, after: list[int]) -> str:
    return "".join(shape.format(m=at + 1, before=1700, after=number) for at, number in enumerate(after))


def told(log: str) -> str:
    verdict = diagnosis_of({"gc.log": log}).verdict
    return f"{verdict.headline} {verdict.summary}"


@pytest.mark.parametrize("shape", [YOUNG, OLDER, SHORT])
def test_a_heap_that_comes_back_is_called_so(shape: str) -> None:
    text = told(heap_log(shape, SAW))
    assert "behind each of 10 collections that the log shows the heap holds 400 to 640 MiB of 2,048 MiB" in text
    assert "the longest pause took 12 ms, and no collection was of the whole heap" in text
    assert "of a leak this span shows no sign" in text


def test_short_pauses_of_a_heap_that_comes_back_are_nothing_wrong() -> None:
    assert diagnosis_of({"gc.log": heap_log(YOUNG, SAW)}).verdict.calm
    remark = "[2026-03-04T06:11:00.000+0000][info][gc] GC(11) Pause Remark 620M->610M(2048M) {ms}ms\n"
    short = heap_log(YOUNG, SAW) + remark.format(ms="23.904")
    assert "the longest pause took 24 ms" in told(short)
    assert diagnosis_of({"gc.log": short}).verdict.calm
    assert not diagnosis_of({"gc.log": heap_log(YOUNG, SAW) + remark.format(ms="823.904")}).verdict.calm
    assert not diagnosis_of({"gc.log": heap_log(YOUNG, RISE)}).verdict.calm
    picked_lines = "$ grep 'Pause Young' gc.log\n" + heap_log(YOUNG, SAW).partition("\n")[2]
    assert not diagnosis_of({"session.txt": picked_lines}).verdict.calm
    assert diagnosis_of({"session.txt": picked_lines.replace("grep 'Pause Young'", "cat")}).verdict.calm


def test_a_heap_that_rises_is_not_called_healthy() -> None:
    text = told(heap_log(YOUNG, RISE))
    assert "no sign" not in text
    assert "goes from 410 to 800 MiB" in text


@pytest.mark.parametrize(
    "besides",
    [STAMP.format(m=20, s=0, n=20, ms=90.0), "[2026-03-04T06:21:00.000+0000][info][gc] GC(21) To-space exhausted\n"],
)
def test_trouble_of_the_collector_is_no_room(besides: str) -> None:
    assert "no sign" not in told(heap_log(YOUNG, SAW) + besides)


def test_few_collections_show_nothing() -> None:
    assert "no sign" not in told(heap_log(YOUNG, SAW[:4]))
    assert "no sign" not in told(heap_log(YOUNG, [number + 1300 for number in SAW]))


def test_a_piece_of_a_log_in_which_nothing_is_freed_is_a_suspicion() -> None:
    beside = {
        "jstat.txt": "  S0     S1     E      O      M     CCS    YGC     YGCT    FGC    FGCT     GCT\n  0.00   0.00 100.00 100.00  97.1   93.2     40    0.310    900   11.200   11.510\n"
    }
    (finding,) = found(diagnosis_of({"gc.log": row(3, 0.05, 48.0, after=61)}), "gc-thrash")
    assert finding.confidence is Confidence.SUSPECTED
    assert "0.144 of 0.148 s" in finding.headline
    assert [one.artifact for one in finding.missing] == ["jstat -gcutil over some seconds"]
    (measured,) = found(diagnosis_of({"gc.log": row(200, 0.05, 35.0), **beside}), "gc-thrash")
    assert not measured.missing


@pytest.mark.parametrize(
    ("count", "every", "after"),
    [(2, 0.05, 61), (3, 0.2, 61), (3, 0.05, 40), (3, 0.05, 57)],
    ids=["two", "apart", "empty", "some are freed"],
)
def test_a_few_collections_on_demand_are_none(count: int, every: float, after: int) -> None:
    assert not found(diagnosis_of({"gc.log": row(count, every, 48.0, after=after)}), "gc-thrash")
