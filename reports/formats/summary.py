"""One paragraph for a chat or a pager: at most 2,900 characters (Slack takes 3,000), the first line at most 1,024."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reports.formats.budget import all_findings
from reports.formats.prose import loop_sentence
from reports.language.catalogue import tell
from reports.text_safety import BREAK, clip, without_references
from reports.view.wording import listed, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reports.view.model import View

LIMIT = 2_900
HEADLINE = 1_024


def render(view: View) -> str:
    """The paragraph. What does not fit is left out from the end; the verdict and the ids of the findings always fit."""
    first = clip(_inert(f"{view.word.upper()} {', '.join(view.meta)}: {view.headline}"), HEADLINE)
    last = _inert(tell("Findings: {findings}", findings=all_findings(view, 500)))
    parts, cut = [first], False
    for sentence in _sentences(view):
        made = _inert(sentence)
        if len(" ".join((*parts, made, last))) + 40 > LIMIT:
            cut = True
            continue
        parts.append(made)
    return " ".join((*parts, last, tell("Shortened: see the report.")) if cut else (*parts, last)) + "\n"


def _sentences(view: View) -> Iterator[str]:
    yield clip(text_of(view.summary), 1_000)
    for warning in (view.rivals, *view.warnings):
        if warning:
            yield warning
    for case in view.cases:
        for part in case.agenda[:2]:
            for todo in part.todos[:2]:
                yield f"{part.when}: {text_of(todo.words)}" + (f" ({todo.command})" if todo.command else "")
    for case in view.cases:
        if case.chain:
            yield tell("Chain: {chain}.", chain=loop_sentence(case))
        places = [proof.place for proof in case.proofs[:4]]
        yield tell("Evidence: {places}.", places=listed(places))
    for gap in view.missing[:2]:
        yield tell("Missing: {artifact} ({command}).", artifact=gap.artifact, command=gap.command)
    if not view.cases:
        yield view.sources_note


def _inert(text: str) -> str:
    """Without what chats turn into mentions, channels and links: ``@here``, ``<!channel>``, ``http://``."""
    return re.sub(r"<(?=[!@#\w])", "<" + BREAK, without_references(text))
