"""Descriptors that ran out by their numbers, where no list counts them: the kernel gives the lowest free one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from analyzer.evidence.citations import of_sockets
from analyzer.join.descriptors import limit_evidence
from analyzer.model.finding import Confidence, Severity, When
from analyzer.model.message import plural
from analyzer.model.text import Ask, Do, Text
from analyzer.waits.acceptors import queue_of
from analyzer.waits.targets import FEW_CLIENTS

if TYPE_CHECKING:
    from analyzer.model.finding import Finding
    from analyzer.waits.case import ProcessView

SPARE: Final = 3
"""How far the highest number may lie below the limit: numbers are given back and given again."""
BY_NUMBERS: Final = Text(
    "fd-exhaustion",
    headline="The process' descriptors run up to number {last} of at most {limit}, and nobody accepts: they are used up.",
    explanation="A new descriptor gets the lowest free number, so number {last} was given when {last} others were in use; the limit is {limit}. {waiting} wait to be accepted: accept fails as soon as no number is left.",
    why="The numbers and the limit agree; the whole list of descriptors would prove it.",
    do=(Do(When.NOW, "Save the list of descriptors, then restart.", "ls -l /proc/{pid}/fd > fd.txt"),),
    figures=(("{used:,} of {limit:,}", "descriptor numbers"),),
    ask=(Ask("list of descriptors", "how many it has, and of what", "ls -l /proc/{pid}/fd > fd.txt"),),
    chain=(("the process", "has no descriptor left for", "{waiting}"), ("its clients", "wait to be accepted", "")),
    phrases={"queue": "{waiting} wait to be accepted", "top": "descriptor {last} is a socket of this process"},
)


def finding(view: ProcessView) -> Finding | None:
    """The numbers of a process' descriptors run up to its limit, and nobody accepts: the kernel gives the lowest free number, so none is free below."""
    row = next((limit for limit in view.snapshot.limits if limit.name == "Max open files"), None)
    sockets = view.sockets if row is not None and row.soft is not None else ()
    numbers = [owner.fd for one in sockets for owner in one.owners if owner.pid == view.pid and owner.fd is not None]
    queue = [one for port in view.listeners for one in queue_of(view, port)]
    if row is None or row.soft is None or not numbers or len(queue) < FEW_CLIENTS or (last := max(numbers)) + SPARE < row.soft:
        return None
    highest = [one for one in sockets if any((owner.pid, owner.fd) == (view.pid, last) for owner in one.owners)]
    text = BY_NUMBERS.filled(
        view.process,
        last=last,
        limit=row.soft,
        waiting=plural(len(queue), "connection"),
        used=last + 1,
    )
    top = of_sockets(highest, text["top"], (str(last),))
    waiting = of_sockets(queue, text["queue"])
    return text.finding(
        severity=Severity.CRITICAL,
        confidence=Confidence.LIKELY,
        evidence=(top, limit_evidence(row), waiting),
        chain=text.steps((top,), (waiting,)),
    )
