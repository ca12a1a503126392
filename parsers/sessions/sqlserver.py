"""SQL Server's sessions: joins of ``sys.dm_exec_connections``, ``_sessions`` and ``_requests``, ``sp_who2``, ``sp_who``, ``sp_WhoIsActive``.

    session_id client_net_address client_tcp_port status     blocking_session_id wait_type open_transaction_count
    ---------- ------------------ --------------- ---------- ------------------- --------- ----------------------
            54 10.0.0.5                     43208 sleeping                     0 NULL                           1
            61 10.0.0.5                     43210 suspended                   54 LCK_M_X                        1

As sqlcmd prints them, as a grid copied with its heading (tabs), as CSV and unaligned; columns in any order and subset. Only dm_exec_connections has the client's
port: the procedures name a host. ``sleeping`` waits for its client; with an open transaction, or another session that it blocks, it keeps its locks. Negative
blocking ids are no sessions. ``  .`` of sp_who2 means nobody. Written after the product's documentation, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, Session, SessionState
from parsers.records.shows import Shows
from parsers.sessions.common import age_of, client_end, parse_rows
from parsers.text.patterns import lazy
from parsers.text.sql import without_literals
from parsers.text.tables import columns_of, grid_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.text.source import Section
    from parsers.text.tables import Cells, Row

NAME: Final = "sqlserver"
SHOWS: Final = frozenset({Shows.SESSIONS})
_NAMES: Final = r"session_id|spid|SPID|blocking_session_id|client_net_address|client_tcp_port|connect_time|login_name|host_name|program_name|dd hh:mm:ss\.mss|status|wait_type"
_TELLS: Final = r"(?:session_id|blocking_session_id|client_net_address|BlkBy|blk|blocked_by|blocker|wait_type|open_tran_count|hostprocess)"
_DASHES: Final = r"[ ]*--+(?:[ ]+-+)+[ ]*$"
_BLOCK: Final = rf"[ ]+(?=[^\n]{{0,3000}}\b{_TELLS}\b)[^\n]{{1,3000}}\n{_DASHES}"
_SEPARATED: Final = rf"[ ]*[,|;\t](?=[^\n]{{0,3000}}\b{_TELLS}\b)[^\n]{{0,3000}}$"
# An alternative that begins with a sign or a set is passed over at any other sign; one that begins with a group is not.
_REST: Final = "|".join(sorted({name[1:] for name in _NAMES.split("|")}))
_INITIALS: Final = "".join(sorted({name[0] for name in _NAMES.split("|")}))
HEADER: Final = rf"[ ][ ]*+(?:{_NAMES}){_BLOCK}|[{_INITIALS}](?:{_REST})(?:{_BLOCK}|{_SEPARATED})|[\[\"](?:{_NAMES})[\]\"]{_SEPARATED}"
ROW_SHAPE: Final = r"(?!)"
_LISTS: Final = (
    {"session_id", "client_net_address"},
    {"session_id", "blocking_session_id"},
    {"session_id", "wait_type"},
    {"session_id", "host_name"},
    {"session_id", "login_name"},
    {"spid", "blkby"},
    {"spid", "blk"},
    {"spid", "blocked", "hostname"},
)
_BLOCKERS: Final = ("blocking_session_id", "blkby", "blk", "blocked", "blocked_by", "blocker", "blocking", "b")
"""The session that blocks, as views and procedures call the column, and as people do."""
_DOMAIN: Final = lazy(r"^.*\\")
_IDS: Final = lazy(r"-?\d+")
_INFO: Final = lazy(r"\((?:(\d+)x: )?(\d+)(?:/\d+)*ms\)(\w+)")
_ELAPSED: Final = lazy(r"(?:(\d+) )?(\d+):(\d\d):(\d\d(?:\.\d+)?)\Z")


def sniff(head: Sequence[str]) -> bool:
    """True if the columns are those of SQL Server's views or procedures."""
    columns = columns_of(head)
    return any(need <= columns for need in _LISTS)


def parse(section: Section) -> Parsed:
    """Read each session."""
    grid = grid_of(section)
    holders = {_blocker(row.cells) for row in grid.rows} if grid is not None else set[str]()
    return parse_rows(section, lambda row: _session(section, row, holders))


def _number(cells: Cells) -> str:
    return cells["session_id"] or cells["spid"]


def _blocker(cells: Cells) -> str:
    """The session that blocks this one; empty for nobody, for itself (a parallel plan) and for negative ids, which are no sessions."""
    text = next((cells[name] for name in _BLOCKERS if cells[name]), "")
    match = _IDS.match(text.strip().strip("."))
    holder = match[0] if match else "0"
    return "" if holder.startswith(("-", "0")) or holder == _number(cells) else holder


def _session(section: Section, row: Row, holders: set[str]) -> Session | None:
    cells = row.cells
    number = _number(cells)
    if not number.isdigit():
        return None
    holder, status = _blocker(cells), (cells["status"] or cells["request_status"]).lower()
    open_transactions = cells["open_transaction_count"] or cells["open_tran_count"] or cells["open_tran"]
    info = _INFO.match(cells["wait_info"])
    wait = cells["wait_type"] or cells["lastwaittype"] or (info[3] if info else "")
    holds = number in holders or (open_transactions.isdigit() and int(open_transactions) > 0)
    state = _state(status, wait, blocked=bool(holder), holds=holds)
    return Session(
        where=section.where(row.first, row.last),
        server=NAME,
        id=number,
        client=client_end(cells["client_net_address"], cells["client_tcp_port"]),
        user=cells["login_name"] or cells["login"] or cells["loginame"] or cells["original_login_name"] or None,
        machines=tuple(name for name in ((cells["host_name"] or cells["hostname"]).strip(" ."),) if name),
        system_user=_DOMAIN.sub("", cells["nt_user_name"] or cells["nt_username"]) or None,
        database=cells["database_name"] or cells["dbname"] or cells["db_name"] or None,
        application=cells["program_name"] or cells["programname"] or None,
        state=state,
        printed_state=status,
        waits_on=wait if state in {SessionState.LOCKED, SessionState.ACTIVE} and wait else None,
        blocked_by=(holder,) if holder else (),
        statement=without_literals(cells["text"] or cells["sql_text"] or cells["query_text"] or cells["statement_text"] or cells["command"])
        or None,
        state_age=float(info[2]) / 1000 if info else _age(cells),
    )


def _age(cells: Cells) -> float | None:
    """Milliseconds of the wait or of the request, as seconds."""
    milliseconds = age_of(cells["wait_time"] or cells["wait_duration_ms"] or cells["wait_time_ms"] or cells["waittime"] or "")
    if milliseconds:
        return milliseconds / 1000
    elapsed = age_of(cells["total_elapsed_time"])
    if elapsed:
        return elapsed / 1000
    match = _ELAPSED.match(cells["dd hh:mm:ss.mss"])
    return int(match[1] or 0) * 86_400 + int(match[2]) * 3_600 + int(match[3]) * 60 + float(match[4]) if match else None


def _state(status: str, wait: str, *, blocked: bool, holds: bool) -> SessionState:
    if blocked or wait.startswith("LCK_"):
        return SessionState.LOCKED
    if status in {"sleeping", "dormant"}:
        return SessionState.IN_TRANSACTION if holds else SessionState.IDLE
    if status in {"running", "runnable", "suspended", "rollback", "spinloop"}:
        return SessionState.ACTIVE
    return SessionState.UNKNOWN
