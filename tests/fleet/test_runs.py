"""``analyze fleet`` as users and scripts meet it."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from analyzer.app import fleet as command
from analyzer.app.fleet import Asked, run
from analyzer.app.incident_row import Outcome, Task, row_of
from analyzer.model.errors import UsageError
from tests.builders import SAMPLES, idle_exec
from tests.fleet.incidents import deadlock, save
from tests.test_cli import analyze

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Three deadlocks, two of them in one place of the code, and a folder that is broken."""
    folder = tmp_path / "desk"
    for number, name in enumerate(("io.harbor.Crane", "io.harbor.Crane", "io.harbor.Ferry"), start=1):
        save(folder / f"OPS-{number}", 7000 + number, f"2026-03-0{number} 08:10:00", stacks=deadlock(name))
    save(folder / "OPS-4", 7004, "2026-03-04 08:10:00", stacks=idle_exec(4, 8300))
    (folder / "OPS-5").mkdir()
    (folder / "OPS-5" / "jstack.txt").write_bytes(b"")
    return folder


def table(asked: Asked, target: Path) -> dict[str, object]:
    run(replace(asked, output=str(target), quiet=True))
    made: dict[str, object] = json.loads(target.read_text(encoding="utf-8"))
    return made


def test_one_row_each_and_a_broken_one_stops_nothing(desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Asked([str(desk)], output=str(tmp_path / "t.json"), jobs=1)) == 0
    data = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert [one["path"].rpartition("/")[2] for one in data["incidents"]] == ["OPS-1", "OPS-2", "OPS-3", "OPS-4", "OPS-5"]
    assert [group["incidents"] for group in data["groups"]][:1] == [2]
    assert "all files are empty" in data["incidents"][-1]["error"]
    assert "1 of 5 incidents could not be analysed" in capsys.readouterr().err


def test_exit_code_of_the_worst(desk: Path, tmp_path: Path) -> None:
    asked = Asked([str(desk)], output=str(tmp_path / "t.tsv"), jobs=1)
    assert run(replace(asked, fail_on="critical")) == 1
    for number in (1, 2, 3):
        for file in (desk / f"OPS-{number}").iterdir():
            file.unlink()
    assert run(replace(asked, fail_on="critical")) == 0
    assert run(replace(asked, paths=[str(desk / "OPS-5")])) == 3


