"""Text from the evidence is never more than text, whatever it contains."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from reports.contract import json_v1 as json_contract
from reports.formats import environment, jira, markdown, terminal
from reports.text_safety import BREAK
from tests.reports.hostile import KINDS, POISON, benign, endless, hostile
from tests.reports.rendering import RENDERERS, seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyzer.model.finding import Diagnosis

TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "header",
        "section",
        "article",
        "p",
        "h1",
        "h2",
        "h3",
        "span",
        "b",
        "code",
        "pre",
    ),
    *(
        "mark",
        "small",
        "a",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "div",
        "figure",
        "figcaption",
        "i",
        "svg",
        "path",
        "polyline",
        "circle",
        "text",
    ),
    *("table", "thead", "tbody", "tr", "th", "td", "details", "summary", "footer", "script"),
}
ATTRIBUTES = {
    *(
        "class",
        "id",
        "href",
        "style",
        "tabindex",
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "type",
        "role",
        "aria-label",
        "viewbox",
    ),
    *("d", "points", "cx", "cy", "r", "x", "y", "dy", "text-anchor"),
}


class Page(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.shape: list[tuple[str, tuple[str, ...]]] = []
        self.values: list[tuple[str, str]] = []
        self.comments: list[str] = []
        self.scripts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, tuple(name for name, _ in attrs)))
        self.values += [(name, value or "") for name, value in attrs]
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def outside_code(text: str) -> str:
    """Jira text without its noformat blocks."""
    return re.sub(r"^\{noformat\}\n.*?\n\{noformat\}$", "", text, flags=re.DOTALL | re.MULTILINE)


def prose_of(text: str) -> tuple[list[str], list[str], dict[str, int]]:
    """The visible text outside code, the raw HTML, and how often each token occurs, as GitHub's grammar reads the Markdown."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    flat = [child for token in tokens for child in (token, *(token.children or ()))]
    prose = [token.content for token in flat if token.type == "text"]
    raw = [token.content.strip() for token in flat if token.type in {"html_block", "html_inline"}]
    counts: dict[str, int] = {}
    for token in flat:
        counts[token.type] = counts.get(token.type, 0) + 1
    return prose, raw, counts


every_kind = pytest.mark.parametrize("kind", [*KINDS, "all"])


@every_kind
def test_a_page_has_only_the_tags_and_attributes_of_its_template(kind: str) -> None:
    page = Page(RENDERERS["html"](seen(hostile(kind))))
    assert {tag for tag, _ in page.shape} <= TAGS
    assert {name for _, names in page.shape for name in names} <= ATTRIBUTES
    assert page.comments == []
    assert all(value.startswith("#") for name, value in page.values if name == "href")
    assert all(re.fullmatch(r"width:\d+\.\d%", value) for name, value in page.values if name == "style")


@pytest.mark.parametrize("kind", ["html", "terminal", "lines"])
def test_a_page_has_the_shape_that_harmless_text_gives_it(kind: str) -> None:
    def shape(diagnosis: Diagnosis) -> list[str]:
        # Identifiers are set apart only where they are recognised, so code is not counted; marks likewise.
        return [tag for tag, _ in Page(RENDERERS["html"](seen(diagnosis))).shape if tag not in {"code", "mark"}]

    assert shape(hostile(kind)) == shape(benign())


@every_kind
def test_a_page_runs_nothing(kind: str) -> None:
    page = Page(RENDERERS["html"](seen(hostile(kind))))
    assert [names for tag, names in page.shape if tag == "script"] == [("type", "id")]
    assert ("type", "application/json") in page.values
    policy = next(value for name, value in page.values if name == "content")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@every_kind
def test_the_data_in_a_page_is_the_contract_and_readable(kind: str) -> None:
    page = Page(RENDERERS["html"](seen(hostile(kind))))
    data = json.loads("".join(page.scripts))
    assert data["schema"] == "diagnosis/1"
    assert data["verdict"]["finding"] == "F1"
    if kind == "html":
        assert "</script>" in data["verdict"]["headline"]


def test_a_data_block_that_could_close_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="raw <"):
        environment.data_block('{"a": "</script>"}')


