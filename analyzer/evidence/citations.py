"""Evidence from threads and sockets: the place that shows a claim, the words that decide, and how many more show the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.model.finding import Evidence
from analyzer.model.message import plural, say
from analyzer.software.blockers import application_frame, blocking_frame
from parsers.records import TcpState, Where

SLOW_LOG: Final = "php_slow_log"
"""A log of stacks that PHP-FPM picked itself: those of requests that were slow."""

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzer.join.connections import Connection
    from analyzer.software.pools import ThreadActivity
    from parsers.records import Endpoint, Lock, Thread, ThreadDump


def of_threads(members: Sequence[ThreadActivity], says: str, inferred: str | None = None) -> Evidence:
    """The stacks of ``members``, shown by the first one: from the frame that says how it waits to the application frame to blame.

    Raises:
        IndexError: if there are no members.
    """
    thread, found = members[0]
    frame, app = blocking_frame(thread, found), application_frame(thread, found)
    mark = tuple(str(part.call) for part in (frame, app) if part is not None)
    return Evidence(_stack_place(members[0]), says, mark, len(members) - 1, inferred, runs_of(map(_stack_place, members[1:])))


def blamed(members: Sequence[ThreadActivity]) -> str | None:
    """The application frame of the first member, as a report names it; None without members or without such a frame."""
    frame = application_frame(*members[0]) if members else None
    return str(frame) if frame else None


def quoted(member: ThreadActivity) -> str:
    """``“exec-7”``."""
    return f"“{member.thread.label}”"


def _stack_place(member: ThreadActivity) -> Where:
    thread, found = member
    if found.frame < 0 or not thread.frame_lines:
        return Where(thread.where.file, thread.where.first, min(thread.where.last, thread.where.first + 1))
    first = thread.frame_lines[min(found.frame, len(thread.frame_lines) - 1)]
    last = thread.frame_lines[found.app] if found.app >= found.frame else first
    first, last = min(first, last), max(first, last)  # a trace of Python has the last call at its end
    return Where(thread.where.file, first, last)


def of_sockets(connections: Sequence[Connection], says: str, mark: tuple[str, ...] = (), inferred: str | None = None) -> Evidence:
    """Rows of ``connections``, shown by the first one.

    Raises:
        IndexError: if there are no connections.
    """
    ordered = sorted(connections, key=lambda one: one.where)
    state = (ordered[0].state.value,) if ordered[0].state else ()
    return Evidence(ordered[0].where, says, mark or state, len(ordered) - 1, inferred, runs_of(row.where for row in ordered[1:]))


def of_silence(connections: Sequence[Connection], remote: Endpoint) -> Evidence:
    """Connections to a service on which no answer lies.

    Raises:
        IndexError: if there are no connections.
    """
    count = plural(len(connections), "connection")
    says = (
        say("{connections} to {remote} being made", connections=count, remote=remote)
        if all(row.state is TcpState.SYN_SENT for row in connections)
        else say("{connections} to {remote} with nothing left to read", connections=count, remote=remote)
        if any(row.recv_q is not None for row in connections)
        else say("{connections} to {remote}, in a table without queues", connections=count, remote=remote)
    )
    return of_sockets(connections, says, (str(remote),))


def runs_of(places: Iterable[Where]) -> tuple[Where, ...]:
    """The places in order, those that follow each other in a file as one."""
    runs: list[Where] = []
    for place in sorted(places):
        last = runs[-1] if runs else None
        if last is not None and (last.file, last.unit) == (place.file, place.unit) and place.first <= last.last + 1:
            runs[-1] = Where(place.file, last.first, max(last.last, place.last), place.unit)
        else:
            runs.append(place)
    return tuple(runs)


def of_lock(thread: Thread, lock: Lock, says: str, mark: str | None = None, more: int = 0) -> Evidence:
    """The line of a lock in a thread's stack, and its neighbours; ``more`` threads show the same."""
    place = Where(thread.where.file, max(thread.where.first, lock.line - 1), min(lock.line + 1, thread.where.last))
    word = mark or lock.address
    return Evidence(place, says, (word,) if word else (), more)


def of_dump(dump: ThreadDump, says: str) -> Evidence:
    """The header of a dump."""
    return Evidence(Where(dump.where.file, dump.where.first, min(dump.where.last, dump.where.first + 1)), says)


def all_of(count: int, total: int, *, piece: bool = False) -> str:
    """``All 8``, ``7 of 8``, ``The only``; of a piece of a dump, which says nothing of the others, ``7 of 8 pasted``."""
    if piece:
        return say("{blocked} of {loops} pasted", blocked=count, loops=total)
    if total == 1:
        return say("The only")
    return say("All {total:,}", total=total) if count == total else say("{count:,} of {total:,}", count=count, total=total)


def shown_of(dump: ThreadDump | None, count: int, total: int) -> str:
    """The same for threads of ``dump``; a log of slow requests names only those that were slow: ``7 of 8 logged``."""
    if dump is not None and dump.dialect == SLOW_LOG:
        return say("{all_of} logged", all_of=all_of(count, total))
    return all_of(count, total, piece=dump is not None and dump.fragment)
