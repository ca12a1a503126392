"""Findings told as cases: what to do, who waits for whom, and the numbered evidence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from analyzer.judge.chain_end import is_open, takes_next
from analyzer.model.finding import Evidence, Finding, RecoversWhen, Severity, When
from analyzer.model.message import say
from parsers.records import Unit
from reports.language.catalogue import label_of, tell
from reports.text_safety import clip, clip_path, plain
from reports.view.model import HEALS, Agenda, Case, Node, Piece, Proof, Todo
from reports.view.wording import count, number, word_of, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.model.finding import Diagnosis, Process, Step
    from parsers.records import Where
    from reports.view.model import Words

PROOFS_TOLD = 12
"""Evidence of a cause that the page tells in full; what is over is counted, and is in the JSON."""
PROOFS_FOLDED = 4
LINES = 6
OTHERS = 12
"""Further places that a tooltip names."""
LINE_LENGTH = 400
HEADLINE = 400
NAME = 120
_WHENS = {When.NOW: say("Now"), When.FIX: say("Fix"), When.PREVENT: say("Prevent")}
_HEALS = {
    RecoversWhen.RESTART: say("No"),
    RecoversWhen.LOAD: say("Yes, when the load stops"),
    RecoversWhen.TIMEOUT: say("Yes, at a timeout"),
    RecoversWhen.CAUSE: say("Yes, when what it waits for moves"),
    RecoversWhen.UNKNOWN: say("Not known"),
}


class FindingViews(msgspec.Struct, frozen=True):
    """Makes the views of the findings of one diagnosis. ``names``: the identifiers to set apart; ``busy``: what is known of each pool."""

    diagnosis: Diagnosis
    names: re.Pattern[str]
    busy: tuple[tuple[str, str], ...]

    def words(self, text: str, limit: int = 1_600) -> Words:
        """Clean prose with identifiers set apart."""
        return words(plain(text, limit), self.names)

    def cases(self, findings: Sequence[Finding], most: int) -> tuple[Case, ...]:
        """Findings with up to ``most`` pieces of evidence each, numbered E1… through all of them."""
        told, used = [], 0
        for finding in findings:
            case = self.case(finding, most, numbered_from=used + 1, told=True)
            used += len(case.proofs)
            told.append(case)
        return tuple(told)

    def case(self, finding: Finding, most: int, numbered_from: int | None = None, *, told: bool = False) -> Case:
        """One finding; ``numbered_from`` None: its evidence has no numbers, and its chain refers to none."""
        every = _evidence(finding)
        kept = _chosen(finding, every, most)
        ids = {item: "" if numbered_from is None else f"E{numbered_from + index}" for index, item in enumerate(kept)}
        left = len(every) - len(kept)
        return Case(
            id=plain(finding.id, NAME),
            rule=plain(finding.rule, NAME),
            word=word_of(finding.rule, finding.severity),
            grave=finding.severity is not Severity.INFO,
            confidence=label_of(finding.confidence.value),
            headline=plain(finding.headline, HEADLINE),
            explanation=self.words(finding.explanation),
            why=plain(finding.why_confident, 600),
            against=tuple(plain(reason, 400) for reason in finding.contradicted_by[:6]),
            follows=plain(finding.consequence_of or "", NAME),
            who=who(finding.process),
            agenda=tuple(self._agenda(finding)),
            chain=self._chain(finding, ids),
            loop=finding.loop,
            loop_from=_loop_from(finding),
            closing=self.words(tell("back to {actor}", actor=finding.chain[_loop_from(finding)].actor), NAME)
            if finding.loop and finding.chain
            else (),
            proofs=tuple(self._proof(item, ident) for item, ident in ids.items()),
            cut=tell("{pieces} of evidence for {id} in the JSON format.", pieces=count(left, "more piece", "more pieces"), id=finding.id)
            if left
            else "",
            told=told,
        )

    def _agenda(self, finding: Finding) -> Iterator[Agenda]:
        for when, title in _WHENS.items():
            due = [action for action in finding.actions if action.when is when]
            if due:
                yield Agenda(
                    when.value,
                    tell(title),
                    tuple(Todo(self.words(action.text, 600), plain(action.command or "", 600)) for action in due[:6]),
                )
        if finding.outlook is not None:
            said = tell("{answer}. {why}", answer=tell(_HEALS[finding.outlook.heals]), why=finding.outlook.why)
            yield Agenda(HEALS, tell("Recovers by itself"), (Todo(self.words(said, 600), ""),))

    def _chain(self, finding: Finding, ids: dict[Evidence, str]) -> tuple[Node, ...]:
        if not finding.chain:
            return ()
        by_place = {item.where: ident for item, ident in reversed(ids.items())}
        shown = finding.chain[:8]
        following = [step.actor for step in finding.chain[1:]] + [
            finding.chain[_loop_from(finding)].actor if finding.loop else finding.ends_in or ""
        ]
        last = not finding.loop and not finding.ends_in
        nodes = [
            self._node(step, ids, by_place, to, final=index == len(finding.chain) and not finding.loop, end=last and index == len(shown))
            for index, (step, to) in enumerate(zip(shown, following, strict=False), start=1)
        ]
        if finding.ends_in and not finding.loop:
            nodes.append(Node(self.words(finding.ends_in, NAME), "", "", (), (), end=True))
        return tuple(nodes)

    def _node(self, step: Step, ids: dict[Evidence, str], by_place: dict[Where, str], to: str, *, final: bool, end: bool) -> Node:
        found = dict.fromkeys(ids.get(item) or by_place.get(item.where, "") for item in step.evidence)
        note = (
            ""
            if step.actor.startswith("“")
            else next((busy for name, busy in self.busy if name in step.actor and busy not in step.actor), "")
        )
        # English puts the object behind the verb; a verb in another language stands for itself.
        verb, detail = step.verb, step.detail
        if to and (takes_next(verb) or (final and is_open(verb))):
            verb = tell("{verb} {actor}", verb=verb, actor=to)
        elif detail and is_open(verb):
            verb, detail = tell("{verb} {actor}", verb=verb, actor=detail), ""
        return Node(
            actor=self.words(step.actor, NAME),
            note=note,
            verb=plain(verb, NAME * 3),
            detail=self.words(detail, 300),
            proofs=tuple(ident for ident in found if ident),
            end=end,
        )

    def _proof(self, item: Evidence, ident: str) -> Proof:
        lines, left = _excerpt(self.diagnosis.excerpts.get(item.where, ()), item.mark)
        return Proof(
            id=ident,
            says=self.words(item.says, 400),
            place=place(item.where),
            more=tell("and {number} more", number=number(item.more)) if item.more else "",
            others=clip(", ".join(map(place, item.others[:OTHERS])) + ("…" if len(item.others) > OTHERS else ""), 600),
            head=plain(_tabs_to_blanks(self.diagnosis.heads.get(item.where, "")), LINE_LENGTH),
            excerpt=lines,
            left_out=tell("{lines} between not shown", lines=count(left, "line")) if left else "",
            inferred=plain(item.inferred or "", 600),
        )


def _loop_from(finding: Finding) -> int:
    """The step that the loop goes back to: where the last actor stands before already, the loop is that pool's own."""
    actors = [step.actor for step in finding.chain]
    return actors.index(actors[-1]) if finding.loop and actors and actors[-1] in actors[:-1] else 0


