"""Lock waits that a database tells of itself, beside a leak, in two lists, and of several processes: nothing that lies beside takes them away."""

from __future__ import annotations

from analyzer.model.finding import Confidence, Diagnosis, Severity
from tests.builders import diagnosis_of, found

HEAD = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
LISTED = (
    " pid | usename | application_name | client_addr | client_port | state  | wait_event_type | wait_event |  xact_age | query\n"
    "-----+---------+------------------+-------------+-------------+--------+-----------------+------------+-----------+------\n"
)
NAMED = " pid | pg_blocking_pids | state  | wait_event_type | q\n-----+------------------+--------+-----------------+---\n"
WAITERS = (401, 402, 403, 404, 405)
HOLDER, AHEAD = 390, 395
LOG = "".join(
    f"2026-03-04 05:06:{at:02}.100 UTC [{pid}] mill@mill LOG:  process {pid} still waiting for AccessShareLock on relation 16401 of database 16384 after 1000.2 ms\n"
    f"2026-03-04 05:06:{at:02}.100 UTC [{pid}] mill@mill DETAIL:  Process holding the lock: {HOLDER}. Wait queue: {AHEAD}, {pid}.\n"
    for at, pid in enumerate(WAITERS)
)


def connection(local: int, port: int, owner: str, pid: int, state: str = "ESTAB") -> str:
    return f'{state} 0 0 127.0.0.1:{local} 127.0.0.1:{port} users:(("{owner}",pid={pid},fd={local % 100}))\n'


def sockets() -> str:
    """Five waiters of one program, the one ahead of another, and the holder."""
    ours = "".join(connection(45000 + pid, 5440, "tallyd", 71) for pid in WAITERS)
    return HEAD + connection(45000 + AHEAD, 5440, "clerk", 72) + connection(45000 + HOLDER, 5440, "clerk", 73) + ours


def leak() -> str:
    return "".join(connection(51000 + at, 7811, "tallyd", 71, "CLOSE-WAIT") for at in range(40))


def listed() -> str:
    def row(pid: int, state: str, wait: str, query: str) -> str:
        return f" {pid} | mill | x | 127.0.0.1 | {45000 + pid} | {state} | {wait} | 00:00:41 | {query}\n"

    return (
        LISTED
        + row(HOLDER, "active", " | ", "select sum(n) from sack")
        + row(AHEAD, "active", "Lock | relation", "alter table sack add k int")
        + "".join(row(pid, "active", "Lock | relation", "select n from sack") for pid in WAITERS)
    )


def named() -> str:
    rows = "".join(f" {pid} | {{{AHEAD}}} | active | Lock | select n from sack\n" for pid in WAITERS)
    return f"{NAMED} {AHEAD} | {{{HOLDER}}} | active | Lock | alter table sack add k int\n{rows}"


def rules(diagnosis: Diagnosis) -> set[str]:
    return {one.rule for one in diagnosis.findings}


def test_a_leak_of_the_program_hides_no_list_of_lock_waits() -> None:
    diagnosis = diagnosis_of({"blocking.txt": named(), "ss.txt": sockets() + leak()})
    assert rules(diagnosis) == {"connection-leak", "lock-held-by-idle-transaction"}
    (lock,) = found(diagnosis, "lock-held-by-idle-transaction")
    assert "6 sessions of PostgreSQL wait for a lock that session 390 holds" in lock.headline


def test_a_leak_of_the_program_hides_no_log_of_lock_waits() -> None:
    diagnosis = diagnosis_of({"postgresql.log": LOG, "ss.txt": sockets() + leak()})
    assert rules(diagnosis) == {"connection-leak", "lock-held-by-idle-transaction"}
    unnamed = LOG.replace(f"Process holding the lock: {HOLDER}. ", "")
    assert "lock-held-by-idle-transaction" not in rules(diagnosis_of({"postgresql.log": unnamed, "ss.txt": sockets() + leak()}))


def test_two_lists_of_the_same_sessions_are_one() -> None:
    diagnosis = diagnosis_of({"activity.txt": listed(), "blocking.txt": named(), "ss.txt": sockets()})
    first = diagnosis.findings[0]
    assert (first.rule, first.severity, first.confidence) == ("lock-held-by-idle-transaction", Severity.CRITICAL, Confidence.CERTAIN)
    assert not any("12 sessions" in str(words) for one in diagnosis.findings for words in (one.headline, one.explanation))


def test_the_process_with_more_waiters_comes_first_wherever_its_rows_stand() -> None:
    diagnosis = diagnosis_of({"activity.txt": listed(), "blocking.txt": named(), "ss.txt": sockets()})
    assert [one.process.pid for one in diagnosis.findings if one.process is not None] == [71, 72]
    assert all(one.process is not None for one in diagnosis.findings)
    assert "5 connections of the process wait for a lock in PostgreSQL that session 390" in diagnosis.findings[0].headline


def test_what_lets_those_behind_it_go_on_is_cancelled_and_a_statement_is_no_idle_transaction() -> None:
    first = diagnosis_of({"activity.txt": listed(), "blocking.txt": named(), "ss.txt": sockets()}).findings[0]
    assert "SELECT pg_cancel_backend(395);" in [one.command for one in first.actions]
    assert any("Make the statement of session 390" in one.text for one in first.actions)
    alone = named().replace("alter table sack add k int", "select max(n) from sack")
    shared = listed().replace("alter table sack add k int", "select max(n) from sack")
    other = diagnosis_of({"activity.txt": shared, "blocking.txt": alone, "ss.txt": sockets()}).findings[0]
    assert not any("cancel" in (one.command or "") for one in other.actions)
