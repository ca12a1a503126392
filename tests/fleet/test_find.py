"""Incidents are found by their shape; those of one outage stay together, others are never mixed."""

from __future__ import annotations

import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from analyzer.app.command import RunOptions, analysed
from analyzer.fleet.find import find
from analyzer.intake.read import read
from analyzer.model.errors import Unusable, UsageError
from tests.builders import SAMPLES
from tests.fleet.incidents import save
from tests.score import folders

if TYPE_CHECKING:
    from pathlib import Path

MORNING, NOON = "2026-03-04 08:10:00", "2026-03-04 12:40:00"
HERE, THERE = "10.8.0.1:8300", "10.8.0.2:8300"


def labels(*paths: Path) -> list[str]:
    root = str(paths[0].parent)
    return [unit.label.removeprefix(f"{root}/") for unit in find([str(path) for path in paths]).units]


def packed(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent))
    return target


def test_every_sample_is_one_incident() -> None:
    found = find([str(SAMPLES)])
    names = {path.name for path in SAMPLES.iterdir() if path.is_dir() and path.name != "lab"}
    assert {path.name for path in folders()} <= names
    assert [unit.label for unit in found.units] == [f"{SAMPLES}/{name}" for name in sorted(names)]
    assert not [unit for unit in found.units if unit.trouble]
    assert found.passed == (f"{SAMPLES}/lab",)


@pytest.mark.parametrize("folder", folders(), ids=lambda path: path.name)
def test_no_sample_is_taken_for_several(folder: Path) -> None:
    assert read([str(folder)]).several is None


class TestOneIncident:
    def test_moments(self, tmp_path: Path) -> None:
        for number, time in enumerate((MORNING, "2026-03-04 08:10:10", NOON), start=1):
            save(tmp_path / "hang" / f"snap{number}", 7171, time)
        assert labels(tmp_path / "hang") == ["hang"]
        assert read([str(tmp_path / "hang")]).several is None

    def test_hosts_that_talk_to_each_other(self, tmp_path: Path) -> None:
        save(tmp_path / "out" / "orders", 7171, MORNING, (HERE, "10.8.0.2:51000", "ESTABLISHED"), ("10.8.0.1:40001", THERE, "ESTABLISHED"))
        save(tmp_path / "out" / "stock", 8282, "2026-03-04 08:12:00", (THERE, "10.8.0.1:40001", "ESTABLISHED"))
        assert labels(tmp_path / "out") == ["out"]
        assert read([str(tmp_path / "out")]).several is None

    def test_hosts_whose_clocks_show_other_zones(self, tmp_path: Path) -> None:
        save(tmp_path / "out" / "orders", 7171, MORNING, ("10.8.0.1:40001", THERE, "ESTABLISHED"))
        save(tmp_path / "out" / "stock", 8282, "2026-03-04 17:12:00", (THERE, "10.8.0.1:40001", "ESTABLISHED"))
        assert labels(tmp_path / "out") == ["out"]
        assert read([str(tmp_path / "out")]).several is None

    def test_hosts_by_name_within_minutes(self, tmp_path: Path) -> None:
        save(tmp_path / "out" / "web1", 7171, MORNING)
        save(tmp_path / "out" / "web2", 8282, "2026-03-04 08:15:00")
        assert labels(tmp_path / "out") == ["out"]

    def test_drawers(self, tmp_path: Path) -> None:
        whole = save(tmp_path / "whole", 7171, MORNING)
        for drawer, file in (("threads", "jstack.txt"), ("net", "netstat.txt")):
            (tmp_path / "hang" / drawer).mkdir(parents=True)
            (whole / file).rename(tmp_path / "hang" / drawer / file)
        assert labels(tmp_path / "hang") == ["hang"]

    def test_all_below_a_folder_with_an_artifact(self, tmp_path: Path) -> None:
        save(tmp_path / "hang", 7171, MORNING)
        save(tmp_path / "hang" / "later", 7171, "2026-03-04 08:20:00")
        assert labels(tmp_path / "hang") == ["hang"]


