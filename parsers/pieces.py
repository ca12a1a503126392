"""How much is told by what was read, and whether two pieces of a dump are one: what :mod:`parsers` decides by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from parsers.records import ThreadDump

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
