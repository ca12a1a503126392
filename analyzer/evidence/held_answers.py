"""Answers that a client has received and neither read nor closed: what a runtime's own stacks show of a leak in one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.citations import of_threads
from analyzer.model.finding import Evidence
from analyzer.model.message import plural, say
from parsers.records import Runtime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.join.connections import Connection
    from analyzer.join.process import ProcessView

FEWEST: Final = 3
"""Held answers that are no moment: one or two are being read right now."""
TOLERANCE: Final = 0.2
"""Stacks and tables are not taken at one instant."""
_READ_LOOP: Final = "net/http.(*persistConn).readLoop"
_READERS: Final = frozenset({"net/http.(*bodyEOFSignal).Read", "net/http.(*body).Read"})


class HeldAnswers(msgspec.Struct, frozen=True):
    """How many answers are held, why that is certain, and the evidence."""

    number: int
    why: str
    evidence: Evidence


def held_answers(view: ProcessView, sockets: Sequence[Connection]) -> HeldAnswers | None:
    """The answers that ``sockets`` (closed by one service, opened by this process) stand for; None if the stacks do not show as many."""
    if view.dump is None or view.dump.runtime not in {Runtime.GO, Runtime.NODE}:
        return None
    if view.dump.runtime is Runtime.NODE:
        return _of_loop(view, sockets)
    # A connection that waits for an answer, or is idle, reads: its loop stands below a read. One whose body is open waits for the reader of the body.
    members = [member for pool in view.named_pools for member in pool.members]
    waiting = [member for member in members if member.thread.frames and member.thread.frames[0].full == _READ_LOOP]
    reading = sum(any(frame.full in _READERS for frame in member.thread.frames) for member in members)
    count = len(waiting) - reading
    if count < FEWEST or len(sockets) < FEWEST or len(sockets) > count * (1 + TOLERANCE):
        return None
    says = say(
        "{goroutines} of HTTP connections wait until somebody reads or closes the body of an answer", goroutines=plural(count, "goroutine")
    )
    why = say(
        "{goroutines} wait until the body of an answer is read or closed, and no goroutine reads one: a connection of an idle pool, or one that waits for its answer, would are in a read.",
        goroutines=plural(count, "goroutine"),
    )
    return HeldAnswers(count, why, of_threads(waiting, says))


def _of_loop(view: ProcessView, sockets: Sequence[Connection]) -> HeldAnswers | None:
    """The connections that the loop's own report lists as not read."""
    ends = {(row.local, row.remote) for row in sockets}
    mine = [handle for handle in view.snapshot.handles if handle.pid == view.pid and (handle.local, handle.remote) in ends]
    paused = [handle for handle in mine if not handle.reading]
    if len(sockets) < FEWEST or len(paused) < len(sockets) * (1 - TOLERANCE):
        return None
    says = say("{handles} of the event loop on these connections are not read (is_active false)", handles=plural(len(paused), "handle"))
    why = say(
        "The loop's own report lists {handles} on these connections that it does not read, by both ends: the program took the answers and neither read nor closed them.",
        handles=plural(len(paused), "handle"),
    )
    return HeldAnswers(len(paused), why, Evidence(paused[0].where, says, ("is_active",), len(paused) - 1))
