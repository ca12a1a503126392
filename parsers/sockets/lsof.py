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
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from parsers.records import Endpoint, OpenFile, Owner, Parsed, Pid, SocketRow, TcpState, Where
from parsers.records.places import to_inode, to_pid
from parsers.records.shows import Shows
from parsers.text.endpoint import Ends, Hosts, endpoint, is_v4, port_of
from parsers.text.excerpts import cut_off
from parsers.text.grammar import tcp_state
from parsers.text.one_pass import Rows, Usual
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "lsof"
SHOWS: Final = frozenset({Shows.SOCKETS})
_LISTEN: Final = TcpState.LISTEN
_Tail: TypeAlias = tuple[TcpState | None, int | None, int | None]
_Holder: TypeAlias = tuple[Pid, str, str, tuple[Owner, ...]]

HEADER: Final = (
    r"(?:(?:lsof:[ ]|[ ]+Output information may be|[ ]+assuming[ ])[^\n]*\n)*COMMAND[ ]+PID[ ](?![^\n]*[ ]ASSOC[ ])[^\n]*\bNAME[ ]*$"
)
ROW_SHAPE: Final = (
    r"\S++[ ]+\d+[ ]++(?:\S++[ ]++){1,7}?(?:IPv[46][ ]+\S+[ ]+\S+[ ]+(?:TCP|UDP)[ ]"
    r"|(?:[*\d]\d*[rwu][a-zA-Z-]?|cwd|rtd|txt|mem|DEL)[ ]+(?:REG|DIR|CHR|FIFO|sock|a_inode|unix)[ ]+(?:\d|0x))"
)

_ANY_COLUMNS = r"(?:\d+\s++(?:\S++\s++)??)??(?:\d+\s++){0,2}?"  # without a header: TID, TASKCMD, PPID and PGID may or may not be there

_LONGEST_INODE: Final = 18  # digits; more is no inode but damage
_LONGEST_PID: Final = 10
_CUT: Final = -1
_MOST_FDS: Final = 4096  # a thousand endings, a few letters, and names: damage may make more
_FD = r"(?P<fd>[*\d]\d{0,9})[rwu]?[a-zA-Z-]?"
_OTHER_FD = r"cwd|rtd|txt|mem|DEL|ltx|err|NOFD|jld|Lnn|m\d+|pd|tr|mmap"


def socket_row(columns: str) -> re.Pattern[str]:
    """The grammar of any row with endpoints."""
    return re.compile(
        rf"(?P<command>\S++)\s++(?P<pid>\d{{1,10}})\s++{columns}(?P<user>\S++)\s++{_FD}\s++"
        r"(?P<type>IPv4|IPv6|inet|inet6)\s++(?:(?=\S*?[,;x])\S++\s++)??(?P<device>\S++)\s++(?:\S++\s++)??"
        r"(?P<proto>TCP|UDP|UDPLITE|TCPv6|UDPv6|SCTP|ICMP)\s++(?P<name>\S++)(?:\s++\((?P<tail>.*)\))?\s*$"
    )


def file_row(columns: str) -> re.Pattern[str]:
    """The grammar of any other row."""
    return re.compile(
        rf"(?P<command>\S++)\s++(?P<pid>\d{{1,10}})\s++{columns}(?P<user>\S++)\s++"
        rf"(?P<fd>[*\d]\d*[rwu]?[a-zA-Z-]?|(?:{_OTHER_FD})(?:-\w)?)\s++"
        r"(?P<type>\S++)\s++(?P<rest>.*\S)\s*$"
    )


