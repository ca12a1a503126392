"""Sessions that a query counted by their state: ``SELECT state, wait_event, count(*) FROM pg_stat_activity GROUP BY …``, and MySQL's process list alike.

            state        | wait_event_type |  wait_event   | count
    ---------------------+-----------------+---------------+-------
     active              | Lock            | transactionid |    87
     idle in transaction | Client          | ClientRead    |     1

Columns in any order; which of them holds states, events and numbers their cells tell, for people name columns as they like. PostgreSQL's states and wait events
are those of monitoring-stats, MySQL's commands and states those of its manual ("Thread Command Values", "General Thread States").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from parsers.records import Parsed, SessionCount, SessionState
from parsers.records.shows import Shows
from parsers.sessions.common import age_of, parse_rows
from parsers.text.patterns import lazy
from parsers.text.tables import grid_of, grid_of_head

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from parsers.text.source import Section
    from parsers.text.tables import Grid, Row

NAME: Final = "session_counts"
SHOWS: Final = frozenset({Shows.SESSIONS})
_COUNTS: Final = r"(?i:count|count\(\w{0,30}\*?\)|cnt|num|number|total|n|c|sessions|connections|conns|total_connections)"
HEADER: Final = (
    rf"[ ]*(?=[^\n]{{0,300}}(?<![\w.]){_COUNTS}[ ]*(?:\||$))\w[\w ().*]{{0,60}}\|[^\n]{{1,300}}\n[ ]*-[-+]{{3,300}}$"
    rf"|[ ]*\+(?:-+\+){{2,8}}[ ]*\n[ ]*\|(?=[^\n]{{0,300}}\|?[ ]{_COUNTS}[ ]*\|)[^\n]{{1,300}}\|[ ]*$"
)
ROW_SHAPE: Final = HEADER
_COUNTING: Final = lazy(rf"{_COUNTS}\Z")
_NUMBER: Final = lazy(r"\d{1,7}\Z")
_EVENT_TYPE: Final = lazy(r"(?:Activity|BufferPin|Client|Extension|IO|IPC|Lock|LWLock|Timeout)\Z")
_EVENT: Final = lazy(r"[A-Z][A-Za-z]{2,40}\Z|(?:transactionid|virtualxid|relation|tuple|extend|page|object|advisory|spectoken)\Z")
_OF_POSTGRESQL: Final = {
    "active": SessionState.ACTIVE,
    "idle": SessionState.IDLE,
    "idle in transaction": SessionState.IN_TRANSACTION,
    "idle in transaction (aborted)": SessionState.IN_TRANSACTION,
    "fastpath function call": SessionState.ACTIVE,
    "disabled": SessionState.UNKNOWN,
}
_OF_MYSQL: Final = {"Sleep": SessionState.IDLE, "Query": SessionState.ACTIVE, "Execute": SessionState.ACTIVE}
_OF_NOBODY: Final = frozenset({"Daemon", "Binlog Dump", "Binlog Dump GTID", "Connect", "event_scheduler"})
"""Commands of sessions that are the server's own, or a replica's."""
_LOCKED: Final = ("Waiting for table metadata lock", "Waiting for table level lock", "Waiting for global read lock", "Locked")
_SERVERS: Final = (("postgresql", frozenset(_OF_POSTGRESQL)), ("mysql", frozenset(_OF_MYSQL) | _OF_NOBODY))
_OF_ONE: Final = frozenset({"pid", "procpid", "id", "sid", "spid", "session_id", "processlist_id", "ptr", "addr", "client_port"})
"""Columns of lists whose rows are one session each."""
_CLIENTS: Final = ("client_addr", "client_hostname", "host", "client", "client_ip")
_FEWEST: Final = 2


class _Columns(msgspec.Struct, frozen=True):
    """Which column holds what; an empty name where the table has none."""

    server: str
    count: str
    state: str
    kind: str
    event: str


def sniff(head: Sequence[str]) -> bool:
    """True if one column counts and another one has states of sessions."""
    grid = grid_of_head(head)
    return grid is not None and _columns(grid) is not None


def parse(section: Section) -> Parsed:
    """A count for each row."""
    grid = grid_of(section)
    columns = _columns(grid) if grid is not None else None
    return parse_rows(section, (lambda row: _counted(section, row, columns)) if columns is not None else lambda _: None)


def _columns(grid: Grid) -> _Columns | None:
    if _OF_ONE & {*grid.columns} or len(grid.columns) < _FEWEST or not grid.rows:
        return None
    for server, states in _SERVERS:
        state = _whose(grid, lambda cell, states=states: cell in states)  # type: ignore[misc]
        kind = _whose(grid, lambda cell: _EVENT_TYPE.match(cell) is not None) if server == "postgresql" else ""
        count = next(
            (name for name in reversed(grid.columns) if _COUNTING.match(name) and all(_NUMBER.match(row.cells[name]) for row in grid.rows)),
            "",
        )
        if count and (state or (kind and len(grid.columns) > _FEWEST)):
            taken = {state, kind, count}
            event = next((name for name in grid.columns if name not in taken and _is_event(grid, name, server)), "")
            return _Columns(server, count, state, kind, event)
    return None


def _whose(grid: Grid, looks: Callable[[str], bool]) -> str:
    """The column all of whose cells look so, empty ones aside."""
    for name in grid.columns:
        cells = [cell for row in grid.rows if (cell := row.cells[name])]
        if cells and all(looks(cell) for cell in cells):
            return name
    return ""


def _is_event(grid: Grid, name: str, server: str) -> bool:
    if server == "mysql":
        return name in {"state", "info", "thread_state"}
    cells = [cell for row in grid.rows if (cell := row.cells[name])]
    return bool(cells) and all(_EVENT.match(cell) for cell in cells)


def _counted(section: Section, row: Row, columns: _Columns) -> SessionCount | None:
    cells = row.cells
    count = cells[columns.count]
    if not _NUMBER.match(count):
        return None
    printed, kind, event = cells[columns.state], cells[columns.kind], cells[columns.event]
    names = _OF_POSTGRESQL if columns.server == "postgresql" else _OF_MYSQL
    state = names.get(printed, SessionState.UNKNOWN)
    if kind == "Lock" or event.startswith(_LOCKED):
        state = SessionState.LOCKED
    ages = [age for cell in cells.values() if ":" in cell and (age := age_of(cell)) is not None]
    waits = "/".join(word for word in (kind, event) if word) if columns.server == "postgresql" else event
    return SessionCount(
        where=section.where(row.first, row.last),
        server=columns.server,
        count=int(count),
        state=state,
        printed_state=printed,
        waits_on=waits or None,
        longest=ages[0] if len(ages) == 1 else None,
        client=next((cells[name] for name in _CLIENTS if cells[name]), None),
    )
