"""Oracle's sessions, ``v$session`` and ``gv$session``, as SQL*Plus spools them (wrapped rows too), as CSV and unaligned.

           SID    SERIAL# USERNAME   STATUS   MACHINE          PORT EVENT                          BLOCKING_SESSION SECONDS_IN_WAIT
    ---------- ---------- ---------- -------- ---------- ---------- ------------------------------ ---------------- ---------------
            27       9182 SHOP       INACTIVE app01           43208 SQL*Net message from client                                  61
           143      50121 SHOP       ACTIVE   app01           43210 enq: TX - row lock contention                27              61

Columns in any order and subset. PORT is the client's (11g and later), MACHINE its host by name. EVENT of a session that STATE calls WAITED is over. ``SQL*Net
message from client`` waits for the client; with an open transaction (TADDR, or another session that it blocks) it keeps its locks. Written after Oracle's
Database Reference, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Endpoint, Parsed, Session, SessionBlock, SessionState
from parsers.records.shows import Shows
from parsers.sessions.common import age_of, parse_rows
from parsers.text.endpoint import normal_host
from parsers.text.patterns import lazy
from parsers.text.sql import without_literals
from parsers.text.tables import columns_of, grid_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.text.source import Section
    from parsers.text.tables import Cells, Row

NAME: Final = "oracle"
SHOWS: Final = frozenset({Shows.SESSIONS})
_NAMES: Final = (
    "INST_ID|CON_ID|SADDR|SID|SERIAL#|AUDSID|PADDR|USER#|USERNAME|STATUS|SCHEMANAME|OSUSER|PROCESS|MACHINE|PORT|TERMINAL|PROGRAM|SQL_ID|MODULE|EVENT|STATE"
    "|SPID|WAIT_CLASS|SERVICE_NAME|LOGON_TIME|LAST_CALL_ET|SECONDS_IN_WAIT|BLOCKING_SESSION|BLOCKING_INSTANCE|FINAL_BLOCKING_SESSION|BLOCKER_SID|TADDR"
)
_FIRST: Final = rf"(?:{_NAMES}|{_NAMES.lower()})"
_TELLS: Final = r"(?i:\bSERIAL#|\bBLOCKING_SESSION\b|\bSECONDS_IN_WAIT\b|\bBLOCKER_SID\b|\bLAST_CALL_ET\b)"
_DASHES: Final = r"[ ]*--+(?:[ ]+-+)*[ ]*$"
_BLOCKS: Final = rf"[^\n]{{0,3000}}\n{_DASHES}(?:\n[^\n-]{{1,3000}}\n{_DASHES}){{0,40}}"
# An alternative that begins with a sign or a set is passed over at any other sign; one that begins with a group is not.
_REST: Final = "|".join(sorted({name[1:] for name in (*_NAMES.split("|"), *_NAMES.lower().split("|"))}))
_INITIALS: Final = "".join(sorted({name[0] for name in (*_NAMES.split("|"), *_NAMES.lower().split("|"))}))
_SEPARATED: Final = rf"[,|;\t](?=[^\n]{{0,3000}}{_TELLS})[^\n]{{0,3000}}$"
HEADER: Final = rf"[ ][ ]*+{_FIRST}(?![\w#]){_BLOCKS}|[{_INITIALS}](?:{_REST})(?![\w#])(?:{_SEPARATED}|{_BLOCKS})|\"{_FIRST}\"{_SEPARATED}"
ROW_SHAPE: Final = r"(?!)"
_LISTS: Final = (
    {"sid", "serial#"},
    {"sid", "event"},
    {"sid", "blocking_session"},
    {"sid", "machine"},
    {"sid", "username", "status"},
    {"sid", "last_call_et"},
)
_BLOCKERS: Final = {"sid", "blocker_sid"}
_FROM_CLIENT: Final = "SQL*Net message from client"
_LOCKS: Final = ("enq: ", "library cache lock", "library cache pin", "row cache lock", "cursor: pin")
_HOLDER: Final = (
    "blocking_session",
    "final_blocking_session",
    "bs",
    "bsid",
    "blk",
    "blocker",
    "blocked_by",
    "blocking",
    "blocking_sid",
    "blk_sid",
    "holder",
)
"""The session that blocks, and what people call it to make the column narrow."""
_IN_FULL: Final = 2
"""The first of these names are the view's own: any other may be anything where the wait is none for a lock."""
_NOBODYS: Final = ("log file ", "db file ", "direct path ", "log buffer space")
"""Waits for a disk or for the log's writer: whom the view names with them has no lock."""
_SECONDS: Final = ("seconds_in_wait", "secs_in_wait", "wait_secs", "secs", "seconds", "sec")
"""The time in the wait, and what people call it to make the column narrow."""
_DOMAIN: Final = lazy(r"^.*\\")


