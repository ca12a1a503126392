"""Texts of rules as data: what fills them, and that nothing is left unfilled."""

from __future__ import annotations

import ast
import importlib
import inspect
import string
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from analyzer.model.finding import Action, Confidence, Evidence, Process, Severity, When
from analyzer.model.message import Message, plural, say
from analyzer.model.text import Ask, ByNumber, Do, Either, Text
from parsers.records import Where
from tests.builders import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = SAMPLES.parent
ROOMS = sorted(path for room in ("rules", "families") for path in (ROOT / "analyzer" / room).glob("*.py"))
SHOWN = Evidence(Where("ss.txt", 1, 1), "shown")

TEXT = Text(
    "a-rule",
    headline="{calls} to {remote}.",
    explanation="{calls} wait{where}.",
    why=Either("sure", "Both say so.", "One says so, of {remote}."),
    do=(Do(When.NOW, "Look at {remote}.", "ss -p | awk '{print $1}'; kill {pid} {signal}"), Do(When.FIX, "Close it.", on="sure")),
    figures=(("{number:,}", "calls"),),
    ask=(Ask("a second table", "whether {remote} answers", "ss > ss-{pid}.txt", on="asked"),),
    chain=(("{thread}", "waits for", "{remote}"), ("{remote}", "is silent", "")),
    phrases={"where": Either("frame", " in {frame}"), "shown": "{calls} shown"},
)


def values(**others: object) -> dict[str, object]:
    return {
        "calls": plural(1_200, "call"),
        "remote": say("the service"),
        "sure": False,
        "asked": True,
        "number": 1_200,
        "thread": "exec-1",
        "frame": None,
        "signal": "HUP",
        **others,
    }


class TestText:
    def test_makes_a_finding(self) -> None:
        text = TEXT.filled(Process("web", 7, "java"), **values())
        finding = text.finding(severity=Severity.INFO, confidence=Confidence.LIKELY, evidence=(SHOWN,))
        assert (finding.rule, finding.headline, finding.explanation) == ("a-rule", "1,200 calls to the service.", "1,200 calls wait.")
        assert finding.why_confident == "One says so, of the service."
        assert finding.actions == (Action(When.NOW, "Look at the service.", "ss -p | awk '{print $1}'; kill 7 HUP"),)
        assert finding.figures == (("1,200", "calls"),)
        assert [ask.command for ask in finding.missing] == ["ss > ss-7.txt"]
        assert [(step.actor, step.detail) for step in finding.chain] == [("exec-1", "the service"), ("the service", "")]
        assert finding.process == Process("web", 7, "java")

    def test_says_one_thing_or_the_other(self) -> None:
        text = TEXT.filled(None, **values(sure=True, asked=False, frame="a.B.c"))
        finding = text.finding(severity=Severity.INFO, confidence=Confidence.LIKELY, evidence=(SHOWN,))
        assert finding.explanation == "1,200 calls wait in a.B.c."
        assert finding.why_confident == "Both say so."
        assert [action.text for action in finding.actions] == ["Look at the service.", "Close it."]
        assert finding.actions[0].command == "ss -p | awk '{print $1}'; kill PID HUP"
        assert not finding.missing

    @pytest.mark.parametrize(("number", "said"), [(1, "1 call waits."), (2, "2 calls wait.")])
    def test_a_number_chooses_the_form(self, number: int, said: str) -> None:
        forms = ByNumber("number", "{calls} waits.", "{calls} wait.")
        made = Text("a-rule", headline=forms, explanation="").filled(None, number=number, calls=plural(number, "call")).said(forms)
        assert (made, made.forms) == (said, ("{calls} waits.", "{calls} wait.", number))  # type: ignore[attr-defined]

    def test_sentences_remember_their_template_and_only_their_own_values(self) -> None:
        made = TEXT.filled(None, **values())["shown"]
        assert isinstance(made, Message)
        assert (made.template, dict(made.slots)) == ("{calls} shown", {"calls": "1,200 calls"})

    def test_what_stands_alone_stays_what_it_is(self) -> None:
        """A name of the evidence must not become a sentence of ours, nor a message lose its template."""
        chain = TEXT.filled(None, **values()).steps((SHOWN,))
        assert type(chain[0].actor) is str
        assert isinstance(chain[1].actor, Message)
        assert chain[1].actor.template == "the service"
        assert (chain[0].evidence, chain[1].evidence) == ((SHOWN,), ())

    def test_evidence_with_braces_is_not_filled_again(self) -> None:
        text = TEXT.filled(Process(None, 7, None), **values(remote="{calls}", signal="{pid}"))
        assert text.actions[0].text == "Look at {calls}."
        assert text.actions[0].command == "ss -p | awk '{print $1}'; kill 7 {pid}"

    @pytest.mark.parametrize(("given", "shown"), [(None, None), ("kill 7", "kill 7"), (say("raise it"), "raise it")])
    def test_a_command_may_be_a_value_or_none(self, given: str | None, shown: str | None) -> None:
        text = Text("a-rule", headline="", explanation="", do=(Do(When.NOW, "Do it.", "{order}"),)).filled(None, order=given)
        assert text.actions == (Action(When.NOW, "Do it.", shown),)
        assert isinstance(text.actions[0].command, Message) is isinstance(given, Message)

    def test_what_the_rule_judged_itself_comes_first(self) -> None:
        text = TEXT.filled(None, **values())
        finding = text.finding(
            severity=Severity.INFO, confidence=Confidence.LIKELY, evidence=(SHOWN,), why_confident=say("Own words."), missing=()
        )
        assert finding.why_confident == "Own words."
        assert finding.missing == ()


