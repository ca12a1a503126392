"""netstat of macOS and the BSDs: ``netstat -an``, ``-anv``, ``-W``, ``-l``. The port stands behind the last dot.

    Active Internet connections (including servers)
    Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)
    tcp4      58      0  10.0.0.26.8080         10.0.0.149.60494       CLOSE_WAIT
    tcp6       0      0  2001:db8:85a3::8.8080  2001:db8:85a3::8.60494 ESTABLISHED
    tcp46      0      0  *.8080                 *.*                    LISTEN
    udp4       0      0  *.5353                 *.*

Written after ``inet.c`` of Apple's network_cmds and of FreeBSD, not captured here. Without ``-W`` and ``-l`` an address is cut at 16 characters, and what
it makes with the port is cut at the column's width, which takes digits off a port in the narrow columns of ``-A``: a cut address is marked,
a port that may be cut is left out. ``-v`` adds pid and, since macOS 14, the process's name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from parsers.records import Endpoint, Owner, Parsed, Pid, SocketRow, TcpState
from parsers.records.shows import Shows
from parsers.text.endpoint import endpoint
from parsers.text.grammar import tcp_state
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "netstat_bsd"
SHOWS: Final = frozenset({Shows.SOCKETS})

_COLUMNS: Final = r"(?:(?:Socket|Tcpcb|PCB)[ ]+)?Proto[ ]+Recv-Q[ ]+Send-Q[ ]+Local Address[ ]+Foreign Address[ ]+\(state\)"
HEADER: Final = rf"(?:Active Internet connections[^\n]*\n)?{_COLUMNS}"
ROW_SHAPE: Final = r"(?:[0-9a-f]{8,16}[ ]+)?(?:tcp|udp)(?:4|6|46)?[ ]+\d+[ ]+\d+[ ]+(?!src=)(?=\S*\.[\w*-]+[ ])(?!\S*:[\w*-]+[ ])\S++[ ]+(?=\S*\.[\w*-]+(?:[ ]|$))\S"

ROW = lazy(
    r"\s{0,3}(?:[0-9a-f]{8,16}\s+)?(?P<proto>tcp|udp)(?:4|6|46)?\s+(?P<recv>\d{1,18})\s+(?P<send>\d{1,18})\s+"
    r"(?P<local>\S+\.[\w*-]+)\s+(?P<remote>\S+\.[\w*-]+)(?P<rest>(?:\s.*)?)$"
)
_row = ROW.match
_header = lazy(_COLUMNS).match
# Tables of other kinds, which macOS and the BSDs print below: UNIX sockets, kernel control and event sockets, ICMP and raw sockets.
_banner = lazy(
    r"Active (?:Internet|Multipath|LOCAL|UNIX|kernel)|Registered kernel control modules|Address\s+Type\s+Recv-Q|[0-9a-f]{8,16}\s+(?:stream|dgram|seqpac)\S*\s"
    r"|(?:icm|ip|div|raw)\w{0,3}\s+\d+\s+\d+\s|id\s+flags\s+pcbcount\b|\s*[0-9a-f]{1,8}\s+[0-9a-f]{1,8}\s+\d+\s+\d+\s+\d+\s+[\w.:-]+\s*$"
    r"|Proto\s+Recv-Q\s+Send-Q\s+(?:vendor|unit)\b|(?:kevt|kctl)\s+\d+\s+\d+\s"
).match
_telling = lazy(ROW_SHAPE).match
_process = lazy(r"(?P<name>\S.{0,200}?):(?P<pid>\d{1,10})(?:\s|$)").search

_HOST_WIDTH: Final = 16
"""Characters that ``inetprint`` leaves of a host."""
_COLUMN_WIDTH: Final = 22
_LONGEST_PORT: Final = 5


class _Layout(NamedTuple):
    """What the header says: the width of an address column, and the names of the columns behind the state."""

    width: int = _COLUMN_WIDTH
    columns: tuple[str, ...] = ()


def sniff(head: Sequence[str]) -> bool:
    """True if a header with ``(state)`` is among the lines, or a row whose ports stand behind dots."""
    return any(_header(line.lstrip()) or _telling(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every row; what is no row or header is counted as unread."""
    records: list[SocketRow] = []
    unread: list[tuple[int, str]] = []
    read = 0
    layout = _Layout()
    matches = [(index, line, _row(line)) for index, line in section.rows()]
    wide = any(len(match[end].rpartition(".")[0]) > _HOST_WIDTH for _, _, match in matches if match for end in ("local", "remote"))
    for index, line, match in matches:
        row = _socket_row(section, index, match, layout, wide=wide) if match else None
        if row:
            records.append(row)
        elif _header(line.lstrip()):
            layout = _layout(line)
        elif not _banner(line):
            unread.append((index, "an address or state that netstat does not print" if match else "no netstat row"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _layout(header: str) -> _Layout:
    width = header.find("Foreign Address") - header.find("Local Address") - 1
    columns = header.partition("(state)")[2].split()
    return _Layout(width if width > _HOST_WIDTH else _COLUMN_WIDTH, tuple(columns))


def _socket_row(section: Section, index: int, match: re.Match[str], layout: _Layout, *, wide: bool) -> SocketRow | None:
    local, remote = (_endpoint(match[end], layout.width, wide=wide) for end in ("local", "remote"))
    if local is None or remote is None:
        return None
    word, _, rest = match["rest"].strip().partition(" ")
    state = tcp_state(word)
    if state is None:
        rest = match["rest"].strip()
        if match["proto"] == "tcp" and word and not word[0].isdigit():
            return None
    everyone = remote.port is None and remote.service is None and remote.is_wildcard
    return SocketRow(
        where=section.where(index),
        tool=NAME,
        proto=match["proto"],
        local=local,
        remote=None if state is TcpState.LISTEN or everyone else remote,
        state=state,
        recv_q=int(match["recv"]),
        send_q=int(match["send"]),
        owners=_owners(rest, layout.columns),
    )


def _endpoint(text: str, width: int, *, wide: bool) -> Endpoint | None:
    """``10.0.0.26.8080``; the last dot is the port's. ``truncated`` if the host fills all the room that netstat gives it."""
    host, _, port = text.rpartition(".")
    found = endpoint(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    if found is None:
        return None
    numeric = re.fullmatch(r"\d{1,3}(?:\.\d{1,3}){3}", host) is not None
    cut_host = not wide and not numeric and len(host) == _HOST_WIDTH
    cut_port = not wide and len(text) == width and len(port) < _LONGEST_PORT
    return Endpoint(
        found.host,
        None if cut_port else found.port,
        port if cut_port else found.service,
        truncated=cut_host or cut_port,
    )


def _owners(rest: str, columns: tuple[str, ...]) -> tuple[Owner, ...] | None:
    """The process of ``-v``: a column ``pid``, or ``process:pid``, where names may hold blanks. Pid 0 is the kernel: nobody holds the socket."""
    if "process:pid" in columns:
        match = _process(rest)
        if match is None:
            return None
        # The numbers in front of the name are the columns before it.
        name = match["name"].split(None, columns.index("process:pid"))[-1]
        return (Owner(Pid(int(match["pid"])), name),)
    cells = rest.split()
    if "pid" not in columns or len(cells) <= columns.index("pid"):
        return None
    cell = cells[columns.index("pid")]
    return (Owner(Pid(int(cell))),) if cell.isascii() and cell.isdigit() and len(cell) < len(str(10**10)) and int(cell) else None
