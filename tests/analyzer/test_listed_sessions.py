"""Lists of sessions alone: what they let one say, and where they stay silent."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding, Severity
from tests.builders import diagnosis_of

ORACLE = """
   SID USERNAME STATUS   EVENT                          SECS BLOCKING_SESSION
------ -------- -------- ------------------------------ ---- ----------------
    31 MILL     INACTIVE SQL*Net message from client    {idle:>4}
    44 MILL     ACTIVE   enq: TX - row lock contention  {wait:>4}               31
    45 MILL     ACTIVE   enq: TX - row lock contention  {wait:>4}               31
"""
READER = """"http-nio-9000-exec-7" #31 daemon prio=5 os_prio=0 tid=0x00007f1c4003b800 nid=0x6a1f runnable [0x00007f1bd1eeb000]
   java.lang.Thread.State: RUNNABLE
\tat java.net.SocketInputStream.socketRead0(Native Method)
\tat java.net.SocketInputStream.read(SocketInputStream.java:171)
\tat oracle.net.ns.Packet.receive(Packet.java:311)
\tat oracle.jdbc.driver.T4CPreparedStatement.executeForRows(T4CPreparedStatement.java:1076)
\tat net.mill.Sacks.next(Sacks.java:58)
"""
METADATA = """
mysql> show full processlist;
+----+------+----------------+------+---------+------+---------------------------------+--------------------------------+
| Id | User | Host           | db   | Command | Time | State                           | Info                           |
+----+------+----------------+------+---------+------+---------------------------------+--------------------------------+
| 21 | etl  | 10.9.0.3:41220 | mill | {command:<7} | 1950 | {state:<31} | {info:<30} |
| 34 | adm  | 10.9.0.4:55012 | mill | Query   |  640 | Waiting for table metadata lock | ALTER TABLE sack ADD c int     |
| 35 | web  | 10.9.0.5:38800 | mill | Query   |  610 | Waiting for table metadata lock | SELECT id FROM sack WHERE id=7 |
+----+------+----------------+------+---------+------+---------------------------------+--------------------------------+
"""
TRANSACTION = """
mysql> select trx_mysql_thread_id, trx_started, trx_state, trx_rows_locked from information_schema.innodb_trx;
+---------------------+---------------------+-----------+-----------------+
| trx_mysql_thread_id | trx_started         | trx_state | trx_rows_locked |
+---------------------+---------------------+-----------+-----------------+
|                  21 | 2024-02-03 08:01:19 | RUNNING   |               0 |
+---------------------+---------------------+-----------+-----------------+
"""
WAITS = """*************************** 1. row ***************************
                wait_started: 2024-02-03 11:02:07
                    wait_age: 00:00:41
               wait_age_secs: 41
                locked_table: `mill`.`sack`
                 locked_type: RECORD
              waiting_trx_id: 3182
                 waiting_pid: 77
               waiting_query: UPDATE sack SET n = 9 WHERE id = 'Miller'
             blocking_trx_id: 3180
                blocking_pid: 70
              blocking_query: {query}
"""
POSTGRESQL = """
 pid | usename | state | wait_event_type | since | blocked_by | query
-----+---------+-------+-----------------+-------+------------+------
 4101 | mill | {state} | {event} | {since} | {{}} | UPDATE sack SET n = 2 WHERE id = 3
 4107 | mill | active | Lock | {since} | {{4101}} | UPDATE sack SET n = 4 WHERE id = 3
 4109 | mill | active | Lock | {since} | {{4107,4101}} | UPDATE sack SET n = 5 WHERE id = 3
