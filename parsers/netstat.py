"""netstat of Linux (net-tools 1.60 to 2.10), with and without ``-n -t -o -p -a -e -W``, and BusyBox.

    Active Internet connections (w/o servers)
    Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name     Timer
    tcp6      58      0 127.0.0.1:38090         127.0.0.1:33320         CLOSE_WAIT  1493/java            keepalive (7194.90/0/0)
    tcp        0      0 10.0.0.5:51044          db01:postgresql         ESTABLISHED -                    off (0.00/0/0)

Column order with every option (net-tools ``netstat.c``): Proto Recv-Q Send-Q Local Foreign State User Inode PID/Program Timer. Widths
are minimums, headers and some states are translated, so a row is read by its shape: five tokens from the left, the timer from the
right, and what is left between them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pyparsing as pp

from parsers.endpoint import endpoint
from parsers.grammar import NETSTAT_TIMER, netstat_timer, tcp_state
from parsers.records import Endpoint, Inode, Owner, Parsed, Pid, SocketRow, TcpState, Timer
from parsers.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "netstat"

ROW = pp.Regex(
    r"\s{0,3}(?P<proto>tcp|udp|udpl|sctp|raw|dccp)(?P<family>[46]?)\s+(?P<recv>\d{1,18})\s+(?P<send>\d{1,18})\s+"
    r"(?P<local>(?=\S+?[:.]\S)\S++)\s+(?P<remote>(?=\S+?[:.]\S)\S++)(?P<rest>.*)$"
)
_row = ROW.re.match
_timer = re.compile(rf"(?:^|\s){NETSTAT_TIMER.pattern}\s*$").search
_user_inode = re.compile(r"(?P<user>[^\s/]+)\s+(?P<inode>\d{1,18})(?:\s+|$)").match
_owner = re.compile(r"(?P<pid>\d{1,10})/(?P<command>.*\S)").match

_HEADER = re.compile(
    r"Active (?:Internet|UNIX)|Proto\s+Recv-Q|Aktive Internet|Connexions Internet|Conexões Internet|Aktivní Internet|稼働中"
)
# Without root, netstat says so on stderr: in a terminal or with 2>&1 that stands above the table and belongs to it.
_NOT_ROOT: Final = r"(?:\((?:Not all processes|No info could be read)[^\n]*\n(?:[ ]will not be shown[^\n]*\n)?)*"
HEADER: Final = _NOT_ROOT + r"Active Internet connections[^\n]*(?:\n[ ]*Proto[ ]+Recv-Q[^\n]*)?|[ ]*Proto[ ]+Recv-Q[ ]+Send-Q"
# The state belongs to a tcp row's shape: "ss -a state close-wait" prints the same row without one. A port behind a dot is BSD's.
ROW_SHAPE: Final = r"[ ]{0,3}(?:tcp[46]?[ ]+\d+[ ]+\d+[ ]+(?!\S*\.[\w*]+[ ]+\S*\.)\S++[ ]+\S++[ ]+[^\W\da-z]{4}|udp[46]?[ ]+\d+[ ]+\d+[ ]+(?!\S*\.[\w*]+[ ]+\S*\.)\S+?[:.]\S++[ ]+\S+?[:.]\S)"
_telling_row = re.compile(ROW_SHAPE).match
_BSD = re.compile(r"Recv-Q\s+Send-Q\s.*\(state\)|Rexmit\s+OOORcv|Rwind")
_UNIX_ROW = re.compile(r"unix\s+\d+\s+\[|Proto\s+RefCnt|Active UNIX")
_REMARK = re.compile(r"\(?(?:Not all processes|No info could be read|will not be shown|.*you would have to be root)", re.IGNORECASE)


def sniff(head: Sequence[str]) -> bool:
    """True if a row of the shape ``tcp 0 0 addr:port addr:port STATE`` or netstat's header is among the lines."""
    return any(_telling_row(line) or _HEADER.match(line) for line in head) and not any(_BSD.search(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every row; what is no row, header or known remark is counted as unread."""
    records: list[SocketRow] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        match = _row(line)
        if match:
            row = _socket_row(section, index, match)
            if row:
                records.append(row)
                read += 1
            else:
                unread.append((index, "an address or state that netstat does not print"))
        elif _HEADER.match(line.lstrip()) or _REMARK.match(line.lstrip()) or _UNIX_ROW.match(line):
            read += 1
        else:
            unread.append((index, "no netstat row"))
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _socket_row(section: Section, index: int, match: re.Match[str]) -> SocketRow | None:
    local, remote = endpoint(match["local"]), endpoint(match["remote"])
    if local is None or remote is None:
        return None
    state, rest = _state(match["rest"])
    if state is None and match["proto"] == "tcp":
        return None
    timer, rest = _take_timer(rest)
    user, inode, owners = _identity(rest)
    listening = state is TcpState.LISTEN
    return SocketRow(
        where=section.where(index),
        tool=NAME,
        proto=match["proto"],
        local=local,
        remote=None if listening or _is_any(remote) else remote,
        state=state,
        recv_q=int(match["recv"]),
        send_q=int(match["send"]),
        owners=owners,
        user=user,
        inode=inode,
        timer=timer,
    )


def _is_any(remote: Endpoint) -> bool:
    return remote.port is None and remote.service is None and remote.is_wildcard


def _state(rest: str) -> tuple[TcpState | None, str]:
    """Split the state off; udp rows mostly have none."""
    word, *tail = rest.split(None, 1) or [""]
    state = tcp_state(word)
    return (state, "".join(tail)) if state else (None, rest)


def _take_timer(rest: str) -> tuple[Timer | None, str]:
    match = _timer(rest)
    if not match:
        return None, rest
    return netstat_timer(match["kind"], match["left"], match["retransmits"], match["probes"]), rest[: match.start()]


def _identity(rest: str) -> tuple[str | None, Inode | None, tuple[Owner, ...] | None]:
    """User, inode and owner from what stands between state and timer: ``[user inode] [pid/program]``.

    A ``-`` says nothing: not root, not yet accepted, or an orphan. Program names may hold blanks.
    """
    user: str | None = None
    inode: Inode | None = None
    rest = rest.strip()
    if match := _user_inode(rest):
        user, inode, rest = match["user"], Inode(int(match["inode"])), rest[match.end() :]
    owner = _owner(rest)
    return user, inode, (Owner(Pid(int(owner["pid"])), owner["command"]),) if owner else None
