"""``--lang``: every text has a translation that fits its template, evidence is not touched, and English is what it was."""

from __future__ import annotations

import gettext
import json
import re
import string
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any

import pytest
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from analyzer.app.cli import main
from analyzer.model.message import COUNTED, Message, capitalized, joined, plural, say, say_of
from parsers.records import Unit
from reports.contract import json_v1 as json_contract
from reports.formats import terminal
from reports.language import catalogue as language
from reports.language.catalogue import remark, speaking, spoken, tell
from reports.language.compiled_catalogues import compile_all, compiled
from reports.language.particles import settled
from reports.text_safety import width_of
from reports.view import build as view
from tests.builders import SAMPLES, sample
from tests.reports.rendering import RENDERERS

if TYPE_CHECKING:
    from pathlib import Path

    from babel.messages.catalog import Catalog
    from babel.messages.catalog import Message as BabelMessage


NAMES = sorted(path.name for path in SAMPLES.iterdir() if (path / "README.md").exists() and path.name != "lab")
FORMS = ("은(는)", "이(가)", "을(를)", "과(와)", "(으)로", "(이)")
POLISH = """msgid ""
msgstr ""
"Language: pl\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);\\n"

msgid "{threads} waits"
msgid_plural "{threads} wait"
msgstr[0] "{threads} czeka"
msgstr[1] "{threads} czekają"
msgstr[2] "{threads} czeka"

msgctxt "count"
msgid "thread"
msgid_plural "threads"
msgstr[0] "{n} wątek"
msgstr[1] "{n} wątki"
msgstr[2] "{n} wątków"
"""
SLOT = re.compile(r"%\((\w+)\)s")


def loaded(script: str) -> Any:
    """A script of docs/, which is no package."""
    spec = spec_from_file_location(script, SAMPLES.parent / "docs" / f"{script}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


translations = loaded("translations")


@cache
def catalogue() -> Catalog:
    with (translations.folder("ko") / "closewait.po").open("rb") as file:
        return read_po(file, locale="ko")


def slots(text: str) -> set[tuple[str, str]]:
    """Names and formats of what is filled in."""
    named = {(name, spec or "") for _, name, spec, _ in string.Formatter().parse(text) if name is not None}
    return named | {(name, "") for name in SLOT.findall(text)}


def keys(message: BabelMessage) -> tuple[str, ...]:
    """The text, or the two forms of a sentence with a number."""
    return message.id if isinstance(message.id, tuple) else (str(message.id),)


def translations_of(message: BabelMessage) -> tuple[str, ...]:
    """The translation, or its forms."""
    return tuple(message.string) if isinstance(message.string, (tuple, list)) else (str(message.string),)


class TestCatalogue:
    def test_is_what_the_program_reads(self) -> None:
        folder = translations.folder("ko")
        assert (folder / "closewait.mo").read_bytes() == compiled(folder / "closewait.po"), "run make translations"
        with (folder / "closewait.mo").open("rb") as file:
            assert len(list(read_mo(file))) == sum(any(translations_of(message)) for message in catalogue())

    def test_a_text_without_a_translation_stays_english(self, tmp_path: Path) -> None:
        source = tmp_path / "ko" / "LC_MESSAGES" / "closewait.po"
        source.parent.mkdir(parents=True)
        source.write_text('msgid "one"\nmsgstr "하나"\n\nmsgid "two"\nmsgstr ""\n', encoding="utf-8")
        compile_all(tmp_path)
        found = gettext.translation("closewait", tmp_path, ["ko"])
        assert (found.gettext("one"), found.gettext("two")) == ("하나", "two")

    def test_no_translation_fills_in_what_its_text_does_not_have(self) -> None:
        for message in catalogue():
            counted = message.context in {COUNTED, language.REMARK}
            allowed = {("n", ":,"), ("n", "")} if counted else set.intersection(*map(slots, keys(message)))
            told = set.union(*map(slots, translations_of(message)))
            filled = {(name, f":{spec}" if counted and spec else spec) for name, spec in told}
            assert filled <= allowed, (message.id, message.string)

    def test_particles_are_written_as_the_code_knows_them(self) -> None:
        for message in catalogue():
            rest = " / ".join(translations_of(message))
            for form in FORMS:
                rest = rest.replace(form, "")
            assert not re.search(r"[가-힣]\((?:는|은|이|가|을|를|와|과|으)\)|\((?:으|이)\)|[는가를와]\([은이을과]\)", rest), message.string

    def test_edges_of_a_sentence_stay(self) -> None:
        for message in catalogue():
            if message.id and keys(message)[0].endswith(". "):
                assert all(told.endswith(" ") for told in translations_of(message)), message.string


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("스레드 3개이(가)", "스레드 3개가"),
        ("pool-1을(를)", "pool-1을"),
        ("포트 8082은(는)", "포트 8082는"),
        ("포트 8080(으)로", "포트 8080으로"),
        ("10.0.0.7(으)로", "10.0.0.7로"),
        ("8081과(와)", "8081과"),
        ("서버과(와)", "서버와"),
        ("“락”이(가)", "“락”이"),
        ("(pid 14)은(는)", "(pid 14)는"),
        ("java은(는)", "java은(는)"),
        ("교착(이)다", "교착이다"),
        ("(으)로", "(으)로"),
    ],
)
def test_a_particle_follows_the_sound_before_it(written: str, read: str) -> None:
    assert settled(written) == read


