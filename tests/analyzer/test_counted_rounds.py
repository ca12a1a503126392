"""Reports that a loop counts one after the other: each is a moment of its own, and what grows is told."""

from __future__ import annotations

import pytest

from parsers import outputs
from parsers.records import Tally
from parsers.text.source import Source
from tests.builders import diagnosis_of

LOOP = """$ for r in noon.json night.json; do echo $r; \\
  jq -r '.libuv[]|select(.type=="tcp")|"\\(.remoteEndpoint.ip4):\\(.remoteEndpoint.port)"' $r | sort | uniq -c; done
"""
FULL = "Error: connect EMFILE 10.3.0.8:6379 - Local (undefined:undefined)\n    at internalConnect (node:net:1087:16)\n"


def text(first: int, second: int, loop: str = LOOP) -> str:
    rows = "noon.json\n    {} 10.3.0.8:6379\n      9 10.3.0.4:5432\nnight.json\n   {} 10.3.0.8:6379\n      9 10.3.0.4:5432\n"
    return f"It fails:\n\n```\n{FULL}```\n\nThe reports:\n\n```\n{loop}{rows.format(first, second)}```\n"


def headline(words: str) -> str:
    return diagnosis_of({"post.md": words}).findings[0].headline


def test_each_file_of_the_loop_is_counted_by_itself() -> None:
    found = [one for output in outputs(Source("post.md", text(300, 2900).encode())) for one in output.parsed.of(Tally)]
    assert [(one.count, str(one.remote)) for one in found] == [
        (300, "10.3.0.8:6379"),
        (9, "10.3.0.4:5432"),
        (2900, "10.3.0.8:6379"),
        (9, "10.3.0.4:5432"),
    ]
    assert len({one.listing for one in found}) == 2
    assert [one.where.first for one in found] == [14, 15, 17, 18]


def test_what_grew_is_told() -> None:
    told = headline(text(300, 2900))
    assert "2,900 connections lead to 10.3.0.8:6379, of those that were counted, and 300 did when they were counted first" in told


@pytest.mark.parametrize("first", [2800, 2900])
def test_what_did_not_grow_is_only_counted(first: int) -> None:
    told = headline(text(first, 2900))
    assert "2,900 connections lead to 10.3.0.8:6379" in told
    assert "counted first" not in told


def test_a_backslash_without_a_command_below_it_changes_nothing() -> None:
    found = outputs(Source("post.md", b"```\n$ ss -tn | awk '{print $5}' | sort | uniq -c \\\n```\n"))
    assert not [one for output in found for one in output.parsed.of(Tally)]
