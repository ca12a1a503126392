r"""What uWSGI writes below the word that it ends a worker: the request, and where in the kernel the worker stood.

    *** HARAKIRI ON WORKER 2 (pid: 812, try: 1) ***
    HARAKIRI: -- syscall> 7 0x7ffd3b4e1a10 0x1 0xffffffff 0x0 0x0 0x0 0x7ffd3b4e19c8 0x7f51c8b0fa1f
    HARAKIRI: -- wchan> poll_schedule_timeout.constprop.0
    HARAKIRI [core 0] 203.0.113.80 - GET /orders/17 since 1778492490

The system call's number is that of x86-64, where 7 is poll(descriptors, how many, milliseconds); a time of -1 never ends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.records import LogKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from parsers.logs.lines import LineFact

_BEGINS: Final = "HARAKIRI ON WORKER"
_LINES: Final = 12
"""Lines below the word that may be of the same worker."""
_LONGEST: Final = 600
_NEVER: Final = "0xffffffff"
_request: Final = re.compile(r"HARAKIRI \[core \d{1,5}\] \S{1,80} - (?P<request>[A-Z]{3,10} [^\s?]{1,200})").search
_poll: Final = re.compile(r"HARAKIRI: -- syscall> 7 0x[0-9a-f]{1,16} 0x(?P<count>[0-9a-f]{1,8}) (?P<time>0x[0-9a-f]{1,16})\b").search
_polls: Final = re.compile(r"HARAKIRI: -- wchan> (?:do_sys_)?poll").search


def known(fact: LineFact, lines: Sequence[str], index: int) -> LineFact:
    """What a line says, with the request of the worker and how many descriptors it waited for without an end."""
    if fact.kind is not LogKind.WORKER_ENDED or _BEGINS not in lines[index]:
        return fact
    below = []
    for line in lines[index + 1 : index + 1 + _LINES]:
        if _BEGINS in line:
            break
        below.append(line[:_LONGEST])
    request = next((match["request"] for line in below if (match := _request(line)) is not None), None)
    poll = next((match for line in below if (match := _poll(line)) is not None), None)
    endless = poll is not None and poll["time"] in {_NEVER, "0xffffffffffffffff"} and any(_polls(line) for line in below)
    figures = (*fact.figures, ("endless", float(int(poll["count"], 16)))) if poll is not None and endless else fact.figures
    return fact._replace(subject=fact.subject or request, figures=figures)