class TestMessage:
    def test_is_english_text(self) -> None:
        made = say("{calls} to {remote:>6}", calls=plural(2, "call"), remote="{x}")
        assert made == "2 calls to    {x}"
        assert json.dumps({made: 1}) == '{"2 calls to    {x}": 1}'

    def test_values_of_messages_are_translated_too(self) -> None:
        with speaking("ko"):
            assert tell(say("{head}: {threads}", head="thread", threads=plural(1_200, "thread"))) == "thread: 스레드 1,200개"
            assert tell(joined(" and ", ["a", say("thread dump")])) == "a, 스레드 덤프"
            assert tell(capitalized(say("thread dump")) + ".") == "스레드 덤프."
            assert tell(say(" {x} ", x=say("thread dump")).strip()) == "스레드 덤프"

    def test_evidence_is_not_translated_even_where_it_spells_a_word_of_ours(self) -> None:
        with speaking("ko"):
            assert tell("{path}, packet {number}", path="thread dump", number="{n}") == "thread dump, 패킷 {n}"
            assert spoken(("thread dump", say("thread dump"))) == ("thread dump", "스레드 덤프")

    def test_particles_in_names_stay(self) -> None:
        with speaking("ko"):
            assert tell("{path}, packet {number}", path="풀3을(를)-thread", number=1) == "풀3을(를)-thread, 패킷 1"
            assert tell(say("{head}, {whole}", head=say("thread dump"), whole="큐2(이)exec (1)")) == "스레드 덤프, 큐2(이)exec (1)"

    def test_what_no_catalogue_has_stays_english(self) -> None:
        with speaking("ko"):
            assert tell("{n} is nowhere", n=plural(2, "unheard-of thing")) == "2 unheard-of things is nowhere"

    def test_is_refilled_with_other_values(self) -> None:
        made = capitalized(say("host {name} has {n:,}", name="web1", n=1_000)).refilled(lambda value: "host1" if value == "web1" else value)
        assert made == "Host web1 has 1,000"
        inner = say("host {name} has {n:,}", name="web1", n=1_000).refilled(lambda value: "host1" if value == "web1" else value)
        assert inner == "host host1 has 1,000"
        assert isinstance(inner, Message)

    def test_a_number_chooses_the_form(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As many forms as a language has: Polish has three, of nouns and of sentences."""
        source = tmp_path / "pl" / "LC_MESSAGES" / "closewait.po"
        source.parent.mkdir(parents=True)
        source.write_text(POLISH, encoding="utf-8")
        compile_all(tmp_path)
        monkeypatch.setattr(language, "LOCALE", tmp_path)

        def of(n: int) -> str:
            return tell(say_of(n, "{threads} waits", "{threads} wait", threads=plural(n, "thread")))

        assert [of(1), of(2), of(5)] == ["1 thread waits", "2 threads wait", "5 threads wait"]
        with speaking("pl"):
            assert [of(1), of(2), of(5)] == ["1 wątek czeka", "2 wątki czekają", "5 wątków czeka"]
            assert tell(say_of(2, "{x} is unknown", "{x} are unknown", x="a")) == "a are unknown"

    def test_another_number_asks_for_another_form(self) -> None:
        made = say_of(1, "waits in {frame}", "wait in {frame}", frame="?")
        assert [made.numbered(n, {"frame": "f"}) for n in (1, 2)] == ["waits in f", "wait in f"]
        assert say("in {frame}", frame="?").numbered(2, {"frame": "f"}) == "in f"

    def test_outside_of_speaking_it_is_english(self) -> None:
        with speaking("ko"), pytest.raises(ZeroDivisionError):
            _ = 1 // 0
        assert tell("thread dump") == "thread dump"
        assert language.tag() == "en"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no netstat row", "netstat의 행이 아님"),
        ("no regular file; not opened", "일반 파일이 아님; 열지 않음"),
        (
            "1 packet cut to the snap length; the capturing machine lost 12 packets",
            "패킷 1개가 snap length에서 잘림; 캡처한 장비가 패킷 12개를 놓침",
        ),
        ("12 apples; 3 pears", "12 apples; 3 pears"),
    ],
)
def test_remarks_keep_their_numbers(said: str, shown: str) -> None:
    with speaking("ko"):
        assert remark(said) == shown
    assert remark(said) == said


@pytest.mark.parametrize("name", NAMES)
class TestSamples:
    def test_everything_is_said_in_korean(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        diagnosis = sample(name)
        missed: set[tuple[str, str]] = set()
        looked_up = language._looked_up

        def noting(context: str, key: str, forms: tuple[str, str, int] | None = None) -> str | None:
            found = looked_up(context, key, forms)
            if found is None and any(letter.isalpha() for letter in re.sub(r"\{[^{}]*\}", "", key)):
                missed.add((context, key))
            return found

        monkeypatch.setattr(language, "_looked_up", noting)
        with speaking("ko"):
            shown = view.build(spoken(diagnosis), "analyze x", "0")
            texts = [render(shown) for render in RENDERERS.values()]
        assert all(re.search("[가-힣]", text) for text in texts)
        known = {(message.context or "", key) for message in catalogue() for key in keys(message)}
        assert {(context, key) for context, key in missed if (context, key) not in known} == set()

    def test_no_sentence_is_a_plain_string(self, name: str) -> None:
        """A plain string is evidence: it would stay English in every language."""
        diagnosis = sample(name)
        said: list[object] = [diagnosis.verdict.headline, diagnosis.verdict.summary, *diagnosis.notes]
        said += [one.why for one in diagnosis.checked]
        said += [text for one in diagnosis.missing for text in (one.artifact, one.would_show)]
        for finding in diagnosis.findings:
            evidence = (*finding.evidence, *(item for step in finding.chain for item in step.evidence))
            said += [finding.headline, finding.explanation, finding.why_confident, *finding.contradicted_by]
            said += [label for _, label in finding.figures if "/" not in label]  # a file that fills the descriptors
            said += [action.text for action in finding.actions] + [step.verb for step in finding.chain if step.verb]
            said += [text for one in finding.missing for text in (one.artifact, one.would_show)]
            said += [item.says for item in evidence] + [item.inferred for item in evidence if item.inferred]
            said += [finding.outlook.why] if finding.outlook else []
        assert [text for text in said if not isinstance(text, Message)] == []

    def test_the_same_is_said_of_the_same_evidence(self, name: str) -> None:
        diagnosis = sample(name)
        with speaking("ko"):
            told = spoken(diagnosis)
        assert told.verdict.fingerprint == diagnosis.verdict.fingerprint
        lines = {where: lines for where, lines in diagnosis.excerpts.items() if where.unit is Unit.LINE}
        assert {where: told.excerpts[where] for where in lines} == lines
        for ours, theirs in zip(diagnosis.findings, told.findings, strict=True):
            assert (ours.id, ours.rule, ours.severity, ours.confidence) == (theirs.id, theirs.rule, theirs.severity, theirs.confidence)
            assert [item.where for item in ours.evidence] == [item.where for item in theirs.evidence]
            assert [action.command for action in ours.actions] == [action.command for action in theirs.actions]
            # Numbers that a sentence gives in English are in the Korean one too.
            assert set(re.findall(r"\d[\d,.:]*\d", ours.headline)) == set(re.findall(r"\d[\d,.:]*\d", theirs.headline))
        assert json.loads(json_contract.render(told, "0")).keys() == json.loads(json_contract.render(diagnosis, "0")).keys()

    def test_the_verdict_fits_the_terminal(self, name: str) -> None:
        diagnosis = sample(name)
        with speaking("ko"):
            shown = view.build(spoken(diagnosis), "analyze x", "0")
            text = terminal.verdict(shown, 100, color=False)
        assert len(text.splitlines()) <= 20
        assert max(map(width_of, text.splitlines())) <= 100


class TestCommand:
    def run(self, *arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return int(ended.value.code or 0)

    @pytest.mark.parametrize("form", ["text", "md", "jira", "html", "summary", "json"])
    def test_every_format(self, form: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run("samples/self-call-executor", "--lang", "ko", "-f", form, "-o", "-") == 0
        text = capsys.readouterr().out
        assert "자기" in text
        assert "self-call-starvation" in text
        if form == "html":
            assert '<html lang="ko">' in text

    def test_another_language_is_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run("samples/self-call-executor", "--lang", "xx") == 2
        assert "ko" in capsys.readouterr().err

    def test_pseudonyms_stand_in_korean_sentences(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        target = tmp_path / "r.md"
        assert self.run("samples/mutual-call-two-hosts", "--lang", "ko", "--anonymize", "-q", "-o", str(target)) == 0
        capsys.readouterr()
        text = target.read_text()
        assert "기다린다" in text
        assert "host-1" in text

    def test_a_comparison(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.run("diff", "samples/leak-growing", "samples/leak-okhttp", "--lang", "ko") == 0
        korean = capsys.readouterr().out
        assert self.run("diff", "samples/leak-growing", "samples/leak-okhttp") == 0
        english = capsys.readouterr().out
        assert "아직 남음: connection-leak; 줄었다" in korean
        assert len(korean.splitlines()) <= len(english.splitlines()) + 2
        assert not re.search(r"\b(the|is|are|gone|before|after|busy)\b", korean)
