"""Where reports go: the right renderer for each format, files written whole or not at all, never into the evidence."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from analyzer.app.writing import STDOUT, inside_evidence, no_ending, no_folder, note, put, save
from analyzer.model.errors import UsageError
from analyzer.model.message import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.app.anonymous import Guard
    from analyzer.model.finding import Diagnosis
    from reports.view.build import View

ENDINGS: Final = {"html": "html", "md": "md", "jira": "jira", "text": "txt", "json": "json", "summary": "summary.txt"}
"""Format → ending of the file that holds it."""
_GUESSES: Final = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md", ".jira": "jira", ".txt": "text", ".json": "json"}


class Job(NamedTuple):
    """What to write: the diagnosis, the evidence's paths, formats asked for, ``-o``, ``-q``, the command line and the tool's version.

    ``guard`` looks at the finished texts before any of them is written; ``language`` is that of the reports.
    """

    diagnosis: Diagnosis
    paths: Sequence[str]
    formats: Sequence[str]
    output: str | None
    quiet: bool
    command: str
    version: str
    guard: Guard | None = None
    language: str = "en"
    page: bool = True
    """Write a page where no format and no place was asked for: of files of which none could be read it would say nothing."""


def write(job: Job) -> None:
    """Render everything, then write it: a report that fails leaves none of the others behind.

    Raises:
        UsageError: if ``-o`` does not fit the formats, lies inside the evidence, or cannot be written to.
        Disclosed: if an anonymised report still names somebody; nothing is written then.
    """
    plan = _plan(job)
    to_stdout = any(target is None for _, target in plan)
    from reports.language.catalogue import speaking, tell  # noqa: PLC0415 - the renderers load only what a format needs

    with speaking(job.language):
        saved = tell("Report: {path}", path="{path}")
        texts, verdict = _rendered(job, plan, verdict=not job.quiet and not to_stdout)
    targets = [target for _, target in plan if target is not None]
    if job.guard is not None:
        job.guard.check({**{form: text for form, _, text in texts}, "verdict": verdict}, targets)
    for _, target, text in texts:
        if target is not None:
            save(target, text)
    for _, target, text in texts:
        if target is None:
            put(text if text.endswith("\n") else text + "\n")
    lines = "".join(saved.replace("{path}", str(file)) + "\n" for file in targets)
    if to_stdout:
        note(lines)
    else:
        put(verdict + lines)


def _rendered(job: Job, plan: Sequence[tuple[str, Path | None]], *, verdict: bool) -> tuple[list[tuple[str, Path | None, str]], str]:
    """Format, target and text of every report, and the terminal's verdict if it is asked for."""
    from reports.language.catalogue import spoken  # noqa: PLC0415 - see above
    from reports.view import build as view  # noqa: PLC0415 - see above

    told = job._replace(diagnosis=spoken(job.diagnosis))
    shown = view.build(told.diagnosis, job.command, job.version)
    return [(form, target, _render(form, told, shown)) for form, target in plan], _verdict(shown) if verdict else ""


def _verdict(shown: View) -> str:
    """The verdict for this terminal; no colour where output is not a terminal or NO_COLOR is set."""
    from reports.formats import terminal  # noqa: PLC0415 - see above

    width = shutil.get_terminal_size((80, 24)).columns
    color = sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return terminal.verdict(shown, max(40, min(width, 120)), color).rstrip("\n") + "\n"


def _plan(job: Job) -> list[tuple[str, Path | None]]:
    """Format and target (None: stdout) of every report."""
    formats = list(dict.fromkeys(str(form) for form in job.formats))
    if not job.page and not formats and job.output is None:
        return []
    if job.output in STDOUT:
        if len(formats) > 1:
            raise UsageError(say("-o: several formats do not fit into stdout; give -o a folder"))
        return [(formats[0] if formats else "text", None)]
    if job.output is not None:
        target = Path(job.output)
        ends_as_folder = job.output.endswith(("/", os.sep))
        if not ends_as_folder and not target.parent.exists():
            raise UsageError(no_folder(target.parent))
        folder = target.is_dir() or ends_as_folder or len(formats) > 1
        if folder:
            return [(form, _outside(target / _name(job, form), job.paths, asked=True)) for form in formats or ["html"]]
        guess = formats[0] if formats else _GUESSES.get(target.suffix.lower())
        if guess is None:
            raise UsageError(no_ending(target.name))
        return [(guess, _outside(target, job.paths, asked=True))]
    piped = [form for form in formats if form != "html"]
    if len(piped) == 1:
        return [(form, None if form == piped[0] else _default(job, form)) for form in formats]
    return [(form, _default(job, form)) for form in formats or ["html"]]


def _name(job: Job, form: str) -> str:
    name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in job.diagnosis.incident.name) or "incident"
    return f"{name}-report.{ENDINGS[form]}"


def _default(job: Job, form: str) -> Path:
    return _outside(Path(_name(job, form)), job.paths, asked=False)


def _outside(target: Path, evidence: Sequence[str], *, asked: bool) -> Path:
    """The target, moved beside the evidence if the current folder is the evidence: it is never written to."""
    real = Path(os.path.realpath(target))  # unlike resolve(), without an error for links in a circle
    for path in evidence:
        root = Path(os.path.realpath(path))
        if path == "-":
            continue
        if real == root:
            raise UsageError(say("-o: {target} is the evidence, which is never written to", target=target))
        if root.is_dir() and real.is_relative_to(root):
            if asked:
                raise UsageError(inside_evidence(target))
            return root.parent / target.name
    return target


def _render(form: str, job: Job, shown: View) -> str:
    """The report as text; each renderer is loaded only when it is asked for."""
    match form:
        case "json":
            from reports.contract import json_v1 as json_contract  # noqa: PLC0415

            return json_contract.render(job.diagnosis, job.version)
        case "html":
            from reports.formats import html  # noqa: PLC0415

            return html.render(shown)
        case "md":
            from reports.formats import markdown  # noqa: PLC0415

            return markdown.render(shown)
        case "jira":
            from reports.formats import jira  # noqa: PLC0415

            return jira.render(shown)
        case "summary":
            from reports.formats import summary  # noqa: PLC0415

            return summary.render(shown)
        case _:
            from reports.formats import text  # noqa: PLC0415

            return text.render(shown)
