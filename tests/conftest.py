"""For all tests: no test fails because the machine is busy, and what tries many variants of every sample is slow but for a few samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zlib import crc32

import pytest
from hypothesis import settings

from tests.builders import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterable

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

LARGE: Final = 250_000
"""Bytes of a sample's files as they lie, from which on what tries many variants of it is slow."""
TRIES: Final = frozenset(
    {
        "test_laws",
        "test_truth",
        "test_renaming",
        "test_anonymous_hosts",
        "test_named_rows",
        "test_find",
        "test_table",
        "test_kept",
        "test_copies",
    }
)
"""Modules that read or judge each sample anew, often in many variants. The goldens and the causes of all samples stay in the inner loop."""
ONE_OF: Final = 8
"""The inner loop tries the variants of one sample in so many: always the same ones, chosen by their names."""


def samples_left_out() -> frozenset[str]:
    """The samples whose variants the inner loop does not try: the large ones, and most of the others."""
    sizes = {
        folder.name: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for folder in SAMPLES.iterdir()
        if folder.is_dir()
    }
    return frozenset(name for name, size in sizes.items() if size > LARGE or crc32(name.encode()) % ONE_OF)


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    left_out = samples_left_out()
    for item in items:
        name, _, param = item.name.partition("[")
        if item.path.stem in TRIES and name != "test_cause_and_culprit" and param.startswith(tuple(left_out)):
            item.add_marker(pytest.mark.slow)
