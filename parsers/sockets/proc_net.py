"""``/proc/net/tcp``, ``tcp6``, ``udp``, ``udp6`` (also below ``/proc/PID``): the kernel's own table, in hexadecimal.

      sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
       0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1159 1 00000000c195f70f 100 0 0 10 0
       1: 0100007F:80F8 0100007F:94CA 06 00000000:00000000 03:00001532 00000000     0        0 0 3 0000000069da8af2

Printed by ``tcp_ipv4.c``, ``tcp_ipv6.c`` and ``udp.c``. Addresses are 32-bit words in the host's byte order, read here as
little-endian (x86, ARM). For LISTEN rows rx_queue counts the connections that wait to be accepted. Time is in USER_HZ, 100 a second.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.records import Inode, Parsed, SocketRow, TcpState, Timer, TimerKind
from parsers.records.shows import Shows
from parsers.text.endpoint import hex_endpoint
from parsers.text.grammar import HEX_STATES
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "proc_net"
SHOWS: Final = frozenset({Shows.SOCKETS})

HEADER: Final = r"[ ]{0,6}sl[ ]+local_address[ ]+rem(?:ote)?_address[ ]"
_PART: Final = (
    r"(?:\d{1,7}: )?(?P<local>[0-9A-F]{8}|[0-9A-F]{32}):(?P<lport>[0-9A-F]{4})[ \t]+(?P<remote>[0-9A-F]{8}|[0-9A-F]{32}):(?P<rport>[0-9A-F]{4})[ \t]+"
    r"(?P<st>0[1-9A-C])(?:[ \t]+(?P<tx>[0-9A-F]{8}):(?P<rx>[0-9A-F]{8}))?"
)
ROW_SHAPE: Final = r"[ ]*(?:\d+:[ ])?[0-9A-F]{8,32}:[0-9A-F]{4}[ \t]{1,4}[0-9A-F]{8,32}:[0-9A-F]{4}[ \t]{1,4}[0-9A-F]{2}(?![0-9A-Fa-f])"

ROW = re.compile(
    r"\s*\d+: (?P<local>[0-9A-F]{8}|[0-9A-F]{32}):(?P<lport>[0-9A-F]{4}) (?P<remote>[0-9A-F]{8}|[0-9A-F]{32}):(?P<rport>[0-9A-F]{4}) "
    r"(?P<st>[0-9A-F]{2}) (?P<tx>[0-9A-F]{8,16}):(?P<rx>[0-9A-F]{8,16}) (?P<tr>[0-9A-F]{2}):(?P<when>[0-9A-F]{8,16}) "
    r"(?P<retr>[0-9A-F]{8,16})"
    r"\s+(?P<uid>\d+)\s+(?P<probes>\d{1,18})\s+(?P<inode>\d{1,18})(?P<rest>(?:\s+\S+)*)\s*$"
)
_row = ROW.match
_part = re.compile(rf"\s*{_PART}(?:[ \t]+(?:[.…]{{1,6}}|[0-9A-Fa-f:]{{1,20}}))*\s*$").match
"""A row of which columns were left out: what was copied of a pipeline, or fitted a message."""
_header = re.compile(r"\s*sl\s+local_address\s+rem(?:ote)?_address\s").match

_TIMERS: Final = (TimerKind.OFF, TimerKind.RETRANSMIT, TimerKind.KEEPALIVE, TimerKind.TIME_WAIT, TimerKind.PROBE)
_USER_HZ: Final = 100
_UDP_FIELDS_AFTER_INODE: Final = 3
"""``ref pointer drops``; a TCP row has two there (time wait) or seven."""


def sniff(head: Sequence[str]) -> bool:
    """True if the kernel's header or a row is among the lines."""
    return any(_header(line) or _row(line) or _part(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every row."""
    records: list[SocketRow] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        match = _row(line)
        if match:
            records.append(_socket_row(section, index, match))
            read += 1
        elif _header(line):
            read += 1
        elif match := _part(line):
            records.append(_partial(section, index, match))
            read += 1
        else:
            unread.append((index, "no row of /proc/net"))
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _partial(section: Section, index: int, match: re.Match[str]) -> SocketRow:
    """A row without its last columns: of TCP, for a table of UDP is not copied so. What was left out is not known."""
    state = HEX_STATES[match["st"]]
    remote = hex_endpoint(match["remote"], match["rport"])
    return SocketRow(
        where=section.where(index),
        tool=NAME,
        proto="tcp",
        local=hex_endpoint(match["local"], match["lport"]),
        remote=None if state is TcpState.LISTEN or (remote.is_wildcard and not remote.port) else remote,
        state=state,
        recv_q=int(match["rx"], 16) if match["rx"] else None,
        send_q=int(match["tx"], 16) if match["tx"] else None,
    )


def _socket_row(section: Section, index: int, match: re.Match[str]) -> SocketRow:
    udp = len(match["rest"].split()) == _UDP_FIELDS_AFTER_INODE
    state: TcpState | None = HEX_STATES.get(match["st"], TcpState.UNKNOWN)
    if udp and state is TcpState.CLOSE:
        state = None
    kind = int(match["tr"], 16)
    remote = hex_endpoint(match["remote"], match["rport"])
    return SocketRow(
        where=section.where(index),
        tool=NAME,
        proto="udp" if udp else "tcp",
        local=hex_endpoint(match["local"], match["lport"]),
        remote=None if state is TcpState.LISTEN or (remote.is_wildcard and not remote.port) else remote,
        state=state,
        recv_q=int(match["rx"], 16),
        send_q=int(match["tx"], 16),
        user=match["uid"],
        inode=Inode(int(match["inode"])),
        timer=Timer(
            _TIMERS[kind] if kind < len(_TIMERS) else TimerKind.UNKNOWN,
            int(match["when"], 16) / _USER_HZ,
            int(match["retr"], 16),
            int(match["probes"]),
        ),
    )
