"""The page in a real browser: quiet, local, and no wider than a phone. Needs Chromium; says so where there is none."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from reports import html, view
from tests.builders import sample

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars"

# A second page loads the report into a frame of the width to test and writes what it measured into its own body.
PROBE = """<!doctype html><meta charset="utf-8"><body><iframe id="f" src="report.html" style="width:{width}px;height:900px;border:0"></iframe><script>
document.getElementById('f').onload = function () {{
  var d = this.contentDocument, out = {{}}, bad = [];
  out.width = d.documentElement.scrollWidth;
  d.querySelectorAll('body *').forEach(function (e) {{
    var style = d.defaultView.getComputedStyle(e);
    if (e.children.length === 0 && e.textContent.trim() && parseFloat(style.fontSize) < 11) bad.push(e.tagName + ' ' + style.fontSize);
  }});
  out.small = bad; out.scripts = d.querySelectorAll('script:not([type="application/json"])').length;
  out.links = Array.from(d.querySelectorAll('a[href^="#"]')).filter(function (a) {{ return !d.getElementById(a.getAttribute('href').slice(1)); }}).length;
  out.h1 = d.querySelectorAll('h1').length; out.lang = d.documentElement.lang; out.title = d.title;
  document.body.textContent = 'RESULT' + JSON.stringify(out) + 'END';
}};
</script>"""


def measure(name: str, width: int, folder: Path) -> tuple[dict[str, object], str]:
    """What the browser measured, and what it logged."""
    (folder / "report.html").write_text(html.render(view.build(sample(name), f"analyze {name}", "0")), encoding="utf-8")
    (folder / "probe.html").write_text(PROBE.format(width=width), encoding="utf-8")
    profile = folder / "profile"
    command = [
        str(CHROMIUM),
        *FLAGS.split(),
        f"--user-data-dir={profile}",
        "--allow-file-access-from-files",
        "--enable-logging=stderr",
        "--virtual-time-budget=4000",
        "--dump-dom",
        (folder / "probe.html").as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "HOME": str(folder)})
    found = re.search(r"RESULT(\{.*\})END", done.stdout)
    assert found, done.stderr[-2000:]
    measured: dict[str, object] = json.loads(found[1])
    return measured, done.stderr


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("name", ["self-call-after", "seed-2015"])
def test_page(name: str, width: int, tmp_path: Path) -> None:
    measured, log = measure(name, width, tmp_path)
    assert measured["width"] == width, "the page scrolls sideways"
    assert measured["small"] == []
    assert measured["scripts"] == 0
    assert measured["links"] == 0, "a link leads nowhere"
    assert measured["h1"] == 1
    assert measured["lang"] == "en"
    assert measured["title"]
    assert not re.findall(r"CONSOLE.*report\.html", log)


def test_page_asks_for_nothing_from_outside() -> None:
    page = html.render(view.build(sample("connection-limit"), "analyze x", "0"))
    assert not re.findall(r"""(?:src|href)=["']?(?!#)[a-z]+:""", page)
    assert "default-src 'none'" in page
    assert "@import" not in page
    assert "url(" not in page
