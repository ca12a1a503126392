r"""A thread's stack that was pasted without the thread's header: frames alone, the innermost in native code.

        at java.net.SocketInputStream.socketRead0(Native Method)
        at java.net.SocketInputStream.read(SocketInputStream.java:129)
        at com.example.Quote.calc(Quote.java:60)

The stack of an exception looks alike below its first line. Where the lines above speak of something thrown, it is that; and only what stands in
native code waits there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import Parsed, ThreadDump
from parsers.records.shows import Shows
from parsers.text.grammar import LOCK_LINE, LOCK_VERBS
from parsers.text.patterns import lazy
from parsers.text.source import Section, leftovers
from parsers.text.stack import Stack, frame_of, identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.records import Thread

NAME: Final = "bare_stack"
SHOWS: Final = frozenset({Shows.THREADS})
HEADER: Final = r"(?!)"
ROW_SHAPE: Final = r"(?!)"

_FEWEST: Final = 4
"""Frames below which it may be a quotation."""
_MOST: Final = 400
"""Lines of a text in which stacks without a header are looked for: somebody's question, no log."""
_thrown = lazy(
    r"Exception|Error\b|Throwable|Caused by|Suppressed|\.\.\. \d+ (?:more|common)|Traceback|Stack:|(?i:thrown|stack ?trace)"
).search
# What a thread's header, a server's warning or another dialect has: there the threads are read by it, or are nobody's.
_headed = lazy(
    r"^\s*\"|tid=|nid=|prio=|Thread\.State|(?i:state ?[:=])|\b[Ii]d=|\bThread[ \[(-]|Thread:|XM[A-Z]{2}|#\d+ \"|usage by thread|has been (?:active|blocked|busy)"
).search
_frame = lazy(r"\s*at [\w.$/@-]{1,300}\.[\w$<>]{1,200}\(").match
_native = lazy(r"\s*at [\w.$/@-]{1,500}\([\w.@/-]{0,80}Native Method\)\s*$").match
_lock = LOCK_LINE.match


def sniff(head: Sequence[str]) -> bool:
    """True if frames begin in native code, and nothing above them is thrown."""
    if len(head) < _FEWEST or any(_thrown(line) or _headed(line) for line in head):
        return False
    return any(
        _native(line)
        and not (index and _frame(head[index - 1]))
        and sum(map(bool, map(_frame, head[index : index + _FEWEST + 2]))) >= _FEWEST
        for index, line in enumerate(head)
    )


def parse(section: Section) -> Parsed:
    """Each run of frames is a thread without a name."""
    rows = list(section.rows())
    if len(rows) > _MOST or any(_thrown(line) for _, line in rows):
        gaps, elisions = leftovers(section, ((index, "not part of the thread dump") for index, _ in rows))
        return Parsed(elisions, len(elisions), gaps)
    threads: list[Thread] = []
    unread: list[tuple[int, str]] = []
    stack: Stack | None = None
    read = 0
    for index, line in rows:
        frame = frame_of(line) if _frame(line) else None
        if frame is not None and stack is None and _native(line):
            stack = Stack(section, index)
        if stack is not None and frame is not None:
            stack.frame(frame, index)
        elif stack is not None and stack.frames and (lock := _lock(line)) is not None:
            address, cls = lock["address"] or lock["plain"], lock["cls"]
            stack.lock(
                LOCK_VERBS[lock["verb"]], *(identity(address) if cls is None and address and "@" in address else (address, cls)), index
            )
        else:
            unread.append((index, "not part of the thread dump"))
            threads += [stack.thread(name="")] if stack is not None and len(stack.frames) >= _FEWEST else []
            stack = None
            continue
        read += 1
    threads += [stack.thread(name="")] if stack is not None and len(stack.frames) >= _FEWEST else []
    gaps, elisions = leftovers(section, unread)
    if not threads:
        return Parsed(elisions, read + len(elisions), gaps)
    where = section.where(threads[0].where.first - section.first, threads[-1].where.last - section.first)
    dump = ThreadDump(where=where, dialect=NAME, threads=tuple(threads), fragment=True)
    return Parsed((dump, *elisions), read + len(elisions), gaps)
