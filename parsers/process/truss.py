r"""System calls as ``truss -p PID`` of Solaris and illumos shows them, of the threads that stand in one: each is marked as sleeping.

    /1:     lwp_park(0x00000000, 0)         (sleeping...)
    /7:     write(12, " 3 5 = A\00 1 0 8 = 3 0".., 96)          (sleeping...)
    /2:     accept(5, 0xFDE7BEA8, 0xFDE7BE98, SOV_DEFAULT) (sleeping...)

When truss attaches, each thread's present call is printed so; a call that has ended is printed with its result, and again where the thread went on. The process is
named by the command alone. Written after truss(1), not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Descriptor, NativeId, Parsed, Pid, TaskSyscall
from parsers.records.shows import Shows
from parsers.records.task_records import DESCRIPTOR_FIRST
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "truss"
SHOWS: Final = frozenset({Shows.PROCESS})
HEADER: Final = r"(?!)"
ROW_SHAPE: Final = r"/\d{1,7}:[ \t]+[a-z]\w{1,30}\([^\n]{0,400}\)[ \t]*\(sleeping\.\.\.\)"
_sleeping = lazy(r"\s*(?:(?P<pid>\d{1,10})/|/)?(?P<lwp>\d{1,7}):\s+(?P<call>[a-z]\w{1,30})\((?P<rest>.*)\)\s*\(sleeping\.\.\.\)\s*$").match
_done = lazy(r"\s*(?:(?P<pid>\d{1,10})/|/)(?P<lwp>\d{1,7}):\s+(?:[a-z]\w{1,30}\(.*(?:=|Err#)|[ ]{4,}|Received signal)").match
_stopped = lazy(r"\s*\^C\s*$").match
_first = lazy(r"\s*(?P<fd>\d{1,9})\s*(?:,|$)").match
_prompt = lazy(r"\btruss\s+(?:-\S+\s+){0,8}?(?:-\w*p\s*)(?P<pid>\d{1,10})\b").search


def sniff(head: Sequence[str]) -> bool:
    """True if a thread that sleeps in a call is among the lines."""
    return any(_sleeping(line) for line in head)


def parse(section: Section) -> Parsed:
    """One record per thread that stands in a call at the end."""
    standing: dict[tuple[int, int], TaskSyscall] = {}
    unread: list[tuple[int, str]] = []
    read = 0
    asked = _prompt(section.prompt or "")
    for index, line in section.rows():
        if (match := _sleeping(line)) is not None:
            pid = int(match["pid"] or (asked["pid"] if asked else 0))
            first = _first(match["rest"]) if match["call"] in DESCRIPTOR_FIRST else None
            number = int(first["fd"]) if first is not None else None
            standing[pid, int(match["lwp"])] = TaskSyscall(
                where=section.where(index),
                pid=Pid(pid),
                native_id=NativeId(int(match["lwp"])),
                call=match["call"],
                descriptor=number,
                waits_for=(Descriptor(number),) if number is not None else None,
            )
        elif (ended := _done(line)) is not None:
            standing.pop((int(ended["pid"] or (asked["pid"] if asked else 0)), int(ended["lwp"])), None)
        elif not _stopped(line):
            unread.append((index, "no line of truss"))
            continue
        read += 1
    gaps, elisions = leftovers(section, unread)
    return Parsed((*standing.values(), *elisions), read + len(elisions), gaps)
