r"""Lines of database servers, and of the drivers that repeat what a server said with the numbers of its sessions.

    2026-11-28 23:58:58.584 KST [1825] orders@shop LOG:  process 1825 still waiting for ShareLock on transaction 729 after 1000.077 ms
    2026-11-28 23:58:58.584 KST [1825] orders@shop DETAIL:  Process holding the lock: 1792. Wait queue: 1825.
    2026-11-28 23:59:03.964 KST [2041] [unknown]@[unknown] LOG:  connection received: host=127.0.0.1 port=41234
    2026-11-29 00:00:59.010 KST [12008] orders@shop ERROR:  deadlock detected
    … SQLTransactionRollbackException: (conn=39) Deadlock found when trying to get lock; try restarting transaction
    2026-11-28T15:12:20.123456Z 39 [Warning] Aborted connection 39 to db: 'shop' user: 'orders' host: 'app1' (Got timeout reading communication packets)

PostgreSQL writes "still waiting" once for each wait, and "acquired" when it ends. What the lines hold of statements is never kept.
"""

from __future__ import annotations

import re
from typing import Final

from parsers.logs.lines import Shape
from parsers.records import LogKind

SLOW: Final = 1.0
"""Seconds from which on a logged statement took long: whoever logs them all has thousands of short ones."""


def _shape(source: str, kind: LogKind, word: str, pattern: str, *, least: float = 0.0) -> Shape:
    return Shape(source, kind, word, re.compile(pattern), loud=False, least=least)


SHAPES: Final = (
    _shape(
        "PostgreSQL",
        LogKind.LOCK_WAIT,
        "still waiting for",
        r"LOG: {1,2}process (?P<session>\d{1,10}) still waiting for (?P<subject>\w{1,40} on [^\n\"]{1,120}?) after (?P<ms>\d{1,12}(?:\.\d{1,6})?) ms",
    ),
    _shape(
        "PostgreSQL",
        LogKind.LOCK_WAIT,
        "holding the lock: ",
        r"DETAIL: {1,2}Process(?:es)? holding the lock: (?P<holder>\d{1,10})[\d, ]{0,200}\. Wait queue: \d",
    ),
    _shape(
        "InnoDB",
        LogKind.LOCK_WAIT,
        " the semaphore",
        r"--Thread (?P<session>\d{1,18}) has waited at (?P<subject>[\w./-]{1,120} line \d{1,7}) for (?P<s>\d{1,9}(?:\.\d{1,6})?) seconds the semaphore",
    ),
    _shape(
        "PostgreSQL",
        LogKind.LOCK_WAIT,
        "; blocked by process",
        r"Process (?P<session>\d{1,10}) waits for (?P<subject>\w{1,40} on [^\n;\"]{1,120}); blocked by process (?P<holder>\d{1,10})",
    ),
    _shape("PostgreSQL", LogKind.DEADLOCK, "deadlock detected", r"ERROR: {1,2}deadlock detected"),
    _shape("PostgreSQL", LogKind.SLOW_STATEMENT, "duration: ", r"LOG: {1,2}duration: (?P<ms>\d{1,12}(?:\.\d{1,6})?) ms", least=SLOW),
    _shape(
        "PostgreSQL",
        LogKind.LIMIT_ENDED,
        "due to ",
        r"(?:ERROR|FATAL): {1,2}(?P<subject>(?:canceling statement|terminating connection) due to [\w -]{1,40}timeout)",
    ),
    _shape("PostgreSQL", LogKind.SLOTS, "too many clients already", r"FATAL: {1,2}sorry, too many clients already"),
    _shape("PostgreSQL", LogKind.SLOTS, "connection slots are reserved", r"FATAL: {1,2}remaining connection slots are reserved"),
    _shape("MySQL", LogKind.DEADLOCK, "Deadlock found", r"(?:\(conn=(?P<session>\d{1,12})\) )?Deadlock found when trying to get lock"),
    _shape("MySQL", LogKind.DEADLOCK, "Transactions deadlock detected", r"InnoDB: Transactions deadlock detected"),
    _shape("InnoDB", LogKind.DEADLOCK, "WE ROLL BACK TRANSACTION", r"\*\*\* WE ROLL BACK TRANSACTION \(\d{1,3}\)"),
    _shape(
        "InnoDB",
        LogKind.LOCK_WAIT,
        " trx id ",
        r"(?:RECORD|TABLE) LOCKS? [^\n]{0,200}?table (?P<subject>[`\"][^\s`\"]{1,64}[`\"]\.[`\"][^\s`\"]{1,64}[`\"]) [^\n]{0,60}?trx id (?P<transaction>\d{1,18}) lock[ _]mode [^\n]{1,60} waiting\s*$",
    ),
    _shape(
        "MySQL",
        LogKind.LIMIT_ENDED,
        "Lock wait timeout exceeded",
        r"(?:\(conn=(?P<session>\d{1,12})\) )?(?P<subject>Lock wait timeout exceeded); try restarting transaction",
    ),
    _shape(
        "MySQL",
        LogKind.LIMIT_ENDED,
        "Aborted connection",
        r"Aborted connection (?P<session>\d{1,12}) to db: [^\n]{0,240}\((?P<subject>Got timeout (?:reading|writing) communication packets)\)",
    ),
    _shape(
        "MySQL",
        LogKind.SLOTS,
        "oo many connections",
        r"(?:\[(?:Warning|ERROR)\] |Exception: |#08004|ERROR 1040[^\n]{0,20}|\[1040\]|(?<![\w.])1040, [\"']|message from server: \")[^\n\"]{0,80}Too many connections",
    ),
    _shape("Oracle", LogKind.DEADLOCK, "ORA-00060", r"ORA-00060: [Dd]eadlock detected"),
    _shape("Oracle", LogKind.SLOTS, "ORA-", r"ORA-(?:00018|00020|12516|12519|12520): "),
    _shape("SQL Server", LogKind.DEADLOCK, "was deadlocked on", r"Transaction \(Process ID (?P<session>\d{1,10})\) was deadlocked on"),
)
