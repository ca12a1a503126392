r"""The machine form of lsof: ``lsof -F`` (a field a line) and ``-F0`` (fields end in NUL, a line for each process and each descriptor).

    p1493
    cjava
    u0
    Lroot
    f7
    au
    tIPv6
    d173374
    PTCP
    n10.0.0.26:8080->10.0.0.149:60494
    TST=CLOSE_WAIT
    TQR=1
    TQS=0
    f30
    tsock
    i173999
    nprotocol: TCPv6

The letter says what the rest is (``lsof.h``, ``LSOF_FID_*``); p begins a process, f a descriptor. Descriptors from 10,000 on are cut here, too (``*345``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Inode, OpenFile, Owner, Parsed, Pid, SocketRow, TcpState
from parsers.records.shows import Shows
from parsers.text.endpoint import endpoint
from parsers.text.grammar import tcp_state
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "lsof_fields"
SHOWS: Final = frozenset({Shows.SOCKETS})

_PROCESS: Final = r"p\d{1,10}(?:\x00|\n(?:[gRKMcuLZ][^\n]{0,200}\n){0,9}f[^\n]{1,8}\n)"
# Nothing begins a new output: every process begins like the first.
HEADER: Final = r"(?!)"
ROW_SHAPE: Final = rf"{_PROCESS}|f\d{{1,6}}\n(?:[al][ rwuN]?\n){{0,2}}t(?:IPv[46]|REG|sock|FIFO|CHR|a_inode|unix)\n"

FIELD = lazy(r"(?P<key>[pgRKMcuLZfaltDdsoinrPTkNGm])(?P<value>[^\n\0]*)$")
_field = FIELD.match
_process = lazy(r"p(?P<pid>\d{1,10})$").match
_telling = lazy(r"p\d{1,10}\x00").match
_begins = lazy(ROW_SHAPE).match
_sock = lazy(r"(?:protocol: |can't identify protocol)").match


def sniff(head: Sequence[str]) -> bool:
    """True if the lines begin with a process and a descriptor, or a process ends in NUL."""
    return any(_telling(line) for line in head) or _begins("\n".join((*head[:16], ""))) is not None


def parse(section: Section) -> Parsed:
    """Read every descriptor: sockets with endpoints as :class:`SocketRow`, all else as :class:`OpenFile`."""
    reader = _Reader(section)
    unread: list[tuple[int, str]] = []
    read = 0
    for index, line in section.rows():
        fields = [match for part in line.split("\0") if part for match in [_field(part)]]
        known = [match for match in fields if match is not None]
        if not known or len(known) < len(fields):
            unread.append((index, "no field of lsof"))
            continue
        for match in known:
            reader.take(index, match["key"], match["value"])
        read += 1
    reader.close()
    gaps, elisions = leftovers(section, unread)
    return Parsed((*reader.records, *elisions), read + len(elisions), gaps)


class _Reader:
    """The process and the descriptor whose fields are being read."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.records: list[SocketRow | OpenFile] = []
        self.pid: Pid | None = None
        self.process: dict[str, str] = {}
        self.file: dict[str, str] = {}
        self.first = self.last = 0

    def take(self, index: int, key: str, value: str) -> None:
        """Take a field."""
        if key == "p":
            self.close()
            self.pid = Pid(int(value)) if _process(f"p{value}") else None
            self.process = {}
        elif key == "f":
            self.close()
            self.file = {"f": value}
            self.first = self.last = index
        elif self.file:
            if key == "T":
                key, _, value = value.partition("=")
                key = f"T{key}"
            self.file[key] = value
            self.last = index
        else:
            self.process[key] = value

    def close(self) -> None:
        """End the descriptor that is open."""
        if self.file:
            record = self._socket() or self._open_file()
            self.records.append(record)
        self.file = {}

    def _socket(self) -> SocketRow | None:
        file, pid = self.file, self.pid
        protocol = file.get("P", "")
        if pid is None or not protocol.startswith(("TCP", "UDP")):
            return None
        near, arrow, far = file.get("n", "").partition("->")
        local, remote = endpoint(near), endpoint(far) if arrow else None
        if local is None or (arrow and remote is None):
            return None
        state = tcp_state(file["TST"]) if "TST" in file else None
        descriptor = file["f"]
        return SocketRow(
            where=self.section.where(self.first, self.last),
            tool=NAME,
            proto=protocol[:3].lower(),
            local=local,
            remote=None if state is TcpState.LISTEN else remote,
            state=state,
            recv_q=_number(file.get("TQR")),
            send_q=_number(file.get("TQS")),
            owners=(Owner(pid, self.process.get("c"), _number(descriptor)),),
            user=self.process.get("L") or self.process.get("u"),
            inode=_inode(file.get("d")),
        )

    def _open_file(self) -> OpenFile:
        file = self.file
        name = file.get("n", "")
        return OpenFile(
            where=self.section.where(self.first, self.last),
            tool=NAME,
            pid=self.pid,
            command=self.process.get("c"),
            fd=file["f"],
            kind=file.get("t", ""),
            target=name,
            inode=_inode(file.get("i")) if _sock(name) else None,
        )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < len(str(10**18)) else None


def _inode(text: str | None) -> Inode | None:
    """The socket's inode; macOS has a kernel pointer (``0x…``) in its place."""
    number = _number(text)
    return None if number is None else Inode(number)