class TestSeveral:
    def test_other_processes_at_other_times(self, tmp_path: Path) -> None:
        save(tmp_path / "desk" / "orders", 7171, MORNING)
        save(tmp_path / "desk" / "stock", 8282, NOON)
        assert labels(tmp_path / "desk") == ["desk/orders", "desk/stock"]
        with pytest.raises(UsageError, match=r"analyze fleet .*desk"):
            analysed(RunOptions([str(tmp_path / "desk")]))

    def test_what_is_given_one_by_one_is_read_as_one(self, tmp_path: Path) -> None:
        one, two = save(tmp_path / "desk" / "orders", 7171, MORNING), save(tmp_path / "desk" / "stock", 8282, NOON)
        diagnosis, _ = analysed(RunOptions([str(one), str(two)]))
        assert diagnosis.verdict.rule == "java-deadlock"

    def test_tickets_of_one_minute(self, tmp_path: Path) -> None:
        for number in (1, 2, 3):
            save(tmp_path / "desk" / f"OPS-{number}", 7000 + number, MORNING)
        assert labels(tmp_path / "desk") == ["desk/OPS-1", "desk/OPS-2", "desk/OPS-3"]

    def test_a_call_of_a_host_to_itself_ties_it_to_no_other(self, tmp_path: Path) -> None:
        """Two bundles of one test network: each table has both ends of the same connection."""
        ends = ((HERE, "10.8.0.1:40001", "ESTABLISHED"), ("10.8.0.1:40001", HERE, "ESTABLISHED"))
        save(tmp_path / "desk" / "orders", 7171, MORNING, *ends)
        save(tmp_path / "desk" / "stock", 8282, NOON, *ends)
        assert labels(tmp_path / "desk") == ["desk/orders", "desk/stock"]
        assert read([str(tmp_path / "desk")]).several == ("orders", "stock")

    def test_folders_inside_folders(self, tmp_path: Path) -> None:
        save(tmp_path / "desk" / "2026-03" / "orders", 7171, MORNING)
        save(tmp_path / "desk" / "2026-03" / "stock", 8282, NOON)
        save(tmp_path / "desk" / "2026-04" / "billing", 9393, "2026-04-01 07:00:00")
        assert labels(tmp_path / "desk") == ["desk/2026-03/orders", "desk/2026-03/stock", "desk/2026-04"]

    def test_archives_beside_notes(self, tmp_path: Path) -> None:
        desk = tmp_path / "desk"
        desk.mkdir()
        for name, pid, time in (("a", 7171, MORNING), ("b", 8282, NOON)):
            packed(save(tmp_path / name, pid, time), desk / f"{name}.zip")
        (desk / "index.csv").write_text("file,customer\n", encoding="utf-8")
        assert labels(desk) == ["desk/a.zip", "desk/b.zip"]

    def test_one_archive_of_many(self, tmp_path: Path) -> None:
        for name, pid, time in (("orders", 7171, MORNING), ("stock", 8282, NOON)):
            save(tmp_path / "desk" / name, pid, time)
        archive = packed(tmp_path / "desk", tmp_path / "desk.zip")
        units = find([str(archive)]).units
        assert [unit.inside for unit in units] == ["desk/orders", "desk/stock"]
        alone = [read([unit.path], inside=unit.inside).incident for unit in units]
        assert [incident.name for incident in alone] == ["orders", "stock"]
        assert [artifact.file for incident in alone for artifact in incident.artifacts] == ["jstack.txt", "netstat.txt"] * 2

    def test_bundles_inside_one_archive(self, tmp_path: Path) -> None:
        names = [
            packed(save(tmp_path / name, pid, time), tmp_path / f"{name}.zip")
            for name, pid, time in (("a", 7171, MORNING), ("b", 8282, NOON))
        ]
        with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as archive:
            for path in names:
                archive.add(path, path.name)
        assert [unit.inside for unit in find([str(tmp_path / "all.tar.gz")]).units] == ["a.zip", "b.zip"]


class TestWhatIsBroken:
    def test_a_damaged_archive_and_an_empty_dump_are_incidents(self, tmp_path: Path) -> None:
        desk = tmp_path / "desk"
        save(desk / "orders", 7171, MORNING)
        (desk / "cut.zip").write_bytes(b"PK\x03\x04 and no more")
        (desk / "nothing").mkdir()
        (desk / "nothing" / "jstack.txt").write_bytes(b"")
        assert labels(desk) == ["desk/cut.zip", "desk/nothing", "desk/orders"]

    def test_a_folder_of_other_files_is_named_and_passed(self, tmp_path: Path) -> None:
        save(tmp_path / "desk" / "orders", 7171, MORNING)
        (tmp_path / "desk" / "photos").mkdir()
        (tmp_path / "desk" / "photos" / "cat.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
        found = find([str(tmp_path / "desk")])
        assert found.passed == (f"{tmp_path}/desk/photos",)
        assert len(found.units) == 1

    def test_a_text_that_nothing_is_known_of_is_an_incident_and_a_note_is_none(self, tmp_path: Path) -> None:
        save(tmp_path / "desk" / "orders", 7171, MORNING)
        for folder, file in (("app", "server.log"), ("about", "notes.txt"), ("code", "main.py")):
            (tmp_path / "desk" / folder).mkdir()
            (tmp_path / "desk" / folder / file).write_text("nothing that is known\n", encoding="utf-8")
        assert labels(tmp_path / "desk") == ["desk/app", "desk/orders"]

    def test_a_path_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(Unusable, match="no such file"):
            find([str(tmp_path / "gone")])

    def test_links_lead_nowhere(self, tmp_path: Path) -> None:
        save(tmp_path / "desk" / "orders", 7171, MORNING)
        (tmp_path / "desk" / "again").symlink_to(tmp_path / "desk")
        assert labels(tmp_path / "desk") == ["desk/orders"]
