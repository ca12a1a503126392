"""Jira's wiki markup: at most 30,000 characters (Jira Cloud takes 32,767), no line of evidence can become a macro."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.formats.budget import Block, all_findings, fit
from reports.formats.prose import chain_lines, gap_sentence, known_help, known_place
from reports.language.catalogue import tell
from reports.text_safety import clip, escape_jira, noformat_jira
from reports.view.wording import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reports.view.model import Case, Proof, View, Words

LIMIT = 30_000
TITLE = 120


def title(view: View) -> str:
    """The issue's title: one line, at most 120 characters."""
    return clip(view.headline, TITLE)


def render(view: View) -> str:
    """The report in wiki markup."""
    return fit(tuple(_blocks(view)), LIMIT, lambda part: f"h2. {escape_jira(part)}", lambda note: f"_{escape_jira(note)}_")


def _blocks(view: View) -> Iterator[Block]:
    body = f"{_bold(view.headline)}\n\n{words(view.summary)}"
    head = "\n".join(part for part in (" · ".join(view.meta), " · ".join(view.facts)) if part)
    yield Block("", f"{{panel:title={view.word.upper()}}}\n{escape_jira(head)}\n\n{body}\n{{panel}}")
    if view.rivals:
        yield Block("", _bold(view.rivals))
    yield from (Block("", escape_jira(tell("Note: {note}", note=note)), 1) for note in view.warnings)
    if view.figures:
        yield Block("", table([figure.label for figure in view.figures], [[figure.value for figure in view.figures]]), 2)
    for case in view.cases:
        yield from _case(case, first=case is view.cases[0])
    for case in (*view.followed, *view.also):
        follows = tell(", follows from {finding}", finding=case.follows) if case.follows else ""
        text = f"* {_bold(case.id)} {escape_jira(f'({case.word}, {case.confidence}{follows}): {case.headline}')}"
        yield Block(tell("What followed and what else was found"), text, 2, tight=True)
    for known in view.known:
        text = " ".join(part for part in (known.title, known_help(known), known_place(known)) if part)
        yield Block(tell("Known issues that this looks like"), f"* {_bold(known.says)} {escape_jira(text)}", 4, tight=True)
    yield from _charts(view)
    if view.checked_note:
        yield Block(tell("Checked"), escape_jira(f"{view.checked_note}."), 6)
    if view.faults:
        lines = [f"* {escape_jira(', '.join(item.rules))}: {escape_jira(item.why)}" for item in view.faults]
        yield Block(tell("Rules that broke"), "\n".join(lines), 6)
    for gap in view.missing:
        text = f"* {escape_jira(gap_sentence(gap))}"
        yield Block(tell("What is missing"), f"{text}\n{noformat_jira((gap.command,))}" if gap.command else text, 3, tight=True)
    yield from (Block(tell("What was read"), escape_jira(said), 6) for said in view.clocks)
    rows = [[item.file, f"{item.kind}, {item.size}", f"{item.records} ({item.unread_lines})"] for item in view.sources]
    yield Block(tell("What was read"), escape_jira(view.sources_note), 3)
    if rows:
        yield Block(tell("What was read"), table([tell("File"), tell("Kind"), tell("Records (lines not understood)")], rows), 7)
        yield Block(tell("What was read"), noformat_jira(tuple(item.sum for item in view.sources)), 8)
    yield Block(tell("All findings"), escape_jira(all_findings(view, 4_000)))
    yield Block(tell("How to repeat this report"), noformat_jira((view.command,)), 6)
    yield Block("", escape_jira(f"{view.tool} · {tell('fingerprint')} {view.fingerprint}"), 1)


