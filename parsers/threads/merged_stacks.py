r"""Equal stacks of a native process counted, each on one line: Percona's ``pt-pmp``, and the poor man's profiler with gdb.

        210 pthread_cond_wait,os_event::wait_low(os0event.cc:335),lock_wait_suspend_thread(lock0wait.cc:339),row_search_mvcc(row0sel.cc:6162)
         12 poll(libc.so.6),vio_io_wait(viosocket.c:797),net_read_raw_loop(net_serv.cc:669)

The innermost function comes first; what stands in brackets is its place, or its library. Names and numbers of the threads are lost. Nothing says
whether rows are missing below, the rare stacks, so it is a piece of a dump. Written after
``pt-pmp``'s documentation, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, Runtime, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.native_frames import native_frame
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "merged_stacks"
SHOWS: Final = frozenset({Shows.THREADS})
HEADER: Final = r"(?!)"
_CALL: Final = r"[\w:~<>.$@-]{2,200}(?:\([^(),\n]{1,200}\))?"
_INNERMOST: Final = r"(?:__)?(?:libc_)?(?:pthread_|poll|epoll_|select|read|recv|write|send|accept|futex|nanosleep|clock_nanosleep|sem_|io_getevents|fsync|sigwait|__lll_)"
ROW_SHAPE: Final = rf"[ ]*\d{{1,7}}[ ]{_INNERMOST}[^\s,]{{0,80}},{_CALL}(?:,|[ ]*$)"
_row = lazy(rf"\s*(?P<count>\d{{1,7}})\s+(?P<calls>{_CALL}(?:,{_CALL}){{1,80}})\s*$").match
_date = lazy(r"\s*[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d ").match
_inner = lazy(rf"\s*\d{{1,7}}\s+{_INNERMOST}").match
_call = lazy(r"(?P<name>[^()]+)(?:\((?P<place>[^()]+)\))?").match
_MOST: Final = 20_000
"""Threads that are made of one dump; a row that would make more is left unread."""


def sniff(head: Sequence[str]) -> bool:
    """True if a counted stack that ends in a function of the C library is among the lines."""
    return any(_inner(line) and _row(line) for line in head)


def parse(section: Section) -> Parsed:
    """Every thread of every row, with the stack that it shares."""
    threads: list[Thread] = []
    unread: list[tuple[int, str]] = []
    for index, line in section.rows():
        match = _row(line)
        if match is not None and len(threads) + int(match["count"]) > _MOST:
            unread.append((index, f"more than {_MOST:,} threads"))
        elif match is not None:
            stack = Stack(section, index)
            for call in match["calls"].split(","):
                if (found := _call(call)) is not None:
                    stack.frame(native_frame(_as_gdb(found["name"], found["place"]))[0], index)
            threads += [stack.thread(name=f"thread {len(threads) + at + 1}") for at in range(int(match["count"]))]
        elif _date(line) is None:
            unread.append((index, "no counted stack"))
    gaps, elisions = leftovers(section, unread)
    read = section.nonblank - len(unread) + len(elisions)
    if not threads:
        return Parsed(elisions, read, gaps)
    where = section.where(threads[0].where.first - section.first, threads[-1].where.last - section.first)
    return Parsed(
        (ThreadDump(where=where, dialect=NAME, threads=tuple(threads), fragment=True, runtime=Runtime.NATIVE), *elisions), read, gaps
    )


def _as_gdb(name: str, place: str | None) -> str:
    """A frame as the debugger printed it: with a file and line, or the library."""
    if place is None:
        return f"{name} ()"
    return f"{name} () at {place}" if ":" in place else f"{name} () from /lib/{place}"
