"""Writes the documents that the code itself states, or (``--check``) says which of them have drifted.

docs/causes.md comes from the rules' docstrings, docs/formats.md from the formats', docs/known-issues.md from analyzer/known_issues.toml, the help blocks of README.md and README.ko.md and the
manual page docs/analyze.1 from the command line.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import man_page

import parsers
from analyzer.app.explain import affected
from analyzer.intake.read import read
from analyzer.judge.engine import diagnose
from analyzer.rules import RULES, Rule, slug
from analyzer.software.known_issues import sketches
from reports.formats import terminal
from reports.language.catalogue import speaking, spoken
from reports.view import build as view

ROOT = Path(__file__).resolve().parent.parent
SHOWN = "self-call-after"
"""The sample whose verdict README.md shows."""
NOTE = "<!-- Made from the code by `make bless`; do not edit. -->\n\n"


def causes() -> str:
    """Every rule as ``analyze explain`` tells it."""
    parts = [
        f"# Causes\n\n{NOTE}What each rule looks for, why it matters, what to do, and when it is wrong. The same text as `analyze explain RULE`.\n"
    ]
    parts += [f"## {slug(rule)}\n\n{_paragraphs(rule)}\n" for rule in RULES]
    return "\n".join(parts)


def _paragraphs(rule: Rule) -> str:
    text = inspect.cleandoc(rule.__doc__ or "")
    return re.sub(r"^(Looks for|Why it matters|Do next|Wrong when):", r"**\1:**", text, flags=re.MULTILINE)


def known() -> str:
    """Every known issue, in the order of the file."""
    parts = [
        f"# Known issues\n\n{NOTE}Defects of other software that a stack may look like. A report names them beside the cause, as information only: no verdict,",
        "severity or confidence rests on them, and a healthy server has none. The same text as `analyze explain ID`; your own go into `analyze.toml`",
        "(see own-software.md).\n",
    ]
    for issue in (sketch.issue() for sketch in sketches()):
        frames = "\n".join(issue.frames)
        releases = "".join(f"- {issue.product} {release}\n" for release in affected(issue))
        helps = f"\nWhat helps: {issue.workaround}\n" if issue.workaround else ""
        parts.append(f"## {issue.id}\n\n{issue.title}\n\n{releases}\n```\n{frames}\n```\n{helps}\n<{issue.link}>\n")
    return "\n".join(parts)


def formats() -> str:
    """Every format with its sample."""
    parts = [f"# Formats\n\n{NOTE}What `analyze` recognises by content alone, whatever the file is called.\n"]
    for form in parsers.FORMATS:
        lines = inspect.cleandoc(inspect.getdoc(form) or "").splitlines()
        body, sample = [], []
        for line in lines:
            if line.startswith("    ") or (sample and not line and sample[-1].startswith(" ")):
                sample.append(line)
                continue
            if sample:
                body += ["```", *textwrap.dedent("\n".join(sample)).strip("\n").splitlines(), "```", ""]
                sample = []
            body.append(line)
        if sample:
            body += ["```", *textwrap.dedent("\n".join(sample)).strip("\n").splitlines(), "```"]
        parts.append(f"## {form.NAME}\n\n" + re.sub(r"\n{3,}", "\n\n", "\n".join(body)).rstrip() + "\n")
    return "\n".join(parts)


def verdict(tag: str) -> str:
    """What the terminal says of the sample, in a language."""
    if tag == "en":
        return (ROOT / "tests" / "goldens" / SHOWN / "verdict.txt").read_text(encoding="utf-8").rstrip()
    evidence = read([str(ROOT / "samples" / SHOWN)], None, None)
    found = diagnose(evidence.incident, lambda where: evidence.sources[where.file].excerpt(where))
    with speaking(tag):
        return terminal.verdict(view.build(spoken(found), "analyze"), 80, color=False).rstrip()


def readme(name: str) -> str:
    """A README with the verdict of one sample and the help block as the command prints them now."""
    text = (ROOT / name).read_text(encoding="utf-8")
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONPATH": str(ROOT), "TERM": "dumb"}
    tag = "ko" if ".ko." in name else "en"
    run = [sys.executable, "-c", "from analyzer.app.cli import main; main()", "--lang", tag, "--help"]
    printed = subprocess.run(run, capture_output=True, text=True, env=environment, check=True, cwd=ROOT).stdout.strip()
    block = "\n".join(line.rstrip() for line in printed.splitlines())
    option = f" --lang {tag}" if tag != "en" else ""
    shown = f"$ analyze samples/{SHOWN}{option}\n{verdict(tag)}\nReport: {SHOWN}-report.html"
    text = re.sub(rf"\$ analyze samples/{SHOWN}[^\n]*\n.*?(?=\n```)", lambda _: shown, text, count=1, flags=re.DOTALL)
    return re.sub(r"(<!-- help -->\n```\n).*?(\n?```)", lambda hit: f"{hit[1]}{block}\n```", text, flags=re.DOTALL)


def main() -> int:
    """Write, or check."""
    drifted = 0
    made = {
        "docs/causes.md": causes(),
        "docs/formats.md": formats(),
        "docs/known-issues.md": known(),
        "docs/analyze.1": man_page.page(),
        **{name: readme(name) for name in ("README.md", "README.ko.md")},
    }
    for name, text in made.items():
        path = ROOT / name
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{name} has drifted from the code: run 'make bless'")  # noqa: T201 - the answer
            drifted = 1
    return drifted


if __name__ == "__main__":
    sys.exit(main())