def place(where: Where) -> str:
    """``file:line``, ``file:first-last`` or ``file, packet n``, short enough for a line."""
    path = clip_path(plain(where.file, 100_000), NAME)
    lines = f"{where.first}" if where.first == where.last else f"{where.first}-{where.last}"
    return tell("{path}, packet {number}", path=path, number=lines) if where.unit is Unit.PACKET else f"{path}:{lines}"


def who(process: Process | None) -> str:
    """``java, pid 1493 on app01``, as far as it is known."""
    if process is None:
        return ""
    parts = [plain(process.command, NAME)] if process.command else []
    parts += [tell("pid {pid}", pid=process.pid)] if process.pid is not None else []
    text = ", ".join(parts)
    return tell("{process} on {host}", process=text, host=plain(process.host, NAME)).strip() if process.host else text


def _evidence(finding: Finding) -> tuple[Evidence, ...]:
    """All evidence once: the finding's own, then what only its chain names."""
    places = {item.where for item in finding.evidence}
    extra = (item for step in finding.chain for item in step.evidence if item.where not in places)
    return tuple(dict.fromkeys((*finding.evidence, *extra)))


def _chosen(finding: Finding, every: tuple[Evidence, ...], most: int) -> tuple[Evidence, ...]:
    """At most ``most`` in their order; what the chain refers to stays when something must go."""
    if len(every) <= most:
        return every
    places = {item.where for step in finding.chain for item in step.evidence}
    by_need = sorted(range(len(every)), key=lambda index: (every[index].where not in places, index))
    return tuple(every[index] for index in sorted(by_need[:most]))


def _excerpt(lines: Sequence[str], marks: Sequence[str]) -> tuple[tuple[Words, ...], int]:
    """Up to ``LINES`` lines, the first and the marked ones before others, and how many lines between them are left out."""
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    found = [index for index, line in enumerate(lines) if any(mark and mark in line for mark in marks)]
    every = range(len(lines))
    kept = sorted(list(dict.fromkeys([*every[:1], *found, *every]))[:LINES])
    shown: list[Words] = []
    left, last = 0, -1
    for index in kept:
        if index > last + 1:
            left += index - last - 1
            shown.append((Piece("⋯"),))
        shown.append(_marked(plain(_tabs_to_blanks(lines[index]), LINE_LENGTH), marks))
        last = index
    return tuple(shown), left


def _tabs_to_blanks(line: str) -> str:
    return line[:4_000].rstrip("\r\n").expandtabs(4)


def _marked(line: str, marks: Sequence[str]) -> Words:
    """The line in pieces, every mark that occurs in it apart."""
    sought = [_whole(plain(mark.strip(), LINE_LENGTH)) for mark in sorted(marks, key=len, reverse=True) if mark.strip()]
    if not sought:
        return (Piece(line),)
    parts = re.split(f"({'|'.join(sought)})", line)
    return tuple(Piece(part, "mark" if index % 2 else "") for index, part in enumerate(parts) if part)


def _whole(mark: str) -> str:
    """Finds the mark as a word of its own: a Recv-Q of 1 is a whole column, not the digit inside an address."""
    if mark.isdecimal():
        return rf"(?<!\S){mark}(?!\S)"
    before, after = (r"(?<!\w)" if mark[:1].isalnum() else ""), (r"(?!\w)" if mark[-1:].isalnum() else "")
    return f"{before}{re.escape(mark)}{after}"
