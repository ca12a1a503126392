"""``Get-NetTCPConnection`` of PowerShell, as the table it prints by default.

    LocalAddress                        LocalPort RemoteAddress                       RemotePort State       AppliedSetting OwningProcess
    ------------                        --------- -------------                       ---------- -----       -------------- -------------
    0.0.0.0                             8080      0.0.0.0                             0          Listen                     4321
    10.0.0.26                           8080      10.0.0.149                          60494      CloseWait   Internet       4321
    ::1                                 49669     ::1                                 50100      Established Internet

Written after Microsoft's documentation, not captured here. There are no queues. A narrow console leaves out the last columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Owner, Parsed, Pid, SocketRow, TcpState
from parsers.records.shows import Shows
from parsers.text.endpoint import endpoint
from parsers.text.grammar import POWERSHELL_STATES
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

NAME: Final = "net_tcp_connection"
SHOWS: Final = frozenset({Shows.SOCKETS})

_STATES: Final = {**POWERSHELL_STATES, "Bound": TcpState.CLOSE, "DeleteTCB": TcpState.CLOSE}
_WORDS: Final = "|".join(_STATES)
HEADER: Final = r"LocalAddress[ ]+LocalPort[ ]+RemoteAddress[ ]+RemotePort[ ]+State\b"
ROW_SHAPE: Final = rf"[0-9a-fA-F:.]{{2,45}}(?:%\w+)?[ ]+\d{{1,5}}[ ]+[0-9a-fA-F:.]{{2,45}}(?:%\w+)?[ ]+\d{{1,5}}[ ]+(?:{_WORDS})\b"
ROW = lazy(
    r"\s*(?P<local>[0-9a-fA-F:.]{2,45}(?:%\w{1,20})?)\s+(?P<port>\d{1,5})\s+(?P<remote>[0-9a-fA-F:.]{2,45}(?:%\w{1,20})?)\s+(?P<far>\d{1,5})"
    rf"\s+(?P<state>{_WORDS})(?:\s+(?P<setting>[A-Za-z]\w{{1,30}}))?(?:\s+(?P<pid>\d{{1,10}}))?\s*$"
)
_row = ROW.match
_header = lazy(rf"\s*(?:{HEADER}|-{{4,}}(?:\s+-{{4,}}){{3,}}\s*$)").match
_telling = lazy(rf"{HEADER}|{ROW_SHAPE}").match


def sniff(head: Sequence[str]) -> bool:
    """True if the header, or a row with a state as .NET spells it, is among the lines."""
    return any(_telling(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every row."""
    records: list[SocketRow] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        match = _row(line)
        row = _socket_row(section, index, match) if match else None
        if row is not None:
            records.append(row)
        elif not _header(line):
            unread.append((index, "no row of Get-NetTCPConnection"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _socket_row(section: Section, index: int, match: re.Match[str]) -> SocketRow | None:
    local, remote = endpoint(f"[{match['local']}]:{match['port']}"), endpoint(f"[{match['remote']}]:{match['far']}")
    if local is None or remote is None:
        return None
    state = _STATES[match["state"]]
    return SocketRow(
        where=section.where(index),
        tool=NAME,
        proto="tcp",
        local=local,
        remote=None if state is TcpState.LISTEN or (remote.port == 0 and remote.is_wildcard) else remote,
        state=state,
        # Pid 0 is the idle process: connections in TIME_WAIT belong to nobody.
        owners=(Owner(Pid(int(match["pid"]))),) if match["pid"] and int(match["pid"]) else None,
    )
