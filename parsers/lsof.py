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
from typing import TYPE_CHECKING, Final, TypeAlias

import pyparsing as pp

from parsers.endpoint import LAST_PORT, V4_ENDPOINT, Hosts, endpoint
from parsers.grammar import tcp_state
from parsers.places import to_inode, to_pid
from parsers.records import Endpoint, OpenFile, Owner, Parsed, Pid, SocketRow, TcpState, Where
from parsers.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "lsof"
_LISTEN: Final = TcpState.LISTEN
_Tail: TypeAlias = tuple[TcpState | None, int | None, int | None]

HEADER: Final = (
    r"(?:(?:lsof:[ ]|[ ]+Output information may be|[ ]+assuming[ ])[^\n]*\n)*COMMAND[ ]+PID[ ](?![^\n]*[ ]ASSOC[ ])[^\n]*\bNAME[ ]*$"
)
ROW_SHAPE: Final = (
    r"\S++[ ]+\d+[ ]++(?:\S++[ ]++){1,7}?(?:IPv[46][ ]+\S+[ ]+\S+[ ]+(?:TCP|UDP)[ ]"
    r"|(?:[*\d]\d*[rwu][a-zA-Z-]?|cwd|rtd|txt|mem|DEL)[ ]+(?:REG|DIR|CHR|FIFO|sock|a_inode|unix)[ ]+(?:\d|0x))"
)

_ANY_COLUMNS = r"(?:\d+\s++(?:\S++\s++)??)??(?:\d+\s++){0,2}?"  # without a header: TID, TASKCMD, PPID and PGID may or may not be there

_LONGEST_INODE: Final = 18  # digits; more is no inode but damage
_FD = r"(?P<fd>[*\d]\d{0,9})[rwu]?[a-zA-Z-]?"
_OTHER_FD = r"cwd|rtd|txt|mem|DEL|ltx|err|NOFD|jld|Lnn|m\d+|pd|tr|mmap"


def row(columns: str) -> pp.Regex:
    """The grammar of nearly every row; ``columns`` matches what stands between PID and USER. The other two are for the rest."""
    return pp.Regex(
        rf"(?P<command>[^ ]+) +(?P<pid>\d{{1,10}}) +{columns}(?P<user>[^ ]+) +"
        rf"(?P<whole>(?:(?P<fd>\d{{1,9}})|\*\d{{1,9}})[rwu]?[a-zA-Z-]?|(?:{_OTHER_FD})(?:-\w)?) +(?P<type>\S+) +"
        rf"(?:(?:(?P<inode>\d{{1,{_LONGEST_INODE}}})|0x\w+) +(?:\S+ +)?(?P<proto>TCP|UDP) +(?P<local>[^\s>]*[^\s>-])"
        rf"(?:->(?:{V4_ENDPOINT}|(?P<remote>\S+)))?(?: \((?P<tail>[^)]*)\))?|(?P<rest>.*\S)) *$"
    )


def socket_row(columns: str) -> pp.Regex:
    """The grammar of any row with endpoints."""
    return pp.Regex(
        rf"(?P<command>\S++)\s++(?P<pid>\d{{1,10}})\s++{columns}(?P<user>\S++)\s++{_FD}\s++"
        r"(?P<type>IPv4|IPv6|inet|inet6)\s++(?:(?=\S*?[,;x])\S++\s++)??(?P<device>\S++)\s++(?:\S++\s++)??"
        r"(?P<proto>TCP|UDP|UDPLITE|TCPv6|UDPv6|SCTP|ICMP)\s++(?P<name>\S++)(?:\s++\((?P<tail>.*)\))?\s*$"
    )


def file_row(columns: str) -> pp.Regex:
    """The grammar of any other row."""
    return pp.Regex(
        rf"(?P<command>\S++)\s++(?P<pid>\d{{1,10}})\s++{columns}(?P<user>\S++)\s++"
        rf"(?P<fd>[*\d]\d*[rwu]?[a-zA-Z-]?|(?:{_OTHER_FD})(?:-\w)?)\s++"
        r"(?P<type>\S++)\s++(?P<rest>.*\S)\s*$"
    )


