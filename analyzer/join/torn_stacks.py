"""Stacks that no single thread can have: lines are lost between two threads, or two dumps were written into one stream."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import JavaState

if TYPE_CHECKING:
    from parsers.records import Frame, Thread, ThreadDump

_LAST: Final = "java.lang.Thread.run"
_PARK: Final = frozenset({"jdk.internal.misc.Unsafe.park", "sun.misc.Unsafe.park"})
_JDK: Final = ("java.", "javax.", "jdk.", "sun.", "com.sun.")
_SELECTS: Final = ("sun.nio.ch.EPoll.", "sun.nio.ch.EPollArrayWrapper.", "sun.nio.ch.KQueue.", "sun.nio.ch.KQueueArrayWrapper.")
_SELECTOR: Final = ("sun.nio.ch.", "java.nio.channels.")


def mended(dump: ThreadDump) -> tuple[ThreadDump, str | None]:
    """The dump with every torn stack cut where it is torn, and the name of the first such thread; the dump itself if there is none.

    What stands above the tear belongs to the thread of the header. A dump with a torn stack is not whole: at least a header is missing.
    """
    pasted = dump.fragment or not any(_parks_whole(thread.frames) for thread in dump.threads)
    torn = {index: place for index, thread in enumerate(dump.threads) if (place := tear(thread, pasted=pasted)) is not None}
    if not torn:
        return dump, None
    threads = tuple(_cut(thread, torn[index]) if index in torn else thread for index, thread in enumerate(dump.threads))
    return replace(dump, threads=threads, complete=False), dump.threads[min(torn)].name


def tear(thread: Thread, *, pasted: bool = False) -> int | None:
    """How many frames from the top are the thread's own, None if the stack is one piece.

    Who pastes a thread or two leaves frames out: then code that parks without ``LockSupport`` below it is no sign of another thread.
    """
    place = next((at for at in _tears(thread.frames, pasted=pasted) if not _left_out(thread, at)), None)
    waits = thread.state in {JavaState.WAITING, JavaState.TIMED_WAITING}
    if place is None and waits and not thread.virtual and thread.frames and thread.frames[0].full.startswith(_SELECTS):
        return 0  # a thread in a native call is RUNNABLE for the VM: the frames are another one's
    return place


def _parks_whole(frames: tuple[Frame, ...]) -> bool:
    """True for a parked thread with the frame below that each has in a VM: where no thread of a dump has it, somebody shortened the stacks."""
    return any(above.full in _PARK and below.full.startswith(_JDK) for above, below in itertools.pairwise(frames[:3]))


@lru_cache(maxsize=8192)
def _tears(frames: tuple[Frame, ...], *, pasted: bool) -> tuple[int, ...]:
    """Where frames stand below ``Thread.run``, or code that only a selector or a lock calls on top of other code."""
    pairs = enumerate(itertools.pairwise(frames), start=1)
    return tuple(index for index, (above, below) in pairs if _is_torn(above, below, pasted=pasted))


def _is_torn(above: Frame, below: Frame, *, pasted: bool) -> bool:
    name = above.full
    return (
        (name == _LAST and below.method != "run")
        or (name.startswith(_SELECTS) and not below.full.startswith(_SELECTOR))
        or (name == "sun.nio.ch.SelectorImpl.lockAndDoSelect" and not below.full.startswith("sun.nio.ch.SelectorImpl."))
        or (name in _PARK and not pasted and not below.full.startswith(_JDK))
    )


def _left_out(thread: Thread, at: int) -> bool:
    """True if somebody left lines out above the frame, as "..." shows: more lines stand there than those of locks."""
    if at >= len(thread.frame_lines) or thread.frames[at - 1].full == _LAST:
        return False
    above, below = thread.frame_lines[at - 1], thread.frame_lines[at]
    locks = sum(above < lock.line < below for lock in thread.locks)
    return below - above - 1 > locks


def _cut(thread: Thread, frames: int) -> Thread:
    """The thread with its first frames only, and the locks that stand among them."""
    locks = tuple(lock for lock in thread.locks if 0 <= lock.depth < frames)
    return replace(thread, frames=thread.frames[:frames], frame_lines=thread.frame_lines[:frames], locks=locks)
