r"""Lines that the kernel writes when a table of it is full, or something that it waits for does not come.

    [81721.118301] nf_conntrack: nf_conntrack: table full, dropping packet
    [50182.621780] nf_conntrack: nf_conntrack: table full in netns 4026532181, dropping packet
    TCP: request_sock_TCP: Possible SYN flooding on port 8443. Sending cookies.  Check SNMP counters.
    INFO: task postgres:2210 blocked for more than 120 seconds.
    nfs: server store-2 not responding, still trying
    TCP: out of memory -- consider tuning tcp_mem

Each is written at the moment itself, and seldom: the kernel leaves most of them out when they come often.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from parsers.logs.lines import Shape
from parsers.records import Frame, LogKind

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAD: Final = r"(?:[^\n\[]{0,100}\[[ \d.]{5,20}\])?\s{0,8}"
_frame = re.compile(rf"{_LEAD}(?:\[<[0-9a-f]+>\] )?(?P<function>[a-zA-Z_][\w.]{{1,100}})\+0x[0-9a-f]+/0x[0-9a-f]+").match
_heading = re.compile(
    rf"{_LEAD}(?:(?:Not t|T)ainted: |Not tainted|\"echo 0 > /proc/|Call Trace:|</?TASK>|task:|\? |\S[^\n]{{0,64}}? D[ ]{{1,20}}[\da-f]{{1,16}} )"
    rf"|{_LEAD}(?:\[<[0-9a-f]+>\] )?(?:__)?(?:io_)?schedule(?:_timeout|_preempt_disabled|_hrtimeout_range)?\+0x"
).match


def _shape(kind: LogKind, word: str, pattern: str, source: str = "kernel") -> Shape:
    return Shape(source, kind, word, re.compile(pattern), loud=False)


SHAPES: Final = (
    _shape(LogKind.TRACKED, "conntrack: table full", r"[ni][fp]_conntrack: table full(?: in netns \d{1,12})?, dropping packet"),
    _shape(
        LogKind.FLOODED,
        "ossible SYN flooding",
        r"[Pp]ossible SYN flooding on (?P<subject>port (?:(?:\[[0-9a-fA-F:.]{2,45}\]|[\d.]{7,15}):)?\d{1,5})",
    ),
    _shape(
        LogKind.FLOODED,
        "Listen queue overflow",
        r"sonewconn: [^\n]{0,80}?Listen queue overflow: (?P<queued>\d{1,9}) already in queue awaiting acceptance",
    ),
    _shape(
        LogKind.STOOD,
        " blocked for more than ",
        r"\btask (?P<subject>[^\n]{1,64}:\d{1,10}) blocked for more than (?P<s>\d{1,9}) seconds",
    ),
    _shape(
        LogKind.STORE,
        "not responding",
        r"(?<!['\"“`])\bnfs: server (?P<subject>[\w.:-]{1,120}) not responding, (?:still trying|timed out)",
        "NFS",
    ),
    _shape(
        LogKind.STORE,
        "has not responded in",
        r"(?:CIFS|cifs)[^\n]{0,80}[sS]erver \\{0,2}(?P<subject>[\w.:-]{1,120}) has not responded in (?P<s>\d{1,6})",
        "CIFS",
    ),
    _shape(LogKind.MEMORY, "out of memory -- consider", r"TCP: out of memory -- consider tuning tcp_mem", "kernel TCP"),
    _shape(LogKind.ORPHANS, "too many orphaned sockets", r"TCP: too many (?:of )?orphaned sockets", "kernel TCP"),
)


def is_heading(line: str) -> bool:
    """True for a line between the message and the trace of a task, and for the scheduler's own frames, in which every task stands."""
    return _heading(line[:300]) is not None


def traced_frame(line: str) -> Frame | None:
    """A function of the kernel in a task's trace; frames with a question mark are remains on the stack."""
    line = line[:300]
    match = None if _heading(line) else _frame(line)
    return Frame("kernel", match["function"], "") if match else None


_AFTER: Final = 400
"""Lines below the kernel's word that a server is silent, in which it may say that it answers again."""


def answers_again(lines: Sequence[str], index: int, server: str | None) -> bool:
    """True if a line below says that the file server answers again: ``nfs: server store-2 OK``."""
    words = f"nfs: server {server} OK"
    return server is not None and any(words in line for line in lines[index + 1 : index + _AFTER])
