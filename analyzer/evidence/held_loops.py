"""What a text shows beside the picked stack of a loop that computes: a processor that is used up, a pattern that tries all ways, a full accept queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from analyzer.evidence.log_events import near
from analyzer.model.finding import Evidence
from analyzer.model.message import say
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analyzer.waits.case import Case, ProcessView
    from parsers.records import Frame, LogEvent


_OTHERS: Final = frozenset({21, 22, 25, 53, 111, 2049, 3306, 5432, 6379, 11211, 27017})
"""Ports of system services and of databases."""
_LOOPS: Final = ("node", "MainThread", "bun", "deno", "npm", "yarn", "electron", "PM2", "python", "uvicorn")
"""Programs that run event loops of what somebody wrote; Node.js calls its first thread so from version 20 on."""
_NEAR: Final = 2
"""Calls from the innermost of which one may hold the pattern."""


class FullQueue(msgspec.Struct, frozen=True):
    """The accept queue of a port that has no place left."""

    port: int
    waiting: int
    backlog: int
    evidence: Evidence


def _told(case: Case, kind: LogKind) -> Iterator[LogEvent]:
    return (event for event in near(case.incident) if event.kind is kind)


def told_percent(case: Case) -> LogEvent | None:
    """The words that say how much of a processor the process uses, the highest of them."""
    return max(_told(case, LogKind.BUSY), key=lambda event: event.figure("percent") or 0, default=None)


def of_percent(told: LogEvent) -> Evidence:
    """These words as evidence."""
    return Evidence(told.where, say("the text says {percent:g} % of a processor", percent=told.figure("percent") or 0), ())


def greedy_pattern(case: Case) -> LogEvent | None:
    """A regular expression in the code that is shown, with a repetition inside a repetition."""
    return next(_told(case, LogKind.PATTERN), None)


def taken_line(case: Case, frames: Sequence[Frame]) -> LogEvent | None:
    """The line in the code that is shown that takes a lock, where the innermost call stands on it."""
    return next((event for event in _told(case, LogKind.TAKES) if stands_in(event, frames[:1])), None)


def stands_in(told: LogEvent | None, frames: Sequence[Frame]) -> bool:
    """True if the line with the pattern is that of one of the innermost calls."""
    number = told.figure("line") if told is not None else None
    return number is not None and any((frame.source or "").endswith(f":{number:.0f}") for frame in frames[:_NEAR])


def of_pattern(told: LogEvent) -> Evidence:
    """That line as evidence."""
    return Evidence(told.where, say("a repetition inside a repetition: {pattern}", pattern=told.subject or ""), ())


def _may_be_of_a_loop(port: int, view: ProcessView) -> bool:
    """False for the port of a service of the system, and for another program's."""
    return port not in _OTHERS and (view.process.command is None or (view.process.command or "").rpartition("/")[2].startswith(_LOOPS))


def full_queue(case: Case) -> FullQueue | None:
    """The accept queue that has no place left, None if none has, or several."""
    full = [
        FullQueue(
            port, row.recv_q or 0, row.backlog or 0, Evidence(row.where, say("the accept queue of port {port} is full", port=port), ())
        )
        for view in case.latest
        for port, row in view.listeners.items()
        if row is not None and row.backlog and (row.recv_q or 0) >= row.backlog and _may_be_of_a_loop(port, view)
    ]
    return full[0] if len(full) == 1 else None
