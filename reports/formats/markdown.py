"""GitHub- and GitLab-flavoured Markdown for an issue or a pull request: at most 60,000 characters (GitHub cuts at 65,536)."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from reports.formats.budget import Block, all_findings, fit
from reports.formats.prose import chain_lines, gap_sentence, known_help, known_place
from reports.language.catalogue import tell
from reports.text_safety import code_markdown, escape_markdown, fence_markdown, mermaid_label, without_references
from reports.view.wording import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reports.view.model import Case, Checked, Proof, Table, View, Words

LIMIT = 60_000
MERMAID = 4_000
NODES = 12


def render(view: View) -> str:
    """The report in Markdown."""
    return fit(tuple(_blocks(view)), LIMIT, lambda part: f"### {part}", lambda note: f"> {escape_markdown(note)}")


def _blocks(view: View) -> Iterator[Block]:
    yield Block("", f"**{view.word.upper()}** · {escape_markdown(' · '.join(view.meta))}".rstrip(" ·"))
    if view.facts:
        yield Block("", f"<sub>{escape_markdown(' · '.join(view.facts))}</sub>", 2)
    yield Block("", f"## {escape_markdown(view.headline)}")
    yield Block("", words(view.summary))
    if view.rivals:
        yield Block("", f"> {bold(view.rivals)}")
    yield from (Block("", f"> {escape_markdown(tell('Note: {note}', note=note))}", 1) for note in view.warnings)
    if view.figures:
        values = row([f"{bold(figure.value)}" for figure in view.figures])
        yield Block(
            "", "\n".join((row([escape_markdown(figure.label) for figure in view.figures]), "|" + "---|" * len(view.figures), values)), 2
        )
    if view.status == "insufficient":
        yield from _missing(tell("What would decide"), view)
    for case in view.cases:
        yield from _case(case, first=case is view.cases[0])
    for case in (*view.followed, *view.also):
        follows = tell(", follows from {finding}", finding=case.follows) if case.follows else ""
        text = f"- {bold(case.id)} {escape_markdown(f'({case.word}, {case.confidence}{follows}): {case.headline}')}"
        yield Block(tell("What followed and what else was found"), text, 2, tight=True)
    for known in view.known:
        lines = [f"- {bold(known.says)} {escape_markdown(known.title)}"]
        lines += [f"  {escape_markdown(text)}" for text in (known_help(known), known_place(known)) if text]
        yield Block(tell("Known issues that this looks like"), "\\\n".join(lines), 4, tight=True)
    yield from _charts(view)
    if view.checked_note:
        yield Block(tell("Checked"), escape_markdown(f"{view.checked_note}."), 6)
    yield from _checks(tell("Rules that broke"), view.faults)
    if view.status != "insufficient":
        yield from _missing(tell("What is missing"), view)
    yield from _sources(view)
    yield from _folded(view)
    yield Block("", f"<sub>{escape_markdown(' '.join((view.tool, '·', tell('fingerprint'), view.fingerprint)))}</sub>", 1)


def _case(case: Case, *, first: bool) -> Iterator[Block]:
    suffix = "" if first else f" ({case.id})"
    if not first:
        yield Block("", f"## {escape_markdown(case.headline)}")
        yield Block("", escape_markdown(f"{case.id} · {case.rule} · {case.word}, {case.confidence}"))
        yield Block("", words(case.explanation))
    todos = [
        f"- **{part.when}:** {words(todo.words)}" + (f"\n\n{_indented(fence_markdown((todo.command,), 'sh'))}" if todo.command else "")
        for part in case.agenda
        for todo in part.todos
    ]
    if todos:
        yield Block(f"{tell('What to do')}{suffix}", "\n".join(todos), 1)
    if case.chain:
        title = f"{tell('How it locks up') if case.loop else tell('How it came about')}{suffix}"
        drawing = mermaid(case)
        if drawing:
            yield Block(title, drawing, 7)
        lines = []
        for number, (actor, edge) in enumerate(chain_lines(case), 1):
            lines.append(f"{number}. {bold(actor)}" + (f" {escape_markdown(edge)}" if edge else ""))
        yield Block(title, "\n".join(lines), 2)
    yield Block(f"{tell('Evidence')}{suffix}", f"{case.confidence.capitalize()}: {escape_markdown(case.why)}", 3)
    yield from (
        Block(f"{tell('Evidence')}{suffix}", escape_markdown(tell("Against it: {reason}", reason=reason)), 3) for reason in case.against
    )
    yield from (Block(f"{tell('Evidence')}{suffix}", _proof(proof), 5) for proof in case.proofs)
    if case.cut:
        yield Block(f"{tell('Evidence')}{suffix}", escape_markdown(case.cut), 3)


def mermaid(case: Case) -> str:
    """The chain as a flowchart; empty if it would be too large to draw."""
    lines = ["flowchart TD"]
    for index, node in enumerate(case.chain):
        lines.append(f"  n{index}[{mermaid_label(text_of(node.actor))}]")
        target = index + 1 if index + 1 < len(case.chain) else case.loop_from if case.loop else None
        if target is not None:
            lines.append(f"  n{index} -->|{mermaid_label(node.verb or tell('then'))}| n{target}")
    text = fence_markdown(tuple(lines), "mermaid")
    return text if len(text) <= MERMAID and len(case.chain) <= NODES else ""


def _proof(proof: Proof) -> str:
    name = f"**{proof.id}** " if proof.id else ""
    parts = [f"{name}{words(proof.says)}\\\n{code_markdown(proof.place)}{', ' if proof.more else ''}{proof.more}"]
    if proof.excerpt:
        parts.append(fence_markdown((*((proof.head,) if proof.head else ()), *(text_of(line) for line in proof.excerpt))))
    if proof.inferred or proof.left_out:
        parts.append(f"*{escape_markdown(' '.join(text for text in (proof.inferred, proof.left_out) if text).strip())}*")
    return "\n\n".join(parts)


def _charts(view: View) -> Iterator[Block]:
    for chart in view.sockets:
        rows = [row([escape_markdown(bar.label), bar.value]) for bar in chart.bars]
        table = "\n".join((row([tell("State"), tell("Sockets")]), "|---|--:|", *rows))
        text = f"{escape_markdown(chart.caption)}\n\n{table}"
        yield Block(tell("Sockets by state"), f"{text}\n\n{escape_markdown(chart.split)}" if chart.split else text, 4)
    if view.sockets_rest:
        yield Block(tell("Sockets by state"), escape_markdown(view.sockets_rest), 4)
    if view.trend:
        rows = [row([escape_markdown(point.label), point.value]) for point in view.trend.points]
        table = "\n".join((row([tell("Snapshot"), "CLOSE\\_WAIT"]), "|---|--:|", *rows))
        yield Block(escape_markdown(tell("CLOSE_WAIT over time")), f"{escape_markdown(view.trend.caption)}\n\n{table}", 4)
    elif view.trend_note:
        yield Block(escape_markdown(tell("CLOSE_WAIT over time")), escape_markdown(view.trend_note), 4)
    for waited in view.patience:
        rows = [row([escape_markdown(bar.label), bar.value]) for bar in waited.bars]
        yield Block(
            tell("Client patience"),
            f"{escape_markdown(waited.caption)}\n\n" + "\n".join([row([tell("Waited"), tell("Clients")]), "|---|--:|", *rows]),
            5,
        )
    for ended in view.endings:
        rows = [row([escape_markdown(bar.label), bar.value]) for bar in ended.bars]
        table = "\n".join([row([tell("Closed"), tell("Connections")]), "|---|--:|", *rows])
        yield Block(tell("Who closes first"), f"{escape_markdown(ended.caption)}\n\n{table}", 6)
    if view.pools:
        rows = [row([code_markdown(pool.name, cell=True), escape_markdown(pool.busy), escape_markdown(pool.doing)]) for pool in view.pools]
        table = "\n".join((row([tell("Pool"), tell("Busy"), tell("Doing")]), "|---|---|---|", *rows))
        yield Block(view.pools_title, f"{table}\n\n{escape_markdown(view.pools_rest)}", 4)
    yield from _stacks(view)
    if view.ladder:
        arrows = {"out": "→", "back": "←", "gap": "…", "missing": "✗"}
        steps = "\n".join(f"{arrows[rung.way]} {rung.text}" for rung in view.ladder.rungs)
        text = f"{escape_markdown(view.ladder.caption)}\n\n{fence_markdown(tuple(steps.splitlines()))}"
        yield Block(tell("One connection, packet by packet"), text, 4)


def _stacks(view: View) -> Iterator[Block]:
    """Each group folded; application frames begin with an arrow, since a fence takes no bold."""
    part = tell("Stacks")
    if view.stacks_legend:
        yield Block(part, escape_markdown(view.stacks_legend), 6)
    for group in view.stacks:
        lines = [f"{'→' if any(piece.kind for piece in frame) else ' '} {text_of(frame)}" for frame in group.frames]
        body = [code_markdown(group.place), fence_markdown(tuple(lines)) if lines else "", escape_markdown(group.frames_rest)]
        courses = [f"{''.join(row.cells) if len(group.heads) > 1 else ''} {row.count}: {row.names}".strip(" :") for row in group.rows]
        body.append("\n".join(f"- {escape_markdown(course)}" for course in courses))
        yield Block(part, details(f"{group.title} · {group.note}", "\n\n".join(text for text in body if text)), 6)
    if view.stacks_rest:
        yield Block(part, escape_markdown(view.stacks_rest), 6)


def _checks(title: str, items: Sequence[Checked]) -> Iterator[Block]:
    if items:
        lines = [f"- {escape_markdown(', '.join(item.rules))}: {escape_markdown(item.why)}" for item in items]
        yield Block("", details(title, "\n".join(lines)), 6)


def _missing(title: str, view: View) -> Iterator[Block]:
    for gap in view.missing:
        text = f"- {escape_markdown(gap_sentence(gap))}"
        yield Block(title, f"{text}\n\n{_indented(fence_markdown((gap.command,), 'sh'))}" if gap.command else text, 2)


def _sources(view: View) -> Iterator[Block]:
    rows = [
        row(
            [
                code_markdown(item.file, cell=True),
                escape_markdown(f"{item.kind}, {item.size}"),
                escape_markdown(f"{item.records} ({item.unread_lines})"),
            ]
        )
        for item in view.sources
    ]
    table = "\n".join((row([tell("File"), tell("Kind"), tell("Records (lines not understood)")]), "|---|---|--:|", *rows))
    notes = [f"- {code_markdown(item.file)}: {escape_markdown('; '.join(item.unread))}" for item in view.sources if item.unread]
    notes += [f"- {escape_markdown(said)}" for said in view.clocks]
    sums = fence_markdown(tuple(item.sum for item in view.sources))
    if view.sources:
        yield Block("", details(f"{tell('What was read')}: {view.sources_note}", "\n\n".join((table, "\n".join(notes), sums))), 6)


def _folded(view: View) -> Iterator[Block]:
    yield Block(tell("All findings"), escape_markdown(all_findings(view, 8_000)))
    for case in view.findings:
        if not case.told:
            text = "\n\n".join(
                (words(case.explanation), escape_markdown(f"{case.confidence.capitalize()}: {case.why}"), *map(_proof, case.proofs))
            )
            yield Block("", details(f"{case.id} {case.rule}: {case.headline}", text), 5)
    for title, table in (
        (tell("Sockets by far host, state and Recv-Q"), view.connections),
        (tell("Who waits for whom"), view.waits),
        (tell("Sockets and their threads"), view.links),
    ):
        if table:
            yield Block("", details(title, _table(table)), 6)
    yield Block("", details(tell("How to repeat this report"), fence_markdown((view.command,), "sh")), 5)


def _table(table: Table) -> str:
    every = (table.head, *table.rows)
    lines = [row([escape_markdown(item.first), escape_markdown(item.second), escape_markdown(item.third)]) for item in every]
    return "\n".join((lines[0], "|---|---|---|", *lines[1:])) + (f"\n\n{escape_markdown(table.rest)}" if table.rest else "")


def words(pieces: Words) -> str:
    """Prose with identifiers as code spans."""
    return "".join(code_markdown(piece.text) if piece.kind else escape_markdown(piece.text) for piece in pieces)


def bold(text: str) -> str:
    """Bold text; asterisks beside a blank would stay asterisks."""
    return f"**{escape_markdown(text.strip())}**"


def row(cells: Sequence[str]) -> str:
    """A table row of cells that are already escaped."""
    return f"| {' | '.join(cells)} |"


def details(title: str, body: str) -> str:
    """A folded part; the blank lines make GFM read the body as Markdown again."""
    return f"<details><summary>{_html(title)}</summary>\n\n{body}\n\n</details>"


def _html(text: str) -> str:
    """Text inside an HTML line, where Markdown does not apply; it may not end the line either."""
    return escape(without_references(text), quote=False)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
