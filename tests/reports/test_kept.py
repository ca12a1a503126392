"""A kept report becomes the same report again, in any format; whatever cannot be read is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from analyzer.app.kept_report import Asked, run
from reports.contract import json_v1
from reports.contract.kept import KeptError, diagnosis_of, kept, said_in
from reports.formats import html, jira, markdown, summary, text
from reports.language.catalogue import speaking, spoken
from reports.view import build
from tests.builders import sample
from tests.reports import diagnoses, hostile
from tests.score import folders

if TYPE_CHECKING:
    from pathlib import Path

    from analyzer.model.finding import Diagnosis


def page(diagnosis: Diagnosis) -> str:
    return html.render(build.build(diagnosis, "analyze", "1"))


@pytest.mark.parametrize("folder", folders(), ids=lambda path: path.name)
class TestSamples:
    def test_json_comes_back_byte_by_byte(self, folder: Path) -> None:
        made = json_v1.render(sample(folder.name), "1")
        again = kept(made.encode())
        assert json_v1.render(again.diagnosis, again.version) == made

    def test_every_text_comes_back(self, folder: Path) -> None:
        before = sample(folder.name)
        after = kept(json_v1.render(before, "1").encode()).diagnosis
        for form in (text, markdown, jira, summary):
            assert form.render(build.build(after, "analyze", "1")) == form.render(build.build(before, "analyze", "1"))


def test_a_page_holds_its_report() -> None:
    before = diagnoses.self_call()
    again = kept(page(before).encode())
    assert again.version == "1"
    assert again.language == "en"
    assert again.diagnosis.findings[0].headline == before.findings[0].headline
    assert (
        text.render(build.build(again.diagnosis, "analyze", "1")).splitlines()[:8]
        == text.render(build.build(before, "analyze", "1")).splitlines()[:8]
    )


def test_what_was_cut_from_a_page_is_said() -> None:
    before = sample("self-call-at-scale")
    made = kept(page(before).encode()).diagnosis
    assert any("Cut from this copy" in note for note in made.notes)


def test_another_language_is_said() -> None:
    with speaking("ko"):
        again = kept(page(spoken(sample("self-call-after"))).encode())
    assert again.language == "ko"
    with speaking("en"):
        assert "in which the report was made" in said_in(again, "en").notes[0]
    assert said_in(again, "ko").notes == again.diagnosis.notes


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "neither a page nor a JSON"),
        (b"plain text", "neither a page nor a JSON"),
        (b"<html><p>another page</p></html>", "without its data"),
        (b'{"schema": "difference/1"}', "no report of the format"),
        (b'{"schema": "diagnosis/1"}', "no report of the format"),
        (b"{", "no report of the format"),
        (b'<html><script type="application/json" id="diagnosis">{"schema"</script></html>', "no report of the format"),
    ],
)
def test_what_is_no_report_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(KeptError, match=why):
        kept(data)


def test_a_finding_without_evidence_is_refused() -> None:
    report = json_v1.report(diagnoses.self_call(), "1")
    broken = msgspec.structs.replace(report, findings=(msgspec.structs.replace(report.findings[0], evidence=()),))
    with pytest.raises(KeptError, match="has no evidence"):
        diagnosis_of(broken)


@pytest.mark.parametrize("kind", hostile.KINDS)
def test_hostile_reports_do_nothing(kind: str) -> None:
    poisoned = hostile.poisoned(diagnoses.self_call(), hostile.KINDS[kind])
    made = page(kept(json_v1.render(poisoned, "1").encode()).diagnosis)
    assert made.count("<script") == made.count('<script type="application/json"') <= 1
    assert "<img" not in made


class TestCommand:
    def test_formats_and_places(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        old = tmp_path / "old.html"
        old.write_text(page(sample("self-call-after")), encoding="utf-8")
        assert run(Asked(str(old)), "analyze report") == 0
        assert "The server waits for itself" in capsys.readouterr().out
        assert run(Asked(str(old), ("md", "jira"), str(tmp_path / "out")), "analyze report") == 0
        assert len(list((tmp_path / "out").iterdir())) == 2
        assert run(Asked(str(old), output=str(tmp_path / "ko.html"), language="ko", quiet=True), "analyze report") == 0
        assert '<html lang="ko">' in (tmp_path / "ko.html").read_text(encoding="utf-8")

    def test_what_cannot_be_read(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(Asked(str(tmp_path / "gone.html")), "") == 3
        assert run(Asked(str(tmp_path)), "") == 3
        assert "no such file" in capsys.readouterr().err
