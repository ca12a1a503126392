"""``ls -l /proc/PID/fd``: every descriptor of a process as a symbolic link.

    /proc/1493/fd:
    total 0
    lr-x------ 1 root root 64 Nov 23 12:26 0 -> /dev/null
    lrwx------ 1 root root 64 Nov 23 12:27 12 -> anon_inode:[eventpoll]
    lrwx------ 1 root root 64 Nov 23 12:27 14 -> socket:[172931]

The number in ``socket:[N]`` is the inode that ss, ``netstat -e`` and lsof print: it joins a descriptor to a connection. ls prints the path
above the list only if it was given several; else the prompt has it, if anything does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Inode, OpenFile, Parsed, Pid
from parsers.records.shows import Shows
from parsers.text.excerpts import cut_off
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

NAME: Final = "proc_fd"
SHOWS: Final = frozenset({Shows.PROCESS})

HEADER: Final = r"/proc/\d+/(?:task/\d+/)?fd/?:[ ]*$"
_LINK: Final = r"l(?:[r-][w-][x-]){3}\S?[ ]+\d+[ ]+\S+[ ]+\S+[ ]+\d+[ ][^\n]{6,40}?[ ](?:/proc/\d+/fd/)?\d+[ ]->[ ]"
ROW_SHAPE: Final = rf"(?:[^\s\d/]\S{{0,11}}[ ]\d+\n)?(?:d[r-][w-][x-][^\n]*[ ]\.{{1,2}}\n)*{_LINK}"

ROW = lazy(
    r"\s*(?:\d+\s+)?l(?:[r-][w-][x-]){3}\S?\s+\d+\s+(?P<user>\S+)\s+\S+\s+\d+\s+(?P<date>\S.*?)\s(?:/proc/(?P<pid>\d{1,10})/fd/)?(?P<fd>\d+) -> (?P<target>.*\S)\s*$"
)
_row = ROW.match
_heading = lazy(r"\s*/proc/(?P<pid>\d{1,10})/(?:task/\d+/)?fd/?:\s*$").match
_prompt_pids = lazy(r"/proc/(?P<pid>\d{1,10})/(?:fd(?P<folder>/?(?=[\s|;]|$))?)?").finditer
# "total 0" in any language, the folder itself with -a, and links that ls was not allowed to read.
_remark = lazy(r"\s*(?:[^\s\d/]\S* \d+\s*$|d[rwx-]{9}\S?\s.*\s\.{1,2}\s*$|ls: |l(?:[rwx-]{9}|\?{9})\S?\s.*\s\d+\s*$)").match
_scheme = lazy(r"(?P<kind>socket|pipe|anon_inode|net|mnt|pid|user|uts|ipc|time|cgroup):").match
_socket = lazy(r"socket:\[(?P<inode>\d{1,18})\]").match


def sniff(head: Sequence[str]) -> bool:
    """True if a heading ``/proc/PID/fd:`` or a link from a number is among the lines."""
    return any(_heading(line) or _row(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read every link. ``inode`` is set for sockets only: no other inode joins with a socket table."""
    records: list[OpenFile] = []
    unread: list[tuple[int, str]] = []
    read = 0
    pid = _of_prompt(section.prompt or "")
    for index, line in section.rows():
        if match := _row(line):
            records.append(_open_file(section, index, match, Pid(int(match["pid"])) if match["pid"] else pid))
            read += 1
        elif heading := _heading(line):
            pid = Pid(int(heading["pid"]))
            read += 1
        elif _remark(line):
            read += 1
        else:
            unread.append((index, "no link of a descriptor"))
    gaps, elisions = leftovers(section, unread)
    return Parsed((*records, *elisions, *cut_off(section)), read + len(elisions), gaps)


def _of_prompt(prompt: str) -> Pid | None:
    """The process whose folder the command lists; single links that it lists besides are printed with their paths."""
    named = list(_prompt_pids(prompt))
    folders = {int(one["pid"]) for one in named if one["folder"] is not None}
    pids = folders or {int(one["pid"]) for one in named}
    return Pid(pids.pop()) if len(pids) == 1 else None


def _open_file(section: Section, index: int, match: re.Match[str], pid: Pid | None) -> OpenFile:
    target = match["target"]
    scheme, socket = _scheme(target), _socket(target)
    return OpenFile(
        where=section.where(index),
        tool=NAME,
        pid=pid,
        command=None,
        fd=match["fd"],
        kind=scheme["kind"] if scheme else "file",
        target=target,
        inode=Inode(int(socket["inode"])) if socket else None,
    )
