"""PgBouncer's clients, servers and pools: SHOW CLIENTS, SHOW SERVERS, SHOW POOLS over psql.

     type | user   | database | state   | addr     | port  | local_addr | local_port | wait | ptr      | link     | remote_pid
    ------+--------+----------+---------+----------+-------+------------+------------+------+----------+----------+------------
     C    | orders | shop     | active  | 10.0.0.5 | 33330 | 10.0.0.9   |       6432 |   11 | 0x55cd10 | 0x55cd90 |          0
     S    | orders | shop     | active  | 10.0.0.9 |  5432 | 10.0.0.9   |      57440 |    0 | 0x55cd90 | 0x55cd10 |      13555

``link`` of a client is the ``ptr`` of its server; ``local_addr:local_port`` of a server is the client that PostgreSQL lists. A client that waits has no
link: its statement has not reached the database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, ProxyLoad, Session, SessionState
from parsers.records.shows import Shows
from parsers.sessions.common import age_of, client_end, parse_rows
from parsers.text.tables import columns_of, grid_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.text.source import Section
    from parsers.text.tables import Row

NAME: Final = "pgbouncer"
SHOWS: Final = frozenset({Shows.SESSIONS})
HEADER: Final = r"[ ]*type[ ]*[|,;][ ]*user[ ]*[|,;][^\n]{0,600}\blink\b[^\n]{0,200}$|[ ]*database[ ]*[|,;][ ]*user[ ]*[|,;][ ]*cl_active\b[^\n]{0,600}$"
ROW_SHAPE: Final = HEADER
_ENDS: Final = {"type", "state", "addr", "port", "link"}
_POOLS: Final = {"cl_active", "cl_waiting", "sv_active"}


def sniff(head: Sequence[str]) -> bool:
    """True if the columns are those of PgBouncer's console."""
    columns = columns_of(head)
    return columns >= _ENDS or columns >= _POOLS


def parse(section: Section) -> Parsed:
    """Read clients and servers; of the pools how many clients wait."""
    grid = grid_of(section)
    if grid is not None and set(grid.columns) >= _POOLS:
        return parse_rows(section, lambda row: _pool(section, row))
    return parse_rows(section, lambda row: _end(section, row))


def _end(section: Section, row: Row) -> Session | None:
    cells = row.cells
    kind, state = cells["type"], cells["state"]
    if kind not in {"C", "S"}:
        return None
    near, far = client_end(cells["addr"], cells["port"]), client_end(cells.get("local_addr", ""), cells.get("local_port", ""))
    return Session(
        where=section.where(row.first, row.last),
        server=NAME if kind == "C" else "pgbouncer-server",
        id=cells.get("ptr") or f"{cells['addr']}:{cells['port']}",
        client=near if kind == "C" else far,
        user=cells.get("user") or None,
        database=cells.get("database") or None,
        application=cells.get("application_name") or None,
        state=SessionState.QUEUED if state == "waiting" else SessionState.IDLE if state in {"idle", "used"} else SessionState.ACTIVE,
        printed_state=state,
        state_age=age_of(cells.get("wait", "")) if state == "waiting" else None,
        onward=far if kind == "C" else near,
        link=cells["link"] or None,
        own_link=cells.get("remote_pid") or None,
    )


def _pool(section: Section, row: Row) -> ProxyLoad | None:
    cells = row.cells
    if not cells["cl_waiting"].isdigit() or not cells["sv_active"].isdigit():
        return None
    idle = [int(cells[name]) for name in ("sv_idle", "sv_used") if cells[name].isdigit()]
    return ProxyLoad(
        where=section.where(row.first, row.last),
        software="PgBouncer",
        proxy=f"{cells['database']}/{cells['user']}",
        server="",
        queued=int(cells["cl_waiting"]),
        current=int(cells["sv_active"]),
        idle=sum(idle) if idle else None,
        waits=age_of(cells["maxwait"]),
        mode=cells["pool_mode"] or None,
    )
