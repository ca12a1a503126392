"""Threads of Ruby's sigdump, indented as people paste them, with the names and places that Thread#inspect prints."""

from __future__ import annotations

import pytest

from parsers.records import ThreadDump
from parsers.text.source import Section
from parsers.threads import ruby_stacks
from tests.builders import diagnosis_of
from tests.parsers.test_properties import check

FRAMES = (
    "/usr/local/lib/ruby/3.1.0/net/protocol.rb:219:in `wait_readable'",
    "/usr/local/lib/ruby/3.1.0/net/http/response.rb:42:in `read_status_line'",
    "/srv/ferry/tariffs.rb:31:in `fetch'",
)


def pasted(inspected: str, indent: int = 2) -> str:
    rows = "".join(f"{' ' * (indent + 4)}{frame}\n" for frame in FRAMES)
    return f"{' ' * indent}Thread #<Thread:0x00007f1f0ab31c78{inspected}> status=sleep priority=0\n{rows}"


@pytest.mark.parametrize("indent", [0, 2, 6])
@pytest.mark.parametrize(
    ("inspected", "name"),
    [
        ("", "0x00007f1f0ab31c78"),
        ("@quay srv tp 003 /srv/ferry/pool.rb:106 sleep", "quay srv tp 003"),
        ("@reaper sleep_forever", "reaper"),
        (" run", "0x00007f1f0ab31c78"),
    ],
)
def test_a_thread_is_read_with_its_name(inspected: str, name: str, indent: int) -> None:
    lines = pasted(inspected, indent).splitlines()
    assert ruby_stacks.sniff(lines)
    (dump,) = check(ruby_stacks, Section("x", 1, lines)).records
    assert isinstance(dump, ThreadDump)
    assert [(one.name, len(one.frames)) for one in dump.threads] == [(name, 3)]


@pytest.mark.parametrize("all_of_them", ["*all five*", "**all five**", "all five"])
def test_words_that_are_stressed_count_as_others_do(all_of_them: str) -> None:
    told = diagnosis_of({"post.md": f"In the worker {all_of_them} threads are in the same place:\n\n{pasted('@quay srv tp 003 sleep', 6)}"})
    assert "1 pasted, 5 as the text says" in told.verdict.headline
