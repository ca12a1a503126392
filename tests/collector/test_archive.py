"""What the collector packs is an incident as it is: rounds are snapshots, the folder in the archive is no host."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from analyzer.intake.read import read
from tests.builders import dump, idle_exec, netstat

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.model.incident import Incident

pytestmark = pytest.mark.slow

TABLE = netstat("0 :::8080 :::* LISTEN 700/java")
STACKS = f"$ jstack -l 700\n{dump(*idle_exec(2))}"


def packed(folder: Path, name: str, files: dict[str, str]) -> Path:
    path = folder / f"{name}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file, text in files.items():
            member = tarfile.TarInfo(f"{name}/{file}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def rounds(*numbers: int, lacking: tuple[str, ...] = ()) -> dict[str, str]:
    files = {f"round{n}/{name}": text for n in numbers for name, text in (("jstack.txt", STACKS), ("netstat.txt", TABLE))}
    return {name: text for name, text in files.items() if name not in lacking}


def incident(*paths: Path) -> Incident:
    return read([str(path) for path in paths]).incident


def shape(found: Incident) -> list[tuple[str | None, str, int, int]]:
    return [(one.host, one.name, len(one.dumps), len(one.rows)) for one in found.snapshots]


def test_rounds_are_snapshots(tmp_path: Path) -> None:
    found = incident(packed(tmp_path, "closewait-web-01-700-20260102T030405Z", rounds(1, 2, 3)))
    assert shape(found) == [(None, "1", 1, 1), (None, "2", 1, 1), (None, "3", 1, 1)]
    assert found.hosts == ()
    assert found.name == "closewait-web-01-700-20260102T030405Z"
    assert [dump.pid for snapshot in found.snapshots for dump in snapshot.dumps] == [700, 700, 700]


def test_a_dump_that_only_one_round_has_stays_in_its_round(tmp_path: Path) -> None:
    """The JVM gave no dump in the second and third round."""
    files = rounds(1, 2, 3, lacking=("round2/jstack.txt", "round3/jstack.txt"))
    found = incident(packed(tmp_path, "closewait-web-01-700-20260102T030405Z", files))
    assert shape(found) == [(None, "1", 1, 1), (None, "2", 0, 1), (None, "3", 0, 1)]


def test_two_hosts_are_told_apart_by_the_names_of_their_archives(tmp_path: Path) -> None:
    one = packed(tmp_path, "closewait-web-01-700-20260102T030405Z", rounds(1, 2))
    two = packed(tmp_path, "closewait-db.example-900-20260102T030409Z", rounds(1, 2))
    assert shape(incident(one, two)) == [
        ("db.example", "1", 1, 1), ("db.example", "2", 1, 1), ("web-01", "1", 1, 1), ("web-01", "2", 1, 1),
    ]  # fmt: skip


def test_two_collections_of_one_host_follow_each_other(tmp_path: Path) -> None:
    early = packed(tmp_path, "closewait-web-01-700-20260102T030405Z", rounds(1, 2))
    late = packed(tmp_path, "closewait-web-01-700-20260102T040506Z", rounds(1, 2))
    assert shape(incident(early, late)) == [(None, str(n), 1, 1) for n in (1, 2, 3, 4)]


def test_an_unpacked_collection_is_the_same(tmp_path: Path) -> None:
    with tarfile.open(packed(tmp_path, "closewait-web-01-700-20260102T030405Z", rounds(1, 2, 3))) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # 3.13 asks for one; it is not in every Python 3.11
        archive.extractall(tmp_path)  # noqa: S202 - our own archive
    assert len(shape(incident(tmp_path / "closewait-web-01-700-20260102T030405Z"))) == 3