"""


def table(text: str) -> str:
    """The table with its columns below each other, as psql prints it."""
    rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines() if "|" in line]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [" " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([lines[0], "-" + "-+-".join("-" * width for width in widths) + "-", *lines[1:]]) + "\n"


def findings(text: str) -> list[Finding]:
    diagnosis = diagnosis_of({"post.md": f"All of it stops.\n\n```\n{text}```\n"})
    return [one for one in diagnosis.findings if one.severity is not Severity.INFO]


def only(text: str) -> Finding:
    (finding,) = findings(text)
    assert "list-alone" in [doubt.code for doubt in finding.doubts]
    return finding


def test_a_holder_that_the_server_names_is_likely() -> None:
    finding = only(ORACLE.format(idle=1900, wait=1850))
    assert (finding.rule, finding.confidence) == ("lock-held-by-idle-transaction", Confidence.LIKELY)
    assert "2 sessions of Oracle wait for a lock (enq: TX - row lock contention) that session 31 (MILL) holds" in finding.headline
    assert "idle in a transaction for 1900 s" in finding.headline


def test_picked_threads_that_wait_for_that_server_are_part_of_the_finding() -> None:
    finding = only(READER + "\n...\n" + ORACLE.format(idle=1900, wait=1850))
    assert finding.rule == "lock-held-by-idle-transaction"
    assert finding.culprit.frame == "net.mill.Sacks.next(Sacks.java:58)"
    assert "Threads like “http-nio-9000-exec-7” wait for an answer of Oracle" in finding.explanation


def test_threads_that_wait_for_another_server_stay_a_finding_of_their_own() -> None:
    text = READER + "\n...\n" + METADATA.format(command="Sleep", state="", info="NULL") + TRANSACTION
    assert {one.rule for one in findings(text)} == {"database-read-hang", "lock-held-by-idle-transaction"}


def test_a_wait_of_a_moment_is_no_trouble() -> None:
    assert not findings(ORACLE.format(idle=2, wait=1))


def test_the_sleeping_session_with_an_open_transaction_is_the_suspect_of_a_metadata_lock() -> None:
    finding = only(METADATA.format(command="Sleep", state="", info="NULL") + TRANSACTION)
    assert (finding.rule, finding.confidence) == ("lock-held-by-idle-transaction", Confidence.SUSPECTED)
    assert "session 21 (etl, 10.9.0.3:41220)" in finding.headline.replace("Session", "session")
    assert "idle in a transaction" in finding.headline
    assert "session 34 (adm, 10.9.0.4:55012) for 640 s with “ALTER TABLE sack ADD c int”" in finding.explanation
    assert "queues behind that one" in finding.explanation


def test_a_sleeping_session_whose_transaction_is_not_shown_is_not_called_one() -> None:
    finding = only(METADATA.format(command="Sleep", state="", info="NULL"))
    assert finding.confidence is Confidence.SUSPECTED
    assert "idle in a transaction" not in finding.headline
    assert "whether it has a transaction open is not shown" in finding.explanation
    assert finding.missing


def test_a_statement_that_runs_and_keeps_the_metadata_lock_is_slow() -> None:
    finding = only(METADATA.format(command="Query", state="Sending data", info="SELECT count(1) FROM sack"))
    assert (finding.rule, finding.confidence) == ("slow-statement", Confidence.SUSPECTED)
    assert "runs a statement" in finding.headline


@pytest.mark.parametrize(
    ("query", "rule", "confidence"),
    [
        ("NULL", "lock-held-by-idle-transaction", Confidence.LIKELY),
        ("DELETE FROM sack WHERE old = 1", "slow-statement", Confidence.SUSPECTED),
    ],
)
def test_a_row_of_lock_waits_tells_both_ends(query: str, rule: str, confidence: Confidence) -> None:
    finding = only(WAITS.format(query=query))
    assert (finding.rule, finding.confidence) == (rule, confidence)
    assert "session 70" in finding.headline
    assert "Miller" not in str(finding)


def test_waiters_ahead_in_the_queue_are_no_holders() -> None:
    finding = only(table(POSTGRESQL.format(state="idle in transaction", event="Client", since="00:07:10")))
    assert (finding.rule, finding.confidence) == ("lock-held-by-idle-transaction", Confidence.LIKELY)
    assert "2 sessions of PostgreSQL" in finding.headline
    assert "session 4101" in finding.headline


def test_a_holder_that_works_is_only_suspected() -> None:
    finding = only(table(POSTGRESQL.format(state="active", event="IO", since="00:07:10")))
    assert (finding.rule, finding.confidence) == ("slow-statement", Confidence.SUSPECTED)


def test_sessions_that_rest_and_hold_nobody_up_are_no_finding() -> None:
    rows = "".join(f"| {n} | web  | 10.9.0.5:{38000 + n} | mill | Sleep   |  {n * 9} |       | NULL |\n" for n in range(11, 31))
    border = "+----+------+----------------+------+---------+------+-------+------+\n"
    heading = "| Id | User | Host           | db   | Command | Time | State | Info |\n"
    assert not findings(border + heading + border + rows + border)


LINE = "sqlalchemy.exc.TimeoutError: QueuePool limit of size 3 overflow 1 reached, connection timed out, timeout 30.00\n"
RESTING = """
 pid | usename | state | since | left