@lru_cache(maxsize=16)
def grammars(header: tuple[str, ...]) -> tuple[pp.Regex, pp.Regex, pp.Regex]:
    """The grammars of rows, of all with endpoints, and of all others, below this header. Process rows of ``-K`` leave TID and TASKCMD blank."""
    columns = r"(?:\d+\s++(?:\S++\s++)?)??" if "TID" in header else ""
    columns += r"\d+\s++" * sum(name in header for name in ("PPID", "PGID"))
    return row(columns), socket_row(columns), file_row(columns)


ROW = row("")
SOCKET_ROW = socket_row(_ANY_COLUMNS)
FILE_ROW = file_row(_ANY_COLUMNS)
_socket_row = SOCKET_ROW.re.match
_telling_row = re.compile(ROW_SHAPE).match

_INTERNET: Final = frozenset({"IPv4", "IPv6", "inet", "inet6"})
_SOCKETS: Final = frozenset({"sock", "IPv4", "IPv6"})
_HEADER = re.compile(r"COMMAND\s+PID\b(?!.*\sASSOC\s)")  # lsfd's has ASSOC for FD
_REMARK = re.compile(r"lsof: |\s+Output information may be incomplete|\s*dev=|\s+assuming ")
_TCP_QUEUES = re.compile(r"(?P<state>[A-Z_0-9]*)\s*(?:QR=(?P<recv>\d{1,18}))?\s*(?:QS=(?P<send>\d{1,18}))?")
_SOCK_REST = re.compile(r"\S+\s+\S+\s+(?P<inode>\d{1,18})\s+(?P<name>.*(?:protocol:|can't identify protocol).*)")


