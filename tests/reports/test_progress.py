"""Long work on a terminal, and work that is ended by Ctrl-C."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from analyzer.app import progress
from analyzer.app.progress import Progress
from tests.builders import SAMPLES

if TYPE_CHECKING:
    from pathlib import Path

ROOT = SAMPLES.parent
# What a shell starts in the background ignores Ctrl-C, and so does all that it starts in turn: these programs hear it anyway.
HEARD = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
# Ctrl-C where it hurts most: the report is in its temporary file, and not yet in its place.
WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from analyzer.app.cli import main
replace = Path.replace
def interrupted(self, target):
    os.kill(os.getpid(), signal.SIGINT)
    return replace(self, target)
Path.replace = interrupted
main(sys.argv[1:])
"""
WHILE_READING = """
import os, signal, sys, threading
from analyzer.app.cli import main
import analyzer.intake.read
read = analyzer.intake.read.read
def interrupted(*arguments, **named):
    os.kill(os.getpid(), signal.SIGINT)
    return read(*arguments, **named)
analyzer.intake.read.read = interrupted
main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.parametrize("code", [WHILE_WRITING, WHILE_READING])
@pytest.mark.parametrize("old", ["", "the report of yesterday"])
def test_ctrl_c_leaves_no_half_written_file(code: str, old: str, tmp_path: Path) -> None:
    target = tmp_path / "out" / "report.html"
    target.parent.mkdir()
    if old:
        target.write_text(old)
    done = subprocess.run(
        [sys.executable, "-c", HEARD + code, str(SAMPLES / "connection-limit"), "-o", str(target)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130
    assert "interrupted" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in target.parent.iterdir()] == (["report.html"] if old else [])
    if old:
        assert target.read_text() == old


@pytest.mark.slow
def test_a_line_after_a_second_and_none_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "big\x1b[31m.txt").write_bytes(b"x" * 3_000_000)
    (tmp_path / "small.txt").write_bytes(b"x" * 1_000)
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    with Progress([str(tmp_path), "-", "nowhere"], shown=True) as watch:
        time.sleep(0.4)
        watch.step("judging")
        time.sleep(0.4)
    lines = said.getvalue().split("\r\x1b[K")
    assert lines[1].startswith("analyze: reading 3.0 MB (big?[31m.txt 3.0 MB), ")
    assert any(line.startswith("analyze: judging 3.0 MB") for line in lines)
    assert lines[-1] == "", "the line is taken away at the end"
    assert max(map(len, lines)) <= 78
    said.truncate(0)
    with Progress([str(tmp_path)], shown=True):
        pass
    with Progress([str(tmp_path)], shown=False):
        time.sleep(0.2)
    assert said.getvalue().strip("\0") == ""


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [True, False])
def test_only_a_terminal_sees_it(terminal: bool, tmp_path: Path) -> None:
    """A real terminal: the tool's stderr is a pseudo-terminal, or a pipe."""
    code = (
        "import sys, time, analyzer.intake.read as intake\nfrom analyzer.app import progress\nfrom analyzer.app.cli import main\nread = intake.read\n"
        "progress.PATIENCE = 0.05\n"
        "def slow(*arguments, **named):\n    time.sleep(0.5)\n    return read(*arguments, **named)\n"
        "intake.read = slow\nmain(sys.argv[1:])"
    )
    leader, follower = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-c", code, str(SAMPLES / "connection-limit"), "-f", "text"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=follower if terminal else subprocess.PIPE,
    )
    out, piped = done.communicate(timeout=60)
    os.close(follower)
    seen = os.read(leader, 65_536).decode() if terminal else piped.decode()
    os.close(leader)
    assert done.returncode == 0
    assert bool(re.search(r"analyze: reading [\d.]+ MB", seen)) is terminal
    assert b"\x1b" not in out