@every_kind
def test_markdown_makes_no_html_link_or_image_of_evidence(kind: str) -> None:
    prose, raw, counts = prose_of(markdown.render(seen(hostile(kind))))
    assert {"link_open", "image"} & counts.keys() == set()
    own = re.compile(r"<details><summary>[^<>]*</summary>|</details>|</?sub>")
    assert [html for html in raw if not own.fullmatch(html)] == []
    shown = "\n".join([*prose, *raw])
    assert re.findall(r"@\w|(?<![&])#\w|://|\bwww\.|\bGH-\d|:smile:|mailto:|(?<!\w)[!$]\d", shown) == []


@pytest.mark.parametrize("kind", KINDS)
def test_markdown_gets_no_structure_from_evidence(kind: str) -> None:
    hurt = prose_of(markdown.render(seen(hostile(kind))))[2]
    calm = prose_of(markdown.render(seen(benign(KINDS[kind]))))[2]
    structure = (
        "heading_open",
        "fence",
        "blockquote_open",
        "table_open",
        "tr_open",
        "td_open",
        "list_item_open",
        "hr",
        "code_block",
        "s_open",
        "em_open",
    )
    assert {name: hurt.get(name, 0) for name in structure} == {name: calm.get(name, 0) for name in structure}
    assert calm["td_open"] > 20


@every_kind
def test_jira_gets_no_macro_link_or_image_from_evidence(kind: str) -> None:
    bare = re.sub(r"\\.", "", outside_code(jira.render(seen(hostile(kind)))))
    bare = re.sub(r"^\{panel(:title=CRITICAL)?\}$", "", bare, flags=re.MULTILINE)
    assert re.findall(r"(?<!\{)\{(?!\{)|(?<!\})\}(?!\})", bare) == []
    assert re.findall(r"[\[\]!?^~]", bare) == []
    assert "://" not in bare


@pytest.mark.parametrize("kind", KINDS)
def test_jira_gets_no_rows_or_headings_from_evidence(kind: str) -> None:
    def shape(diagnosis: Diagnosis) -> list[int | str]:
        lines = re.sub(r"\\.", "x", outside_code(jira.render(seen(diagnosis)))).splitlines()
        marks = [re.match(r"\||h\d\.|bq\.|[#*]+ [#*]?", line) for line in lines]
        return [match.string.count("|") if match[0] == "|" else match[0] for match in marks if match]

    found = shape(hostile(kind))
    assert found == shape(benign(KINDS[kind]))
    assert 8 in found


@pytest.mark.parametrize("kind", KINDS)
def test_no_evidence_opens_or_closes_a_noformat_block(kind: str) -> None:
    hurt, calm = (jira.render(seen(made)) for made in (hostile(kind), benign(KINDS[kind])))
    mark = re.compile(r"(?<!\\)\{\s*noformat[^}]*\}", re.IGNORECASE)
    assert len(mark.findall(hurt)) == len(mark.findall(calm)) > 10


@pytest.mark.parametrize("made", [hostile, endless])
@pytest.mark.parametrize("name", RENDERERS)
def test_no_format_prints_a_control_character(name: str, made: Callable[[], Diagnosis]) -> None:
    printed = RENDERERS[name](seen(made()))
    odd = {char for char in printed if not char.isprintable()} - {"\n"}
    assert odd <= ({BREAK} if name in {"md", "jira", "summary"} else set())
    printed.encode()


@pytest.mark.parametrize("width", [40, 80, 120])
@every_kind
def test_the_terminal_gets_no_control_character(width: int, kind: str) -> None:
    printed = terminal.verdict(seen(hostile(kind)), width, color=False)
    assert {char for char in printed if not char.isprintable()} == {"\n"}


def test_json_keeps_the_text_but_no_raw_control_character() -> None:
    printed = json_contract.render(hostile(), "1")
    assert {char for char in printed if not char.isprintable()} == {"\n"}
    assert json.loads(printed)["verdict"]["headline"].startswith(POISON.replace("\udcff", "?"))


@every_kind
def test_chats_get_no_mention(kind: str) -> None:
    assert re.findall(r"@\w|<[!@#]|://", RENDERERS["summary"](seen(hostile(kind)))) == []
