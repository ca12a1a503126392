"""The table: rows and groups, their order, and every format; hostile names do nothing in any of them."""

from __future__ import annotations

import gc
import json
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from analyzer.app.incident_row import Options, Task, row_of
from analyzer.fleet.find import Unit, find
from analyzer.join.process import ProcessView
from analyzer.model.finding import Confidence, Severity, Status
from reports.fleet import contract, html, text
from reports.fleet.contract import Row, Seen, Together
from reports.language.catalogue import speaking
from tests.builders import sample
from tests.fleet.incidents import save
from tests.reports.hostile import HTML, POISON, TERMINAL
from tests.score import folders

if TYPE_CHECKING:
    from pathlib import Path


def row(path: str, fingerprint: str = "aa", **other: object) -> Row:
    made = Row(
        path=path,
        name=path,
        pid=4711,
        first="2026-03-04T08:10:00",
        status=Status.PROBLEM,
        finding="F1",
        rule="java-deadlock",
        severity=Severity.CRITICAL,
        confidence=Confidence.CERTAIN,
        headline="Two threads wait for each other.",
        summary="For ever.",
        frame="io.harbor.Crane.lift(Crane.java:10)",
        fingerprint=fingerprint,
        findings=(Seen("java-deadlock", Severity.CRITICAL, Confidence.CERTAIN, None, consequence=False),),
    )
    return msgspec.structs.replace(made, **other)


def healthy(path: str) -> Row:
    return Row(path=path, name=path, status=Status.HEALTHY, headline="Nothing is wrong.", summary="", fingerprint="ff")


def broken(path: str) -> Row:
    return Row(path=path, name=path, error="cannot be read: Permission denied")


@pytest.mark.parametrize("folder", folders(), ids=lambda path: path.name)
def test_the_row_of_a_sample_says_what_its_report_says(folder: Path) -> None:
    (unit,) = find([str(folder)]).units if len(find([str(folder)]).units) == 1 else (Unit(str(folder), str(folder)),)
    made = row_of(Task(unit, Options())).row
    verdict = sample(folder.name).verdict
    assert made.error is None
    assert (made.status, made.rule, made.severity, made.fingerprint) == (
        verdict.status,
        verdict.rule,
        verdict.severity,
        verdict.fingerprint,
    )


class TestOrder:
    def test_largest_group_first_broken_last(self) -> None:
        rows = [broken("e"), row("b", "one"), healthy("h"), row("d", "two"), row("a", "two"), broken("c"), broken("f")]
        fleet = contract.fleet_of(rows, "1")
        assert [one.path for one in fleet.incidents] == ["a", "d", "b", "h", "c", "e", "f"]
        assert [group.incidents for group in fleet.groups] == [2, 1, 1, 3]

    def test_no_order_of_arrival_shows(self) -> None:
        rows = [row("b", "one"), healthy("h"), row("d", "two"), row("a", "two"), broken("c")]
        assert contract.json(contract.fleet_of(rows, "1")) == contract.json(contract.fleet_of(rows[::-1], "1"))


class TestJson:
    def test_rows_have_path_verdict_and_fingerprint(self) -> None:
        data = json.loads(contract.json(contract.fleet_of([row("a"), broken("b")], "1")))
        assert data["schema"] == "fleet/1"
        first, second = data["incidents"]
        for field in ("path", "status", "finding", "rule", "severity", "confidence", "headline", "summary", "fingerprint", "frame"):
            assert first[field] is not None
        assert first["from"] == "2026-03-04T08:10:00"
        assert second["error"].startswith("cannot be read")
        assert second["status"] is None

    def test_it_can_be_read_again(self) -> None:
        fleet = contract.fleet_of([row("a"), broken("b"), healthy("c")], "1", ["x"], [Together(("a", "b"), "why")])
        assert msgspec.json.decode(contract.json(fleet), type=contract.Fleet) == fleet


class TestHostile:
    rows = (row(POISON, host=TERMINAL, frame=HTML, headline=POISON, service=HTML, command=TERMINAL), broken(POISON + "2"), healthy(HTML))
    fleet = contract.fleet_of(rows, "1", [POISON], [Together((POISON, HTML), TERMINAL)])

    def test_text_acts_on_no_terminal(self) -> None:
        said = text.text(self.fleet).replace("\n", "")
        assert said.isprintable()

    def test_tsv_has_one_line_a_row(self) -> None:
        lines = text.tsv(self.fleet).splitlines()
        assert len(lines) == 4
        assert {line.count("\t") for line in lines} == {len(text.COLUMNS) - 1}
        assert "".join(lines).replace("\t", "").isprintable()

    def test_tsv_computes_nothing(self) -> None:
        made = text.tsv(contract.fleet_of([row("=1+1", headline="@SUM(A1)")], "1")).splitlines()[1].split("\t")
        assert made[0] == "'=1+1"
        assert made[8] == "'@SUM(A1)"

    def test_json_has_no_raw_control(self) -> None:
        made = contract.json(self.fleet)
        assert made.replace("\n", "").isprintable()
        json.loads(made)

    def test_html_runs_nothing(self) -> None:
        made = html.render(self.fleet)
        assert "<script" not in made
        assert "<img" not in made
        tags = {tag.lower() for tag in re.findall(r"<([a-zA-Z0-9]+)", made)}
        assert not tags & {"script", "img", "iframe", "object", "link", "base", "form"}
        assert not re.findall(r"<[^>]*\son\w+=", made)

    def test_links_lead_to_reports_alone(self) -> None:
        made = html.render(contract.fleet_of([row("a", report='x/javascript:"><b>-1.html'), row("b")], "1"))
        assert re.findall(r'href="([^#"][^"]*)"', made) == ["x/javascript%3A%22%3E%3Cb%3E-1.html"]


class TestPages:
    def test_html_has_timeline_and_causes_by_service(self) -> None:
        rows = [row(f"i{number}", first=f"2026-03-0{number}T08:00:00", service=f"shop{number % 2}") for number in range(1, 6)]
        made = html.render(contract.fleet_of([*rows, broken("x")], "1"))
        assert made.count("<circle") == 5
        assert "shop0" in made
        assert "shop1" in made
        assert made.startswith("<!doctype html>")

    def test_korean(self) -> None:
        with speaking("ko"):
            made = text.text(contract.fleet_of([row("a"), row("b"), broken("c")], "1"))
        assert "장애 3건" in made
        assert "서로 다른 원인 1건" in made

    def test_text_names_every_incident_of_a_small_group(self) -> None:
        made = text.text(contract.fleet_of([row("north/a"), row("south/b"), broken("c")], "1"))
        for word in ("2 × CRITICAL", "java-deadlock", "north/a", "south/b", "pid 4711", "2026-03-04 08:10", "Permission denied"):
            assert word in made


def views() -> list[ProcessView]:
    gc.collect()
    return [item for item in gc.get_objects() if isinstance(item, ProcessView)]


def test_an_incident_is_let_go_when_its_row_is_made(tmp_path: Path) -> None:
    """Caches that keep answers about processes kept whole incidents: a worker grew by a quarter of a megabyte with each."""
    before = views()
    for number in range(3):
        folder = save(tmp_path / str(number), 7000 + number, "2026-03-04 08:10:00")
        row_of(Task(Unit(str(folder), folder.name), Options()))
    assert len(views()) <= len(before)
