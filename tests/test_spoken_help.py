"""Help and refusals are said in the language that ``--lang`` asks for, and in English as they ever were."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analyzer.app import cli
from analyzer.app.spoken_help import texts
from reports.text_safety import width_of

ROOT = Path(__file__).parent.parent
HANGUL = re.compile(r"[가-힣]")
COMMANDS = ("", "explain", "diff", "collect", "schema", "fleet", "report")


def _ended(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_line_of_a_korean_help_is_korean_and_fits(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = [command] if command else []
    if command in {"collect", "schema"}:  # these write no report, so they have no --lang
        _, out, _ = _ended([*words, "--help"], capsys)
        assert not HANGUL.search(out)
        return
    code, out, err = _ended([*words, "--lang", "ko", "--help"], capsys)
    assert (code, err) == (0, "")
    assert "사용법: analyze" in out
    assert "옵션:" in out
    for block in re.split(r"\n(?=  -)", out)[1:]:
        assert HANGUL.search(block), block
    assert max(map(width_of, out.splitlines())) <= 80


@pytest.mark.parametrize("language", [["--lang", "ko"], ["--lang=ko"]])
def test_the_language_may_stand_before_the_command(language: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _ended([*language, "explain", "slow-backend"], capsys)
    assert (code, out) == (0, _ended(["explain", *language, "slow-backend"], capsys)[1])
    assert HANGUL.search(out)


def test_an_english_help_after_a_korean_one_is_english(capsys: pytest.CaptureFixture[str]) -> None:
    _ended(["--lang=ko", "--help"], capsys)
    _, out, _ = _ended(["--help"], capsys)
    assert "Usage: analyze" in out
    assert not HANGUL.search(out)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--lang", "ko", "no-such-folder"], 3, "analyze: no-such-folder: 그런 파일이나 폴더가 없습니다"),
        (["--lang", "ko", "--hots", "x", "here"], 2, "--hots이라는 옵션은 없습니다. 혹시"),
        (["--lang=ko", "-f", "pdf", "here"], 2, "'pdf'은(는) 'html'"),
        (["--lang", "ko", "--timezone", "Mars/Base", str(ROOT / "samples" / "slow-backend")], 2, "그런 시간대가 없습니다"),
        (["fleet", "--lang", "ko"], 2, "장애를 지정하지 않았습니다"),
        (["explain", "--lang", "ko", "no-rule-like-this"], 2, "'no-rule-like-this'이라는 규칙은 없습니다"),
        (["--", "--lang", "ko"], 3, "no such file or folder"),
    ],
)
def test_a_refusal_is_said_in_the_language_asked_for(words: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended, out, err = _ended(words, capsys)
    assert (ended, out) == (code, "")
    assert says in err


def test_a_known_issue_is_told_in_korean_and_its_stack_stays(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _ended(["explain", "--lang", "ko", "netty #7877"], capsys)
    assert "무한 루프" in out
    assert "io.netty.util.Recycler" in out
    _, plain, _ = _ended(["explain", "netty #7877"], capsys)
    assert not HANGUL.search(plain)


def test_the_catalogue_is_asked_for_every_text_of_every_command() -> None:
    from analyzer.app import fleet_options, options  # noqa: PLC0415 - declares the commands

    found = set(texts(options.app, fleet_options.commands))
    assert {"Options", "Format; default: text.", "Folders and archives with incidents in them."} <= found