def sniff(head: Sequence[str]) -> bool:
    """True if the columns are those of a view of Oracle's sessions."""
    columns = columns_of(head)
    return columns >= _BLOCKERS or any(need <= columns for need in _LISTS)


def parse(section: Section) -> Parsed:
    """Read each session, or each pair of a waiter and its holder."""
    grid = grid_of(section)
    if grid is None:
        return parse_rows(section, lambda _: None)
    if set(grid.columns) >= _BLOCKERS and "serial#" not in grid.columns and "event" not in grid.columns:
        return parse_rows(section, lambda row: _block(section, row))
    holders = {holder for row in grid.rows for holder in _holders(row.cells)}
    return parse_rows(section, lambda row: _session(section, row, holders))


def _block(section: Section, row: Row) -> SessionBlock | None:
    waiter, holder = row.cells["sid"], row.cells["blocker_sid"]
    if not waiter.isdigit() or not holder.isdigit():
        return None
    return SessionBlock(where=section.where(row.first, row.last), server=NAME, waiter=_id(row.cells, waiter), holders=(holder,))


def _holders(cells: Cells) -> tuple[str, ...]:
    """Who blocks it. SIDs are those of one instance: in a cluster the holder is named with its instance."""
    event = cells["event"]
    names = _HOLDER if event.startswith(_LOCKS) else () if event.startswith(_NOBODYS) else _HOLDER[:_IN_FULL]
    holder = next((cells[name] for name in names if cells[name]), "")
    instance = cells["blocking_instance"] or cells["final_blocking_instance"] or cells["inst_id"]
    if not holder.isdigit():
        return ()
    return (f"{holder}@{instance}" if cells["inst_id"] and instance.isdigit() else holder,)


def _id(cells: Cells, sid: str) -> str:
    return f"{sid}@{cells['inst_id']}" if cells["inst_id"].isdigit() else sid


def _session(section: Section, row: Row, holders: set[str]) -> Session | None:
    cells = row.cells
    if not cells["sid"].isdigit():
        return None
    number, blocked_by = _id(cells, cells["sid"]), _holders(cells)
    status, event = cells["status"].upper(), cells["event"]
    over = cells["state"].upper().startswith("WAITED")
    waits = "" if over or event.startswith(_FROM_CLIENT) else event
    state = _state(status, "" if over else event, blocked=bool(blocked_by), holds=bool(cells["taddr"]) or number in holders)
    since = age_of(cells["last_call_et"]) if state is not SessionState.LOCKED else None
    return Session(
        where=section.where(row.first, row.last),
        server=NAME,
        id=number,
        serial=cells["serial#"] or None,
        client=_client(cells),
        user=cells["username"] or cells["schemaname"] or None,
        machines=tuple(name for name in (cells["terminal"], _DOMAIN.sub("", cells["machine"])) if name),
        system_user=cells["osuser"] or None,
        database=cells["service_name"] or None,
        application=cells["module"] or cells["program"] or None,
        state=state,
        printed_state=" ".join(part for part in (status, event) if part),
        waits_on=waits or None,
        blocked_by=blocked_by,
        statement=without_literals(cells["sql_text"] or cells["sql_fulltext"]) or None,
        # A call that waits for a lock began no later than the wait.
        state_age=since
        if since is not None
        else next((age for name in (*_SECONDS, "last_call_et") if (age := age_of(cells[name])) is not None), None),
    )


def _state(status: str, event: str, *, blocked: bool, holds: bool) -> SessionState:
    if status in {"KILLED", "SNIPED", "CACHED"}:
        return SessionState.UNKNOWN
    if status == "INACTIVE" or (not status and event.startswith(_FROM_CLIENT)):
        return SessionState.IN_TRANSACTION if holds else SessionState.IDLE
    if blocked or event.startswith(_LOCKS):
        return SessionState.LOCKED
    return SessionState.ACTIVE if status == "ACTIVE" else SessionState.UNKNOWN


def _client(cells: Cells) -> Endpoint | None:
    """The client's host by name and its port; 0 where the client is no TCP client, or the release does not say."""
    port, machine = cells["port"], _DOMAIN.sub("", cells["machine"])
    if not port.isdigit() or not 0 < int(port) <= 0xFFFF:  # noqa: PLR2004 - the highest port
        return None
    return Endpoint(normal_host(machine) if machine else "*", int(port))
