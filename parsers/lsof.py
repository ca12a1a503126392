r"""lsof of Linux and macOS (4.7x to 4.99), table form: ``lsof``, ``-i``, ``-nP``, ``-p``, ``-K``, ``-R``, ``-g``, ``-Tqs``.

    COMMAND   PID     USER   FD   TYPE    DEVICE SIZE/OFF NODE NAME
    java    27836   tomcat 1712r  IPv4 844147418      0t0  TCP 10.0.0.26:webcache->10.0.0.149:60494 (CLOSE_WAIT)
    java     1493     root    7u  IPv6    173374      0t0  TCP *:38090 (LISTEN)
    java     1493     root   30u  sock       0,8      0t0 173999 protocol: TCPv6

DEVICE of an IPv4 or IPv6 row is the socket's inode on Linux and a kernel pointer on macOS; a ``sock`` row has the inode in NODE. COMMAND
escapes blanks (``my\x20prog``), so it is one token. Descriptors from 10,000 on are printed as ``*345u`` (the last three digits).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import pyparsing as pp

from parsers.endpoint import endpoint
from parsers.grammar import tcp_state
from parsers.records import Inode, OpenFile, Owner, Parsed, Pid, SocketRow, TcpState
from parsers.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "lsof"

HEADER: Final = r"(?:(?:lsof:[ ]|[ ]+Output information may be|[ ]+assuming[ ])[^\n]*\n)*COMMAND[ ]+PID[ ][^\n]*\bNAME[ ]*$"
ROW_SHAPE: Final = r"\S+[ ]+\d+[ ][^\n]*[ ](?:IPv4|IPv6)[ ]+\S+[ ]+\S+[ ]+(?:TCP|UDP)[ ]"

_ANY_COLUMNS = r"(?:\d+\s++(?:\S++\s++)??)??(?:\d+\s++){0,2}?"  # without a header: TID, TASKCMD, PPID and PGID may or may not be there


def socket_row(columns: str) -> pp.Regex:
    """The grammar of a row with endpoints; ``columns`` matches what stands between PID and USER."""
    return pp.Regex(
        rf"(?P<command>\S++)\s++(?P<pid>\d{{1,10}})\s++{columns}(?P<user>\S++)\s++(?P<fd>[*\d]\d{{0,9}})(?P<mode>[rwu]?)[a-zA-Z-]?\s++"
        r"(?P<type>IPv4|IPv6|inet|inet6)\s++(?:(?=\S*?[,;x])\S++\s++)??(?P<device>\S++)\s++(?:\S++\s++)??"
        r"(?P<proto>TCP|UDP|UDPLITE|TCPv6|UDPv6|SCTP|ICMP)\s++(?P<name>\S++)(?:\s++\((?P<tail>.*)\))?\s*$"
    )


def file_row(columns: str) -> pp.Regex:
    """The grammar of any other row."""
    return pp.Regex(
        rf"(?P<command>\S++)\s++(?P<pid>\d{{1,10}})\s++{columns}(?P<user>\S++)\s++"
        r"(?P<fd>[*\d]\d*[rwu]?[a-zA-Z-]?|(?:cwd|rtd|txt|mem|DEL|ltx|err|NOFD|jld|Lnn|m\d+|pd|tr|mmap)(?:-\w)?)\s++"
        r"(?P<type>\S++)\s++(?P<rest>.*\S)\s*$"
    )


@lru_cache(maxsize=16)
def grammars(header: tuple[str, ...]) -> tuple[pp.Regex, pp.Regex]:
    """The grammars of both kinds of row below this header. Process rows of ``-K`` leave TID and TASKCMD blank."""
    columns = r"(?:\d+\s++(?:\S++\s++)?)??" if "TID" in header else ""
    columns += r"\d+\s++" * sum(name in header for name in ("PPID", "PGID"))
    return socket_row(columns), file_row(columns)


SOCKET_ROW = socket_row(_ANY_COLUMNS)
FILE_ROW = file_row(_ANY_COLUMNS)
_socket_row = SOCKET_ROW.re.match

_path = re.compile(r"(?:^|.*?\s)(?P<path>/.*)").match
_LONGEST_INODE: Final = 18  # digits; more is no inode but damage
_HEADER = re.compile(r"COMMAND\s+PID\b")
_REMARK = re.compile(r"lsof: |\s+Output information may be incomplete|\s*dev=|\s+assuming ")
_TCP_QUEUES = re.compile(r"(?P<state>[A-Z_0-9]*)\s*(?:QR=(?P<recv>\d{1,18}))?\s*(?:QS=(?P<send>\d{1,18}))?")
_SOCK_REST = re.compile(r"\S+\s+\S+\s+(?P<inode>\d{1,18})\s+(?P<name>.*(?:protocol:|can't identify protocol).*)")


def sniff(head: Sequence[str]) -> bool:
    """True if lsof's header or a socket row is among the lines."""
    return any(_HEADER.match(line) or _socket_row(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every row: sockets with endpoints as :class:`SocketRow`, all else as :class:`OpenFile`.

    With ``-K`` every descriptor is listed once per thread; equal rows of one pid and inode are told apart later, by inode.
    """
    records: list[SocketRow | OpenFile] = []
    unread: list[tuple[int, str]] = []
    read = 0
    socket, file = SOCKET_ROW.re.match, FILE_ROW.re.match
    for index, line in section.rows():
        match = socket(line)
        record = (_socket(section, index, match) if match else None) or ((other := file(line)) and _file(section, index, other))
        if record:
            records.append(record)
            read += 1
        elif _HEADER.match(line):
            socket, file = (grammar.re.match for grammar in grammars(tuple(line.split())))
            read += 1
        elif _REMARK.match(line):
            read += 1
        else:
            unread.append((index, "no lsof row"))
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _socket(section: Section, index: int, match: re.Match[str]) -> SocketRow | None:
    near, arrow, far = match["name"].partition("->")
    local = endpoint(near)
    remote = endpoint(far) if arrow else None
    if local is None or (arrow and remote is None):
        return None
    queues = _TCP_QUEUES.match(match["tail"] or "")
    state = tcp_state(queues["state"]) if queues and queues["state"] else None
    fd = match["fd"]
    device = match["device"]
    return SocketRow(
        where=section.where(index),
        tool=NAME,
        proto=match["proto"][:3].lower(),
        local=local,
        remote=None if state is TcpState.LISTEN else remote,
        state=state,
        recv_q=int(queues["recv"]) if queues and queues["recv"] else None,
        send_q=int(queues["send"]) if queues and queues["send"] else None,
        owners=(Owner(Pid(int(match["pid"])), _unescape(match["command"]), int(fd) if fd.isdecimal() else None),),
        user=match["user"],
        inode=Inode(int(device)) if device.isdecimal() and len(device) <= _LONGEST_INODE else None,
    )


def _file(section: Section, index: int, match: re.Match[str]) -> OpenFile:
    rest = match["rest"]
    sock = _SOCK_REST.match(rest) if match["type"] in {"sock", "IPv4", "IPv6"} else None
    return OpenFile(
        where=section.where(index),
        tool=NAME,
        pid=Pid(int(match["pid"])),
        command=_unescape(match["command"]),
        fd=match["fd"],
        kind=match["type"],
        target=sock["name"] if sock else _target(rest),
        inode=Inode(int(sock["inode"])) if sock else None,
    )


def _target(rest: str) -> str:
    """NAME: the path, else what follows DEVICE, SIZE/OFF and NODE. ``-s`` and deleted files leave cells blank, paths may hold blanks."""
    path = _path(rest)
    return path["path"] if path else rest.split(None, 3)[-1]


def _unescape(command: str) -> str:
    r"""``my\x20prog`` → ``my prog``: lsof escapes what is not printable or would break the column."""
    if "\\x" not in command:
        return command
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda hit: chr(int(hit[1], 16)), command)
