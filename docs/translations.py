"""The catalogues of translations: finds every text of the code, merges it into the .po files, and compiles these.

    python docs/translations.py                    update reports/language/locale/*/LC_MESSAGES/closewait.po, and compile it
    python docs/translations.py --check            only count what is missing or out of date: such texts are shown in English
    python docs/translations.py --check --strict   the same, and exit 1 if there is any, as a release wants it

A text is what stands in a call of say, say_of, tell, plural or count, in a Text of a rule, in the template, and the words and remarks that
reports.language.labels lists; also the paragraphs of the rules' docstrings, which "analyze explain" prints.
Needs Babel, which running the tool does not.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from analyzer.app import fleet_options, options  # noqa: E402 - the root is known only now
from analyzer.app.explain import paragraphs  # noqa: E402
from analyzer.app.spoken_help import texts as help_texts  # noqa: E402
from analyzer.model.message import COUNTED  # noqa: E402 - the root is known only now
from analyzer.rules import RULES  # noqa: E402
from analyzer.software.knowledge import SETTINGS  # noqa: E402 - the root is known only now
from reports.language import compiled_catalogues  # noqa: E402
from reports.language.catalogue import DOMAIN, ENGLISH, EXPLANATION, HELP, KNOWN_ISSUE, LABEL, LANGUAGES, LOCALE, REMARK  # noqa: E402
from reports.language.labels import LABELS, REMARKS  # noqa: E402

FLOORS: Final = ("analyzer", "reports")
_SENTENCES: Final = frozenset({"say", "tell", "joined"})
_SLOT: Final = re.compile(r"\{[^{}]*\}")
_COUNTS: Final = frozenset({"plural", "count"})
_DATA: Final = {"Text": (1, ()), "Do": (1, ("command", "on")), "Ask": (0, ("command", "on")), "Either": (1, ())}
"""Classes of analyzer.model.text: the first argument that is a text (commands are none, names of rules and values neither), and fields that are none."""
_NUMBERED: Final = frozenset({"say_of", "ByNumber"})
"""Calls whose second and third argument are the forms of a sentence for one and for many."""
_FORMS: Final = 3
_COMMAND: Final = 2
"""The argument of Do and Ask that is a command."""


def texts() -> Catalog:
    """Every text that a report can say, with the places where it stands."""
    found = Catalog(domain=DOMAIN, project="closewait", fuzzy=False)
    for place, text, context in _of_code():
        found.add(text, context=context or None, locations=[(place, None)])  # type: ignore[list-item]
    for template in sorted((ROOT / "reports" / "formats" / "templates").glob("*.html")):
        with template.open("rb") as file:
            for _, message, _, _ in extract("jinja2.ext:babel_extract", file, options={"trimmed": "true"}):
                found.add(message if isinstance(message, str) else message[0], locations=[(template.relative_to(ROOT).as_posix(), None)])  # type: ignore[list-item]
    for place, text, context in (*_of_tables(), *_of_help()):
        found.add(text, context=context or None, locations=[(place, None)])  # type: ignore[list-item]
    return found


def _of_tables() -> Iterator[tuple[str, str, str]]:
    """Place, text and context of what the tables of software say, and of single words."""
    for lender in tomllib.loads((ROOT / "analyzer" / "software" / "knowledge.toml").read_text(encoding="utf-8"))["lease"]:
        for text in (lender[name] for name in SETTINGS if " " in lender[name]):
            yield "analyzer/software/knowledge.toml", text, ""
    for context, words in ((LABEL, LABELS), (REMARK, REMARKS)):
        for word in words:
            yield "reports/language/labels.py", word, context
    for issue in tomllib.loads((ROOT / "analyzer" / "known_issues.toml").read_text(encoding="utf-8"))["issue"]:
        for text in filter(None, (issue["title"], issue.get("workaround"))):
            yield "analyzer/known_issues.toml", text, KNOWN_ISSUE


def _of_help() -> Iterator[tuple[str, str, str]]:
    """Place, text and context of what ``--help`` says."""
    for text in help_texts(options.app, fleet_options.commands):
        yield "analyzer/app", text, HELP


def _of_code() -> Iterator[tuple[str, str | tuple[str, str], str]]:
    """Place, text and context of what the code says, and of what the rules say of themselves."""
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            for text, context in _in_code(path):
                yield path.relative_to(ROOT).as_posix(), text, context
    for rule in RULES:
        for paragraph in paragraphs(rule):
            yield f"{rule.__name__.replace('.', '/')}.py", paragraph, EXPLANATION


def _in_code(path: Path) -> Iterator[tuple[str | tuple[str, str], str]]:
    """Texts and contexts, in the order of the file; a sentence with forms is a pair."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in _SENTENCES and node.args:
            yield from ((text, "") for text in _constants(node.args[0]))
        elif node.func.id in _COUNTS and len(node.args) > 1:
            yield from ((forms, COUNTED) for forms in _nouns(node))
        elif node.func.id in _NUMBERED:
            yield _forms(path, node), ""
        elif node.func.id in _DATA:
            yield from ((text, "") for text in _data(node.func.id, node))


