r"""The JSON of ``py-spy dump --json``: a list of threads, of one process or of a process and its children.

    [
      {
        "pid": 7120, "thread_id": 140100656670400, "thread_name": "ThreadPoolExecutor-0_5", "os_thread_id": 7167, "active": false, "owns_gil": false,
        "frames": [ { "name": "cached", "filename": "/srv/app/shop.py", "module": null, "short_filename": "shop.py", "line": 31, "locals": null } ]
      }
    ]

Frames stand with the last call first, threads in reverse order of the text form. Captured from py-spy 0.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import JavaState, NativeId, Parsed, Pid, Runtime, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.json_lines import Document, JsonObject
from parsers.text.patterns import lazy
from parsers.text.python_frames import python_frame
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack, number

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "python_json"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"\[\s*\{\s*\"pid\":\s*\d{1,10},\s*\"thread_id\":"
ROW_SHAPE: Final = HEADER

_begins = lazy(r'\s*\[\s*\{\s*"pid"\s*:\s*\d{1,10}\s*,\s*"thread_id"\s*:').match


def sniff(head: Sequence[str]) -> bool:
    """True if the lines begin as py-spy's JSON does."""
    return _begins("\n".join(head[:5])) is not None


def parse(section: Section) -> Parsed:
    """Read one dump a process; a text that ends early gives the threads up to there."""
    document = Document(section.lines)
    odd = [(index, "no JSON") for index in document.odd if section.lines[index] and not section.lines[index].isspace()]
    gaps, elisions = leftovers(section, odd)
    read = section.nonblank - len(odd) + len(elisions)
    threads: dict[int | None, list[Thread]] = {}
    for one in document.root or ():
        if isinstance(one, JsonObject):
            threads.setdefault(number(one.get("pid")), []).append(_thread(section, one))
    dumps = tuple(
        ThreadDump(
            where=section.where(found[0].where.first - section.first, found[-1].where.last - section.first),
            dialect=NAME,
            threads=tuple(reversed(found)),
            pid=Pid(pid) if pid is not None else None,
            complete=document.complete and not odd,
            runtime=Runtime.PYTHON,
        )
        for pid, found in threads.items()
    )
    return Parsed((*dumps, *elisions), read, gaps)


def _thread(section: Section, one: JsonObject) -> Thread:
    stack = Stack(section, one.first, one.last)
    frames = one.items_of("frames")
    for frame, line in zip(frames, frames.lines, strict=True):
        if isinstance(frame, JsonObject):
            file = frame.text("short_filename") or frame.text("filename") or ""
            stack.frame(python_frame(file, number(frame.get("line")), frame.text("name") or "?"), line)
    tid = number(one.get("os_thread_id"))
    active = one.get("active")
    return stack.thread(
        name=one.text("thread_name") or f"thread {tid}",
        native_id=NativeId(tid) if tid is not None else None,
        state=JavaState.RUNNABLE if active is True else JavaState.WAITING if active is False else None,
        native_state=("active+gil" if one.get("owns_gil") is True else "active") if active is True else "idle" if active is False else None,
    )