def sniff(head: Sequence[str]) -> bool:
    """True if lsof's header or a row with a type that only lsof prints is among the lines."""
    return any(_HEADER.match(line) or _socket_row(line) or _telling_row(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every row: sockets with endpoints as :class:`SocketRow`, all else as :class:`OpenFile`.

    With ``-K`` every descriptor is listed once per thread; equal rows of one pid and inode are told apart later, by inode.
    """
    reader = _Reader(section)
    records: list[SocketRow | OpenFile] = []
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        record = reader.row(index, line)
        if record is not None:
            records.append(record)
        elif _HEADER.match(line):
            reader.header(line)
        elif not _REMARK.match(line):
            unread.append((index, "no lsof row"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


class _Reader:
    """One pass over a table. Cells that stand in many rows are read, and held in memory, once."""

    def __init__(self, section: Section) -> None:
        self.section, self.file, self.first = section, section.file, section.first
        self.hosts = Hosts()
        self.match, self.socket, self.other = ROW.re.match, SOCKET_ROW.re.match, FILE_ROW.re.match
        self.cells: dict[str, str] = {}
        self.commands: dict[str, str] = {}
        self.pids: dict[str, Pid] = {}
        self.tails: dict[str | None, _Tail] = {}

    def header(self, line: str) -> None:
        """The columns of the rows below."""
        self.match, self.socket, self.other = (grammar.re.match for grammar in grammars(tuple(line.split())))

    def row(self, index: int, line: str) -> SocketRow | OpenFile | None:
        """The record of a row, None if the line is none."""
        match = self.match(line)
        if match is None:
            return self.rare(index, line)
        command, pid, user, whole, fd, kind, inode, proto, near, host, port, far, tail, rest = match.groups()
        if rest is not None:
            return self.rare(index, line) if kind in _INTERNET else self.open_file(index, pid, command, whole, kind, rest)
        local = endpoint(near)
        if host:
            number = int(port)
            remote = Endpoint(self.hosts.get(host) or self.hosts.one(host), number) if number <= LAST_PORT else None
        else:
            remote = endpoint(far) if far else None
        if local is None or kind not in _INTERNET or (remote is None and (host or far)):
            return self.rare(index, line)
        state, recv_q, send_q = self.tails.get(tail) or self.tail(tail)
        line_number = self.first + index
        return SocketRow(
            where=Where(self.file, line_number, line_number),
            tool=NAME,
            proto="tcp" if proto == "TCP" else "udp",
            local=local,
            remote=None if state is _LISTEN else remote,
            state=state,
            recv_q=recv_q,
            send_q=send_q,
            owners=(
                Owner(
                    self.pids.get(pid) or self.pid(pid),
                    self.commands.get(command) or self.command(command),
                    int(fd) if fd else None,
                ),
            ),
            user=self.cells.setdefault(user, user),
            inode=to_inode(inode) if inode else None,
        )

    def rare(self, index: int, line: str) -> SocketRow | OpenFile | None:
        """A row with tabs, flags of the file, blank cells, other protocols; None if the line is none."""
        if match := self.socket(line):
            near, arrow, far = match["name"].partition("->")
            local, remote = endpoint(near), endpoint(far) if arrow else None
            if local is not None and (remote is not None or not arrow):
                state, recv_q, send_q = self.tail(match["tail"])
                fd, device = match["fd"], match["device"]
                return SocketRow(
                    where=self.section.where(index),
                    tool=NAME,
                    proto=match["proto"][:3].lower(),
                    local=local,
                    remote=None if state is _LISTEN else remote,
                    state=state,
                    recv_q=recv_q,
                    send_q=send_q,
                    owners=(Owner(to_pid(match["pid"]), self.command(match["command"]), int(fd) if fd.isdecimal() else None),),
                    user=match["user"],
                    inode=to_inode(device) if device.isdecimal() and len(device) <= _LONGEST_INODE else None,
                )
        if match := self.other(line):
            return self.open_file(index, *match.group("pid", "command", "fd", "type", "rest"))
        return None

    def tail(self, text: str | None) -> _Tail:
        """State and queues: ``CLOSE_WAIT QR=19 QS=0``, as far as ``-T`` asked for them."""
        known = self.tails.get(text)
        if known is None:
            queues = _TCP_QUEUES.match(text or "")
            recv, send = (int(queues[name]) if queues and queues[name] else None for name in ("recv", "send"))
            known = self.tails[text] = tcp_state(queues["state"]) if queues and queues["state"] else None, recv, send
        return known

    def open_file(self, index: int, pid: str, command: str, fd: str, kind: str, rest: str) -> OpenFile:
        """The record of any other row."""
        sock = _SOCK_REST.match(rest) if kind in _SOCKETS else None
        return OpenFile(
            where=self.section.where(index),
            tool=NAME,
            pid=self.pids.get(pid) or self.pid(pid),
            command=self.command(command),
            fd=fd,
            kind=self.cells.setdefault(kind, kind),
            target=sock["name"] if sock else _target(rest),
            inode=to_inode(sock["inode"]) if sock else None,
        )

    def pid(self, text: str) -> Pid:
        """The one copy of a pid."""
        return self.pids.setdefault(text, to_pid(text))

    def command(self, text: str) -> str:
        """The command as the process calls itself."""
        known = self.commands.get(text)
        if known is None:
            known = self.commands[text] = _unescape(text)
        return known


def _target(rest: str) -> str:
    """NAME: the path, else what follows DEVICE, SIZE/OFF and NODE. ``-s`` and deleted files leave cells blank, paths may hold blanks."""
    before, blank, path = rest.partition(" /")
    if blank or before.startswith("/"):
        return f"/{path}" if blank and not before.startswith("/") else rest
    return rest.split(None, 3)[-1]


def _unescape(command: str) -> str:
    r"""``my\x20prog`` → ``my prog``: lsof escapes what is not printable or would break the column."""
    if "\\x" not in command:
        return command
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda hit: chr(int(hit[1], 16)), command)
