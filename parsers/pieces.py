r"""How much is told by what was read, whether two pieces of a dump are one, and what the text around a pasted dump tells of it: what :mod:`parsers` decides by.

    "worker-7" #31 prio=5 tid=0x00007f10d0a1f000 nid=0x251f runnable
        (same as worker-8, all the way down to worker-1)

Such a thread gets the stack of the earlier one. Numbers in such words are read next door (:mod:`parsers.text.told_threads`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import LockVerb, Pid, ProcessRow, ThreadDump
from parsers.text.patterns import lazy
from parsers.text.told_threads import stands_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers import Output
    from parsers.records import Parsed, Thread

_BEGINNING: Final = 2
"""Frames of a stack that somebody cut off by mistake."""


def weight_of(parsed: Parsed) -> int:
    """Records of an output; a dump counts its threads."""
    dumps = parsed.of(ThreadDump)
    return len(parsed.records) - len(dumps) + sum(len(dump.threads) + len(dump.deadlocks) for dump in dumps)


def telling_of(parsed: Parsed) -> int:
    """How much the records of an output tell: frames and locks of threads, fields of rows."""
    count = 0
    for record in parsed.records:
        if isinstance(record, ThreadDump):
            count += sum(_of_thread(thread) for thread in record.threads)
        else:
            count += sum(getattr(record, field) is not None for field in record.__struct_fields__)
    return count


def _of_thread(thread: Thread) -> int:
    addresses = sum(lock.address is not None for lock in thread.locks)
    return len(thread.frames) + len(thread.locks) + addresses + (thread.native_id is not None) + 1


def _torn(first: ThreadDump, second: ThreadDump) -> frozenset[str]:
    """Names of threads that have no more than a beginning in the first piece, and several times as much in the second."""
    whole = {thread.name: len(thread.frames) for thread in second.threads}
    return frozenset(
        thread.name
        for thread in first.threads
        if len(thread.frames) <= _BEGINNING and whole.get(thread.name, 0) > 2 * len(thread.frames) + 1
    )


def as_one(first: ThreadDump, second: ThreadDump) -> ThreadDump | None:
    """Both as one, None if the second is no further piece of the first."""
    names = {thread.name for thread in first.threads}
    more = {thread.name for thread in second.threads}
    reported = {entry.thread for one in second.deadlocks for entry in one.entries}
    report_below = not second.threads and bool(reported & names)
    # "Once more, here is the right one": a thread of which next to nothing was copied gives way to its whole stack.
    torn = _torn(first, second)
    if torn and len(torn) == len(first.threads) and first.dialect == second.dialect:
        return replace(second, pid=second.pid if second.pid is not None else first.pid)
    if first.fragment and torn:
        first = replace(first, threads=tuple(thread for thread in first.threads if thread.name not in torn))
        names = {thread.name for thread in first.threads}
    pieces = first.fragment and names.isdisjoint(more) and len(more) == len(second.threads)
    if not second.fragment or first.dialect != second.dialect or not (report_below or pieces):
        return None
    return replace(first, threads=(*first.threads, *second.threads), deadlocks=(*first.deadlocks, *second.deadlocks))


def one_dump(found: Sequence[Output]) -> list[Output]:
    """Pieces of dumps that follow each other are one: people paste a thread here and one there. One name twice is another moment."""
    result = list(found)
    last: tuple[int, ThreadDump] | None = None
    for number, (section, _, parsed) in enumerate(found):
        dumps = parsed.of(ThreadDump)
        if len(dumps) != 1:
            last = None if dumps else last
            continue
        (dump,) = dumps
        merged = as_one(last[1], dump) if last is not None and section.prompt is None else None
        if merged is None or last is None:
            last = number, dump
            continue
        result[number] = found[number]._replace(parsed=replace(parsed, records=tuple(one for one in parsed.records if one is not dump)))
        home = result[last[0]]
        result[last[0]] = home._replace(
            parsed=replace(home.parsed, records=tuple(merged if one is last[1] else one for one in home.parsed.records))
        )
        last = last[0], merged
    return result


MOST: Final = 5000
"""Lines of a text that somebody wrote around stacks: a longer one is a dump."""
_asks = lazy(
    r"[^|\n]{0,40}\b(?:jstack|jcmd|pstack|gstack|eu-stack|py-spy dump|rbspy|kill -(?:3|QUIT|USR[12]|SIGQUIT|SIGUSR[12]|ABRT|s \w{3,7}))\b[^|\n]{0,40}?[ =](?P<pid>\d{2,10})\b"
).match
_NEAR: Final = 3
"""Lines between a thread and the words that stand for its stack."""


def with_alike(found: Sequence[Output]) -> list[Output]:
    """The outputs of a text, threads whose stack is told by words with the stack that they mean."""
    if not any(ThreadDump in one.parsed.kinds for one in found):
        return list(found)
    return [_owned(_filled(one), found) if ThreadDump in one.parsed.kinds and len(one.section.lines) <= MOST else one for one in found]


def _owned(output: Output, others: Sequence[Output]) -> Output:
    """The output with the pid of the command above it, for a dump that names none, where the text has a process of that number: a container has numbers of its own."""
    match = _asks(output.section.prompt) if output.section.prompt is not None else None
    if match is None or all(one.pid is not None for one in output.parsed.of(ThreadDump)):
        return output
    pid = Pid(int(match["pid"]))
    if not any(row.pid == pid for other in others if ProcessRow in other.parsed.kinds for row in other.parsed.of(ProcessRow)):
        return output
    records = tuple(replace(one, pid=pid) if isinstance(one, ThreadDump) and one.pid is None else one for one in output.parsed.records)
    return output._replace(parsed=replace(output.parsed, records=records))


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
    nameless = thread.native_id is not None and thread.name == f"thread {thread.native_id}"
    return replace(
        thread,
        name=source.name if nameless else thread.name,
        frames=source.frames,
        frame_lines=(*thread.frame_lines, *[line] * rest) if thread.frame_lines or not thread.frames else (),
        locks=thread.locks or waits,
        state=thread.state or source.state,
        group=thread.group or source.group,
        where=replace(thread.where, last=max(thread.where.last, line)),
    )
