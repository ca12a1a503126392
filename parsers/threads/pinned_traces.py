r"""Virtual threads that kept their carrier while they waited, as the runtime reports them: ``-Djdk.tracePinnedThreads=full`` of JDK 19 to 23.

    VirtualThread[#118]/runnable@ForkJoinPool-1-worker-3 reason:MONITOR
        java.base/java.lang.VirtualThread$VThreadContinuation.onPinned(VirtualThread.java:199)
        java.base/sun.nio.ch.NioSocketImpl.park(NioSocketImpl.java:191)
        com.example.Drawer.open(Drawer.java:41) <== monitors:1

Before JDK 21 the first line is ``Thread[#29,ForkJoinPool-1-worker-1,5,CarrierThreads]``. ``short`` prints only the frames that hold monitors. A report is of the moment
in which the thread parked, and says nothing of other threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import PINNED, LockVerb, Parsed, Thread, ThreadDump
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack, frame_of

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "pinned_traces"
SHOWS: Final = frozenset({Shows.THREADS})

HEADER: Final = r"(?!)"
ROW_SHAPE: Final = r"(?:VirtualThread\[#\d{1,18}(?:,[^\]\n]{0,200})?\]/runnable@|Thread\[#\d{1,18},[^,\n]{0,200},\d{1,3},CarrierThreads\])"
_header = lazy(
    r"\s*(?:(?P<thread>VirtualThread\[#(?P<id>\d{1,18})(?:,[^\]\n]{0,200})?\])/runnable@(?P<carrier>\S{1,200})(?: reason:(?P<reason>\w{1,20}))?"
    r"|(?P<old>Thread\[#\d{1,18},[^,\n]{0,200},\d{1,3},CarrierThreads\]))\s*$"
).match
_frame = lazy(r"\s*(?:at )?(?P<frame>[\w.$/@-]{1,400}\.[\w$<>]{1,200}\([^()\n]{1,200}\))(?P<monitors> <== monitors:\d{1,6})?\s*$").match


def sniff(head: Sequence[str]) -> bool:
    """True if such a report begins among the lines."""
    return any(_header(line) for line in head)


def parse(section: Section) -> Parsed:
    """Read each report; of a thread that is reported again the longest stack."""
    threads: dict[str, Thread] = {}
    unread: list[tuple[int, str]] = []
    stack: Stack | None = None
    name, number = "", None
    read = 0

    def close() -> None:
        known = threads.get(name)
        if stack is not None and stack.frames and (known is None or len(known.frames) < len(stack.frames)):
            threads[name] = stack.thread(name=name, java_id=number, virtual=True, native_state=PINNED)

    for index, line in section.rows():
        if match := _header(line):
            close()
            stack = Stack(section, index)
            name, number = match["thread"] or match["old"], int(match["id"]) if match["id"] else None
        elif stack is not None and (match := _frame(line)) is not None and (frame := frame_of(match["frame"])) is not None:
            stack.frame(frame, index)
            if match["monitors"]:
                stack.lock(LockVerb.LOCKED, None, None, index)
        else:
            close()
            stack = None
            unread.append((index, "no line of a pinned thread"))
            continue
        read += 1
    close()
    gaps, elisions = leftovers(section, unread)
    if not threads:
        return Parsed(elisions, read + len(elisions), gaps)
    first, last = min(one.where.first for one in threads.values()), max(one.where.last for one in threads.values())
    dump = ThreadDump(
        where=section.where(first - section.first, last - section.first), dialect=NAME, threads=tuple(threads.values()), fragment=True
    )
    return Parsed((dump, *elisions), read + len(elisions), gaps)
