"""Transactions of SHOW ENGINE INNODB STATUS, of MySQL and MariaDB.

    =====================================
    2026-11-28 15:13:48 0x7f93 INNODB MONITOR OUTPUT
    =====================================
    ---TRANSACTION 59, ACTIVE 11 sec starting index read
    mysql tables in use 1, locked 1
    LOCK WAIT 2 lock struct(s), heap size 1128, 1 row lock(s)
    MariaDB thread id 58, OS thread handle 140268599314112, query id 238 localhost 127.0.0.1 orders Updating
    update t set a = 2 where b = 7
    ---TRANSACTION 55, ACTIVE 12 sec
    2 lock struct(s), heap size 1128, 6 row lock(s), undo log entries 6
    MySQL thread id 56, OS thread handle 140268374669888, query id 228 localhost 127.0.0.1 root

The thread id is the Id of the process list. A transaction with locks and no state behind its user waits for its client: it is idle and keeps its locks.
A transaction's ``Trx read view`` is what purge must keep; how far that has come stands above the list. The LATEST DETECTED DEADLOCK is history, kept until the server restarts. It becomes an event of its own time, with its age at the status:

    2026-11-28 15:02:41 0x7f93
    *** (1) TRANSACTION:
    …
    *** WE ROLL BACK TRANSACTION (1)
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from parsers.logs.deadlocks import sides_of
from parsers.records import LogEvent, LogKind, Parsed, Record, Session, SessionState
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.sql import without_literals

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

    from parsers.text.source import Section

NAME: Final = "innodb_status"
SHOWS: Final = frozenset({Shows.SESSIONS})
HEADER: Final = r"(?:\*{5,} 1\. row \*{5,}\n[ ]*Type: InnoDB\n[^\n]*\n[^\n]*\n)?={30,}\n[^\n]{0,60}INNODB MONITOR OUTPUT"
ROW_SHAPE: Final = rf"{HEADER}|Trx id counter \d{{1,20}}[ ]*\nPurge done for trx's n:o"
_BEGIN: Final = lazy(r"---TRANSACTION (\d+), (?:ACTIVE(?: \(PREPARED\))? (\d+) sec|not started)(.*)")
_THREAD: Final = lazy(
    r"(?:MySQL|MariaDB) thread id (\d+), OS thread handle \S+, query id \d+(?: (\S+))?(?: (\d[\w.:]*))?(?: (\S+))?(?: (.*))?$"
)
_LOCKS: Final = lazy(r"(LOCK WAIT )?(\d+) lock struct\(s\).*?(\d+) row lock\(s\)")
_marker = lazy(
    r"(?:\d{6}|\d{4}-\d\d-\d\d) +\d\d?:\d\d:\d\d (?:\S{1,40} )?INNODB MONITOR OUTPUT|END OF INNODB MONITOR OUTPUT|Trx id counter \d|---TRANSACTION \d+, "
).match


_MONITOR: Final = lazy(r"(\d{6}|\d{4}-\d\d-\d\d) +(\d\d?:\d\d:\d\d)\b.{0,60}INNODB MONITOR OUTPUT")
_MOMENT: Final = lazy(r"(\d{6}|\d{4}-\d\d-\d\d) +(\d\d?:\d\d:\d\d)\b")
_DEADLOCK: Final = "LATEST DETECTED DEADLOCK"
_ROLLED_BACK: Final = "*** WE ROLL BACK TRANSACTION"


_HISTORY: Final = lazy(r"\s{0,8}History list length (?P<history>\d{1,15})\s*$").match
_PURGE: Final = lazy(r"\s{0,8}Purge done for trx's n:o < (?:\d{1,10} )?(?P<purge>\d{1,20}) undo n:o").match
_VIEW: Final = lazy(r"\s{0,8}Trx read view will not see trx with id >= (?P<limit>\d{1,20}), sees < (?P<view>\d{1,20})").match


def sniff(head: Sequence[str]) -> bool:
    """True if the monitor's heading or a transaction is among the lines."""
    return any(_marker(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read the list of transactions. Every other line of the monitor is known, and nothing is concluded from it."""
    lines = list(section.rows())
    records: list[Record] = list(_deadlock(section, lines))
    listed = not any("LIST OF TRANSACTIONS" in text for _, text in lines)
    for number, (index, text) in enumerate(lines):
        listed = listed or text.startswith("LIST OF TRANSACTIONS")
        match = _BEGIN.match(text)
        if listed and match is not None and (record := _transaction(section, match, index, lines[number + 1 : number + 6])) is not None:
            records.append(record)
    records += _history(section, lines)
    return Parsed(tuple(records), len(lines))


def _history(section: Section, lines: Sequence[tuple[int, str]]) -> Iterator[LogEvent]:
    """How far purge has come, and the transaction with the oldest view."""
    figures: dict[str, float] = {}
    subject, at, age, thread = None, None, 0.0, None
    for index, text in lines:
        if (match := _PURGE(text)) is not None:
            figures["purge"] = float(match["purge"])
        elif (match := _HISTORY(text)) is not None:
            figures["history"], at = float(match["history"]), index if at is None else at
        elif (match := _BEGIN.match(text)) is not None:
            age, thread = float(match[2] or 0), None
        elif (match := _THREAD.match(text)) is not None:
            thread = match[1]
        elif (match := _VIEW(text)) is not None and thread is not None and float(match["view"]) < figures.get("view", float("inf")):
            figures |= {"view": float(match["view"]), "age": age}
            subject, at = thread, index
    if "history" in figures and at is not None:
        where = section.where(at)
        yield LogEvent(where=where, kind=LogKind.HISTORY, source="InnoDB", subject=subject, figures=tuple(figures.items()))


def _deadlock(section: Section, lines: Sequence[tuple[int, str]]) -> Iterator[LogEvent]:
    """The last deadlock that the server ended, with its age when the status was taken."""
    first = next((place for place, (_, text) in enumerate(lines) if text.startswith(_DEADLOCK)), None)
    if first is None:
        return
    taken = next((time for _, text in lines[:first] if (time := _time(_MONITOR.match(text))) is not None), None)
    ended = next((time for _, text in lines[first + 1 : first + 4] if (time := _time(_MOMENT.match(text))) is not None), None)
    for place in range(first, len(lines)):
        index, text = lines[place]
        if text.startswith(("TRANSACTIONS", "END OF INNODB")):
            return
        if text.startswith(_ROLLED_BACK):
            age = (taken - ended).total_seconds() if taken is not None and ended is not None else None
            yield LogEvent(
                where=section.where(index),
                kind=LogKind.DEADLOCK,
                source="InnoDB",
                time=ended.isoformat() if ended is not None else None,
                figures=(("age", age),) if age is not None and age >= 0 else (),
                sides=sides_of([line for _, line in lines], place),
            )
            return


def _time(match: re.Match[str] | None) -> datetime | None:
    """``2026-11-28 15:13:48``, or ``261128 15:13:48`` of older servers."""
    if match is None:
        return None
    date = match[1] if "-" in match[1] else f"20{match[1][:2]}-{match[1][2:4]}-{match[1][4:]}"
    try:
        return datetime.fromisoformat(f"{date} {match[2]:0>8}")
    except ValueError:
        return None


def _transaction(section: Section, begin: re.Match[str], first: int, below: Sequence[tuple[int, str]]) -> Session | None:
    waits, locks, thread, statement, last = False, 0, None, "", first
    for index, text in below:
        if text.startswith("---"):
            break
        if (found := _LOCKS.match(text)) is not None:
            waits, locks = found[1] is not None, int(found[3])
        elif thread is not None:
            statement = statement or text
        elif (match := _THREAD.match(text)) is not None:
            thread = match
        last = index
    if thread is None or begin[2] is None:
        return None
    busy = (thread[5] or "").strip()
    state = SessionState.LOCKED if waits else SessionState.ACTIVE if busy or begin[3].strip() else SessionState.IN_TRANSACTION
    return Session(
        where=section.where(first, last),
        server="mysql",
        id=thread[1],
        user=thread[4],
        state=state,
        printed_state=busy or begin[3].strip(),
        waits_on="row lock" if waits else None,
        statement=without_literals(statement, double_quoted=True) if statement and not statement.startswith(("-", "TRX")) else None,
        transaction_age=float(begin[2]),
        own_link=str(locks),
        brand="MariaDB" if thread[0].startswith("MariaDB") else None,
    )
