r"""MySQL's and MariaDB's sessions and lock waits: SHOW PROCESSLIST, innodb_lock_waits, data_lock_waits; boxes, ``\G``, tabs, CSV.

    +----+--------+-----------------+------+---------+------+----------+----------------------------+
    | Id | User   | Host            | db   | Command | Time | State    | Info                       |
    +----+--------+-----------------+------+---------+------+----------+----------------------------+
    |  4 | orders | app1:40458      | shop | Sleep   |    6 |          | NULL                       |
    |  5 | orders | app1:40460      | shop | Query   |    6 | Updating | update t set a=1 where b=7 |
    +----+--------+-----------------+------+---------+------+----------+----------------------------+

A wait for a row lock shows as the state of the statement (Updating), never as Locked; waits for metadata and table locks show by name. The holder of a
row lock shows as Sleep: only the lock waits or INNODB STATUS tell it. Host has the client's port. Time is seconds in the state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Endpoint, Parsed, Session, SessionBlock, SessionState
from parsers.records.shows import Shows
from parsers.sessions.common import age_of, parse_rows
from parsers.text.endpoint import endpoint
from parsers.text.sql import without_literals
from parsers.text.tables import columns_of, grid_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.text.source import Section
    from parsers.text.tables import Row

NAME: Final = "mysql"
SHOWS: Final = frozenset({Shows.SESSIONS})
HEADER: Final = (
    r"[ ]*\+(?:-+\+){3,}[ ]*\n[ ]*\|[ ]*(?:Id|ID|waiting_\w+|wait_started|requesting_trx_id)[ ]*\|[^\n]*$|[ ]*\*{5,} 1\. row \*{5,}[ ]*$|Id\tUser\tHost\t[^\n]{0,200}$|(?i:id,user,host,)[^\n]{0,200}$"
    r"|(?:wait_started|requesting_trx_id|waiting_pid)[\t,][^\n]{0,600}$"
)
ROW_SHAPE: Final = HEADER
_LIST: Final = ({"id", "user", "host", "command"}, {"id", "user", "host", "info"})
_WAITS: Final = ({"waiting_pid", "blocking_pid"}, {"waiting_thread", "blocking_thread"})
_LOCKED: Final = ("Waiting for table metadata lock", "Waiting for table level lock", "Waiting for global read lock", "Locked")


def sniff(head: Sequence[str]) -> bool:
    """True if the columns are those of a process list or of lock waits."""
    columns = columns_of(head)
    return any(need <= columns for need in (*_LIST, *_WAITS))


def parse(section: Section) -> Parsed:
    """Read each session, or each pair of a waiter and a holder."""
    grid = grid_of(section)
    columns = set(grid.columns) if grid is not None else set[str]()
    if any(need <= columns for need in _WAITS):
        return parse_rows(section, lambda row: _block(section, row))
    return parse_rows(section, lambda row: _session(section, row))


def _block(section: Section, row: Row) -> SessionBlock | None:
    waiter = row.cells.get("waiting_pid") or row.cells.get("waiting_thread") or ""
    holder = row.cells.get("blocking_pid") or row.cells.get("blocking_thread") or ""
    if not waiter.isdigit() or not holder.isdigit():
        return None
    return SessionBlock(where=section.where(row.first, row.last), server=NAME, waiter=waiter, holders=(holder,))


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
