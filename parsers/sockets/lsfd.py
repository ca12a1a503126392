r"""lsfd of util-linux (2.38 and later), as a table and as JSON (``-J``).

    COMMAND   PID USER  ASSOC MODE TYPE SOURCE MNTID      INODE NAME
    python3  6043 root    cwd  ---  DIR    vda     0    5308479 /srv/app
    python3  6043 root      3  rw- SOCK sockfs    10     761505 TCP:[761505]
    python3  6043 root      5  rw-  TCP sockfs    10     761507 state=close_wait laddr=127.0.0.1:45511 raddr=127.0.0.1:53122
    python3  6043 root    251  -w- FIFO pipefs    16     759291 pipe:[759291]

Version 2.38 (captured here) names a socket by protocol and inode; from 2.39 on (lsfd(1), not captured) the name is its state and
addresses. INODE is the socket's own in both: it joins with ss and netstat. Columns are the user's choice (``-o``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from parsers.records import Inode, OpenFile, Owner, Parsed, Pid, SocketRow, TcpState
from parsers.records.shows import Shows
from parsers.text.endpoint import endpoint
from parsers.text.grammar import tcp_state
from parsers.text.json_lines import Document, JsonObject
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import number

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence

NAME: Final = "lsfd"
SHOWS: Final = frozenset({Shows.SOCKETS})

_TABLE: Final = r"COMMAND[ ]+(?:TID[ ]+)?PID[ ][^\n]*\bASSOC[ ][^\n]*\bNAME[ ]*$"
HEADER: Final = rf"{_TABLE}|\{{\s*\"lsfd\":[ ]*\["
ROW_SHAPE: Final = HEADER

_CELLS: Final = {name: rf"(?P<{name.lower()}>\S+)" for name in ("COMMAND", "USER", "ASSOC", "MODE", "XMODE", "TYPE", "SOURCE")} | {
    "PID": r"(?P<pid>\d{1,10})",
    "INODE": r"(?P<inode>\d{1,18})",
}
_header = lazy(_TABLE).match
_begins = lazy(r"\s*\{\s*\"lsfd\":").match
_NAME = lazy(r"state=(?P<state>[\w-]+)(?: laddr=(?P<local>\S+))?(?: raddr=(?P<remote>\S+))?")
_PROTOCOLS: Final = {"TCP": "tcp", "TCPv6": "tcp", "UDP": "udp", "UDPv6": "udp", "UDP-LITE": "udplite", "UDPLITEv6": "udplite"}


@lru_cache(maxsize=64)
def row(columns: tuple[str, ...]) -> re.Pattern[str]:
    """The grammar of a row under these column headings; a cell that lsfd leaves blank is found by no grammar."""
    cells = [_CELLS.get(name, r"\S+") if columns.index(name) == at else r"\S+" for at, name in enumerate(columns[:-1])]
    return lazy(r"\s*" + r"\s+".join([*cells, r"(?P<name>\S.*?)\s*$"]))


ROW = row(("COMMAND", "PID", "USER", "ASSOC", "MODE", "TYPE", "SOURCE", "MNTID", "INODE", "NAME"))


def sniff(head: Sequence[str]) -> bool:
    """True if lsfd's column headings are among the lines, or its JSON begins here."""
    return any(_header(line) for line in head) or _begins("\n".join(head[:3])) is not None


def parse(section: Section) -> Parsed:
    """Read every descriptor; namespaces and mappings of a process are descriptors here, too."""
    if _begins("\n".join([line for line in section.lines[:6] if line][:3])):
        return _json(section)
    records: list[SocketRow | OpenFile] = []
    unread: list[tuple[int, str]] = []
    read = 0
    match_row = ROW.match
    for index, line in section.rows():
        if _header(line):
            match_row = row(tuple(line.split())).match
        elif match := match_row(line):
            records.append(_record(section, index, index, match.groupdict()))
        else:
            unread.append((index, "no row of lsfd"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)


def _json(section: Section) -> Parsed:
    document = Document(section.lines)
    odd = [(index, "no JSON") for index in document.odd if section.lines[index] and not section.lines[index].isspace()]
    gaps, elisions = leftovers(section, odd)
    files = document.root.objects("lsfd") if isinstance(document.root, JsonObject) else []
    records = [
        _record(section, file.first, file.last, {key: None if file[key] is None else str(file[key]) for key in file}) for file in files
    ]
    return Parsed((*records, *elisions), section.nonblank - len(odd) + len(elisions), gaps)


def _record(section: Section, first: int, last: int, cells: Mapping[str, str | None]) -> SocketRow | OpenFile:
    kind, name, command = cells.get("type") or "", cells.get("name") or "", cells.get("command")
    pid, inode, assoc = number(cells.get("pid")), number(cells.get("inode")), cells.get("assoc") or ""
    found = _NAME.match(name)
    protocol = _PROTOCOLS.get(kind)
    local = endpoint(found["local"]) if found and found["local"] else None
    if found and protocol and local is not None and pid is not None:
        state = tcp_state(found["state"]) if protocol == "tcp" else None
        return SocketRow(
            where=section.where(first, last),
            tool=NAME,
            proto=protocol,
            local=local,
            remote=endpoint(found["remote"]) if found["remote"] and state is not TcpState.LISTEN else None,
            state=state,
            owners=(Owner(Pid(pid), command, number(assoc)),),
            user=cells.get("user"),
            inode=None if inode is None else Inode(inode),
        )
    is_socket = kind == "SOCK" or protocol is not None
    return OpenFile(
        where=section.where(first, last),
        tool=NAME,
        pid=None if pid is None else Pid(pid),
        command=command,
        fd=assoc,
        kind=kind,
        target=name,
        inode=Inode(inode) if is_socket and inode is not None else None,
    )
