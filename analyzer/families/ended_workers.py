"""Workers that their master ended, and the queue of their socket that is full meanwhile: what stands in a request is the cause, the queue follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from analyzer.evidence.log_events import near, of_this_moment
from analyzer.model.message import joined, plural, say
from parsers.records import LogKind

if TYPE_CHECKING:
    from analyzer.model.finding import Evidence
    from analyzer.waits.case import Case
    from parsers.records import LogEvent


class Behind(NamedTuple):
    """The words that end the headline, and the evidence for them."""

    words: str
    evidence: tuple[Evidence, ...]


def behind(case: Case, event: LogEvent) -> Behind | None:
    """Where the worker stood, and the queue of a socket that is full while workers stand so; None where neither is known."""
    descriptors = event.figure("endless")
    queues = [
        one for one in of_this_moment(case.incident) if one.event.kind is LogKind.WORKERS and (one.event.subject or "").startswith("/")
    ]
    if descriptors is None and not queues:
        return None
    stood = (
        say(", which stood in poll() on {descriptors} without a timeout", descriptors=plural(int(descriptors), "descriptor"))
        if descriptors is not None
        else ""
    )
    full = next((one for one in queues if one.event.source != "nginx"), queues[0]) if queues else None
    proxy = any(one.event.source == "nginx" for one in queues)
    followed: str = ""
    if full is not None:
        followed = say(
            "; so the queue of {socket} is full{proxy}",
            socket=full.event.subject,
            proxy=say(", and nginx gets no place in it: it answers 502") if proxy else "",
        )
    pids = {one.figure("process") for one in near(case.incident) if one.kind is LogKind.WORKER_ENDED and one.source == event.source}
    many = say(" ({workers} were ended)", workers=plural(len(pids), "worker")) if len(pids) > 1 else ""
    return Behind(joined("", (stood, many, followed)), tuple(one.evidence for one in queues))
