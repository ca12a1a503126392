r"""Threads as the admin UI of Solr shows them, copied as text: a name with its number, the lock it waits at, frames, and two times.

    qtp1334204880-10772 (10772)
       java.util.concurrent.locks.AbstractQueuedSynchronizer$ConditionObject@3a5c1b07
         jdk.internal.misc.Unsafe.park(Native Method)
         java.util.concurrent.LinkedBlockingQueue.take(LinkedBlockingQueue.java:433)
       0.2900ms / 0.0000ms

The last line is processor time and user time of the thread's life. The page shows no states. A zero-width space stands before each bracket. Written after
Solr's ``ThreadDumpHandler`` and its ``threads.html``, not captured here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from parsers.records import LockVerb, Parsed, Thread
from parsers.records.shows import Shows
from parsers.text.patterns import lazy
from parsers.text.stack import Stack, frame_of, identity, piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.text.source import Section

NAME: Final = "solr_threads"
SHOWS: Final = frozenset({Shows.THREADS})
HEADER: Final = r"(?!)"
_LOCK: Final = r"[\w.$\[;]{3,300}@[0-9a-f]{1,16}"
_TIMES: Final = r"[\d.]{1,20}ms / [\d.]{1,20}ms"
ROW_SHAPE: Final = rf"[ \t]*\S[^\n()]{{0,200}} \(\d{{1,18}}\)[ \t]*\n(?:[ \t]+{_LOCK}[ \t]*\n)?[ \t]+[\w$.]{{3,300}}\u200b?\("
_header = lazy(r"\s*(?P<name>\S[^\n()]{0,200}?) \((?P<id>\d{1,18})\)\s*$").match
_lock = lazy(rf"\s+(?P<lock>{_LOCK})\s*$").match
_times = lazy(rf"\s*{_TIMES}\s*$").match
_frame = lazy(r"\s+[\w$.]{3,300}\u200b?\([^()]*\)\s*$").match


def sniff(head: Sequence[str]) -> bool:
    """True if a name with a number stands above a frame, or above a lock and a frame, and the two times are here."""
    return any(_times(line) for line in head) and any(
        _header(one) and (_frame(two) or (_lock(two) and _frame(three))) for one, two, three in zip(head, head[1:], head[2:], strict=False)
    )


def parse(section: Section) -> Parsed:
    """The threads as a piece of a dump."""
    threads: list[Thread] = []
    unread: list[tuple[int, str]] = []
    rows = list(section.rows())
    stack: Stack | None = None
    name, number = "", 0

    def close() -> None:
        if stack is not None and stack.frames:
            threads.append(stack.thread(name=name, java_id=number))

    for index, line in rows:
        if (match := _header(line)) is not None:
            close()
            stack, name, number = Stack(section, index), match["name"], int(match["id"])
        elif stack is not None and not stack.frames and (lock := _lock(line)) is not None:
            stack.lock(LockVerb.WAITING_ON, *identity(lock["lock"]), index, depth=0)
        elif stack is not None and _frame(line) and (frame := frame_of(line.replace("\u200b", ""))) is not None:
            stack.frame(frame, index)
        elif stack is None or _times(line) is None:
            unread.append((index, "no line of a thread"))
    close()
    return piece(section, NAME, threads, len(rows), unread)
