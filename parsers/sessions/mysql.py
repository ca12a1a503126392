r"""MySQL's and MariaDB's sessions and lock waits: SHOW PROCESSLIST, innodb_lock_waits, data_lock_waits, innodb_trx; boxes, ``\G``, tabs, CSV.

    +----+--------+-----------------+------+---------+------+----------+----------------------------+
    | Id | User   | Host            | db   | Command | Time | State    | Info                       |
    +----+--------+-----------------+------+---------+------+----------+----------------------------+
    |  4 | orders | app1:40458      | shop | Sleep   |    6 |          | NULL                       |
    |  5 | orders | app1:40460      | shop | Query   |    6 | Updating | update t set a=1 where b=7 |
    +----+--------+-----------------+------+---------+------+----------+----------------------------+

A wait for a row lock shows as the state of the statement (Updating), never as Locked; waits for metadata and table locks show by name. The holder of a
row lock shows as Sleep: only the lock waits or INNODB STATUS tell it. Host has the client's port. Time is seconds in the state. INNODB_TRX lists open
transactions by the Id of the process list (``trx_mysql_thread_id``): one whose session sleeps is idle and keeps its locks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Endpoint, Parsed, Session, SessionBlock, SessionState
from parsers.records.shows import Shows
from parsers.sessions.common import age_of, parse_rows
from parsers.text.endpoint import endpoint
from parsers.text.patterns import lazy
from parsers.text.source import leftovers
from parsers.text.sql import without_literals
from parsers.text.tables import Cells, Row, columns_of, grid_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parsers.records import Where
    from parsers.text.source import Section

NAME: Final = "mysql"
SHOWS: Final = frozenset({Shows.SESSIONS})
HEADER: Final = (
    r"[ ]*\+(?:-+\+){3,}[ ]*\n[ ]*\|[ ]*(?:Id|ID|waiting_\w+|wait_started|requesting_trx_id|trx_\w+|(?=[^\n]{0,300}\block_status\b)\w+)[ ]*\|[^\n]*$|[ ]*\*{5,} 1\. row \*{5,}[ ]*$|Id\tUser\tHost\t[^\n]{0,200}$|(?i:id,user,host,)[^\n]{0,200}$"
    r"|(?:wait_started|requesting_trx_id|waiting_pid|trx_\w{1,40})[\t,][^\n]{0,600}$"
)
_COMMANDS: Final = r"(?:Query|Sleep|Execute|Connect|Daemon|Killed|Prepare|Binlog Dump(?: GTID)?)"
ROW_SHAPE: Final = (
    HEADER
    + rf"|[ ]{{0,8}}\|[ ]*\d{{1,20}}[ ]*\|[^|\n]{{0,120}}\|[^|\n]{{0,160}}\|[^|\n]{{0,120}}\|[ ]*{_COMMANDS}[ ]*\|[ ]*-?\d{{1,10}}[ ]*\|[^\n]*$"
)
_bare = lazy(
    rf"\s{{0,8}}\|?\s{{0,8}}(?P<id>\d{{1,20}})\s{{0,20}}[|\t](?P<user>[^|\t\n]{{0,120}})[|\t](?P<host>[^|\t\n]{{0,160}})[|\t](?P<db>[^|\t\n]{{0,120}})[|\t]\s{{0,8}}(?P<command>{_COMMANDS})\s{{0,20}}"
    r"[|\t]\s{0,20}(?P<time>-?\d{1,10})\s{0,20}[|\t](?P<state>[^|\t\n]{0,200})[|\t](?P<info>[^\n]{0,4000})"
).match
"""A row of the process list whose heading was left out."""
_LIST: Final = ({"id", "user", "host", "command"}, {"id", "user", "host", "info"})
_WAITS: Final = ({"waiting_pid", "blocking_pid"}, {"waiting_thread", "blocking_thread"})
_TRANSACTION: Final = {"trx_mysql_thread_id"}
_METADATA: Final = {"lock_type", "lock_status"}
_OWNERS: Final = ("processlist_id", "owner_processlist_id", "pid", "conn_id", "id", "owner_thread_id", "thread_id")
"""Who holds or wants a metadata lock: the session's number, else the thread's."""
_LOCKED: Final = (
    "Waiting for table metadata lock",
    "Waiting for table level lock",
    "Waiting for global read lock",
    "Waiting for table flush",
    "Waiting for commit lock",
    "Waiting for backup lock",
    "Locked",
)


def sniff(head: Sequence[str]) -> bool:
    """True if the columns are those of a process list or of lock waits."""
    columns = columns_of(head)
    return (
        any(_bare(line) for line in head)
        or any(need <= columns for need in (*_LIST, *_WAITS, _TRANSACTION))
        or (columns >= _METADATA and bool(columns & {*_OWNERS}))
    )


def parse(section: Section) -> Parsed:
    """Read each session, or each pair of a waiter and a holder."""
    grid = grid_of(section)
    columns = set(grid.columns) if grid is not None else set[str]()
    if not any(need <= columns for need in (*_LIST, *_WAITS, _TRANSACTION, _METADATA)):
        return _without_heading(section)
    if any(need <= columns for need in _WAITS):
        return parse_rows(section, lambda row: _block(section, row))
    if grid is not None and columns >= _METADATA:
        return parse_rows(section, _metadata(section, grid.rows))
    if columns >= _TRANSACTION:
        return parse_rows(section, lambda row: _transaction(section, row))
    return parse_rows(section, lambda row: _session(section, row))


def _without_heading(section: Section) -> Parsed:
    """Rows of a process list alone, as somebody picked them."""
    found: list[Session] = []
    unread: list[tuple[int, str]] = []
    for index, line in section.rows():
        match = _bare(line)
        cells = (
            Cells({name: "" if (cell := value.strip(" |")) == "NULL" else cell for name, value in match.groupdict().items()})
            if match
            else None
        )
        session = _session(section, Row(index, index, cells)) if cells is not None else None
        if session is not None:
            found.append(session)
        elif line.strip("+-| "):
            unread.append((index, "no row of a process list"))
    gaps, elisions = leftovers(section, unread)
    return Parsed((*found, *elisions), section.nonblank - sum(gap.lines for gap in gaps), gaps)


def _metadata(section: Section, rows: Sequence[Row]) -> Callable[[Row], SessionBlock | None]:
    """Rows of ``performance_schema.metadata_locks``: whoever has a lock granted on the same object holds up those whose lock is pending."""

    def place(row: Row) -> tuple[str, str]:
        return row.cells["object_schema"], row.cells["object_name"]

    granted: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.cells["lock_status"].upper() == "GRANTED" and _owner(row.cells):
            granted.setdefault(place(row), []).append(_owner(row.cells))

    def block(row: Row) -> SessionBlock | None:
        waiter = _owner(row.cells)
        if not waiter.isdigit():
            return None
        waits = row.cells["lock_status"].upper() == "PENDING"
        holders = tuple(dict.fromkeys(one for one in granted.get(place(row), ()) if one != waiter)) if waits else ()
        where = section.where(row.first, row.last)
        state = row.cells["processlist_state"] or row.cells["state"]
        rests = not state and "processlist_state" in row.cells and not row.cells["processlist_info"]
        age = age_of(row.cells["processlist_time"] or row.cells["time"])
        end = Session(
            where=where,
            server=NAME,
            id=waiter,
            user=row.cells["processlist_user"] or row.cells["user"] or None,
            state=SessionState.LOCKED
            if waits
            else SessionState.IN_TRANSACTION
            if rests
            else SessionState.ACTIVE
            if state
            else SessionState.UNKNOWN,
            waits_on="metadata lock" if waits else None,
            statement=without_literals(row.cells["processlist_info"] or row.cells["info"], double_quoted=True) or None,
            state_age=age,
        )
        return SessionBlock(where=where, server=NAME, waiter=waiter, holders=holders, ends=(end,))

    return block


def _owner(cells: Cells) -> str:
    return next((cells[name] for name in _OWNERS if cells[name]), "")


def _block(section: Section, row: Row) -> SessionBlock | None:
    waiter = row.cells.get("waiting_pid") or row.cells.get("waiting_thread") or ""
    holder = row.cells.get("blocking_pid") or row.cells.get("blocking_thread") or ""
    if not waiter.isdigit() or not holder.isdigit():
        return None
    where = section.where(row.first, row.last)
    return SessionBlock(where=where, server=NAME, waiter=waiter, holders=(holder,), ends=tuple(_ends(where, row.cells, waiter, holder)))


def _ends(where: Where, cells: Cells, waiter: str, holder: str) -> Iterator[Session]:
    """The two sessions of a wait, where the row has their statements: a holder without one waits for its client."""
    if "blocking_query" not in cells and "waiting_query" not in cells:
        return
    waited, held = age_of(cells["wait_age_secs"]) or age_of(cells["wait_age"]), age_of(cells["blocking_trx_age"])
    yield Session(
        where=where,
        server=NAME,
        id=waiter,
        state=SessionState.LOCKED,
        waits_on=" ".join(part for part in (cells["locked_type"].lower(), "lock") if part),
        statement=without_literals(cells["waiting_query"], double_quoted=True) or None,
        state_age=waited,
    )
    running = cells["blocking_query"]
    rests = "blocking_query" in cells and not running
    yield Session(
        where=where,
        server=NAME,
        id=holder,
        state=SessionState.IN_TRANSACTION if rests else SessionState.ACTIVE if running else SessionState.UNKNOWN,
        statement=without_literals(running, double_quoted=True) or None,
        transaction_age=held,
    )


def _transaction(section: Section, row: Row) -> Session | None:
    """An open transaction. Its age is known only where the query computes it: the server's own time stands nowhere."""
    cells = row.cells
    thread = cells["trx_mysql_thread_id"]
    if not thread.isdigit() or thread == "0":  # 0: prepared by a client that is gone, or of the server itself
        return None
    waits, query = cells["trx_state"].upper() == "LOCK WAIT", cells["trx_query"]
    rests = "trx_query" in cells and not query
    ages = (age_of(cells[name]) for name in ("age", "trx_age", "seconds", "duration", "secs"))
    return Session(
        where=section.where(row.first, row.last),
        server=NAME,
        id=thread,
        state=SessionState.LOCKED if waits else SessionState.IN_TRANSACTION if rests else SessionState.UNKNOWN,
        printed_state=cells["trx_state"],
        waits_on="row lock" if waits else None,
        statement=without_literals(query, double_quoted=True) or None,
        transaction_age=next((age for age in ages if age is not None and age >= 0), None),
        # A list without that column does not say how many rows a transaction has locked.
        own_link=cells["trx_rows_locked"] if cells["trx_rows_locked"].isdigit() else "0" if "trx_rows_locked" in cells else "?",
    )


def _session(section: Section, row: Row) -> Session | None:
    cells = row.cells
    if not cells.get("id", "").isdigit():
        return None
    command, state = cells.get("command", ""), cells.get("state", "")
    age = age_of(cells.get("time", ""))
    return Session(
        where=section.where(row.first, row.last),
        server=NAME,
        id=cells["id"],
        client=_client(cells.get("host", "")),
        user=cells.get("user") or None,
        database=cells.get("db") or None,
        state=_state(command, state),
        printed_state=f"{command} {state}".strip(),
        waits_on=state if state.startswith(_LOCKED) else None,
        statement=without_literals(cells.get("info", ""), double_quoted=True) or None,
        state_age=age if age is not None and age >= 0 else None,
        brand="MariaDB" if "progress" in cells else None,  # a column that MySQL does not have
    )


def _client(host: str) -> Endpoint | None:
    """``name:port``; a name without a port is a local socket."""
    return endpoint(host) if ":" in host else None


def _state(command: str, state: str) -> SessionState:
    if state.startswith(_LOCKED):
        return SessionState.LOCKED
    if command == "Sleep":
        return SessionState.IDLE
    return SessionState.ACTIVE if command in {"Query", "Execute"} else SessionState.UNKNOWN
