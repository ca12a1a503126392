"""Bundles of several hosts of one outage: suggested when seen, joined when that is asked for."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from analyzer.app.fleet import Asked, run
from analyzer.fleet.together import Ends, outages
from tests.builders import SAMPLES
from tests.fleet.incidents import save

if TYPE_CHECKING:
    from pathlib import Path

A, B = ("10.8.0.1",), ("10.8.0.2",)
MORNING, LATER, NOON = "2026-03-04T08:10:00", "2026-03-04T08:20:00", "2026-03-04T12:00:00"


class TestOutages:
    def test_moments_and_addresses(self) -> None:
        assert outages({0: Ends(A, B, MORNING, MORNING), 1: Ends(B, A, LATER, LATER)}) == [(0, 1)]

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (Ends(A, B, MORNING, MORNING), Ends(B, A, NOON, NOON)),
            (Ends(A, B, MORNING, MORNING), Ends(B, A)),
            (Ends(A, B, MORNING, MORNING), Ends(B, ("10.8.0.9",), LATER, LATER)),
            (Ends(A, A, MORNING, MORNING), Ends(A, A, LATER, LATER)),
            (Ends((), B, MORNING, MORNING), Ends(B, (), LATER, LATER)),
        ],
        ids=["hours apart", "no time", "one names the other alone", "one host twice", "no address"],
    )
    def test_nothing_else(self, one: Ends, other: Ends) -> None:
        assert outages({0: one, 1: other}) == []
        assert outages({0: other, 1: one}) == []

    def test_rings_of_three(self) -> None:
        c = ("10.8.0.3",)
        ends = {
            0: Ends(A, B, MORNING, MORNING),
            5: Ends(B, (*A, *c), MORNING, LATER),
            9: Ends(c, B, LATER, LATER),
            7: Ends(("1.1.1.1",), A, MORNING, LATER),
        }
        assert outages(ends) == [(0, 5, 9)]

    def test_many_with_one_address_cost_no_square(self) -> None:
        ends = {
            number: Ends(A if number % 2 else B, B if number % 2 else A, f"2026-03-04T{number // 2500:02}:00:00", None)
            for number in range(20_000)
        }
        assert sum(map(len, outages(ends))) > 0


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """The two hosts of a sample in two bundles, and a bundle of another outage."""
    for host in ("loan-01", "score-01"):
        inside = tmp_path / "pack" / f"bundle-{host}"
        shutil.copytree(SAMPLES / "mutual-call-two-hosts" / host, inside / host)
        shutil.make_archive(str(tmp_path / "desk" / f"bundle-{host}"), "gztar", inside)
    save(tmp_path / "desk" / "OPS-9", 7171, "2026-03-04 08:10:00")
    return tmp_path / "desk"


def table(asked: Asked, target: Path) -> dict[str, Any]:
    assert run(replace(asked, output=str(target), quiet=True)) == 0
    made: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    return made


def test_suggested_when_seen(desk: Path, tmp_path: Path) -> None:
    made = table(Asked([str(desk)], jobs=1), tmp_path / "t.json")
    assert len(made["incidents"]) == 3
    (told,) = made["together"]
    assert told["paths"] == [f"{desk}/bundle-loan-01.tar.gz", f"{desk}/bundle-score-01.tar.gz"]


def test_joined_when_asked(desk: Path, tmp_path: Path) -> None:
    asked = Asked([str(desk)], jobs=1, together=True, resume=str(tmp_path / "done.jsonl"))
    made = table(asked, tmp_path / "t.json")
    rows = {row["rule"]: row["path"] for row in made["incidents"]}
    assert rows["mutual-call-starvation"] == f"{desk}/bundle-loan-01.tar.gz + {desk}/bundle-score-01.tar.gz"
    assert len(made["incidents"]) == 2
    assert made["together"] == []
    assert table(asked, tmp_path / "again.json") == made


def test_joined_archives_keep_their_hosts(desk: Path, tmp_path: Path) -> None:
    made = table(Asked([str(desk)], jobs=1, together=True), tmp_path / "t.json")
    (headline,) = (row["headline"] for row in made["incidents"] if row["rule"] == "mutual-call-starvation")
    assert "on loan-01" in headline
    assert "on score-01" in headline