def _case(case: Case, *, first: bool) -> Iterator[Block]:
    suffix = "" if first else f" ({case.id})"
    if not first:
        head = escape_jira(f"{case.id} · {case.rule} · {case.word}, {case.confidence}")
        yield Block("", f"h2. {escape_jira(case.headline)}\n\n{head}\n\n{words(case.explanation)}")
    for part in case.agenda:
        for todo in part.todos:
            text = f"* *{part.when}:* {words(todo.words)}"
            yield Block(
                f"{tell('What to do')}{suffix}", f"{text}\n{noformat_jira((todo.command,))}" if todo.command else text, 1, tight=True
            )
    if case.chain:
        lines = [f"# {_bold(actor)}" + (f" {escape_jira(edge)}" if edge else "") for actor, edge in chain_lines(case)]
        yield Block(f"{tell('How it locks up') if case.loop else tell('How it came about')}{suffix}", "\n".join(lines), 2)
    yield Block(f"{tell('Evidence')}{suffix}", f"{case.confidence.capitalize()}: {escape_jira(case.why)}", 3)
    yield from (
        Block(f"{tell('Evidence')}{suffix}", escape_jira(tell("Against it: {reason}", reason=reason)), 3) for reason in case.against
    )
    yield from (Block(f"{tell('Evidence')}{suffix}", _proof(proof), 5) for proof in case.proofs)
    if case.cut:
        yield Block(f"{tell('Evidence')}{suffix}", escape_jira(case.cut), 3)


def _proof(proof: Proof) -> str:
    where = f"{proof.place}{', ' if proof.more else ''}{proof.more}"
    parts = [f"{_bold(proof.id)} {words(proof.says)}", escape_jira(where)]
    if proof.excerpt:
        parts.append(noformat_jira(tuple(text_of(line) for line in proof.excerpt)))
    if proof.inferred or proof.left_out:
        parts.append(f"_{escape_jira(' '.join(text for text in (proof.inferred, proof.left_out) if text).strip())}_")
    return "\n".join(parts)


def _charts(view: View) -> Iterator[Block]:
    for chart in view.sockets:
        drawn = table([tell("State"), tell("Sockets")], [[bar.label, bar.value] for bar in chart.bars])
        yield Block(tell("Sockets by state"), f"{escape_jira(chart.caption)}\n{drawn}\n{escape_jira(chart.split)}", 4)
    if view.trend:
        drawn = table([tell("Snapshot"), "CLOSE_WAIT"], [[point.label, point.value] for point in view.trend.points])
        yield Block(tell("CLOSE_WAIT over time"), f"{escape_jira(view.trend.caption)}\n{drawn}", 4)
    elif view.trend_note:
        yield Block(tell("CLOSE_WAIT over time"), escape_jira(view.trend_note), 4)
    for patience in view.patience:
        drawn = table([tell("Waited"), tell("Clients")], [[bar.label, bar.value] for bar in patience.bars])
        yield Block(tell("Client patience"), f"{escape_jira(patience.caption)}\n{drawn}", 5)
    for ended in view.endings:
        drawn = table([tell("Closed"), tell("Connections")], [[bar.label, bar.value] for bar in ended.bars])
        yield Block(tell("Who closes first"), f"{escape_jira(ended.caption)}\n{drawn}", 6)
    if view.pools:
        rows = [[pool.name, pool.busy, pool.doing] for pool in view.pools]
        yield Block(view.pools_title, f"{table([tell('Pool'), tell('Busy'), tell('Doing')], rows)}\n{escape_jira(view.pools_rest)}", 4)
    if view.ladder:
        arrows = {"out": "->", "back": "<-", "gap": "..", "missing": "xx"}
        steps = tuple(f"{arrows[rung.way]} {rung.text}" for rung in view.ladder.rungs)
        yield Block(tell("One connection, packet by packet"), f"{escape_jira(view.ladder.caption)}\n{noformat_jira(steps)}", 4)


def words(pieces: Words) -> str:
    """Prose with identifiers in monospace."""
    return "".join(f"{{{{{escape_jira(piece.text)}}}}}" if piece.kind else escape_jira(piece.text) for piece in pieces)


def _bold(text: str) -> str:
    """Bold text; a blank after the first asterisk would make a list item of it."""
    return f"*{escape_jira(text.strip())}*"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; an empty cell needs a blank, or the bars run together into a heading."""
    lines = [f"||{'||'.join(escape_jira(cell) or ' ' for cell in head)}||"]
    return "\n".join((*lines, *(f"|{'|'.join(escape_jira(cell) or ' ' for cell in cells)}|" for cells in rows)))
