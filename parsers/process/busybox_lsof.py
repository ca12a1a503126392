"""lsof of BusyBox, as containers have it: pid, program and target of each descriptor, nothing else.

    863     /opt/java/bin/java      /dev/null
    863     /opt/java/bin/java      socket:[289332]
    863     /opt/java/bin/java      anon_inode:[eventpoll]

The number in ``socket:[N]`` is the inode that joins a descriptor with a row of /proc/net/tcp. Descriptors' own numbers are not printed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Inode, OpenFile, Parsed, Pid
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "busybox_lsof"
SHOWS: Final = frozenset({Shows.PROCESS})

HEADER: Final = r"(?!)"
ROW_SHAPE: Final = r"\d{1,10}[ \t]+/\S{1,200}[ \t]+(?:/|(?:socket|pipe|net|mnt):\[|anon_inode:)"
ROW = lazy(r"(?P<pid>\d{1,10})\s+(?P<program>/\S+)\s+(?P<target>(?:/|(?:socket|pipe|net|mnt):\[|anon_inode:)[^\n]*?)\s*$")
_row = ROW.match
_scheme = lazy(r"(?P<kind>socket|pipe|net|mnt|anon_inode):").match
_socket = lazy(r"socket:\[(?P<inode>\d{1,18})\]").match


def sniff(head: Sequence[str]) -> bool:
    """True if a row of pid, path of a program and target is among the lines."""
    return any(_row(line) for line in head)


def parse(section: Section) -> Parsed:
    """Every descriptor of every process."""
    records: list[OpenFile] = []
    unread: list[tuple[int, str]] = []
    for index, line in section.rows():
        match = _row(line)
        if match is None:
            unread.append((index, "no row of BusyBox' lsof"))
            continue
        target = match["target"]
        scheme, socket = _scheme(target), _socket(target)
        records.append(
            OpenFile(
                where=section.where(index),
                tool=NAME,
                pid=Pid(int(match["pid"])),
                command=match["program"].rpartition("/")[2],
                fd="",
                kind=scheme["kind"] if scheme else "file",
                target=target,
                inode=Inode(int(socket["inode"])) if socket else None,
            )
        )
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions), len(records) + len(elisions), gaps)
