"""The rules of the far side hold for every server that lists its sessions."""

from __future__ import annotations

import pytest

from tests.analyzer.test_far_side import HELD, case, reader, waiter
from tests.builders import evidence_of, found

THREADS = [reader("clerk-1", HELD), waiter("clerk-2"), waiter("clerk-3", nid=0x63)]
PORTS = (41001, 41002)
ORACLE = """
       SID    SERIAL# USERNAME   STATUS   MACHINE         PORT EVENT                          BLOCKING_SESSION LAST_CALL_ET
---------- ---------- ---------- -------- --------- ---------- ------------------------------ ---------------- ------------
       501         77 BOOKS      INACTIVE desk.int       41001 SQL*Net message from client                               33
       502         78 BOOKS      ACTIVE   desk.int       41002 enq: TX - row lock contention               501           31

2 rows selected.
"""
SQL_SERVER = """blocking_session_id session_id client_tcp_port client_net_address status    wait_type open_transaction_count text
------------------- ---------- --------------- ------------------ --------- --------- ---------------------- --------------------------------
                  0        501           41001 10.1.1.5           sleeping  NULL                           1 NULL
                501        502           41002 10.1.1.5           suspended LCK_M_X                        1 update t set a = 'Miller' where b = 7

(2 rows affected)
"""
STATEMENT = "update t set a = ? where b = ?"


@pytest.mark.parametrize(
    ("sessions", "kill"), [(ORACLE, "ALTER SYSTEM KILL SESSION '501,77';"), (SQL_SERVER, "KILL 501;")], ids=["oracle", "sqlserver"]
)
class TestLists:
    def test_a_loop_over_a_lock_of_the_process(self, sessions: str, kill: str) -> None:
        diagnosis = case(THREADS, PORTS, sessions=sessions)
        assert diagnosis.verdict.rule == "cross-system-deadlock"
        assert diagnosis.primary is not None
        assert kill in [action.command for action in diagnosis.primary.actions]

    def test_a_stranger_that_is_idle_in_its_transaction(self, sessions: str, kill: str) -> None:
        diagnosis = case(THREADS, PORTS[1:], sessions=sessions)
        assert diagnosis.verdict.rule == "lock-held-by-idle-transaction"
        assert "not of this process" in diagnosis.verdict.summary
        assert diagnosis.primary is not None
        assert kill in [action.command for action in diagnosis.primary.actions]

    def test_no_literal_is_quoted(self, sessions: str, kill: str) -> None:
        diagnosis = case(THREADS, PORTS, sessions=sessions)
        quoted = [line for lines in diagnosis.excerpts.values() for line in lines]
        assert kill
        assert not any("Miller" in line for line in quoted)
        assert any(STATEMENT in line for line in quoted) or sessions is ORACLE


OPERATION = """{ inprog: [
  { type: 'op', desc: 'conn57', connectionId: 57, client: '10.1.1.5:41001', active: true, opid: 812, secs_running: Long('61'), op: 'query', ns: 'books.t',
    command: { find: 't', filter: { name: 'Miller' } }, planSummary: 'COLLSCAN' } ], ok: 1 }
"""


def test_an_operation_of_mongodb_that_runs_long() -> None:
    diagnosis = case([reader("clerk-1")], PORTS[:1], operations=OPERATION)
    (finding,) = found(diagnosis, "slow-statement")
    assert "query books.t COLLSCAN" in finding.explanation
    assert "Miller" not in str(finding)
    quoted = "\n".join(line for lines in diagnosis.excerpts.values() for line in lines)
    assert "secs_running: Long('61')" in quoted
    assert "Miller" not in quoted


def test_idle_connections_that_mongodb_hides_are_not_lost() -> None:
    assert not found(case([reader("clerk-1")], PORTS, operations=OPERATION), "lost-session")


def test_names_of_people_and_machines_are_told_to_whoever_hides_them() -> None:
    """A row is quoted whole: what stands in it beside the client must be known, too."""
    oracle = "SID|SERIAL#|STATUS|OSUSER|MACHINE|TERMINAL\n9|1|ACTIVE|kim|ACME\\app01|pc-kim\n"
    sql = "session_id\tblocking_session_id\thost_name\tnt_user_name\tstatus\n61\t54\tAPP01\tACME\\kim\tsuspended\n"
    for text, machines in ((oracle, ("pc-kim", "app01")), (sql, ("APP01",))):
        ((session,),) = (snapshot.sessions for snapshot in evidence_of({"list.txt": text}).incident.snapshots)
        assert (session.machines, session.system_user) == (machines, "kim")
    ((operation,),) = (
        snapshot.sessions
        for snapshot in evidence_of({"ops.txt": OPERATION.replace("desc:", "host: 'db1:27017', desc:")}).incident.snapshots
    )
    assert operation.machines == ("db1",)
