"""Pools that ran empty because all that they lend runs one slow statement: by rows of the database's list, with or without its heading, and the plan beside them."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding
from tests.builders import diagnosis_of

EMPTY = "2021-07-13 01:07:33.812 ERROR [exec-88] - com.alibaba.druid.pool.GetConnectionTimeoutException: wait millis 60000, active 8, maxActive 8, creating 0, runningSqlCount {running} : SELECT a"
HIKARI = "2021-07-13 01:07:33.812 ERROR [exec-88] - HikariPool-1 - Connection is not available, request timed out after 30000ms (total=3, active=3, idle=0, waiting=25)"
ROW = "| {id} | shop | 10.0.0.9:{id} | shop | {command} | {age} | {state} | {text}"
SLOW = "SELECT s.item, SUM(s.sold) FROM stock s JOIN item i ON s.code = i.code GROUP BY s.item"
WAIT = """"exec-8" #33 prio=5 tid=0x00007f7f3d1c8000 nid=0x4c waiting on condition [0x00007f7ef4bfc000]
   java.lang.Thread.State: TIMED_WAITING (parking)
	at sun.misc.Unsafe.park(Native Method)
	at com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:162)
	at nl.mill.Cart.load(Cart.java:88)
"""


def rows(*ages: int, command: str = "Query", text: str = SLOW) -> str:
    state = "Sending data" if command == "Query" else ""
    return "\n".join(ROW.format(id=5000 + at, command=command, age=age, state=state, text=text) for at, age in enumerate(ages))


def first(*parts: str) -> Finding:
    diagnosis = diagnosis_of({"post.md": "\n\n".join(parts) + "\n"})
    assert diagnosis.findings, diagnosis.verdict.headline
    return diagnosis.findings[0]


def test_runs_of_one_statement_that_a_schedule_begins() -> None:
    finding = first("Every night:", EMPTY.format(running=7), "mysql:", rows(1834, 1774, 1714))
    assert (finding.rule, finding.confidence) == ("jdbc-pool-exhausted", Confidence.LIKELY)
    assert "7 of its connections run one statement" in finding.headline
    assert "3 listed sessions of MySQL run the same statement (“SELECT s.item, SUM(s.sold)" in finding.headline
    assert "for 1,714 to 1,834 s, and one more begins every 60 s" in finding.headline
    assert not any("watch" in action.text for action in finding.actions)


def test_as_many_as_the_pool_has_are_likely_and_fewer_are_suspected() -> None:
    assert first("Dead.", HIKARI, rows(400, 300, 90)).confidence is Confidence.LIKELY
    assert first("Dead.", HIKARI, rows(400, 300)).confidence is Confidence.SUSPECTED


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("id: 1  table: s  type: ALL  rows: 18422109  Extra: Using where; Using filesort", "(s: 18,422,109 rows)"),
        ("| 1 | SIMPLE | s | NULL | ALL | NULL | NULL | NULL | NULL | 903118 | 100.00 | Using where |", "(s: 903,118 rows)"),
        (" ->  Seq Scan on stock s  (cost=0.00..1850000.00 rows=92000000 width=4)", "(stock: 92,000,000 rows)"),
    ],
)
def test_a_plan_that_reads_whole_tables(plan: str, said: str) -> None:
    assert f"a plan that is here reads whole tables {said}" in first("Dead.", HIKARI, rows(400, 300), "explain:", plan).headline


def test_a_plan_of_few_rows_is_not_told() -> None:
    plan = "id: 1  table: s  type: ALL  rows: 12  Extra: Using where"
    assert "plan" not in first("Dead.", HIKARI, rows(400, 300), "explain:", plan).headline


@pytest.mark.parametrize(
    "listed",
    [
        rows(3, 2, 1),
        rows(400, 300, command="Sleep", text="NULL"),
        rows(400, text=SLOW) + "\n" + rows(0, 1, text="SELECT 1 FROM dual"),
    ],
)
def test_other_lists_show_no_slow_statement(listed: str) -> None:
    assert "run the same statement" not in first("Dead.", HIKARI, listed).headline


def test_threads_that_wait_meanwhile() -> None:
    finding = first("Dead.", WAIT, rows(1834, 1474))
    assert "(1 pasted) wait for a database connection: 2 listed sessions of MySQL run the same statement" in finding.headline
    assert finding.headline.endswith("what is lent is in use.")


def test_rows_without_a_heading_are_sessions() -> None:
    diagnosis = diagnosis_of({"post.md": f"mysql:\n\n{rows(12, 9)}\n"})
    assert "2 sessions of MySQL" in diagnosis.verdict.headline
    other = diagnosis_of(
        {"post.md": "| 12 | tea | milk | none | Query it | x | y | z |\n| 13 | tea | milk | none | Query it | x | y | z |\n"}
    )
    assert "MySQL" not in other.verdict.headline
