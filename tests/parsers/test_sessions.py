"""Session lists of databases, poolers and proxies: every shape that their clients print, any order of columns, no literal kept."""

from __future__ import annotations

import pytest

from parsers import outputs
from parsers.records import Session, SessionBlock, SessionState
from parsers.text.source import Source
from parsers.text.sql import redacted, without_literals

ALIGNED = """ state  | client_port | pid | client_addr |   query
--------+-------------+-----+-------------+-----------
 active |       40001 | 311 | 10.2.0.7    | select a || b from t where c = 'x | y'
 idle   |       40002 | 312 | 10.2.0.7    | commit
(2 rows)
"""
EXPANDED = """-[ RECORD 1 ]-----------------
pid         | 311
client_addr | 10.2.0.7
client_port | 40001
state       | active
query       | select 1
-[ RECORD 2 ]-----------------
pid         | 312
client_addr | 10.2.0.7
client_port | 40002
state       | idle
query       | commit
"""
UNALIGNED = "pid|client_addr|client_port|state|query\n311|10.2.0.7|40001|active|select 1\n312|10.2.0.7|40002|idle|commit\n(2 rows)\n"
CSV = 'pid,client_addr,client_port,state,query\n311,10.2.0.7,40001,active,"select 1, 2"\n312,10.2.0.7,40002,idle,commit\n'


def records(text: str) -> list[object]:
    return [record for _, _, parsed in outputs(Source("list.txt", text.encode())) for record in parsed.records]


def sessions(text: str) -> list[Session]:
    return [record for record in records(text) if isinstance(record, Session)]


def blocks(text: str) -> list[SessionBlock]:
    return [record for record in records(text) if isinstance(record, SessionBlock)]


@pytest.mark.parametrize("text", [ALIGNED, EXPANDED, UNALIGNED, CSV], ids=["aligned", "expanded", "unaligned", "csv"])
def test_every_shape_of_psql_gives_the_same(text: str) -> None:
    one, two = sessions(text)
    assert (one.server, one.id, str(one.client), one.state) == ("postgresql", "311", "10.2.0.7:40001", SessionState.ACTIVE)
    assert (two.id, str(two.client), two.state) == ("312", "10.2.0.7:40002", SessionState.IDLE)


def test_a_bar_in_a_statement_is_no_column() -> None:
    assert sessions(ALIGNED)[0].statement == "select a || b from t where c = ?"


@pytest.mark.parametrize(
    ("state", "kind", "meant"),
    [
        ("active", "Lock", SessionState.LOCKED),
        ("active", "IO", SessionState.ACTIVE),
        ("idle in transaction", "Client", SessionState.IN_TRANSACTION),
        ("idle in transaction (aborted)", "Client", SessionState.IN_TRANSACTION),
        ("", "Activity", SessionState.UNKNOWN),
    ],
)
def test_states_of_postgresql(state: str, kind: str, meant: SessionState) -> None:
    (session,) = sessions(f"pid|state|wait_event_type|wait_event|client_port\n9|{state}|{kind}|x|1\n")
    assert session.state is meant


def test_ages_are_differences_inside_the_list() -> None:
    rows = [
        "1|idle in transaction|2026-01-02 03:04:00+09|2026-01-02 03:04:01+09|2026-01-02 03:04:02+09|5001",
        "2|active|2026-01-02 03:04:12+09|2026-01-02 03:04:12+09|2026-01-02 03:04:12+09|5002",
    ]
    text = "pid|state|xact_start|query_start|state_change|client_port\n" + "\n".join(rows) + "\n"
    first = sessions(text)[0]
    assert (first.transaction_age, first.state_age) == (12.0, 10.0)


def test_who_blocks_whom() -> None:
    text = " pid  | blocked_by\n------+-------------\n  977 | {955,961}\n  961 | {955}\n(2 rows)\n"
    assert [(one.waiter, one.holders) for one in blocks(text)] == [("977", ("955", "961")), ("961", ("955",))]


def test_a_list_of_sessions_that_says_who_blocks_them_keeps_both() -> None:
    text = "pid|pg_blocking_pids|state|wait_event_type|client_port\n42|{41}|active|Lock|5002\n41|{}|idle in transaction|Client|5001\n"
    assert [(one.id, one.state, one.blocked_by) for one in sessions(text)] == [
        ("42", SessionState.LOCKED, ("41",)),
        ("41", SessionState.IN_TRANSACTION, ()),
    ]


def test_locks_name_holders_by_the_same_object() -> None:
    text = "locktype|transactionid|pid|mode|granted\ntransactionid|700|41|ExclusiveLock|t\ntransactionid|700|42|ShareLock|f\n"
    assert [(one.waiter, one.holders) for one in blocks(text)] == [("41", ()), ("42", ("41",))]


BOX = """+----+------+---------------+------+---------+------+----------+-----------------------+
| Id | User | Host          | db   | Command | Time | State    | Info                  |
+----+------+---------------+------+---------+------+----------+-----------------------+
|  7 | till | shop1:41000   | shop | Sleep   |   16 |          | NULL                  |
|  8 | till | shop1:41002   | shop | Query   |   15 | Updating | update t set a=4      |
|  9 | till | localhost     | shop | Query   |    2 | Waiting for table metadata lock | alter table t |
+----+------+---------------+------+---------+------+----------+-----------------------+
3 rows in set (0.000 sec)
"""


def test_a_process_list_as_a_box() -> None:
    found = sessions(BOX.replace("Waiting for table metadata lock | alter table t", "Waiting f | alter table t        "))
    assert [(one.id, str(one.client), one.state) for one in found] == [
        ("7", "shop1:41000", SessionState.IDLE),
        ("8", "shop1:41002", SessionState.ACTIVE),
        ("9", "None", SessionState.ACTIVE),
    ]