-----+---------+-------+-------+------
 901 | mill | {first} | 00:21:07.22 | SELECT sacks.id AS sacks_id
 902 | mill | idle in transaction | 00:19:55.00 | SELECT sacks.id AS sacks_id
 903 | mill | idle in transaction | {last} | SELECT sacks.id AS sacks_id
"""


class TestPoolBesideItsSessions:
    def test_all_rest(self) -> None:
        (finding,) = findings(LINE + "\n" + table(RESTING.format(first="idle in transaction", last="00:18:00.5")))
        assert (finding.rule, finding.confidence) == ("jdbc-pool-exhausted", Confidence.LIKELY)
        assert "3 listed sessions of PostgreSQL (mill) are idle in transaction, for 1,080 to 1,267 s" in finding.headline
        assert "SELECT sacks.id" in finding.headline

    @pytest.mark.parametrize(("first", "last"), [("active", "00:18:00.5"), ("idle in transaction", "00:00:02.5")])
    def test_sessions_that_work_leave_it_open(self, first: str, last: str) -> None:
        (finding,) = findings(LINE + "\n" + table(RESTING.format(first=first, last=last)))
        assert finding.confidence is Confidence.SUSPECTED
        assert "not given back" not in finding.headline

    def test_clients_of_redis_that_rest(self) -> None:
        text = (
            "redis.clients.jedis.exceptions.JedisExhaustedPoolException: Could not get a resource since the pool is exhausted\n"
            "\tat redis.clients.jedis.util.Pool.getResource(Pool.java:53)\n\tat net.mill.Cache.find(Cache.java:37)\n"
            "Caused by: java.util.NoSuchElementException: Timeout waiting for idle object\n\n10.9.0.8:6379> client list\n"
        )
        text += "".join(
            f"id={n} addr=10.9.1.21:4{n} fd=11 name= age={n + 90} idle={n} flags=N db=0 sub=0 psub=0 multi=-1 events=r cmd=hgetall\n"
            for n in (5512, 5519)
        )
        (finding,) = findings(text)
        assert (finding.rule, finding.confidence) == ("object-pool-exhausted", Confidence.LIKELY)
        assert any("net.mill.Cache.find" in action.text for action in finding.actions)

    def test_a_pool_that_had_none_at_all_has_lent_none(self) -> None:
        line = "HikariPool-1 - Connection is not available, request timed out after 30000ms (total=0, active=0, idle=0, waiting=9)\n"
        (finding,) = findings(line + "\n" + table(RESTING.format(first="idle in transaction", last="00:18:00.5")))
        assert finding.confidence is Confidence.SUSPECTED


WIKI = """
 blocked_pid | blocked_user | blocking_pid | blocking_user |         blocked_statement          | current_statement_in_blocking_process
-------------+--------------+--------------+---------------+------------------------------------+---------------------------------------
        7101 | mill         |         7102 | mill          | update sack set n = 1 where id = 4 | update sack set n = 2 where id = 4
        7102 | mill         |         7101 | mill          | update sack set n = 2 where id = 4 | update sack set n = 1 where id = 4
"""
HOLDER = """        7101 | mill         |         6990 | nightly       | update sack set n = 1 where id = 4 | select n from sack where id = 4
        7102 | mill         |         6990 | nightly       | update sack set n = 2 where id = 4 | select n from sack where id = 4
