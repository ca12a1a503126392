"""A deadlock that a database ended: what the log proves, and where it is no reason for a hang."""

from __future__ import annotations

import pytest

from analyzer.model.finding import Confidence, Finding, Severity
from tests.builders import PARK, diagnosis_of, dump, found, thread

POSTGRESQL = """2024-05-06 11:22:33.444 UTC [7101] mill@sacks ERROR:  deadlock detected
2024-05-06 11:22:33.444 UTC [7101] mill@sacks DETAIL:  Process 7101 waits for ShareLock on transaction 51; blocked by process 7090.
\tProcess 7090 waits for ShareLock on transaction 50; blocked by process 7101.
\tProcess 7101: UPDATE sack SET n = 4 WHERE owner = 'Miller'
\tProcess 7090: DELETE FROM sack WHERE id = 9
2024-05-06 11:22:33.444 UTC [7101] mill@sacks CONTEXT:  while updating tuple (18,2) in relation "sack"
"""
INNODB = """------------------------
LATEST DETECTED DEADLOCK
------------------------
2024-05-06 11:22:33 0x7f9310
*** (1) TRANSACTION:
TRANSACTION 421, ACTIVE 8 sec starting index read
mysql tables in use 1, locked 1
LOCK WAIT 3 lock struct(s), heap size 1128, 2 row lock(s), undo log entries 1
MySQL thread id 61, OS thread handle 1403, query id 45 10.9.0.4 mill updating
UPDATE sack SET n = 1 WHERE owner = "Miller"
*** (1) WAITING FOR THIS LOCK TO BE GRANTED:
RECORD LOCKS space id 23 page no 3 n bits 72 index PRIMARY of table `mill`.`sack` trx id 421 lock_mode X locks rec but not gap waiting
*** (2) TRANSACTION:
TRANSACTION 422, ACTIVE 9 sec starting index read
mysql tables in use 1, locked 1
3 lock struct(s), heap size 1128, 2 row lock(s), undo log entries 1
MySQL thread id 67, OS thread handle 1404, query id 46 10.9.0.5 mill updating
DELETE FROM sack WHERE id = 3
*** (2) HOLDS THE LOCK(S):
RECORD LOCKS space id 23 page no 3 n bits 72 index PRIMARY of table `mill`.`sack` trx id 422 lock_mode X locks rec but not gap
*** WE ROLL BACK TRANSACTION (1)
"""


def only(text: str, **files: str) -> Finding:
    (finding,) = found(diagnosis_of({"post.md": f"It stops for a second.\n\n```\n{text}```\n", **files}), "database-deadlock")
    return finding


@pytest.mark.parametrize(
    ("text", "sessions", "table"),
    [(POSTGRESQL, "sessions 7101 and 7090", "table sack"), (INNODB, "sessions 61 and 67", "table mill.sack")],
    ids=["postgresql", "innodb"],
)
def test_who_waited_for_whom_with_which_statement(text: str, sessions: str, table: str) -> None:
    finding = only(text)
    assert (finding.severity, finding.confidence) == (Severity.WARNING, Confidence.CERTAIN)
    assert sessions in finding.headline
    assert table in finding.headline
    assert "UPDATE sack SET n = ? WHERE owner = ?" in finding.explanation
    assert "DELETE FROM sack WHERE id = ?" in finding.explanation
    assert "Miller" not in str(finding)
    assert any("one order" in action.text for action in finding.actions)


@pytest.mark.parametrize(
    ("line", "server"),
    [
        ("java.sql.SQLException: ORA-00060: deadlock detected while waiting for resource", "Oracle"),
        (
            "SQLServerException: Transaction (Process ID 61) was deadlocked on lock resources with another process and has been chosen as the deadlock victim.",
            "SQL Server",
        ),
        ("MySQLTransactionRollbackException: Deadlock found when trying to get lock; try restarting transaction", "MySQL"),
    ],
)
def test_an_exception_of_a_driver_names_the_caller_and_asks_for_the_details(line: str, server: str) -> None:
    finding = only(f"{line}\n\tat net.mill.Sacks.fill(Sacks.java:41)\n\tat net.mill.Desk.run(Desk.java:9)\n")
    assert finding.headline.startswith(f"{server} ended a deadlock")
    assert finding.culprit.frame == "net.mill.Sacks.fill(Sacks.java:41)"
    assert finding.missing


