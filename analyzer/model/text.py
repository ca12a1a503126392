"""What a rule says, as data: sentences with named slots, which the rule's judgement fills.

A rule has one :class:`Text` for each story that it tells. Its sentences are the keys of the catalogues, like those of
:func:`analyzer.model.message.say`. ``TEXT.filled(process, remote=remote, …)`` gives the sentences of one case;
``.finding(severity=…, …)`` makes a finding of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from analyzer.model.finding import Action, Finding, Missing, Step, When
from analyzer.model.message import Message, say

if TYPE_CHECKING:
    from typing import TypedDict, Unpack

    from analyzer.model.finding import Confidence, Culprit, Doubt, Evidence, Kind, Outlook, Process, Severity

    class Told(TypedDict, total=False):
        """What a rule may say of a finding besides. The sentences among it stand in place of those of the text."""

        rule: str
        headline: str
        explanation: str
        why_confident: str
        culprit: Culprit
        chain: tuple[Step, ...]
        loop: bool
        ends_in: str | None
        outlook: Outlook | None
        waits_for: Process | None
        actions: tuple[Action, ...]
        figures: tuple[tuple[str, str], ...]
        missing: tuple[Missing, ...]
        absent: tuple[Kind, ...]
        doubts: tuple[Doubt, ...]
        consequence_of: str | None

    class Judged(Told):
        """What a rule judges."""

        severity: Severity
        confidence: Confidence
        evidence: tuple[Evidence, ...]


class ByNumber(msgspec.Struct, frozen=True):
    """A sentence in two forms: ``one`` if the number called ``of`` is 1, else ``many``. Catalogues have as many forms as a language needs."""

    of: str
    one: str
    many: str


class Either(msgspec.Struct, frozen=True):
    """One of two sentences: ``yes`` if the value called ``on`` is true, else ``no``."""

    on: str
    yes: str | Either | ByNumber
    no: str | Either | ByNumber = ""


Sentence: TypeAlias = str | Either | ByNumber
"""What a rule says in one place."""


class Do(msgspec.Struct, frozen=True):
    """Something to do. ``command`` is a shell command; ``{pid}`` in it is the process, ``PID`` where it is not known.

    With ``on`` only if the value of that name is true.
    """

    when: When
    text: Sentence
    command: str | None = None
    on: str = ""


class Ask(msgspec.Struct, frozen=True):
    """An artifact that would decide, what it would show, and the command that gets it; written as in :class:`Do`."""

    artifact: Sentence
    would_show: Sentence
    command: str
    on: str = ""


class Text(msgspec.Struct, frozen=True):
    """The sentences of a finding.

    ``why``: why it is as sure as it is. ``figures`` are (value, label); one without a value is left out. ``chain`` has (actor, verb, detail) for each step. ``phrases`` are parts of
    sentences under the names of the slots that they fill.
    """

    rule: str
    headline: Sentence
    explanation: Sentence
    why: Sentence = ""
    do: tuple[Do, ...] = ()
    figures: tuple[tuple[Sentence, Sentence], ...] = ()
    ask: tuple[Ask, ...] = ()
    chain: tuple[tuple[Sentence, Sentence, Sentence], ...] = ()
    phrases: dict[str, Sentence] = {}

    def filled(self, process: Process | None, /, **values: object) -> Filled:
        """The sentences of one case: ``values`` are what stands in the slots, and what an :class:`Either` asks for."""
        return Filled(self, process, values)


class Filled(msgspec.Struct, frozen=True):
    """A text and the values of one case."""

    text: Text
    process: Process | None
    values: dict[str, Any]

    def __getitem__(self, phrase: str) -> str:
        """A phrase of the text."""
        return self.said(self.text.phrases[phrase])

    def said(self, sentence: Sentence) -> str:
        """The sentence with its values. A slot that stands alone is its value: a name of the evidence, or a message of its own."""
        if isinstance(sentence, Either):
            return self.said(sentence.yes if self.values[sentence.on] else sentence.no)
        if isinstance(sentence, ByNumber):
            number, slots = self.values[sentence.of], _Slots(self)
            form = sentence.one if number == 1 else sentence.many
            return Message.made(form.format_map(slots), form, dict(slots), forms=(sentence.one, sentence.many, number))
        template = sentence
        if "{" not in template:
            return say(template) if template else ""
        slots = _Slots(self)
        english = template.format_map(slots)
        name = template[1:-1].partition(":")[0]
        if name in slots and template.count("{") == 1 and template.endswith("}"):
            value = slots[name]
            return value if isinstance(value, str) and english == value else english
        return Message.made(english, template, dict(slots))

    @property
    def actions(self) -> tuple[Action, ...]:
        """What to do."""
        return tuple(
            Action(do.when, self.said(do.text), do.command and self._command(do.command)) for do in self.text.do if self._is(do.on)
        )

    @property
    def figures(self) -> tuple[tuple[str, str], ...]:
        """The few numbers that tell the story, but for those that there are none of: an empty value."""
        return tuple((said, self.said(label)) for value, label in self.text.figures if (said := self.said(value)))

    @property
    def missing(self) -> tuple[Missing, ...]:
        """What would decide."""
        return tuple(
            Missing(self.said(ask.artifact), self.said(ask.would_show), self._command(ask.command) or "")
            for ask in self.text.ask
            if self._is(ask.on)
        )

    def steps(self, *evidence: tuple[Evidence, ...]) -> tuple[Step, ...]:
        """The causal chain; ``evidence`` shows its steps, in their order."""
        shown = (*evidence, *((),) * (len(self.text.chain) - len(evidence)))
        said = (tuple(map(self.said, step)) for step in self.text.chain)
        return tuple(Step(actor, verb, detail, proof) for (actor, verb, detail), proof in zip(said, shown, strict=True))

    def finding(self, **judged: Unpack[Judged]) -> Finding:
        """What was judged, in the words of the text."""
        said: dict[str, Any] = {
            "rule": self.text.rule,
            "headline": self.said(self.text.headline),
            "explanation": self.said(self.text.explanation),
            "why_confident": self.said(self.text.why),
            "process": self.process,
            "chain": self.steps(),
            "actions": self.actions,
            "figures": self.figures,
            "missing": self.missing,
        }
        return Finding(**{**said, **judged})

    def _is(self, flag: str) -> bool:
        return not flag or bool(self.values[flag])

    def _command(self, template: str) -> str | None:
        """A shell command with its values; other braces are the shell's. A value that stands alone is the command, or an order to a person."""
        name = template[1:-1]
        if name in self.values and template == f"{{{name}}}":
            command = self.values[name]
            return command if command is None or isinstance(command, Message) else str(command)
        known = {"pid": self.process.pid if self.process is not None else None, **self.values}
        return re.sub(r"\{(\w+)\}", lambda slot: _word(known[slot[1]]) if slot[1] in known else slot[0], template)


def _word(value: object) -> str:
    return "PID" if value is None else str(value)


class _Slots(dict[str, object]):
    """The values that a sentence asks for, which it remembers."""

    def __init__(self, filled: Filled) -> None:
        super().__init__()
        self._filled = filled

    def __missing__(self, name: str) -> object:
        phrases, values = self._filled.text.phrases, self._filled.values
        self[name] = self._filled.said(phrases[name]) if name in phrases else values[name]
        return self[name]
