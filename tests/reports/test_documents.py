"""The manual page, the shell's completion and the pictures are those of this version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.builders import SAMPLES

if TYPE_CHECKING:
    from pathlib import Path

ROOT = SAMPLES.parent
DOCS = ROOT / "docs"
RUN = "from analyzer.app.cli import main; main()"


def analyze(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "TERM": "dumb", **environment}
    return subprocess.run([sys.executable, "-c", RUN, *words], capture_output=True, text=True, env=settings, check=False)


def plain(roff: str) -> str:
    return re.sub(r"\\f[BIR]", "", roff).replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["", "diff", "explain", "collect", "schema"])
def test_the_manual_page_has_every_option_that_help_shows(command: str) -> None:
    page = plain((DOCS / "analyze.1").read_text(encoding="utf-8"))
    part = page[page.index("\n.SH OPTIONS") : page.index("\n.SH COMMANDS")]
    if command:
        part = page[page.index(f"\n.SS analyze {command}") :]
        part = part[: re.search(r"\n\.S[SH] (?!analyze " + command + ")", part).start()]  # type: ignore[union-attr]
    said = analyze(*([command] if command else []), "--help").stdout
    options = re.findall(r"^ +(?:-\w, )?(--[\w-]+)", said, re.MULTILINE)
    assert len(options) > (8 if not command else 0)
    for option in options:
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", part), f"{option} is not in the manual page"
    for option in re.findall(r"^(?:-\w, )?(--[\w-]+)", part, re.MULTILINE):
        assert option in options, f"{option} is only in the manual page"


def test_every_exit_code_is_explained() -> None:
    page = (DOCS / "analyze.1").read_text(encoding="utf-8")
    assert re.findall(r"^\\fB(\d+)\\fR$", page, re.MULTILINE) == ["0", "1", "2", "3", "4", "130"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff on this machine")
def test_the_manual_page_is_sound_roff() -> None:
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", str(DOCS / "analyze.1")], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "closewait" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("analyze --anon", {"--anonymize", "--anonymize-map"}),
        ("analyze --format j", {"jira", "json"}),
        ("analyze diff --fail-on ", {"same", "worse"}),
        ("analyze diff --form", {"--format"}),
    ],
)
def test_a_shell_completes_options_and_their_values(line: str, offered: set[str]) -> None:
    words = line.split(" ")
    done = analyze(COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), _ANALYZE_COMPLETE="complete_bash")
    assert set(done.stdout.split()) == offered, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_can_be_shown_and_installed(shell: str, tmp_path: Path) -> None:
    settings = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1", "HOME": str(tmp_path)}
    shown = analyze("--show-completion", shell, **settings)
    assert "_ANALYZE_COMPLETE" in shown.stdout, shown.stderr
    if shell != "bash" or shutil.which("bash"):
        installed = analyze("--install-completion", shell, **settings)
        assert "completion installed" in installed.stdout, installed.stderr
        assert any("_ANALYZE_COMPLETE" in file.read_text() for file in tmp_path.rglob("*") if file.is_file())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
def test_bash_takes_the_script() -> None:
    script = analyze("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1").stdout
    done = subprocess.run(["bash", "-c", f"{script}\ncomplete -p analyze"], capture_output=True, text=True, check=True)
    assert "_analyze_completion" in done.stdout


def test_the_pictures_of_the_readme_are_there_and_small() -> None:
    for readme in ("README.md", "README.ko.md"):
        named = re.findall(r"\((docs/screenshots/[\w.-]+)\)", (ROOT / readme).read_text(encoding="utf-8"))
        assert named
        for name in named:
            picture = (ROOT / name).read_bytes()
            assert picture.startswith(b"\x89PNG")
            assert len(picture) <= 150_000
    assert len(list((DOCS / "screenshots").glob("*.png"))) == 4


def test_both_readmes_show_the_same_commands() -> None:
    blocks = [re.findall(r"```\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL) for name in ("README.md", "README.ko.md")]
    assert len(blocks[0]) == len(blocks[1])
    # The verdict and the help are in the reader's language; commands and options are the same.
    spoken = [index for index, (one, other) in enumerate(zip(*blocks, strict=True)) if one != other]
    assert [blocks[1][index].splitlines()[0] for index in spoken] == [
        "$ analyze samples/self-call-after --lang ko",
        "사용법: analyze [OPTIONS] [INCIDENT]...",
    ]
    assert [re.findall(r"^  (-\S+.*?)(?:  |$)", blocks[side][spoken[1]], re.MULTILINE) for side in (0, 1)] == 2 * [
        re.findall(r"^  (-\S+.*?)(?:  |$)", blocks[0][spoken[1]], re.MULTILINE)
    ]
