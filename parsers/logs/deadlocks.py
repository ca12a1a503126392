r"""What a database wrote around the end of a deadlock: who waited for whom, with which statement.

    2026-11-28 23:59:59.010 KST [12008] orders@shop ERROR:  deadlock detected
    2026-11-28 23:59:59.010 KST [12008] orders@shop DETAIL:  Process 12008 waits for ShareLock on transaction 731; blocked by process 12011.
            Process 12011 waits for ShareLock on transaction 730; blocked by process 12008.
            Process 12008: UPDATE t SET a = 1 WHERE b = 7
            Process 12011: UPDATE t SET a = 2 WHERE b = 8
    2026-11-28 23:59:59.010 KST [12008] orders@shop CONTEXT:  while updating tuple (0,5) in relation "t"

InnoDB writes its own above ``*** WE ROLL BACK TRANSACTION``: each transaction with its thread, its statement and the index it waits at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records.log_events import DeadlockSide
from parsers.text.patterns import lazy
from parsers.text.sql import without_literals

if TYPE_CHECKING:
    from collections.abc import Sequence

_DEEPEST: Final = 40
"""Lines below PostgreSQL's line in which its details are looked for: lines of other sessions may come between."""
_ABOVE: Final = 200
"""Lines above InnoDB's last line that belong to the same report."""
_LONGEST: Final = 2000
_waits = lazy(r"\bProcess (?P<id>\d{1,10}) waits for (?P<lock>\w{1,40} on [^\n;\"]{1,120}); blocked by process (?P<holder>\d{1,10})").search
_statement = lazy(r"\bProcess (?P<id>\d{1,10}): (?P<text>\S.*)").search
_relation = lazy(r"CONTEXT: {1,2}while (?:updating|locking|deleting|inserting|rechecking)[^\n\"]{0,80}\"(?P<table>[^\"]{1,80})\"").search
_next = lazy(r"ERROR: {1,2}deadlock detected").search
_begin = lazy(r"\*\*\* \(\d\) TRANSACTION:").search
_thread = lazy(r"(?:MySQL|MariaDB) thread id (?P<id>\d{1,12})\b").search
_index = lazy(r"(?:RECORD|TABLE) LOCKS?\b.{0,200}?\btable (?P<table>[`\"][^\s`\"]{1,64}[`\"]\.[`\"][^\s`\"]{1,64}[`\"])").search


def sides_of(lines: Sequence[str], index: int) -> tuple[DeadlockSide, ...]:
    """Who took part in the deadlock whose end a line tells; empty where the lines around it do not say."""
    line = lines[index]
    if "WE ROLL BACK" in line:
        return _of_innodb([text[:_LONGEST] for text in lines[max(0, index - _ABOVE) : index]])
    return _of_postgresql([text[:_LONGEST] for text in lines[index + 1 : index + 1 + _DEEPEST]])


def _of_postgresql(below: Sequence[str]) -> tuple[DeadlockSide, ...]:
    waits: dict[str, tuple[str, str]] = {}
    statements: dict[str, str] = {}
    table = None
    for line in below:
        if _next(line):
            break
        if (match := _waits(line)) is not None:
            waits[match["id"]] = match["lock"], match["holder"]
        elif (match := _statement(line)) is not None:
            statements[match["id"]] = without_literals(match["text"])
        elif waits and table is None and (match := _relation(line)) is not None:
            table = match["table"]
    return tuple(
        DeadlockSide(session=number, lock=lock, holder=holder, statement=statements.get(number), table=table)
        for number, (lock, holder) in waits.items()
    )


def _of_innodb(above: Sequence[str]) -> tuple[DeadlockSide, ...]:
    """The transactions of the last report; of two each waits for the other, of more the report does not say it in one word."""
    first = next((at for at in range(len(above) - 1, -1, -1) if "(1) TRANSACTION:" in above[at]), None)
    if first is None:
        return ()
    found: list[DeadlockSide] = []
    session = statement = table = None
    for line in [*above[first + 1 :], "*** (9) TRANSACTION:"]:
        if _begin(line):
            if session is not None:
                found.append(DeadlockSide(session=session, statement=statement, table=table))
            session = statement = table = None
        elif (match := _thread(line)) is not None:
            session, statement = match["id"], None
        elif table is None and (match := _index(line)) is not None:
            table = match["table"].replace("`", "").replace('"', "")
        elif session is not None and statement is None and table is None and line.strip() and not line.startswith("***"):
            statement = without_literals(line.strip(), double_quoted=True)
    return tuple(found)
