"""netstat of Windows: ``netstat -ano``, ``-anob``, ``-an``, in any language.

    Active Connections

      Proto  Local Address          Foreign Address        State           PID
      TCP    0.0.0.0:8080           0.0.0.0:0              LISTENING       4321
      TCP    10.0.0.26:8080         10.0.0.149:60494       CLOSE_WAIT      4321
     [java.exe]
      TCP    [::1]:49669            [::]:0                 LISTENING       732
      RpcSs
     [svchost.exe]
      UDP    0.0.0.0:123            *:*                                    1234

Written after Microsoft's documentation, not captured here. There are no queues. Some languages translate the state; a row to port 0 listens whatever the
word. ``-b`` prints the program below its row, a service's component between them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import Owner, Parsed, Pid, SocketRow, TcpState
from parsers.records.shows import Shows
from parsers.text.endpoint import endpoint
from parsers.text.grammar import tcp_state
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "netstat_windows"
SHOWS: Final = frozenset({Shows.SOCKETS})

# Each language has its own words for the columns; what they have in common is Proto, and blanks between columns but within a title.
_COLUMNS: Final = (
    r"[ ]{1,4}[^\W\d_][\w.]{3,10}[ ]{2,}[^\W\d_][^\n:]{2,30}[ ]{2,}[^\W\d_][^\n:]{2,30}[ ]{2,}[^\W\d_][^\n:]{1,20}(?:[ ]{2,}PID)?[ ]*\n"
)
ROW_SHAPE: Final = r"[ ]{0,4}(?:TCP|UDP)[ ]+(?=\S*:[\w-]+[ ])\S++[ ]+\S*:(?:[\w-]+|\*)(?:[ ]|$)"
_BANNERS: Final = (
    "Active Connections",
    "Aktive Verbindungen",
    "Connexions actives",
    "Conexiones activas",
    "Conexões ativas",
    "Connessioni attive",
    "Активные подключения",
    "アクティブな接続",
    "活动连接",
    "使用中連線",
    "활성 연결",
    "Actieve verbindingen",
    "Aktywne połączenia",
    "Etkin Bağlantılar",
    "Aktiva anslutningar",
)
HEADER: Final = (
    rf"(?:(?:{'|'.join(_BANNERS)})[ ]*\n(?:[ ]*\n)*)(?:{_COLUMNS})?"
    rf"|[ ]{{1,4}}Proto[ ]{{2,}}Local Address[ ]+Foreign Address[ ]+State|{_COLUMNS}(?={ROW_SHAPE})"
)

ROW = lazy(
    r"\s{0,6}(?P<proto>TCP|UDP)\s+(?P<local>\S+:(?:\d{1,5}|[\w-]{1,40}))\s+(?P<remote>\S+:(?:\d{1,5}|[\w-]{1,40}|\*))"
    r"(?:\s+(?P<state>[^\W\d]\S*(?: [^\W\d]\S*)?))?"
    r"(?:\s+(?P<pid>\d{1,10}))?(?:\s+(?P<offload>[^\W\d]\S*))?\s*$"
)
_row = ROW.match
_header = lazy(rf"\s*Proto\s+\S+(?:[ ]\S+){{0,3}}\s{{2,}}\S|{_COLUMNS.removesuffix(chr(92) + 'n')}$").match
_telling = lazy(ROW_SHAPE).match
_program = lazy(r"\s?\[(?P<name>[^\[\]]{1,260})\]\s*$").match
# "RpcSs", "Dnscache": the service inside svchost. And the sentence of a system process, in any language, ends in no bracket.
_component = lazy(r"\s{1,2}[A-Za-z][\w.-]{1,60}\s*$").match
_remark = lazy(r"\s{1,2}(?:Can not obtain ownership information|x: Windows Sockets initialization failed)").match


def sniff(head: Sequence[str]) -> bool:
    """True if a row of the shape ``  TCP    addr:port    addr:port`` or the header is among the lines."""
    return any(_telling(line) or re.match(HEADER, line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every row, with the program of ``-b`` that stands below it."""
    records: list[SocketRow] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        if match := _row(line):
            row = _socket_row(section, index, match)
            if row is None:
                unread.append((index, "an address that netstat does not print"))
                continue
            records.append(row)
        elif records and (program := _program(line)):
            _name(records, program["name"])
        elif not (line.strip() in _BANNERS or _header(line) or _remark(line) or (records and _component(line))):
            unread.append((index, "no netstat row"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _socket_row(section: Section, index: int, match: re.Match[str]) -> SocketRow | None:
    local, remote = endpoint(match["local"]), endpoint(match["remote"])
    if local is None or remote is None:
        return None
    state = _state(match["state"], listens=remote.port == 0) if match["proto"] == "TCP" else None
    everyone = state is None and remote.service is None and remote.port in {None, 0} and remote.is_wildcard
    return SocketRow(
        where=section.where(index),
        tool=NAME,
        proto=match["proto"].lower(),
        local=local,
        remote=None if state is TcpState.LISTEN or everyone else remote,
        state=state,
        # Pid 0 is the idle process: connections in TIME_WAIT belong to nobody.
        owners=(Owner(Pid(int(match["pid"])), None),) if match["pid"] and int(match["pid"]) else None,
    )


def _state(word: str | None, *, listens: bool) -> TcpState | None:
    """The state; UNKNOWN for a translation that is not known."""
    if listens:
        return TcpState.LISTEN
    if word is None:
        return None
    return tcp_state(word.replace("ẞ", "SS")) or TcpState.UNKNOWN


def _name(records: list[SocketRow], name: str) -> None:
    """Give the last row's owner its command."""
    last = records[-1]
    if last.owners and last.owners[0].command is None:
        records[-1] = replace(last, owners=(replace(last.owners[0], command=name),))
