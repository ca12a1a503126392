"""A thread's stack while its lines are read, for the dialects that are not HotSpot's own: frames, locks, and where each was printed."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from parsers.records import Frame, JavaState, Lock, LockVerb, Parsed, Thread, ThreadDump
from parsers.text.grammar import FRAME
from parsers.text.source import leftovers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.text.source import Section

NAME_LINES: Final = 8
"""A thread's name may hold line ends; more lines than this are no name."""
ELIDED: Final = ("...", "\u2026")
"""What somebody writes where frames were left out: ``... (goes on)`` is no frame."""
_LONGEST_ID: Final = 18
_HELD: Final = frozenset({LockVerb.LOCKED, LockVerb.OWNS})


class Stack:
    """Collects what the lines below a thread's header say. ``first`` and ``last`` are indices of lines in the section."""

    def __init__(self, section: Section, first: int, last: int | None = None) -> None:
        """Begin at the header, which may take several lines."""
        self.section = section
        self.first = first
        self.last = first if last is None else last
        self.frames: list[Frame] = []
        self.frame_lines: list[int] = []
        self.locks: list[Lock] = []

    def reach(self, index: int) -> None:
        """The line at ``index`` belongs to this thread."""
        self.last = max(self.last, index)

    def frame(self, frame: Frame, index: int) -> None:
        """Add a frame below those that are there."""
        self.reach(index)
        self.frames.append(frame)
        self.frame_lines.append(self.section.first + index)

    def lock(
        self,
        verb: LockVerb,
        address: str | None,
        cls: str | None,
        index: int,
        *,
        depth: int | None = None,
        owner: int | None = None,
        holder: str | None = None,
    ) -> None:
        """Add a lock line; by default it belongs to the last frame."""
        self.reach(index)
        at = len(self.frames) - 1 if depth is None else min(depth, len(self.frames) - 1)
        self.locks.append(Lock(verb, address, cls, -1 if verb is LockVerb.OWNS else at, self.section.first + index, owner, holder))

    def wait_verb(self, state: JavaState | None, printed: LockVerb = LockVerb.WAITING_ON) -> LockVerb:
        """How the thread waits, for dialects that print one word for all ways: BLOCKED enters a monitor, Object.wait waits, else it is parked."""
        if state is JavaState.BLOCKED:
            return LockVerb.WAITING_TO_LOCK
        if not self.frames:
            return printed
        top = self.frames[0]
        if top.cls == "java.lang.Object" and top.method.startswith("wait"):
            return LockVerb.WAITING_ON
        return LockVerb.PARKING if top.method.startswith("park") or top.call == "VirtualThread.yieldContinuation" else printed

    def thread(self, **fields: Any) -> Thread:
        """The finished record."""
        return Thread(
            where=self.section.where(self.first, self.last),
            frames=tuple(self.frames),
            frame_lines=tuple(self.frame_lines),
            # A lock that was printed above the stack belongs to the frame on top.
            locks=tuple(
                replace(lock, depth=0) if lock.depth < 0 and self.frames and lock.verb is not LockVerb.OWNS else lock for lock in self.locks
            ),
            **fields,
        )


def waiting_verb(state: JavaState | None, cls: str | None) -> LockVerb:
    """How a thread waits for an object of class ``cls``, where its dump only says that it does."""
    if state is JavaState.BLOCKED:
        return LockVerb.WAITING_TO_LOCK
    return LockVerb.PARKING if (cls or "").startswith("java.util.concurrent.") else LockVerb.WAITING_ON


def with_holders(threads: Sequence[Thread]) -> tuple[Thread, ...]:
    """The threads, each with the locks that the lines of others say it holds.

    Some dialects name the owner only where another thread waits for it. Such a lock has the place of the line that says so.
    """
    by_id = {thread.java_id: at for at, thread in enumerate(threads) if thread.java_id is not None}
    names = Counter(thread.name for thread in threads)
    by_name = {thread.name: at for at, thread in enumerate(threads) if names[thread.name] == 1}
    more: dict[int, dict[str, Lock]] = {}
    for thread in threads:
        for lock in thread.locks:
            if lock.verb in _HELD or lock.address is None or (lock.owner is None and lock.holder is None):
                continue
            at = by_id.get(lock.owner) if lock.owner is not None else None
            at = by_name.get(lock.holder or "") if at is None else at
            if at is None or threads[at] is thread or any(one.address == lock.address for one in threads[at].locks if one.verb in _HELD):
                continue
            verb = LockVerb.OWNS if lock.verb is LockVerb.PARKING else LockVerb.LOCKED
            more.setdefault(at, {})[lock.address] = Lock(verb, lock.address, lock.cls, -1, lock.line)
    return tuple(replace(one, locks=(*one.locks, *more[at].values())) if at in more else one for at, one in enumerate(threads))


def piece(section: Section, dialect: str, threads: Sequence[Thread], rows: int, unread: Sequence[tuple[int, str]]) -> Parsed:
    """What a format made of a piece of a dump: its threads, and the lines it did not read, (index, reason), of ``rows`` that are not blank."""
    gaps, elisions = leftovers(section, unread)
    read = rows - len(unread) + len(elisions)
    if not threads:
        return Parsed(elisions, read, gaps)
    where = section.where(threads[0].where.first - section.first, threads[-1].where.last - section.first)
    return Parsed((ThreadDump(where=where, dialect=dialect, threads=tuple(threads), fragment=True), *elisions), read, gaps)


@lru_cache(maxsize=65536)
def frame_of(text: str) -> Frame | None:
    """A frame as ``StackTraceElement.toString`` prints it, with or without ``at``: ``java.base@17/java.lang.Thread.run(Thread.java:840)``."""
    text = text.strip()
    match = FRAME.match(text if text.startswith("at ") else f"at {text}")
    if not match or match["call"].startswith(ELIDED):
        return None
    cls, _, method = match["call"].rpartition(".")
    return Frame(cls, method, match["source"])


def identity(text: str) -> tuple[str, str]:
    """``pkg.Class@1b6d3586`` → the whole as the object's address, and its class."""
    return text, text.rpartition("@")[0] or text


def number(value: object) -> int | None:
    """A number that may be printed as a string; None for anything else, and for what is too long to be an id."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) <= _LONGEST_ID else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def joined(lines: Sequence[str], index: int, count: int) -> str:
    """``count`` lines from ``index`` on as one text: a thread's name may hold line ends."""
    return "\n".join(lines[index : index + count])


def iso_time(text: str | None) -> str | None:
    """A date and time in ISO 8601, None for what is no date: damage makes a 34th of November."""
    if text is None:
        return None
    text = text.strip().replace(" ", "T")
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None
    return text
