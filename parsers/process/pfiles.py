"""``pfiles PID`` of Solaris and illumos: the process, its limit of descriptors, and what each descriptor is.

    2207:   /opt/relay/bin/relayd -f /etc/relayd.conf
      Current rlimit: 256 file descriptors
       0: S_IFCHR mode:0666 dev:302,0 ino:6815752 uid:0 gid:3 rdev:13,2
          O_RDWR
          /devices/pseudo/mm@0:null
       4: S_IFSOCK mode:0666 dev:309,0 ino:18311 uid:0 gid:0 size:0
          O_RDWR|O_NONBLOCK
            SOCK_STREAM
            sockname: AF_INET 10.0.0.26  port: 7070
            peername: AF_INET 10.0.0.9  port: 49212

A piece of it is read as well: the command above names the process (``pfiles 2207 | grep -A3 ' 4:'``). Written after illumos' ``pfiles.c``, not captured here. Sockets have no state here,
which ``netstat`` prints and without a process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Endpoint, Limit, OpenFile, Owner, Parsed, Pid, ProcessRow, SocketRow
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "pfiles"
SHOWS: Final = frozenset({Shows.PROCESS})

HEADER: Final = r"\d{1,10}:[ \t]+/[^\n]*\n[ \t]*Current rlimit: \d"
ROW_SHAPE: Final = r"[ \t]+Current rlimit: (?:\d{1,10}|unlimited) file descriptors[ \t]*$|[ \t]{0,8}\d{1,7}: S_IFSOCK mode:0\d{1,6} dev:"
_process = lazy(r"(?P<pid>\d{1,10}):\s+(?P<command>[^\s:][^\n]*?)\s*$").match
_limit = lazy(r"\s*Current rlimit: (?P<limit>\d{1,10}|unlimited) file descriptors\s*$").match
_prompt = lazy(r"\bpfiles\s+(?:-\w+\s+)*(?P<pid>\d{1,10})\b").search
_end = lazy(r"\s+(?P<which>sock|peer)name: AF_INET6? (?:::ffff:)?(?P<host>[\da-fA-F.:]{2,45})\s+port: (?P<port>\d{1,5})\s*$").match
_file = lazy(r"\s*(?P<fd>\d{1,7}): S_IF(?P<kind>[A-Z]{2,5})\b").match
_detail = lazy(r"\s+(?:O_[A-Z]|SOCK_|SO_|AF_|sockname:|peername:|FD_|advisory|/|congestion|peer:|offset:)").match


def sniff(head: Sequence[str]) -> bool:
    """True if the limit that pfiles prints, or a socket with its mode, is among the lines."""
    return any(_limit(line) or ((match := _file(line)) and match["kind"] == "SOCK") for line in head)


def parse(section: Section) -> Parsed:
    """Read the process, its limit and its descriptors."""
    records: list[ProcessRow | Limit | OpenFile | SocketRow] = []
    unread: list[tuple[int, str]] = []
    read = 0
    asked = _prompt(section.prompt or "")
    pid: Pid | None = Pid(int(asked["pid"])) if asked else None
    near: Endpoint | None = None
    proto = "tcp"
    for index, line in section.rows():
        if match := _process(line):
            pid = Pid(int(match["pid"]))
            records.append(ProcessRow(where=section.where(index), pid=pid, command=match["command"]))
        elif match := _limit(line):
            soft = None if match["limit"] == "unlimited" else int(match["limit"])
            records.append(Limit(section.where(index), "Max open files", soft, None, "files"))
        elif match := _file(line):
            proto = "tcp"
            kind = "socket" if match["kind"] == "SOCK" else match["kind"]
            records.append(OpenFile(where=section.where(index), tool=NAME, pid=pid, command=None, fd=match["fd"], kind=kind, target=kind))
        elif match := _end(line):
            end = Endpoint(match["host"], int(match["port"]))
            last = records[-1] if records else None
            if match["which"] == "peer" and near is not None and pid is not None and isinstance(last, OpenFile):
                owner = Owner(pid, None, int(last.fd))
                records[-1] = SocketRow(
                    where=last.where,
                    tool=NAME,
                    proto=proto,
                    local=near,
                    remote=end,
                    state=None,
                    owners=(owner,),
                )
            near = end if match["which"] == "sock" else None
        elif "SOCK_DGRAM" in line:
            proto = "udp"
        elif not _detail(line):
            unread.append((index, "no line of pfiles"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), read + len(elisions), gaps)