@lru_cache(maxsize=16)
def grammars(columns: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """The grammars of rows with endpoints and of all others, with these columns between PID and USER."""
    return socket_row(columns), file_row(columns)


def columns_of(header: Sequence[str]) -> str:
    """What matches the columns between PID and USER; empty for the usual header. Process rows of ``-K`` leave TID and TASKCMD blank."""
    columns = r"(?:\d+\s++(?:\S++\s++)?)??" if "TID" in header else ""
    return columns + r"\d+\s++" * sum(name in header for name in ("PPID", "PGID"))


SOCKET_ROW = socket_row(_ANY_COLUMNS)
FILE_ROW = file_row(_ANY_COLUMNS)
_socket_row = SOCKET_ROW.match
_telling_row = re.compile(ROW_SHAPE).match
_fd = re.compile(rf"(?:(?P<number>\d{{1,9}})|\*\d{{1,9}})[rwu]?[a-zA-Z-]?\Z|(?:{_OTHER_FD})(?:-\w)?\Z").match

_INTERNET: Final = frozenset({"IPv4", "IPv6", "inet", "inet6"})
_PROTOCOLS: Final = {"TCP": "tcp", "UDP": "udp"}
_SOCKETS: Final = frozenset({"sock", "IPv4", "IPv6"})
_HEADER = re.compile(r"COMMAND\s+PID\b(?!.*\s(?:ASSOC|MODE)\s)")  # lsfd has ASSOC for FD, lslocks MODE
_REMARK = re.compile(r"lsof: |\s+Output information may be incomplete|\s*dev=|\s+assuming ")
_TCP_QUEUES = re.compile(r"(?P<state>[A-Z_0-9]*)\s*(?:QR=(?P<recv>\d{1,18}))?\s*(?:QS=(?P<send>\d{1,18}))?")
_PIPE: Final = "FIFO"
_PIPE_REST = re.compile(r"\S+\s+\S+\s+(?P<inode>\d{1,18})\s+pipe\s*$")
"""A pipe without a name has its inode in NODE, by which both of its ends are known."""
_SOCK_REST = re.compile(r"\S+\s+\S+\s+(?P<inode>\d{1,18})\s+(?P<name>.*(?:protocol:|can't identify protocol).*)")


_deleted_row = lazy(
    r"(?:\S+\s+){3,8}?V?REG\s+(?P<device>\S{1,30})\s+(?P<size>\d{1,18})\s+(?:\d{1,6}\s+)?(?P<node>\d{1,20})\s+/[^\n]*\(deleted\)\s*$"
).match


def size_of_deleted(line: str) -> tuple[str, int] | None:
    """Of a row of a deleted file: what tells it from other files (device and inode), and its bytes; None where the row has no size."""
    match = _deleted_row(line)
    return (f"{match['device']} {match['node']}", int(match["size"])) if match is not None else None


def sniff(head: Sequence[str]) -> bool:
    """True if lsof's header or a row with a type that only lsof prints is among the lines."""
    return any(_HEADER.match(line) or _socket_row(line) or _telling_row(line) for line in head)


def is_remark(line: str) -> bool:
    """True for a warning that lsof prints above its table."""
    return _REMARK.match(line) is not None


def parse(section: Section) -> Parsed:
    """Read every row: sockets with endpoints as :class:`SocketRow`, all else as :class:`OpenFile`.

    With ``-K`` every descriptor is listed once per thread; equal rows of one pid and inode are told apart later, by inode.
    """
    reader = _Reader(section)
    records: list[SocketRow | OpenFile] = []
    unread: list[tuple[int, str]] = []
    read = 0
    rows = Rows(section, lambda: _usual(reader, records))
    for index, line in rows:
        record = reader.row(index, line)
        if record is not None:
            records.append(record)
        elif _HEADER.match(line):
            reader.header(line)
            rows.switch(on=reader.plain)
        elif not _REMARK.match(line):
            unread.append((index, "no lsof row"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions, *cut_off(section)), rows.read + read + len(elisions), gaps)


def _usual(reader: _Reader, records: list[Any]) -> Usual | None:
    from parsers.sockets.kernel import reader_of  # noqa: PLC0415 - for large tables only

    return reader_of(NAME, reader, records)


class _Reader:
    """One pass over a table. Cells that stand in many rows are read, and held in memory, once."""

    def __init__(self, section: Section) -> None:
        self.section, self.file, self.first = section, section.file, section.first
        self.hosts, self.ends = Hosts(), Ends()
        self.plain = True
        self.socket, self.other = SOCKET_ROW.match, FILE_ROW.match
        self.holders: dict[tuple[str, str, str], _Holder] = {}
        self.fds: dict[str, int] = {}
        self.cells: dict[str, str] = {}
        self.tails: dict[str, _Tail] = {}

    def header(self, line: str) -> None:
        """The columns of the rows below."""
        columns = columns_of(line.split())
        self.plain = not columns
        self.socket, self.other = (grammar.match for grammar in grammars(columns))

    def row(self, index: int, line: str) -> SocketRow | OpenFile | None:
        """The record of a row, None if the line is none.

        Nearly every row is taken apart at its blanks, each of its cells looked up; what has an unusual one is left to the grammars.
        """
        cells = line.split(None, 5)
        if len(cells) < 6 or not self.plain or line[0].isspace():  # noqa: PLR2004 - as many as are named below
            return self.rare(index, line)
        command, pid, user, fd, kind, rest = cells
        holder = self.holders.get((command, pid, user)) or self.holder(command, pid, user)
        # Whose number is cut has one of a thousand; the others differ from row to row, and are converted rather than looked up.
        digits = fd[:-1]
        number = int(digits) if digits.isdecimal() and fd[-1] in "urw" and len(fd) < _LONGEST_PID else self.fds.get(fd) or self.fd(fd)
        if holder is None or number is None:
            return self.rare(index, line)
        if kind not in _INTERNET:
            return self.open_file(index, holder[0], holder[1], fd, kind, rest.rstrip())
        cells = rest.split(None, 4)
        if len(cells) == 5:  # noqa: PLR2004 - as many as are named below
            device, _, node, name, text = cells
        elif len(cells) == 4:  # noqa: PLR2004 - a UDP socket has no state
            (device, _, node, name), text = cells, ""
        else:
            return self.rare(index, line)
        tail = self.tails.get(text) or self.tail(text)
        near, arrow, far = name.partition("->")
        if not arrow and "&" in near:
            return None  # HTML's &gt;: it is no host's name
        local = self.ends.get(near) or self.ends.one(near)
        remote = self.far(far) if arrow else None
        inode = to_inode(device) if device.isdecimal() and len(device) <= _LONGEST_INODE else None
        if local is None or tail is None or node not in _PROTOCOLS or (arrow and remote is None) or (inode is None and device[:2] != "0x"):
            return self.rare(index, line)
        state, recv_q, send_q = tail
        place = self.first + index
        return SocketRow(
            where=Where(self.file, place, place),
            tool=NAME,
            proto=_PROTOCOLS[node],
            local=local,
            remote=None if state is _LISTEN else remote,
            state=state,
            recv_q=recv_q,
            send_q=send_q,
            owners=holder[3] if number == _CUT else (Owner(holder[0], holder[1], number),),
            user=holder[2],
            inode=inode,
        )

    def near(self, text: str) -> Endpoint | None:
        """The near end of a usual row; None for what is none, and for HTML's &gt;."""
        return None if "&" in text else self.ends.get(text) or self.ends.one(text)

    def far(self, text: str) -> Endpoint | None:
        """The far end ``10.0.0.149:60494``; None for what is none."""
        host, _, port = text.rpartition(":")
        number = port_of(port)
        if number is not None and (known := self.hosts.get(host) or (host if is_v4(host) and self.hosts.one(host) else None)):
            return Endpoint(known, number)
        return endpoint(text)

    def holder(self, command: str, pid: str, user: str) -> _Holder | None:
        """Pid, command and user, and the process as the owner of a descriptor whose number is cut; None if the second cell is no pid."""
        if not (pid.isdecimal() and len(pid) <= _LONGEST_PID):
            return None
        number, name = to_pid(pid), _unescape(command)
        known = self.holders[command, pid, user] = number, name, user, (Owner(number, name),)
        return known

    def fd(self, text: str) -> int | None:
        """The number of a descriptor; _CUT for one that is cut (``*345u``) or has none (``cwd``); None if the cell is no such thing."""
        match = _fd(text)
        if match is None:
            return None
        if match["number"]:
            return int(match["number"])
        return self.fds.setdefault(text, _CUT) if len(self.fds) < _MOST_FDS else _CUT

    def rare(self, index: int, line: str) -> SocketRow | OpenFile | None:
        """A row with tabs, flags of the file, blank cells, other protocols; None if the line is none."""
        if (match := self.socket(line)) is not None:
            near, arrow, far = match["name"].partition("->")
            if "&" in near:
                return None
            local, remote = endpoint(near), endpoint(far) if arrow else None
            if local is not None and (remote is not None or not arrow):
                state, recv_q, send_q = _tail(match["tail"] or "")
                fd, device = match["fd"], match["device"]
                owner = Owner(to_pid(match["pid"]), _unescape(match["command"]), int(fd) if fd.isdecimal() else None)
                return SocketRow(
                    where=self.section.where(index),
                    tool=NAME,
                    proto=match["proto"][:3].lower(),
                    local=local,
                    remote=None if state is _LISTEN else remote,
                    state=state,
                    recv_q=recv_q,
                    send_q=send_q,
                    owners=(owner,),
                    user=match["user"],
                    inode=to_inode(device) if device.isdecimal() and len(device) <= _LONGEST_INODE else None,
                )
            return None  # what is left of an address is no file
        if match := self.other(line):
            pid, command, whole, kind, rest = match.group("pid", "command", "fd", "type", "rest")
            return self.open_file(index, to_pid(pid), _unescape(command), whole, kind, rest)
        return None

    def tail(self, text: str) -> _Tail | None:
        """What ``(CLOSE_WAIT)`` behind the name says, nothing where it is not there; None for other words."""
        bare = text.rstrip()
        if bare and not (bare.startswith("(") and bare.find(")") == len(bare) - 1):
            return None
        known = self.tails[text] = _tail(bare[1:])
        return known

    def open_file(self, index: int, pid: Pid, command: str, fd: str, kind: str, rest: str) -> OpenFile:
        """The record of any other row."""
        sock = _SOCK_REST.match(rest) if kind in _SOCKETS else None
        pipe = _PIPE_REST.match(rest) if kind == _PIPE else None
        place = self.first + index
        return OpenFile(
            where=Where(self.file, place, place),
            tool=NAME,
            pid=pid,
            command=command,
            fd=fd,
            kind=self.cells.setdefault(kind, kind),
            target=sock["name"] if sock else _target(rest),
            inode=to_inode(sock["inode"]) if sock else to_inode(pipe["inode"]) if pipe else None,
        )


def _tail(text: str) -> _Tail:
    """State and queues: ``CLOSE_WAIT QR=19 QS=0``, as far as ``-T`` asked for them."""
    queues = _TCP_QUEUES.match(text)
    recv, send = (int(queues[name]) if queues and queues[name] else None for name in ("recv", "send"))
    return tcp_state(queues["state"]) if queues and queues["state"] else None, recv, send


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
