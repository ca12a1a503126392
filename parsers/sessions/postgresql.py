r"""PostgreSQL's sessions and who blocks whom: ``pg_stat_activity``, queries with ``pg_blocking_pids``, ``pg_locks``, as psql prints them.

     pid  | usename | application_name | client_addr | client_port | wait_event_type |  wait_event   |        state        |          query
    ------+---------+------------------+-------------+-------------+-----------------+---------------+---------------------+-------------------------
     1792 | orders  | shop             | 10.0.0.5    |       34708 | Client          | ClientRead    | idle in transaction | update t set a = $1
     1825 | orders  | shop             | 10.0.0.5    |       34712 | Lock            | transactionid | active              | update t set a = $1

Columns in any order and subset; aligned, expanded (``\x``), unaligned (``-A``) and ``--csv``. States before 9.6 have ``waiting`` instead of wait events.
``query`` of an idle session is its last statement. A client_port of -1 is a local socket. See monitoring-stats in PostgreSQL's documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, Session, SessionBlock, SessionState
from parsers.records.shows import Shows
from parsers.sessions.common import age_of, client_end, latest, parse_rows, seconds_of
from parsers.text.patterns import lazy
from parsers.text.sql import without_literals
from parsers.text.tables import Cells, columns_of, grid_of, grid_of_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parsers.records import Where
    from parsers.text.source import Section
    from parsers.text.tables import Grid, Row

NAME: Final = "postgresql"
SHOWS: Final = frozenset({Shows.SESSIONS})
HEADER: Final = (
    r"[ ]?[ ]*(?:\w++[ ]*+[|,;][ ]*+){0,24}(?:pid|procpid|blocked_pid)[ ]*[|,;](?=[^\n]{0,600}\b(?:client_port|client_addr|wait_event_type|wait_event|backend_start"
    r"|blocked_by|pg_blocking_pids|blocking_pid|granted|usename|query|state)\b)[\w ,;|()]{3,600}$|-\[ RECORD 1 \][-+]*[ ]*$"
    r"|[ ]*(?:\w{1,60}[ ]*\|[ ]*){0,12}pid[ ]*\|[^\n]{1,600}\n-[-+]{5,600}\n[^\n]{0,600}?(?:\{\d*(?:,\d+)*\}|\|[ ](?:idle in transaction|active|idle)[ ]+\|)"
)
ROW_SHAPE: Final = HEADER
_ACTIVITY: Final = (
    {"pid", "state"},
    {"pid", "client_port"},
    {"pid", "client_addr"},
    {"pid", "wait_event_type"},
    {"procpid", "current_query"},
)
_BLOCKED: Final = ({"pid", "blocked_by"}, {"pid", "pg_blocking_pids"}, {"blocked_pid", "blocking_pid"})
_LOCKS: Final = ({"locktype", "pid", "granted"},)
_SINCE_TRANSACTION: Final = (
    "xact_age",
    "xact",
    "xact_time",
    "tx_age",
    "transaction_age",
    "xact_duration",
    "xact_runtime",
    "transaction_duration",
)
_SINCE_STATE: Final = (
    "waited",
    "duration",
    "runtime",
    "query_age",
    "query_duration",
    "age",
    "state_age",
    "state_duration",
    "since",
    "idle_for",
    "idle_time",
    "?column?",
)
"""What people call the columns that they compute: ``now() - xact_start AS xact_age``."""
_QUERY: Final = ("query", "current_query", "left", "substring", "substr", "q")
"""The statement, whole, or as a function of the server cut it: psql calls the column after the function."""
_HOLDERS: Final = ("blocked_by", "pg_blocking_pids", "blocking_pids", "blk", "blockers", "blocker", "blocking")
"""What pg_blocking_pids is called: by itself, and by people who give it a short name."""
_BY_CONTENT: Final = (
    ("pg_blocking_pids", lazy(r"\{\d*(?:,\d+)*\}\Z")),
    (
        "wait_event_type",
        lazy(r"(?:Activity|BufferPin|Client|Extension|IO|IPC|Lock|LWLock|LWLockNamed|LWLockTranche|Timeout|InjectionPoint)\Z"),
    ),
    (
        "wait_event",
        lazy(r"(?:ClientRead|ClientWrite|transactionid|virtualxid|relation|tuple|advisory|DataFile\w+|WAL\w+|\w+Main|PgSleep)\Z"),
    ),
    ("state", lazy(r"(?:active|idle|idle in transaction(?: \(aborted\))?|fastpath function call|disabled)\Z")),
    ("client_addr", lazy(r"(?:\d{1,3}\.){3}\d{1,3}(?:/\d{1,2})?\Z|(?=[^/]*::|(?:[^:]*:){7})[\da-f:]{2,45}(?:/\d{1,3})?\Z")),
    (
        "query",
        lazy(
            r"(?i:select|insert|update|delete|alter|create|drop|truncate|with|begin|commit|rollback|end|set|show|vacuum|analyze|copy|lock|reindex|autovacuum: |<)(?!\S*\.)"
        ),
    ),
)
"""What the cells of a column look like whatever people call it: ``wait_event_type AS wt``. Statements come last: any text may begin so."""
_OF_THE_SERVER: Final = frozenset(
    {
        "datid",
        "datname",
        "pid",
        "leader_pid",
        "usesysid",
        "usename",
        "application_name",
        "client_addr",
        "client_hostname",
        "client_port",
        "backend_start",
        "xact_start",
        "query_start",
        "state_change",
        "wait_event_type",
        "wait_event",
        "state",
        "backend_xid",
        "backend_xmin",
        "query_id",
        "query",
        "backend_type",
        "waiting",
    }
)
"""Columns of the view itself: what stands there is what it says."""
_FEWEST: Final = 2
"""Columns of the view, the number of the process among them, up to which a table may be of anybody's processes."""
_IDS: Final = lazy(r"\d+")
_STATES: Final = {
    "active": SessionState.ACTIVE,
    "fastpath function call": SessionState.ACTIVE,
    "idle": SessionState.IDLE,
    "idle in transaction": SessionState.IN_TRANSACTION,
    "idle in transaction (aborted)": SessionState.IN_TRANSACTION,
    "<idle>": SessionState.IDLE,
    "<idle> in transaction": SessionState.IN_TRANSACTION,
}

