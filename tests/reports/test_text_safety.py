"""Escaping, unit by unit, and as properties over any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reports import text_safety
from reports.formats import prose
from reports.formats.prose import command, wrap
from reports.text_safety import BREAK, REPLACEMENT, width_of

ANY = st.text(st.characters(codec="utf-8"), max_size=60) | st.text(
    st.sampled_from("a1 @#!`*_~<>[](){}|\\-+=.:/&$%\n\t\x1b\u202e"), max_size=40
)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("http-nio-8080-exec-1", "http-nio-8080-exec-1"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07name", "name"),
        ("\x9b31mred", "red"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\nb\tc\u00a0d", "a b c d"),
        ("evil\u202egnp.exe", f"evil{REPLACEMENT}gnp.exe"),
        ("nul\x00del\x7f", f"nul{REPLACEMENT}del{REPLACEMENT}"),
        ("caf\udce9", f"caf{REPLACEMENT}"),
        ("자바-스레드", "자바-스레드"),
    ],
)
def test_plain(raw: str, shown: str) -> None:
    assert text_safety.plain(raw) == shown


@given(st.text(max_size=80) | ANY)
def test_plain_text_prints_and_stays_as_it_is(raw: str) -> None:
    shown = text_safety.plain(raw)
    assert shown.isprintable()
    assert text_safety.plain(shown) == shown
    shown.encode()


def test_long_names_end_in_an_ellipsis() -> None:
    assert text_safety.plain("n" * 100_000, 120) == "n" * 119 + "…"
    assert text_safety.clip("short", 5) == "short"


def test_a_long_path_keeps_both_ends() -> None:
    path = "/".join(f"folder{index}" for index in range(99)) + "/jstack.txt"
    cut = text_safety.clip_path(path, 40)
    assert len(cut) == 40
    assert cut.startswith("folder0/")
    assert cut.endswith("/jstack.txt")


@given(ANY)
def test_markdown_prose_shows_exactly_the_text(raw: str) -> None:
    text = " ".join(text_safety.plain(raw).split())
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text_safety.escape_markdown(text))
    inline = [child for token in tokens for child in token.children or ()]
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    assert {child.type for child in inline} <= {"text", "text_special"}
    assert "".join(child.content for child in inline).replace(BREAK, "") == text


@given(ANY)
def test_a_code_span_shows_exactly_the_text(raw: str) -> None:
    text = " ".join(text_safety.plain(raw).split())
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(f"x {text_safety.code_markdown(text)} y")
    code = [child.content for token in tokens for child in token.children or () if child.type == "code_inline"]
    assert code == ([text] if text else [])


@given(ANY)
def test_a_table_cell_keeps_to_its_column(raw: str) -> None:
    text = " ".join(text_safety.plain(raw).split())
    cells = text_safety.code_markdown(text, cell=True), text_safety.escape_markdown(text)
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(f"| a | b |\n|---|---|\n| {cells[0]} | {cells[1]} |")
    contents = [token.content for token in tokens if token.type == "inline"]
    assert len(contents) == 4
    assert sum(token.type == "tr_open" for token in tokens) == 2
    assert contents[3].strip() == cells[1].replace("\\|", "|").strip() or "|" in text


@given(ANY)
def test_a_fence_holds_its_content(raw: str) -> None:
    lines = tuple(text_safety.plain(line) for line in raw.splitlines())
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text_safety.fence_markdown(lines))
    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content == "".join(f"{line}\n" for line in lines)


def test_a_fence_is_longer_than_the_fences_inside() -> None:
    fenced = text_safety.fence_markdown(("```", "x", "````", "end"))
    assert fenced.splitlines()[0] == "`````text"
    assert [token.type for token in MarkdownIt().parse(fenced)] == ["fence"]


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        ("{code}", "\\{code\\}"),
        ("[a|b]", "\\[a\\|b\\]"),
        ("!x.png!", "\\!" + BREAK + "x.png\\!"),
        ("h1. big", "\\h1. big"),
        (" # one", " \\# one"),
        ("a-b_c+d", "a-b_c+d"),
        ("-struck-", "\\-struck\\-"),
        ("(!) ok", "(\\!) ok"),
        ("http://x", "http:" + BREAK + "//x"),
        ("a & b", "a &amp; b"),
    ],
)
def test_jira_escapes(raw: str, escaped: str) -> None:
    assert text_safety.escape_jira(raw) == escaped


def test_jira_blocks_cannot_be_closed_from_inside() -> None:
    block = text_safety.noformat_jira(("a {noformat} b { NoFormat:title=x}",))
    assert block.count("{noformat}") == 2
    assert block.splitlines()[1].replace(BREAK, "") == "a {noformat} b { NoFormat:title=x}"


@pytest.mark.parametrize("raw", ['"] --> n9[" x', "a`b`", "%%{init: {}}%%", "<b>#quot;</b>", "end; click n0 href"])
def test_a_flowchart_label_holds_no_syntax(raw: str) -> None:
    label = text_safety.mermaid_label(raw)
    assert label[0] == label[-1] == '"'
    assert set(label[1:-1]) & set('"`[]{}<>%#;|&') == set()


@pytest.mark.parametrize(
    ("raw", "broken"),
    [
        ("@here", "@" + BREAK + "here"),
        ("12:27:08 to 12:30", "12:27:08 to 12:30"),
        ("SelfCall$2.doGet", "SelfCall$2.doGet"),
        ("see #12 and !7", f"see #{BREAK}12 and !{BREAK}7"),
        (":smile: a::b", f":{BREAK}smile: a::b"),
        ("www.x.y", f"www{BREAK}.x.y"),
        ("95 % of 3", "95 % of 3"),
    ],
)
def test_references_are_broken_and_nothing_else(raw: str, broken: str) -> None:
    assert text_safety.without_references(raw) == broken


@given(ANY, st.integers(12, 60))
def test_wrapped_lines_fit_and_keep_every_word(raw: str, width: int) -> None:
    text = text_safety.plain(raw)
    lines = wrap(text, width, "- ", "  ")
    assert all(text_safety.width_of(line) <= width for line in lines)
    assert "".join("".join(line[2:].split()) for line in lines) == "".join(text.split())


def test_wide_characters_count_two_columns() -> None:
    assert text_safety.width_of("스레드") == 6
    assert text_safety.clip_columns("스레드풀", 5) == "스레…"
    assert wrap("스레드 스레드 스레드", 13) == ["스레드 스레드", "스레드"]


def test_a_wrapped_command_can_be_pasted() -> None:
    lines = command("tcpdump -i any -s 256 -w trace.pcap 'tcp port 38090'", 32, "    ")
    assert lines == ["    tcpdump -i any -s 256 -w \\", "      trace.pcap 'tcp port \\", "      38090'"]


def test_a_word_over_many_lines_is_measured_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of a hundred thousand characters must not take an hour."""
    measured = []

    def counted(text: str) -> int:
        measured.append(len(text))
        return width_of(text)

    monkeypatch.setattr(prose, "width_of", counted)
    word = "가a\u0301" * 20_000
    lines = wrap(f"head {word} tail", 72, "- ", "  ")
    assert sum(measured) < 10 * len(word)
    assert "".join(line.strip("- ") for line in lines) == f"head{word} tail"
    assert max(map(width_of, lines)) <= 72
