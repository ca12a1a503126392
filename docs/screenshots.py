"""Takes the pictures of reports that the README shows, in Chromium: ``PYTHONPATH=. python docs/screenshots.py``.

Each is the upper part of a report as a visitor sees it, light or dark, wide or as a phone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from analyzer.app.command import RunOptions, analysed
from reports.formats import html
from reports.language.catalogue import speaking, spoken
from reports.view import build as view

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "screenshots"
LARGEST = 150_000
"""Bytes of a picture: a checkout is no album."""
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync --hide-scrollbars"
)


class Shot(NamedTuple):
    """A sample, the size of the window, and whether the visitor prefers dark pages, and the language."""

    sample: str
    width: int
    height: int
    dark: bool = False
    language: str = "en"

    @property
    def name(self) -> str:
        """The picture's file."""
        return f"{self.sample}.png" if self.language == "en" else f"{self.sample}.{self.language}.png"


SHOTS = (
    Shot("self-call-after", 820, 860),
    Shot("leak-growing", 820, 1000, dark=True),
    Shot("slow-backend-decoy", 480, 960),
    Shot("self-call-after", 820, 760, language="ko"),
)


def main() -> int:
    """Take all pictures; 1 if there is no browser or a picture is too large."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        sys.stderr.write("Chromium is needed\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    for shot in SHOTS:
        target = FOLDER / shot.name
        take(browser, shot, target)
        if target.stat().st_size > LARGEST:
            sys.stderr.write(f"{target.name} has {target.stat().st_size:,} bytes, more than {LARGEST:,}\n")
            return 1
    return 0


def take(browser: str, shot: Shot, target: Path) -> None:
    """One picture."""
    folder = ROOT / "samples" / shot.sample
    diagnosis, _ = analysed(RunOptions([str(folder)]))
    with tempfile.TemporaryDirectory() as work:
        page = Path(work) / "report.html"
        with speaking(shot.language):
            page.write_text(html.render(view.build(spoken(diagnosis), f"analyze samples/{shot.sample}")), encoding="utf-8")
        command = [
            browser,
            *FLAGS.split(),
            f"--user-data-dir={work}/profile",
            f"--blink-settings=preferredColorScheme={0 if shot.dark else 1}",
            f"--window-size={shot.width},{shot.height}",
            f"--screenshot={target}",
            page.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120, env={**os.environ, "HOME": work})


if __name__ == "__main__":
    sys.exit(main())