_NOW: Final = frozenset({"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "current_timestamp"})
"""How psql heads the server's own time, where somebody asked for it."""


def sniff(head: Sequence[str]) -> bool:
    """True if the columns are those of a view of PostgreSQL."""
    columns = columns_of(head)
    if columns >= {"pid"} and not columns & {"ptr", "sid", "session_id"} and (grid := grid_of_head(head)) is not None:
        named = {*_by_content(grid).values()}
        columns |= named if len(named | (columns & _OF_THE_SERVER)) > _FEWEST else frozenset()
    return any(need <= columns for need in (*_BLOCKED, *_LOCKS, *_ACTIVITY)) and not columns & {"ptr", "sid", "session_id"}


def parse(section: Section) -> Parsed:
    """Read each session, or each pair of a waiter and its holders."""
    grid = grid_of(section)
    if grid is None:
        return parse_rows(section, lambda _: None)
    columns = {*grid.columns, *_by_content(grid).values()}
    # A list that has the sessions' states, too, is a list of sessions: each row says by itself who holds it up.
    if any(need <= columns for need in _BLOCKED) and not columns & {"state", "client_port"}:
        return parse_rows(section, lambda row: _block(section, row))
    if any(need <= columns for need in _LOCKS):
        return parse_rows(section, _locks(section, grid.rows))
    taken = latest(cell for row in grid.rows for name, cell in row.cells.items() if name in _NOW or name.endswith(("_start", "_change")))
    named = _by_content(grid)
    return parse_rows(section, lambda row: _session(section, _renamed(row, named), taken))


def _by_content(grid: Grid) -> dict[str, str]:
    """Columns that people gave names of their own, by what their cells look like; one that the server named stays what it is."""
    found: dict[str, str] = {}
    for name in (name for name in grid.columns if name not in _OF_THE_SERVER):
        cells = [cell for row in grid.rows if (cell := row.cells[name])]
        known = next((label for label, looks in _BY_CONTENT if cells and all(looks.match(cell) for cell in cells)), None)
        if known is not None and known not in grid.columns and known not in found.values():
            found[name] = known
    return found


def _renamed(row: Row, named: dict[str, str]) -> Row:
    return row._replace(cells=Cells({named.get(name, name): cell for name, cell in row.cells.items()})) if named else row


def _block(section: Section, row: Row) -> SessionBlock | None:
    cells = row.cells
    waiter = cells.get("blocked_pid") or cells.get("pid") or ""
    holders = tuple(_IDS.findall(cells.get("blocked_by") or cells.get("pg_blocking_pids") or cells.get("blocking_pid") or ""))
    if not waiter.isdigit():
        return None
    where = section.where(row.first, row.last)
    ends = tuple(_ends(where, cells, waiter, holders[0])) if "blocked_pid" in cells and len(holders) == 1 else ()
    return SessionBlock(where=where, server=NAME, waiter=waiter, holders=holders, ends=ends)


def _ends(where: Where, cells: Cells, waiter: str, holder: str) -> Iterator[Session]:
    """What a row of the wiki's query on lock waits tells of both sessions. Those in one queue for a row block each other in it: that is no deadlock."""
    for pid, side, statement, state in (
        (waiter, "blocked", ("blocked_statement", "blocked_query"), SessionState.LOCKED),
        (holder, "blocking", ("current_statement_in_blocking_process", "blocking_statement", "blocking_query"), None),
    ):
        text = next((cells[name] for name in statement if cells.get(name)), "")
        printed = cells.get(f"{side}_state", "")
        yield Session(
            where=where,
            server=NAME,
            id=pid,
            user=cells.get(f"{side}_user") or None,
            application=cells.get(f"{side}_application") or cells.get(f"{side}_application_name") or None,
            state=state or _STATES.get(printed.lower(), SessionState.UNKNOWN),
            printed_state=printed,
            statement=without_literals(text) or None,
        )


def _locks(section: Section, rows: Sequence[Row]) -> Callable[[Row], SessionBlock | None]:
    """Holders of each lock: rows with the same object, of which one is granted."""
    keys = ("locktype", "database", "relation", "page", "tuple", "virtualxid", "transactionid", "classid", "objid", "objsubid")

    def lock(row: Row) -> tuple[str, ...]:
        return tuple(row.cells.get(key, "") for key in keys)

    granted: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        if row.cells["granted"] in {"t", "true"}:
            granted.setdefault(lock(row), []).append(row.cells["pid"])

    def block(row: Row) -> SessionBlock | None:
        pid = row.cells["pid"]
        waits = row.cells["granted"] in {"f", "false"}
        holders = tuple(dict.fromkeys(holder for holder in granted.get(lock(row), ()) if holder != pid)) if waits else ()
        return SessionBlock(where=section.where(row.first, row.last), server=NAME, waiter=pid, holders=holders)

    return block


def _session(section: Section, row: Row, taken: float | None) -> Session | None:
    cells = row.cells
    pid = cells.get("pid") or cells.get("procpid") or ""
    if not pid.isdigit():
        return None
    query = next((text for name in _QUERY if (text := cells.get(name))), "")
    printed = cells.get("state") or (query if query.startswith("<") else "")
    kind, event = cells.get("wait_event_type") or cells.get("wet") or "", cells.get("wait_event", "")
    holders = tuple(_IDS.findall(next((cells[name] for name in _HOLDERS if cells.get(name)), "")))
    state = _STATES.get(printed.lower(), SessionState.ACTIVE if cells.get("current_query") else SessionState.UNKNOWN)
    if state is SessionState.ACTIVE and (kind == "Lock" or holders or cells.get("waiting") in {"t", "true"}):
        state = SessionState.LOCKED
    return Session(
        where=section.where(row.first, row.last),
        server=NAME,
        id=pid,
        client=client_end(cells.get("client_addr", ""), cells.get("client_port", "")),
        user=cells.get("usename") or None,
        database=cells.get("datname") or None,
        application=cells.get("application_name") or None,
        state=state,
        printed_state=printed,
        waits_on=f"{kind}/{event}" if kind else None,
        blocked_by=holders,
        statement=without_literals(query) or None,
        state_age=_age(
            cells, taken, "query_start" if state in {SessionState.ACTIVE, SessionState.LOCKED} else "state_change", *_SINCE_STATE
        ),
        transaction_age=_age(cells, taken, "xact_start", *_SINCE_TRANSACTION),
    )


def _age(cells: Cells, taken: float | None, start: str, *intervals: str) -> float | None:
    begun = seconds_of(cells.get(start, ""))
    if begun is not None and taken is not None:
        return max(0.0, taken - begun)
    return next((age for name in intervals if (age := age_of(cells.get(name, ""))) is not None), None)
