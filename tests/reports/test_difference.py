"""``analyze diff``: what is said of two diagnoses, and what is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from analyzer.app.cli import main
from analyzer.app.command import FAILED, UNUSABLE, USAGE
from reports.compare import text as difference_text
from reports.compare.compare import Change, Difference, compare
from reports.compare.report_v1 import Side
from reports.contract import json_v1 as json_contract
from tests.builders import (
    SAMPLES,
    SERVED,
    diagnosis_of,
    dump,
    helpers_reading,
    idle_exec,
    netstat,
    sample,
    sample_without,
    thread,
    waiting_for_future,
)
from tests.reports.hostile import hostile

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.model.finding import Diagnosis

LISTEN = "0 :::8080 :::* LISTEN 7/java"
OWN = tuple(
    row
    for n in range(8)
    for row in (
        f"0 127.0.0.1:{50000 + n} 127.0.0.1:8080 ESTABLISHED 7/java",
        f"151 127.0.0.1:8080 127.0.0.1:{50000 + n} ESTABLISHED 7/java",
    )
)
STUCK = (LISTEN, *OWN, *(f"1 10.0.0.1:8080 10.0.0.9:{4000 + n} CLOSE_WAIT 7/java" for n in range(30)))
USED = (LISTEN, *(f"0 10.0.0.1:8080 10.0.0.9:{4000 + n} ESTABLISHED 7/java" for n in range(20)))
SLEEPER = [thread("http-nio-8080-exec-9", "RUNNABLE", "com.example.shop.Sum.up", *SERVED, native="runnable")]
HEALTHY = {"jstack.txt": dump(*idle_exec(7), *SLEEPER), "netstat.txt": netstat(*USED)}
HUNG = {"jstack.txt": dump(*waiting_for_future(8), *helpers_reading(8)), "netstat.txt": netstat(*STUCK)}


def side(made: Diagnosis) -> Side:
    return msgspec.json.decode(json_contract.render(made, "0"), type=Side)


def difference(before: dict[str, str], after: dict[str, str]) -> Difference:
    return compare(side(diagnosis_of(before)), side(diagnosis_of(after)))


def rules(pairs: tuple[object, ...]) -> set[str]:
    return {(getattr(pair, "before", None) or pair.after).rule for pair in pairs}  # type: ignore[attr-defined]


def test_fixed_needs_a_healthy_server_in_use() -> None:
    made = difference(HUNG, HEALTHY)
    assert made.change is Change.FIXED, made.reason
    assert made.gone
    assert not made.same
    assert not made.new
    assert [(count.before, count.after) for count in made.counts if count.label == "clients in CLOSE_WAIT"] == [(30, 0)]
    assert [(pool.before.busy, pool.after.busy) for pool in made.pools if pool.before and pool.after] == [(8, 1)]


def test_a_restarted_server_that_nobody_uses_is_not_called_fixed() -> None:
    made = difference(HUNG, {"jstack.txt": dump(*idle_exec(8)), "netstat.txt": netstat(LISTEN)})
    assert made.change is Change.BETTER
    assert "a restart looks the same" in made.reason


@pytest.mark.parametrize(("without", "lacking"), [("jstack.txt", "threads"), ("netstat.txt", "sockets")])
def test_what_the_second_evidence_could_not_show_is_not_gone(without: str, lacking: str) -> None:
    made = difference(HUNG, {name: text for name, text in HEALTHY.items() if name != without})
    assert made.change is Change.UNKNOWN
    assert not made.gone
    assert f"no {lacking}" in made.unknown[0].why
    assert any(count.after is None for count in made.counts)


def test_another_server_proves_nothing() -> None:
    other = {"jstack.txt": dump(*idle_exec(7, port=9090)), "netstat.txt": netstat(*(row.replace(":8080", ":9090") for row in USED))}
    made = difference(HUNG, other)
    assert made.change is Change.UNKNOWN
    assert "8080; 9090" in made.reason


def test_new_trouble_is_worse() -> None:
    made = difference(HEALTHY, HUNG)
    assert made.change is Change.WORSE
    assert made.new
    assert not made.gone


def test_the_same_trouble_with_other_numbers() -> None:
    few = {**HUNG, "netstat.txt": netstat(*STUCK[:28])}
    assert difference(HUNG, HUNG).change is Change.SAME
    assert difference(few, HUNG).change is Change.WORSE
    made = difference(HUNG, few)
    assert made.change is Change.BETTER
    assert "30 → 11" in made.reason


def test_two_healthy_ones_and_two_empty_ones() -> None:
    assert difference(HEALTHY, HEALTHY).change is Change.SAME
    nothing = {"notes.txt": "the server hangs\n"}
    assert difference(nothing, HEALTHY).change is Change.UNKNOWN
    assert difference(HEALTHY, nothing).change is Change.UNKNOWN


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("self-call-after", "self-call-after", Change.SAME),
        ("self-call-during", "self-call-after", Change.WORSE),
        ("self-call-after", "self-call-during", Change.BETTER),
        ("self-call-after", "healthy-busy", Change.UNKNOWN),
        ("healthy-busy", "slow-backend", Change.WORSE),
        ("healthy-busy", "healthy-time-wait", Change.SAME),
    ],
)
def test_samples(before: str, after: str, change: Change) -> None:
    made = compare(*(side(sample(name)) for name in (before, after)))
    assert made.change is change, made.reason


def test_the_cause_without_its_dump_is_the_same_and_less_sure() -> None:
    whole = sample("self-call-after")
    made = compare(side(whole), side(sample_without("self-call-after", ("jstack",))))
    assert made.change is Change.SAME
    assert "was certain, is suspected" in made.same[0].why


def test_all_three_forms_say_the_same() -> None:
    made = difference(HUNG, HEALTHY)
    text, page = difference_text.text(made), difference_text.markdown(made)
    assert max(map(len, text.splitlines())) <= 100
    assert len(text.splitlines()) <= 20
    assert text.startswith("FIXED  incident → incident\n")
    for said in (made.gone[0].before.rule if made.gone[0].before else "", "30 → 0"):
        assert said in text
    assert "| clients in CLOSE\\_WAIT | 30 | 0 |" in page
    assert msgspec.json.decode(difference_text.json(made), type=Difference) == made


@pytest.mark.parametrize("sides", [2, 3])
def test_hostile_texts_are_inert(sides: int) -> None:
    made = compare(*[side(hostile())] * sides)
    for form in ("text", "md", "html", "jira", "summary"):
        text = difference_text.rendered(form, made)
        assert not any(ord(char) < 32 and char != "\n" for char in text)
        assert "\u202e" not in text
        assert form in {"text", "jira"} or "<script>" not in text


def leaking(many: int, minute: int, pid: int = 4711) -> dict[str, str]:
    """Connections of a process to a service that has closed them, and the time of the table."""
    rows = "".join(f'CLOSE-WAIT 1 0 10.1.0.5:{30000 + 7 * n} 10.1.0.77:9443 users:(("java",pid={pid},fd={n + 9}))\n' for n in range(many))
    return {
        "date.txt": f"Mon Nov 23 14:{minute:02}:00 UTC 2026\n",
        "ss.txt": f"State Recv-Q Send-Q Local Address:Port Peer Address:Port\n{rows}",
    }


class TestSeveral:
    """Runs of a load test, or one hour after the other."""

    def test_growth_is_not_new(self) -> None:
        made = difference(leaking(40, 0), leaking(400, 10))
        assert made.change is Change.WORSE
        assert made.reason == "not new, but more: connection-leak (own connections in CLOSE_WAIT 40 → 400)"
        assert not made.new

    def test_growth_without_a_verdict_is_told(self) -> None:
        made = difference(leaking(40, 0), leaking(90, 10))
        assert made.change is Change.UNKNOWN
        assert "more than before: own connections in CLOSE_WAIT 40 → 90" in made.reason

    def test_per_minute_of_one_process_only(self) -> None:
        made = compare(*(side(diagnosis_of(files)) for files in (leaking(40, 0), leaking(90, 10), leaking(90, 20, pid=4712))))
        assert made.rates == (None, 5.0, None)
        assert "CLOSE_WAIT per minute" in difference_text.text(made)

    def test_per_minute_within_a_report(self) -> None:
        assert compare(side(sample("leak-growing")), side(sample("leak-growing"))).rates == (311.4, 311.4)

    def test_columns_show_when_a_finding_came_and_went(self) -> None:
        made = compare(*(side(diagnosis_of(files)) for files in (HEALTHY, HUNG, {"netstat.txt": HEALTHY["netstat.txt"]}, HEALTHY)))
        assert made.change is Change.SAME
        told = {course.rule: [seen.severity.value if seen.severity else seen.why for seen in course.seen] for course in made.courses}
        assert told["self-call-starvation"] == ["", "critical", "the second evidence has no threads", ""]
        assert [count.values for count in made.counts if count.label == "clients in CLOSE_WAIT"] == [(0, 30, 0, 0)]
        text = difference_text.text(made)
        assert max(map(len, text.splitlines())) <= 100
        row = next(line.split() for line in text.splitlines() if line.startswith("  clients in CLOSE_WAIT"))
        assert row[-4:] == ["0", "30", "0", "0"]
        assert [pool.sides[1].busy for pool in made.pools if pool.sides[1] and pool.name == "http-nio-8080-exec"] == [8]
        assert "not shown" in difference_text.markdown(made).split("### Thread pools")[1]

    def test_stacks_that_stayed(self) -> None:
        made = compare(*(side(diagnosis_of(files)) for files in (HUNG, HUNG, HUNG)))
        assert [stack.threads for stack in made.stayed][:2] == [(8, 8, 8), (8, 8, 8)]
        assert not any(stack.doing == "idle" for stack in made.stayed)
        assert not compare(*(side(diagnosis_of(files)) for files in (HUNG, HEALTHY, HUNG))).stayed

    @pytest.mark.parametrize("sides", [2, 3])
    def test_every_format_says_the_same(self, sides: int) -> None:
        made = compare(*(side(diagnosis_of(files)) for files in (HUNG, HUNG, HEALTHY)[-sides:]))
        for form in ("text", "md", "html", "jira", "summary"):
            text = difference_text.rendered(form, made).replace("\\", "")
            assert "FIXED" in text.upper(), form
            assert "what came later shows a healthy server in use" in text.replace("\n", " "), form
            assert ("30 → 30 → 0" if sides == 3 else "30 → 0") in text or form != "summary"
        page = difference_text.rendered("html", made)
        assert "<script" not in page
        assert "{{" not in page
        chat = difference_text.rendered("summary", made)
        assert len(chat) <= 700
        assert len(chat.splitlines()) <= 5
        kept = json.loads(difference_text.json(made))
        assert (kept["schema"], kept["change"], len(kept["sides"])) == ("difference/1", "fixed", sides)
        assert {"before", "after", "reason", "gone", "new", "same", "unknown", "counts", "pools", "notes"} <= set(kept)


def test_no_sentence_begins_with_the_name_of_a_rule() -> None:
    for made in (difference(HUNG, HEALTHY), difference(HEALTHY, HUNG), difference(HUNG, HUNG)):
        first = difference_text.text(made).splitlines()[1]
        assert not first.lower().startswith(
            tuple(finding.rule for pair in (*made.gone, *made.new, *made.same) if (finding := pair.after or pair.before))
        )


class TestCommand:
    def run(self, *words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["diff", *words])
        return int(ended.value.code or 0)

    @pytest.fixture(autouse=True)
    def pair(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
        for name, files in (("before", HUNG), ("after", HEALTHY)):
            (tmp_path / name).mkdir()
            for file, text in files.items():
                (tmp_path / name / file).write_text(text)
        monkeypatch.chdir(tmp_path)
        return "before", "after"

    def test_folders(self, pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run(*pair) == 0
        assert capsys.readouterr().out.startswith("FIXED  before → after\n")

    def test_a_kept_report_compares_with_a_folder(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["before", "-f", "json", "-o", "kept.json"])
        capsys.readouterr()
        assert self.run("kept.json", "after", "-f", "json") == 0
        assert json.loads(capsys.readouterr().out)["change"] == "fixed"

    def test_fail_on(self, pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run("after", "before", "--fail-on", "worse") == FAILED
        assert "--fail-on worse" in capsys.readouterr().err
        assert self.run("before", "before", "--fail-on", "worse") == 0
        assert self.run("before", "before", "--fail-on", "same") == FAILED
        assert self.run(*pair, "--fail-on", "same") == 0

    def test_a_file_and_its_format(self, pair: tuple[str, str], tmp_path: Path) -> None:
        assert self.run(*pair, "-o", "out.md") == 0
        assert (tmp_path / "out.md").read_text().startswith("**FIXED**")
        assert self.run(*pair, "-o", "out.pdf") == USAGE
        assert self.run(*pair, "-o", "before/out.md") == USAGE
        assert self.run(*pair, "-o", "out.md/x.md") == USAGE

    def test_three_as_a_page(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run("before", "before", "after", "-o", "out.html") == 0
        assert (tmp_path / "out.html").read_text().startswith("<!doctype html>")
        assert self.run("before") == USAGE
        assert "at least two" in capsys.readouterr().err

    def test_nothing_usable(self, tmp_path: Path) -> None:
        assert self.run("before", "nowhere") == UNUSABLE
        (tmp_path / "broken.json").write_text('{"schema": "diagnosis/1", "incident": 3}')
        assert self.run("broken.json", "after") == UNUSABLE

    def test_pseudonyms_are_the_same_on_both_sides(self, pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for name in pair:
            (tmp_path / name).rename(tmp_path / f"acme7-{name}")
        assert self.run("acme7-before", "acme7-after", "--anonymize", "--anonymize-map", "map.json") == 0
        out = capsys.readouterr().out
        assert "acme" not in out
        assert "map.json" not in out
        assert (tmp_path / "map.json").exists()

    def test_the_word_is_a_path_where_there_is_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "diff").mkdir()
        (tmp_path / "diff" / "jstack.txt").write_text((SAMPLES / "slow-backend" / "jstack.txt").read_text())
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit):
            main(["diff"])
        assert "Report: diff-report.html" in capsys.readouterr().out


JROCKIT = """===== FULL THREAD DUMP ===============
Mon Nov 23 12:27:08 2026
Oracle JRockit(R) R28.2.5-20-152429-1.6.0_37-20120927-1915-linux-x86_64

"Main Thread" id=1 idx=0x4 tid=12345 prio=5 alive, waiting, native_blocked
    at ledger/Book.await(Book.java:10)
    at ledger/Main.main(Main.java:7)
    -- end of trace

===== END OF THREAD DUMP ===============
"""


def test_every_format_of_dumps_shows_threads() -> None:
    assert side(diagnosis_of({"dump.txt": JROCKIT})).kinds == {"threads"}
