"""Own rows beside the evidence or by ``--config``: used, said, and never the reason why an analysis fails unasked."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from analyzer.app.command import RunOptions, run
from analyzer.app.settings import LARGEST, settings
from analyzer.model.errors import UsageError
from analyzer.software.knowledge import read_tables
from tests.builders import PARK, SAMPLES, dump, netstat, thread

if TYPE_CHECKING:
    from pathlib import Path

OWN = """
[[pool]]
software = "Shop engine"
role = "server"
name = '(?P<pool>shop-engine)-w\\d+'

[[blocker]]
kind = "idle"
frames = ["com.example.engine.Worker.awaitJob"]
"""
THREADS = 8


def incident(folder: Path, own: str | None = OWN) -> Path:
    """A server of whose engine only the user knows that it is idle."""
    folder.mkdir()
    idle = [thread(f"shop-engine-w{n}", "WAITING (parking)", *PARK, "com.example.engine.Worker.awaitJob") for n in range(THREADS)]
    (folder / "jstack.txt").write_text(dump(*idle))
    (folder / "netstat.txt").write_text(netstat("0 0.0.0.0:8080 0.0.0.0:* LISTEN 77/java"))
    if own is not None:
        (folder / "analyze.toml").write_text(own)
    return folder


def report(folder: Path, *, config: Path | None = None) -> dict[str, list[dict[str, object]]]:
    out = folder.parent / "report.json"
    request = RunOptions([str(folder)], ("json",), str(out), quiet=True, config=str(config) if config else None)
    assert run(request, "analyze") == 0
    made: dict[str, list[dict[str, object]]] = json.loads(out.read_text())
    return made


def pool(made: dict[str, list[dict[str, object]]]) -> tuple[object, object]:
    (found,) = (row for row in made["pools"] if str(row["name"]).startswith("shop-engine"))
    return found["role"], found["idle"]


def test_rows_of_the_folder_are_used_and_said(tmp_path: Path) -> None:
    made = report(incident(tmp_path / "one"))
    assert pool(made) == ("server", THREADS)
    assert any(str(note) == "analyze.toml adds 2 entries to what this tool knows of software." for note in made["notes"])
    (item,) = (one for one in made["inputs"] if one["file"] == "analyze.toml")
    assert item["note"] == "settings of this analysis, not evidence"


def test_without_them_nothing_is_known(tmp_path: Path) -> None:
    made = report(incident(tmp_path / "one", own=None))
    assert pool(made) == ("other", 0)
    assert not any("analyze.toml" in str(note) for note in made["notes"])


def test_rows_of_a_file_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "house.toml"
    file.write_text(OWN)
    made = report(incident(tmp_path / "one", own=None), config=file)
    assert pool(made) == ("server", THREADS)


def test_a_bad_file_of_the_folder_does_not_stop_the_analysis(tmp_path: Path) -> None:
    made = report(incident(tmp_path / "one", own="[[pool]\n"))
    assert any("analyze.toml: no TOML" in str(note) and "It was not used." in str(note) for note in made["notes"])


@pytest.mark.parametrize("text", ["[[pool]\n", None, "x" * (LARGEST + 1)])
def test_a_bad_file_that_is_named_does(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "house.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError, match=r"house\.toml"):
        run(RunOptions([str(incident(tmp_path / "one"))], ("json",), "-", config=str(file)), "analyze")


def test_a_stranger_brings_no_settings(tmp_path: Path) -> None:
    """Neither in an archive nor over a link."""
    folder = incident(tmp_path / "one")
    archive = tmp_path / "one.tar"
    with tarfile.open(archive, "w") as packed:
        packed.add(folder, arcname=".")
    assert settings([str(archive)], None).notes == ()
    (folder / "analyze.toml").rename(tmp_path / "elsewhere.toml")
    (folder / "analyze.toml").symlink_to(tmp_path / "elsewhere.toml")
    assert settings([str(folder)], None).notes == ()


def test_the_example_of_the_documentation_is_one() -> None:
    text = (SAMPLES.parent / "docs" / "own-software.md").read_text(encoding="utf-8")
    tables = read_tables("own-software.md", text.split("```toml\n")[1].split("```")[0])
    assert tables.pool
    assert tables.blocker
    assert tables.lease
    assert tables.library
    assert tables.framework.prefixes
    assert tables.application.prefixes
