"""What somebody meets who types a word wrong, brings an archive from Korean Windows, or compares reports that were kept."""

from __future__ import annotations

import io
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from analyzer.app.cli import main
from analyzer.app.collect import USE, script
from analyzer.app.explain import near_rules
from analyzer.intake.archives import expand
from tests.builders import SAMPLES, netstat

if TYPE_CHECKING:
    from pathlib import Path


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["colect"], "did you mean 'analyze collect'?"),
        (["explian"], "did you mean 'analyze explain'?"),
        (["help"], "did you mean 'analyze --help'?"),
        (["analyze", "incident"], "did you mean 'analyze incident'?"),
        (["https://tracker.example/incident.zip"], "download it first"),
        (["explain", "self-call"], "self-call-starvation"),
        (["explain", "conection-leak"], "connection-leak"),
    ],
)
def test_near_words_are_named(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*words) in {2, 3}
    assert said in capsys.readouterr().err


def completed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, name: str = "analyze") -> list[str]:
    """What bash is told for the last word of a line."""
    monkeypatch.setattr(sys, "argv", [f"/usr/bin/{name}"])
    monkeypatch.setenv(f"_{name.upper()}_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    run()
    return capsys.readouterr().out.split()


@pytest.mark.parametrize("name", ["analyze", "closewait"])
def test_completion_of_commands_rules_and_files(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evening").mkdir()
    assert completed(monkeypatch, capsys, f"{name} e", name) == ["explain", "evening/"]
    assert completed(monkeypatch, capsys, f"{name} sche", name) == ["schema"]
    assert completed(monkeypatch, capsys, f"{name} explain self", name) == ["self-call-starvation"]
    assert completed(monkeypatch, capsys, f"{name} evening e", name) == ["evening/"]


def test_formats_with_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "netstat.txt").write_text(netstat("0 0.0.0.0:80 0.0.0.0:* LISTEN 7/java"))
    assert run("netstat.txt", "-f", "md,json", "-o", "out/") == 0
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".md", ".json"}
    assert run("netstat.txt", "--format=md,pdf", "-o", "out/") == 2
    error = capsys.readouterr().err
    assert "'pdf' is not one of" in error
    assert "Value error" not in error


def test_a_near_path_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "incident-4711").mkdir()
    assert run("incident-471") == 3
    assert "did you mean incident-4711?" in capsys.readouterr().err


def test_a_path_that_is_called_like_a_mistyped_command_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "colect").write_text(netstat("0 0.0.0.0:80 0.0.0.0:* LISTEN 7/java"))
    assert run("colect") == 0
    assert "did you mean" not in capsys.readouterr().err


def test_rules_are_found_by_their_beginning_first() -> None:
    assert near_rules("java-dead") == ["java-deadlock"]
    assert near_rules("zzz") == []


def test_a_terminal_gets_the_use_and_a_pipe_the_script(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("collect") == 0
    assert capsys.readouterr().out == script()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run("collect") == 0
    assert capsys.readouterr().out == USE
    assert USE.count("\n") == 3


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("장애/덤프.txt", "cp949"), ("장애/덤프.txt", "utf-8"), ("störung/dump.txt", "cp437"), ("plain/dump.txt", "ascii")],
)
def test_names_of_a_zip_without_the_flag_of_utf_8(name: str, encoding: str) -> None:
    info = zipfile.ZipInfo("x" * len(name.encode(encoding)))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(info, "hello")
    data = packed.getvalue().replace(b"x" * len(name.encode(encoding)), name.encode(encoding))
    assert [found.removeprefix("a.zip/") for found, _ in expand("a.zip", data)] == [name]


@pytest.mark.parametrize("form", ["html", "json"])
def test_kept_reports_are_compared(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("leak-growing", "healthy-busy"):
        assert run(str(SAMPLES / name), "-q", "-f", form, "-o", f"{name}.{form}") == 0
    capsys.readouterr()
    assert run("diff", f"leak-growing.{form}", f"healthy-busy.{form}") == 0
    assert "connection-leak" in capsys.readouterr().out


def table(port: int, count: int) -> str:
    rows = [f"300 10.0.0.1:{port} 10.0.0.9:{4000 + n} CLOSE_WAIT 77/java" for n in range(count)]
    return netstat(f"0 0.0.0.0:{port} 0.0.0.0:* LISTEN 77/java", *rows)


def test_the_user_may_say_that_it_is_the_same_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for port, count in ((41001, 40), (52002, 2)):
        (tmp_path / f"{port}.txt").write_text(table(port, count))
    run("diff", "41001.txt", "52002.txt")
    assert "--same-server" in capsys.readouterr().out
    run("diff", "41001.txt", "52002.txt", "--same-server")
    assert "No served port is common" not in capsys.readouterr().out


@pytest.mark.parametrize("words", [("explain", "self-call-starvation"), ("explain",)])
def test_rules_are_explained_in_korean(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words, "--lang", "ko") == 0
    korean = capsys.readouterr().out
    assert "서버가 자기 포트를 호출하는데, 응답할 스레드가 남아 있지 않다." in korean
    assert "Looks for" not in korean
    assert run(*words) == 0
    assert "The server calls its own port" in capsys.readouterr().out
