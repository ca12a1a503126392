"""JSON that knows its lines, and survives being cut."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.text.json_lines import Document, JsonObject
from tests.parsers.test_properties import calm

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.slow
@calm
@given(st.lists(values, max_size=4), st.sampled_from([None, 1, 2]))
def test_it_reads_what_json_reads(value: list[object], indent: int | None) -> None:
    document = Document(json.dumps(value, indent=indent).split("\n"))
    assert (document.root, document.complete, document.odd) == (value, True, [])


def test_lines() -> None:
    root = Document(["{", ' "a": [', "  1,", '  {"b": 2}', " ]", "}"]).root
    assert isinstance(root, JsonObject)
    items = root.items_of("a")
    assert (root.first, root.last, items.lines) == (0, 5, [2, 3])
    assert (root.objects("a")[0].first, root.objects("a")[0].last) == (3, 3)


def test_a_log_line_in_between_is_skipped() -> None:
    document = Document(["{", ' "a": 1,', "12:00 WARN slow", ' "b": 2', "}"])
    assert document.odd == [2]
    assert document.root == {"a": 1, "b": 2}


def test_an_open_string_ends_with_its_line() -> None:
    document = Document(['{"a": "never closed', '"b": 2}'])
    assert (document.odd, document.complete) == ([0], True)


def test_what_stands_behind_the_end_is_odd() -> None:
    assert Document(["[]", "x", "1", "]"]).odd == [1, 2, 3]


def test_deep_nesting_needs_no_stack() -> None:
    assert Document(["[" * 100_000]).complete is False
