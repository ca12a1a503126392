r"""A thread's stack that was pasted without the thread's header: frames alone, the innermost in native code.

        at java.net.SocketInputStream.socketRead0(Native Method)
        at java.net.SocketInputStream.read(SocketInputStream.java:129)
        at com.example.Quote.calc(Quote.java:60)

    The thread "http-nio-9090-exec-5" is always here:
    java.lang.Thread.State: WAITING
    at sun.misc.Unsafe.park(Native Method)

The stack of an exception looks alike below its first line. Where the lines above speak of something thrown, it is that; and only what stands in
native code waits there, or what stands below a thread's state. Its name may stand in quotes in the line above.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records.shows import Shows
from parsers.text.grammar import JAVA_STATES, LOCK_LINE, LOCK_VERBS, STATE_LINE
from parsers.text.patterns import lazy
from parsers.text.stack import Stack, frame_of, identity, piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.records import JavaState, Parsed, Thread
    from parsers.text.source import Section

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
    r"^\s*\"|tid=|nid=|prio=|(?<!Thread\.)(?i:state ?[:=])|\b[Ii]d=|\bThread[ \[(-]|Thread:|XM[A-Z]{2}|#\d+ \"|usage by thread|has been (?:active|blocked|busy)"
).search
_frame = lazy(r"\s*at [\w.$/@-]{1,300}\.[\w$<>]{1,200}\(").match
_native = lazy(r"\s*at [\w.$/@-]{1,500}\([\w.@/-]{0,80}Native Method\)\s*$").match
_lock = LOCK_LINE.match
_state = STATE_LINE.match
_named = lazy(r"[^\"\n]{0,200}\"(?P<name>[^\"\n]{1,120})\"[^\"\n]{0,200}$").match


def sniff(head: Sequence[str]) -> bool:
    """True if frames begin in native code or below a thread's state, and nothing above them is thrown."""
    if len(head) < _FEWEST or any(_thrown(line) or _headed(line) for line in head):
        return False
    return any(
        (_native(line) or _stated(head, index - 1))
        and not (index and _frame(head[index - 1]))
        and sum(map(bool, map(_frame, head[index : index + _FEWEST + 2]))) >= _FEWEST
        for index, line in enumerate(head)
    )


def _stated(lines: Sequence[str], index: int) -> bool:
    """True for the line with a thread's state."""
    return index >= 0 and (match := _state(lines[index])) is not None and match["state"] in JAVA_STATES


def parse(section: Section) -> Parsed:
    """Each run of frames is a thread, without a name but where the words above have one in quotes."""
    rows = list(section.rows())
    if len(rows) > _MOST or any(_thrown(line) for _, line in rows):
        return piece(section, NAME, (), len(rows), [(index, "not part of the thread dump") for index, _ in rows])
    reader = _Reader(section)
    unread: list[tuple[int, str]] = []
    for index, line in rows:
        if not reader.take(index, line):
            unread.append((index, "not part of the thread dump"))
    reader.close()
    return piece(section, NAME, reader.threads, len(rows), unread)


class _Reader:
    """One pass over a section: the threads so far, the one that is open, and what the line above says of the next."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.threads: list[Thread] = []
        self.stack: Stack | None = None
        self.name = ""
        self.above = ""
        self.state: JavaState | None = None

    def take(self, index: int, line: str) -> bool:
        """Take a line; False if it is no part of a stack."""
        state = _state(line)
        if state is not None and state["state"] in JAVA_STATES:
            self.close()
            self.stack, self.state = Stack(self.section, index), JAVA_STATES[state["state"]]
            named = _named(self.above)
            self.name = named["name"] if named is not None else ""
            return True
        frame = frame_of(line) if _frame(line) else None
        if frame is not None and self.stack is None and _native(line):
            self.stack = Stack(self.section, index)
        if self.stack is not None and frame is not None:
            self.stack.frame(frame, index)
            return True
        if self.stack is not None and self.stack.frames and (lock := _lock(line)) is not None:
            address, cls = lock["address"] or lock["plain"], lock["cls"]
            self.stack.lock(
                LOCK_VERBS[lock["verb"]], *(identity(address) if cls is None and address and "@" in address else (address, cls)), index
            )
            return True
        self.close()
        self.above = line
        return False

    def close(self) -> None:
        """The open thread ends: its frames are enough for one, or were a quotation."""
        if self.stack is not None and len(self.stack.frames) >= _FEWEST:
            names = {thread.name for thread in self.threads}
            self.threads.append(self.stack.thread(name="" if self.name in names else self.name, state=self.state))
        self.stack, self.state, self.name = None, None, ""
