"""The manifest of a collection."""

from __future__ import annotations

import pytest

from parsers.process import collection
from parsers.records import Collected
from parsers.text.source import Section

pytestmark = pytest.mark.slow

TITLE = "closewait collection 1"


def rows(*lines: str) -> list[Collected]:
    parsed = collection.parse(Section("manifest.txt", 1, [TITLE, *lines]))
    assert parsed.unread == ()
    assert parsed.read == len(lines) + 1
    return [record for record in parsed.records if isinstance(record, Collected)]


def test_a_command_that_ran() -> None:
    (only,) = rows(
        "round1/jstack.txt | 2026-11-23T14:46:20Z | 11 s | exit 1 | jstack -l 7 | jstack: exit 1 after 11 s; no tool got a dump "
    )
    assert (only.file, only.began, only.command, only.exit_code) == ("round1/jstack.txt", "2026-11-23T14:46:20Z", "jstack -l 7", 1)
    assert only.remark == "jstack: exit 1 after 11 s; no tool got a dump"


def test_a_command_that_was_left_out() -> None:
    (only,) = rows("round1/ss.txt | 2026-11-23T14:46:20Z | - | skipped | ss -tanpoei | ss is not installed")
    assert (only.exit_code, only.remark) == (None, "ss is not installed")


def test_facts_for_people() -> None:
    assert rows("host: web-01", "net.ipv4.tcp_fin_timeout: 60", "timeouts: timeout(1)", "top: ", "ended: 2026-11-23T14:46:28Z") == []


def test_other_lines_are_unread() -> None:
    parsed = collection.parse(Section("manifest.txt", 1, [TITLE, "cat: /proc/sys: gone | x", "what"]))
    assert [gap.where.first for gap in parsed.unread] == [3]
