r"""Lines of .NET's own thread pool: what ``threadpool`` of SOS prints of it, and what ``dotnet-counters`` counts.

    Worker Thread: Total: 96 Running: 96 Idle: 0 MaxLimit: 32767 MinLimit: 8
    Work Request in Queue: 740

    Workers Total:    96
    Workers Running:  96
    Workers Idle:     0
    Worker Min Limit: 8

    dotnet.thread_pool.queue.length ({work_item})                  740
    dotnet.thread_pool.thread.count ({thread})                      96

The second form is that of the portable pool (.NET 6 and later), which prints no queue there. A pool that has made more threads than its minimum, of which none is free, was
short of them. Each number stands in a line of its own: those around a line that tells are its figures. Written after Microsoft's documentation, not captured here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.logs.lines import Shape
from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE: Final = ".NET thread pool"
_NUMBER: Final = r"(?P<queued>[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d{1,8})"
SHAPES: Final = (
    Shape(SOURCE, LogKind.STARVED, "Work Request in Queue", re.compile(rf"\bWork Requests? in Queue:? +{_NUMBER}\s*$"), loud=False),
    Shape(
        SOURCE,
        LogKind.STARVED,
        "thread_pool.queue.length",
        re.compile(rf"\bthread_pool\.queue\.length(?: \([^)\n]{{1,40}}\))?\s+{_NUMBER}\s*$"),
        loud=False,
    ),
    Shape(SOURCE, LogKind.STARVED, "Workers Idle", re.compile(r"^[>\s]{0,8}Workers Idle: {1,20}(?P<idle>0)\s*$"), loud=False),
)
_NEAR: Final = 12
_GREW: Final = 2
"""How often its minimum a pool must have that was short of threads, where it prints no queue: a busy one may need a few more."""
_BESIDE: Final = (
    re.compile(
        r"\bWorker Thread: ?Total: ?(?P<threads>\d{1,7}) Running: ?(?P<busy>\d{1,7}) Idle: ?(?P<idle>\d{1,7})(?: MaxLimit: ?\d{1,9})?(?: MinLimit: ?(?P<minimum>\d{1,7}))?"
    ),
    re.compile(r"\bWorkers Total: +(?P<threads>\d{1,7})\s*$"),
    re.compile(r"\bWorkers Running: +(?P<busy>\d{1,7})\s*$"),
    re.compile(r"\bWorkers Idle: +(?P<idle>\d{1,7})\s*$"),
    re.compile(r"\bWorker Min Limit: +(?P<minimum>\d{1,7})\s*$"),
    re.compile(
        r"(?:\bThreadPool Thread Count|\bthread_pool\.thread\.count)(?: \([^)\n]{1,40}\))?\s+(?P<threads>\d{1,3}(?:,\d{3})+|\d{1,7})\s*$"
    ),
)


def beside(lines: Sequence[str], index: int) -> tuple[tuple[str, float], ...]:
    """The other numbers of the pool that stand around a line."""
    found: dict[str, float] = {}
    for line in lines[max(0, index - _NEAR) : index + _NEAR]:
        for pattern in _BESIDE if "Thread" in line or "Worker" in line or "thread_pool" in line else ():
            if (match := pattern.search(line)) is not None:
                found.update({name: float(text.replace(",", "")) for name, text in match.groupdict().items() if text is not None})
    return tuple(found.items())


def is_short(figures: tuple[tuple[str, float], ...]) -> bool:
    """True for a pool of which work waits, or that made more threads than its minimum and has none free."""
    known = dict(figures)
    threads, busy, least = known.get("threads"), known.get("busy"), known.get("minimum")
    if "queued" in known:
        return not known.get("idle")
    return threads is not None and busy == threads and least is not None and threads >= _GREW * least
