"""Plain text, 72 columns, for work notes and mail: at most 3,900 characters (ServiceNow takes 4,000)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.formats.budget import Block, all_findings, fit
from reports.formats.prose import chain_lines, command, gap_sentence, known_help, known_place, wrap
from reports.language.catalogue import tell
from reports.text_safety import clip_columns
from reports.view.wording import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reports.view.model import Case, Proof, StackView, View

LIMIT = 3_900
WIDTH = 72
_QUOTED = 2
_STACKS = 3
_FRAMES = 5


def render(view: View) -> str:
    """The report in plain text."""
    return fit(tuple(_blocks(view)), LIMIT, str.upper, lambda note: "\n".join(wrap(note, WIDTH)))


def _blocks(view: View) -> Iterator[Block]:
    yield Block("", _paragraph(f"{view.word.upper()}  {' | '.join(view.meta)}"))
    if view.facts:
        yield Block("", _paragraph(" | ".join(view.facts)), 6)
    yield Block("", _paragraph(view.headline))
    yield Block("", _paragraph(text_of(view.summary)))
    for warning in (view.rivals, *view.warnings):
        if warning:
            yield Block("", _paragraph(tell("Note: {note}", note=warning)), 0 if warning == view.rivals else 1)
    for figure in view.figures:
        yield Block(tell("Numbers"), f"{figure.value:>12}  {clip_columns(figure.label, WIDTH - 14)}", 4, tight=True)
    for case in view.cases:
        yield from _case(case, first=case is view.cases[0])
    for case in (*view.followed, *view.also):
        follows = tell(", follows from {finding}", finding=case.follows) if case.follows else ""
        yield Block(
            tell("What followed and what else was found"), _item(f"{case.id} ({case.word}{follows}): {case.headline}"), 3, tight=True
        )
    for known in view.known:
        said = " ".join(part for part in (known.says, known.title, known_help(known), known_place(known)) if part)
        yield Block(tell("Known issues that this looks like"), _item(said), 4, tight=True)
    yield Block(tell("All findings"), _paragraph(all_findings(view, 700)))
    yield from _numbers(view)
    if view.checked_note:
        yield Block(tell("Checked"), _paragraph(f"{view.checked_note}."), 8)
    for item in view.faults:
        yield Block(tell("Broken rules"), _item(f"{', '.join(item.rules)}: {item.why}"), 8, tight=True)
    yield Block(tell("Read"), "\n".join(map(_paragraph, (view.sources_note, *view.clocks))), 4)
    yield Block("", _paragraph(f"{view.tool}, {tell('fingerprint')} {view.fingerprint}"), 2)


def _numbers(view: View) -> Iterator[Block]:
    """Sockets, their course, pools, and what is missing."""
    for chart in view.sockets:
        states = ", ".join(f"{bar.label} {bar.value}" for bar in chart.bars)
        yield Block(tell("Sockets"), _item(f"{chart.caption}: {states}. {chart.split}"), 5, tight=True)
    if view.trend:
        yield Block(tell("CLOSE_WAIT over time"), _paragraph(view.trend.caption), 4)
    for waited in view.patience:
        yield Block(tell("Client patience"), _paragraph(waited.caption), 6)
    for pool in view.pools:
        yield Block(view.pools_title, _item(f"{pool.name}: {pool.busy}; {pool.doing}"), 6, tight=True)
    for group in view.stacks[:_STACKS]:
        yield Block(tell("Stacks"), "\n".join(_stack(group)), 5)
    for gap in view.missing:
        lines = [_item(gap_sentence(gap)), *command(gap.command, WIDTH, "    ")]
        yield Block(tell("Missing"), "\n".join(lines), 3, tight=True)


def _case(case: Case, *, first: bool) -> Iterator[Block]:
    if not first:
        yield Block("", _paragraph(f"{case.id} ({case.word}, {case.confidence}): {case.headline}"))
    for part in case.agenda:
        for todo in part.todos:
            lines = [_item(text_of(todo.words)), *command(todo.command, WIDTH, "    ")]
            yield Block(part.when, "\n".join(lines), {"now": 1, "fix": 2}.get(part.kind, 4), tight=True)
    if case.chain:
        title = tell("How it locks up") if case.loop else tell("How it came about")
        lines = []
        for actor, edge in chain_lines(case):
            lines += wrap(actor, WIDTH, "  ", "    ")
            lines += wrap(edge, WIDTH, "    -> ", "       ") if edge else []
        yield Block(title, "\n".join(lines), 3)
    for index, proof in enumerate(case.proofs):
        yield Block(tell("Evidence"), "\n".join(_proof(proof)), 5 if index < 3 else 7)  # noqa: PLR2004 - the first three tell the case
    if case.cut:
        yield Block(tell("Evidence"), _paragraph(case.cut), 5)


def _proof(proof: Proof) -> Iterator[str]:
    yield from wrap(f"{proof.id} {text_of(proof.says)}".strip(), WIDTH, "", "   ")
    yield from wrap(f"{proof.place}{', ' if proof.more else ''}{proof.more}", WIDTH, "   ", "   ")
    marked = [line for line in proof.excerpt if any(piece.kind for piece in line)] or list(proof.excerpt)
    for line in marked[:_QUOTED]:
        yield clip_columns(f"   | {text_of(line).strip()}", WIDTH)
    if proof.inferred:
        yield from wrap(f"({proof.inferred})", WIDTH, "   ", "   ")


def _stack(group: StackView) -> Iterator[str]:
    """The line of a group, and its stack down to the application's first frame."""
    yield _item(f"{group.title}: {group.note}")
    last = next((index for index, frame in enumerate(group.frames) if any(piece.kind for piece in frame)), 1)
    for frame in group.frames[: last + 1][-_FRAMES:]:
        yield clip_columns(f"    at {text_of(frame)}", WIDTH)


def _paragraph(text: str) -> str:
    return "\n".join(wrap(text, WIDTH))


def _item(text: str) -> str:
    return "\n".join(wrap(text, WIDTH, "- ", "  "))
