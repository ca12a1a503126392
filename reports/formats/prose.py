"""Plain lines of a fixed width, for mail, work notes and terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.language.catalogue import tell
from reports.text_safety import width_of
from reports.view.wording import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reports.view.model import Case, Gap, Known


def wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """The text in lines of at most ``width`` columns, ``first`` before the first, ``rest`` before the others. Long words are broken."""
    lines, line, empty = [], first, True
    for word in text.split():
        for part in _parts(word, max(1, width - max(width_of(first), width_of(rest)))):
            gap = "" if empty else " "
            if not empty and width_of(line) + 1 + width_of(part) > width:
                lines.append(line)
                line, gap = rest, ""
            line, empty = f"{line}{gap}{part}", False
    return [*lines, line] if not empty else lines


def command(text: str, width: int, indent: str) -> list[str]:
    """A shell command in lines that can still be pasted: a backslash ends each line but the last."""
    lines = wrap(text, width - 2, indent, f"{indent}  ")
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def loop_sentence(case: Case) -> str:
    """The chain in one sentence: who waits for whom, and that it closes. An actor that the link before names is not named again."""
    links: list[str] = []
    for node in case.chain:
        actor = text_of(node.actor)
        named = bool(links) and links[-1].endswith(actor)
        link = node.verb if named else tell("{actor} {verb}", actor=actor, verb=node.verb) if node.verb else actor
        links += [link] if link else []
    return " → ".join([*links, text_of(case.closing) if case.loop_from else tell("back to the first")] if case.loop else links)


def known_help(known: Known) -> str:
    """What helps against a known defect; empty if nothing is known."""
    return tell("What helps: {workaround}", workaround=known.workaround) if known.workaround else ""


def known_place(known: Known) -> str:
    """How sure it is, where the stack stands, and where to read on."""
    return f"({known.note}; {known.place}) {known.link}"


def gap_sentence(gap: Gap) -> str:
    """What a missing artifact would show."""
    return tell("{artifact} would show {what}.", artifact=gap.artifact, what=gap.would_show)


def chain_lines(case: Case) -> Iterator[tuple[str, str]]:
    """The chain as (actor, edge): one pair per step, then the line that closes the loop."""
    for node in case.chain:
        note = f" ({node.note})" if node.note else ""
        detail = text_of(node.detail)
        edge = f"{node.verb}{_between(node.verb, detail)}{detail}{_ids(node.proofs)}"
        yield f"{text_of(node.actor)}{note}", edge
    if case.closing:
        yield text_of(case.closing), ""


def _between(verb: str, detail: str) -> str:
    """What stands between a verb and its detail: nothing more than a blank before one in brackets."""
    if not verb or not detail:
        return ""
    return " " if detail.startswith("(") else ": "


def _ids(proofs: tuple[str, ...]) -> str:
    return f" [{', '.join(proofs)}]" if proofs else ""


def _parts(word: str, width: int) -> Iterator[str]:
    """The word, or pieces of it where it is wider than a line; each character is looked at once, however many lines they fill."""
    if width_of(word) <= width:
        yield word
        return
    begin = used = 0
    for at, char in enumerate(word):
        columns = width_of(char)
        if used + columns > width and at > begin:
            yield word[begin:at]
            begin, used = at, 0
        used += columns
    yield word[begin:]
