"""The documentation as a site, from the same sources: the sections of README, README.ko and the pages of docs.

python release/site.py [FOLDER]     writes the pages to build/site-pages and the site to FOLDER (build/site)

Needs mkdocs-material (release/site-requirements.txt). The site loads nothing from elsewhere. A link that leads nowhere ends the build.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = ROOT / "build" / "site-pages"

SECTIONS: Final = {
    "README.md": {
        "index.md": ("closewait", "Try it"),
        "what-to-save.md": ("What to save",),
        "reading-a-verdict.md": ("How to read a verdict",),
        "usage.md": ("Usage", "Is it fixed?", "Passing a report on"),
    },
}
"""Page → the sections of a file that make it, by their headings."""
TOP_FILES: Final = {
    "README.ko.md": "ko.md",
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
"""Where a link to a file of the top folder leads on the site."""


def sections(text: str) -> dict[str, str]:
    """Heading → the section below it, up to the next heading of the first or second level."""
    parts = re.split(r"^(#{1,2} .+)$", text, flags=re.MULTILINE)
    return {heading.lstrip("# "): f"{heading}\n{body}" for heading, body in zip(parts[1::2], parts[2::2], strict=True)}


def linked(text: str) -> str:
    """The text with links that fit the site: docs lie beside the other pages there."""
    text = re.sub(r"\]\((?:\.\./)?docs/", "](", text)
    for file, page in TOP_FILES.items():
        text = re.sub(rf"\]\((?:\.\./)?{re.escape(file)}\)", f"]({page})", text)
    return text


def write_pages() -> None:
    """Write every page."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(ROOT / "docs", PAGES, ignore=shutil.ignore_patterns("*.py", "*.1", "__pycache__"))
    for page in PAGES.glob("*.md"):
        page.write_text(linked(page.read_text(encoding="utf-8")), encoding="utf-8")
    for file, pages in SECTIONS.items():
        found = sections((ROOT / file).read_text(encoding="utf-8"))
        for page, headings in pages.items():
            text = "\n".join(found[heading] for heading in headings)
            PAGES.joinpath(page).write_text(linked(re.sub(r"\A## ", "# ", text)), encoding="utf-8")
    for file, page in TOP_FILES.items():
        if file != "README.md":
            PAGES.joinpath(page).write_text(linked((ROOT / file).read_text(encoding="utf-8")), encoding="utf-8")


def main() -> None:
    """Write the pages and build the site."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site").resolve()
    write_pages()
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "-f",
        str(ROOT / "release" / "mkdocs.yml"),
        "-d",
        str(target),
    ]
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
