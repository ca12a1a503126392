r"""Threads whose header is in somebody's own words, with the state in it: what watchdogs, health checks and tickets print.

    "http-8080-3" daemon prio=5 BLOCKED
        com.example.Registry.lookup(Registry.java:20)
        com.example.Api.get(Api.java:11)
    Stacktrace of thread app-dispatcher-5 (TIMED_WAITING):
    java.base/jdk.internal.misc.Unsafe.park(Native Method)
    com.example.Orders.show(Orders.scala:41)

A line that names a thread and one of the JVM's states, and two frames right below it, with or without "at". Such threads are a piece of a dump: nothing is
said of others. The stack of an exception has no state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import JavaState, LockVerb, Parsed, Thread
from parsers.records.shows import Shows
from parsers.text.grammar import JAVA_STATES, LOCK_LINE, LOCK_VERBS, STATE_LINE
from parsers.text.patterns import lazy
from parsers.text.stack import Stack, frame_of, identity, piece, waiting_verb

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from parsers.text.source import Section

NAME: Final = "named_stacks"
SHOWS: Final = frozenset({Shows.THREADS})
HEADER: Final = r"(?!)"
ROW_SHAPE: Final = r"(?!)"

_MOST: Final = 2000
"""Lines of a text in which such threads are looked for: a message or a short log."""
_STATES: Final = "|".join(JAVA_STATES)
_OBJECT: Final = r"(?P<lock>[\w.$\[;]{3,300}@[0-9a-f]{1,16})"
_header = lazy(
    rf"(?:[^\n\"]{{0,120}}?\"(?P<quoted>[^\"\n]{{1,200}})\"|[^\n]{{0,200}}?\b(?:[tT]hread|THREAD)(?: name)?[:=]? {{0,2}}['\[<]?(?!dump\b|is\b|was\b|in\b|that\b|state\b)(?P<named>[\w.$:/#-]{{1,200}}?)['\]>]?)"
    rf"(?=[\s,;()\[=]|:[ \t]|:$)[^\n\"]{{0,120}}?\b(?P<state>{_STATES})\b(?: \([\w ]{{3,30}}\))?(?: on {_OBJECT}(?: owned by:? \"?(?P<owner>[^\"\n]{{1,200}}?)\"?(?: [iI]d=\d{{1,10}})?)?)?[)\]>]?[ \t]{{0,4}}:?[ \t]{{0,4}}$"
).match
_frame = lazy(
    r"\s*(?:at )?(?:[\w.@+-]{1,80}/){0,2}[\w$][\w.$<>/-]{0,300}\.[\w$<>-]{1,200}\((?:[\w$.-]{1,120}\.(?:java|kt|scala|groovy|clj)(?::\d{1,7})?|Native Method|Unknown Source|<generated>)\)"
).match
_lock, _state = LOCK_LINE.match, STATE_LINE.match
_plain = lazy(
    r"\s*-? ?(?:locked|waiting to lock|waiting on|blocked on|parking to wait for) (?P<object>[\w.$\[;]{3,300}@[0-9a-f]{1,16})\s*$"
).match


def sniff(head: Sequence[str]) -> bool:
    """True if a line names a thread and its state, with two frames right below it."""
    return any(
        _frame(head[at + 1]) and _frame(head[at + 2]) and not _state(head[at]) and _header(head[at][:600]) is not None
        for at in range(len(head) - 2)
    )


def parse(section: Section) -> Parsed:
    """A piece of a dump with the threads that are named."""
    rows = list(section.rows())
    if len(rows) > _MOST:
        return piece(section, NAME, (), len(rows), [(index, "not part of the thread dump") for index, _ in rows])
    reader = _Reader(section)
    unread: list[tuple[int, str]] = []
    for at, (index, line) in enumerate(rows):
        below = rows[at + 1][1] if at + 1 < len(rows) else ""
        if not reader.take(index, line, below):
            unread.append((index, "not part of the thread dump"))
    reader.close()
    return piece(section, NAME, reader.threads, len(rows), unread)


class _Reader:
    """One pass over a section: the threads so far, and the one whose stack is read."""

    def __init__(self, section: Section) -> None:
        self.section = section
        self.threads: list[Thread] = []
        self.open: Stack | None = None
        self.name = ""
        self.state: JavaState | None = None

    def take(self, index: int, line: str, below: str) -> bool:
        """Take a line; False if it is none of a thread, which ends there."""
        match = _header(line[:600]) if _frame(below) and not _frame(line) and not _state(line) else None
        if match is not None:
            self._begin(index, match)
            return True
        stack = self.open
        if stack is not None:
            if _frame(line) and (frame := frame_of(line)) is not None:
                stack.frame(frame, index)
                return True
            if self._locked(stack, index, line):
                return True
        self.close()
        return False

    def _locked(self, stack: Stack, index: int, line: str) -> bool:
        if (lock := _lock(line)) is not None:
            address, cls = lock["address"] or lock["plain"], lock["cls"]
            stack.lock(
                LOCK_VERBS[lock["verb"]], *(identity(address) if cls is None and address and "@" in address else (address, cls)), index
            )
            return True
        if (plain := _plain(line)) is not None:
            address, cls = identity(plain["object"])
            verb = LockVerb.LOCKED if "locked" in line else waiting_verb(self.state, cls)
            stack.lock(verb, address, cls, index)
            return True
        return False

    def _begin(self, index: int, match: re.Match[str]) -> None:
        self.close()
        self.open, self.name = Stack(self.section, index), match["quoted"] or match["named"]
        self.state = JAVA_STATES[match["state"]]
        if match["lock"]:
            address, cls = identity(match["lock"])
            self.open.lock(waiting_verb(self.state, cls), address, cls, index, depth=0, holder=match["owner"] or None)

    def close(self) -> None:
        """The open thread ends."""
        if self.open is not None and self.open.frames:
            names = {thread.name for thread in self.threads}
            self.threads.append(self.open.thread(name="" if self.name in names else self.name, state=self.state))
        self.open = None
