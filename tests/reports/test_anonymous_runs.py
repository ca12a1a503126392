"""``--anonymize`` as users call it: every format, the private map, and nothing written when something is left."""

from __future__ import annotations

import json
import re
import stat
from typing import TYPE_CHECKING

import pytest

from analyzer.app.cli import main
from analyzer.app.command import DEFECT, USAGE
from analyzer.app.options import prepared
from tests.builders import SAMPLES
from tests.reports.test_anonymize import HIDDEN, hidden

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = ("html", "md", "jira", "text", "json", "summary")


@pytest.fixture
def incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with names in every place, which is not the current one."""
    folder = tmp_path / "acme-web7-hang"
    for name, text in hidden().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return folder


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


def test_all_formats_and_the_terminal(incident: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = [word for form in FORMATS for word in ("-f", form)]
    assert run(str(incident), *wanted, "-o", "out/", "--anonymize") == 0
    texts = {path.name: path.read_text(encoding="utf-8") for path in incident.parent.glob("work/out/*")}
    assert len(texts) == len(FORMATS)
    said = capsys.readouterr()
    for name, text in {**texts, "terminal": said.out, "names": " ".join(texts)}.items():
        for secret in HIDDEN:
            assert not re.search(rf"(?<![a-z0-9]){secret}(?![a-z0-9])", text, re.IGNORECASE), f"{secret} in {name}"
    assert "host-1" in said.out
    report = next(text for name, text in texts.items() if name.endswith(".md"))
    assert re.search(r"^analyze -f html .*--anonymize INCIDENT\.\.\.$", report, re.MULTILINE)


def test_without_it_names_stay(incident: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(incident), "-f", "json") == 0
    assert "acme-web7" in capsys.readouterr().out


def test_a_kept_map_ties_two_reports_together(incident: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(incident), "-f", "json", "--anonymize", "--anonymize-map", "private.json") == 0
    first = capsys.readouterr().out
    assert "private.json" not in first
    keys = incident.parent / "work" / "private.json"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    kept = json.loads(keys.read_text())
    assert kept["host"]["acme-web7"] == "host-1"
    other = next(iter(incident.rglob("netstat*")))
    other.write_text(other.read_text().replace("[kim@acme-web7 ~]$ ", "[lee@zz-web9 ~]$ "))
    assert run(str(incident), "-f", "json", "--anonymize-map=private.json") == 0
    second = capsys.readouterr().out
    files = [[item["file"] for item in json.loads(text)["inputs"]] for text in (first, second)]
    assert files[0] == files[1]
    assert all(name.startswith("host-1/") for name in files[0])
    assert json.loads(keys.read_text())["host"].items() >= kept["host"].items()


def test_two_runs_without_a_map_give_the_same_bytes(incident: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = set()
    for _ in range(2):
        assert run(str(incident), "-f", "md", "--anonymize") == 0
        outputs.add(capsys.readouterr().out)
    assert len(outputs) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--anonymize=addresses,planets"], "planets is none of addresses, hosts, users, packages"),
        (["--anonymize-map", "{incident}/map.json"], "inside the evidence"),
        (["--anonymize-map", "bad.json"], "is not a map of pseudonyms"),
        (["--anonymize-map", "out.json", "-o", "out.json"], "is a report of this run"),
        (["--anonymize-map", "bad.json/map.json"], "cannot write"),
    ],
)
def test_what_cannot_be(incident: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    (incident.parent / "work" / "bad.json").write_text("[]")
    before = sorted(path.name for path in incident.parent.rglob("*"))
    assert run(str(incident), *(word.format(incident=incident) for word in words)) == USAGE
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in incident.parent.rglob("*")) == before


def test_nothing_is_written_when_an_original_is_left(
    incident: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "reports.anonymize.replacer._FIXED", frozenset({"headline", "explanation", "why", "says", "remote", "notes", "name"})
    )
    before = sorted(path.name for path in incident.parent.rglob("*"))
    assert run(str(incident), "--anonymize", "--anonymize-map", "map.json") == DEFECT
    said = capsys.readouterr()
    assert "--anonymize refuses" in said.err
    assert "Nothing was written" in said.err
    assert said.out == ""
    assert sorted(path.name for path in incident.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (["--anonymize", "incident"], ["--anonymize=", "incident"]),
        (["incident", "--anonymize"], ["incident", "--anonymize="]),
        (["--anonymize", "users,hosts", "incident"], ["--anonymize", "users,hosts", "incident"]),
        (["--anonymize=users", "incident"], ["--anonymize=users", "incident"]),
        (["--", "--anonymize"], ["--", "--anonymize"]),
    ],
)
def test_the_list_of_kinds_may_be_left_out(given: list[str], made: list[str]) -> None:
    assert prepared(given) == made


def test_a_folder_called_like_a_kind_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "users").mkdir()
    monkeypatch.chdir(tmp_path)
    assert prepared(["--anonymize", "users"]) == ["--anonymize=", "users"]


def test_the_evidence_of_a_sample_stays_the_same_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(str(SAMPLES / "slow-backend-decoy"), "-f", "json", "--anonymize") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"]["rule"] == "slow-backend"
    assert "192.0.2.50" not in json.dumps(report)
    assert "198.18." in report["verdict"]["headline"]
