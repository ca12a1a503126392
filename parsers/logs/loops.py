r"""Lines of runtimes that saw themselves held up: event loops, and programs of which no part can go on.

    WARNING asyncio Executing <Task finished name='Task-7' coro=<pack() done, defined at /opt/mill/sack.py:31>> took 4.102 seconds
    Blocked for 4102.331ms, operation started here [
      '    at pack (/opt/mill/lib/sack.js:52:14)',
    fatal error: all goroutines are asleep - deadlock!

asyncio writes the first in its debug mode, the package blocked-at of Node the second. What runs in an event loop may take milliseconds: nothing else runs meanwhile.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.logs.lines import Shape
from parsers.records import LogKind
from parsers.text.node_frames import node_frame

if TYPE_CHECKING:
    from parsers.records import Frame

LONG: Final = 0.5
"""Seconds from which on clients feel that a loop was held up."""
SLOW: Final = 0.25
"""The same where a step of a loop takes so long each time. asyncio reports from a tenth on."""

SHAPES: Final = (
    Shape(
        "asyncio",
        LogKind.LOOP,
        "Executing <",
        re.compile(
            r"Executing <(?:Task [^\n]{0,80}?coro=<|Handle )(?P<subject>[\w.<>]{1,200})[^\n]{0,900}?> took (?P<s>\d{1,9}\.\d{1,6}) seconds"
        ),
        loud=False,
        least=SLOW,
    ),
    Shape(
        "Node",
        LogKind.LOOP,
        "Blocked for ",
        re.compile(r"Blocked for (?P<ms>\d{1,9}(?:\.\d{1,9})?)ms, operation started here"),
        loud=False,
        least=LONG,
    ),
    Shape("Go", LogKind.ENDED, "all goroutines are asleep", re.compile(r"fatal error: all goroutines are asleep - deadlock!"), loud=False),
    Shape(
        "c3p0",
        LogKind.THREADS,
        "APPARENT DEADLOCK!!!",
        re.compile(r"APPARENT DEADLOCK!!! (?:Creating emergency|Complete Status)"),
        loud=False,
    ),
    Shape(
        "Jetty",
        LogKind.THREADS,
        ",i=0,",
        re.compile(
            r"QueuedThreadPool[\[@](?P<subject>[\w-]{1,80})[^{\n]{0,40}\{(?:\w{1,20},)?\d{1,6}<=(?P<threads>\d{1,6})<=(?P<limit>\d{1,6}),i=0,(?:r=-?\d{1,6},)?q=(?P<queued>[1-9]\d{0,8})\}"
        ),
        loud=False,
    ),
)

_quoted = re.compile(r"\s{0,8}['\"]\s{0,8}(?P<frame>at [^\n'\"]{1,600})['\"],?\s*$").match


def quoted_frame(line: str) -> Frame | None:
    """A frame that Node prints as a string of a list."""
    match = _quoted(line[:1000])
    return node_frame(match["frame"]) if match else None
