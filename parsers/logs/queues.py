r"""Lines about a broker's queue that nobody reads, as consoles, tools and people write them: names and numbers in pairs.

    orders.in  pending 88,120   consumers 0   enqueued 901,221
    queue=audit messages=71200 consumers=0
    QueueSize = 5120, ConsumerCount = 0
    Queue "mail.out" has 12044 pending messages and no consumers

A queue with few messages and no consumer may be of a program that runs at night. Written after the consoles of ActiveMQ, Artemis and RabbitMQ, not captured here.
"""

from __future__ import annotations

import re
from typing import Final

from parsers.logs.lines import Shape
from parsers.records import LogKind
from parsers.text.hedges import hedged

_NUMBER: Final = r"(?P<messages>[1-9]\d{0,2}(?:,\d{3}){1,4}|[1-9]\d{2,11})(?![\w.])"
_PENDING: Final = (
    r"(?i:(?:number of )?(?:pending|messages?|ready|queue[ _]?size|queue[ _]?depth|depth|backlog|message[ _]?count|visible)(?: messages?)?)"
)
_IS: Final = r"[\"']?(?: ?[:=] ?|[ \t]{1,6})[\"']?"
_NAME: Final = (
    r"(?:(?<![\w.:/-])[\"'`]?(?P<subject>[A-Za-z_](?:[\w/-]|[.:](?=[\w/])){1,119})[\"'`]?[:,|]?[ \t]{1,8}(?:has |with |holds )?)?"
)
_OTHER: Final = r"(?! (?:errors?|lag|lagging|late|behind|failed|failures?|group|timeouts?|exceptions?|warnings?|problems?|complain))"
"""Not what consumers lack or suffer."""
_NOBODY: Final = rf"(?i:(?:number of )?consumers?(?:[ _]?count)?){_IS}0(?![\w.,%]){_OTHER}"
_NONE: Final = rf"(?i:(?:no|0|zero|without(?: any)?|not a single) (?:active |connected )?consumers?\b){_OTHER}"
_GAP: Final = r"(?:(?!onsumer)[^\n;]){0,120}?"
"""What may stand between the two numbers of one queue: not the consumers of another one."""
_LAID_ASIDE: Final = re.compile(r"(?i:(?<![a-z])(?:dlq|dlx|dead|expir|poison|parking|quarantine|errors?(?![a-z]))|_dlq|[a-z]dlq(?![a-z]))")
SHAPES: Final = (
    Shape("queue", LogKind.UNREAD, "onsumer", re.compile(rf"{_NAME}\b{_PENDING}{_IS}{_NUMBER}{_GAP}\b(?:{_NOBODY}|{_NONE})"), loud=False),
    Shape(
        "queue",
        LogKind.UNREAD,
        "onsumer",
        re.compile(rf"{_NAME}\b{_NUMBER} (?:[a-z]{{2,12}} ){{0,2}}messages?\b{_GAP}\b(?:{_NOBODY}|{_NONE})"),
        loud=False,
    ),
    Shape(
        "queue",
        LogKind.UNREAD,
        "onsumer",
        re.compile(rf"{_NAME}\b(?:{_NOBODY}|{_NONE}){_GAP}\b(?:{_PENDING}{_IS}{_NUMBER}|{_NUMBER.replace('messages', 'waiting')} (?:[a-z]{{2,12}} ){{0,2}}messages?\b)"),
        loud=False,
    ),
)  # fmt: skip


_VERBS: Final = frozenset({"had", "sent", "were", "was", "saw", "got", "received", "info", "debug"})
_before = re.compile(r"(?i:\b(?:was|were|had|by night|at night|nightly|eclared?|declar\w{1,4})\b)").search


def is_no_report(name: str | None, line: str) -> bool:
    """True for a sentence that tells of another time, supposes or explains; whoever declares a queue is told its numbers before it consumes."""
    return (
        (name or "").lower() in _VERBS
        or "eclare" in line
        or any(_before(said) is not None or hedged(said) is not None for said in line.split(". ") if "onsumer" in said)
    )


def is_laid_aside(name: str | None) -> bool:
    """True for a queue of dead letters: what lies there waits for people."""
    return name is not None and _LAID_ASIDE.search(name) is not None
