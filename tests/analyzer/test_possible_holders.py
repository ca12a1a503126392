"""A table's lock in MySQL that several sessions may hold: all are named, and nobody is ended before the server was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.builders import diagnosis_of

if TYPE_CHECKING:
    from analyzer.model.finding import Finding

HEAD = "| Id | User | Host           | db   | Command | Time | State                           | Info                           |\n"
RULE = "+----+------+----------------+------+---------+------+---------------------------------+--------------------------------+\n"
WAITS = (
    "| 34 | adm  | 10.9.0.4:55012 | mill | Query   |  640 | Waiting for table metadata lock | ALTER TABLE sack ADD c int     |\n"
    "| 35 | web  | 10.9.0.5:38800 | mill | Query   |  610 | Waiting for table metadata lock | SELECT id FROM sack WHERE id=7 |\n"
)
SLEEPS = "| {id} | web  | 10.9.0.5:388{id} | mill | Sleep   |  {age} |                                 | NULL                           |\n"
RUNS = "| {id} | job  | 10.9.0.6:388{id} | mill | Query   |  {age} | executing                       | INSERT INTO sums SELECT 1      |\n"


def finding(*rows: str) -> Finding:
    text = f"It stands.\n\n{RULE}{HEAD}{RULE}{''.join(rows)}{WAITS}{RULE}"
    (found,) = [one for one in diagnosis_of({"post.md": text}).findings if "wait for a lock" in one.headline]
    return found


def commands(found: Finding) -> list[str]:
    return [action.command or "" for action in found.actions]


@pytest.mark.parametrize("first", [RUNS.format(id=21, age=700), SLEEPS.format(id=21, age=720)])
def test_each_that_is_from_before_is_named(first: str) -> None:
    found = finding(first, SLEEPS.format(id=22, age=690), SLEEPS.format(id=23, age=4), RUNS.format(id=24, age=600))
    assert "it may be any of 2 sessions" in found.headline
    assert "session 21 " in found.headline
    assert "session 22 " in found.headline
    assert "session 23 " not in found.headline
    assert "session 24 " not in found.headline
    assert "performance_schema.metadata_locks" in commands(found)[0]
    assert [one for one in commands(found) if "KILL" in one] == ["KILL 34;"]


def test_of_many_the_first_are_named() -> None:
    found = finding(*(SLEEPS.format(id=number, age=700 + number) for number in range(21, 27)), RUNS.format(id=28, age=650))
    assert "any of 7 sessions, session 28" in found.headline
    assert "4 others" in found.headline


def test_one_alone_is_suspected_as_before() -> None:
    found = finding(RUNS.format(id=21, age=700), SLEEPS.format(id=22, age=9))
    assert "is suspected to keep it" in found.headline
    assert "21" in found.headline
