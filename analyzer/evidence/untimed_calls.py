"""Code that a text shows beside picked threads: the call that they stand in is given no timeout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.evidence.log_events import near
from analyzer.model.finding import Evidence
from analyzer.model.message import say
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.software.pools import ThreadActivity
    from analyzer.waits.case import Case
    from parsers.records import LogEvent


def untimed(case: Case, group: Sequence[ThreadActivity]) -> LogEvent | None:
    """The line of code with the call that all these threads stand in, if it gives no timeout."""
    told = (event for event in near(case.incident) if event.kind is LogKind.UNTIMED and event.subject is not None)
    return next((event for event in told if all(_stands_in(member, event.subject or "") for member in group)), None)


def _stands_in(member: ThreadActivity, call: str) -> bool:
    """True if ``requests.post`` is a call of the stack: its module may print the function of a part of its own, ``requests.api.post``."""
    module, _, method = call.rpartition(".")
    return any(
        frame.method == method and (frame.cls.startswith(module) or frame.cls.rpartition("/")[2] == module)
        for frame in member.thread.frames
    )


def of_call(told: LogEvent) -> Evidence:
    """That line as evidence."""
    return Evidence(told.where, say("{call} is given no timeout", call=told.subject or ""), ())
