"""An open transaction's view keeps purge back: only where purge stands exactly there, for long, and much waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzer.model.finding import Confidence
from tests.builders import diagnosis_of

if TYPE_CHECKING:
    from analyzer.model.finding import Finding

FIRST = "Trx id counter 7002000\nPurge done for trx's n:o < 7000410 undo n:o < 0 state: running but idle\nHistory list length 90210\n"
STATUS = """=====================================
2026-03-04 05:06:07 0x7fa1 INNODB MONITOR OUTPUT
=====================================
------------
TRANSACTIONS
------------
Trx id counter 9002000
Purge done for trx's n:o < {purge} undo n:o < 0 state: running but idle
History list length {history}
LIST OF TRANSACTIONS FOR EACH SESSION:
---TRANSACTION 421, not started
0 lock struct(s), heap size 1128, 0 row lock(s)
---TRANSACTION 422, ACTIVE {age} sec
0 lock struct(s), heap size 1128, 0 row lock(s)
MySQL thread id 3310, OS thread handle 140, query id 55 172.20.9.4 ledgerbot
Trx read view will not see trx with id >= 7000411, sees < 7000410
---TRANSACTION 423, ACTIVE 4 sec
0 lock struct(s), heap size 1128, 0 row lock(s)
MySQL thread id 3377, OS thread handle 141, query id 56 172.20.9.5 shopfront
Trx read view will not see trx with id >= 9001990, sees < 9001990
--------
FILE I/O
--------
"""


def found(text: str) -> list[Finding]:
    return [one for one in diagnosis_of({"status.txt": text}).findings if "read view" in one.headline]


def status(purge: int = 7000410, history: int = 4_100_200, age: int = 50400) -> str:
    return STATUS.format(purge=purge, history=history, age=age)


def test_the_session_whose_view_keeps_purge_back_is_named() -> None:
    (one,) = found(status())
    assert one.confidence is Confidence.LIKELY
    assert "session 3310 (ledgerbot" in one.headline
    assert "4,100,200 transactions" in one.headline
    assert one.actions[0].command == "KILL 3310;"
    assert "no lock" in one.explanation


def test_two_moments_show_growth_while_purge_stands() -> None:
    assert not found(status(history=400_000))
    (one,) = found(f"Sunday:\n\n{FIRST}\nand today:\n\n{status(history=400_000)}")
    assert "from 90,210 to 400,000" in one.explanation


@pytest.mark.parametrize("other", [{"purge": 8400000}, {"purge": 6100000}, {"history": 2100}, {"age": 240}])
def test_purge_that_moves_or_is_slow_by_itself_and_ordinary_ages_are_none(other: dict[str, int]) -> None:
    assert not found(status(**other))


def test_without_a_view_nobody_keeps_purge_back() -> None:
    assert not found("\n".join(line for line in status().split("\n") if "read view" not in line))
