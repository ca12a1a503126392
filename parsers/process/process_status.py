"""``/proc/PID/status``: what the kernel says of a process as a whole.

    Name:	java
    Umask:	0022
    State:	T (stopped)
    Tgid:	9414
    Pid:	9414
    TracerPid:	0
    FDSize:	64
    NSpid:	9414	1
    VmRSS:	   96992 kB
    Threads:	41

Printed by ``proc_pid_status`` (``fs/proc/array.c``). A process in state T answers nobody: no jstack, no client, though the kernel goes on
taking connections. In a container ``NSpid`` has the id outside first and the id inside last: the one that the dump shows.
The same file of a thread (``/proc/PID/task/TID/status``) has the thread's id in Pid and the process's in Tgid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import NativeId, Parsed, Pid, ProcessStatus
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "process_status"
SHOWS: Final = frozenset({Shows.PROCESS})

_BEGIN: Final = r"Name:[ \t]+[^\n]{1,64}\n(?:Umask:[^\n]{1,20}\n)?State:[ \t]+[A-Za-z][ ]\("
_STATE: Final = r"State:[ \t]+[A-Za-z][ ]\([a-z ]{3,20}\)[ \t]*$"
# Nothing begins a new output: "cat /proc/*/status" shows many processes at one moment.
HEADER: Final = r"(?!)"
ROW_SHAPE: Final = rf"{_BEGIN}|{_STATE}"

# Nearly all values are numbers and masks; a line of prose with a colon is none of the kernel's.
ROW = lazy(r"(?P<key>[A-Za-z]\w{2,40}):[ \t]*(?P<value>\S[^\n]*?|)[ \t]*$")
_row = ROW.match
_begins = lazy(_BEGIN).match
_state = lazy(_STATE).match
_number = lazy(r"\d{1,18}").match
_ids = lazy(r"\d{1,10}(?:\s+\d{1,10}){0,31}\s*$").match
_WORDS: Final = frozenset({"Name", "State", "Groups", "Speculation_Store_Bypass", "SpeculationIndirectBranch"})
_value = lazy(r"(?:0x)?[\da-fA-F]+(?:[\s,/:\-]+(?:0x)?[\da-fA-F]+)*(?:\s+kB)?$").match


def sniff(head: Sequence[str]) -> bool:
    """True if the lines begin as /proc/PID/status does, or hold its State line."""
    return _begins("\n".join(head[:3])) is not None or any(_state(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read one status, or those of several processes one after another."""
    found: list[ProcessStatus] = []
    unread: list[tuple[int, str]] = []
    fields: dict[str, str] = {}
    places: list[int] = []
    read = 0
    for index, line in section.rows():
        match = _row(line)
        if match is None or not (match["key"] in _WORDS or not match["value"] or _value(match["value"])):
            unread.append((index, "no field of /proc/PID/status"))
            continue
        if match["key"] in fields:
            found += _status(section, fields, places)
            fields, places = {}, []
        fields[match["key"]] = match["value"]
        places.append(index)
        read += 1
    found += _status(section, fields, places)
    gaps, elisions = leftovers(section, unread)
    return Parsed((*found, *elisions), read + len(elisions), gaps)


def _status(section: Section, fields: dict[str, str], places: list[int]) -> list[ProcessStatus]:
    """The record; none without the two facts that make one: which process, and its state."""
    own = _first(fields, "Pid")
    pid = _first(fields, "Tgid")
    state = fields.get("State", "")
    if not state or (own is None and pid is None):
        return []
    process = own if pid is None else pid
    tracer, size, rss = (_first(fields, key) for key in ("TracerPid", "FDSize", "VmRSS"))
    spaces = fields.get("NSpid", "")
    status = ProcessStatus(
        where=section.where(places[0], places[-1]),
        tool=NAME,
        pid=Pid(process or 0),
        name=fields.get("Name", ""),
        state=state[0],
        threads=_first(fields, "Threads"),
        nspid=tuple(int(number) for number in spaces.split()) if _ids(spaces) else None,
        tracer=None if tracer is None else Pid(tracer),
        fd_size=size,
        rss=None if rss is None else rss * 1024,
        thread=NativeId(own) if own is not None and own != process else None,
    )
    return [status]


def _first(fields: dict[str, str], key: str) -> int | None:
    match = _number(fields.get(key, ""))
    return int(match[0]) if match else None