"""


class TestPairsWithoutStates:
    def test_the_blocker_that_never_waits_holds_them_up(self) -> None:
        (finding,) = findings(WIKI + HOLDER + "(4 rows)\n")
        assert (finding.rule, finding.confidence) == ("lock-held-by-idle-transaction", Confidence.SUSPECTED)
        assert "2 sessions of PostgreSQL wait for a lock that session 6990 (nightly) holds" in finding.headline
        assert "select n from sack where id = ?" in finding.explanation

    def test_two_in_one_queue_that_block_each_other_are_no_cycle(self) -> None:
        diagnosis = diagnosis_of({"post.md": WIKI + "(2 rows)\n"})
        assert not [one for one in diagnosis.findings if one.severity is not Severity.INFO]
        assert "2 sessions of PostgreSQL waiting for a lock" in diagnosis.verdict.headline
        assert "deadlock" not in diagnosis.verdict.headline + diagnosis.verdict.summary


OPERATIONS = """{{ "inprog" : [
  {{ "type" : "op", "connectionId" : 41, "client" : "10.9.0.7:51234", "appName" : "mill", "active" : true, "opid" : 811, "secs_running" : NumberLong(31),
    "op" : "update", "ns" : "mill.sacks", "waitingForLock" : true, "locks" : {{ "Global" : "w" }},
    "lockStats" : {{ "Global" : {{ "acquireCount" : {{ "w" : NumberLong(2) }} }},
      "Collection" : {{ "acquireWaitCount" : {{ "w" : NumberLong(1) }}, "timeAcquiringMicros" : {{ "w" : NumberLong(30990000) }} }} }} }},
  {{ "type" : "op", "connectionId" : 39, "client" : "10.9.0.9:40100", "appName" : "night", "active" : true, "opid" : 802, "secs_running" : NumberLong(64),
    "op" : "command", "ns" : "mill.sacks", "waitingForLock" : false, "locks" : {{ "Global" : "w", "Collection" : "{mode}" }} }},
  {{ "type" : "op", "connectionId" : 40, "client" : "10.9.0.9:40101", "appName" : "night", "active" : true, "opid" : 803, "secs_running" : NumberLong(2),
    "op" : "query", "ns" : "mill.sacks", "waitingForLock" : false, "locks" : {{ "Global" : "r", "Collection" : "{other}" }} }}
], "ok" : 1 }}
"""


class TestOperationsOfMongoDB:
    def test_the_only_one_with_an_exclusive_lock_is_suspected(self) -> None:
        (finding,) = findings(OPERATIONS.format(mode="W", other="r"))
        assert finding.confidence is Confidence.SUSPECTED
        assert "waits for a lock (Collection lock)" in finding.headline
        assert "Session 39 (night, 10.9.0.9:40100) is suspected" in finding.headline
        assert "keeps all others out" in finding.explanation

    @pytest.mark.parametrize(("mode", "other"), [("w", "r"), ("W", "R")], ids=["only intents", "two of them"])
    def test_where_nobody_or_several_have_one_nobody_is_named(self, mode: str, other: str) -> None:
        diagnosis = diagnosis_of({"post.md": OPERATIONS.format(mode=mode, other=other)})
        assert not [one for one in diagnosis.findings if one.severity is not Severity.INFO]


def test_mariadb_is_called_so() -> None:
    """Its list of processes has a column more than that of MySQL, and drivers of both talk to it."""
    listed = METADATA.format(command="Query", state="executing", info="SELECT n FROM sack")
    assert "of MySQL wait" in diagnosis_of({"list.txt": listed}).verdict.headline
    wider = "\n".join(
        line + {"|": " Progress |" if " Id " in line else "    0.000 |", "+": "----------+"}.get(line[:1], "")
        for line in listed.splitlines()
    )
    assert "of MariaDB wait" in diagnosis_of({"list.txt": wider.replace("mysql>", "MariaDB [mill]>")}).verdict.headline
