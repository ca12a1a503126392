r"""Threads whose stack somebody replaced by words: "(same as worker-8)" below a header gets the stack of the earlier thread.

    "worker-7" #31 prio=5 tid=0x00007f10d0a1f000 nid=0x251f runnable
        (same as worker-8, all the way down to worker-1)

Numbers in such words are read next door (:mod:`parsers.text.told_threads`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import LockVerb, ThreadDump
from parsers.text.told_threads import stands_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers import Output
    from parsers.records import Thread

MOST: Final = 5000
"""Lines of a text that somebody wrote around stacks: a longer one is a dump."""
_NEAR: Final = 3
"""Lines between a thread and the words that stand for its stack."""


def with_alike(found: Sequence[Output]) -> list[Output]:
    """The outputs of a text, threads whose stack is told by words with the stack that they mean."""
    if not any(ThreadDump in one.parsed.kinds for one in found):
        return list(found)
    return [_filled(one) if ThreadDump in one.parsed.kinds and len(one.section.lines) <= MOST else one for one in found]


def _filled(output: Output) -> Output:
    section = output.section
    words = {section.first + at: like for at, line in enumerate(section.lines) if (like := stands_for(line)) is not None}
    if not words:
        return output
    records = tuple(_of_dump(one, words) if isinstance(one, ThreadDump) else one for one in output.parsed.records)
    return output._replace(parsed=replace(output.parsed, records=records))


def _of_dump(dump: ThreadDump, words: dict[int, str]) -> ThreadDump:
    threads = list(dump.threads)
    for line, like in words.items():
        at = next((at for at in range(len(threads) - 1, -1, -1) if threads[at].where.first <= line), None)
        if at is None or line - threads[at].where.last > _NEAR:
            continue
        bare = _without(threads[at], line)
        source = _source(threads[:at], bare, like)
        if source is not None:
            threads[at] = _as(bare, source, line)
    return replace(dump, threads=tuple(threads))


def _without(thread: Thread, line: int) -> Thread:
    """The thread without the words, where a format took them for a frame."""
    if line not in thread.frame_lines:
        return thread
    at = thread.frame_lines.index(line)
    return replace(thread, frames=thread.frames[:at], frame_lines=thread.frame_lines[:at])


def _source(earlier: Sequence[Thread], thread: Thread, like: str) -> Thread | None:
    """The earlier thread whose stack the words mean: the one that they name, else the nearest whose stack goes on where this one ends."""
    calls = [frame.full for frame in thread.frames]
    named = like and any(one.name.endswith(like) for one in earlier)
    for other in reversed(earlier):
        if named and not other.name.endswith(like):
            continue
        if len(other.frames) > len(calls) and [frame.full for frame in other.frames[: len(calls)]] == calls:
            return other
    return None


def _as(thread: Thread, source: Thread, line: int) -> Thread:
    """A thread with the stack of another, and the lock that that one waits for; what it holds is its own."""
    waits = tuple(lock for lock in source.locks if lock.verb is LockVerb.WAITING_TO_LOCK)
    rest = len(source.frames) - len(thread.frames)
    return replace(
        thread,
        frames=source.frames,
        frame_lines=(*thread.frame_lines, *[line] * rest) if thread.frame_lines or not thread.frames else (),
        locks=thread.locks or waits,
        state=thread.state or source.state,
        group=thread.group or source.group,
        where=replace(thread.where, last=max(thread.where.last, line)),
    )