def _nouns(node: ast.Call) -> Iterator[tuple[str, str]]:
    """The noun for one and the noun for many of a call that counts; without a second one an s is put behind the first, as the call does."""
    named = [keyword.value for keyword in node.keywords if keyword.arg == "many"]
    many = [text for value in (*node.args[2:], *named) for text in _constants(value)]
    for one in _constants(node.args[1]):
        yield one, many[0] if many else f"{one}s"


def _forms(path: Path, node: ast.Call) -> tuple[str, str]:
    """The form for one and the form for many, in the order of gettext's ngettext."""
    named = {keyword.arg: keyword.value for keyword in node.keywords}
    values = [*node.args[1:_FORMS], *(named[name] for name in ("one", "many") if name in named)][:2]
    one, many = (value.value if isinstance(value, ast.Constant) else None for value in values)
    if not isinstance(one, str) or not isinstance(many, str):
        raise SystemExit(f"{path}:{node.lineno}: both forms must stand here as literals")
    return one, many


def _data(kind: str, node: ast.Call) -> Iterator[str]:
    """Texts of a rule that are data: those of the call itself, for calls inside of it are met by themselves."""
    first, others = _DATA[kind]
    last = _COMMAND if kind in {"Do", "Ask"} else None
    for argument in (*node.args[first:last], *(keyword.value for keyword in node.keywords if keyword.arg not in {*others, "rule"})):
        waiting = [argument]
        while waiting:
            item = waiting.pop()
            if isinstance(item, ast.Tuple):
                waiting += item.elts
            elif isinstance(item, ast.Dict):
                waiting += item.values
            else:
                yield from _constants(item)


def _constants(node: ast.expr) -> Iterator[str]:
    """The literal, or both of a conditional one. Without a letter the order of values can differ, and blanks beside brackets."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        bare = _SLOT.sub("", node.value)
        if any(letter.isalpha() or letter == "(" for letter in bare) or (bare != "" and len(_SLOT.findall(node.value)) > 1):
            yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)


def folder(tag: str) -> Path:
    """Where the catalogue of a language lies."""
    return LOCALE / tag / "LC_MESSAGES"


def merged(tag: str) -> Catalog:
    """The language's catalogue with every text of the code; texts that are gone are dropped."""
    path = folder(tag) / f"{DOMAIN}.po"
    made = Catalog(locale=tag, domain=DOMAIN, project="closewait", fuzzy=False)
    if path.exists():
        with path.open("rb") as file:
            made = read_po(file, locale=tag, domain=DOMAIN)
    made.update(texts(), no_fuzzy_matching=True)
    made.obsolete.clear()
    return made


def rendered(catalogue: Catalog) -> bytes:
    """The .po file. Texts stand in order and without their places, so that two changes to the code seldom meet in one line."""
    made = io.BytesIO()
    write_po(made, catalogue, width=140, omit_header=True, sort_output=True, no_location=True)
    fields = {"Language": catalogue.locale, "Content-Type": "text/plain; charset=UTF-8", "Plural-Forms": catalogue.plural_forms}
    header = 'msgid ""\nmsgstr ""\n' + "".join(f'"{name}: {value}\\n"\n' for name, value in fields.items()) + "\n"
    return header.encode() + made.getvalue()


def missing(catalogue: Catalog) -> list[str]:
    """Texts without a translation."""
    return [
        str(message.id) for message in catalogue if message.id and not (any(message.string) if message.pluralizable else message.string)
    ]


def main() -> int:
    """Update the files, or with ``--check`` only compare them."""
    check, strict, wrong = "--check" in sys.argv[1:], "--strict" in sys.argv[1:], False
    for tag in LANGUAGES:
        if tag == ENGLISH:
            continue
        catalogue = merged(tag)
        lacking, made, path = missing(catalogue), rendered(catalogue), folder(tag) / f"{DOMAIN}.po"
        stale = not path.exists() or path.read_bytes() != made
        wrong |= stale or bool(lacking)
        if stale and check:
            print(f"{path.relative_to(ROOT)} is out of date: run make translations")  # noqa: T201
        elif stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made)
        print(f"{tag}: {len(catalogue)} texts, {len(lacking)} without a translation")  # noqa: T201
    if not check:
        compiled_catalogues.compile_all()
    return int(wrong and strict)


if __name__ == "__main__":
    sys.exit(main())