def test_details_of_the_next_deadlock_are_not_mixed_in() -> None:
    finding = only(POSTGRESQL.replace("7101", "7301").replace("7090", "7290") + POSTGRESQL)
    assert "7301" not in finding.headline or "7101" not in finding.headline
    assert ", in 2 lines" in finding.headline


def test_beside_threads_it_is_no_reason_for_a_hang() -> None:
    finding = only(
        POSTGRESQL,
        **{"jstack.txt": dump(*(thread(f"exec-{n}", "WAITING (parking)", *PARK) for n in range(30)), time="2024-05-06 11:22:40")},
    )
    assert finding.severity is Severity.INFO


def test_a_few_in_a_long_log_are_ordinary() -> None:
    noise = "".join(f"2024-05-06 11:{n // 60:02}:{n % 60:02}.001 UTC [88] mill@sacks LOG:  checkpoint {n} complete\n" for n in range(300))
    (finding,) = found(diagnosis_of({"postgresql.log": noise + POSTGRESQL}), "database-deadlock")
    assert finding.severity is Severity.INFO


def test_words_of_people_about_deadlocks_are_no_line_of_a_server() -> None:
    assert not found(diagnosis_of({"post.md": "We think that it is a deadlock: the database stands.\n"}), "database-deadlock")


STATUS = """
=====================================
{now} 0x7f9310 INNODB MONITOR OUTPUT
=====================================
{deadlock}------------
TRANSACTIONS
------------
Trx id counter 431
LIST OF TRANSACTIONS FOR EACH SESSION:
{transactions}--------
FILE I/O
--------
----------------------------
END OF INNODB MONITOR OUTPUT
============================
"""
HELD = """---TRANSACTION 429, ACTIVE 31 sec starting index read
LOCK WAIT 2 lock struct(s), heap size 1128, 1 row lock(s)
MySQL thread id 71, OS thread handle 1405, query id 61 10.9.0.4 mill updating
UPDATE sack SET n = 7 WHERE id = 4
---TRANSACTION 428, ACTIVE 44 sec
2 lock struct(s), heap size 1128, 3 row lock(s), undo log entries 2
MySQL thread id 70, OS thread handle 1406, query id 60 10.9.0.6 mill
"""


@pytest.mark.parametrize(
    ("now", "severity", "age"),
    [
        ("2024-05-06 11:22:40", Severity.WARNING, ", 7 seconds before its status was taken."),
        ("2024-05-06 11:33:33", Severity.INFO, ", 11 minutes before its status was taken."),
        ("240506 11:33:33", Severity.INFO, ", 11 minutes before its status was taken."),
    ],
)
def test_a_status_keeps_the_last_deadlock_with_its_age(now: str, severity: Severity, age: str) -> None:
    (finding,) = found(diagnosis_of({"status.txt": STATUS.format(now=now, deadlock=INNODB, transactions="")}), "database-deadlock")
    assert finding.severity is severity
    assert finding.headline.endswith(age)
    assert "sessions 61 and 67 in table mill.sack" in finding.headline
    assert "It is over" in finding.why_confident


def test_a_deadlock_of_a_status_is_never_why_sessions_wait_in_it() -> None:
    text = STATUS.format(now="2024-05-06 11:22:40", deadlock=INNODB, transactions=HELD)
    diagnosis = diagnosis_of({"status.txt": text})
    (finding,) = found(diagnosis, "database-deadlock")
    assert finding.severity is Severity.INFO
    assert diagnosis.verdict.rule == "lock-held-by-idle-transaction"
    assert "71" in diagnosis.verdict.headline or "70" in diagnosis.verdict.headline


def test_a_deadlock_of_last_week_is_not_told_beside_the_dump_of_today() -> None:
    text = STATUS.format(now="2024-05-13 11:22:40", deadlock=INNODB, transactions="")
    diagnosis = diagnosis_of({"status.txt": text, "jstack.txt": dump(thread("a", "WAITING (parking)", *PARK), time="2024-05-13 11:22:41")})
    assert not found(diagnosis, "database-deadlock")
