r"""Connections by process as macOS' ``nettop`` prints them, in columns and with ``-L`` in commas.

                                                    interface           state        bytes_in       bytes_out
    Quillpost.4410                                                                       91840           77120
        tcp4 192.168.7.20:51044<->203.0.113.9:443              en0       CloseWait            6100            1210
    12:00:01.1,tcp6 fe80::1%en0.51046<->fe80::2%en0.8443,en0,Established,120,80

The owner stands above its connections, with its pid behind the last dot. There are no queues: macOS shows those in ``netstat -an``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Endpoint, Owner, Parsed, Pid, SocketRow, TcpState
from parsers.records.shows import Shows
from parsers.text.endpoint import endpoint
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

NAME: Final = "nettop"
SHOWS: Final = frozenset({Shows.SOCKETS})

_CLOCK: Final = r"(?:\d\d:\d\d:\d\d(?:\.\d{1,9})?,)?"
_CONNECTION: Final = r"(?:tcp|udp)[46][ ][^\s,<]{1,70}<->"
HEADER: Final = r"(?:time,,|[ ]{0,200})interface[ ,]+state[ ,]+(?:bytes_in|rx_|tx_|priority)[^\n]*$"
ROW_SHAPE: Final = rf"{_CLOCK}[ ]{{0,12}}{_CONNECTION}"
_row = lazy(
    rf"[ \t]{{0,200}}{_CLOCK}[ \t]{{0,20}}(?P<proto>(?:tcp|udp)[46])\s(?P<local>[^\s,<]{{1,70}})<->(?P<remote>[^\s,]{{1,70}})(?P<rest>.*)$"
).match
_owner = lazy(rf"\s*{_CLOCK}(?P<command>[^\s,][^\n,]{{0,60}}?)\.(?P<pid>\d{{1,7}})(?=\s*$|\s{{2,}}[\d.-]|,)").match
_head = lazy(r"(?=[^\n]{0,200}\binterface\b)(?=[^\n]{0,300}\bstate\b)[\w ,()./]{1,400}$").match
_state = lazy(
    r"[\s,](?P<state>Established|CloseWait|SynSent|SynReceived|FinWait1|FinWait2|TimeWait|Closing|LastAck|Listen|Closed)(?=[\s,]|$)"
).search
_STATES: Final = {
    "Established": TcpState.ESTABLISHED,
    "CloseWait": TcpState.CLOSE_WAIT,
    "SynSent": TcpState.SYN_SENT,
    "SynReceived": TcpState.SYN_RECV,
    "FinWait1": TcpState.FIN_WAIT1,
    "FinWait2": TcpState.FIN_WAIT2,
    "TimeWait": TcpState.TIME_WAIT,
    "Closing": TcpState.CLOSING,
    "LastAck": TcpState.LAST_ACK,
    "Listen": TcpState.LISTEN,
    "Closed": TcpState.CLOSE,
}


def sniff(head: Sequence[str]) -> bool:
    """True if two ends with the tool's arrow between them are among the lines."""
    return any("<->" in line and _row(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every connection, with the process that stands above it."""
    records: list[SocketRow] = []
    unread: list[tuple[int, str]] = []
    owner: Owner | None = None
    read = 0
    for index, line in section.rows():
        match = _row(line) if "<->" in line else None
        if match is not None:
            row = _socket(section, index, match, owner)
            records += [row] if row is not None else []
        elif (found := _owner(line)) is not None:
            owner = Owner(Pid(int(found["pid"])), found["command"])
        elif not _head(line):
            unread.append((index, "no row of nettop"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _socket(section: Section, index: int, match: re.Match[str], owner: Owner | None) -> SocketRow | None:
    """A connection of TCP; None for UDP's, which have no state."""
    local = _end(match["local"], match["proto"])
    if local is None or match["proto"].startswith("udp"):
        return None
    remote = _end(match["remote"], match["proto"])
    state = _state(match["rest"])
    listens = state is not None and state["state"] == "Listen"
    return SocketRow(
        where=section.where(index),
        tool=NAME,
        proto="tcp",
        local=local,
        remote=None if listens else remote,
        state=_STATES[state["state"]] if state is not None else None,
        owners=(owner,) if owner is not None else None,
    )


def _end(text: str, proto: str) -> Endpoint | None:
    """``192.168.7.20:51044``; of IPv6 the port stands behind a dot."""
    if proto.endswith("6") and "." in text:
        host, _, port = text.rpartition(".")
        return endpoint(f"[{host}]:{port}" if host != "*" else f"*:{port}")
    return endpoint(text)