def sentences(part: object) -> Iterator[str]:
    """Every template of a text, but its rule."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, tuple):
        for item in part:
            yield from sentences(item)
    elif isinstance(part, dict):
        yield from sentences(tuple(part.values()))
    elif isinstance(part, msgspec.Struct):
        for name in part.__struct_fields__:
            if name not in {"rule", "on", "of", "command"}:
                yield from sentences(getattr(part, name))


def flags(part: object) -> Iterator[str]:
    """The values that decide which sentence is said."""
    if isinstance(part, dict):
        part = tuple(part.values())
    if isinstance(part, tuple):
        for item in part:
            yield from flags(item)
    elif isinstance(part, msgspec.Struct):
        yield from filter(None, (getattr(part, "on", ""), getattr(part, "of", "")))
        for name in part.__struct_fields__:
            yield from flags(getattr(part, name))


def asked_for(text: Text) -> set[str]:
    """The values that a text needs; those of commands are the ones that are given and named in them."""
    slots = {name for sentence in sentences(text) for _, name, _, _ in string.Formatter().parse(sentence) if name}
    return (slots - set(text.phrases)) | set(flags(text))


def fillings() -> Iterator[tuple[str, str, frozenset[str], frozenset[str]]]:
    """Of every ``TEXT.filled(…)`` the module, the name of the text, the names of its values, and the functions that give it more."""
    for path in ROOMS:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "filled":
                shared = [keyword.value for keyword in node.keywords if keyword.arg is None and isinstance(keyword.value, ast.Call)]
                given = frozenset(keyword.arg for keyword in node.keywords if keyword.arg is not None)
                yield module, ast.unparse(node.func.value), given, frozenset(ast.unparse(call.func) for call in shared)


def texts_of(room: Any, name: str) -> list[Any]:
    """The texts that an expression chooses from: one by its name, or ``ONE if … else OTHER``."""
    names = (node.id for node in ast.walk(ast.parse(name)) if isinstance(node, ast.Name))
    return [text for one in names if isinstance(text := getattr(room, one, None), Text)]


def given_by(room: Any, function: str) -> set[str]:
    """The values that a function gives to several texts: the keys of the dictionary that it returns."""
    for part in function.split("."):
        room = getattr(room, part)
    home = importlib.import_module(room.__module__)
    return set(inspect.get_annotations(getattr(home, inspect.get_annotations(room)["return"])))


@pytest.mark.parametrize(("module", "name", "given", "shared"), list(fillings()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_slot_is_filled_and_nothing_else(module: str, name: str, given: frozenset[str], shared: frozenset[str]) -> None:
    """A value that only a rare sentence needs would be missed where no sample says it."""
    room = importlib.import_module(module)
    texts = texts_of(room, name)
    commands = " ".join(item.command or "" for text in texts for item in (*text.do, *text.ask))
    needed = {value for text in texts for value in asked_for(text)}
    assert texts
    more = {value for function in shared for value in given_by(room, function)}
    assert needed <= given | more, f"not given: {needed - given - more}"
    unused = {value for value in given - needed if f"{{{value}}}" not in commands}
    assert not unused, f"asked for nowhere: {unused}"


def test_no_phrase_speaks_of_itself() -> None:
    for module, name, *_ in fillings():
        for phrase, sentence in (
            (key, value) for text in texts_of(importlib.import_module(module), name) for key, value in text.phrases.items()
        ):
            said = " ".join(sentences(sentence))
            assert f"{{{phrase}}}" not in said, f"{module}: {phrase}"
            assert f"{{{phrase}:" not in said, f"{module}: {phrase}"


def test_no_slot_carries_the_grammar_of_english() -> None:
    """``s="s" if n == 1 else ""`` leaves other languages no choice: a sentence with a number has forms (say_of, ByNumber, plural)."""
    found = [
        f"{path.relative_to(ROOT)}:{value.lineno}"
        for floor in ("analyzer", "reports")
        for path in sorted((ROOT / floor).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        for value in (keyword.value for keyword in node.keywords)
        if isinstance(value, ast.IfExp) and _asks_for_one(value.test) and _is_word(value.body) and _is_word(value.orelse)
    ]
    assert found == []


def _asks_for_one(test: ast.expr) -> bool:
    """True for ``n == 1`` and ``n > 1``."""
    return isinstance(test, ast.Compare) and isinstance(test.comparators[0], ast.Constant) and test.comparators[0].value == 1


def _is_word(value: ast.expr) -> bool:
    """True for a literal, bare or as a message without slots."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) in {"say", "tell"} and len(value.args) == 1 and not value.keywords:
        value = value.args[0]
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
