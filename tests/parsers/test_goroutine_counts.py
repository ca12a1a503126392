"""Goroutines counted by state."""

from __future__ import annotations

import pytest

from parsers import outputs
from parsers.records import Counted, Tally
from parsers.text.source import Source
from parsers.threads import goroutine_counts


def tallies(text: str) -> list[tuple[str | None, int]]:
    found = outputs(Source("post.md", text.encode()))
    return [(one.name, one.count) for output in found for one in output.parsed.of(Tally) if one.what is Counted.GOROUTINES]


@pytest.mark.parametrize(
    "text",
    [
        "  4021 chan receive\n    77 select\n",
        "   4021 [chan receive, 12 minutes]:\n     77 [select]:\n",
        "4021 goroutine [chan receive]:\n77 goroutine [select, 2 minutes]:\n",
        "$ grep '^goroutine ' dump.txt | sed 's/.*\\[//' | sort | uniq -c\n   4021 chan receive\n     77 select\n",
    ],
)
def test_rows_of_states(text: str) -> None:
    assert tallies(f"Many of them:\n\n{text}") == [("chan receive", 4021), ("select", 77)]


@pytest.mark.parametrize("text", ["  40 select\n  7 running\n", "  40 sleep\n", "120 connections\n"])
def test_words_that_are_anybodys_are_no_goroutines(text: str) -> None:
    assert not tallies(f"Many of them:\n\n{text}")


def test_every_line_is_read_or_unread() -> None:
    source = Source("post.md", b"  4021 chan receive\nwhat is that?\n\n    77 select\n...\n")
    for output in outputs(source):
        lines = [line for line in output.section.lines if line.strip()]
        assert output.parsed.read + sum(gap.lines for gap in output.parsed.unread) == len(lines)
    assert goroutine_counts.sniff(["  4021 chan receive"])
