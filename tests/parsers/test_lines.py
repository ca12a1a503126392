"""A large text is read from its bytes again, block by block: nobody can tell it from a list of its lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.intake.read import read_one
from parsers.text import lines as module
from parsers.text import source
from parsers.text.lines import Lines
from parsers.text.source import LONGEST, Source, split
from tests.builders import SAMPLES, dump, idle_exec, values

if TYPE_CHECKING:
    from analyzer.intake.read import Reading

calm = settings(derandomize=True, deadline=None, max_examples=200, database=None)
TABLES = sorted(path for path in SAMPLES.rglob("*.txt") if path.name.startswith(("lsof", "netstat", "ss", "jstack")))[:40]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text is large, and a block holds a few lines."""
    monkeypatch.setattr(source, "LARGE", 1)
    monkeypatch.setattr(module, "BLOCK", 300)


@calm
@given(st.text(alphabet="ab\n\u00e9\u65e5\U0001f600 ", max_size=200), st.integers(1, 40), st.data())
def test_lines_are_those_of_a_list(text: str, block: int, data: st.DataObject) -> None:
    expected = split(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        found = Lines(text.encode())
    assert (list(found), len(found)) == (expected, len(expected))
    assert found == expected
    start, stop = (data.draw(st.integers(-5, len(expected) + 5)) for _ in range(2))
    part = found[start:stop]
    assert list(part) == expected[start:stop]
    assert [part[index] for index in range(len(part))] == expected[start:stop]
    assert [line for block_ in part.blocks() for line in block_] == expected[start:stop]


def test_beyond_the_lines_there_is_nothing() -> None:
    found = Lines(b"a\nb\n")
    assert found[-1] == "b"
    with pytest.raises(IndexError):
        found[2]
    with pytest.raises(ValueError, match="one by one"):
        found[::2]


def read(path: str, data: bytes) -> Reading:
    return read_one(path, data)


@pytest.mark.parametrize("path", TABLES, ids=lambda path: f"{path.parent.name}-{path.name}")
@pytest.mark.usefixtures("small_blocks")
def test_large_evidence_is_read_as_small_is(path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    data = path.read_bytes()  # type: ignore[attr-defined]
    large = read("x", data)
    assert isinstance(large.source and large.source.lines, Lines)
    monkeypatch.setattr(source, "LARGE", 1 << 30)
    small = read("x", data)
    assert values(large.parts) == values(small.parts)
    assert large.source is not None
    assert small.source is not None
    places = [record.where for part in small.parts for record in part.parsed.records]
    assert [large.source.excerpt(where) for where in places] == [small.source.excerpt(where) for where in places]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: text.encode("utf-16"),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("exec", "\u00e9x\u00e9c").encode(),
        lambda text: text.replace("exec", "\u00e9x\u00e9c").encode("cp1252"),
        lambda text: f"$ jstack 7\n{text}\n\n$ ss -tan\nESTAB 0 0 10.0.0.5:8080 10.0.0.9:1\n{'x' * (LONGEST + 1)}\n{text}".encode(),
    ],
)
@pytest.mark.usefixtures("small_blocks")
def test_whatever_its_encoding_and_line_ends(change: object, monkeypatch: pytest.MonkeyPatch) -> None:
    data = change(dump(*idle_exec(5)))  # type: ignore[operator]
    large = read("x", data)
    monkeypatch.setattr(source, "LARGE", 1 << 30)
    assert values(large.parts) == values(read("x", data).parts)


def test_plain_text_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LARGE", 1)
    data = b"tcp        0      0 10.0.0.5:8080           10.0.0.9:60494          ESTABLISHED\n" * 50
    lines = Source("x", data).lines
    assert isinstance(lines, Lines)
    assert lines._data is data
