r"""JSON of lsof 4.99.7 and later: ``-J`` (one object with all processes) and ``-j`` (an object a line for each descriptor).

    {"pid":1493,"command":"java","uid":0,"login":"root","fd":"7","access":"u","type":"IPv6","device":"173374","offset":"0","protocol":"TCP","name":"*:38090","tcp_info":{"state":"LISTEN"}}
    {"pid":1493,"command":"java","uid":0,"login":"root","fd":"30","access":"u","type":"sock","device_number":"0x8","inode":"173999","name":"protocol: TCPv6"}

Written after ``json_print_file`` and ``json_print_proc_fields`` of lsof's ``print.c``, not captured here. These first versions print ``name`` only where
the kernel gave lsof a path: an Internet socket has none, so its addresses are missing. Such a descriptor is kept with its inode,
which ss and netstat print with the addresses. Descriptors are whole numbers here, however large.
"""

from __future__ import annotations

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
    from collections.abc import Iterator, Sequence

NAME: Final = "lsof_json"
SHOWS: Final = frozenset({Shows.SOCKETS})

HEADER: Final = r"\{\s*\"lsof_version\":"
ROW_SHAPE: Final = r"\{\"pid\":[ ]?\d{1,10},[^\n]{0,400}\"fd\":[ ]?\""

_begins = lazy(HEADER).match
_row = lazy(ROW_SHAPE).match
_INTERNET: Final = frozenset({"TCP", "UDP"})
_gone = lazy(r"(?:protocol: |can't identify protocol)").match


def sniff(head: Sequence[str]) -> bool:
    """True if the lines begin with lsof's version, or hold a descriptor with its process."""
    return any(_row(line) for line in head) or _begins("\n".join(head[:3])) is not None


def parse(section: Section) -> Parsed:
    """Read every descriptor; a text that ends early gives those up to there."""
    document = Document(section.lines, many=True)
    odd = [(index, "no JSON") for index in document.odd if section.lines[index] and not section.lines[index].isspace()]
    gaps, elisions = leftovers(section, odd)
    records = [_record(section, process, file) for process, file in _files(document)]
    return Parsed((*records, *elisions), section.nonblank - len(odd) + len(elisions), gaps)


def _files(document: Document) -> Iterator[tuple[JsonObject, JsonObject]]:
    """Each descriptor with what is said of its process: inside it (``-J``) or in the same object (``-j``)."""
    for root in document.roots:
        if isinstance(root, JsonObject):
            if "fd" in root:
                yield root, root
            for process in root.objects("processes"):
                for file in process.objects("files"):
                    yield process, file


def _record(section: Section, process: JsonObject, file: JsonObject) -> SocketRow | OpenFile:
    kind, name, protocol = (file.text(key) or "" for key in ("type", "name", "protocol"))
    pid, descriptor = number(process.get("pid")), file.text("fd") or ""
    command, device = process.text("command"), number(file.get("device"))
    near, arrow, far = name.partition("->")
    local, remote = endpoint(near), endpoint(far) if arrow else None
    if protocol in _INTERNET and pid is not None and local is not None and (remote is not None or not arrow):
        info = file.inner("tcp_info")
        state = tcp_state(info.text("state") or "")
        return SocketRow(
            where=section.where(file.first, file.last),
            tool=NAME,
            proto=protocol.lower(),
            local=local,
            remote=None if state is TcpState.LISTEN else remote,
            state=state,
            recv_q=number(info.get("recv_queue")),
            send_q=number(info.get("send_queue")),
            owners=(Owner(Pid(pid), command, number(descriptor)),),
            user=process.text("login"),
            inode=None if device is None else Inode(device),
        )
    inode = number(file.get("inode")) if _gone(name) else device if protocol in _INTERNET else None
    return OpenFile(
        where=section.where(file.first, file.last),
        tool=NAME,
        pid=None if pid is None else Pid(pid),
        command=command,
        fd=descriptor + (file.text("access") or ""),
        kind=kind,
        target=name or protocol,
        inode=None if inode is None else Inode(inode),
    )