def test_reports_are_linked_from_the_page(desk: Path, tmp_path: Path) -> None:
    run(Asked([str(desk)], output=str(tmp_path / "out" / "all.html"), reports=str(tmp_path / "out" / "single"), jobs=1))
    page = (tmp_path / "out" / "all.html").read_text(encoding="utf-8")
    written = sorted((tmp_path / "out" / "single").iterdir())
    assert len(written) == 4
    for file in written:
        assert f'href="single/{file.name}"' in page
        assert file.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_what_is_done_is_not_done_again(desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked([str(desk)], jobs=1, resume=str(tmp_path / "done.jsonl"))
    first = table(asked, tmp_path / "1.json")
    done: list[str] = []

    def noted(task: Task) -> Outcome:
        done.append(task.unit.label)
        return row_of(task)

    monkeypatch.setattr(command, "row_of", noted)
    assert table(asked, tmp_path / "2.json") == first
    assert done == []
    (desk / "OPS-2" / "netstat.txt").write_text("", encoding="utf-8")
    table(asked, tmp_path / "3.json")
    assert [label.rpartition("/")[2] for label in done] == ["OPS-2"]
    done.clear()
    (desk / "OPS-3").rename(desk / "OPS-9")
    moved = table(asked, tmp_path / "4.json")
    assert done == []
    assert "OPS-9" in json.dumps(moved)
    table(replace(asked, language="ko"), tmp_path / "5.json")
    assert len(done) == 5


def test_an_interrupted_run_goes_on(desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked([str(desk)], jobs=1, resume=str(tmp_path / "done.jsonl"))
    done: list[str] = []

    def interrupted(task: Task) -> Outcome:
        if len(done) == 2:
            raise KeyboardInterrupt
        return noted(task)

    def noted(task: Task) -> Outcome:
        done.append(task.unit.label)
        return row_of(task)

    monkeypatch.setattr(command, "row_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(asked)
    with (tmp_path / "done.jsonl").open("ab") as file:
        file.write(b'{"key": "torn')
    monkeypatch.setattr(command, "row_of", noted)
    table(asked, tmp_path / "t.json")
    assert sorted(done) == [f"{desk}/OPS-{number}" for number in range(1, 6)]


def test_nothing_is_written_into_the_evidence(desk: Path, tmp_path: Path) -> None:
    for wrong in ({"output": str(desk / "t.json")}, {"reports": str(desk / "r")}, {"resume": str(desk / "OPS-1" / "d"), "output": "-"}):
        with pytest.raises(UsageError, match="never written to"):
            run(Asked([str(desk)], **wrong))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="names no format"):
        run(Asked([str(desk)], output=str(tmp_path / "t.xyz")))
    with pytest.raises(UsageError, match="no such zone"):
        run(Asked([str(desk)], timezone="Mars/Olympus"))
    (tmp_path / "other").write_text("something else\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no file of finished incidents"):
        run(Asked([str(desk)], resume=str(tmp_path / "other"), jobs=1))


def test_names_that_no_text_can_hold(desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name with a byte that is no UTF-8, and one that would move the cursor."""
    for name in (b"OPS-\xff", b"OPS-\x1b[2J"):
        (desk / os.fsdecode(name)).mkdir()
        (desk / os.fsdecode(name) / "jstack.txt").write_bytes(b"" if b"[" in name else (desk / "OPS-1" / "jstack.txt").read_bytes())
    asked = Asked([str(desk)], jobs=1, resume=str(tmp_path / "done"), store=str(tmp_path / "h.sqlite"), reports=str(tmp_path / "single"))
    for form in ("json", "tsv", "html", "txt"):
        assert run(replace(asked, output=str(tmp_path / f"t.{form}"))) == 0
        text = (tmp_path / f"t.{form}").read_text(encoding="utf-8")
        assert text.replace("\n", "").replace("\t", "").isprintable()
    assert len(json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["incidents"]) == 7
    assert "\x1b" not in capsys.readouterr().err


def test_nothing_there_is_nothing_usable(tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()
    assert run(Asked([str(tmp_path / "desk")])) == 3
    assert run(Asked([str(tmp_path / "gone")])) == 3


def test_the_plain_command_loads_none_of_it() -> None:
    code = "import sys; from analyzer.app import cli, command; from analyzer.judge import engine; from analyzer.intake import read; print([m for m in sys.modules if 'fleet' in m or 'several' in m or m in ('sqlite3', 'concurrent.futures', 'distributed')])"
    import subprocess  # noqa: PLC0415 - one test

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=SAMPLES.parent)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
class TestProgram:
    def test_output_is_the_same_whatever_the_number_of_workers(self, desk: Path, tmp_path: Path) -> None:
        for number in (1, 2, 3):
            done = analyze("fleet", str(desk), "-j", str(number), "-o", f"{number}.json", cwd=tmp_path)
            assert done.returncode == 0, done.stderr
        assert len({(tmp_path / f"{number}.json").read_bytes() for number in (1, 2, 3)}) == 1

    def test_text_on_the_terminal(self, desk: Path, tmp_path: Path) -> None:
        done = analyze("fleet", str(desk), cwd=tmp_path)
        assert "2 × CRITICAL · java-deadlock" in done.stdout
        assert "\x1b" not in done.stdout + done.stderr

    def test_pseudonyms_are_refused_with_a_reason(self, desk: Path, tmp_path: Path) -> None:
        done = analyze("fleet", "--anonymize", str(desk), cwd=tmp_path)
        assert done.returncode == 2
        assert "--anonymize is not available" in done.stderr

    def test_a_folder_of_several_names_this_command(self, desk: Path, tmp_path: Path) -> None:
        done = analyze(str(desk), cwd=tmp_path)
        assert done.returncode == 2
        assert f"analyze fleet {desk}" in done.stderr
