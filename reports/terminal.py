"""The verdict on a terminal: ten to twenty lines that one would paste into a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.prose import loop_sentence, wrap
from reports.wording import listed, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reports.model import Case, View

NARROWEST = 40
WIDEST = 120
_LABEL = 10
_EVIDENCE = 3
_BOLD, _RED, _RESET = "\x1b[1m", "\x1b[1;31m", "\x1b[0m"


def verdict(view: View, width: int, color: bool) -> str:
    """The verdict in lines of at most ``width`` columns (40 to 120); no escape code unless ``color``."""
    width = max(NARROWEST, min(WIDEST, width))
    paint = _painted if color else _unpainted
    word = view.word.upper()
    head = wrap(" · ".join(view.meta), width, f"{word}  ", "")
    head = head or [word]
    lines = [paint(head[0][: len(word)], _RED if view.alarm else _BOLD) + head[0][len(word) :], *head[1:]]
    lines += [paint(line, _BOLD) for line in wrap(view.headline, width)]
    lines += wrap(text_of(view.summary), width)
    for label, text in _entries(view):
        made = wrap(text, width, f"{label:<{_LABEL}}", " " * _LABEL)
        lines += [paint(made[0][:_LABEL], _BOLD) + made[0][_LABEL:], *made[1:]] if made else []
    return "\n".join(lines) + "\n"


def _entries(view: View) -> Iterator[tuple[str, str]]:
    for warning in (view.rivals, *view.warnings):
        if warning:
            yield "Note", warning
    told = _told(view)
    for case in told:
        yield from _case(case, short=len(told) > 1)
    others = [
        f"{case.id} {case.rule} ({case.word})" for case in (*view.cases[len(told) :], *view.followed, *view.also) if case.word != "info"
    ]
    if others:
        yield "Also", f"{listed(others, 6)}. {view.findings_rest}"
    for gap in view.missing[: 1 if view.cases else 3]:
        yield "Missing", f"{gap.artifact}: {gap.command}"
    if not view.cases:
        yield "Read", view.sources_note


def _told(view: View) -> Sequence[Case]:
    """The causes with lines of their own: two at most, and of explanations that rest on the same words only the first."""
    first = view.cases[:1]
    return first if all(case.headline == first[0].headline for case in view.cases) else view.cases[:2]


def _case(case: Case, *, short: bool) -> Iterator[tuple[str, str]]:
    """What to say of a cause: chain, evidence, what to do."""
    if short:
        yield case.id, f"{case.rule} ({case.word}, {case.confidence}): {case.headline}"
    elif case.chain:
        yield "Loop" if case.loop else "Chain", loop_sentence(case)
    for index, proof in enumerate(case.proofs[: 2 if short else _EVIDENCE]):
        yield "" if index else "Evidence", f"{proof.place} {text_of(proof.says)}"
    for part in case.agenda:
        if part.when in {"Now", "Fix"}:
            todo = part.todos[0]
            yield part.when, text_of(todo.words) + (f" {todo.command}" if todo.command else "")


def _painted(text: str, code: str) -> str:
    return f"{code}{text}{_RESET}" if text.strip() else text


def _unpainted(text: str, _code: str) -> str:
    return text
