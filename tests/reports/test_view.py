"""Words, numbers and orders of the view."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from analyzer.model.finding import Basis, CloseWait, Confidence, Link
from analyzer.model.timeline import DescriptorLimit, FlowMark, Moment, Patience
from reports.formats.budget import Block, fit
from reports.view import tables
from reports.view.ladder import ladder
from reports.view.wording import count, doing, in_words, listed, names_pattern, number, seconds, size, span, text_of, words
from tests.reports import diagnoses, parts
from tests.reports.rendering import seen


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        (None, None, ""),
        ("2026-11-23T12:27:08", None, "2026-11-23 12:27:08, no zone given"),
        ("2026-11-23T12:27:08Z", "2026-11-23T12:27:08Z", "2026-11-23 12:27:08 UTC"),
        ("2026-11-23T12:27:08+09:00", "2026-11-23T12:30:00+09:00", "2026-11-23 12:27:08 to 12:30:00 UTC+09:00"),
        ("2026-11-23T23:59:00", "2026-11-24T00:01:00", "2026-11-23 23:59:00 to 2026-11-24 00:01:00, no zone given"),
        ("2026-11-23T12:27:08.123456+00:00", None, "2026-11-23 12:27:08 UTC"),
        ("yesterday", None, "yesterday"),
    ],
)
def test_times_carry_a_zone_only_if_the_evidence_does(first: str | None, last: str | None, shown: str) -> None:
    assert span(first, last) == shown


def test_numbers_and_lists() -> None:
    assert number(4_023) == "4,023"
    assert [count(1, "file"), count(2, "file"), count(0, "entry", "entries")] == ["1 file", "2 files", "0 entries"]
    assert [in_words(0), in_words(12), in_words(13)] == ["no", "twelve", "13"]
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcdefgh"), 3) == "a, b, c and 5 more"
    assert [size(1), size(999), size(48_656), size(2_000_000)] == ["1 byte", "999 bytes", "48.7 kB", "2.0 MB"]
    assert [seconds(0.25), seconds(4.0), seconds(5.2), seconds(600), seconds(7_200)] == ["250 ms", "4 s", "5.2 s", "10 min", "2.0 h"]


def test_identifiers_are_set_apart_from_prose() -> None:
    pattern = names_pattern(["pool-1", "main", "pool-10"])
    pieces = words("main of pool-10 waits in com.example.Foo$1.bar(Foo.java:12), Tomcat 10.1. End", pattern)
    assert [piece.text for piece in pieces if piece.kind == "code"] == ["pool-10", "com.example.Foo$1.bar(Foo.java:12)"]
    assert text_of(pieces) == "main of pool-10 waits in com.example.Foo$1.bar(Foo.java:12), Tomcat 10.1. End"


def test_of_two_names_the_longer_is_found() -> None:
    names = ["-".join(["pool", *map(str, range(1, length))]) for length in range(2, 12)]
    (piece,) = words(names[-1], names_pattern(names))
    assert (piece.text, piece.kind) == (names[-1], "code")


def test_evidence_is_numbered_and_the_chain_points_to_it() -> None:
    case = seen(diagnoses.self_call()).cases[0]
    assert [proof.id for proof in case.proofs] == ["E1", "E2", "E3", "E4", "E5", "E6"]
    assert [node.proofs for node in case.chain] == [("E1",), ("E2", "E3"), ("E4", "E5")]
    assert [node.note for node in case.chain] == ["8 of 8 busy", "8 of 8 busy", ""]
    assert case.proofs[0].place == "app01/jstack.txt:140-148"
    assert case.proofs[0].more == "and 7 more"


def test_evidence_that_only_the_chain_names_is_shown_too() -> None:
    finding = replace(parts.SELF_CALL, evidence=(parts.E1,))
    case = seen(replace(diagnoses.self_call(), findings=(finding,))).cases[0]
    assert [text_of(proof.says) for proof in case.proofs][1:] == [item.says for item in (parts.E2, parts.E3, parts.E4, parts.E5)]


def test_when_evidence_is_cut_the_chain_keeps_its_own() -> None:
    places = [replace(parts.E1.where, first=index, last=index) for index in range(1_000, 1_020)]
    blocked = tuple(replace(parts.E1, where=place) for place in places)
    finding = replace(parts.SELF_CALL, evidence=(*blocked, *parts.SELF_CALL.evidence))
    case = seen(replace(diagnoses.self_call(), findings=(finding,))).cases[0]
    assert len(case.proofs) == 12
    assert all(node.proofs for node in case.chain)
    assert case.cut == "14 more pieces of evidence for F1 in the JSON format."


def test_a_long_excerpt_keeps_its_first_line_and_the_marked_ones() -> None:
    proof = seen(diagnoses.self_call()).cases[0].proofs[0]
    lines = [text_of(line) for line in proof.excerpt]
    assert lines[0].startswith('"http-nio-38090-exec-1"')
    assert lines[-1].strip() == "at SelfCall$2.doGet(SelfCall.java:14)"
    assert lines.count("⋯") == 2
    assert proof.left_out == "3 lines between not shown"
    assert [piece.text for line in proof.excerpt for piece in line if piece.kind == "mark"] == [
        "FutureTask.get",
        "SelfCall$2.doGet(SelfCall.java:14)",
    ]


def test_what_close_wait_consists_of_is_said_in_words() -> None:
    split = tables.close_wait_split(CloseWait(total=20, fin_only=8, unread=2, unaccepted=6))
    assert split.startswith("20 in CLOSE_WAIT: 8 with everything read but the FIN")
    assert "6 still in the accept queue" in split
    assert "4 of which the table does not give the queue" in split
    assert "Recv-Q 0" not in split
    assert tables.close_wait_split(CloseWait()) == ""


def test_bars_show_the_last_snapshot_and_close_wait_first() -> None:
    (chart,), rest = tables.socket_charts(diagnoses.three_snapshots().sockets)
    assert [(bar.label, bar.value, bar.percent, bar.hot) for bar in chart.bars] == [
        ("CLOSE_WAIT", "4,023", "100.0", True),
        ("ESTABLISHED", "16", "0.4", False),
        ("LISTEN", "1", "0.4", False),
    ]
    assert "snapshot 2026-11-23T12:27:00" in chart.caption
    assert rest == ""


def test_the_course_of_close_wait() -> None:
    trend, note = tables.trend(diagnoses.three_snapshots().sockets, parts.JAVA)
    assert note == ""
    assert trend is not None
    assert trend.caption == "Three snapshots, from 3 to 4,023: +402 a minute."
    assert [point.value for point in trend.points] == ["3", "1,210", "4,023"]
    assert [point.x for point in trend.points] == ["34.0", "180.0", "326.0"]
    assert trend.points[2].y == "22.0"
    assert trend.first.label == "12:17:00"


def test_snapshots_stand_where_their_time_puts_them() -> None:
    sockets = [parts.sockets(f"2026-11-23T12:{minute}:00", waiting) for minute, waiting in (("00", 5), ("01", 5), ("10", 6))]
    trend, _ = tables.trend(sockets, None)
    assert trend is not None
    assert [point.x for point in trend.points] == ["34.0", "63.2", "326.0"]


def test_snapshots_without_times_stand_evenly_and_have_no_rate() -> None:
    sockets = [parts.sockets(name, waiting) for name, waiting in (("first", 10), ("second", 10), ("third", 30))]
    trend, _ = tables.trend(sockets, None)
    assert trend is not None
    assert trend.caption == "Three snapshots, from 10 to 30. The snapshots carry no time, so there is no rate."
    assert [point.x for point in trend.points] == ["34.0", "180.0", "326.0"]


def test_no_growth_and_too_few_snapshots_are_sentences() -> None:
    two = [parts.sockets(name, 40) for name in ("2026-11-23T12:00:00", "2026-11-23T12:05:00")]
    assert tables.trend(two, None) == (None, "Two snapshots, 40 in CLOSE_WAIT in each of them: no growth.")
    assert tables.trend(two[:1], None) == (None, "Only one snapshot: a second one would show whether CLOSE_WAIT grows.")
    assert tables.trend([], None) == (None, "")
    none = [parts.sockets(name, 0) for name in ("a", "b")]
    assert tables.trend(none, None) == (None, "No socket in CLOSE_WAIT in any of two snapshots.")


def test_of_many_snapshots_some_are_drawn_the_first_and_the_last_among_them() -> None:
    trend, _ = tables.trend([parts.sockets(f"s{index}", index) for index in range(1, 101)], None)
    assert trend is not None
    assert len(trend.points) <= 24
    assert (trend.first.value, trend.last.value) == ("1", "100")
    assert trend.caption.endswith(f"{len(trend.points)} of them are drawn.")


def test_numbered_snapshots_stand_at_the_times_of_their_dumps() -> None:
    numbered = [parts.sockets(str(index), waiting) for index, waiting in enumerate((100, 120, 220), start=1)]
    host = numbered[0].host
    moments = [Moment(host, str(index), f"2026-11-23T12:{minute}:00") for index, minute in enumerate(("00", "01", "10"), start=1)]
    trend, _ = tables.trend(numbered, None, moments)
    assert trend is not None
    assert [point.x for point in trend.points] == ["34.0", "63.2", "326.0"]
    assert trend.caption == "Three snapshots, from 100 to 220: +12 a minute."
    half, _ = tables.trend(numbered, None, moments[:2])
    assert half is not None
    assert "no rate" in half.caption


@pytest.mark.parametrize(
    ("limit", "assumed", "drawn", "told"), [(1024, False, True, True), (20_000, False, False, True), (1024, True, False, False)]
)
def test_the_limit_is_drawn_where_it_is_near_and_stated(limit: int, assumed: bool, drawn: bool, told: bool) -> None:
    numbered = [parts.sockets(str(index), waiting) for index, waiting in enumerate((300, 512), start=1)]
    limits = [DescriptorLimit(numbered[0].host, numbered[0].pid, 600, limit, assumed)]
    trend, _ = tables.trend(numbered, None, (), limits)
    assert trend is not None
    assert (trend.limit is not None) is drawn
    assert (f"{limit:,} descriptors" in trend.caption) is told
    if trend.limit is not None:
        assert (trend.limit.y, trend.points[-1].y) == ("22.0", "70.0")


def test_mixed_zones_give_no_rate() -> None:
    two = [parts.sockets(name, waiting) for name, waiting in (("2026-11-23T12:00:00", 1), ("2026-11-23T12:05:00Z", 2))]
    trend, _ = tables.trend(two, None)
    assert trend is not None
    assert "no rate" in trend.caption


def test_full_pools_come_first_and_quiet_ones_are_counted() -> None:
    charts, rest = tables.pool_charts(parts.POOLS)
    assert [(chart.name, chart.bar.hot) for chart in charts] == [
        ("http-nio-38090-exec", True),
        ("pool-1", True),
        ("Catalina-utility", False),
        ("http-nio-38090-Poller", False),
    ]
    assert rest == "Not shown: 13 threads of the VM and of acceptors."


def test_the_ladder_tells_the_flow_that_waited_longest() -> None:
    drawn = ladder(diagnoses.consequence().flows)
    assert drawn is not None
    assert [rung.way for rung in drawn.rungs] == ["out", "back", "out", "gap", "out", "missing", "gap"]
    assert drawn.rungs[5].text == "no FIN from the server"
    assert drawn.caption.endswith("one of 2 of this shape")
    assert ladder(()) is None


@pytest.mark.parametrize(("waited", "said"), [(0.3, "the capture ends 300 ms later"), (20.0, "20 s without an answer")])
def test_a_short_silence_before_the_end_of_a_capture_is_no_lack_of_an_answer(waited: float, said: str) -> None:
    flow = next(flow for flow in diagnoses.consequence().flows if flow.unanswered_for is not None)
    marks = (FlowMark(1, 0.0, "client", "SYN"), FlowMark(2, 0.1, "server", "SYN ACK"), FlowMark(3, 0.2, "client", "GET /a"))
    end = FlowMark(0, 0.2 + waited, "", "the capture ends")
    drawn = ladder((replace(flow, marks=(*marks, end), unanswered_for=waited, half_closed_for=None, closed_first=None, fin={}),))
    assert drawn is not None
    assert said in [rung.text for rung in drawn.rungs]


def test_what_would_decide_comes_before_what_else_is_missing() -> None:
    finding = replace(parts.SELF_CALL, missing=(parts.MISSING[1],))
    view = seen(replace(diagnoses.self_call(), findings=(finding,)))
    assert [gap.artifact for gap in view.missing] == ["A packet capture", "A second snapshot"]


def test_rules_with_the_same_reason_share_a_line() -> None:
    view = seen(diagnoses.self_call())
    assert [item.rules for item in view.skipped] == [("vanished-peer",), ("thread-leak", "cpu-spin")]
    assert "self-call-starvation" not in {rule for item in view.clean for rule in item.rules}


def test_one_line_counts_what_was_checked() -> None:
    view = seen(diagnoses.self_call())
    clean, skipped = (sum(len(item.rules) for item in items) for items in (view.clean, view.skipped))
    assert skipped == 3
    assert view.checked_note == f"{clean} causes checked, none fits; 3 causes not checked for lack of input"


def test_equal_waits_are_counted_together() -> None:
    table = seen(diagnoses.self_call()).waits
    assert table is not None
    assert [(row.first, row.second, row.third) for row in table.rows] == [
        ("8 × http-nio-38090-exec", "future java.util.concurrent.FutureTask", "pool-1")
    ]


def test_equal_links_are_counted_together() -> None:
    alone = replace(parts.LINKS[0], role="serves", thread="exec-1", local="127.0.0.1:38090", remote="127.0.0.1:33026")
    table = seen(replace(diagnoses.self_call(), links=(*parts.LINKS, alone))).links
    assert table is not None
    assert [(row.first, row.second, row.third) for row in table.rows] == [
        ("8 to 127.0.0.1:38090", "calls pool-1", "pool-port, likely"),
        ("127.0.0.1:38090 → 127.0.0.1:33026", "serves exec-1", "pool-port, likely"),
    ]


def test_what_threads_do_is_said_in_words() -> None:
    assert doing({"future": 5, "completable-future": 2, "idle": 0, "new-kind": 1}) == ["7 waiting for a result", "1 new-kind"]


@pytest.mark.parametrize(
    ("line", "marks", "marked"),
    [
        ("tcp6 1 0 127.0.0.1:38090 1", ("1",), ["1", "1"]),
        ("at java.util.concurrent.FutureTask.get(FutureTask.java:190)", ("FutureTask.get",), ["FutureTask.get"]),
        ("tcp *:8080 (LISTEN)", ("*:8080 (LISTEN)",), ["*:8080 (LISTEN)"]),
        ("exec-11 exec-1", ("exec-1",), ["exec-1"]),
        ("tcp6 58 0", (" 58 ", ""), ["58"]),
        ("nothing", (), []),
    ],
)
def test_marks_are_whole_words(line: str, marks: tuple[str, ...], marked: list[str]) -> None:
    evidence = replace(parts.E1, mark=marks)
    made = replace(
        diagnoses.self_call(), findings=(replace(parts.SELF_CALL, evidence=(evidence,), chain=()),), excerpts={evidence.where: (line,)}
    )
    (shown,) = seen(made).cases[0].proofs[0].excerpt
    assert [piece.text for piece in shown if piece.kind == "mark"] == marked
    assert text_of(shown) == line


def test_a_budget_cuts_the_highest_rank_first_and_never_the_verdict() -> None:
    blocks = [Block("", "verdict"), Block("Evidence", "e" * 40, 2), Block("Evidence", "f" * 40, 3), Block("", "end")]
    text = fit(blocks, 100, str.upper, lambda _: "cut")
    assert re.findall(r"verdict|EVIDENCE|e{40}|f{40}|end|cut", text) == ["verdict", "EVIDENCE", "e" * 40, "end", "cut"]
    assert fit(blocks, 1_000, str.upper, str) == f"verdict\n\nEVIDENCE\n\n{'e' * 40}\n\n{'f' * 40}\n\nend\n"
    least = fit(blocks, 40, str.upper, lambda _: "cut")
    assert "verdict" in least
    assert "EVIDENCE" not in least


@pytest.mark.parametrize(
    ("waited", "bars"),
    [
        ((4.0, 4.01, 4.02), [("4 to 4.1 s", "3")]),
        ((1.0, 2.2, 2.4, 4.9), [("1 to 1.5 s", "1"), ("1.5 to 2 s", "0"), ("2 to 2.5 s", "2"), ("2.5 to 3 s", "0"), ("3 to 3.5 s", "0"), ("3.5 to 4 s", "0"), ("4 to 4.5 s", "0"), ("4.5 to 5 s", "1")]),
        ((3.0, 29.0, 30.0, 61.0), [("0 to 10 s", "1"), ("10 to 20 s", "0"), ("20 to 30 s", "1"), ("30 to 40 s", "1"), ("40 to 50 s", "0"), ("50 to 60 s", "0"), ("60 to 70 s", "1")]),
    ],
)  # fmt: skip
def test_the_patience_of_clients_is_a_histogram(waited: tuple[float, ...], bars: list[tuple[str, str]]) -> None:
    (chart,) = tables.patience_chart([Patience("10.0.0.1:8080", waited)])
    assert [(bar.label, bar.value) for bar in chart.bars] == bars
    assert f"{len(waited)} clients of 10.0.0.1:8080 gave up" in chart.caption


def test_a_pool_s_line_says_whom_it_calls_and_what_it_serves() -> None:
    pool = parts.POOLS[0]
    link = Link(
        snapshot=pool.snapshot, host=pool.host, pid=pool.pid, role="calls", local="10.0.0.1:50000", remote="10.2.2.2:9300", state=None,
        inode=None, thread=None, tid=None, pool=pool.name, basis=Basis.COUNT, confidence=Confidence.LIKELY,
    )  # fmt: skip
    links = [link, replace(link, local="10.0.0.1:50001"), replace(link, role="serves"), replace(link, role="queued"), replace(link, pid=1)]
    charts, _ = tables.pool_charts(parts.POOLS, links)
    assert charts[0].doing.endswith("; 2 calls to 10.2.2.2:9300, serves 1 connection and 1 queued")
