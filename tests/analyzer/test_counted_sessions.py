"""Sessions that a query counted by their state: who waits, and who may hold the lock; one query counts, not two."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence
from parsers import outputs
from parsers.records import SessionCount, SessionState
from parsers.text.source import Source
from tests.builders import diagnosis_of, found

GROUPED = """crm=# select state, wait_event_type, wait_event, count(*) from pg_stat_activity group by 1,2,3;
        state        | wait_event_type |  wait_event   | count
---------------------+-----------------+---------------+-------
 active              | Lock            | transactionid |    {waiting}
 idle                | Client          | ClientRead    |    12
 idle in transaction | Client          | ClientRead    |     {resting}
 active              |                 |               |     1
(4 rows)
"""
BOX = """+---------+---------------------------------+----------+
| command | state                           | count(*) |
+---------+---------------------------------+----------+
| Daemon  | Waiting on empty queue          |        1 |
| Query   | Waiting for table metadata lock |      143 |
| Query   | executing                       |        1 |
| Sleep   |                                 |       12 |
+---------+---------------------------------+----------+
"""


def grouped(waiting: int, resting: int) -> str:
    return GROUPED.format(waiting=waiting, resting=resting)


def counts(text: str) -> list[SessionCount]:
    return [one for _, _, parsed in outputs(Source("list.txt", text.encode())) for one in parsed.of(SessionCount)]


def test_reads_counts_of_psql() -> None:
    read = [(one.count, one.state, one.waits_on) for one in counts(grouped(87, 1))]
    assert read == [
        (87, SessionState.LOCKED, "Lock/transactionid"),
        (12, SessionState.IDLE, "Client/ClientRead"),
        (1, SessionState.IN_TRANSACTION, "Client/ClientRead"),
        (1, SessionState.ACTIVE, None),
    ]


def test_reads_counts_of_mysql() -> None:
    read = [(one.count, one.state) for one in counts(BOX)]
    assert read == [(1, SessionState.UNKNOWN), (143, SessionState.LOCKED), (1, SessionState.ACTIVE), (12, SessionState.IDLE)]


@pytest.mark.parametrize(
    "table",
    [
        " region | count\n--------+-------\n north  |    12\n south  |     9\n",
        " state  | pid | count\n--------+-----+-------\n active | 311 |     1\n idle   | 312 |     1\n",
        " state | orders | count\n-------+--------+-------\n open  |     12 |     3\n",
    ],
    ids=["other things", "a list of sessions", "other states"],
)
def test_counts_of_other_things_are_none(table: str) -> None:
    assert not counts(table)


def test_an_idle_transaction_may_hold_the_lock_that_others_wait_for() -> None:
    finding = found(diagnosis_of({"report.txt": grouped(87, 1)}), "lock-held-by-idle-transaction")[0]
    assert finding.confidence is Confidence.SUSPECTED
    assert finding.headline == "87 sessions of PostgreSQL wait for a lock (transactionid): 1 session in an idle transaction may hold it."


def test_without_an_idle_transaction_a_running_statement_may_hold_it() -> None:
    finding = found(diagnosis_of({"report.txt": BOX}), "slow-statement")[0]
    assert "143 sessions of MySQL wait for a lock" in finding.headline


def test_most_sessions_idle_in_transactions_are_told() -> None:
    assert (
        "93 sessions of PostgreSQL are idle in a transaction"
        in found(diagnosis_of({"report.txt": grouped(0, 93)}), "lock-held-by-idle-transaction")[0].headline
    )


def test_a_moment_of_a_busy_database_is_no_finding() -> None:
    assert not diagnosis_of({"report.txt": grouped(1, 1)}).findings


def test_the_last_of_two_queries_counts() -> None:
    assert not diagnosis_of({"report.txt": grouped(87, 1) + "\n\n" + grouped(0, 0)}).findings
