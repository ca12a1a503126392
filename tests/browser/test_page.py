"""The page in a real browser: quiet, local, readable for everybody, and no wider than a phone. Needs Chromium; says so where there is none."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reports.formats import html
from reports.language.catalogue import speaking, spoken
from reports.view import build as view
from tests.builders import sample
from tests.reports import diagnoses
from tests.reports.hostile import hostile

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]
FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars"
SCHEMES = {"dark": "0", "light": "1"}
"""Chromium's setting for what the user prefers."""
AXE = next((path for path in (Path(os.environ.get("AXE_CORE", "node_modules/axe-core")) / "axe.min.js",) if path.exists()), None)
"""The usual checker, where somebody has installed it (AXE_CORE: its folder); ours looks at the same without it."""

# A second page loads the report into a frame of the width to test and writes what it measured into its own body.
PROBE = """<!doctype html><meta charset="utf-8"><body><iframe id="f" src="report.html" style="width:{width}px;height:900px;border:0"></iframe><script>
{accessibility}
document.getElementById('f').onload = function () {{
  var d = this.contentDocument, out = accessibility(d);
  out.width = d.documentElement.scrollWidth;
  out.dark = this.contentWindow.matchMedia('(prefers-color-scheme: dark)').matches;
  out.scripts = d.querySelectorAll('script:not([type="application/json"])').length;
  out.requests = this.contentWindow.performance.getEntriesByType('resource').map(function (e) {{ return e.name; }});
  out.links = Array.from(d.querySelectorAll('a[href^="#"]')).filter(function (a) {{ return !d.getElementById(a.getAttribute('href').slice(1)); }}).length;
  document.body.textContent = 'RESULT' + JSON.stringify(out) + 'END';
}};
</script>"""


def browse(address: str, folder: Path, scheme: str = "light") -> subprocess.CompletedProcess[str]:
    """The page's final document, and what the browser logged."""
    command = [
        str(CHROMIUM),
        *FLAGS.split(),
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
        "--allow-file-access-from-files",
        "--enable-logging=stderr",
        "--virtual-time-budget=4000",
        "--dump-dom",
        address,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "HOME": str(folder)})


def measure(page: str, folder: Path, width: int = 390, scheme: str = "light") -> tuple[dict[str, Any], str]:
    """What the browser measured, and what it logged."""
    (folder / "report.html").write_text(page, encoding="utf-8")
    script = (Path(__file__).parent / "accessibility.js").read_text(encoding="utf-8")
    (folder / "probe.html").write_text(PROBE.format(width=width, accessibility=script), encoding="utf-8")
    done = browse((folder / "probe.html").as_uri(), folder, scheme)
    found = re.search(r"RESULT(\{.*\})END", done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    measured: dict[str, Any] = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    return measured, done.stderr


def page_of(name: str) -> str:
    if name == "korean":
        with speaking("ko"):
            return html.render(view.build(spoken(sample("self-call-after")), f"analyze {name}", "0"))
    made = sample(name) if name in {"self-call-after", "seed-2015", "leak-growing"} else {**diagnoses.STATES, "hostile": hostile}[name]()
    return html.render(view.build(made, f"analyze {name}", "0"))


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        ("self-call-after", 390, "light"),
        ("self-call-after", 1280, "dark"),
        ("seed-2015", 768, "light"),
        ("seed-2015", 390, "dark"),
        ("leak-growing", 390, "dark"),
        ("consequence", 390, "light"),
        ("consequence", 390, "dark"),
        ("healthy", 390, "light"),
        ("insufficient", 390, "dark"),
        ("hostile", 390, "light"),
        ("korean", 390, "light"),
    ],
)
def test_page(name: str, width: int, scheme: str, tmp_path: Path) -> None:
    measured, log = measure(page_of(name), tmp_path, width, scheme)
    assert measured["dark"] == (scheme == "dark"), "the browser did not take the scheme"
    assert measured["width"] == width, "the page scrolls sideways"
    assert measured["bad"] == []
    assert measured["texts"] > 10
    assert measured["scripts"] == 0
    assert measured["requests"] == []
    assert measured["links"] == 0, "a link leads nowhere"
    assert not re.findall(r"CONSOLE.*report\.html", log)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("--grey:#585e68", "--grey:#b0b0b0", "contrast"),
        ("<h2>Evidence</h2>", "<h4>Evidence</h4>", "heading skips a level"),
        ('<pre tabindex="0">', "<pre>", "keyboard"),
        ("</main>", "</main><p>outside</p>", "outside the landmarks"),
    ],
)
def test_the_check_finds_what_is_wrong(before: str, after: str, said: str, tmp_path: Path) -> None:
    page = page_of("self-call-after")
    assert before in page, f"the page no longer has {before}"
    measured, _ = measure(page.replace(before, after), tmp_path)
    assert any(said in line for line in measured["bad"])


@pytest.mark.skipif(AXE is None, reason="axe-core is not installed: npm install --no-save axe-core")
@pytest.mark.parametrize("scheme", sorted(SCHEMES))
@pytest.mark.parametrize("name", ["self-call-after", "consequence"])
def test_axe_has_nothing_serious_to_say(name: str, scheme: str, tmp_path: Path) -> None:
    assert AXE is not None
    shutil.copyfile(AXE, tmp_path / "axe.js")
    # The page forbids scripts; a copy of it allows one, and has everything open.
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page_of(name)).replace("<details", "<details open")
    script = "axe.run().then(function (r) { document.body.textContent = 'RESULT' + JSON.stringify(r.violations.map(function (v) { return [v.impact, v.id, v.nodes.length]; })) + 'END'; });"
    (tmp_path / "report.html").write_text(
        page.replace("</body>", f'<script src="axe.js"></script><script>{script}</script></body>'), encoding="utf-8"
    )
    done = browse((tmp_path / "report.html").as_uri(), tmp_path, scheme)
    found = re.search(r"RESULT(\[.*?\])END", done.stdout)
    assert found, done.stderr[-2000:]
    assert [one for one in json.loads(found[1]) if one[0] in {"serious", "critical"}] == []


def test_page_asks_for_nothing_from_outside() -> None:
    page = html.render(view.build(sample("connection-limit"), "analyze x", "0"))
    assert not re.findall(r"""(?:src|href)=["']?(?!#)[a-z]+:""", page)
    assert "default-src 'none'" in page
    assert "@import" not in page
    assert "url(" not in page
