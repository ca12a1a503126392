"""Memory of a host as free prints it, in every unit."""

from __future__ import annotations

import pytest

from parsers.process import free
from parsers.records import Counter
from parsers.records.process_records import MEMORY_AVAILABLE, MEMORY_TOTAL, SWAP_USED
from parsers.text.source import Section
from tests.parsers.test_properties import check

HUMAN = """               total        used        free      shared  buff/cache   available
Mem:            15Gi       1.8Gi       400Mi       1.0Mi        13Gi        12Gi
Swap:          2.0Gi       512Mi       1.5Gi
"""
PLAIN = """              total        used        free      shared  buff/cache   available
Mem:       16303428     1911300      409600        1024    13982528    12582912
Swap:       2097148      524288     1572860
"""
MEGA = """              total        used        free      shared  buff/cache   available
Mem:          15921        1866         400           1       13654       12288
Swap:          2047         512        1535
"""
OLD = """             total       used       free     shared    buffers     cached
Mem:      16303428   15893828     409600          0     204800   11768832
-/+ buffers/cache:    3920196   12383232
Swap:      2097148          0    2097148
"""


def counts(text: str, prompt: str | None = None) -> dict[str, int]:
    section = Section("x", 1, text.splitlines(), prompt=prompt)
    return {one.name: one.value for one in check(free, section).records if isinstance(one, Counter)}


@pytest.mark.parametrize(("text", "prompt"), [(HUMAN, "free -h"), (PLAIN, "free"), (PLAIN, None), (MEGA, "free -m")])
def test_every_unit_means_the_same_bytes(text: str, prompt: str | None) -> None:
    found = counts(text, prompt)
    assert found[MEMORY_AVAILABLE] == 12 * 1024**3
    assert found[SWAP_USED] == 512 * 1024**2
    assert found[MEMORY_TOTAL] // 1024**3 == 15


def test_before_there_was_a_column_for_it_the_second_row_says_what_is_available() -> None:
    assert counts(OLD)[MEMORY_AVAILABLE] == 12383232 * 1024
    assert counts(OLD)[SWAP_USED] == 0