def test_a_name_that_somebody_replaced_moves_the_bars() -> None:
    """Host names are replaced before a file is given away, and wide letters take two columns: rows no longer stand below their heading."""
    moved = sessions(BOX.replace("shop1:4100", "the-counter-of-shop-1:4100"))
    assert [(one.id, str(one.client), one.state, one.statement) for one in moved] == [
        ("7", "the-counter-of-shop-1:41000", SessionState.IDLE, None),
        ("8", "the-counter-of-shop-1:41002", SessionState.ACTIVE, "update t set a=?"),
        ("9", "None", SessionState.LOCKED, "alter table t"),
    ]
    aligned = sessions(ALIGNED.replace("10.2.0.7    | commit", "198.51.100.77    | commit"))
    assert [str(one.client) for one in aligned] == ["10.2.0.7:40001", "198.51.100.77:40002"]


def test_a_process_list_by_tabs_and_rows() -> None:
    tabs = "Id\tUser\tHost\tdb\tCommand\tTime\tState\tInfo\n9\ttill\tshop1:41004\tshop\tQuery\t2\tWaiting for table metadata lock\talter table t\n"
    rows = "*************************** 1. row ***************************\n     Id: 9\n   User: till\n   Host: shop1:41004\nCommand: Query\n   Time: 2\n  State: Waiting for table metadata lock\n   Info: alter table t\n"
    for text in (tabs, rows):
        (session,) = sessions(text)
        assert (session.id, session.state, session.waits_on) == ("9", SessionState.LOCKED, "Waiting for table metadata lock")


def test_innodb_tells_the_idle_holder_and_never_uses_the_old_deadlock() -> None:
    text = f"""{"=" * 37}
2026-01-02 03:04:05 0x7f INNODB MONITOR OUTPUT
{"=" * 37}
LATEST DETECTED DEADLOCK
---TRANSACTION 4, ACTIVE 0 sec starting index read
LOCK WAIT 2 lock struct(s), heap size 1128, 1 row lock(s)
MySQL thread id 90, OS thread handle 1, query id 3 localhost 127.0.0.1 old updating
LIST OF TRANSACTIONS FOR EACH SESSION:
---TRANSACTION 59, ACTIVE 11 sec starting index read
LOCK WAIT 2 lock struct(s), heap size 1128, 1 row lock(s)
MySQL thread id 58, OS thread handle 2, query id 8 localhost 127.0.0.1 till Updating
update t set a = 2 where b = 7
---TRANSACTION 55, ACTIVE 12 sec
2 lock struct(s), heap size 1128, 6 row lock(s), undo log entries 6
MySQL thread id 56, OS thread handle 3, query id 7 localhost 127.0.0.1 root
"""
    assert [(one.id, one.state, one.transaction_age) for one in sessions(text)] == [
        ("58", SessionState.LOCKED, 11.0),
        ("56", SessionState.IN_TRANSACTION, 12.0),
    ]


def test_a_queued_session_of_haproxy_has_no_server() -> None:
    short = "0x55b34df16390: proto=tcpv4 src=10.2.0.7:48066 fe=web be=app srv=<none> ts=00 epoch=0 age=1m9s calls=1\n"
    (session,) = sessions(short)
    assert (session.state, session.state_age, str(session.client)) == (SessionState.QUEUED, 69.0, "10.2.0.7:48066")


def test_a_client_of_redis_in_a_blocking_command() -> None:
    text = "id=4 addr=10.2.0.7:5001 fd=8 name=x age=8 idle=8 flags=b db=0 events=r cmd=brpop\nid=5 addr=10.2.0.7:5002 fd=9 name= age=1 idle=1 flags=N db=0 events=r cmd=get\n"
    assert [one.state for one in sessions(text)] == [SessionState.WAITING, SessionState.IDLE]


@pytest.mark.parametrize(
    ("statement", "kept"),
    [
        ("select * from u where name = 'O''Hara' and id in (7, 12.5)", "select * from u where name = ? and id in (?, ?)"),
        ("update t1 set a = $1 where b = -3", "update t1 set a = $1 where b = ?"),
        ("select 'it\\'s secret', 0xBEEF", "select ?, ?"),
        ("select 'never closed", "select ?"),
    ],
)
def test_no_literal_of_a_statement_is_kept(statement: str, kept: str) -> None:
    assert without_literals(statement) == kept


def test_a_line_keeps_what_stands_before_its_statement() -> None:
    assert (
        redacted("| 58 | till | shop1:41002 | Query | 15 | update t set a = 42 |")
        == "| 58 | till | shop1:41002 | Query | 15 | update t set a = ? |"
    )


def test_strings_of_mysql_may_stand_in_double_quotes() -> None:
    statement = 'select id from "staff" where name = "O\\"Hara" and pin = 4711;'
    assert without_literals(statement) == 'select id from "staff" where name = "O\\"Hara" and pin = ?'
    assert without_literals(statement, double_quoted=True) == "select id from ? where name = ? and pin = ?"
    assert "Hara" not in redacted(f"58 | till | Query | 15 | {statement}")


def test_what_a_session_waits_for_is_no_statement() -> None:
    row = "17128|{17121}|ledger|active|Lock|transactionid|2026-01-02 03:04:05.1+00|select balance from account where id = 7"
    assert (
        redacted(row) == "17128|{17121}|ledger|active|Lock|transactionid|2026-01-02 03:04:05.1+00|select balance from account where id = ?"
    )
    assert redacted("1|lock table account in exclusive mode; select 7") == "1|lock table account in exclusive mode; select ?"
