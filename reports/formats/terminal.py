"""The verdict on a terminal: at most twenty lines that one would paste into a chat, the last of them the report's path."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from reports.formats.prose import command, loop_sentence, wrap
from reports.language.catalogue import tell
from reports.text_safety import clip, width_of
from reports.view.model import HEALS
from reports.view.wording import count, listed, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reports.view.model import Case, View

NARROWEST: Final = 40
WIDEST: Final = 120
LINES: Final = 19
"""Lines of a verdict; the twentieth is the path of the report. Narrow terminals may need more: nothing that decides is left out."""
_LABEL: Final = 10
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9“가-힣])")
_QUERY: Final = re.compile(r"(?:SELECT|SHOW|KILL|CALL|ALTER)\b")
"""Commands for the shell of a database."""
_SHORT: Final = 160
"""Characters of an action or a warning when room is short."""
_BOLD, _RED, _RESET = "\x1b[1m", "\x1b[1;31m", "\x1b[0m"


class Entry(msgspec.Struct, frozen=True):
    """What to say below a label, in ever fewer words; an empty last version means that it may go. ``kind`` decides what is shortened first."""

    kind: str
    label: str
    versions: tuple[str, ...]


_SHORTENED: Final = (
    *("known", "known", "facts", "evidence", "note", "evidence", "summary", "heals", "summary", "also", "fix", "evidence", "summary"),
    *("note", "fix", "heals", "case", "summary", "chain", "summary", "now", "fix", "now"),
)
"""What is shortened by one version, in this order, until the verdict fits. Severity, headline and what is missing never are."""


def verdict(view: View, width: int, color: bool) -> str:
    """The verdict in lines of at most ``width`` columns (40 to 120); no escape code unless ``color``."""
    width = max(NARROWEST, min(WIDEST, width))
    paint = _painted if color else _unpainted
    word = view.word.upper()
    head = wrap(" · ".join(view.meta), width, f"{word}  ", "") or [word]
    lines = [paint(head[0][: len(word)], _RED if view.alarm else _BOLD) + head[0][len(word) :], *head[1:]]
    lines += [paint(line, _BOLD) for line in wrap(view.headline, width)]
    for label, made in _fitted(tuple(_entries(view)), width, LINES - len(lines)):
        left = _padded(label) if label else ""
        lines += [paint(left, _BOLD) + made[0][len(left) :] if label else made[0], *made[1:]]
    return "\n".join(lines) + "\n"


def _fitted(entries: Sequence[Entry], width: int, room: int) -> list[tuple[str, list[str]]]:
    """Label and lines of every entry, shortened until they take ``room`` lines or nothing is left to shorten."""
    chosen = [0] * len(entries)

    def made(index: int) -> list[str]:
        label, text = entries[index].label, entries[index].versions[chosen[index]]
        indent = " " * _LABEL if entries[index].kind not in {"summary", "facts"} else ""
        if entries[index].kind == "command":
            return command(text, width, indent)
        return wrap(text, width, _padded(label) if indent else "", indent) if text else []

    lines = [made(index) for index in range(len(entries))]
    for kind in _SHORTENED:
        if sum(map(len, lines)) <= room:
            break
        # Of several of a kind the last goes first.
        for index in reversed(range(len(entries))):
            if entries[index].kind == kind and chosen[index] + 1 < len(entries[index].versions):
                chosen[index] += 1
                lines[index] = made(index)
                if sum(map(len, lines)) <= room:
                    break
    return [(entry.label, told) for entry, told in zip(entries, lines, strict=True) if told]


def _entries(view: View) -> Iterator[Entry]:
    if view.facts:
        yield Entry("facts", "", (" · ".join(view.facts), ""))
    yield Entry("summary", "", _summaries(text_of(view.summary)))
    warnings = [warning for warning in (view.rivals, *view.warnings) if warning]
    if warnings:
        rest = count(len(warnings) - 1, "more note") if len(warnings) > 1 else ""
        fewer = f"{clip(warnings[0], _SHORT)}{tell(' And {notes} in the report.', notes=rest) if rest else ''}"
        yield Entry("note", tell("Note"), tuple(dict.fromkeys((" ".join(warnings), fewer))))
    told = _told(view)
    for case in told:
        yield from _case(case, short=len(told) > 1, above=view.headline.endswith(case.headline))
    others = [f"{case.id} {case.rule} ({case.word})" for case in (*view.cases[len(told) :], *view.followed, *view.also) if case.grave]
    if others:
        yield Entry("also", tell("Also"), tuple(dict.fromkeys((f"{listed(others, 6)}. {view.findings_rest}", f"{listed(others, 2)}."))))
    if view.known:
        known = view.known[0]
        yield Entry("known", tell("Known"), (f"{known.says} {known.title}", known.says, ""))
    for gap in view.missing[: 1 if view.cases else 3]:
        yield Entry("missing", tell("Missing"), (f"{gap.artifact}: {gap.command}" if gap.command else gap.artifact,))
    if not view.cases:
        yield Entry("read", tell("Read"), (view.sources_note,))


def _summaries(text: str) -> tuple[str, ...]:
    """The paragraph with ever fewer sentences: the first says who waits for whom, the last why it does not end; the middle goes."""
    sentences = _SENTENCE.split(text)
    made = [text]
    while len(sentences) > 2:  # noqa: PLR2004 - the first and the last stay
        sentences.pop(-2)
        made.append(" ".join(sentences))
    if len(sentences) > 1:
        made.append(sentences[0])
    return tuple(made)


def _told(view: View) -> Sequence[Case]:
    """The causes with lines of their own: two at most, and of explanations that rest on the same words only the first."""
    first = view.cases[:1]
    return first if all(case.headline == first[0].headline for case in view.cases) else view.cases[:2]


def _case(case: Case, *, short: bool, above: bool = False) -> Iterator[Entry]:
    """What to say of a cause: chain, evidence, what to do. ``above``: its headline stands above already."""
    if short:
        head = f"{case.rule} ({case.word}, {case.confidence})"
        yield Entry("case", case.id, (head,) if above else (f"{head}: {case.headline}", f"{head}: {clip(case.headline, _SHORT)}"))
    elif case.chain:
        # The loop is also told in words.
        yield Entry("chain", tell("Loop") if case.loop else tell("Chain"), (loop_sentence(case), ""))
    if case.proofs:
        yield Entry("evidence", tell("Evidence"), _evidence(case))
    for part in case.agenda:
        if part.kind != "prevent":
            todo = part.todos[0]
            said = text_of(todo.words)
            first = _SENTENCE.split(said)[0]
            label = tell("Recovers") if part.kind == HEALS else part.when
            yield Entry(part.kind, label, tuple(dict.fromkeys((said, first, clip(first, _SHORT)))))
            if todo.command:
                yield Entry("command", "", (todo.command if _QUERY.match(todo.command) else f"$ {todo.command}",))


def _evidence(case: Case) -> tuple[str, ...]:
    """The first pieces with what they say, then ever less of it; the places stay."""
    proofs = case.proofs[:3]
    said = [f"{proof.place} {text_of(proof.says)}" for proof in proofs]
    rest = tell(" (and {number} more)", number=len(case.proofs) - len(proofs)) if len(case.proofs) > len(proofs) else ""
    places = [proof.place for proof in proofs]
    return tuple(dict.fromkeys(("; ".join(said), "; ".join((*said[:1], *places[1:])), f"{', '.join(places)}{rest}")))


def _padded(label: str) -> str:
    """The label as wide as its column; a Hangul syllable takes two."""
    return label + " " * (_LABEL - width_of(label))


def _painted(text: str, code: str) -> str:
    return f"{code}{text}{_RESET}" if text.strip() else text


def _unpainted(text: str, _code: str) -> str:
    return text
